//! What becomes of a key when its call has ended. Pure.
//!
//! It is kept where the end is final: what was written, what may have been, and what the provider refused. It is given
//! back where certainly nothing was written and another try may end otherwise: then the same key may be tried again,
//! and is carried out.

use crate::error::{Code, Error, Outcome};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Becomes {
    Kept,
    Free,
}

/// `has_written` says that a native write was sent, or was about to be.
pub(super) fn becomes<T>(result: &mut Result<T, Error>, has_written: bool) -> Becomes {
    let Err(error) = result else {
        return Becomes::Kept;
    };
    // A fault of ours says nothing of what was written before it.
    if has_written && error.outcome.is_none() && error.code == Code::InternalServerError {
        error.outcome = Some(Outcome::Unknown);
    }
    if error.outcome.is_some() {
        return Becomes::Kept;
    }
    if !has_written || error.retry_after.is_some() {
        return Becomes::Free;
    }
    match error.code {
        // The provider has looked at the write, and would say the same of it.
        Code::BadRequest
        | Code::Forbidden
        | Code::NotFound
        | Code::MethodNotSupported
        | Code::Conflict
        | Code::PayloadTooLarge
        | Code::UnsupportedMediaType
        | Code::MisdirectedRequest
        | Code::RequestHeaderFieldsTooLarge
        | Code::UnprocessableContent
        | Code::NotImplemented
        | Code::InternalServerError => Becomes::Kept,
        // It may say otherwise when it was connected again, or later.
        Code::Unauthorized
        | Code::Timeout
        | Code::TooManyRequests
        | Code::BadGateway
        | Code::ServiceUnavailable => Becomes::Free,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn of(error: Error, has_written: bool) -> Becomes {
        becomes(&mut Err::<(), _>(error), has_written)
    }

    #[test]
    fn what_was_or_may_have_been_written_is_kept() {
        assert_eq!(becomes(&mut Ok(()), true), Becomes::Kept);
        for code in [Code::BadGateway, Code::Timeout, Code::TooManyRequests] {
            for outcome in [Outcome::Unknown, Outcome::Written] {
                let error = Error::new(code, "oh")
                    .with_outcome(outcome)
                    .with_retry_after(Duration::from_secs(1));
                assert_eq!(of(error, true), Becomes::Kept, "{code:?} {outcome:?}");
            }
        }
    }

    /// Covers: key-after-refusal
    #[test]
    fn what_the_provider_refused_is_kept() {
        for code in [
            Code::BadRequest,
            Code::Forbidden,
            Code::NotFound,
            Code::Conflict,
        ] {
            assert_eq!(of(Error::new(code, "no"), true), Becomes::Kept, "{code:?}");
        }
    }

    /// Covers: key-after-refusal
    #[test]
    fn what_may_pass_and_wrote_nothing_gives_the_key_back() {
        for code in [
            Code::Unauthorized,
            Code::TooManyRequests,
            Code::BadGateway,
            Code::ServiceUnavailable,
            Code::Timeout,
        ] {
            assert_eq!(of(Error::new(code, "oh"), true), Becomes::Free, "{code:?}");
        }
        let busy = Error::new(Code::Conflict, "busy").with_retry_after(Duration::from_secs(1));
        assert_eq!(of(busy, true), Becomes::Free);
    }

    #[test]
    fn before_the_first_write_every_error_gives_the_key_back() {
        for code in [
            Code::BadRequest,
            Code::Conflict,
            Code::NotFound,
            Code::InternalServerError,
            Code::NotImplemented,
        ] {
            assert_eq!(of(Error::new(code, "no"), false), Becomes::Free, "{code:?}");
        }
    }

    #[test]
    fn a_fault_of_ours_in_the_midst_of_writing_is_unknown() {
        let mut result = Err::<(), _>(Error::new(Code::InternalServerError, "oh"));
        assert_eq!(becomes(&mut result, true), Becomes::Kept);
        assert_eq!(result.unwrap_err().outcome, Some(Outcome::Unknown));
    }
}
