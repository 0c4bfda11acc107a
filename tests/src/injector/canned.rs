//! What a provider, or what stands before it, answers in place of carrying a call out.

/// Whose words an injector uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Speaks {
    HubSpot,
    Salesforce,
}

impl Speaks {
    /// hubspot.md §3: the classic form. salesforce.md: the limit of calls at one time.
    pub(super) fn throttled(self, retry_after: Option<u64>) -> Vec<u8> {
        let after = retry_after.map(|seconds| format!("retry-after: {seconds}\r\n"));
        let after = after.unwrap_or_default();
        match self {
            Self::HubSpot => json(
                "429 Too Many Requests",
                &after,
                r#"{"status":"error","message":"You have reached your secondly limit.","errorType":"RATE_LIMIT","correlationId":"00000000-0000-0000-0000-000000000429","policyName":"SECONDLY"}"#,
            ),
            Self::Salesforce => json(
                "403 Forbidden",
                &after,
                r#"[{"message":"ConcurrentPerOrgLongTxn Limit exceeded.","errorCode":"REQUEST_LIMIT_EXCEEDED"}]"#,
            ),
        }
    }

    pub(super) fn unauthorized(self) -> Vec<u8> {
        let body = match self {
            Self::HubSpot => {
                r#"{"status":"error","message":"The OAuth token used to make this call expired.","correlationId":"00000000-0000-0000-0000-000000000401","category":"EXPIRED_AUTHENTICATION"}"#
            }
            Self::Salesforce => {
                r#"[{"message":"Session expired or invalid","errorCode":"INVALID_SESSION_ID"}]"#
            }
        };
        json("401 Unauthorized", "", body)
    }

    pub(super) fn error(self, status: u16) -> Vec<u8> {
        let body = match self {
            Self::HubSpot => {
                r#"{"status":"error","message":"internal error","correlationId":"00000000-0000-0000-0000-000000000500"}"#
            }
            Self::Salesforce => {
                r#"[{"message":"An unexpected error occurred.","errorCode":"UNKNOWN_EXCEPTION"}]"#
            }
        };
        json(&format!("{status} Error"), "", body)
    }
}

/// A gateway's page.
pub(super) fn page(status: &str) -> Vec<u8> {
    let body =
        "<html><head><title>Bad Gateway</title></head><body><h1>Please wait</h1></body></html>";
    answer(status, "text/html", "", body)
}

fn json(status: &str, headers: &str, body: &str) -> Vec<u8> {
    answer(status, "application/json", headers, body)
}

fn answer(status: &str, kind: &str, headers: &str, body: &str) -> Vec<u8> {
    format!(
        "HTTP/1.1 {status}\r\ncontent-type: {kind}\r\n{headers}content-length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}
