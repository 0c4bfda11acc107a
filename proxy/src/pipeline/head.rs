//! The head of a request: how large it may be.
//!
//! hyper ends a head that is far too large without a word. Below its bounds, which are set wider than ours, a caller is
//! told which limit it met.

use http::{HeaderMap, request};

use crate::{
    config::Limits,
    error::{Code, Error},
};

/// What a header takes beside its name and its value: `: ` and the end of the line.
const OVERHEAD: usize = 4;

/// What hyper is given in the place of [`Limits::header_bytes`]: so much room for what is refused with words.
pub(crate) fn buffer(limits: &Limits) -> usize {
    limits.header_bytes.saturating_mul(2)
}

/// The same in the place of [`Limits::headers`].
pub(crate) fn most_headers(limits: &Limits) -> usize {
    limits.headers.saturating_mul(2)
}

/// Refuses a head that is larger than the limits.
pub(super) fn check(head: &request::Parts, limits: &Limits) -> Result<(), Error> {
    let too_large = |message: String| Err(Error::new(Code::RequestHeaderFieldsTooLarge, message));
    if head.headers.len() > limits.headers {
        return too_large(format!(
            "expected at most {} headers, found {} (limits.headers)",
            limits.headers,
            head.headers.len()
        ));
    }
    let size = size(head);
    if size > limits.header_bytes {
        return too_large(format!(
            "expected a head, which is the line with the path and all headers, of at most {} bytes, found {size} (limits.header_bytes)",
            limits.header_bytes
        ));
    }
    Ok(())
}

/// As it was sent, but for spaces.
fn size(head: &request::Parts) -> usize {
    let target = head
        .uri
        .path_and_query()
        .map_or(1, |target| target.as_str().len());
    // `GET`, the target, ` HTTP/1.1` and the ends of two lines.
    let line = head.method.as_str().len() + target + 14;
    line + headers(&head.headers)
}

fn headers(headers: &HeaderMap) -> usize {
    headers
        .iter()
        .map(|(name, value)| name.as_str().len() + value.len() + OVERHEAD)
        .sum()
}
