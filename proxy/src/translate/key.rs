//! Keys that an upsert matches records by: what people write in many ways, in one normal form.

use std::{collections::BTreeMap, time::Duration};

use super::{
    MatchKey,
    scalar::{Text, shorten},
    scan,
};
use crate::error::{Code, Error};

/// A record that was created shows in a search after seconds, most of the time.
const SEARCH_AGAIN: Duration = Duration::from_secs(10);
/// So many records that a search found are read once more before it is said that they are too many.
const MOST_UNSURE: usize = 10;

/// The most bytes of a value.
const LONGEST: usize = 1000;

/// How values of a key are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Normalize {
    /// The host of a web address: scheme, `www.`, path and case do not matter.
    Host,
    /// A web address: scheme, `www.`, a slash at the end and case do not matter.
    Website,
    /// An email address: case does not matter.
    Email,
    /// As it is.
    Exact,
}

/// The values that an upsert asks for, and what has been found by them.
#[derive(Debug)]
pub struct Lookup {
    pub key: &'static str,
    normalize: Normalize,
    /// The first value as the caller wrote it.
    first: String,
    /// In normal form, each once.
    wanted: Vec<String>,
    /// The values as written, but for case, where that is not one of their spellings: a record may have it so.
    literal: Vec<String>,
    keys: Vec<MatchKey>,
    /// By id.
    found: BTreeMap<String, Hit>,
}

/// A record that fits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Hit {
    fit: Fit,
    /// It was read by its id, or found by a search that is never behind.
    is_sure: bool,
}

/// How well a record fits; the better comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Fit {
    /// By the first present of its values.
    First,
    /// By a further one, though the first is another.
    Further,
}

/// A part of a lookup that fits in one call.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Chunk {
    /// The ways in which the values may be written.
    pub spellings: Vec<String>,
    /// The hosts of those values that are nothing but a host.
    pub hosts: Vec<String>,
}

/// How many records a lookup has found.
#[derive(Debug)]
pub enum Found {
    None,
    One(String),
    Many(Vec<String>),
    /// These may, by what an index says that can be behind.
    Unsure(Vec<String>),
}

impl Lookup {
    pub fn new(
        entity: &'static str,
        key: &'static str,
        normalize: Normalize,
        values: &[String],
    ) -> Result<Self, Error> {
        let mut wanted = Vec::new();
        let mut literal = Vec::new();
        for (index, value) in values.iter().enumerate() {
            let normal = normalize.apply(value).ok_or_else(|| {
                let message = format!(
                    "expected {}, found {:?}",
                    normalize.expected(),
                    shorten(value)
                );
                Error::issue(format!("body.upsert_on.values[{index}]"), message)
            })?;
            // A record that was created by this key has it without the spaces around it.
            if normalize.keeps_literals() {
                for written in [value.as_str(), value.trim()].map(str::to_lowercase) {
                    if written.len() <= LONGEST
                        && !literal.contains(&written)
                        && !normalize.spellings(&normal).contains(&written)
                    {
                        literal.push(written);
                    }
                }
            }
            if !wanted.contains(&normal) {
                wanted.push(normal);
            }
        }
        let of = |key, value| MatchKey { entity, key, value };
        let mut keys: Vec<MatchKey> = wanted.iter().map(|value| of(key, value.clone())).collect();
        // A record of one key may be found by another one: calls about one host wait for each other, whatever their key.
        let mut shared: Vec<String> = wanted.iter().map(|value| normalize.shared(value)).collect();
        shared.sort_unstable();
        shared.dedup();
        keys.extend(shared.into_iter().map(|value| of("", value)));
        let first = values
            .first()
            .map(|value| value.trim().to_owned())
            .unwrap_or_default();
        Ok(Self {
            key,
            normalize,
            first,
            wanted,
            literal,
            keys,
            found: BTreeMap::new(),
        })
    }

    /// The keys that calls in common wait for each other by; those without a name stand for what keys share.
    pub fn keys(&self) -> &[MatchKey] {
        &self.keys
    }

