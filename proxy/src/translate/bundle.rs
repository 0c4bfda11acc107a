//! Several calls in one round trip, for providers that have such a call.

use std::borrow::Cow;

use bytes::Bytes;

use super::{
    Context, NativeRequest, NativeResponse,
    call::{Call, Root},
    scan::{Scan, Stop},
};
use crate::{
    error::Error,
    upstream::{
        fault,
        provider::{Effect, ErrorRule, NativeOperation, Provider},
    },
};

/// What a bundle is made of, for those who look into its answer before it is taken apart.
#[derive(Debug, Clone)]
pub struct Parts {
    form: &'static BundleForm,
    /// For each part, whether it writes.
    writes: Vec<bool>,
    atomic: bool,
}

impl Parts {
    /// The responses of the parts; none where the answer cannot be read, of which whoever needs it tells.
    pub fn responses(&self, response: &NativeResponse) -> Option<Vec<NativeResponse>> {
        self.form.split(response, self.writes.len()).ok()
    }

    /// Status and rule of a refusal among the responses after which the whole bundle may be sent again, since it is
    /// certain that none of its writes was carried out.
    pub fn refusal(
        &self,
        provider: &'static Provider,
        responses: &[NativeResponse],
    ) -> Option<(u16, &'static ErrorRule)> {
        if self.atomic {
            let culprit = self.form.culprit(provider, responses)?;
            return not_carried_out(provider, culprit);
        }
        let mut writes = responses.iter().zip(&self.writes);
        // Nearly every answer: a part that writes is a success, and then nothing may be sent again.
        if writes.any(|(response, writes)| *writes && response.is_success()) {
            return None;
        }
        let mut refusal = None;
        for (response, _) in responses
            .iter()
            .zip(&self.writes)
            .filter(|(_, writes)| **writes)
        {
            if self.form.is_halted(provider, response) {
                continue;
            }
            refusal = Some(not_carried_out(provider, response)?);
        }
        refusal
    }
}

fn not_carried_out(
    provider: &'static Provider,
    response: &NativeResponse,
) -> Option<(u16, &'static ErrorRule)> {
    if response.is_success() {
        return None;
    }
    let rule = fault::rule(provider, response)?;
    rule.not_carried_out.then_some((response.status, rule))
}

/// A part of an answer: its status, and its body as JSON.
struct Part<'a> {
    status: u16,
    body: &'a str,
}

