//! HTML to plain text, for previews.

/// Tags that stand inside of a word's line; all others part words (unconfirmed).
const INLINE: [&str; 13] = [
    "a", "b", "code", "em", "font", "i", "s", "span", "strong", "sub", "sup", "u", "wbr",
];

/// The text of `html`: tags are gone, the common entities are characters, runs of white space are one space.
pub(super) fn to_text(html: &str) -> String {
    let mut text = String::with_capacity(html.len());
    let mut rest = html;
    while let Some(at) = rest.find('<') {
        let (before, tag) = rest.split_at(at);
        text.push_str(before);
        let opens = tag[1..]
            .chars()
            .next()
            .is_some_and(|first| first.is_ascii_alphabetic() || matches!(first, '/' | '!'));
        if let Some(end) = tag.find('>').filter(|_| opens) {
            if !INLINE.contains(&name(&tag[1..end]).as_str()) {
                text.push(' ');
            }
            rest = &tag[end + 1..];
        } else {
            text.push('<');
            rest = &tag[1..];
        }
    }
    text.push_str(rest);
    let mut text = text.replace("&nbsp;", " ");
    for (entity, character) in [
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&quot;", "\""),
        ("&#39;", "'"),
        // Last, so that a written-out entity stays one.
        ("&amp;", "&"),
    ] {
        text = text.replace(entity, character);
    }
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The name of a tag, opening or closing, in lower case.
fn name(tag: &str) -> String {
    tag.trim_start_matches('/')
        .chars()
        .take_while(char::is_ascii_alphanumeric)
        .map(|letter| letter.to_ascii_lowercase())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_go_and_entities_become_characters() {
        let html = "<p>Fair in <strong>Hannover</strong>.<br>Prices &amp; terms&nbsp;&lt; 5</p>";
        assert_eq!(to_text(html), "Fair in Hannover. Prices & terms < 5");
        assert_eq!(to_text("a < b &amp;lt; c"), "a < b &lt; c");
    }
}
