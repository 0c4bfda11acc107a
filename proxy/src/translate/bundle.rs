//! Several calls in one round trip, for providers that have such a call.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{
    Context, NativeRequest, NativeResponse,
    call::{Call, Root},
    native,
};
use crate::{
    error::Error,
    upstream::{
        fault,
        provider::{NativeOperation, Provider},
    },
};

/// How a provider bundles calls.
#[derive(Debug)]
pub struct BundleForm {
    pub operation: &'static NativeOperation,
    pub root: Root,
    pub path: &'static str,
    /// Other members of the request: `(name, JSON)`.
    pub members: &'static [(&'static str, &'static str)],
    /// The same where nothing is carried out when one part fails.
    pub atomic_members: &'static [(&'static str, &'static str)],
    /// The codes of parts that failed only since another one did.
    pub halted: &'static [&'static str],
    pub requests: &'static str,
    pub request_method: &'static str,
    pub request_target: &'static str,
    pub request_name: &'static str,
    pub request_body: &'static str,
    pub responses: &'static str,
    pub response_status: &'static str,
    pub response_body: &'static str,
}

impl BundleForm {
    /// One call of several parts, each with the name by which later parts refer to it.
    pub fn request(
        &self,
        cx: &Context,
        parts: &[(&str, NativeRequest)],
        atomic: bool,
    ) -> NativeRequest {
        let members = if atomic {
            self.atomic_members
        } else {
            self.members
        };
        Call::new(self.operation, cx, self.root)
            .path(self.path)
            .body(|json| {
                json.object(|object| {
                    for (name, value) in members {
                        object.member(name).literal(value);
                    }
                    object.member(self.requests).list(|list| {
                        for (name, part) in parts {
                            list.item().object(|object| {
                                object
                                    .member(self.request_method)
                                    .text(part.operation.method.as_str());
                                object.member(self.request_target).text(&part.target);
                                object.member(self.request_name).text(name);
                                if let Some(body) = &part.body {
                                    let body = std::str::from_utf8(body)
                                        .expect("the JSON writer writes UTF-8");
                                    object.member(self.request_body).literal(body);
                                }
                            });
                        }
                    });
                });
            })
            .build()
    }

    /// The responses of the parts, in the order of the request.
    pub fn split(
        &self,
        response: &NativeResponse,
        parts: usize,
    ) -> Result<Vec<NativeResponse>, Error> {
        let expected = parts;
        let members: std::collections::HashMap<String, &RawValue> = native::parse(&response.body)?;
        let list = members
            .get(self.responses)
            .ok_or_else(|| self.malformed())?;
        let parts: Vec<std::collections::HashMap<String, &RawValue>> =
            serde_json::from_str(list.get()).map_err(|_| self.malformed())?;
        let mut responses = Vec::with_capacity(expected);
        for part in parts {
            let status = part
                .get(self.response_status)
                .and_then(|status| u16::deserialize(*status).ok());
            let body = part.get(self.response_body).map_or("", |body| body.get());
            responses.push(NativeResponse {
                status: status.ok_or_else(|| self.malformed())?,
                body: if body == "null" {
                    bytes::Bytes::new()
                } else {
                    response.body.slice_ref(body.as_bytes())
                },
                date: response.date,
                correlation_id: response.correlation_id.clone(),
            });
        }
        if responses.len() == expected {
            Ok(responses)
        } else {
            Err(self.malformed())
        }
    }

    /// The part that made an atomic bundle fail: the others only say that they were stopped or undone.
    pub fn culprit<'r>(
        &self,
        provider: &'static Provider,
        responses: &'r [NativeResponse],
    ) -> Option<&'r NativeResponse> {
        let failed = || responses.iter().filter(|response| !response.is_success());
        let is_halted = |response: &&NativeResponse| {
            let code = fault::code(provider, response);
            code.is_some_and(|code| self.halted.contains(&code.as_str()))
        };
        failed()
            .find(|response| !is_halted(response))
            .or_else(|| failed().next())
    }

    fn malformed(&self) -> Error {
        Error::bad_gateway(format!(
            "the provider's answer to `{}` is not what its spec says",
            self.operation.id
        ))
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::Method;

    use super::*;
    use crate::{translate::tests::context, upstream::provider::{Content, Effect}};

    static POST: NativeOperation = NativeOperation {
        id: "bundle",
        method: Method::POST,
        effect: Effect::Write,
        content: Content::Json,
    };
    static FORM: BundleForm = BundleForm {
        operation: &POST,
        root: Root(0),
        path: "/bundle",
        members: &[("allOrNone", "false")],
        atomic_members: &[("allOrNone", "true")],
        halted: &["HALTED"],
        requests: "requests",
        request_method: "method",
        request_target: "url",
        request_name: "ref",
        request_body: "body",
        responses: "responses",
        response_status: "status",
        response_body: "body",
    };

    fn response(body: &'static str) -> NativeResponse {
        NativeResponse {
            status: 200,
            body: Bytes::from_static(body.as_bytes()),
            date: None,
            correlation_id: None,
        }
    }

    #[test]
    fn parts_are_written_with_their_names() {
        let write = Call::new(&POST, &context(), Root(0))
            .path("/rows")
            .body(|json| json.literal("{\"a\":1}"))
            .build();
        let bundle = FORM.request(&context(), &[("write", write)], false);
        assert_eq!(
            std::str::from_utf8(&bundle.body.unwrap()).unwrap(),
            r#"{"allOrNone":false,"requests":[{"method":"POST","url":"/api/rows","ref":"write","body":{"a":1}}]}"#
        );
    }

    #[test]
    fn responses_come_apart_by_part() {
        let parts = FORM
            .split(
                &response(
                    r#"{"responses":[{"status":204,"body":null},{"body":{"Id":"1"},"status":200}]}"#,
                ),
                2,
            )
            .unwrap();
        let [write, row] = parts.as_slice() else {
            panic!("two parts");
        };
        assert_eq!((write.status, write.body.len()), (204, 0));
        assert_eq!((row.status, &row.body[..]), (200, &br#"{"Id":"1"}"#[..]));
    }

    #[test]
    fn an_answer_with_fewer_parts_is_refused() {
        assert!(
            FORM.split(
                &response(r#"{"responses":[{"status":204,"body":null}]}"#),
                2
            )
            .is_err()
        );
        assert!(FORM.split(&response("{}"), 1).is_err());
        assert!(FORM.split(&response("[]"), 1).is_err());
    }
}
