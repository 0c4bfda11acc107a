//! The generated translators against the plain version: both refuse, or both answer the same bytes and warnings.

use std::{fmt::Debug, sync::Arc};

use bytes::Bytes;
use crosswalk::{
    error::Error,
    route::{Api, UnifiedRequest},
    translate::{
        Answer, ConnectionSettings, Context, CursorKey, NativeRequest, NativeResponse, Recent,
        Step, beside, cursor, encode_record, entity::Entity, warning,
    },
    upstream::provider::Provider,
};

use crate::{Beside, Besides, Mapped, Refused, Warning, encode, page};

/// Whether the translators keep rules 2, 3, 4 and 6. Until they do, records in which it matters are left out, and texts
/// are compared by what they say.
pub const KEEPS_ALL_RULES: bool = false;

/// More rounds than a list needs.
const MOST_ROUNDS: usize = 16;

/// What both say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Agreed {
    Refused,
    Answered,
}

/// Compares the two for one record. The error is the difference, in words.
pub fn record(
    mapped: Mapped<'_>,
    entity: &Entity,
    native: &[u8],
    besides: &Besides,
    with_losers: bool,
) -> Result<Agreed, String> {
    let plain = encode(mapped, native, besides, with_losers);
    let parts = besides.iter().map(|beside| match beside {
        Beside::Nothing => beside::Part::Unread,
        Beside::Records(records) => {
            let records = records.iter();
            let owned = records.map(|(key, record)| (key.clone(), Bytes::from(record.clone())));
            beside::Part::Records(owned.collect())
        }
        Beside::Labels(labels) => {
            let owned = labels
                .iter()
                .map(|(value, label)| (value.clone(), label.clone()));
            beside::Part::Labels(owned.collect())
        }
    });
    let beside = beside::Beside::of(parts.collect());
    let fast = encode_record(entity, native, &beside, with_losers);
    let fast = fast.map(|it| (text(&it.json), warnings(&it.warnings), it.last_id));
    let plain = plain.map(|it| (it.json, it.warnings, it.last_id));
    let agreed = same(fast, plain, |fast, plain| {
        today::same_text(&fast.0, &plain.0) && fast.1 == plain.1 && fast.2 == plain.2
    });
    agreed.or_else(|difference| today::excuse(mapped, native, difference))
}

/// Compares the two for one page of the list of all records, as the provider answers it.
pub fn list(
    api: &Api,
    provider: &'static Provider,
    mapped: Mapped<'_>,
    body: &[u8],
    size: usize,
) -> Result<Agreed, String> {
    let operation = format!("{}.list", mapped.name());
    let route = api.routes.iter().find(|route| route.operation == operation);
    let route = route.ok_or("no such list")?;
    let full = page::list(mapped).ok_or("no such list")?;
    let pager = &full.full[0];
    let plain = page::page(mapped, pager, body, size);
    let cx = context(provider, route.operation);
    let request = UnifiedRequest {
        path: Vec::new(),
        query: vec![("page_size".to_owned(), size.to_string())],
        body: Bytes::new(),
    };
    let nothing = format!("{{{}}}", crate::random::nested(&pager.rows, "[]"));
    let mut asked: Option<&str> = None;
    let fast = drive(api, &cx, &request, |call| match asked {
        None => {
            asked = Some(call.operation.id);
            (200, body.to_vec())
        }
        // The rest of the list is empty, and nothing is found beside the records.
        Some(id) if id == call.operation.id => (200, nothing.clone().into_bytes()),
        Some(_) => (404, b"{}".to_vec()),
    });
    let fast = fast.map(|answer| text(&answer.body));
    let agreed = same(fast, plain, |fast, plain| is_page(&cx, fast, plain));
    agreed.or_else(|difference| today::excuse_page(mapped, pager, body, difference))
}

/// Whether an answer is a page, to the byte. Where it goes on is in its cursor, which is signed.
fn is_page(cx: &Context, fast: &str, plain: &page::Page) -> bool {
    let Some(rest) = fast.strip_prefix("{\"next_cursor\":") else {
        return false;
    };
    let Some((cursor, rest)) = rest.split_once(",\"has_next_page\":") else {
        return false;
    };
    let cursor = cursor.trim_matches('"');
    let goes_on = plain.rows > 0 && (plain.token.is_some() || plain.after.is_some());
    if goes_on {
        let Ok(position) = cursor::decode(cx, cursor) else {
            return false;
        };
        if position.token != plain.token || position.after != plain.after {
            return false;
        }
    }
    let warnings = if plain.warnings.is_empty() {
        String::new()
    } else {
        let warnings = plain.warnings.iter().map(|warning| {
            let field = warning.field.as_ref().map(|field| {
                let field = crate::json::written(field);
                format!(",\"field\":{field}")
            });
            format!(
                "{{\"title\":\"{}\",\"problem_type\":\"{}\",\"detail\":{}{}}}",
                warning.title,
                warning.problem_type,
                crate::json::written(&warning.detail),
                field.unwrap_or_default()
            )
        });
        format!(",\"warnings\":[{}]", warnings.collect::<Vec<_>>().join(","))
    };
    let items = &plain.items;
    let wanted = format!("{goes_on},\"items\":[{items}]{warnings}}}");
    today::same_text(rest, &wanted)
}

