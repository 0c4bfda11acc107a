//! What callers say about pipelines, checked to the last member.

use indexmap::IndexMap;
use serde::{Deserialize, Deserializer, Serialize, de::DeserializeOwned};
use serde_json::Value;

use crate::{error::Error, route::Api};

/// The streams of a pipeline by the names of their entities.
pub(super) type Streams = IndexMap<String, StreamInput>;

const LONGEST_ID: usize = 128;
const SHORTEST_INTERVAL: i64 = 60;
/// A year; beyond it no time of the next sync could be told.
const LONGEST_INTERVAL: i64 = 366 * 86_400;
const LARGEST_PAGE: i64 = 1_000;
const DEFAULT_PAGE: i64 = 100;

#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StreamInput {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    disabled: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) fields: Option<Vec<String>>,
}

impl StreamInput {
    pub(super) fn is_disabled(&self) -> bool {
        self.disabled == Some(true)
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Create {
    pub(super) id: String,
    pub(super) source_id: String,
    pub(super) destination_id: String,
    #[serde(default)]
    pub(super) streams: Option<Streams>,
    #[serde(default)]
    pub(super) sync_interval_seconds: Option<i64>,
    #[serde(default)]
    pub(super) disabled: Option<bool>,
    #[serde(default)]
    pub(super) metadata: Option<Value>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[expect(
    clippy::option_option,
    reason = "null takes something away, and no member leaves it"
)]
pub(super) struct Update {
    #[serde(default, deserialize_with = "given")]
    pub(super) streams: Option<Option<Streams>>,
    #[serde(default, deserialize_with = "given")]
    pub(super) sync_interval_seconds: Option<Option<i64>>,
    #[serde(default)]
    pub(super) disabled: Option<bool>,
    #[serde(default, deserialize_with = "given")]
    pub(super) metadata: Option<Value>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct SyncInput {
    #[serde(default, rename = "async")]
    pub(super) is_async: Option<bool>,
    #[serde(default)]
    pub(super) meta_only: Option<bool>,
    #[serde(default)]
    pub(super) full_resync: Option<bool>,
    #[serde(default, rename = "todo_upstreamRefresh")]
    upstream_refresh: Option<bool>,
    #[serde(default, rename = "todo_removeUnsyncedData")]
    remove_unsynced_data: Option<bool>,
}

/// Which pipelines are listed.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Filter {
    pub(super) connections: Option<Vec<String>>,
    pub(super) limit: i64,
    pub(super) offset: i64,
}

/// Tells a member that is null from one that is not there.
fn given<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// Reads a body; what is wrong with it is told with its path.
pub(super) fn body<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Error> {
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let read = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let path = match error.path().to_string().as_str() {
            "." => "body".to_owned(),
            path => format!("body.{path}"),
        };
        let message = error.into_inner().to_string();
        // Where in the text it is helps nobody who has the path.
        let message = message.split(" at line ").next().unwrap_or_default();
        Error::issue(path, message)
    })?;
    deserializer
        .end()
        .map_err(|_| Error::issue("body", "expected one JSON object and nothing behind it"))?;
    Ok(read)
}

/// The body of a sync; none at all asks for nothing special.
pub(super) fn sync(bytes: &[u8]) -> Result<SyncInput, Error> {
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Ok(SyncInput::default());
    }
    let input: SyncInput = body(bytes)?;
    for (asked, name) in [
        (input.upstream_refresh, "todo_upstreamRefresh"),
        (input.remove_unsynced_data, "todo_removeUnsyncedData"),
    ] {
        if asked == Some(true) {
            return Err(Error::issue(
                format!("body.{name}"),
                "expected false or nothing: it is planned and does not exist yet",
            ));
        }
    }
    Ok(input)
}

/// An id of a kind, as in `pipe_crm`.
pub(super) fn id(path: &str, id: &str, prefix: &str) -> Result<(), Error> {
    let rest = id.strip_prefix(prefix).unwrap_or_default();
    let is_legal = !rest.is_empty()
        && id.len() <= LONGEST_ID
        && rest
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.'));
    if is_legal {
        return Ok(());
    }
    Err(Error::issue(
        path,
        format!(
            "expected an id that begins with {prefix}, of at most {LONGEST_ID} letters, digits, `_`, `-` and `.`, \
             found {:?}",
            short(id)
        ),
    ))
}

