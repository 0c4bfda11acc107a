//! The generated translators against the plain version: both refuse, or both answer the same bytes and warnings.

mod pieces;

use std::{fmt::Debug, sync::Arc};

use bytes::Bytes;
use crosswalk::{
    error::Error,
    route::{Api, UnifiedRequest},
    translate::{
        Answer, ConnectionSettings, Context, CursorKey, NativeRequest, NativeResponse, Recent,
        Step, beside, cursor, encode_record,
        entity::{Entity, Output, RawData},
        warning,
    },
    upstream::provider::Provider,
};
use crosswalk_codegen::plan::PlanBesideKind;

use crate::{Beside, Besides, Mapped, Refused, Told, Warning, encode, json, page};

pub use pieces::{form, pieces};

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
    told: Told,
) -> Result<Agreed, String> {
    let plain = encode(mapped, native, besides, told);
    let plans = mapped.entity.beside.iter();
    let parts = plans.zip(besides).map(|(plan, beside)| match beside {
        Beside::Nothing => beside::Part::Unread,
        Beside::Records(texts) if matches!(plan.kind, PlanBesideKind::Text) => {
            let texts = texts.iter();
            let written = texts.map(|(key, it)| (key.clone(), json::written(&text(it))));
            beside::Part::Texts(written.collect())
        }
        Beside::Records(records) => {
            let records = records.iter();
            let owned = records.map(|(key, record)| (key.clone(), Bytes::from(record.clone())));
            beside::Part::Records(owned.collect())
        }
        Beside::Labels(labels) => {
            let labels = labels.iter();
            let owned = labels.map(|(value, label)| (value.clone(), label.clone()));
            beside::Part::Labels(owned.collect())
        }
    });
    let beside = beside::Beside::of(parts.collect());
    let mut output = Output::default();
    if told.losers {
        output = output.with_losers();
    }
    if !told.raw {
        output = output.with_raw(RawData::None);
    }
    let fast = encode_record(entity, native, &beside, output);
    let fast = fast.map(|it| (text(&it.json), warnings(&it.warnings), it.last_id));
    let plain = plain.map(|it| (it.json, it.warnings, it.last_id));
    same(fast, plain, |fast, plain| fast == plain)
}

/// Compares the two for one page of the list of all records, as the provider answers it.
pub fn list(
    api: &Api,
    provider: &'static Provider,
    mapped: Mapped<'_>,
    body: &[u8],
    size: usize,
    raw: bool,
) -> Result<Agreed, String> {
    let operation = format!("{}.list", mapped.name());
    let route = api.routes.iter().find(|route| route.operation == operation);
    let route = route.ok_or("no such list")?;
    let full = page::list(mapped).ok_or("no such list")?;
    let pager = &full.full[0];
    let plain = page::page(mapped, pager, body, size, raw);
    let cx = context(provider, route.operation);
    let raw_data = if raw { "full" } else { "none" };
    let request = UnifiedRequest {
        path: Vec::new(),
        query: vec![
            ("page_size".to_owned(), size.to_string()),
            ("raw_data".to_owned(), raw_data.to_owned()),
        ],
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
    if fast.is_err() && page::comes_again(body, &pager.rows) {
        // Nobody has to see in advance that a list of rows will not count.
        return Ok(Agreed::Refused);
    }
    same(fast, plain, |fast, plain| is_page(&cx, fast, plain))
}

/// Whether an answer is a page, to the byte. Where it goes on is in its cursor, which is signed.
fn is_page(cx: &Context, fast: &str, plain: &page::Page) -> bool {
    let items = format!("{{\"items\":[{}],\"next_cursor\":", plain.items);
    let Some((cursor, rest)) = fast
        .strip_prefix(&items)
        .and_then(|rest| rest.split_once(",\"has_next_page\":"))
    else {
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
                let field = json::written(field);
                format!(",\"field\":{field}")
            });
            format!(
                "{{\"title\":\"{}\",\"problem_type\":\"{}\",\"detail\":{}{}}}",
                warning.title,
                warning.problem_type,
                json::written(&warning.detail),
                field.unwrap_or_default()
            )
        });
        format!(",\"warnings\":[{}]", warnings.collect::<Vec<_>>().join(","))
    };
    rest == format!("{goes_on}{warnings}}}")
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
                parts: Vec::new(),
            }
        });
        step = translator.resume(responses.collect())?;
    }
    panic!("{}: the list does not come to an end", cx.operation);
}
