//! The visits of the invented provider: in two lists, with people, rooms and minutes beside them.

use std::{
    collections::BTreeMap,
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use base64::Engine as _;
use crosswalk::sandbox::http::{Call, Reply};
use http::StatusCode;
use serde_json::{Map, Value, json};

/// Everything there is, by kind and then by id.
type Rows = BTreeMap<String, Map<String, Value>>;

#[derive(Default)]
pub(crate) struct Visits {
    rows: Mutex<Rows>,
    /// The calls so far, those within others too: method and path.
    pub(crate) calls: Mutex<Vec<String>>,
    /// Whether an official has hidden the field `room`.
    pub(crate) hides_rooms: AtomicBool,
}

/// One call, alone or within another one.
struct Request<'a> {
    method: &'a str,
    path: &'a str,
    query: BTreeMap<String, String>,
    body: Value,
}

fn row(fields: &Value) -> Map<String, Value> {
    let always = json!({"is_held": false, "is_called_off": false, "is_closed": false, "changed_at": "2024-02-01T10:00:00Z"});
    let mut row = always.as_object().cloned().unwrap_or_default();
    row.extend(fields.as_object().cloned().unwrap_or_default());
    row
}

impl Visits {
    pub(crate) fn put(&self, id: &str, fields: &Value) {
        let mut fields = row(fields);
        fields.insert("id".to_owned(), json!(id));
        self.rows.lock().unwrap().insert(id.to_owned(), fields);
    }

    pub(crate) fn get(&self, id: &str) -> Value {
        json!(self.rows.lock().unwrap().get(id))
    }

    /// The answer to a call, if it is about visits.
    pub(crate) fn answer(&self, call: &Call) -> Option<Reply> {
        let path = call.path.strip_prefix("/api/v2")?;
        let request = Request {
            method: call.method.as_str(),
            path,
            query: call.query_pairs().into_iter().collect(),
            body: serde_json::from_slice(&call.body).unwrap_or(Value::Null),
        };
        if path.ends_with("/minutes") {
            self.calls.lock().unwrap().push(format!("GET {path}"));
            return Some(if path == "/visits/v1/minutes" {
                Reply::text(StatusCode::OK, "text/plain", "Tea was had.")
            } else {
                problem(404, "not-found")
            });
        }
        let known = [
            "/visits", "/people", "/floors", "/forms/", "/query", "/many",
        ];
        if !known.iter().any(|known| path.starts_with(known)) {
            return None;
        }
        let (status, body) = match path {
            "/many" => (200, self.many(&request.body)),
            _ => self.one(&request),
        };
        Some(match status {
            204 => Reply::empty(StatusCode::NO_CONTENT),
            status => Reply::json(StatusCode::from_u16(status).unwrap(), &body),
        })
    }

    fn one(&self, request: &Request<'_>) -> (u16, Value) {
        let (method, path) = (request.method, request.path);
        self.calls.lock().unwrap().push(format!("{method} {path}"));
        let select = match request.query.get("select") {
            Some(select) => select.split(',').map(str::to_owned).collect(),
            None => texts(&request.body["select"]),
        };
        let hides = self.hides_rooms.load(Ordering::Relaxed);
        if hides && select.iter().any(|field| field == "room") {
            return (
                422,
                json!({"type": "hidden-field", "detail": "there is no `room`"}),
            );
        }
        let mut visits = self.rows.lock().unwrap();
        let ids = texts(&request.body["ids"]);
        match (method, path) {
            ("GET", "/visits") => page(&visits, &request.query, &select),
            ("POST", "/visits") => {
                let id = format!("v{}", visits.len() + 1);
                let mut visit = row(&request.body);
                if let Some(report) = visit.get("report").and_then(Value::as_str) {
                    let html = base64::engine::general_purpose::STANDARD.decode(report);
                    let html = String::from_utf8(html.unwrap()).unwrap();
                    visit.insert("report".to_owned(), json!(html));
                }
                visit.insert("id".to_owned(), json!(id));
                visits.insert(id.clone(), visit);
                (201, json!({"id": id}))
            }
            ("POST", "/visits:several") => {
                let found = ids.iter().filter_map(|id| visits.get(id));
                let found: Vec<_> = found.map(|visit| chosen(visit, &select)).collect();
                (200, json!({"found": found}))
            }
            ("POST", "/people:several") => {
                let ada =
                    row(&json!({"badge": "p1", "full_name": "Ada", "home": {"city": "Oslo"}}));
                let found = ids.iter().filter(|id| *id == "p1");
                let found: Vec<_> = found.map(|_| chosen(&ada, &select)).collect();
                (200, json!({"found": found}))
            }
            ("GET", "/floors") => (
                200,
                json!([{"rooms": []}, {"rooms": [{"code": "r7", "name": "The attic"}]}]),
            ),
            // Whoever asks learns what was asked.
            ("GET", "/query") => (200, json!([{"id": request.query["q"]}])),
            ("GET", "/forms/visits") => {
                let fields = [
                    "id",
                    "changed_at",
                    "report",
                    "is_held",
                    "is_called_off",
                    "begins_at",
                    "is_closed",
                    "purpose",
                    "absorbed",
                    "host",
                ];
                let entries: Vec<Value> = fields.iter().map(|name| json!({"name": name})).collect();
                (200, json!({"entries": entries}))
            }
            (method, path) => {
                let (id, rest) = path["/visits/".len()..]
                    .split_once('/')
                    .unwrap_or((&path["/visits/".len()..], ""));
                match (method, rest, visits.get_mut(id)) {
                    ("GET", "", Some(visit)) => (200, chosen(visit, &select)),
                    ("PUT", "organization", Some(_))
                        if request.body["organization"] == "nobody" =>
                    {
                        (
                            422,
                            json!({"type": "unknown-organization", "detail": "there is no organization `nobody`"}),
                        )
                    }
                    ("PUT", "organization", Some(visit)) => {
                        visit.insert(
                            "organization".to_owned(),
                            request.body["organization"].clone(),
                        );
                        (204, Value::Null)
                    }
                    _ => (
                        404,
                        json!({"type": "not-found", "detail": "there is no such visit"}),
                    ),
                }
            }
        }
    }