pub(super) fn interval(seconds: Option<i64>) -> Result<(), Error> {
    match seconds {
        Some(seconds) if !(SHORTEST_INTERVAL..=LONGEST_INTERVAL).contains(&seconds) => {
            Err(Error::issue(
                "body.syncIntervalSeconds",
                format!(
                    "expected {SHORTEST_INTERVAL} to {LONGEST_INTERVAL} seconds, or null for never, found {seconds}"
                ),
            ))
        }
        _ => Ok(()),
    }
}

/// Streams by the full names of their entities: `account` is `crm.account`. Entities and fields that do not exist are
/// told with the nearest that do.
pub(super) fn streams(api: &Api, streams: Streams) -> Result<Streams, Error> {
    let mut checked = Streams::new();
    for (name, stream) in streams {
        let path = format!("body.streams[{name:?}]");
        let entity = api
            .entities
            .iter()
            .find(|entity| entity.name == name || entity.name.split('.').next_back() == Some(&name))
            .ok_or_else(|| {
                let names = api.entities.iter().map(|entity| entity.name);
                let by_last = |known: &str| {
                    let last = known.split('.').next_back().unwrap_or(known);
                    strsim::damerau_levenshtein(&name, known)
                        .min(strsim::damerau_levenshtein(&name, last))
                };
                let message = unknown("an entity that can be listed", &name, names, by_last);
                Error::issue(&path, message)
            })?;
        for (at, field) in stream.fields.iter().flatten().enumerate() {
            if field != "raw_data" && entity.field(field).is_none() {
                let names = entity.fields.iter().map(|field| field.name);
                let by_name = |known: &str| strsim::damerau_levenshtein(field, known);
                let expected = format!("a field of {}", entity.name);
                return Err(Error::issue(
                    format!("{path}.fields[{at}]"),
                    unknown(&expected, field, names, by_name),
                ));
            }
        }
        if checked.insert(entity.name.to_owned(), stream).is_some() {
            return Err(Error::issue(
                path,
                format!("{} is there already, by its other name", entity.name),
            ));
        }
    }
    Ok(checked)
}

fn unknown<'a>(
    expected: &str,
    found: &str,
    names: impl Iterator<Item = &'a str>,
    distance: impl Fn(&str) -> usize,
) -> String {
    let names: Vec<&str> = names.collect();
    let nearest = names.iter().min_by_key(|name| distance(name));
    let found = short(found);
    match nearest {
        // Two slips of the pen, and fewer in a short name: `deal` is not a slip for `lead`.
        Some(name) if distance(name) <= 2.min(found.len() / 3) => {
            format!("expected {expected}, found {found:?}; did you mean `{name}`?")
        }
        _ => format!(
            "expected {expected}, one of {}; found {found:?}",
            names.join(", ")
        ),
    }
}

pub(super) fn filter(query: &[(String, String)]) -> Result<Filter, Error> {
    let mut filter = Filter {
        connections: None,
        limit: DEFAULT_PAGE,
        offset: 0,
    };
    for (name, value) in query {
        match name.as_str() {
            "limit" => filter.limit = number("query.limit", value, 1, LARGEST_PAGE)?,
            "offset" => filter.offset = number("query.offset", value, 0, i64::MAX)?,
            "connectionIds" | "connectionIds[]" => {
                let ids = filter.connections.get_or_insert_default();
                for each in value.split(',').filter(|each| !each.is_empty()) {
                    id("query.connectionIds", each, "conn_")?;
                    ids.push(each.to_owned());
                }
            }
            other => {
                return Err(Error::issue(
                    format!("query.{}", short(other)),
                    "expected one of limit, offset, connectionIds",
                ));
            }
        }
    }
    Ok(filter)
}

fn number(path: &str, text: &str, least: i64, most: i64) -> Result<i64, Error> {
    text.parse()
        .ok()
        .filter(|number| (least..=most).contains(number))
        .ok_or_else(|| {
            let up_to = if most == i64::MAX {
                String::new()
            } else {
                format!(" to {most}")
            };
            Error::issue(
                path,
                format!(
                    "expected a whole number from {least}{up_to}, found {:?}",
                    short(text)
                ),
            )
        })
}

