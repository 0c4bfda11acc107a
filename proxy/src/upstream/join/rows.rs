//! Takes the answer to a call for many apart: each reader's record, byte for byte. Pure.

use std::collections::{HashMap, hash_map::Entry};

use bytes::Bytes;

use super::place;
use crate::{
    translate::{NativeResponse, pick},
    upstream::provider::Join,
};

/// The record of each id, in their order: none where the answer has no record of it, or more than one. None at all
/// where the answer cannot be used.
pub(super) fn take_apart(
    join: &Join,
    ids: &[String],
    response: &NativeResponse,
) -> Option<Vec<Option<Bytes>>> {
    if !response.is_success() {
        return None;
    }
    let rows = pick::page(&response.body, join.rows, None, None).ok()?;
    let rows = rows.rows;
    let bytes = |row: &str| response.body.slice_ref(row.as_bytes());
    if join.in_order {
        if rows.len() != ids.len() {
            return None;
        }
        let rows = rows.into_iter().zip(ids).map(|(row, id)| {
            // A row of another record would be the worst that could be told.
            let row = row.filter(|row| id_of(join, row).is_none_or(|it| it == *id))?;
            Some(bytes(row))
        });
        return Some(rows.collect());
    }
    let mut by_id: HashMap<String, Option<Bytes>> = HashMap::with_capacity(rows.len());
    for row in rows.into_iter().flatten() {
        let Some(id) = id_of(join, row) else {
            continue;
        };
        match by_id.entry(id) {
            Entry::Vacant(entry) => {
                entry.insert(Some(bytes(row)));
            }
            Entry::Occupied(mut entry) => {
                entry.insert(None);
            }
        }
    }
    let rows = ids.iter().map(|id| by_id.remove(id).flatten());
    Some(rows.collect())
}

/// The id that a row says, in its normal form.
fn id_of(join: &Join, row: &str) -> Option<String> {
    let id = pick::text_at(row.as_bytes(), join.row_id?).ok()??;
    place::canonical(join, &id).map(std::borrow::Cow::into_owned)
}

#[cfg(test)]
mod tests {
    use super::{
        super::place::tests::{BY_ID, IN_ORDER},
        *,
    };

    fn apart(
        join: &Join,
        status: u16,
        body: &'static str,
        ids: &[&str],
    ) -> Option<Vec<Option<String>>> {
        let response = NativeResponse {
            status,
            body: Bytes::from_static(body.as_bytes()),
            date: None,
            correlation_id: None,
            parts: Vec::new(),
        };
        let ids: Vec<String> = ids.iter().map(ToString::to_string).collect();
        let rows = take_apart(join, &ids, &response)?;
        let text = |row: Bytes| String::from_utf8(row.to_vec()).unwrap();
        Some(rows.into_iter().map(|row| row.map(text)).collect())
    }

    #[test]
    fn each_gets_his_record_as_it_came() {
        let body = r#"{"found":[ {"at":{"id":"4"}, "n": 1.0e1 },{"at":{"id":"17"}}], "more":0}"#;
        let rows = apart(&BY_ID, 207, body, &["17", "9", "4"]).unwrap();
        let expected = [
            Some(r#"{"at":{"id":"17"}}"#),
            None,
            Some(r#"{"at":{"id":"4"}, "n": 1.0e1 }"#),
        ];
        assert_eq!(rows, expected.map(|row| row.map(str::to_owned)));
    }

    #[test]
    fn two_records_of_one_id_are_nobodys() {
        let body = r#"{"found":[{"at":{"id":"4"},"n":1},{"at":{"id":"4"},"n":2},{"n":3}]}"#;
        assert_eq!(apart(&BY_ID, 200, body, &["4"]).unwrap(), [None]);
    }

    #[test]
    fn rows_in_order_are_those_of_their_ids() {
        let body = r#"[{"at":{"id":"17"}},null,{"n":3}]"#;
        let rows = apart(&IN_ORDER, 200, body, &["17", "9", "4"]).unwrap();
        let expected = [Some(r#"{"at":{"id":"17"}}"#), None, Some(r#"{"n":3}"#)];
        assert_eq!(rows, expected.map(|row| row.map(str::to_owned)));
    }

    #[test]
    fn a_row_of_another_record_is_told_to_nobody() {
        let body = r#"[{"at":{"id":"9"}},{"at":{"id":"17"}}]"#;
        assert_eq!(
            apart(&IN_ORDER, 200, body, &["17", "9"]).unwrap(),
            [None, None]
        );
        assert_eq!(apart(&IN_ORDER, 200, body, &["17"]), None, "too many rows");
        assert_eq!(
            apart(&IN_ORDER, 200, body, &["17", "9", "4"]),
            None,
            "too few"
        );
    }

    #[test]
    fn an_answer_that_cannot_be_used_is_none() {
        for (status, body) in [
            (400, r#"{"found":[]}"#),
            (500, ""),
            (200, ""),
            (200, "<html>"),
            (200, r#"{"results":[]}"#),
            (200, r#"{"found":{}}"#),
            (200, r#"{"found":[{"at":{"id":"4"}}]"#),
        ] {
            assert_eq!(apart(&BY_ID, status, body, &["4"]), None, "{status} {body}");
        }
        // A row that says no id is passed over.
        assert_eq!(
            apart(&BY_ID, 200, r#"{"found":[{"at":3},7,null]}"#, &["4"]).unwrap(),
            [None]
        );
    }
}