    /// The first value, as a created record gets it: as the caller wrote it, but for hosts and emails.
    pub fn value(&self) -> &str {
        match self.normalize {
            Normalize::Host | Normalize::Email => self.wanted.first().map_or("", String::as_str),
            Normalize::Website | Normalize::Exact => &self.first,
        }
    }

    pub fn is_single(&self) -> bool {
        self.wanted.len() == 1
    }

    /// Whether the value can stand in a path without being misread by anything on the way: letters, digits and a few
    /// signs, and no ending that looks like a file's.
    pub fn is_plain(&self) -> bool {
        let value = self.value();
        let ending = value.rsplit_once('.').map_or("", |(_, ending)| ending);
        value
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"@._-".contains(&byte))
            && !["csv", "html", "inc", "js", "json", "txt", "xml"].contains(&ending)
    }

    /// Whether a record that is written has this key as it is asked for: its JSON text is one of the values.
    pub fn is_kept_by(&self, json: Option<&str>) -> bool {
        json.is_none()
            || self
                .normalize
                .apply_json(json)
                .is_some_and(|normal| self.wanted.contains(&normal))
    }

    /// The lookup in parts of at most `values`, and of at most `characters` as a query in an address has them.
    pub fn chunks(&self, characters: usize, values: usize) -> Vec<Chunk> {
        let spellings: Vec<String> = self
            .wanted
            .iter()
            .flat_map(|value| self.normalize.spellings(value))
            .chain(self.literal.iter().cloned())
            .collect();
        let hosts: Vec<String> = self
            .wanted
            .iter()
            .flat_map(|value| self.normalize.hosts(value))
            .collect();
        let mut spellings = split(spellings, characters, values).into_iter();
        let mut hosts = split(hosts, characters, values).into_iter();
        let mut chunks = Vec::new();
        loop {
            match (spellings.next(), hosts.next()) {
                (None, None) => return chunks,
                (spellings, hosts) => {
                    chunks.push(Chunk {
                        spellings: spellings.unwrap_or_default(),
                        hosts: hosts.unwrap_or_default(),
                    });
                }
            }
        }
    }

    /// Notes a row that may fit: it does when one of `values`, in normal form, is asked for, and best when the first
    /// present one is. `is_sure` says that the row is as the record is now.
    pub fn consider(&mut self, id: Option<&Text<'_>>, values: &[Option<&Text<'_>>], is_sure: bool) {
        let Some(id) = id else { return };
        let is_wanted = |text: &&Text<'_>| {
            let normal = self.normalize.apply(&text.0);
            normal.is_some_and(|normal| self.wanted.contains(&normal))
        };
        let mut present = values.iter().flatten().filter(|text| !text.0.is_empty());
        let first = present.next();
        let fit = if values.is_empty() || first.is_some_and(&is_wanted) {
            Fit::First
        } else if present.any(is_wanted) {
            Fit::Further
        } else {
            return;
        };
        let hit = Hit { fit, is_sure };
        let known = self.found.entry(id.0.clone().into_owned()).or_insert(hit);
        if is_sure || !known.is_sure {
            *known = hit;
        }
    }

    /// Takes a row back: the record is not what the row said.
    pub fn forget(&mut self, id: &str) {
        self.found.remove(id);
    }

    /// Whether more rows could change nothing: several records fit as well as any can.
    pub fn is_settled(&self) -> bool {
        let best = |hit: &&Hit| hit.is_sure && hit.fit == Fit::First;
        self.found.values().filter(best).count() > 1
    }

    /// The records that fit best.
    pub fn found(&self) -> Found {
        let best = self.found.values().map(|hit| hit.fit).min();
        let ids = |is_wanted: fn(&Hit) -> bool| -> Vec<String> {
            self.found
                .iter()
                .filter(|(_, hit)| Some(hit.fit) == best && is_wanted(hit))
                .map(|(id, _)| id.clone())
                .collect()
        };
        let mut all = ids(|_| true);
        let unsure = ids(|hit| !hit.is_sure);
        // More than anyone would read one by one: at least two of them will be as they were found.
        let are_many = all.len() > MOST_UNSURE || all.len() - unsure.len() > 1;
        if !unsure.is_empty() && !are_many {
            return Found::Unsure(unsure);
        }
        match all.len() {
            0 => Found::None,
            1 => Found::One(all.remove(0)),
            _ => Found::Many(all),
        }
    }
}

