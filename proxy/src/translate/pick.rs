//! Places in a native answer: one pass over its JSON takes out what is named and skips the rest.

use std::borrow::Cow;

use serde::{
    Deserialize, Deserializer,
    de::{DeserializeSeed, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor},
};
use serde_json::value::RawValue;

use super::scalar::{Rows, Text};
use crate::error::Error;

/// A place in a JSON object, as in `["paging", "next", "after"]`.
pub type Path = &'static [&'static str];

/// What a list answers.
#[derive(Debug, Default)]
pub struct PageParts<'a> {
    pub rows: Rows<'a>,
    /// The provider's token of the next page.
    pub next: Option<&'a RawValue>,
    /// Something that is there when there are more rows.
    pub more: Option<&'a RawValue>,
}

/// The rows of an answer and what it says of the next page. An empty path to the rows says that the answer is the list.
pub fn page(
    body: &[u8],
    rows: Path,
    next: Option<Path>,
    more: Option<Path>,
) -> Result<PageParts<'_>, Error> {
    if rows.is_empty() {
        let rows = super::native::parse(body)?;
        return Ok(PageParts {
            rows,
            ..PageParts::default()
        });
    }
    let wanted = [
        Some(Wanted {
            path: rows,
            kind: Kind::Rows,
        }),
        next.map(|path| Wanted {
            path,
            kind: Kind::Raw,
        }),
        more.map(|path| Wanted {
            path,
            kind: Kind::Raw,
        }),
    ];
    let wanted: Vec<Wanted> = wanted.into_iter().flatten().collect();
    let mut found = find(body, &wanted)?.into_iter();
    let mut parts = PageParts::default();
    match found.next() {
        Some(Found::Rows(rows)) => parts.rows = rows,
        _ => return Err(missing(rows)),
    }
    if next.is_some() {
        parts.next = found.next().and_then(Found::raw);
    }
    if more.is_some() {
        parts.more = found.next().and_then(Found::raw);
    }
    Ok(parts)
}

/// The texts at several places of one object, each none where it is absent or null.
pub fn texts<'a>(body: &'a [u8], paths: &[Path]) -> Result<Vec<Option<Text<'a>>>, Error> {
    let wanted: Vec<Wanted> = paths
        .iter()
        .map(|path| Wanted {
            path,
            kind: Kind::Raw,
        })
        .collect();
    find(body, &wanted)?
        .into_iter()
        .map(|found| found.raw().map(text).transpose())
        .collect()
}

/// The text at one place, none where it is absent or null.
pub fn text_at(body: &[u8], path: Path) -> Result<Option<Cow<'_, str>>, Error> {
    let mut texts = texts(body, &[path])?;
    Ok(texts.pop().flatten().map(|text| text.0))
}

/// A token as text.
pub fn text(raw: &RawValue) -> Result<Text<'_>, Error> {
    super::native::parse(raw.get().as_bytes())
}

fn missing(path: &[&str]) -> Error {
    Error::bad_gateway(format!(
        "the provider's answer is not what its spec says: it has no `{}`",
        path.join(".")
    ))
}

fn find<'a>(body: &'a [u8], wanted: &[Wanted]) -> Result<Vec<Found<'a>>, Error> {
    // More than a mapping ever names at once; the checks of the generator keep to it.
    debug_assert!(wanted.len() <= 32, "a mask has 32 bits");
    let mut found = Vec::with_capacity(wanted.len());
    found.resize_with(wanted.len(), || Found::Nothing);
    let mut json = serde_json::Deserializer::from_slice(body);
    let seed = Inside {
        wanted,
        active: u32::MAX,
        depth: 0,
        found: &mut found,
    };
    seed.deserialize(&mut json)
        .and_then(|()| json.end())
        .map_err(|error| super::native::unreadable(&error))?;
    Ok(found)
}

#[derive(Debug, Clone, Copy)]
struct Wanted {
    path: Path,
    kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Raw,
    Rows,
}

#[derive(Debug)]
enum Found<'a> {
    Nothing,
    Raw(&'a RawValue),
    Rows(Rows<'a>),
}

impl<'a> Found<'a> {
    /// What was found, null counting as nothing.
    fn raw(self) -> Option<&'a RawValue> {
        match self {
            Self::Raw(raw) if raw.get() != "null" => Some(raw),
            _ => None,
        }
    }
}

/// The inside of one object: looks for the wanted places whose bit is in `active`.
struct Inside<'w, 'f, 'a> {
    wanted: &'w [Wanted],
    active: u32,
    depth: usize,
    found: &'f mut Vec<Found<'a>>,
}

impl Inside<'_, '_, '_> {
    /// The bits of those places that lead through `key`.
    fn through(&self, key: &str) -> u32 {
        let mut mask = 0;
        for (index, wanted) in self.wanted.iter().enumerate() {
            let bit = 1 << index;
            if self.active & bit != 0
                && wanted.path.get(self.depth).is_some_and(|part| *part == key)
            {
                mask |= bit;
            }
        }
        mask
    }

    /// The place among `mask` that ends here.
    fn ends(&self, mask: u32) -> Option<usize> {
        (0..self.wanted.len()).find(|index| {
            mask & (1 << index) != 0 && self.wanted[*index].path.len() == self.depth + 1
        })
    }
}

