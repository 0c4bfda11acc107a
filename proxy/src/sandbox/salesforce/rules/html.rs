//! The HTML of notes: what of it is kept, what is refused, and the text in it.
//!
//! Raw newlines are dropped, and what is unsafe is refused (`salesforce.md` §5.1). Which tags are safe is unconfirmed:
//! those that the note editor of Lightning writes.

use crate::sandbox::salesforce::fault::Fault;

const TAGS: [&str; 25] = [
    "a",
    "b",
    "blockquote",
    "br",
    "div",
    "em",
    "font",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "i",
    "img",
    "li",
    "ol",
    "p",
    "s",
    "span",
    "strike",
    "strong",
    "u",
    "ul",
    "sub",
];

/// How Salesforce says that HTML is not for a note; code and words are unconfirmed.
pub(super) fn refused() -> Fault {
    let message = "Note can't be saved because it contains HTML tags or unescaped characters that are not allowed in a Note.";
    Fault::new(400, "FIELD_INTEGRITY_EXCEPTION", message).fields(&["Content"])
}

/// The HTML without its raw newlines.
pub(super) fn kept(html: &str) -> Result<String, Fault> {
    let html = html.replace(['\n', '\r'], "");
    // Control characters are refused too (§13).
    if html.chars().any(|it| it.is_control() && it != '\t') {
        return Err(refused());
    }
    let mut rest = html.as_str();
    while let Some(at) = rest.find(['<', '>', '&']) {
        let (_, found) = rest.split_at(at);
        let length = match found.as_bytes()[0] {
            b'<' => tag(found).filter(|(name, _)| TAGS.contains(&name.as_str())),
            b'&' => entity(found).map(|(_, length)| (String::new(), length)),
            _ => None,
        };
        let (_, length) = length.ok_or_else(refused)?;
        rest = &found[length..];
    }
    Ok(html)
}

/// The text without its tags. A line break is one space, so the preview tells no lines (unconfirmed).
pub(super) fn plain(html: &str) -> String {
    let mut plain = String::new();
    let mut rest = html;
    while let Some(at) = rest.find(['<', '&']) {
        let (before, found) = rest.split_at(at);
        plain.push_str(before);
        let length = if let Some((name, length)) = tag(found) {
            let breaks = matches!(name.as_str(), "br" | "p" | "div" | "li");
            if breaks && !plain.is_empty() && !plain.ends_with(' ') {
                plain.push(' ');
            }
            length
        } else if let Some((character, length)) = entity(found) {
            plain.push(character);
            length
        } else {
            plain.push_str(&found[..1]);
            1
        };
        rest = &found[length..];
    }
    plain.push_str(rest);
    plain.trim().to_owned()
}

/// The name of the tag that a text begins with, and the tag's length.
fn tag(text: &str) -> Option<(String, usize)> {
    let inside = text.strip_prefix('<')?;
    let end = inside.find('>')?;
    let name: String = inside[..end]
        .trim_start_matches('/')
        .chars()
        .take_while(char::is_ascii_alphanumeric)
        .collect();
    let is_whole = !name.is_empty() && !inside[..end].contains('<');
    is_whole.then(|| (name.to_ascii_lowercase(), end + 2))
}

/// The character of the entity that a text begins with, and the entity's length.
fn entity(text: &str) -> Option<(char, usize)> {
    let inside = text.strip_prefix('&')?;
    let end = inside.find(';').filter(|end| *end <= 10)?;
    let name = &inside[..end];
    let number = |digits: &str, radix| u32::from_str_radix(digits, radix).ok();
    let character = match name {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        "nbsp" => ' ',
        _ => {
            let digits = name.strip_prefix('#')?;
            let code = match digits.strip_prefix(['x', 'X']) {
                Some(hexadecimal) => number(hexadecimal, 16),
                None => number(digits, 10),
            };
            char::from_u32(code?)?
        }
    };
    Some((character, end + 2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_escaped_is_kept_and_its_text_is_read() {
        let html = kept("<p>1 &lt; 2 &amp;&#39;x&#x1F600;&quot;\r\n</p><br/>end").unwrap();
        assert_eq!(html, "<p>1 &lt; 2 &amp;&#39;x&#x1F600;&quot;</p><br/>end");
        assert_eq!(plain(&html), "1 < 2 &'x\u{1F600}\" end");
    }

    #[test]
    fn what_is_unsafe_or_not_escaped_is_refused() {
        for html in [
            "a < b",
            "a > b",
            "Q&A",
            "<script>x</script>",
            "bell \u{7}",
            "&unheard;",
        ] {
            assert!(kept(html).is_err(), "{html}");
        }
    }
}