/// More than one record fits: nothing was written.
pub fn conflict(ids: &[String]) -> Error {
    Error::new(
        Code::Conflict,
        format!(
            "more than one record matches upsert_on: {}; nothing was written",
            ids.join(", ")
        ),
    )
}

/// The provider has more rows for the values than are read: the record may be among the others.
pub fn too_many(key: &str) -> Error {
    Error::new(
        Code::Conflict,
        format!(
            "the provider finds too many records for this {key} to tell which one matches; nothing was written"
        ),
    )
}

/// Nothing was found, but an earlier call may have written the record and its id is not known.
pub fn uncertain(key: &str, left: Duration) -> Error {
    Error::new(
        Code::ServiceUnavailable,
        format!(
            "an earlier call for this {key} ended without it being known whether it created the record, and a search may not find it yet; nothing was written, try again"
        ),
    )
    .with_retry_after(left.min(SEARCH_AGAIN))
}

impl Normalize {
    /// A value in normal form; none where it can't be one.
    pub fn apply(self, value: &str) -> Option<String> {
        let value = value.trim();
        if value.is_empty() || value.len() > LONGEST || value.contains(char::is_control) {
            return None;
        }
        match self {
            Self::Exact => Some(value.to_owned()),
            Self::Email => {
                let (local, domain) = value.rsplit_once('@')?;
                let legal =
                    !local.is_empty() && !domain.is_empty() && !value.contains(char::is_whitespace);
                legal.then(|| value.to_lowercase())
            }
            Self::Host => split_address(value).map(|(host, _)| host),
            Self::Website => split_address(value).map(|(host, rest)| host + &rest),
        }
    }

    /// The same of a value in JSON, as a record that is written has it.
    pub fn apply_json(self, json: Option<&str>) -> Option<String> {
        let json = json?.trim();
        let text = json.starts_with('"').then(|| scan::text_of(json))??;
        self.apply(&text)
    }

    /// What a value has in common with the values of other keys that may mean the same record.
    pub fn shared(self, normal: &str) -> String {
        let end = match self {
            Self::Host | Self::Website => normal.find(['/', '?', '#']),
            Self::Email | Self::Exact => None,
        };
        normal[..end.unwrap_or(normal.len())].to_owned()
    }

    fn expected(self) -> &'static str {
        match self {
            Self::Host => "a domain name",
            Self::Website => "a web address",
            Self::Email => "an email address",
            Self::Exact => "a value that is not empty",
        }
    }

    fn spellings(self, normal: &str) -> Vec<String> {
        match self {
            Self::Exact | Self::Email => vec![normal.to_owned()],
            Self::Host => vec![normal.to_owned(), format!("www.{normal}")],
            Self::Website => {
                let mut spellings = Vec::with_capacity(12);
                for scheme in ["", "http://", "https://"] {
                    for www in ["", "www."] {
                        for slash in ["", "/"] {
                            spellings.push(format!("{scheme}{www}{normal}{slash}"));
                        }
                    }
                }
                spellings
            }
        }
    }

    /// Whether a value as written is a spelling of its own. Providers keep web addresses as they are typed; hosts and
    /// emails they have in one form only.
    fn keeps_literals(self) -> bool {
        matches!(self, Self::Website | Self::Exact)
    }

    fn hosts(self, normal: &str) -> Vec<String> {
        match self {
            Self::Website if !normal.contains(['/', '?', '#']) => {
                vec![normal.to_owned(), format!("www.{normal}")]
            }
            _ => Vec::new(),
        }
    }
}