fn short(text: &str) -> String {
    let mut short: String = text.chars().take(60).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generated::API;

    fn path<T: std::fmt::Debug>(result: Result<T, Error>) -> String {
        result.unwrap_err().issues[0].path.clone().unwrap()
    }

    fn checked(text: &str) -> Result<Streams, Error> {
        streams(&API, serde_json::from_str(text).unwrap())
    }

    #[test]
    fn what_is_wrong_in_a_body_is_told_with_its_path() {
        for (text, expected) in [
            ("", "body"),
            ("[]", "body"),
            (
                r#"{"id":1,"sourceId":"conn_1","destinationId":"conn_2"}"#,
                "body.id",
            ),
            (r#"{"id":"pipe_1","destinationId":"conn_2"}"#, "body"),
            (
                r#"{"id":"pipe_1","sourceId":"conn_1","destinationId":"conn_2","stream":{}}"#,
                "body.stream",
            ),
            (
                r#"{"id":"pipe_1","sourceId":"conn_1","destinationId":"conn_2","streams":{"account":{"fields":"name"}}}"#,
                "body.streams.account.fields",
            ),
        ] {
            assert_eq!(path(body::<Create>(text.as_bytes())), expected, "{text}");
        }
        assert_eq!(path(body::<Update>(b"{} {}")), "body");
    }

    #[test]
    fn null_and_nothing_differ_in_a_change() {
        let nothing: Update = body(b"{}").unwrap();
        assert!(nothing.streams.is_none() && nothing.sync_interval_seconds.is_none());
        let null: Update = body(br#"{"streams":null,"syncIntervalSeconds":null}"#).unwrap();
        assert_eq!(null.streams, Some(None));
        assert_eq!(null.sync_interval_seconds, Some(None));
    }

    #[test]
    fn streams_are_kept_by_their_full_names() {
        let streams =
            checked(r#"{"account":{"fields":["name"]},"crm.lead":{"disabled":true}}"#).unwrap();
        assert_eq!(
            streams.keys().collect::<Vec<_>>(),
            ["crm.account", "crm.lead"]
        );
        assert!(streams["crm.lead"].is_disabled());
    }

    #[test]
    fn unknown_streams_and_fields_are_told_with_the_nearest() {
        let error = checked(r#"{"acount":{}}"#).unwrap_err();
        assert!(
            error.message.contains("did you mean `crm.account`?"),
            "{error}"
        );
        let error = checked(r#"{"crm.account":{"fields":["name","websit"]}}"#).unwrap_err();
        assert!(error.message.contains("did you mean `website`?"), "{error}");
        assert_eq!(
            path(Err::<(), _>(error)),
            r#"body.streams["crm.account"].fields[1]"#
        );
        let error = checked(r#"{"deal":{}}"#).unwrap_err();
        assert!(error.message.contains("crm.opportunity"), "{error}");
        assert_eq!(
            path(checked(r#"{"account":{},"crm.account":{}}"#)),
            r#"body.streams["crm.account"]"#
        );
    }

    #[test]
    fn ids_and_intervals_are_checked() {
        for wrong in ["", "pipe_", "conn_1", "pipe_a/b", "pipe_ä"] {
            assert!(id("body.id", wrong, "pipe_").is_err(), "{wrong}");
        }
        assert!(id("body.id", "pipe_crm-1", "pipe_").is_ok());
        assert!(id("body.id", &format!("pipe_{}", "a".repeat(200)), "pipe_").is_err());
        for wrong in [-1, 0, 59, i64::MAX] {
            assert_eq!(path(interval(Some(wrong))), "body.syncIntervalSeconds");
        }
        assert!(interval(None).is_ok() && interval(Some(60)).is_ok());
    }

    #[test]
    fn lists_are_filtered() {
        let query = |pairs: &[(&str, &str)]| {
            let pairs: Vec<_> = pairs
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect();
            filter(&pairs)
        };
        let filter = query(&[("connectionIds", "conn_1,conn_2"), ("limit", "5")]).unwrap();
        assert_eq!(
            filter.connections,
            Some(vec!["conn_1".to_owned(), "conn_2".to_owned()])
        );
        assert_eq!((filter.limit, filter.offset), (5, 0));
        for (name, value) in [
            ("limit", "0"),
            ("limit", "x"),
            ("offset", "-1"),
            ("connectionIds", "x"),
            ("nonsense", "1"),
        ] {
            assert!(query(&[(name, value)]).is_err(), "{name}={value}");
        }
    }

    #[test]
    fn what_does_not_exist_yet_is_not_ignored() {
        assert!(sync(b"").is_ok());
        assert!(sync(br#"{"async":null,"todo_upstreamRefresh":false}"#).is_ok());
        assert_eq!(
            path(sync(br#"{"todo_removeUnsyncedData":true}"#)),
            "body.todo_removeUnsyncedData"
        );
    }
}
