//! Values of a request: absent leaves a field alone, null clears it.

use serde::{Deserialize, Deserializer, de::Error as _};
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

/// An object of a request with members of any name, in the order sent, each as it was written.
#[derive(Debug, Clone, Default)]
pub struct InputObject(pub indexmap::IndexMap<String, Box<RawValue>>);

impl<'de> Deserialize<'de> for InputObject {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        indexmap::IndexMap::deserialize(deserializer).map(Self)
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
