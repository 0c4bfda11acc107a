//! Spans as OTLP has them in JSON (`ExportTraceServiceRequest`): ids in hexadecimal, numbers of 64 bits as texts.

use serde_json::{Value as Json, json};

use super::{Span, Value};

/// The body of one post.
pub(super) fn request(service: &str, spans: &[Span]) -> Vec<u8> {
    let version = env!("CARGO_PKG_VERSION");
    let spans: Vec<Json> = spans.iter().map(span).collect();
    let body = json!({
        "resourceSpans": [{
            "resource": { "attributes": [
                attribute("service.name", &Value::Text(service.to_owned().into())),
                attribute("service.version", &Value::Text(version.into())),
            ] },
            "scopeSpans": [{ "scope": { "name": "crosswalk", "version": version }, "spans": spans }],
        }],
    });
    body.to_string().into_bytes()
}

fn span(span: &Span) -> Json {
    let attributes = span.attributes.iter();
    let attributes: Vec<Json> = attributes
        .map(|(name, value)| attribute(name, value))
        .collect();
    let mut json = json!({
        "traceId": format!("{:032x}", span.trace),
        "spanId": format!("{:016x}", span.id),
        "name": span.name,
        "kind": span.kind as u8,
        "startTimeUnixNano": span.start.to_string(),
        "endTimeUnixNano": span.end.to_string(),
        "attributes": attributes,
        // 0 says nothing, 2 is an error.
        "status": { "code": if span.is_error { 2 } else { 0 } },
    });
    if span.parent != 0 {
        json["parentSpanId"] = format!("{:016x}", span.parent).into();
    }
    if let Some(state) = &span.state {
        json["traceState"] = state.as_str().into();
    }
    json
}

fn attribute(name: &str, value: &Value) -> Json {
    match value {
        Value::Text(text) => json!({ "key": name, "value": { "stringValue": text } }),
        Value::Number(number) => {
            json!({ "key": name, "value": { "intValue": number.to_string() } })
        }
    }
}
