//! A JSON writer for the bodies of native calls. It minds the commas; the generated code reads like the mapping.

use bytes::Bytes;
use jiff::Timestamp;

use super::{scan, write::NativeObject};

/// Most bodies of calls have fewer bytes.
const ROOM: usize = 512;

/// Writes one value.
#[derive(Debug)]
pub struct Json {
    out: Vec<u8>,
}

impl Default for Json {
    fn default() -> Self {
        Self {
            out: Vec::with_capacity(ROOM),
        }
    }
}

impl Json {
    /// JSON that the mapping has word for word.
    pub fn literal(&mut self, json: &str) {
        self.out.extend_from_slice(json.as_bytes());
    }

    pub fn text(&mut self, text: &str) {
        push_text(&mut self.out, text);
    }

    pub fn integer(&mut self, number: u32) {
        self.literal(itoa::Buffer::new().format(number));
    }

    pub fn instant(&mut self, instant: Timestamp) {
        self.text(&super::read::format_timestamp(instant));
    }

    pub fn texts<'t>(&mut self, texts: impl IntoIterator<Item = &'t str>) {
        self.list(|list| {
            for text in texts {
                list.item().text(text);
            }
        });
    }

    pub fn record(&mut self, record: &NativeObject) {
        record.write_json(&mut self.out);
    }

    pub fn object(&mut self, write: impl FnOnce(&mut JsonObject<'_>)) {
        self.out.push(b'{');
        write(&mut JsonObject {
            json: self,
            empty: true,
        });
        self.out.push(b'}');
    }

    pub fn list(&mut self, write: impl FnOnce(&mut JsonList<'_>)) {
        self.out.push(b'[');
        write(&mut JsonList {
            json: self,
            empty: true,
        });
        self.out.push(b']');
    }

    pub fn into_bytes(self) -> Bytes {
        self.out.into()
    }
}

/// Writes the members of an object.
#[derive(Debug)]
pub struct JsonObject<'j> {
    json: &'j mut Json,
    empty: bool,
}

impl JsonObject<'_> {
    /// Begins a member; exactly one value must be written to what it returns.
    pub fn member(&mut self, name: &str) -> &mut Json {
        if !self.empty {
            self.json.out.push(b',');
        }
        self.empty = false;
        self.json.text(name);
        self.json.out.push(b':');
        self.json
    }
}

/// Writes the elements of a list.
#[derive(Debug)]
pub struct JsonList<'j> {
    json: &'j mut Json,
    empty: bool,
}

impl JsonList<'_> {
    /// Begins an element; exactly one value must be written to what it returns.
    pub fn item(&mut self) -> &mut Json {
        if !self.empty {
            self.json.out.push(b',');
        }
        self.empty = false;
        self.json
    }
}

/// Appends a text as a JSON string.
pub(super) fn push_text(out: &mut Vec<u8>, text: &str) {
    if scan::is_plain(text) {
        out.reserve(text.len() + 2);
        out.push(b'"');
        out.extend_from_slice(text.as_bytes());
        out.push(b'"');
    } else {
        serde_json::to_writer(out, text).expect("a text serializes");
    }
}