impl Part<'_> {
    /// The part as the response that it would have been alone. `whole` is what it came in.
    fn response(&self, whole: &NativeResponse) -> NativeResponse {
        NativeResponse {
            status: self.status,
            body: if self.body == "null" {
                Bytes::new()
            } else {
                whole.body.slice_ref(self.body.as_bytes())
            },
            date: whole.date.clone(),
            correlation_id: whole.correlation_id.clone(),
            parts: Vec::new(),
        }
    }
}

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
        &'static self,
        cx: &Context,
        parts: &[(&str, NativeRequest)],
        atomic: bool,
    ) -> NativeRequest {
        let members = if atomic {
            self.atomic_members
        } else {
            self.members
        };
        let writes = parts
            .iter()
            .map(|(_, part)| part.operation.effect == Effect::Write);
        let writes = writes.collect();
        let request = Call::new(self.operation, cx, self.root)
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
            .build();
        NativeRequest {
            parts: Some(Parts {
                form: self,
                writes,
                atomic,
            }),
            ..request
        }
    }

    /// The responses of the parts, in the order of the request. They may have been taken apart before.
    pub fn responses<'r>(
        &self,
        response: &'r NativeResponse,
        parts: usize,
    ) -> Result<Cow<'r, [NativeResponse]>, Error> {
        if !response.parts.is_empty() && response.parts.len() == parts {
            return Ok(Cow::Borrowed(&response.parts));
        }
        self.split(response, parts).map(Cow::Owned)
    }

    fn split(&self, response: &NativeResponse, parts: usize) -> Result<Vec<NativeResponse>, Error> {
        let mut scan = Scan::of_bytes(&response.body)?;
        let mut responses = Vec::with_capacity(parts);
        let mut are_parts = false;
        let read = self.lists(&mut scan, |scan| {
            // A list that is given twice is the last one.
            responses.clear();
            are_parts = self.parts(scan, |part| {
                responses.push(part.response(response));
                Ok(())
            })?;
            Ok(())
        });
        read.map_err(|stop| scan.error(stop))?;
        if are_parts && responses.len() == parts {
            Ok(responses)
        } else {
            Err(self.malformed())
        }
    }

    /// Goes through an answer to its end, and through the list of its parts with `list`.
    fn lists<'a>(
        &self,
        scan: &mut Scan<'a>,
        mut list: impl FnMut(&mut Scan<'a>) -> Result<(), Stop>,
    ) -> Result<(), Stop> {
        if scan.peek()? != b'{' {
            // What is no JSON at all is told as such.
            scan.pass()?;
            scan.end()?;
            return Err(Stop::NoObject);
        }
        scan.members(|key, scan| {
            if key == self.responses {
                list(scan)
            } else {
                scan.pass()
            }
        })?;
        scan.end()
    }

    /// Goes through a list of parts; false where it is no such list.
    fn parts<'a>(
        &self,
        scan: &mut Scan<'a>,
        mut each: impl FnMut(Part<'a>) -> Result<(), Stop>,
    ) -> Result<bool, Stop> {
        if scan.peek()? != b'[' {
            scan.pass()?;
            return Ok(false);
        }
        let mut are_parts = true;
        scan.elements(|scan| {
            let part = self.part(scan)?;
            are_parts &= part.is_some();
            part.map_or(Ok(()), &mut each)
        })?;
        Ok(are_parts)
    }

    /// What comes next, where it is a part with a status.
    fn part<'a>(&self, scan: &mut Scan<'a>) -> Result<Option<Part<'a>>, Stop> {
        if scan.peek()? != b'{' {
            scan.pass()?;
            return Ok(None);
        }
        let mut status = None;
        let mut body = "null";
        scan.members(|key, scan| {
            let value = scan.value()?;
            if key == self.response_status {
                status = value.parse().ok();
            } else if key == self.response_body {
                body = value;
            }
            Ok(())
        })?;
        Ok(status.map(|status| Part { status, body }))
    }

    /// The part that made an atomic bundle fail: the others only say that they were stopped or undone.
    pub fn culprit<'r>(
        &self,
        provider: &'static Provider,
        responses: &'r [NativeResponse],
    ) -> Option<&'r NativeResponse> {
        let failed = || responses.iter().filter(|response| !response.is_success());
        failed()
            .find(|response| !self.is_halted(provider, response))
            .or_else(|| failed().next())
    }

    /// The part failed only since another one did.
    fn is_halted(&self, provider: &'static Provider, response: &NativeResponse) -> bool {
        let code = fault::code(provider, response);
        code.is_some_and(|code| self.halted.contains(&code.as_str()))
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
    use http::Method;

    use super::*;
    use crate::{
        translate::tests::{LOCKING, context},
        upstream::provider::{Content, Effect},
    };

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
            parts: Vec::new(),
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
    fn parts_are_read_as_any_json_of_them_is_written() {
        let spaced = r#" { "other": [{"status": 500}], "responses" : [ {"body" : [1, "]"] , "\u0073tatus": 201, "x": {}} ] } "#;
        let parts = FORM.split(&response(spaced), 1).unwrap();
        assert_eq!(
            (parts[0].status, &parts[0].body[..]),
            (201, &b"[1, \"]\"]"[..])
        );
        // What is given twice is the last one.
        let twice =
            r#"{"responses":[7],"responses":[{"status":500,"status":200,"body":1,"body":2}]}"#;
        let parts = FORM.split(&response(twice), 1).unwrap();
        assert_eq!((parts[0].status, &parts[0].body[..]), (200, &b"2"[..]));
        for odd in [
            r#"{"responses":[{"status":200}],"responses":[]}"#,
            r#"{"responses":[{"status":200}],"responses":null}"#,
            r#"{"responses":[{"status":200},7]}"#,
            r#"{"responses":[{"body":{}}]}"#,
            r#"{"responses":[{"status":"200"}]}"#,
            r#"{"responses":[{"status":200.0}]}"#,
            r#"{"responses":[{"status":-200}]}"#,
            r#"{"responses":[{"status":70000}]}"#,
            r#"{"responses":[{"status":200}]} x"#,
            r#"{"responses":[{"status":200}]"#,
            r#"{"responses":[{"status":0200}]}"#,
        ] {
            assert!(FORM.split(&response(odd), 1).is_err(), "{odd}");
        }
    }

    #[test]
    fn only_a_bundle_that_wrote_nothing_may_be_repeated() {
        let refusal = |atomic: bool, writes: &[bool], body: &'static str| {
            let parts = Parts {
                form: &FORM,
                writes: writes.to_vec(),
                atomic,
            };
            let responses = parts.responses(&response(body))?;
            let refusal = parts.refusal(&LOCKING, &responses);
            refusal.map(|(status, _)| status)
        };
        let locked = r#"{"responses":[{"status":400,"body":{"code":"LOCKED"}},{"status":400,"body":{"code":"HALTED"}}]}"#;
        assert_eq!(refusal(false, &[true, false], locked), Some(400));
        assert_eq!(refusal(false, &[true, true], locked), Some(400));
        assert_eq!(refusal(true, &[true, true], locked), Some(400));
        let half =
            r#"{"responses":[{"status":201,"body":{}},{"status":400,"body":{"code":"LOCKED"}}]}"#;
        assert_eq!(refusal(false, &[true, true], half), None);
        assert_eq!(refusal(false, &[true, false], half), None);
        let other = r#"{"responses":[{"status":400,"body":{"code":"OTHER"}},{"status":400,"body":{"code":"LOCKED"}}]}"#;
        assert_eq!(refusal(false, &[true, true], other), None);
        assert_eq!(refusal(true, &[true, true], other), None);
        assert_eq!(refusal(false, &[true], "[]"), None);
        // Whatever comes after a part that has written, nothing is sent again.
        let cut = r#"{"responses":[{"status":201,"body":{}},{"status":400,"#;
        assert_eq!(refusal(false, &[true, true], cut), None);
        let read =
            r#"{"responses":[{"status":200,"body":{}},{"status":400,"body":{"code":"LOCKED"}}]}"#;
        assert_eq!(refusal(false, &[false, true], read), Some(400));
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