fn same<F: Debug, P: Debug>(
    fast: Result<F, Error>,
    plain: Result<P, Refused>,
    is_same: impl Fn(&F, &P) -> bool,
) -> Result<Agreed, String> {
    match (fast, plain) {
        (Err(error), Err(_)) if error.code.status() == 502 => Ok(Agreed::Refused),
        (Ok(fast), Ok(plain)) if is_same(&fast, &plain) => Ok(Agreed::Answered),
        (fast, plain) => Err(format!("generated: {fast:#?}\nplain: {plain:#?}")),
    }
}

fn text(json: &[u8]) -> String {
    String::from_utf8_lossy(json).into_owned()
}

fn warnings(warnings: &[warning::Warning]) -> Vec<Warning> {
    let warnings = warnings.iter().cloned();
    let ours = warnings.map(|warning| Warning {
        title: warning.title.to_owned(),
        problem_type: warning.problem_type.to_owned(),
        detail: warning.detail,
        field: warning.field,
    });
    ours.collect()
}

fn context(provider: &'static Provider, operation: &'static str) -> Context {
    let version = provider.versions.default;
    let roots = provider.versions.families[0].roots.iter();
    let roots = roots.map(|root| root.replace("{version}", version));
    Context {
        provider,
        operation,
        connection: Arc::new(ConnectionSettings {
            id: "c1".to_owned(),
            roots: roots.collect(),
            cursor_key: CursorKey([1; 32]),
        }),
        now: "2026-11-26T12:00:00Z".parse().expect("a time"),
        hidden: Arc::default(),
        objects: Arc::default(),
        fields: None,
    }
}

fn drive<'c>(
    api: &Api,
    cx: &Context,
    request: &UnifiedRequest,
    mut respond: impl FnMut(&NativeRequest) -> (u16, Vec<u8>) + 'c,
) -> Result<Answer, Error> {
    let mut translator = (api.translator)(cx.operation, cx.clone(), request)?;
    let mut step = translator.start(&Recent::default())?;
    for _ in 0..MOST_ROUNDS {
        let calls = match step {
            Step::Answer(answer) => return Ok(answer),
            Step::Calls(calls) => calls,
        };
        let responses = calls.iter().map(|call| {
            let (status, body) = respond(call);
            NativeResponse {
                status,
                body: body.into(),
                date: None,
                correlation_id: None,
            }
        });
        step = translator.resume(responses.collect())?;
    }
    panic!("{}: the list does not come to an end", cx.operation);
}

/// What is different as long as the translators do not keep all rules.
mod today {
    use crosswalk_codegen::plan::PlanPager;
    use serde_json::value::RawValue;

    use super::{Agreed, KEEPS_ALL_RULES};
    use crate::{
        Mapped,
        json::{self, Object},
    };

    /// Rule 6: escapes are not kept.
    pub(super) fn same_text(fast: &str, plain: &str) -> bool {
        fast == plain || (!KEEPS_ALL_RULES && normal(fast) == normal(plain))
    }

    /// The same JSON with every text written as `serde_json` writes it.
    fn normal(json: &str) -> String {
        let mut normal = String::new();
        let mut rest = json;
        while let Some(start) = rest.find('"') {
            normal.push_str(&rest[..start]);
            rest = &rest[start..];
            let mut end = 1;
            while rest.as_bytes()[end] != b'"' {
                end += 1 + usize::from(rest.as_bytes()[end] == b'\\');
            }
            let (token, after) = rest.split_at(end + 1);
            let text = json::text(token).map(|text| json::written(&text));
            normal.push_str(text.as_deref().unwrap_or(token));
            rest = after;
        }
        normal + rest
    }

    /// Rules 2 to 4: two members of one name, keys that are no text, lists in the place of objects.
    pub(super) fn excuse(
        mapped: Mapped<'_>,
        native: &[u8],
        difference: String,
    ) -> Result<Agreed, String> {
        let Ok(root) = json::legal(native) else {
            return Err(difference);
        };
        let is_list =
            |from: &crosswalk_codegen::plan::PlanNativeRef| json::at(root, &from.path).is_err();
        if !KEEPS_ALL_RULES && (is_odd(root) || mapped.refs().any(is_list)) {
            return Ok(Agreed::Refused);
        }
        Err(difference)
    }

    pub(super) fn excuse_page(
        mapped: Mapped<'_>,
        pager: &PlanPager,
        body: &[u8],
        difference: String,
    ) -> Result<Agreed, String> {
        let Ok(root) = json::legal(body) else {
            // Rule 1: what no record is made of is not looked at.
            let is_text = std::str::from_utf8(body).is_ok();
            return if KEEPS_ALL_RULES || is_text {
                Err(difference)
            } else {
                Ok(Agreed::Refused)
            };
        };
        let rows = json::at_if_any(root, &pager.rows);
        let rows = rows.and_then(|rows| json::elements(rows).ok());
        let mut rows = rows.unwrap_or_default().into_iter();
        let is_odd = !KEEPS_ALL_RULES && is_odd(root);
        if is_odd || rows.any(|row| excuse(mapped, row.get().as_bytes(), String::new()).is_ok()) {
            return Ok(Agreed::Refused);
        }
        Err(difference)
    }

    fn is_odd(raw: &RawValue) -> bool {
        if let Ok(elements) = json::elements(raw) {
            return elements.into_iter().any(is_odd);
        }
        let Ok(object) = Object::read(raw) else {
            return false;
        };
        let keys: Vec<&[u8]> = object.members().map(|(key, _)| key).collect();
        let is_twice = keys
            .iter()
            .enumerate()
            .any(|(at, key)| keys[..at].contains(key));
        let is_half = keys.iter().any(|key| std::str::from_utf8(key).is_err());
        is_twice || is_half || object.members().any(|(_, value)| is_odd(value))
    }
}
