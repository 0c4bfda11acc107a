//! From a call below `/services/data/vXX.0` to what answers it, whether it came from a socket or out of a composite.

use http::{HeaderMap, Method, StatusCode};
use serde_json::{Value, json};

use super::{
    batch, collections, composite, describe,
    fault::Fault,
    number,
    rows::RowCall,
    rules,
    soql::{self, Api},
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
    pub(super) api: Api,
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

    pub(super) fn writing(&self, root: &'c str) -> Writing<'c> {
        Writing {
            now: self.now,
            root,
            allows_duplicates: rules::allows(self.header("sforce-duplicate-rule-header")),
        }
    }
}

impl Request<'_> {
    pub(super) fn handle(&self, state: &mut State) -> Result<Reply, Fault> {
        let segments: Vec<&str> = self
            .rest
            .split('/')
            .filter(|segment| !segment.is_empty())
            .collect();
        if self.org.api == Api::Tooling {
            return self.tooling(state, &segments);
        }
        let pairs = self.pairs();
        match (self.method.as_str(), segments.as_slice()) {
            ("GET", []) => Ok(number::json(
                StatusCode::OK,
                &describe::resources(self.root, self.org),
            )),
            ("GET", [call @ ("query" | "queryAll")]) => {
                self.query(state, &pairs, Api::Data, *call == "queryAll")
            }
            ("GET", ["query" | "queryAll", locator]) => self.more(state, locator),
            (_, ["tooling", ..]) => self.under_tooling(state),
            ("GET", ["sobjects"]) => {
                let global = describe::global(state, self.root);
                Ok(describe::unless_known(state, self.org, &global))
            }
            (_, ["sobjects", path @ ..]) if !path.is_empty() => RowCall {
                method: &self.method,
                path: path.to_vec(),
                query: pairs,
                body: self.body.clone(),
                root: self.root,
                org: self.org,
            }
            .handle(state),
            ("POST", ["composite"]) => self.composite(state),
            ("POST", ["composite", "batch"]) => batch::batch(state, self.needed()?, self.org),
            ("DELETE", ["composite", "sobjects"]) => {
                collections::delete_all(state, &pairs, self.org.now)
            }
            ("PATCH", ["composite", "sobjects", object, key]) => {
                let writing = self.org.writing(self.root);
                collections::upsert_all(state, object, key, self.needed()?, writing)
            }
            (method @ ("POST" | "PATCH"), ["composite", "sobjects"]) => {
                let creates = method == "POST";
                collections::save_all(state, self.needed()?, creates, self.org.writing(self.root))
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
                Ok(number::json(StatusCode::OK, &limits))
            }
            ("GET", ["limits", "recordCount"]) => {
                let counts = describe::record_count(state, &pairs, self.org.now);
                Ok(number::json(StatusCode::OK, &counts))
            }
            (method, path) => Err(match allowed(path) {
                Some(methods) => Fault::not_allowed(method, methods),
                None => Fault::not_found(),
            }),
        }
    }

    /// The Tooling API has a root of its own, and calls of its composite are below that.
    fn under_tooling(&self, state: &mut State) -> Result<Reply, Fault> {
        let end = self
            .rest
            .find("tooling")
            .map_or(0, |at| at + "tooling".len());
        let (prefix, rest) = self.rest.split_at(end);
        let root = format!("{}{prefix}", self.root);
        Request {
            method: self.method.clone(),
            root: &root,
            rest,
            query: self.query,
            body: self.body.clone(),
            org: Context {
                api: Api::Tooling,
                ..self.org
            },
        }
        .handle(state)
    }

    pub(super) fn composite(&self, state: &mut State) -> Result<Reply, Fault> {
        composite::composite(state, self.needed()?, self.root, self.org)
    }

    pub(super) fn more(&self, state: &mut State, locator: &str) -> Result<Reply, Fault> {
        let page = state.more(locator, self.org.page(), self.root)?;
        Ok(number::json(StatusCode::OK, &page))
    }

    pub(super) fn query(
        &self,
        state: &mut State,
        pairs: &[(String, String)],
        api: Api,
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
                api,
                deleted_too,
                now: self.org.now,
                root: self.root,
            },
        )?;
        let page = match found.count {
            Some(count) => json!({ "totalSize": count, "done": true, "records": [] }),
            None => state.page(
                std::sync::Arc::new(found.rows),
                0,
                self.org.page(),
                self.root,
            ),
        };
        Ok(number::json(StatusCode::OK, &page))
    }

    pub(super) fn pairs(&self) -> Vec<(String, String)> {
        url::form_urlencoded::parse(self.query.as_bytes())
            .into_owned()
            .collect()
    }

    pub(super) fn needed(&self) -> Result<&Value, Fault> {
        self.body.as_ref().ok_or_else(Fault::no_body)
    }
}

/// The methods of what is there under a path, for those that came with another.
fn allowed(path: &[&str]) -> Option<&'static str> {
    match path {
        ["query" | "queryAll" | "sobjects" | "limits"] | ["query" | "queryAll", _] => {
            Some("GET,HEAD")
        }
        ["limits", "recordCount"] => Some("GET,HEAD"),
        ["composite"] | ["composite", "batch"] => Some("POST"),
        ["composite", "sobjects"] => Some("DELETE,PATCH,POST"),
        ["composite", "sobjects", _, _] => Some("PATCH"),
        ["composite", "sobjects", _] => Some("GET,HEAD,POST"),
        _ => None,
    }
}
