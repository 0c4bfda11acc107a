//! `crosswalk call`: a call to a running proxy, from the terminal.
//!
//! The answer goes to stdout, all that is said about it to stderr, so that the one can be piped on.

use std::{
    io::{self, Write as _},
    time::Duration,
};

use clap::ArgMatches;
use crosswalk::route::Api;
use serde_json::{Value, value::RawValue};
use url::Url;

use super::{
    Failure,
    client::{Access, Answer, Call, Proxy},
    json_text::{harmless, pretty},
    paint::{Ink, Paint},
    progress::Progress,
    runtime,
};

mod body;
mod help;
mod native;
pub(super) mod operation;

use operation::{ALL, CONNECTION, Called, DATA, JSON, NATIVE, Operation, SET};

/// Longer than any proxy lets a call take, unless it was told otherwise.
pub(super) const PATIENCE: Duration = Duration::from_secs(150);

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    access: Access,
    #[command(subcommand)]
    called: Called,
}

pub(super) fn run(api: &Api, arguments: Arguments) -> Result<(), Failure> {
    let Arguments { access, called } = arguments;
    let asked = Asked::read(&called)?;
    let proxy = access.proxy(api)?;
    runtime()?.block_on(async {
        if asked.is_all {
            all(&proxy, &asked).await
        } else {
            once(&proxy, &asked).await
        }
    })
}

/// What is called for, and how the answer is to be shown.
struct Asked<'a> {
    operation: &'static Operation,
    matches: &'a ArgMatches,
    body: Option<Vec<u8>>,
    is_json: bool,
    is_native: bool,
    is_all: bool,
    out: Paint,
    err: Paint,
}

impl<'a> Asked<'a> {
    fn read(called: &'a Called) -> Result<Self, Failure> {
        let Called { operation, matches } = called;
        let body = match operation.body {
            Some(schema) => {
                let data = matches.get_one::<String>(DATA).map(String::as_str);
                let sets = matches.get_many::<String>(SET).unwrap_or_default();
                let sets: Vec<&str> = sets.map(String::as_str).collect();
                Some(body::put_together(schema, data, &sets).map_err(Failure::Usage)?)
            }
            None => None,
        };
        Ok(Self {
            operation,
            matches,
            body,
            is_json: matches.get_flag(JSON),
            is_native: matches.get_flag(NATIVE),
            is_all: operation.has_pages() && matches.get_flag(ALL),
            out: Paint::of(&io::stdout()),
            err: Paint::of(&io::stderr()),
        })
    }

    /// The call, with another cursor where a page goes before it.
    fn call(&self, cursor: Option<&str>) -> Result<Call, Failure> {
        let mut call = self.operation.call(|parameter| match cursor {
            Some(cursor) if parameter.name == "cursor" => Some(cursor.to_owned()),
            _ => parameter.value(self.matches),
        })?;
        call.patience = PATIENCE;
        call.body = self.body.clone().map(Into::into);
        if self.operation.has_connection
            && let Some(connection) = self.matches.get_one::<String>(CONNECTION)
        {
            call.put("x-connection-id", connection)?;
        }
        if self.is_native {
            call.put(native::ASK, native::FULL)?;
        }
        Ok(call)
    }
}

async fn once(proxy: &Proxy, asked: &Asked<'_>) -> Result<(), Failure> {
    let answer = proxy.send(asked.call(None)?).await?;
    let mut is_told = false;
    if asked.is_native {
        let admin = asked
            .matches
            .get_one::<Url>("admin_url")
            .or(proxy.admin.as_ref());
        match native::record(proxy, admin, &answer).await {
            // It has the answer as well.
            Ok(record) if asked.is_json => {
                print(&record.text())?;
                is_told = true;
            }
            Ok(record) => print(native::show(&record.value(), asked.out).trim_end())?,
            Err(reason) => tell(&format!(
                "{}: {reason}",
                asked.err.ink(Ink::Careful, "warning")
            )),
        }
    }
    tell(&about(&answer, asked.err));
    if !answer.status.is_success() {
        if asked.is_json && !is_told {
            print(&answer.text())?;
        }
        return Err(proxy.refused(&answer));
    }
    if is_told {
        return Ok(());
    }
    if asked.is_json {
        print(&answer.text())
    } else {
        warn(&answer.value(), asked.err);
        print(&pretty(&answer.text(), asked.out))
    }
}

