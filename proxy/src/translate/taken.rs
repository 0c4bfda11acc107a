//! Whether a provider has taken what was written.
//!
//! Some answer that all is well and keep another value: a stage that only goes forward, a field that a rule of the
//! account sets. What was written is held against the record that is read back, and the caller is told of what differs.
//! Providers also tidy values (spaces, upper case in addresses, the form of numbers and dates): that is no difference.

use std::borrow::Cow;

use super::{
    decimal,
    read::parse_timestamp,
    record_id::RecordIdForm,
    scalar::{Scalar, Text, shorten},
    scan::{self, Scan},
    warning::Warnings,
    write::NativeObject,
};

/// Warns of each field that the record has in another form than it was written in. A field that is not among those
/// read back is not looked at.
pub fn check(written: &NativeObject, row: &[u8], warnings: &mut Warnings) {
    if !is_as_written(written, row) {
        compare(written, row, warnings);
    }
}

fn compare(written: &NativeObject, row: &[u8], warnings: &mut Warnings) {
    let Some(kept) = kept(written, row) else {
        return;
    };
    for (member, found) in written.members().zip(kept) {
        let (Some(given), Some(found)) = (scalar(member.json), found.and_then(scalar)) else {
            continue;
        };
        if !is_same(&given, &found, written.form().record_id) {
            let path = member.path.map(ToString::to_string);
            warnings.not_taken(path.as_deref().unwrap_or(member.name), &given, &found);
        }
    }
}

/// Whether it is plain at a glance that no field differs: nearly every record has each in the very form that it was
/// written in. One without a backslash has its quotation marks in pairs, and every name that was written is looked for
/// between them, wherever it may stand: more than one is no glance's matter.
fn is_as_written(written: &NativeObject, row: &[u8]) -> bool {
    if written.names().len() > 64 || memchr::memchr(b'\\', row).is_some() {
        return false;
    }
    let mut seen = 0_u64;
    // Most texts are told apart from the names that were written by how long they are.
    let length = |name: &[u8]| 1_u64 << (name.len() % 64);
    let lengths = written.names().map(|name| length(name.as_bytes()));
    let lengths = lengths.fold(0, |all, length| all | length);
    let mut quotes = Quotes::of(row);
    while let (Some(open), Some(close)) = (quotes.next(), quotes.next()) {
        let name = &row[open + 1..close];
        if lengths & length(name) == 0 {
            continue;
        }
        let Some(value) = row[close + 1..].trim_ascii_start().strip_prefix(b":") else {
            continue;
        };
        let mut names = written.names();
        let known = names.position(|known| known.as_bytes().eq_ignore_ascii_case(name));
        let Some((index, given)) = known.and_then(|at| Some((at, written.members().nth(at)?)))
        else {
            continue;
        };
        let rest = value.trim_ascii_start().strip_prefix(given.json.as_bytes());
        let is_same = rest.is_some_and(|rest| matches!(rest.trim_ascii_start(), [b',' | b'}', ..]));
        if !is_same || seen & 1 << index != 0 {
            return false;
        }
        seen |= 1 << index;
    }
    true
}

/// Where the quotation marks of a text are. Sixteen bytes are looked at in one go: the marks are too close to each other
/// for a search from one to the next.
struct Quotes<'t> {
    text: &'t [u8],
    /// What was looked at ends here.
    end: usize,
    /// The marks in the last sixteen bytes of it that were not told yet, one bit for each.
    marks: u32,
}

impl<'t> Quotes<'t> {
    fn of(text: &'t [u8]) -> Self {
        Self {
            text,
            end: 0,
            marks: 0,
        }
    }
}

impl Iterator for Quotes<'_> {
    type Item = usize;

    #[inline]
    fn next(&mut self) -> Option<usize> {
        while self.marks == 0 {
            let rest = self.text.get(self.end..).filter(|rest| !rest.is_empty())?;
            let chunk = rest.first_chunk().copied().unwrap_or_else(|| {
                let mut last = [0; 16];
                last[..rest.len()].copy_from_slice(rest);
                last
            });
            let marks = wide::u8x16::from(chunk).simd_eq(wide::u8x16::splat(b'"'));
            self.marks = marks.to_bitmask();
            self.end += chunk.len();
        }
        let at = self.marks.trailing_zeros() as usize;
        self.marks &= self.marks - 1;
        Some(self.end - 16 + at)
    }
}

