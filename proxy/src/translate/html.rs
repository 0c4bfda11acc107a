//! Texts that a provider holds as HTML.
//!
//! What an app writes is what it reads, whatever characters are in it. A text with tags in it is HTML already and goes
//! as it is; any other is plain and becomes HTML that shows just that. Back, HTML that shows nothing but plain text is
//! that text again, and any other HTML is handed on as it is, so that nothing that a person has formatted is lost.

use std::borrow::Cow;

/// The HTML of a text.
pub fn from_text(text: &str) -> String {
    let mut html = String::with_capacity(text.len() + text.len() / 8);
    if has_tags(text) {
        // A line break means nothing in HTML, and some providers drop it: its reference stays.
        for character in text.chars() {
            match character {
                '\n' => html.push_str("&#10;"),
                '\r' => html.push_str("&#13;"),
                other => html.push(other),
            }
        }
        return html;
    }
    for character in text.chars() {
        match character {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            '\'' => html.push_str("&#39;"),
            '\n' => html.push_str("<br>"),
            '\r' => html.push_str("&#13;"),
            other => html.push(other),
        }
    }
    html
}

/// The text of HTML.
pub fn to_text(html: &str) -> Cow<'_, str> {
    if !has_tags(html) {
        return without_references(html);
    }
    Cow::Owned(html.replace("&#10;", "\n").replace("&#13;", "\r"))
}

/// Whether there is any tag but a line break's.
fn has_tags(text: &str) -> bool {
    let mut rest = text;
    while let Some(at) = rest.find('<') {
        rest = &rest[at + 1..];
        let is_tag = rest
            .starts_with(|first: char| first.is_ascii_alphabetic() || first == '/' || first == '!');
        if is_tag && line_break(rest).is_none() {
            return true;
        }
    }
    false
}

/// The length of a line break's tag after its `<`.
fn line_break(rest: &str) -> Option<usize> {
    ["br>", "br/>", "br />", "BR>"]
        .iter()
        .find(|tag| rest.starts_with(**tag))
        .map(|tag| tag.len())
}

/// The text with its character references resolved and line breaks for their tags.
fn without_references(html: &str) -> Cow<'_, str> {
    if !html.contains(['&', '<']) {
        return Cow::Borrowed(html);
    }
    let mut text = String::with_capacity(html.len());
    let mut rest = html;
    while let Some(at) = rest.find(['&', '<']) {
        text.push_str(&rest[..at]);
        rest = &rest[at..];
        if let Some(length) = rest.strip_prefix('<').and_then(line_break) {
            text.push('\n');
            rest = &rest[1 + length..];
        } else if let Some((character, length)) = reference(rest) {
            text.push(character);
            rest = &rest[length..];
        } else {
            text.push_str(&rest[..1]);
            rest = &rest[1..];
        }
    }
    text.push_str(rest);
    Cow::Owned(text)
}

/// The character that a reference at the beginning of a text stands for, and the reference's length.
fn reference(text: &str) -> Option<(char, usize)> {
    // The longest that is known has ten characters.
    let end = text.bytes().take(12).position(|byte| byte == b';')?;
    let name = &text[1..end];
    let character = match name {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        "nbsp" => '\u{a0}',
        _ => {
            let number = name.strip_prefix('#')?;
            let code = match number.strip_prefix(['x', 'X']) {
                Some(digits) => u32::from_str_radix(digits, 16).ok()?,
                None => number.parse().ok()?,
            };
            char::from_u32(code)?
        }
    };
    Some((character, end + 1))
}

/// The first line of a text with something in it, as a title of at most `longest` characters.
pub fn title(text: &str, longest: usize) -> String {
    let plain = if has_tags(text) {
        strip_tags(text)
    } else {
        text.to_owned()
    };
    let line = plain.lines().map(str::trim).find(|line| !line.is_empty());
    let line = line.unwrap_or("Note");
    line.chars().take(longest).collect()
}

/// The text between the tags.
fn strip_tags(html: &str) -> String {
    let mut text = String::with_capacity(html.len());
    let mut is_tag = false;
    for character in html.chars() {
        match character {
            '<' => is_tag = true,
            '>' if is_tag => {
                is_tag = false;
                text.push('\n');
            }
            other if !is_tag => text.push(other),
            _ => {}
        }
    }
    without_references(&text).into_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_plain_text_is_shown_as_it_is() {
        let text = "Call \"Ada\" & O'Dell\n1 < 2";
        assert_eq!(
            from_text(text),
            "Call &quot;Ada&quot; &amp; O&#39;Dell<br>1 &lt; 2"
        );
        assert_eq!(to_text(&from_text(text)), text);
    }

    #[test]
    fn html_is_handed_on_as_it_is() {
        let html = "<p>Called <b>Ada</b> &amp; agreed</p>";
        assert_eq!(from_text(html), html);
        assert_eq!(to_text(html), html);
    }

    #[test]
    fn a_line_break_in_html_is_not_dropped() {
        let html = "<pre>a\nb</pre>";
        assert!(!from_text(html).contains('\n'));
        assert_eq!(to_text(&from_text(html)), html);
    }

    #[test]
    fn what_a_person_wrote_without_formatting_is_plain() {
        assert_eq!(
            to_text("one<br/>two&nbsp;three &#128512; &unknown;"),
            "one\ntwo\u{a0}three 😀 &unknown;"
        );
    }

    #[test]
    fn a_title_is_the_first_line_with_something_in_it() {
        assert_eq!(title("\n  First \nSecond", 255), "First");
        assert_eq!(title("<p> </p><p>Bold &amp; new</p>", 255), "Bold & new");
        assert_eq!(title("", 255), "Note");
        assert_eq!(title("abcdef", 3), "abc");
    }

    proptest! {
        #[test]
        fn what_is_written_is_what_is_read(text in "(?s)(.|<|>|&|<br>|<b>|&amp;|\n|\r){0,40}") {
            let html = from_text(&text);
            prop_assert_eq!(to_text(&html), text);
        }

        #[test]
        fn no_raw_line_break_is_written(text in "(?s)(.|<b>|\n){0,40}") {
            prop_assert!(!from_text(&text).contains('\n'));
        }
    }
}