/// The host of a web address and the rest of it, in lower case.
fn split_address(value: &str) -> Option<(String, String)> {
    let value = value.to_lowercase();
    let value = value
        .strip_prefix("http:")
        .or_else(|| value.strip_prefix("https:"))
        .unwrap_or(&value);
    let value = value.strip_prefix("//").unwrap_or(value);
    let (host, rest) = value.split_at(value.find(['/', '?', '#']).unwrap_or(value.len()));
    let host = host
        .strip_prefix("www.")
        .unwrap_or(host)
        .trim_end_matches('.');
    if host.is_empty()
        || host.contains(|character: char| {
            character.is_whitespace() || "@,;\\\"'<>".contains(character)
        })
    {
        return None;
    }
    Some((host.to_owned(), rest.trim_end_matches('/').to_owned()))
}

/// Two quotes and a comma, percent-encoded.
const SEPARATORS: usize = 9;

/// The characters of one in a query in an address, where most are percent-encoded and some escaped before. In a body,
/// where they have fewer, the limits are kept as well.
fn written_length(character: char) -> usize {
    match character {
        'a'..='z' | 'A'..='Z' | '0'..='9' | '-' | '.' | '_' | '~' => 1,
        '\'' | '\\' => 6,
        _ => 3 * character.len_utf8(),
    }
}

