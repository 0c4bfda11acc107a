//! The error of the unified API: what went wrong, whose fault it is, whether it may be repeated, and what the caller reads.
//!
//! Status and body follow from it here and nowhere else. A secret never gets in: providers' own words are taken only
//! from the members that `errors:` in `provider.yaml` names.

use std::time::Duration;

use bytes::Bytes;
use http::{
    HeaderValue, Response, StatusCode,
    header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER},
};
use http_body_util::Full;
use serde::{Serialize, Serializer};

/// The vocabulary of `code` in an error's body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Code {
    BadRequest,
    Unauthorized,
    Forbidden,
    NotFound,
    MethodNotSupported,
    Timeout,
    Conflict,
    PayloadTooLarge,
    UnsupportedMediaType,
    MisdirectedRequest,
    UnprocessableContent,
    TooManyRequests,
    RequestHeaderFieldsTooLarge,
    InternalServerError,
    NotImplemented,
    BadGateway,
    ServiceUnavailable,
}

impl Code {
    /// The word in an error's body and in the log.
    pub fn name(self) -> &'static str {
        match self {
            Self::BadRequest => "BAD_REQUEST",
            Self::Unauthorized => "UNAUTHORIZED",
            Self::Forbidden => "FORBIDDEN",
            Self::NotFound => "NOT_FOUND",
            Self::MethodNotSupported => "METHOD_NOT_SUPPORTED",
            Self::Timeout => "TIMEOUT",
            Self::Conflict => "CONFLICT",
            Self::PayloadTooLarge => "PAYLOAD_TOO_LARGE",
            Self::UnsupportedMediaType => "UNSUPPORTED_MEDIA_TYPE",
            Self::MisdirectedRequest => "MISDIRECTED_REQUEST",
            Self::UnprocessableContent => "UNPROCESSABLE_CONTENT",
            Self::TooManyRequests => "TOO_MANY_REQUESTS",
            Self::RequestHeaderFieldsTooLarge => "REQUEST_HEADER_FIELDS_TOO_LARGE",
            Self::InternalServerError => "INTERNAL_SERVER_ERROR",
            Self::NotImplemented => "NOT_IMPLEMENTED",
            Self::BadGateway => "BAD_GATEWAY",
            Self::ServiceUnavailable => "SERVICE_UNAVAILABLE",
        }
    }

    /// The HTTP status that goes with the code.
    pub fn status(self) -> StatusCode {
        match self {
            Self::BadRequest => StatusCode::BAD_REQUEST,
            Self::Unauthorized => StatusCode::UNAUTHORIZED,
            Self::Forbidden => StatusCode::FORBIDDEN,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::MethodNotSupported => StatusCode::METHOD_NOT_ALLOWED,
            Self::Timeout => StatusCode::GATEWAY_TIMEOUT,
            Self::Conflict => StatusCode::CONFLICT,
            Self::PayloadTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::MisdirectedRequest => StatusCode::MISDIRECTED_REQUEST,
            Self::UnprocessableContent => StatusCode::UNPROCESSABLE_ENTITY,
            Self::TooManyRequests => StatusCode::TOO_MANY_REQUESTS,
            Self::RequestHeaderFieldsTooLarge => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            Self::InternalServerError => StatusCode::INTERNAL_SERVER_ERROR,
            Self::NotImplemented => StatusCode::NOT_IMPLEMENTED,
            Self::BadGateway => StatusCode::BAD_GATEWAY,
            Self::ServiceUnavailable => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}

impl Serialize for Code {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

/// One thing that is wrong, and where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Issue {
    /// What was expected and what was found.
    pub message: String,
    /// Where in the request, as in `body.record.addresses[2].city`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
}

/// A fault in the provider's own words.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ProviderFault {
    pub name: &'static str,
    /// The provider's HTTP status.
    pub status: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub correlation_id: Option<String>,
}

/// What is known of a write that ended in an error. Absent where nothing was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The write may or may not have been carried out.
    Unknown,
    /// The write was carried out; what failed came after it.
    Written,
}

/// What a caller is told whose write may or may not have been carried out.
const UNKNOWN: &str = "; whether the write was carried out is not known: read the record, or search for it, before the call is made again";

