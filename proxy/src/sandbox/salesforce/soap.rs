//! The Metadata API: `POST /services/Soap/m/59.0` (`salesforce.md` §7.1). Sessions come in the envelope.

use http::StatusCode;
use serde_json::{Value, json};

use super::{fault::Fault, metadata, state::State};
use crate::sandbox::http::{Call, Reply};

mod form;
mod xml;

use xml::Element;

/// The most components of one call.
const MOST: usize = 10;

const ENVELOPE: &str = "http://schemas.xmlsoap.org/soap/envelope/";
const METADATA: &str = "http://soap.sforce.com/2006/04/metadata";

/// What a fault says: its code, and a text that begins with it.
#[derive(Debug)]
pub(super) struct SoapFault {
    code: &'static str,
    text: String,
}

/// A call that was understood.
#[derive(Debug)]
pub(super) struct SoapCall {
    /// Of the session header.
    pub(super) session: String,
    body: Element,
}

impl SoapFault {
    fn new(code: &'static str, text: impl Into<String>) -> Self {
        Self {
            code,
            text: text.into(),
        }
    }

    pub(super) fn session() -> Self {
        Self::new(
            "sf:INVALID_SESSION_ID",
            "INVALID_SESSION_ID: Invalid Session ID found in SessionHeader: Illegal Session. Session not found, missing session hash",
        )
    }

    /// The same that REST says, as a fault.
    pub(super) fn limit() -> Self {
        let text = "REQUEST_LIMIT_EXCEEDED: TotalRequests Limit exceeded.";
        Self::new("sf:REQUEST_LIMIT_EXCEEDED", text)
    }

    pub(super) fn reply(&self) -> Reply {
        let mut inside = String::new();
        xml::write(&mut inside, "faultcode", &Value::from(self.code));
        xml::write(&mut inside, "faultstring", &Value::from(self.text.as_str()));
        let body = format!("<soapenv:Fault>{inside}</soapenv:Fault>");
        envelope(StatusCode::INTERNAL_SERVER_ERROR, "xmlns:sf", &body)
    }
}

/// Whether an address is that of the Metadata API.
pub(super) fn is_metadata(path: &str) -> bool {
    path.strip_prefix("/services/Soap/m/").is_some_and(|rest| {
        let version = rest.split('/').next().unwrap_or_default();
        version.parse::<f32>().is_ok_and(|version| version >= 59.0)
    })
}

pub(super) fn read(call: &Call) -> Result<SoapCall, SoapFault> {
    if call.header("soapaction").is_none() {
        let text = "SOAPAction HTTP header missing";
        return Err(SoapFault::new("soapenv:Client", text));
    }
    let text = std::str::from_utf8(&call.body).unwrap_or_default();
    let malformed = || {
        SoapFault::new(
            "soapenv:Client",
            "content is not allowed: the envelope cannot be read",
        )
    };
    let envelope = xml::parse(text).ok_or_else(malformed)?;
    let session = envelope
        .child("Header")
        .and_then(|header| header.child("SessionHeader"))
        .and_then(|header| header.child("sessionId"))
        .map_or("", |session| session.text.trim())
        .to_owned();
    let body = envelope
        .children
        .into_iter()
        .find(|child| child.name == "Body")
        .and_then(|body| body.children.into_iter().next())
        .ok_or_else(malformed)?;
    Ok(SoapCall { session, body })
}

pub(super) fn answer(state: &mut State, call: &SoapCall, now: &str) -> Result<Reply, SoapFault> {
    let body = &call.body;
    let inside = match body.name.as_str() {
        "createMetadata" => create(state, body, now)?,
        "readMetadata" => read_all(state, body)?,
        other => {
            let text = format!("No operation available for request {{{METADATA}}}{other}");
            return Err(SoapFault::new("soapenv:Client", text));
        }
    };
    let name = format!("{}Response", body.name);
    let body = format!("<{name}>{inside}</{name}>");
    Ok(envelope(StatusCode::OK, "xmlns", &body))
}

fn create(state: &mut State, body: &Element, now: &str) -> Result<String, SoapFault> {
    let components: Vec<&Element> = body.all("metadata").collect();
    check_count(components.len())?;
    let kinds: Vec<&str> = components
        .iter()
        .map(|it| it.ty.as_deref().unwrap_or_default())
        .collect();
    if kinds.iter().any(|kind| *kind != kinds[0]) {
        let text = "INVALID_TYPE: All metadata must be of the same type";
        return Err(SoapFault::new("sf:INVALID_TYPE", text));
    }
    let mut results = String::new();
    for (component, kind) in components.into_iter().zip(kinds) {
        let definition = form::kept(component.json());
        let name = definition["fullName"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        let created = match kind {
            "CustomObject" => metadata::create_object(state, &definition, now),
            "CustomField" => metadata::create_field(state, &name, &definition, now).map(|_| ()),
            other => return Err(unknown(other)),
        };
        xml::write(
            &mut results,
            "result",
            &result(&name, created.err().as_ref()),
        );
    }
    Ok(results)
}

fn read_all(state: &State, body: &Element) -> Result<String, SoapFault> {
    let kind = body.child("type").map_or("", |kind| kind.text.trim());
    let names: Vec<&str> = body.all("fullNames").map(|name| name.text.trim()).collect();
    check_count(names.len())?;
    let mut records = String::new();
    for name in names {
        let found = match kind {
            "CustomObject" => metadata::read_object(state, name),
            "CustomField" => metadata::read_field(state, name),
            other => return Err(unknown(other)),
        };
        let found = found.map(form::shown);
        match found.as_ref().and_then(Value::as_object) {
            None => records.push_str("<records xsi:nil=\"true\"/>"),
            Some(members) => {
                records.extend(["<records xsi:type=\"", kind, "\">"]);
                for (name, value) in members {
                    xml::write(&mut records, name, value);
                }
                records.push_str("</records>");
            }
        }
    }
    Ok(format!("<result>{records}</result>"))
}

fn check_count(count: usize) -> Result<(), SoapFault> {
    if (1..=MOST).contains(&count) {
        return Ok(());
    }
    let text = format!(
        "EXCEEDED_ID_LIMIT: record limit reached. cannot submit more than {MOST} records in this operation"
    );
    Err(SoapFault::new("sf:EXCEEDED_ID_LIMIT", text))
}

fn unknown(kind: &str) -> SoapFault {
    let text = format!(
        "INVALID_TYPE: This type of metadata is not available for this organization: {kind}"
    );
    SoapFault::new("sf:INVALID_TYPE", text)
}

fn result(name: &str, fault: Option<&Fault>) -> Value {
    let Some(fault) = fault else {
        return json!({ "fullName": name, "success": true });
    };
    let error = &fault.body[0];
    json!({
        "errors": { "fields": error["fields"], "message": error["message"], "statusCode": error["errorCode"] },
        "fullName": name, "success": false,
    })
}

/// `prefix` says how the namespace of the answer is bound.
fn envelope(status: StatusCode, prefix: &str, body: &str) -> Reply {
    let text = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><soapenv:Envelope xmlns:soapenv=\"{ENVELOPE}\" {prefix}=\"{METADATA}\" xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\"><soapenv:Body>{body}</soapenv:Body></soapenv:Envelope>"
    );
    Reply::text(status, "text/xml;charset=UTF-8", text)
}
