//! Answers with numbers as Java writes them: `1200.0`, and `1.2E7` from ten million on (`salesforce.md` §5.5).

use std::io::{self, Write};

use http::StatusCode;
use serde::Serialize;
use serde_json::{Serializer, Value, ser::Formatter};

use crate::sandbox::http::Reply;

/// A JSON answer.
pub(super) fn json(status: StatusCode, body: &Value) -> Reply {
    let mut text = Vec::new();
    // Writing a value to memory does not fail.
    let written = body.serialize(&mut Serializer::with_formatter(&mut text, Java));
    if written.is_err() {
        return Reply::json(status, body);
    }
    Reply::text(status, "application/json;charset=UTF-8", text)
}

struct Java;

impl Formatter for Java {
    fn write_f64<W: ?Sized + Write>(&mut self, writer: &mut W, value: f64) -> io::Result<()> {
        let size = value.abs();
        if size == 0.0 || (1e-3..1e7).contains(&size) {
            return write!(writer, "{value:?}");
        }
        let text = format!("{value:e}");
        let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        let point = if digits.contains('.') { "" } else { ".0" };
        write!(writer, "{digits}{point}E{exponent}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_java_writes_them() {
        for (number, text) in [
            (0.0, "0.0"),
            (100.0, "100.0"),
            (9_999_999.99, "9999999.99"),
            (10_000_000.0, "1.0E7"),
            (-12_345_678.9, "-1.23456789E7"),
            (0.001, "0.001"),
            (0.000_25, "2.5E-4"),
            (999_999_999_999_999.9, "9.999999999999999E14"),
        ] {
            let reply = json(StatusCode::OK, &serde_json::json!([number, 5]));
            assert_eq!(reply.body, format!("[{text},5]"));
            let back: Vec<f64> = serde_json::from_slice(&reply.body).unwrap();
            assert!((back[0] - number).abs() < f64::EPSILON);
        }
    }
}
