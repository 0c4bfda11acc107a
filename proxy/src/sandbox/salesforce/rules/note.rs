//! Enhanced notes: HTML in, a preview and bytes out (`salesforce.md` §5.1).
//!
//! A `ContentNote` is a `ContentDocument` of the same id; both rows are kept, so that either can be asked for.

use base64::prelude::{BASE64_STANDARD, Engine as _};
use serde_json::{Map, Value, json};

use super::html;
use crate::sandbox::salesforce::{
    access::text,
    fault::Fault,
    state::{Row, State, Writing, is_deleted},
};

/// The longest preview, in characters.
const PREVIEW: usize = 255;
/// What a document has of its note.
const SHARED: [&str; 13] = [
    "Title",
    "FileType",
    "FileExtension",
    "ContentSize",
    "LatestPublishedVersionId",
    "IsDeleted",
    "OwnerId",
    "CreatedDate",
    "CreatedById",
    "LastModifiedDate",
    "LastModifiedById",
    "SystemModstamp",
    "Id",
];

/// The note as it is kept, or why it cannot be.
pub(super) fn content(
    state: &mut State,
    before: Option<&Row>,
    note: &mut Row,
    now: &str,
) -> Result<(), Fault> {
    let coded = text(note, "Content").to_owned();
    let is_new = before.is_none_or(|before| text(before, "Content") != coded);
    let mut set = |name: &str, value: Value| note.insert(name.to_owned(), value);
    if before.is_none() {
        set("FileType", json!("SNOTE"));
        set("FileExtension", json!("snote"));
        set("SharingPrivacy", json!("N"));
    }
    if !is_new {
        return Ok(());
    }
    let bytes = BASE64_STANDARD.decode(&coded).unwrap_or_default();
    // That a note is text is certain, how other bytes are refused is not.
    let html = String::from_utf8(bytes).map_err(|_| html::refused())?;
    let html = html::kept(&html)?;
    let preview: String = html::plain(&html).chars().take(PREVIEW).collect();
    set("Content", json!(BASE64_STANDARD.encode(&html)));
    set("ContentSize", json!(html.len()));
    set("ContentModifiedDate", json!(now));
    set(
        "TextPreview",
        if preview.is_empty() {
            Value::Null
        } else {
            json!(preview)
        },
    );
    let version = state.next_id("068");
    set("LatestPublishedVersionId", json!(version));
    Ok(())
}

/// Brings the document up to date; a new note is linked to its owner.
pub(super) fn publish(state: &mut State, id: &str, writing: Writing<'_>) {
    let Some(note) = state.row("ContentNote", id) else {
        return;
    };
    let shared = SHARED.into_iter().filter_map(|name| {
        let value = note.get(name)?;
        Some((name.to_owned(), value.clone()))
    });
    let document: Row = shared.collect();
    let owner = text(note, "OwnerId").to_owned();
    let is_new = state.row("ContentDocument", id).is_none();
    if !is_new {
        state.amend("ContentDocument", id, document, writing.now);
        return;
    }
    state.put("ContentDocument", id, document);
    let link = json!({
        "ContentDocumentId": id, "LinkedEntityId": owner, "ShareType": "I", "Visibility": "AllUsers",
        "IsDeleted": false, "SystemModstamp": writing.now,
    });
    let link_id = state.next_id("06A");
    let link: Row = link.as_object().cloned().into_iter().flatten().collect();
    state.put("ContentDocumentLink", &link_id, link);
}

/// A document may be linked to a record once. The words are as people have reported them; the reference has none.
pub(super) fn check_link(state: &State, link: &Row) -> Result<(), Fault> {
    let ids = |link| {
        [
            text(link, "ContentDocumentId"),
            text(link, "LinkedEntityId"),
        ]
    };
    let [document, entity] = ids(link);
    let is_there = state
        .table("ContentDocumentLink")
        .any(|(_, other)| !is_deleted(other) && ids(other) == [document, entity]);
    if !is_there {
        return Ok(());
    }
    let message =
        format!("Document with ID: {document} is already linked with the entity with ID: {entity}");
    Err(Fault::new(400, "DUPLICATE_VALUE", message).fields(&[]))
}

/// Its links and its document go with a note.
pub(super) fn unpublish(state: &mut State, object: &str, id: &str, now: &str) {
    let links: Vec<String> = state
        .table("ContentDocumentLink")
        .filter(|(_, link)| text(link, "ContentDocumentId") == id && !is_deleted(link))
        .map(|(link, _)| link.to_owned())
        .collect();
    for link in links {
        state.bin("ContentDocumentLink", &link, now);
    }
    let other = if object == "ContentNote" {
        "ContentDocument"
    } else {
        "ContentNote"
    };
    state.bin(other, id, now);
}

/// A query finds only notes that the user owns or that are shared with him.
pub(super) fn is_shared(state: &State, note: &Row) -> bool {
    let user = State::user_id();
    let id = text(note, "Id");
    text(note, "OwnerId") == user
        || state.table("ContentDocumentLink").any(|(_, link)| {
            text(link, "ContentDocumentId") == id
                && text(link, "LinkedEntityId") == user
                && !is_deleted(link)
        })
}

/// The values of a write that a link leaves to Salesforce.
pub(super) fn complete_link(link: &mut Row) {
    link.entry("Visibility".to_owned())
        .or_insert_with(|| json!("AllUsers"));
}

/// The bytes of a blob field.
pub(in crate::sandbox::salesforce) fn blob(row: &Row, field: &str) -> Vec<u8> {
    BASE64_STANDARD.decode(text(row, field)).unwrap_or_default()
}

/// The body of a note as an API client sends it: escaped, in base64.
pub(in crate::sandbox::salesforce) fn coded(html: &str) -> Map<String, Value> {
    Map::from_iter([("Content".to_owned(), json!(BASE64_STANDARD.encode(html)))])
}
