//! What a caller sends, checked: ids, queries, bodies. Whatever is wrong is told with its place, and nothing is changed.
//!
//! A fault never quotes what stands in a body, since that may be a secret.

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::{
    error::{Error, Issue},
    route::UnifiedRequest,
    translate::{patch::Patch, scalar::shorten},
};

/// The most elements of one answer, and how many it has unless told otherwise: whatever can grow has a bound.
const MOST_LISTED: i64 = 1000;
/// The longest id; it stands in paths and in every line about it.
const LONGEST_ID: usize = 255;
/// The longest name that people give to something.
const LONGEST_NAME: usize = 1000;

/// What is wrong with a request. All of it is told at once.
#[derive(Debug, Default)]
pub(crate) struct Faults(Vec<Issue>);

impl Faults {
    pub(crate) fn add(&mut self, path: impl Into<String>, message: impl Into<String>) {
        self.0.push(Issue {
            message: message.into(),
            path: Some(path.into()),
        });
    }

    /// An error where there is a fault.
    pub(crate) fn end(self) -> Result<(), Error> {
        let Some(first) = self.0.first() else {
            return Ok(());
        };
        let path = first.path.as_deref().unwrap_or_default();
        let mut error = Error::bad_request(format!("{path}: {}", first.message));
        error.issues = self.0;
        Err(error)
    }

    /// A text that people read.
    pub(crate) fn name(&mut self, path: &str, text: Option<&str>) {
        let Some(text) = text else { return };
        if text.contains('\0') {
            self.add(path, "expected text without a NUL");
        } else if text.chars().count() > LONGEST_NAME {
            self.add(
                path,
                format!("expected at most {LONGEST_NAME} characters, found more"),
            );
        }
    }

    /// An id of the caller's own, as that of a customer.
    pub(crate) fn own_id(&mut self, path: &str, id: Option<&str>) {
        let Some(id) = id else { return };
        if id.is_empty() || id.len() > LONGEST_ID || id.chars().any(char::is_control) {
            self.add(
                path,
                format!("expected 1 to {LONGEST_ID} bytes of text without control characters"),
            );
        }
    }

    /// An id that begins with the prefix of its kind.
    pub(crate) fn prefixed(&mut self, path: &str, prefix: &str, id: Option<&str>) {
        if let Some(id) = id
            && !is_prefixed(prefix, id)
        {
            self.add(path, expected_id(prefix, id));
        }
    }
}

fn is_prefixed(prefix: &str, id: &str) -> bool {
    id.len() <= LONGEST_ID
        && id.starts_with(prefix)
        && id.len() > prefix.len()
        && id.bytes().all(|byte| byte.is_ascii_graphic())
}

fn expected_id(prefix: &str, id: &str) -> String {
    format!("expected an id as in {prefix}…, found {:?}", shorten(id))
}

/// The id in a path, which begins with the prefix of its kind.
pub(crate) fn path_id<'r>(request: &'r UnifiedRequest, prefix: &str) -> Result<&'r str, Error> {
    let id = path_text(request);
    if is_prefixed(prefix, id) {
        return Ok(id);
    }
    Err(Error::issue("path.id", expected_id(prefix, id)))
}

/// The id of a customer in a path.
pub(crate) fn path_customer(request: &UnifiedRequest) -> Result<&str, Error> {
    let id = path_text(request);
    let mut faults = Faults::default();
    faults.own_id("path.id", Some(id));
    faults.end()?;
    Ok(id)
}

fn path_text(request: &UnifiedRequest) -> &str {
    request
        .path
        .iter()
        .find(|(name, _)| *name == "id")
        .map_or("", |(_, id)| id)
}

/// The parameters of a query, each at most once. What an operation does not know is ignored.
#[derive(Debug)]
pub(crate) struct Query<'r> {
    request: &'r UnifiedRequest,
    faults: Faults,
}

impl<'r> Query<'r> {
    pub(crate) fn new(request: &'r UnifiedRequest) -> Self {
        Self {
            request,
            faults: Faults::default(),
        }
    }

    pub(crate) fn end(self) -> Result<(), Error> {
        self.faults.end()
    }

