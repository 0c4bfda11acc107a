//! From a call below `/services/data/vXX.0` to what answers it, whether it came from a socket or out of a composite.

use http::{HeaderMap, Method, StatusCode};
use serde_json::{Value, json};

use super::{
    collections, composite, describe,
    fault::Fault,
    rows::RowCall,
    soql,
    state::{State, Writing},
};
use crate::sandbox::http::Reply;

/// A call in its parts; those of a composite never were a `Call`.
#[derive(Debug, Clone)]
pub(super) struct Request<'c> {
    pub(super) method: Method,
    /// `/services/data/v59.0`.
    pub(super) root: &'c str,
    /// The path after the root, still percent-encoded.
    pub(super) rest: &'c str,
    /// The query string, still percent-encoded.
    pub(super) query: &'c str,
    pub(super) body: Option<Value>,
    pub(super) org: Context<'c>,
}

/// What a call may know of the org beside its rows.
#[derive(Debug, Clone, Copy)]
pub(super) struct Context<'c> {
    /// Now, as Salesforce writes it.
    pub(super) now: &'c str,
    pub(super) headers: &'c HeaderMap,
    pub(super) daily_limit: u64,
    pub(super) calls: u64,
}

impl<'c> Context<'c> {
    pub(super) fn header(&self, name: &str) -> Option<&'c str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// How many rows a page of a query has at most.
    fn page(&self) -> usize {
        soql::page_size(self.header("sforce-query-options"))
    }

    pub(super) fn writing(&self) -> Writing<'c> {
        Writing { now: self.now }
    }
}

impl Request<'_> {
    pub(super) fn handle(&self, state: &mut State) -> Result<Reply, Fault> {
        let segments: Vec<&str> = self
            .rest
            .split('/')
            .filter(|segment| !segment.is_empty())
            .collect();
        let pairs = self.pairs();
        match (self.method.as_str(), segments.as_slice()) {
            ("GET", [call @ ("query" | "queryAll")]) => {
                self.query(state, &pairs, *call == "queryAll")
            }
            ("GET", ["query" | "queryAll", locator]) => {
                let page = state.more(locator, self.org.page(), self.root)?;
                Ok(Reply::json(StatusCode::OK, &page))
            }
            ("GET", ["sobjects"]) => Ok(Reply::json(
                StatusCode::OK,
                &describe::global(state, self.root),
            )),
            (_, ["sobjects", path @ ..]) if !path.is_empty() => RowCall {
                method: &self.method,
                path: path.to_vec(),
                query: pairs,
                body: self.body.clone(),
                root: self.root,
                org: self.org,
            }
            .handle(state),
            ("POST", ["composite"]) => {
                composite::composite(state, self.needed()?, self.root, self.org)
            }
            (method @ ("POST" | "PATCH"), ["composite", "sobjects"]) => {
                let creates = method == "POST";
                collections::save_all(state, self.needed()?, creates, self.org.writing())
            }
            ("POST", ["composite", "sobjects", object]) => {
                let (ids, fields) = collections::wanted_by_body(self.needed()?)?;
                collections::retrieve(state, object, &ids, &fields, self.root)
            }
            ("GET", ["composite", "sobjects", object]) => {
                let (ids, fields) = collections::wanted_by_query(&pairs)?;
                collections::retrieve(state, object, &ids, &fields, self.root)
            }
            ("GET", ["limits"]) => {
                let limits = describe::limits(self.org.daily_limit, self.org.calls);
                Ok(Reply::json(StatusCode::OK, &limits))
            }
            (method, path) => Err(match allowed(path) {
                Some(methods) => Fault::not_allowed(method, methods),
                None => Fault::not_found(),
            }),
        }
    }

    fn query(
        &self,
        state: &mut State,
        pairs: &[(String, String)],
        deleted_too: bool,
    ) -> Result<Reply, Fault> {
        let text = pairs
            .iter()
            .find(|(name, _)| name == "q")
            .map(|(_, text)| text.as_str());
        let text = text.ok_or_else(|| {
            Fault::new(400, "MALFORMED_QUERY", "A query string has to be specified")
        })?;
        let found = soql::run(
            state,
            text,
            soql::Scope {
                api: soql::Api::Data,
                deleted_too,
                now: self.org.now,
                root: self.root,
            },
        )?;
        let page = match found.count {
            Some(count) => json!({ "totalSize": count, "done": true, "records": [] }),
            None => state.page(found.rows, 0, self.org.page(), self.root),
        };
        Ok(Reply::json(StatusCode::OK, &page))
    }

    fn pairs(&self) -> Vec<(String, String)> {
        url::form_urlencoded::parse(self.query.as_bytes())
            .into_owned()
            .collect()
    }

    fn needed(&self) -> Result<&Value, Fault> {
        self.body.as_ref().ok_or_else(Fault::no_body)
    }
}

/// The methods of what is there under a path, for those that came with another.
fn allowed(path: &[&str]) -> Option<&'static str> {
    match path {
        ["query" | "queryAll" | "sobjects" | "limits"] | ["query" | "queryAll", _] => {
            Some("GET,HEAD")
        }
        ["composite"] => Some("POST"),
        ["composite", "sobjects"] => Some("PATCH,POST"),
        ["composite", "sobjects", _] => Some("GET,HEAD,POST"),
        _ => None,
    }
}