impl<'a> DeserializeSeed<'a> for Inside<'_, '_, 'a> {
    type Value = ();

    fn deserialize<D: Deserializer<'a>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'a> Visitor<'a> for Inside<'_, '_, 'a> {
    type Value = ();

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(mask) = map.next_key_seed(Key(&self))? {
            if mask == 0 {
                map.next_value::<IgnoredAny>()?;
                continue;
            }
            let Some(index) = self.ends(mask) else {
                map.next_value_seed(Inside {
                    wanted: self.wanted,
                    active: mask,
                    depth: self.depth + 1,
                    found: self.found,
                })?;
                continue;
            };
            if self.wanted[index].kind == Kind::Rows {
                let rows: Option<Rows<'a>> = map.next_value()?;
                self.found[index] = Found::Rows(rows.unwrap_or_default());
                continue;
            }
            let raw: &'a RawValue = map.next_value()?;
            for other in (0..self.wanted.len()).filter(|other| mask & (1 << other) != 0) {
                if self.wanted[other].path.len() == self.depth + 1 {
                    self.found[other] = Found::Raw(raw);
                }
            }
            let deeper = (0..self.wanted.len())
                .filter(|other| {
                    mask & (1 << other) != 0 && self.wanted[*other].path.len() > self.depth + 1
                })
                .fold(0, |mask, other| mask | (1 << other));
            if deeper != 0 {
                let mut json = serde_json::Deserializer::from_str(raw.get());
                Inside {
                    wanted: self.wanted,
                    active: deeper,
                    depth: self.depth + 1,
                    found: self.found,
                }
                .deserialize(&mut json)
                .map_err(A::Error::custom)?;
            }
        }
        Ok(())
    }

    /// Null has nothing inside.
    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    /// Neither has a scalar or a list: what is wanted is not there, and whoever needs it says so.
    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'a>>(self, mut list: A) -> Result<(), A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(())
    }
}

/// A key, read as the bits of the places that lead through it; no text is made of it.
struct Key<'i, 'w, 'f, 'a>(&'i Inside<'w, 'f, 'a>);

impl<'a> DeserializeSeed<'a> for Key<'_, '_, '_, '_> {
    type Value = u32;

    fn deserialize<D: Deserializer<'a>>(self, deserializer: D) -> Result<u32, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Key<'_, '_, '_, '_> {
    type Value = u32;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E>(self, key: &str) -> Result<u32, E> {
        Ok(self.0.through(key))
    }
}

/// The elements of a JSON list, each as it came.
pub fn elements(list: &RawValue) -> Result<Vec<&RawValue>, Error> {
    let rows: Vec<Option<&RawValue>> =
        Vec::deserialize(&mut serde_json::Deserializer::from_str(list.get()))
            .map_err(|error| super::native::unreadable(&error))?;
    Ok(rows.into_iter().flatten().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_token_and_mark_come_out_of_one_pass() {
        let body = br#"{"a":[1,{"results":2}],"results":[{"id":"1"},null],"paging":{"x":{},"next":{"after":"17"}}}"#;
        let parts = page(
            body,
            &["results"],
            Some(&["paging", "next", "after"]),
            Some(&["paging", "next"]),
        )
        .unwrap();
        assert_eq!(parts.rows.0.len(), 2);
        assert_eq!(parts.rows.0[0].unwrap().get(), r#"{"id":"1"}"#);
        assert_eq!(parts.next.unwrap().get(), "\"17\"");
        assert_eq!(parts.more.unwrap().get(), r#"{"after":"17"}"#);
    }

    #[test]
    fn what_is_not_there_is_nothing() {
        let parts = page(
            br#"{"results":[],"paging":null}"#,
            &["results"],
            Some(&["paging", "next", "after"]),
            None,
        )
        .unwrap();
        assert!(parts.next.is_none());
        let parts = page(
            br#"{"results":null,"paging":"x"}"#,
            &["results"],
            Some(&["paging", "next"]),
            None,
        )
        .unwrap();
        assert!(parts.rows.0.is_empty() && parts.next.is_none());
    }

    #[test]
    fn an_answer_without_rows_is_refused() {
        let error = page(b"{\"reslts\":[]}", &["results"], None, None).unwrap_err();
        assert!(
            error.message.contains("it has no `results`"),
            "{}",
            error.message
        );
        assert!(page(b"{\"results\":[}", &["results"], None, None).is_err());
        assert!(page(b"[]", &["results"], None, None).is_err());
        assert!(page(b"{\"results\":[]} x", &["results"], None, None).is_err());
    }

    #[test]
    fn an_answer_may_be_the_list_itself() {
        assert_eq!(page(b"[{},null]", &[], None, None).unwrap().rows.0.len(), 2);
    }

    #[test]
    fn texts_are_taken_from_several_places() {
        let row = br#"{"properties":{"website":"a\u0062c","domain":null},"id":12}"#;
        let texts = texts(
            row,
            &[
                &["id"],
                &["properties", "website"],
                &["properties", "domain"],
                &["x"],
            ],
        )
        .unwrap();
        let texts: Vec<Option<&str>> = texts
            .iter()
            .map(|text| text.as_ref().map(|text| &*text.0))
            .collect();
        assert_eq!(texts, [Some("12"), Some("abc"), None, None]);
    }
}