fn split(values: Vec<String>, max_characters: usize, max_values: usize) -> Vec<Vec<String>> {
    let mut parts: Vec<Vec<String>> = Vec::new();
    let mut characters = 0;
    for value in values {
        let length = SEPARATORS + value.chars().map(written_length).sum::<usize>();
        match parts.last_mut() {
            Some(part) if characters + length <= max_characters && part.len() < max_values => {
                characters += length;
                part.push(value);
            }
            _ => {
                characters = length;
                parts.push(vec![value]);
            }
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_web_address_is_also_looked_for_as_it_was_written() {
        let values = [" Acme.com./a ", "acme.com/b"].map(str::to_owned);
        let lookup = Lookup::new("e", "website", Normalize::Website, &values).unwrap();
        let spellings = &lookup.chunks(10_000, 100)[0].spellings;
        assert_eq!(spellings.len(), 12 + 12 + 2);
        for literal in [" acme.com./a ", "acme.com./a"] {
            assert!(spellings.contains(&literal.to_owned()), "{spellings:?}");
        }
        // Emails have one form at every provider.
        let values = [" A@acme.com".to_owned()];
        let lookup = Lookup::new("e", "email", Normalize::Email, &values).unwrap();
        assert_eq!(lookup.chunks(10_000, 100)[0].spellings, ["a@acme.com"]);
    }

    fn owned(text: &str) -> Text<'_> {
        Text(text.into())
    }

    #[test]
    fn websites_are_compared_as_people_write_them() {
        for text in [
            "acme.com",
            "ACME.com",
            "http://www.acme.com/",
            "HTTPS://Acme.com",
            "www.acme.com.",
            " //acme.com ",
        ] {
            assert_eq!(
                Normalize::Website.apply(text).as_deref(),
                Some("acme.com"),
                "{text}"
            );
        }
        assert_eq!(
            Normalize::Website.apply("https://acme.com/EU/").as_deref(),
            Some("acme.com/eu")
        );
        assert_eq!(
            Normalize::Host.apply("https://www.acme.com/EU/").as_deref(),
            Some("acme.com")
        );
        for text in ["", "  ", "http://", "a b.com", "x@acme.com", "www."] {
            assert_eq!(Normalize::Website.apply(text), None, "{text}");
        }
    }

    #[test]
    fn a_website_with_a_path_is_not_looked_for_by_its_host() {
        let lookup = Lookup::new(
            "e",
            "website",
            Normalize::Website,
            &["https://acme.com/eu".to_owned()],
        )
        .unwrap();
        let chunks = lookup.chunks(10_000, 100);
        assert_eq!(chunks[0].spellings.len(), 12);
        assert!(chunks[0].hosts.is_empty());
    }

    #[test]
    fn rows_fit_by_their_first_present_value() {
        let mut lookup =
            Lookup::new("e", "website", Normalize::Website, &["acme.com".to_owned()]).unwrap();
        let (branch, host) = (owned("https://acme.com/eu"), owned("acme.com"));
        let other = owned("other.com");
        lookup.consider(Some(&owned("0")), &[Some(&branch), Some(&other)], true);
        assert!(matches!(lookup.found(), Found::None));
        // By a further value only where none fits by the first.
        lookup.consider(Some(&owned("1")), &[Some(&branch), Some(&host)], true);
        assert!(matches!(lookup.found(), Found::One(id) if id == "1"));
        lookup.consider(Some(&owned("2")), &[None, Some(&host)], true);
        lookup.consider(Some(&owned("2")), &[None, Some(&host)], true);
        assert!(matches!(lookup.found(), Found::One(id) if id == "2"));
        lookup.consider(Some(&owned("3")), &[Some(&host), None], true);
        assert!(matches!(lookup.found(), Found::Many(ids) if ids == ["2", "3"]));
    }

    #[test]
    fn rows_of_an_index_are_unsure_until_they_are_read() {
        let mut lookup =
            Lookup::new("e", "website", Normalize::Website, &["acme.com".to_owned()]).unwrap();
        let (host, moved) = (owned("acme.com"), owned("moved.com"));
        lookup.consider(Some(&owned("1")), &[Some(&host)], false);
        lookup.consider(Some(&owned("2")), &[Some(&host)], true);
        lookup.consider(Some(&owned("2")), &[Some(&host)], false);
        assert!(matches!(lookup.found(), Found::Unsure(ids) if ids == ["1"]));
        lookup.forget("1");
        lookup.consider(Some(&owned("1")), &[Some(&moved)], true);
        assert!(matches!(lookup.found(), Found::One(id) if id == "2"));
        for id in 10..20 {
            lookup.consider(Some(&owned(&id.to_string())), &[Some(&host)], false);
        }
        assert!(matches!(lookup.found(), Found::Many(ids) if ids.len() == 11));
    }

    #[test]
    fn values_that_look_like_files_are_not_plain() {
        let plain = |value: &str| {
            Lookup::new("e", "email", Normalize::Email, &[value.to_owned()])
                .unwrap()
                .is_plain()
        };
        assert!(plain("Ada.L-1_x@example.com"));
        for value in [
            "example@email.inc",
            "a+b@example.com",
            "a/b@example.com",
            "a%b@example.com",
            "é@example.com",
        ] {
            assert!(!plain(value), "{value}");
        }
    }

    proptest! {
        #[test]
        fn normal_form_is_a_fixed_point(value: String) {
            for normalize in [Normalize::Host, Normalize::Website, Normalize::Email, Normalize::Exact] {
                if let Some(normal) = normalize.apply(&value) {
                    // `www.www.x` loses one `www.` a time; nobody has such a host.
                    if !normal.starts_with("www.") && !normal.starts_with("http") && !normal.starts_with("//") {
                        prop_assert_eq!(normalize.apply(&normal), Some(normal));
                    }
                }
            }
        }

        #[test]
        fn every_spelling_has_the_same_normal_form(host in "[a-z0-9]{1,10}\\.[a-z]{2,5}", path in "(/[a-z]{1,5}){0,2}") {
            prop_assume!(!host.starts_with("http"));
            let normal = format!("{host}{path}");
            for spelling in Normalize::Website.spellings(&normal) {
                prop_assert_eq!(Normalize::Website.apply(&spelling), Some(normal.clone()));
            }
        }

        #[test]
        fn chunks_hold_everything_and_keep_their_limits(values in prop::collection::vec("[a-z]{1,30}\\.com", 1..60)) {
            let lookup = Lookup::new("e", "website", Normalize::Website, &values).unwrap();
            let chunks = lookup.chunks(300, 7);
            let all: usize = chunks.iter().map(|chunk| chunk.spellings.len()).sum();
            prop_assert_eq!(all, lookup.wanted.len() * 12);
            for chunk in chunks {
                prop_assert!(chunk.spellings.len() <= 7 && chunk.hosts.len() <= 7);
                let text = format!("'{}',", chunk.spellings.join("','"));
                let encoded = percent_encoding::utf8_percent_encode(&text, percent_encoding::NON_ALPHANUMERIC);
                // Dots are counted as what they are: no encoder writes them otherwise.
                let encoded = encoded.to_string().replace("%2E", ".");
                prop_assert!(encoded.len() <= 300);
            }
        }
    }
}
