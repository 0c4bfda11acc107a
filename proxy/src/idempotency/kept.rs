//! An answer as it is kept, and as it is told again: the same status and the same bytes.

use bytes::Bytes;
use http::{
    HeaderName, HeaderValue, Response, StatusCode,
    header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER},
};
use http_body_util::Full;
use serde::{Deserialize, Serialize};

use crate::error::{Code, Error, Outcome};

pub(crate) const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    head: Head,
    body: Vec<u8>,
}

/// What stands before the body, in a line of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Head {
    status: u16,
    /// In seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    retry_after: Option<u64>,
    #[serde(default, skip_serializing_if = "is_false")]
    was_written: bool,
}

#[allow(clippy::trivially_copy_pass_by_ref)] // The form that serde asks for.
fn is_false(flag: &bool) -> bool {
    !flag
}

impl Kept {
    /// What is answered to the call with this request id.
    pub(super) fn of(result: &Result<Vec<u8>, Error>, request_id: &str) -> Self {
        match result {
            Ok(body) => Self {
                head: Head {
                    status: StatusCode::OK.as_u16(),
                    retry_after: None,
                    was_written: true,
                },
                body: body.clone(),
            },
            Err(error) => Self {
                head: Head {
                    status: error.status().as_u16(),
                    retry_after: error.retry_after_seconds(),
                    was_written: error.outcome == Some(Outcome::Written),
                },
                body: error.body(request_id),
            },
        }
    }

    /// The same, or where it is too large to be kept, that it was answered.
    pub(super) fn at_most(self, bytes: usize, request_id: &str) -> Self {
        if self.body.len() <= bytes {
            return self;
        }
        let outcome = if self.head.was_written {
            Outcome::Written
        } else {
            Outcome::Unknown
        };
        let error = Error::new(
            Code::Conflict,
            format!(
                "the call with this idempotency-key was answered {}, and its answer was too large to be kept: {} bytes of at most {bytes} (limits.idempotency_answer_bytes); read the record instead",
                self.head.status,
                self.body.len(),
            ),
        )
        .with_outcome(outcome);
        Self::of(&Err(error), request_id)
    }

    pub(super) fn bytes(&self) -> Vec<u8> {
        let mut bytes = serde_json::to_vec(&self.head).expect("numbers serialize");
        bytes.push(b'\n');
        bytes.extend_from_slice(&self.body);
        bytes
    }

    /// What [`Self::bytes`] wrote.
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let end = bytes.iter().position(|byte| *byte == b'\n')?;
        let (head, body) = bytes.split_at(end);
        let head: Head = serde_json::from_slice(head).ok()?;
        StatusCode::from_u16(head.status).ok()?;
        Some(Self {
            head,
            body: body[1..].to_vec(),
        })
    }

    pub fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.head.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// The whole response to a caller.
    pub fn response(&self) -> Response<Full<Bytes>> {
        let mut response = Response::new(Full::from(self.body.clone()));
        *response.status_mut() = self.status();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(REPLAYED, HeaderValue::from_static("true"));
        if let Some(seconds) = self.head.retry_after {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn an_answer_is_read_as_it_was_kept() {
        for result in [
            Ok(b"{\"a\":\n1}".to_vec()),
            Ok(Vec::new()),
            Err(Error::new(Code::NotFound, "gone").with_retry_after(Duration::from_millis(1500))),
        ] {
            let kept = Kept::of(&result, "id");
            assert_eq!(Kept::read(&kept.bytes()), Some(kept));
        }
        let refused = Kept::of(&Err(Error::new(Code::NotFound, "gone")), "id");
        assert_eq!(refused.status(), StatusCode::NOT_FOUND);
        assert_eq!(refused.response().headers()["idempotency-replayed"], "true");
        assert_eq!(Kept::read(b"{\"status\":200}"), None);
        assert_eq!(Kept::read(b"{\"status\":7}\n"), None);
    }

    /// Covers: key-answer-lost
    #[test]
    fn an_answer_that_is_too_large_is_told_to_have_been() {
        let kept = Kept::of(&Ok(vec![b' '; 11]), "id");
        assert_eq!(kept.clone().at_most(11, "id"), kept);
        let told = kept.at_most(10, "id");
        assert_eq!(told.status(), StatusCode::CONFLICT);
        let body: serde_json::Value = serde_json::from_slice(told.body()).unwrap();
        assert_eq!(body["outcome"], "written");
        assert_eq!(body["request_id"], "id");
    }
}
