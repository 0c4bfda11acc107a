//! JSON as it came: what is legal, the members of an object, and what is at a place.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};
use serde_json::value::RawValue;

/// A record or a page that cannot be answered, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused(pub String);

impl From<serde_json::Error> for Refused {
    fn from(error: serde_json::Error) -> Self {
        Self(error.to_string())
    }
}

/// Legal JSON in UTF-8 and nothing after it.
pub(crate) fn legal(bytes: &[u8]) -> Result<&RawValue, Refused> {
    Ok(serde_json::from_slice(bytes)?)
}

/// The members of an object, in the order in which they stand. Keys are bytes: half a surrogate pair is in none that is
/// looked for, and is no error.
pub(crate) struct Object<'a>(Vec<(Vec<u8>, &'a RawValue)>);

impl<'a> Object<'a> {
    /// Anything but an object is refused.
    pub(crate) fn read(raw: &'a RawValue) -> Result<Self, Refused> {
        let mut json = serde_json::Deserializer::from_str(raw.get());
        Ok(json.deserialize_map(Members).map(Self)?)
    }

    /// Of several with one name it is the last. Null counts as absent.
    pub(crate) fn get(&self, name: &str) -> Option<&'a RawValue> {
        self.last(name).filter(|raw| raw.get() != "null")
    }

    /// Whether there is a member with this name, be it null.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.last(name).is_some()
    }

    pub(crate) fn members(&self) -> impl Iterator<Item = (&[u8], &'a RawValue)> {
        self.0.iter().map(|(key, raw)| (key.as_slice(), *raw))
    }

    fn last(&self, name: &str) -> Option<&'a RawValue> {
        let mut named = self.0.iter().filter(|(key, _)| key == name.as_bytes());
        named.next_back().map(|(_, raw)| *raw)
    }
}

struct Members;

impl<'a> Visitor<'a> for Members {
    type Value = Vec<(Vec<u8>, &'a RawValue)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = Vec::new();
        while let Some(Key(key)) = map.next_key()? {
            members.push((key, map.next_value()?));
        }
        Ok(members)
    }
}

struct Key(Vec<u8>);

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Bytes;
        impl Visitor<'_> for Bytes {
            type Value = Key;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a key")
            }

            fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Key, E> {
                Ok(Key(bytes.to_vec()))
            }
        }
        deserializer.deserialize_bytes(Bytes)
    }
}

/// What is at a place in an object; null counts as absent, on the way and at its end. Another thing than an object on
/// the way is refused.
pub(crate) fn at<'a>(root: &'a RawValue, path: &[String]) -> Result<Option<&'a RawValue>, Refused> {
    let mut found = Some(root);
    for name in path {
        let Some(raw) = found else { return Ok(None) };
        found = Object::read(raw)?.get(name);
    }
    Ok(found)
}

/// Refuses another thing than an object or null on the way to a place, also in a member that does not count since it is
/// given once more.
pub(crate) fn check_way(root: &RawValue, path: &[String]) -> Result<(), Refused> {
    let [first, rest @ ..] = path else {
        return Ok(());
    };
    let object = Object::read(root)?;
    let named = object.members().filter(|(key, _)| *key == first.as_bytes());
    for (_, raw) in named.filter(|(_, raw)| !rest.is_empty() && raw.get() != "null") {
        check_way(raw, rest)?;
    }
    Ok(())
}

/// What is at a place, where another thing than an object on the way counts as absent.
pub(crate) fn at_if_any<'a>(root: &'a RawValue, path: &[String]) -> Option<&'a RawValue> {
    at(root, path).ok().flatten()
}

/// The elements of a list; anything else is refused.
pub(crate) fn elements(raw: &RawValue) -> Result<Vec<&RawValue>, Refused> {
    Ok(serde_json::from_str(raw.get())?)
}

/// A text as JSON.
pub(crate) fn written(text: &str) -> String {
    serde_json::to_string(text).expect("a text can be written")
}

/// The text that a token is, as far as it is one: a string, or a number or truth value as it stands there.
pub(crate) fn text(token: &str) -> Option<String> {
    match token.as_bytes().first() {
        Some(b'"') => serde_json::from_str(token).ok(),
        Some(b'{' | b'[') | None => None,
        Some(_) => Some(token.to_owned()),
    }
}
