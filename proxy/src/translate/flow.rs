//! A native page on its way: takes whole records out of a body that comes in pieces of any size.
//!
//! What is not a record (the *frame*: the body with an empty object in the place of each record) is kept, and read as
//! JSON at the end, so that a page is refused that would be refused as a whole. This only finds where records begin and
//! end; whoever is given one reads it as JSON.

use crate::error::Error;

/// What stands in the frame for a record.
const MARK: &[u8] = b"{}";

/// Where the next byte belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    Frame,
    /// In the list of records, between two of them.
    Rows,
    Row,
}

/// Takes the records out of a page.
#[derive(Debug)]
pub(super) struct Rows {
    /// The member of the body that has the records.
    member: &'static str,
    at: At,
    /// Objects and lists that are open.
    depth: usize,
    in_text: bool,
    is_escaped: bool,
    /// The text that was read last on the first level is the name of the member.
    is_member: bool,
    /// Where in the frame that text begins.
    text: usize,
    frame: Vec<u8>,
    /// The beginning of a record that has not come whole.
    row: Vec<u8>,
    taken: usize,
}

impl Rows {
    pub(super) fn new(member: &'static str) -> Self {
        Self {
            member,
            at: At::Frame,
            depth: 0,
            in_text: false,
            is_escaped: false,
            is_member: false,
            text: 0,
            frame: Vec::new(),
            row: Vec::new(),
            taken: 0,
        }
    }

    /// Reads on, and hands on each record that is whole.
    pub(super) fn feed(
        &mut self,
        bytes: &[u8],
        mut each: impl FnMut(&[u8]) -> Result<(), Error>,
    ) -> Result<(), Error> {
        // The bytes from `kept` on are nowhere yet.
        let (mut at, mut kept) = (0, 0);
        while let Some(byte) = bytes.get(at).copied() {
            if self.in_text {
                at = self.in_text(bytes, at);
                if !self.in_text && self.at == At::Frame && self.depth == 1 {
                    self.keep(&bytes[kept..at]);
                    kept = at;
                    self.is_member = self.names_member();
                }
                continue;
            }
            match byte {
                b'"' => {
                    self.in_text = true;
                    if self.at == At::Frame && self.depth == 1 {
                        self.keep(&bytes[kept..at]);
                        kept = at;
                        self.text = self.frame.len();
                    }
                }
                b'{' | b'[' => {
                    if self.at == At::Rows {
                        self.keep(&bytes[kept..at]);
                        kept = at;
                        self.frame.extend_from_slice(MARK);
                        self.at = At::Row;
                    } else if byte == b'[' && self.depth == 1 && self.is_member {
                        self.at = At::Rows;
                    }
                    self.depth += 1;
                }
                b'}' | b']' => {
                    self.depth = self.depth.saturating_sub(1);
                    if self.at == At::Row && self.depth == 2 {
                        self.at = At::Rows;
                        self.taken += 1;
                        let rest = &bytes[kept..=at];
                        kept = at + 1;
                        if self.row.is_empty() {
                            each(rest)?;
                        } else {
                            self.row.extend_from_slice(rest);
                            each(&self.row)?;
                            self.row.clear();
                        }
                    } else if self.at == At::Rows && self.depth == 1 {
                        self.at = At::Frame;
                        self.is_member = false;
                    }
                }
                b',' if self.depth == 1 => self.is_member = false,
                _ => {}
            }
            at += 1;
        }
        self.keep(&bytes[kept..]);
        Ok(())
    }

    /// The index behind the part of a text that is there.
    fn in_text(&mut self, bytes: &[u8], mut at: usize) -> usize {
        if self.is_escaped {
            self.is_escaped = false;
            return at + 1;
        }
        let ends = |byte: &u8| matches!(byte, b'"' | b'\\');
        match bytes[at..].iter().position(ends) {
            None => bytes.len(),
            Some(offset) => {
                at += offset;
                if bytes[at] == b'"' {
                    self.in_text = false;
                } else {
                    self.is_escaped = true;
                }
                at + 1
            }
        }
    }

    fn keep(&mut self, bytes: &[u8]) {
        match self.at {
            At::Frame | At::Rows => self.frame.extend_from_slice(bytes),
            At::Row => self.row.extend_from_slice(bytes),
        }
    }

    /// Names may be written with escapes.
    fn names_member(&self) -> bool {
        let text = self.frame.get(self.text..).unwrap_or_default();
        serde_json::from_slice::<String>(text).is_ok_and(|text| text == self.member)
    }

    /// The frame at the end of the body, and how many records were taken out.
    pub(super) fn end(self) -> (Vec<u8>, usize) {
        (self.frame, self.taken)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Records and frame, with the body in pieces.
    fn read(body: &str, piece: usize) -> (Vec<String>, String, usize) {
        let mut rows = Rows::new("results");
        let mut records = Vec::new();
        for piece in body.as_bytes().chunks(piece.max(1)) {
            rows.feed(piece, |row| {
                records.push(String::from_utf8(row.to_vec()).unwrap());
                Ok(())
            })
            .unwrap();
        }
        let (frame, taken) = rows.end();
        (records, String::from_utf8(frame).unwrap(), taken)
    }

    #[test]
    fn records_are_taken_out_wherever_the_body_is_parted() {
        let body = r#"{"a":{"results":[1]}, "x":"results","res\u0075lts" : [ {"id":"1","t":"]}\"\\"} ,null,{"b":[{}]}
            ], "paging":{"next":{"after":"[\"2"}}}"#;
        let frame = r#"{"a":{"results":[1]}, "x":"results","res\u0075lts" : [ {} ,null,{}
            ], "paging":{"next":{"after":"[\"2"}}}"#;
        for piece in 1..body.len() {
            let (records, left, taken) = read(body, piece);
            assert_eq!(records, [r#"{"id":"1","t":"]}\"\\"}"#, r#"{"b":[{}]}"#]);
            assert_eq!((left.as_str(), taken), (frame, 2));
        }
    }

    #[test]
    fn what_is_wrong_between_records_is_wrong_in_the_frame() {
        for body in [
            r#"{"results":[{}{}]}"#,
            r#"{"results":[{},]}"#,
            r#"{"results":[1{}]}"#,
            r#"{"results":[{}]"#,
            r#"{"results":[{]}"#,
            r#"{"results":[{}]}}"#,
            r#"{"results":[{}}}"#,
            r#"{"results":[{}],}"#,
            r#"{"results":[{"a":1}"#,
            r#"{"results":[{"a":1"#,
        ] {
            let (_, frame, _) = read(body, 3);
            assert!(
                serde_json::from_str::<serde::de::IgnoredAny>(&frame).is_err(),
                "{body} left {frame}"
            );
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_fail_and_all_of_them_are_told_once(
            body in r#"[{}\[\]",:\\ a"results]{0,60}"#,
            piece in 1..9_usize,
        ) {
            let (records, frame, taken) = read(&body, piece);
            prop_assert_eq!(records.len(), taken);
            let told = records.iter().map(String::len).sum::<usize>() + frame.len() - 2 * taken;
            // A record that has begun and not ended is in the frame as its mark alone.
            prop_assert!(told <= body.len() + 2);
        }
    }
}