/// `200 OK, 41 ms, request 0af7651916cd43dd8448eb211c80319c`
fn about(answer: &Answer, paint: Paint) -> String {
    let ink = match answer.status.as_u16() {
        200..=299 => Ink::Good,
        _ => Ink::Bad,
    };
    format!(
        "{}, {} ms, request {}",
        paint.ink(ink, &answer.status.to_string()),
        answer.took.as_millis(),
        harmless(answer.request_id().unwrap_or("without an id"), paint)
    )
}

/// What an answer warns of is easily overlooked among its records.
fn warn(answer: &Value, paint: Paint) {
    for warning in answer["warnings"].as_array().into_iter().flatten() {
        if let Some(message) = warning["message"].as_str() {
            let message = harmless(message, paint);
            tell(&format!(
                "{}: {message}",
                paint.ink(Ink::Careful, "warning")
            ));
        }
    }
}

/// A page, whose records keep their bytes.
#[derive(serde::Deserialize)]
struct Page<'a> {
    #[serde(borrow)]
    items: Vec<&'a RawValue>,
    next_cursor: Option<String>,
    #[serde(default, rename = "has_next_page")]
    has_next: bool,
}

async fn all(proxy: &Proxy, asked: &Asked<'_>) -> Result<(), Failure> {
    let mut progress = Progress::without_end();
    let mut out = io::stdout().lock();
    let (mut pages, mut records) = (0_u64, 0_u64);
    let mut cursor: Option<String> = None;
    loop {
        let answer = proxy.send(asked.call(cursor.as_deref())?).await?;
        if !answer.status.is_success() {
            progress.end();
            tell(&about(&answer, asked.err));
            if let Some(cursor) = &cursor {
                tell(&format!(
                    "{records} records came before; --cursor {cursor} goes on from there"
                ));
            }
            return Err(proxy.refused(&answer));
        }
        let page: Page<'_> = serde_json::from_slice(&answer.body).map_err(|error| {
            Failure::Unavailable(format!(
                "{}: expected a page of records: {error}",
                proxy.url
            ))
        })?;
        for record in &page.items {
            let record = record.get();
            if asked.is_json {
                writeln!(out, "{record}")?;
            } else {
                let between = if records == 0 { "[" } else { "," };
                let shown = pretty(record, asked.out).replace('\n', "\n  ");
                write!(out, "{between}\n  {shown}")?;
            }
            records += 1;
        }
        out.flush()?;
        pages += 1;
        progress.tell(&format!("{pages} pages, {records} records"));
        let is_same = page.next_cursor == cursor;
        match page.next_cursor {
            Some(_) if page.has_next && is_same => {
                return Err(Failure::Unavailable(format!(
                    "{}: the next page is the same as the one before",
                    proxy.url
                )));
            }
            Some(next) if page.has_next => cursor = Some(next),
            last => {
                progress.end();
                if !asked.is_json {
                    writeln!(out, "{}", if records == 0 { "[]" } else { "\n]" })?;
                    out.flush()?;
                }
                tell(&format!(
                    "{}, {records} records on {pages} pages",
                    about(&answer, asked.err)
                ));
                if let Some(next) = last {
                    tell(&format!("what changes from now on: --cursor {next}"));
                }
                return Ok(());
            }
        }
    }
}

/// The answer, which is the only thing on stdout.
fn print(text: &str) -> Result<(), Failure> {
    super::say(text)
}

/// Nothing can be done where even stderr is gone.
fn tell(text: &str) {
    let _ = writeln!(io::stderr(), "{text}");
}