/// What the record has of each field that was written, as it is written there; none where it is no record.
fn kept<'r>(written: &NativeObject, row: &'r [u8]) -> Option<Vec<Option<&'r str>>> {
    let mut fields = scan::utf8(row).ok()?.trim_ascii_start();
    if let Some(inside) = written.form().fields_in {
        fields = scan::place(fields, &[inside])?;
    }
    let mut kept = vec![None; written.names().len()];
    let mut scan = Scan::new(fields);
    if scan.peek().ok()? != b'{' {
        return None;
    }
    let passed = scan.members(|key, scan| {
        let value = scan.value()?;
        for (name, kept) in written.names().zip(&mut kept) {
            // Some providers answer with names in another case than they take.
            if name.eq_ignore_ascii_case(key) {
                *kept = Some(value);
            }
        }
        Ok(())
    });
    passed.ok().map(|()| kept)
}

/// A scalar as text, null as an empty one; none for objects and lists.
fn scalar(json: &str) -> Option<Cow<'_, str>> {
    if json == "null" {
        return Some(Cow::Borrowed(""));
    }
    Text::from_token(json).map(|text| text.0)
}

fn is_same(given: &str, found: &str, ids: RecordIdForm) -> bool {
    let (given, found) = (given.trim(), found.trim());
    if given == found {
        return true;
    }
    // Nothing and something are never the same.
    if given.is_empty() || found.is_empty() {
        return false;
    }
    // Names and other words are neither numbers nor dates, which takes a while to find out for each.
    if is_figure(given) && is_figure(found) {
        if let (Some(given), Some(found)) = (number(given), number(found)) {
            return given == found;
        }
        if let (Some(one), Some(other)) = (parse_timestamp(given), parse_timestamp(found)) {
            let has_no_time = given.len() == 10 || found.len() == 10;
            let day = |instant: jiff::Timestamp| instant.to_zoned(jiff::tz::TimeZone::UTC).date();
            return one == other || (has_no_time && day(one) == day(other));
        }
    }
    if let (Some(given), Some(found)) = (ids.normalize(given, None), ids.normalize(found, None))
        && ids == RecordIdForm::Base62Checked
        && given == found
    {
        return true;
    }
    // Providers rewrite HTML as they like; what it shows cannot be told from here.
    if is_markup(given) || is_markup(found) {
        return true;
    }
    parts(given) == parts(found)
}

/// Whether a text begins as a number or a date does.
fn is_figure(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_digit() || matches!(first, '-' | '+' | ',' | '.'))
}

fn number(text: &str) -> Option<String> {
    let digits: String = text.chars().filter(|it| !matches!(it, ',' | ' ')).collect();
    decimal::plain(&digits).map(Cow::into_owned)
}

fn is_markup(text: &str) -> bool {
    text.contains('<')
        || text
            .split_once('&')
            .is_some_and(|(_, rest)| rest.contains(';'))
}

/// The parts of a text that count: several choices have semicolons between them and no order.
fn parts(text: &str) -> Vec<String> {
    let mut parts: Vec<String> = text
        .split(';')
        .map(fold)
        .filter(|part| !part.is_empty())
        .collect();
    parts.sort_unstable();
    parts
}

/// Letters and digits in lower case, without what stands before a host.
fn fold(text: &str) -> String {
    let lower = text.trim().to_lowercase();
    let address = ["https://", "http://"]
        .iter()
        .find_map(|scheme| lower.strip_prefix(scheme));
    let address = address.unwrap_or(&lower);
    let address = address.strip_prefix("www.").unwrap_or(address);
    let folded: String = address.chars().filter(|it| it.is_alphanumeric()).collect();
    // A text of nothing but signs is compared as it is.
    if folded.is_empty() { lower } else { folded }
}