    /// Several calls; with `undo` nothing stays of them when one fails.
    fn many(&self, body: &Value) -> Value {
        let before = self.rows.lock().unwrap().clone();
        let mut answers: Vec<(String, u16, Value)> = Vec::new();
        for call in body["calls"].as_array().into_iter().flatten() {
            let mut target = call["path"].as_str().unwrap().to_owned();
            for (tag, _, answer) in &answers {
                let id = answer["id"].as_str().unwrap_or_default();
                target = target.replace(&format!("<{tag}:id>"), id);
            }
            let (path, query) = target.split_once('?').unwrap_or((&target, ""));
            let query = url::form_urlencoded::parse(query.as_bytes());
            let (status, answer) = self.one(&Request {
                method: call["verb"].as_str().unwrap(),
                path: path.strip_prefix("/api/v2").unwrap(),
                query: query.into_owned().collect(),
                body: call["content"].clone(),
            });
            answers.push((call["tag"].as_str().unwrap().to_owned(), status, answer));
            if status >= 400 && body["stop"] == true {
                break;
            }
        }
        if body["undo"] == true && answers.iter().any(|(_, status, _)| *status >= 400) {
            *self.rows.lock().unwrap() = before;
            let undone = json!({"type": "undone", "detail": "another call failed"});
            for (_, status, answer) in answers.iter_mut().filter(|(_, status, _)| *status < 400) {
                (*status, *answer) = (409, undone.clone());
            }
            let calls = body["calls"].as_array().map_or(0, Vec::len);
            answers.resize(calls, (String::new(), 409, undone));
        }
        let answers: Vec<Value> = answers
            .into_iter()
            .map(|(_, code, content)| json!({"code": code, "content": content}))
            .collect();
        json!({"answers": answers})
    }
}

fn problem(status: u16, kind: &str) -> Reply {
    let body = json!({"type": kind, "detail": kind});
    Reply::json(StatusCode::from_u16(status).unwrap(), &body)
}

fn texts(list: &Value) -> Vec<String> {
    let texts = list.as_array().into_iter().flatten();
    texts
        .filter_map(|text| Some(text.as_str()?.to_owned()))
        .collect()
}

/// The fields that were asked for, and no others.
fn chosen(row: &Map<String, Value>, select: &[String]) -> Value {
    let first = |path: &String| path.split('.').next().unwrap_or_default().to_owned();
    let wanted: Vec<String> = select.iter().map(first).collect();
    let row = row.iter().filter(|(name, _)| wanted.contains(name));
    json!(
        row.map(|(name, value)| (name.clone(), value.clone()))
            .collect::<Map<_, _>>()
    )
}

fn page(visits: &Rows, query: &BTreeMap<String, String>, select: &[String]) -> (u16, Value) {
    let called_off = query.get("called_off").is_some_and(|flag| flag == "true");
    let after = query.get("page_token").cloned().unwrap_or_default();
    let size: usize = query["per_page"].parse().unwrap();
    let mut rows = visits
        .iter()
        .filter(|(id, row)| **id > after && row["is_called_off"] == called_off);
    let page: Vec<_> = rows.by_ref().take(size).collect();
    let more = rows.next().and(page.last()).map(|(id, _)| (*id).clone());
    let page: Vec<Value> = page.iter().map(|(_, row)| chosen(row, select)).collect();
    (200, json!({"visits": page, "next_page_token": more}))
}
