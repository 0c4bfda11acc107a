//! A line of the log as one JSON object: `timestamp`, `level`, `message`, and the fields of the event beside them.
//!
//! Spans are not written; nothing here opens any.

use std::fmt;

use jiff::Timestamp;
use serde::Serialize;
use tracing::{
    Event, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::{
    fmt::{FmtContext, FormatEvent, FormatFields, format::Writer},
    registry::LookupSpan,
};

/// Writes events as JSON.
#[derive(Debug)]
pub struct Json;

impl<S, N> FormatEvent<S, N> for Json
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        _: &FmtContext<'_, S, N>,
        writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let level = event.metadata().level();
        let mut line = Line {
            writer,
            result: Ok(()),
        };
        line.raw(format_args!(
            "{{\"timestamp\":\"{:.6}\",\"level\":\"{level}\"",
            Timestamp::now()
        ));
        event.record(&mut line);
        line.raw(format_args!("}}\n"));
        line.result
    }
}

/// A line under way. After a failure nothing more is written.
struct Line<'w> {
    writer: Writer<'w>,
    result: fmt::Result,
}

impl Line<'_> {
    fn raw(&mut self, text: fmt::Arguments<'_>) {
        if self.result.is_ok() {
            self.result = self.writer.write_fmt(text);
        }
    }

    fn member(&mut self, field: &Field, value: fmt::Arguments<'_>) {
        // Names of fields are identifiers of Rust, perhaps with dots: there is nothing in them to escape.
        self.raw(format_args!(",\"{}\":{value}", field.name()));
    }

    fn text(&mut self, field: &Field, value: &(impl Serialize + ?Sized)) {
        match serde_json::to_string(value) {
            Ok(json) => self.member(field, format_args!("{json}")),
            Err(_) => self.result = Err(fmt::Error),
        }
    }
}

impl Visit for Line<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.text(field, value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.text(field, &format!("{value:?}"));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.member(field, format_args!("{value}"));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.member(field, format_args!("{value}"));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.member(field, format_args!("{value}"));
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        // What is no number is no JSON either.
        self.text(field, &value);
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io,
        sync::{Arc, Mutex},
    };

    use serde_json::Value;

    use super::*;

    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Written {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_line_is_an_object_with_its_fields_as_they_are() {
        let written = Written::default();
        let writer = written.clone();
        let subscriber = tracing_subscriber::fmt()
            .event_format(Json)
            .with_writer(move || writer.clone())
            .finish();
        tracing::subscriber::with_default(subscriber, || {
            tracing::warn!(
                text = "a \"quoted\"\nline",
                shown = %"x\\y",
                count = 7_u64,
                less = -7_i64,
                rate = 0.5,
                nothing = f64::NAN,
                yes = true,
                unset = None::<&str>,
                set = Some("s"),
                address = Some(tracing::field::display("127.0.0.1:1")),
                "said {}",
                1
            );
        });
        let line = String::from_utf8(written.0.lock().unwrap().clone()).unwrap();
        assert!(
            line.ends_with("}\n") && line.matches('\n').count() == 1,
            "{line}"
        );
        let mut told: Value = serde_json::from_str(&line).unwrap();
        let at = told["timestamp"].take();
        let at = at.as_str().unwrap();
        assert!(at.parse::<Timestamp>().is_ok() && at.len() == 27, "{at}");
        assert_eq!(
            told,
            serde_json::json!({
                "timestamp": null, "level": "WARN", "message": "said 1", "text": "a \"quoted\"\nline", "shown": "x\\y",
                "count": 7, "less": -7, "rate": 0.5, "nothing": null, "yes": true, "set": "s", "address": "127.0.0.1:1",
            })
        );
    }
}