/// The error of one unified call.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    pub code: Code,
    /// For the caller: lower case, no full stop; says what was expected, what was found, what to do.
    pub message: String,
    pub issues: Vec<Issue>,
    pub provider: Option<Box<ProviderFault>>,
    pub outcome: Option<Outcome>,
    /// When the caller may try again.
    pub retry_after: Option<Duration>,
    /// The methods that the path has, where the one sent is not among them.
    pub allow: Option<Box<str>>,
    /// For the log only.
    pub detail: Option<String>,
    /// The provider answered, and its answer was too long to be read or no answer at all: one to another call may do.
    pub is_unusable_answer: bool,
}

impl Error {
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            issues: Vec::new(),
            provider: None,
            outcome: None,
            retry_after: None,
            allow: None,
            detail: None,
            is_unusable_answer: false,
        }
    }

    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::new(Code::BadRequest, message)
    }

    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(Code::NotFound, message)
    }

    /// Says where in the request the fault is, for those that do not say it themselves.
    pub fn blame(&mut self, path: &str) {
        if self.issues.is_empty() {
            self.issues.push(Issue {
                message: self.message.clone(),
                path: None,
            });
        }
        for issue in &mut self.issues {
            issue.path.get_or_insert_with(|| path.to_owned());
        }
    }

    /// A bad request whose fault has a place: `issue("body.record.name", "expected text, found 12")`.
    pub fn issue(path: impl Into<String>, message: impl Into<String>) -> Self {
        let (path, message) = (path.into(), message.into());
        let mut error = Self::bad_request(format!("{path}: {message}"));
        error.issues.push(Issue {
            message,
            path: Some(path),
        });
        error
    }

    /// The provider answered something that its spec does not allow.
    pub fn bad_gateway(message: impl Into<String>) -> Self {
        Self::new(Code::BadGateway, message)
    }

    /// Nobody knows whether the write was carried out; says so, and what to do.
    #[must_use]
    pub fn into_unknown(mut self) -> Self {
        if self.outcome != Some(Outcome::Unknown) {
            self.outcome = Some(Outcome::Unknown);
            self.message
                .truncate(self.message.trim_end_matches('.').len());
            self.message.push_str(UNKNOWN);
        }
        self
    }

    #[must_use]
    pub fn with_outcome(mut self, outcome: Outcome) -> Self {
        self.outcome = Some(outcome);
        self
    }

    #[must_use]
    pub fn with_detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    #[must_use]
    pub fn with_retry_after(mut self, after: Duration) -> Self {
        self.retry_after = Some(after);
        self
    }

    /// The whole response to a caller: status, headers and body.
    pub fn response(&self, request_id: &str) -> Response<Full<Bytes>> {
        let mut response = Response::new(Full::from(self.body(request_id)));
        *response.status_mut() = self.status();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(seconds) = self.retry_after_seconds() {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        if let Some(allow) = &self.allow
            && let Ok(allow) = HeaderValue::from_str(allow)
        {
            headers.insert(ALLOW, allow);
        }
        response
    }

    /// Whole seconds, rounded up: a caller that comes back early is refused again.
    pub fn retry_after_seconds(&self) -> Option<u64> {
        let after = self.retry_after?;
        Some(after.as_secs() + u64::from(after.subsec_nanos() > 0))
    }

    pub fn status(&self) -> StatusCode {
        self.code.status()
    }

    /// The body of the error, as the API's contract has it.
    pub fn body(&self, request_id: &str) -> Vec<u8> {
        #[derive(Serialize)]
        struct Body<'a> {
            code: Code,
            message: &'a str,
            #[serde(skip_serializing_if = "<[Issue]>::is_empty")]
            issues: &'a [Issue],
            request_id: &'a str,
            #[serde(skip_serializing_if = "Option::is_none")]
            outcome: Option<Outcome>,
            #[serde(skip_serializing_if = "Option::is_none")]
            provider: Option<&'a ProviderFault>,
        }
        serde_json::to_vec(&Body {
            code: self.code,
            message: &self.message,
            issues: &self.issues,
            request_id,
            outcome: self.outcome,
            provider: self.provider.as_deref(),
        })
        .expect("a struct of texts and numbers serializes")
    }
}