    pub(crate) fn text(&mut self, name: &str) -> Option<&'r str> {
        let mut values = self
            .request
            .query
            .iter()
            .filter(|(known, _)| known == name)
            .map(|(_, value)| value.as_str());
        let value = values.next()?;
        if values.next().is_some() {
            self.wrong(name, "expected once, found twice");
        }
        if value.contains('\0') {
            self.wrong(name, "expected text without a NUL");
            return None;
        }
        Some(value)
    }

    pub(crate) fn prefixed(&mut self, name: &str, prefix: &str) -> Option<&'r str> {
        let id = self.text(name)?;
        self.faults
            .prefixed(&format!("query.{name}"), prefix, Some(id));
        Some(id)
    }

    pub(crate) fn own_id(&mut self, name: &str) -> Option<&'r str> {
        let id = self.text(name)?;
        self.faults.own_id(&format!("query.{name}"), Some(id));
        Some(id)
    }

    pub(crate) fn flag(&mut self, name: &str) -> bool {
        match self.text(name) {
            None | Some("false") => false,
            Some("true") => true,
            Some(other) => {
                let found = shorten(other);
                self.wrong(name, format!("expected true or false, found {found:?}"));
                false
            }
        }
    }

    /// One of the words, or none where it is not given.
    pub(crate) fn one_of<'w>(&mut self, name: &str, words: &[&'w str]) -> Option<&'w str> {
        let text = self.text(name)?;
        let found = words.iter().find(|word| **word == text);
        if found.is_none() {
            let message = format!(
                "expected {}, found {:?}{}",
                words.join(" or "),
                shorten(text),
                did_you_mean(text, words)
            );
            self.wrong(name, message);
        }
        found.copied()
    }

    /// Words with commas between them.
    pub(crate) fn list_of(&mut self, name: &str, words: &[&str]) -> Vec<&'r str> {
        let Some(text) = self.text(name) else {
            return Vec::new();
        };
        let found: Vec<_> = text
            .split(',')
            .map(str::trim)
            .filter(|word| !word.is_empty())
            .collect();
        for word in &found {
            if !words.contains(word) {
                let message = format!(
                    "expected {}, with commas, found {:?}{}",
                    words.join(", "),
                    shorten(word),
                    did_you_mean(word, words)
                );
                self.wrong(name, message);
            }
        }
        found
    }

    /// `limit` and `offset`.
    pub(crate) fn page(&mut self) -> (i64, i64) {
        let limit = self.number("limit", 1, MOST_LISTED).unwrap_or(MOST_LISTED);
        let offset = self.number("offset", 0, i64::MAX).unwrap_or(0);
        (limit, offset)
    }

    pub(crate) fn number(&mut self, name: &str, least: i64, most: i64) -> Option<i64> {
        let text = self.text(name)?;
        let number = text
            .parse::<i64>()
            .ok()
            .filter(|it| (least..=most).contains(it));
        if number.is_none() {
            let bounds = if most == i64::MAX {
                format!("from {least} on")
            } else {
                format!("from {least} to {most}")
            };
            let found = shorten(text);
            self.wrong(
                name,
                format!("expected a whole number {bounds}, found {found:?}"),
            );
        }
        number
    }

    pub(crate) fn wrong(&mut self, name: &str, message: impl Into<String>) {
        self.faults.add(format!("query.{name}"), message);
    }
}

/// What a member says, as the store's changes have it: nothing, that there is nothing, or a value.
#[expect(
    clippy::option_option,
    reason = "each of the three means something else"
)]
pub(crate) fn change<T>(member: Patch<T>) -> Option<Option<T>> {
    match member {
        Patch::Absent => None,
        Patch::Null => Some(None),
        Patch::Value(value) => Some(Some(value)),
    }
}

/// The same for metadata, where null is a value.
pub(crate) fn metadata(member: Patch<Value>) -> Option<Value> {
    change(member).map(Option::unwrap_or_default)
}

/// A JSON body. Members at the top that are not known are ignored, as the clients of the contract expect.
pub(crate) fn body<T: DeserializeOwned>(request: &UnifiedRequest) -> Result<T, Error> {
    let bytes = &request.body[..];
    match bytes.iter().find(|byte| !byte.is_ascii_whitespace()) {
        None => {
            return Err(Error::issue(
                "body",
                "expected a JSON object, found nothing",
            ));
        }
        // A list would be taken for the members of a struct in their order.
        Some(b'[') => return Err(Error::issue("body", "expected an object, found a list")),
        Some(_) => {}
    }
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let read = serde_path_to_error::deserialize(&mut json);
    let value = read.map_err(|error| {
        let path = match error.path().to_string().as_str() {
            "." => "body".to_owned(),
            path => format!("body.{path}"),
        };
        fault_of(path, error.inner())
    })?;
    json.end()
        .map_err(|error| fault_of("body".into(), &error))?;
    Ok(value)
}

/// The same; without a body everything is absent.
pub(crate) fn optional_body<T: DeserializeOwned + Default>(
    request: &UnifiedRequest,
) -> Result<T, Error> {
    if request.body.iter().all(u8::is_ascii_whitespace) {
        return Ok(T::default());
    }
    body(request)
}

