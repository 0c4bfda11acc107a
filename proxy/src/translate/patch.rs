//! Values of a request: absent leaves a field alone, null clears it.

use std::fmt;

use indexmap::{IndexMap, map::Entry};
use serde::{
    Deserialize, Deserializer,
    de::{Error as _, MapAccess, Visitor},
    forward_to_deserialize_any,
};
use serde_json::value::RawValue;

use super::scalar::shorten;

/// What a request says of one field.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Patch<T> {
    /// Nothing: leave it alone.
    #[default]
    Absent,
    /// Null: clear it.
    Null,
    Value(T),
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Patch<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(match Option::deserialize(deserializer)? {
            Some(value) => Self::Value(value),
            None => Self::Null,
        })
    }
}

impl<T> Patch<T> {
    pub fn value(&self) -> Option<&T> {
        match self {
            Self::Value(value) => Some(value),
            _ => None,
        }
    }

    pub fn as_ref(&self) -> Patch<&T> {
        match self {
            Self::Absent => Patch::Absent,
            Self::Null => Patch::Null,
            Self::Value(value) => Patch::Value(value),
        }
    }

    /// What null or a value of a required, nullable member says.
    pub fn from_nullable(value: Option<T>) -> Self {
        value.map_or(Self::Null, Self::Value)
    }
}

impl<'v> From<&'v Patch<String>> for Patch<&'v str> {
    fn from(value: &'v Patch<String>) -> Self {
        value.as_str()
    }
}

/// Null of a required, nullable member clears as null of an optional one does.
impl<'v> From<Option<&'v str>> for Patch<&'v str> {
    fn from(value: Option<&'v str>) -> Self {
        Self::from_nullable(value)
    }
}

impl Patch<String> {
    /// The text, borrowed.
    pub fn as_str(&self) -> Patch<&str> {
        match self {
            Self::Absent => Patch::Absent,
            Self::Null => Patch::Null,
            Self::Value(text) => Patch::Value(text),
        }
    }
}

/// A number of a request, exactly as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InputNumber(pub String);

impl<'de> Deserialize<'de> for InputNumber {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let token: Box<RawValue> = Box::deserialize(deserializer)?;
        let token = token.get();
        if token.starts_with(|first: char| first == '-' || first.is_ascii_digit()) {
            Ok(Self(token.to_owned()))
        } else {
            Err(D::Error::custom(format_args!(
                "expected a number, found {}",
                shorten(token)
            )))
        }
    }
}

/// No object of a provider has so many fields; without a bound, to find those that differ in case alone takes long.
const MOST_MEMBERS: usize = 2_000;

/// An object of a request with members of any name, in the order sent, each as it was written.
#[derive(Debug, Clone, Default)]
pub struct InputObject(pub IndexMap<String, Box<RawValue>>);

impl<'de> Deserialize<'de> for InputObject {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;

        impl<'de> Visitor<'de> for Members {
            type Value = InputObject;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<InputObject, A::Error> {
                let mut members = IndexMap::new();
                while let Some(name) = map.next_key::<String>()? {
                    let is_full = members.len() == MOST_MEMBERS;
                    match members.entry(name) {
                        // Which of the two is meant, nobody can know.
                        Entry::Occupied(member) => {
                            let name = shorten(member.key());
                            return Err(A::Error::custom(format_args!(
                                "expected each member once, found a second {name:?}"
                            )));
                        }
                        Entry::Vacant(_) if is_full => {
                            return Err(A::Error::custom(format_args!(
                                "expected at most {MOST_MEMBERS} members, found more"
                            )));
                        }
                        Entry::Vacant(member) => {
                            member.insert(map.next_value()?);
                        }
                    }
                }
                Ok(InputObject(members))
            }
        }

        deserializer.deserialize_map(Members)
    }
}

/// Reads a struct from an object only. What serde derives takes a list as well, whose elements it gives to the members
/// by their order: a caller's slip would be written somewhere.
#[derive(Debug)]
pub struct ObjectOnly<D>(pub D);

impl<'de, D: Deserializer<'de>> Deserializer<'de> for ObjectOnly<D> {
    type Error = D::Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.0.deserialize_map(MapOnly(visitor))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

struct MapOnly<V>(V);

impl<'de, V: Visitor<'de>> Visitor<'de> for MapOnly<V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<V::Value, A::Error> {
        self.0.visit_map(map)
    }
}

/// For members that may be null but must be there: serde would take a missing one for null.
pub fn required_nullable<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    Option::deserialize(deserializer)
}