impl Warnings {
    /// A field was written, and the provider has kept another value.
    fn not_taken(&mut self, field: &str, given: &str, found: &str) {
        let shown = |text: &str| match text {
            "" => "nothing".to_owned(),
            text => format!("{:?}", shorten(text)),
        };
        let (given, found) = (shown(given), shown(found));
        let detail = format!(
            "{given} was written without a refusal, and the record has {found}: the provider, or a rule of the account, keeps its own value"
        );
        self.push("field not taken", "field_not_taken", field, detail);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::translate::{
        patch::Patch,
        write::{Clear, NativeForm},
    };

    static FORM: NativeForm = NativeForm {
        clear: Clear::Null,
        fields_in: None,
        record_id: RecordIdForm::Text,
        reserved: None,
    };

    /// A record of fields that a caller named himself.
    fn written(fields: &str) -> NativeObject {
        let mut object = NativeObject::new(&FORM);
        let fields = Patch::Value(serde_json::from_str(fields).unwrap());
        object.passthrough("passthrough_fields", &fields).unwrap();
        object
    }

    fn is_told(written: &NativeObject, row: &str) -> bool {
        let mut warnings = Warnings::default();
        compare(written, row.as_bytes(), &mut warnings);
        !warnings.is_empty()
    }

    #[test]
    fn a_record_that_has_what_was_written_shows_it_at_a_glance() {
        let written = written(r#"{"Name":"Ana","Size":5,"Text":null,"List":[1,"Name"]}"#);
        for row in [
            r#"{"Name":"Ana","Size":5,"Text":null}"#,
            "\n{\"id\" : 1, \"NAME\" : \"Ana\" , \"Size\":5\n}\n",
            r#"{"other":"Name","name":"Ana"}"#,
            r#"{"x":{"Name":"Ana"}}"#,
            "{}",
        ] {
            assert!(is_as_written(&written, row.as_bytes()), "{row}");
            assert!(!is_told(&written, row), "{row}");
        }
        for row in [
            r#"{"Name":"Ann"}"#,
            r#"{"Size":50}"#,
            r#"{"Name":"Ana","name":"Ana"}"#,
            r#"{"Name":"Ana","x":{"Name":"Ana"}}"#,
            r#"{"N\u0061me":"Ann"}"#,
        ] {
            assert!(!is_as_written(&written, row.as_bytes()), "{row}");
        }
    }

    fn json() -> impl Strategy<Value = String> {
        let leaf = prop::sample::select(vec![
            r#""x""#, r#""a""#, r#""a:""#, r#""\"""#, r#""\\""#, r#""""#, "5", "50", "null", "true",
        ]);
        leaf.prop_map(str::to_owned)
            .prop_recursive(3, 12, 4, |inner| {
                let name = prop::sample::select(vec!["a", "A", "b", "\\u0061", "c"]);
                let space = prop::sample::select(vec!["", " ", "\n"]);
                let member = (name, space, inner.clone()).prop_map(|(name, space, value)| {
                    format!("{space}\"{name}\"{space}:{space}{value}{space}")
                });
                let members = prop::collection::vec(member, 0..4);
                prop_oneof![
                    members.prop_map(|members| format!("{{{}}}", members.join(","))),
                    prop::collection::vec(inner, 0..3)
                        .prop_map(|list| format!("[{}]", list.join(","))),
                ]
            })
    }

    proptest! {
        #[test]
        fn a_glance_passes_over_nothing(a in json(), b in json(), row in json()) {
            let written = written(&format!(r#"{{"a":{a},"b":{b}}}"#));
            prop_assert!(!is_as_written(&written, row.as_bytes()) || !is_told(&written, &row));
        }

        #[test]
        fn a_glance_sees_that_nothing_differs(a in json(), b in json()) {
            let row = format!(r#"{{"a":{a},"b":{b}}}"#);
            let names = row.matches(['a', 'A', '\\']).count() + row.matches('b').count();
            prop_assume!(names == 2);
            prop_assert!(is_as_written(&written(&row), row.as_bytes()));
        }
    }

    fn same(given: &str, found: &str) -> bool {
        let same = |one, other| is_same(one, other, RecordIdForm::Base62Checked);
        assert_eq!(same(given, found), same(found, given), "{given} {found}");
        same(given, found)
    }

    #[test]
    fn what_a_provider_tidies_is_the_same() {
        for (given, found) in [
            (" Acme ", "Acme"),
            ("Ada@Example.COM", "ada@example.com"),
            ("https://www.acme.com/", "acme.com"),
            ("http://acme.com", "https://www.ACME.com"),
            ("50", "50.0"),
            ("1,000", "1000"),
            ("1.0E7", "10000000"),
            ("2024-01-31", "2024-01-31T00:00:00.000Z"),
            ("2024-01-31T12:00:00Z", "2024-01-31T13:00:00.000+0100"),
            ("2024-01-31T12:34:56.789Z", "1706704496789"),
            ("1 Market St\nSuite 3", "1 Market St\r\nSuite 3"),
            ("(415) 555-1212", "415-555-1212"),
            ("a;b;c", "c;a;b"),
            ("<p>x</p>", "<div>x</div>"),
            ("Tom &amp; Ann", "Tom & Ann"),
            ("0055500001QdQWa", "0055500001QdQWaAAN"),
            ("", ""),
        ] {
            assert!(same(given, found), "{given:?} {found:?}");
        }
    }

    #[test]
    fn another_value_is_another_one() {
        for (given, found) in [
            ("lead", "customer"),
            ("", "customer"),
            ("Acme", ""),
            ("5", "-5"),
            ("50", "500"),
            ("2024-01-31", "2024-02-01"),
            ("acme.com", "acme.org"),
            ("a;b", "a"),
            ("Acme International", "Acme Internati"),
            ("?", "!"),
            ("0055500001QdQWa", "0055500001QdQWb"),
        ] {
            assert!(!same(given, found), "{given:?} {found:?}");
        }
    }
}