fn fault_of(path: String, error: &serde_json::Error) -> Error {
    let text = error.to_string();
    if error.is_syntax() || error.is_eof() {
        return Error::issue("body", format!("is not valid JSON: {text}"));
    }
    let text = text
        .rsplit_once(" at line ")
        .map_or(&*text, |(text, _)| text);
    let message = ["invalid type: ", "invalid value: "]
        .iter()
        .find_map(|prefix| text.strip_prefix(prefix)?.rsplit_once(", expected "))
        .map_or_else(
            || text.to_owned(),
            |(found, expected)| {
                let kind = [
                    ("string", "text"),
                    ("integer", "a number"),
                    ("floating", "a number"),
                    ("boolean", "a boolean"),
                    ("null", "null"),
                    ("sequence", "a list"),
                    ("map", "an object"),
                ];
                let found = kind
                    .iter()
                    .find_map(|(word, kind)| found.starts_with(word).then_some(*kind))
                    .unwrap_or("something else");
                let expected = match expected {
                    "a map" => "an object",
                    "a string" => "text",
                    "a sequence" => "a list",
                    other if other.starts_with("struct ") => "an object",
                    other => other,
                };
                format!("expected {expected}, found {found}")
            },
        );
    Error::issue(path, message)
}

/// An object whose members are taken one by one; what is left at the end would silently do nothing, so it is refused.
#[derive(Debug)]
pub(crate) struct Members {
    path: String,
    left: Map<String, Value>,
    known: Vec<&'static str>,
}

impl Members {
    pub(crate) fn new(path: impl Into<String>, members: Map<String, Value>) -> Self {
        Self {
            path: path.into(),
            left: members,
            known: Vec::new(),
        }
    }

    /// Where a member is.
    pub(crate) fn at(&self, name: &str) -> String {
        format!("{}.{name}", self.path)
    }

    pub(crate) fn path(&self) -> &str {
        &self.path
    }

    /// The member with this name; null is as if it were not there.
    pub(crate) fn take(&mut self, name: &'static str) -> Option<Value> {
        self.known.push(name);
        self.left.remove(name).filter(|value| !value.is_null())
    }

    pub(crate) fn text(&mut self, name: &'static str, faults: &mut Faults) -> Option<String> {
        match self.take(name)? {
            Value::String(text) if text.is_empty() || text.contains('\0') => {
                faults.add(self.at(name), "expected text that is not empty");
                None
            }
            Value::String(text) => Some(text),
            other => {
                faults.add(
                    self.at(name),
                    format!("expected text, found {}", kind(&other)),
                );
                None
            }
        }
    }

    pub(crate) fn texts(&mut self, name: &'static str, faults: &mut Faults) -> Option<Vec<String>> {
        let value = self.take(name)?;
        let Value::Array(list) = value else {
            faults.add(
                self.at(name),
                format!("expected a list of texts, found {}", kind(&value)),
            );
            return None;
        };
        let mut texts = Vec::new();
        for (index, element) in list.into_iter().enumerate() {
            match element {
                Value::String(text) if !text.trim().is_empty() && !text.contains('\0') => {
                    texts.push(text);
                }
                other => faults.add(
                    format!("{}[{index}]", self.at(name)),
                    format!("expected text that is not empty, found {}", kind(&other)),
                ),
            }
        }
        Some(texts)
    }

    pub(crate) fn object(&mut self, name: &'static str, faults: &mut Faults) -> Option<Self> {
        match self.take(name)? {
            Value::Object(members) => Some(Self::new(self.at(name), members)),
            other => {
                faults.add(
                    self.at(name),
                    format!("expected an object, found {}", kind(&other)),
                );
                None
            }
        }
    }

    /// Whether there is a member with this name that is not null.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.left.get(name).is_some_and(|value| !value.is_null())
    }

    /// The names of the members that were not taken.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.left.keys().map(String::as_str)
    }

    /// An object of which every member is true or false.
    pub(crate) fn flags(&self, faults: &mut Faults) {
        for (name, value) in &self.left {
            if !value.is_boolean() {
                faults.add(
                    self.at(&shorten(name)),
                    format!("expected true or false, found {}", kind(value)),
                );
            }
        }
    }

    /// Whatever was not taken is a fault.
    pub(crate) fn finish(self, faults: &mut Faults) {
        for name in self.left.keys() {
            let expected = if self.known.is_empty() {
                "there is nothing to set here".to_owned()
            } else {
                format!("expected one of {}", self.known.join(", "))
            };
            // The name is the caller's, and may hold anything.
            faults.add(
                self.at(&shorten(name)),
                format!(
                    "is not known; {expected}{}",
                    did_you_mean(name, &self.known)
                ),
            );
        }
    }
}

/// A value's kind, in the words of JSON.
pub(crate) fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(text) if text.is_empty() => "an empty text",
        Value::String(_) => "text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

/// `; did you mean …?`, where a name is near.
pub(crate) fn did_you_mean(name: &str, known: &[&str]) -> String {
    let plain = |text: &str| text.replace(['_', '-'], "").to_ascii_lowercase();
    let short: String = name.chars().take(LONGEST_ID).collect();
    known
        .iter()
        .map(|known| {
            let distance = strsim::damerau_levenshtein(&plain(&short), &plain(known));
            (distance, known)
        })
        .filter(|(distance, known)| *distance <= known.len() / 3)
        .min_by_key(|(distance, _)| *distance)
        .map_or_else(String::new, |(_, known)| format!("; did you mean {known}?"))
}

#[cfg(test)]
mod tests;
