//! The unified list of one entity at one connection, page after page.

use std::sync::Arc;

use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::time::Instant;

use crate::{
    capability::ListTable,
    destination::Row,
    error::{Code, Error},
    log::CallLog,
    model::Entity,
    own::Own,
    pipeline::UnifiedCall,
    route::UnifiedRequest,
    upstream::{Behalf, Connection, NativeLog, Urgency, provider::Effect},
};

/// Where records come from.
#[derive(Debug)]
pub(super) struct Source<'a> {
    pub(super) own: &'a Own,
    pub(super) connection: Arc<Connection>,
    pub(super) entity: &'static Entity,
    pub(super) list: &'static ListTable,
    /// Stands in the log for all calls of a sync.
    pub(super) request_id: &'a str,
}

/// A page, with nothing left of the body that it came in.
#[derive(Debug)]
pub(super) struct SourcePage {
    pub(super) rows: Vec<Row>,
    /// Where the list goes on, also after its last page; none where there is nothing after it.
    pub(super) next_cursor: Option<String>,
    pub(super) has_next_page: bool,
}

/// The body of a list's answer. Records are borrowed from it: they are not looked into here.
#[derive(Deserialize)]
struct Body<'a> {
    next_cursor: Option<String>,
    has_next_page: bool,
    #[serde(borrow)]
    items: Vec<&'a RawValue>,
}

impl Source<'_> {
    /// The page at a cursor, or the first.
    pub(super) async fn page(&self, cursor: Option<&str>) -> Result<SourcePage, Error> {
        let mode = if self.list.incremental {
            "incremental"
        } else {
            "full"
        };
        let mut query = vec![
            ("sync_mode".to_owned(), mode.to_owned()),
            ("page_size".to_owned(), self.list.page_size_max.to_string()),
        ];
        if let Some(cursor) = cursor {
            query.push(("cursor".to_owned(), cursor.to_owned()));
        }
        let log = Arc::new(CallLog::of_ours(
            self.request_id.to_owned(),
            NativeLog::default(),
        ));
        let behalf = Behalf::new(self.request_id, Urgency::Background);
        log.native.is_for(behalf);
        let _ = log.operation.set(self.entity.list);
        log.note(&self.connection);
        let call = UnifiedCall {
            operation: self.entity.list,
            effect: Effect::Read,
            connection: Arc::clone(&self.connection),
            deadline: Instant::now() + self.own.limits.now().request_timeout,
            log: Arc::clone(&log),
            keyed: None,
            place: None,
        };
        let request = UnifiedRequest {
            path: Vec::new(),
            query,
            body: Bytes::new(),
        };
        let result = self.own.unified.answer(call, &request).await;
        log.ended(&result);
        read(&result?)
    }
}

fn read(body: &[u8]) -> Result<SourcePage, Error> {
    let fault = |error: String| {
        Error::new(
            Code::InternalServerError,
            "a page of our own list is not understood",
        )
        .with_detail(error)
    };
    let body: Body<'_> = serde_json::from_slice(body).map_err(|error| fault(error.to_string()))?;
    let rows = body
        .items
        .iter()
        .map(|record| Row::from_record(record.get()))
        .collect::<Result<_, _>>()
        .map_err(|error| fault(error.to_string()))?;
    Ok(SourcePage {
        rows,
        next_cursor: body.next_cursor,
        has_next_page: body.has_next_page,
    })
}

/// Whether it is the cursor that was refused, and not the call.
pub(super) fn is_about_the_cursor(error: &Error) -> bool {
    error.code == Code::BadRequest
        && error
            .issues
            .iter()
            .any(|issue| issue.path.as_deref() == Some("query.cursor"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_read() {
        let page = read(
            br#"{"next_cursor":"a\u0062","has_next_page":true,"items":[{"id":"1","x":[1]},{"id":"2"}],"warnings":[]}"#,
        )
        .unwrap();
        assert_eq!(page.rows.len(), 2);
        assert_eq!(page.next_cursor.as_deref(), Some("ab"));
        assert!(page.has_next_page);
    }

    #[test]
    fn what_is_no_page_is_a_fault_of_ours() {
        for body in [&b"{}"[..], br#"{"has_next_page":false,"items":[1]}"#] {
            assert_eq!(read(body).unwrap_err().code, Code::InternalServerError);
        }
    }

    #[test]
    fn a_refused_cursor_is_told_from_other_bad_requests() {
        assert!(is_about_the_cursor(&Error::issue("query.cursor", "no")));
        assert!(!is_about_the_cursor(&Error::issue("query.page_size", "no")));
        assert!(!is_about_the_cursor(&Error::not_found("no")));
    }
}
