//! What clients were told, and what the provider holds in the end: all that a judgement rests on.

use std::{fmt, time::Duration};

use serde_json::Value;

use super::{register::Moment, script::Entity};

/// How a call ended, for the client that made it.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Told {
    /// 200, with this body.
    Done(Value),
    /// An error without `outcome`: nothing was written.
    Refused(u16, Value),
    /// An error whose `outcome` is `unknown`.
    Unknown(u16, Value),
    /// An error whose `outcome` is `written`.
    Written(u16, Value),
    /// The client did not wait for an answer.
    Nothing,
    /// Not an answer of the contract, or none in time: in words.
    Nonsense(String),
}

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Done(body) => {
                let one = &body["record"];
                let items = body.as_array().or_else(|| body["items"].as_array());
                let items = items.map_or(&[][..], Vec::as_slice);
                write!(f, "done:")?;
                for item in items.iter().chain(Some(one)).filter(|item| !item.is_null()) {
                    let mut item = item.clone();
                    if let Some(members) = item.as_object_mut() {
                        members.retain(|name, value| name != "raw_data" && !value.is_null());
                    }
                    write!(f, " {item}")?;
                }
                Ok(())
            }
            Self::Refused(status, body) => write!(f, "refused, {status}: {body}"),
            Self::Unknown(status, body) => write!(f, "unknown, {status}: {body}"),
            Self::Written(status, body) => write!(f, "written, {status}: {body}"),
            Self::Nothing => write!(f, "not waited for"),
            Self::Nonsense(words) => write!(f, "NONSENSE: {words}"),
        }
    }
}

/// By what a record is recognised, whatever its fields are by now: a value that only one creation or one key has.
pub(super) type Mark = String;

/// One call of one client.
#[derive(Debug, Clone)]
pub(super) struct Event {
    /// Who did what, for people.
    pub title: String,
    pub entity: Entity,
    pub what: What,
    pub from: Moment,
    pub to: Moment,
    pub told: Told,
    /// How often it was sent: more than once only with an idempotency key.
    pub sent: u32,
    /// By how much the latest answer missed the time within which there was to be one.
    pub late: Duration,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum What {
    /// The mark of the new record, and its fields.
    Create(Mark, [Option<String>; 2]),
    Upsert(Mark, [Option<String>; 2]),
    /// The record's id, and the fields that are written.
    Update(String, [Option<String>; 2]),
    Get(String),
    List,
    BatchRead(Vec<String>),
}

impl What {
    pub(super) fn is_write(&self) -> bool {
        matches!(self, Self::Create(..) | Self::Upsert(..) | Self::Update(..))
    }
}

/// A record as somebody has seen it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Record {
    pub entity: Entity,
    pub id: String,
    pub mark: Mark,
    pub fields: [Option<String>; 2],
}

/// The mark within a record's field: without what makes an address of it.
pub(super) fn mark_in(text: &str) -> Option<Mark> {
    let start = text.find("hx")?;
    let mark = &text[start..];
    let end = mark
        .find(|c: char| !c.is_ascii_lowercase() && !c.is_ascii_digit())
        .unwrap_or(mark.len());
    Some(mark[..end].to_owned())
}

/// A record of a unified answer; none where it has no mark.
pub(super) fn unified(entity: Entity, record: &Value) -> Option<Record> {
    let text = |name: &str| record[name].as_str().map(str::to_owned);
    let mark = match entity {
        Entity::Account => text("website")?,
        Entity::Contact => text("email").or_else(|| text("phone"))?,
        Entity::Note => text("content")?,
    };
    Some(Record {
        entity,
        id: text("id")?,
        mark: mark_in(&mark)?,
        fields: entity.fields().map(text),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn marks_are_found_in_what_is_made_of_them() {
        for text in [
            "hx1s2",
            "https://hx1s2.example",
            "hx1s2@mark.example",
            "<p>hx1s2</p>",
        ] {
            assert_eq!(mark_in(text).as_deref(), Some("hx1s2"), "{text}");
        }
        assert_eq!(mark_in("Engines Ltd"), None);
    }

    #[test]
    fn a_unified_record_is_read_by_its_mark() {
        let record = json!({"id": "7", "website": "https://hx1k0.example", "name": "a", "description": null});
        let read = unified(Entity::Account, &record).unwrap();
        assert_eq!(read.mark, "hx1k0");
        assert_eq!(read.fields, [Some("a".to_owned()), None]);
    }
}
