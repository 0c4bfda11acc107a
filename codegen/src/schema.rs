//! The mapping language as JSON Schema, so that editors complete and check mappings while they are written.
//!
//! Says what the readers in [`crate::mapping`] say: keys, kinds, choices. Whether names exist only the checks can tell. A test
//! holds both against each other, with every mapping that there is and thousands that are a little wrong.

use serde_json::{Map, Value, json};

mod operation;
mod provider;

pub use provider::provider;

const DIALECT: &str = "https://json-schema.org/draft/2020-12/schema";

/// The schema of an entity's file, and of one with operations that are not about records.
pub fn mapping() -> Value {
    json!({
        "$schema": DIALECT,
        "title": "A mapping of Crosswalk: one entity of one provider",
        "type": "object",
        "if": { "required": ["fields"] },
        "then": entity(),
        "else": scripts(),
    })
}

fn entity() -> Value {
    let mut keys = common();
    keys.extend([
        ("native", about(text(), "The provider's object, a schema of its spec.")),
        ("flat", about(flag(), "Whether its fields are its own members, even where the provider's other records hold theirs in one member.")),
        ("record_id_prefix", about(text(), "What the record's ids begin with.")),
        ("fields", about(by_name(&field()), "Every unified field that has a counterpart, in the order of the unified spec.")),
        ("not_mapped", about(texts_by_name(), "Unified fields without counterpart, and for each a sentence for a customer on why.")),
        ("beside", about(by_name(&beside()), "What is read beside the records.")),
        ("defaults", about(by_name(&any()), "Native fields that a created record gets unless it has them.")),
        ("operations", about(by_name(&operation::record()), "The unified operations that there are, and the native calls that each becomes.")),
        ("gone", about(gone(), "What lists of changes tell of deleted and merged records.")),
    ]);
    closed(keys, &["entity", "native", "fields"])
}

fn scripts() -> Value {
    let mut keys = common();
    keys.push((
        "operations",
        about(
            by_name(&operation::script()),
            "Operations that are not about records: steps and an answer.",
        ),
    ));
    closed(keys, &["entity", "operations"])
}

fn common() -> Vec<(&'static str, Value)> {
    vec![
        (
            "entity",
            about(text(), "The entity of the unified API, as in crm.account."),
        ),
        (
            "bind",
            about(
                texts_by_name(),
                "Path parameters that every call of the entity is given.",
            ),
        ),
        (
            "objects",
            about(objects(), "How the object is found that a call names."),
        ),
    ]
}

/// Keys that stand beside exactly one of a field's sources.
fn field() -> Value {
    let sources = ["from", "join", "constant", "group", "first_true", "losers"];
    let mut schema = closed(
        vec![
            (
                "from",
                about(
                    texts(),
                    "The native field, or the first of several that is present.",
                ),
            ),
            (
                "join",
                about(texts(), "Native fields whose texts are joined."),
            ),
            ("constant", about(any(), "Always this.")),
            (
                "group",
                about(rows(), "Entries of a list, each of native fields."),
            ),
            (
                "first_true",
                about(
                    texts_by_name(),
                    "The value of the first native truth that holds; `otherwise` says the last one.",
                ),
            ),
            (
                "losers",
                about(
                    text(),
                    "The native list of records that were merged into this one.",
                ),
            ),
            ("convert", about(text(), "The conversion between the two.")),
            (
                "values",
                about(texts_by_name(), "Unified values and their native ones."),
            ),
            (
                "others",
                about(
                    json!({ "type": "null" }),
                    "Native values that are not among `values` are read as null.",
                ),
            ),
            (
                "label",
                about(
                    text(),
                    "The table beside the records that has a label for the value.",
                ),
            ),
            (
                "otherwise",
                about(text(), "The value when none of `first_true` holds."),
            ),
            (
                "flag",
                about(text(), "The field that is set for a merged record."),
            ),
            (
                "write",
                about(text(), "`never`, or another native field to write to."),
            ),
        ],
        &[],
    );
    schema["oneOf"] = sources
        .iter()
        .map(|source| json!({ "required": [source] }))
        .collect();
    schema["dependentRequired"] = json!({
        "convert": ["from"],
        "values": ["from"],
        "others": ["from", "values"],
        "label": ["from"],
        "otherwise": ["first_true"],
        "first_true": ["otherwise"],
        "flag": ["losers"],
    });
    schema
}

fn rows() -> Value {
    let member = closed(
        vec![
            ("from", about(text(), "The native field.")),
            ("line", about(text(), "The line of the native text.")),
            (
                "write",
                about(choice(&["never"]), "Whether it is not written."),
            ),
        ],
        &["from"],
    );
    json!({ "type": "array", "items": by_name(&either(text(), member)) })
}

fn gone() -> Value {
    let by = closed(
        vec![
            ("told_by", about(text(), "The unified field that tells.")),
            (
                "except",
                about(
                    text(),
                    "Which of these records are not told all the same, in words for a customer.",
                ),
            ),
        ],
        &["told_by"],
    );
    let not = closed(
        vec![(
            "not_told",
            about(text(), "Why they are not told, in words for a customer."),
        )],
        &["not_told"],
    );
    let told = either(by, not);
    closed(
        vec![("deleted", told.clone()), ("merged", told)],
        &["deleted", "merged"],
    )
}

fn beside() -> Value {
    let with = |more: Vec<(&'static str, Value)>, required: &[&str]| {
        let mut keys = call_keys();
        keys.push((
            "key",
            about(
                text(),
                "The native field that has the key of what is beside a record.",
            ),
        ));
        keys.push(("text", flag()));
        keys.extend(more);
        closed(keys, &[&["call", "key"], required].concat())
    };
    let is_no_text = json!({ "properties": { "text": { "const": false } } });
    let rows = || ("rows", about(text(), "The list in the answer."));
    json!({
        "type": "object",
        "if": { "required": ["native"] },
        "then": { "allOf": [is_no_text, with(
            vec![
                ("native", about(text(), "The native object of the records beside.")),
                rows(),
                ("id", about(text(), "Where such a record has its id.")),
                ("max", about(integer(), "Records of one call.")),
            ],
            &["native", "id", "max"],
        )] },
        "else": {
            "if": { "required": ["label"] },
            "then": { "allOf": [is_no_text, with(
                vec![
                    ("label", about(text(), "Where an entry has its label.")),
                    ("value", about(text(), "Where an entry has its value.")),
                    rows(),
                    ("inner", about(text(), "The list in each row.")),
                ],
                &["label", "value"],
            )] },
            "else": { "allOf": [{ "properties": { "text": { "const": true } } }, with(Vec::new(), &["text"])] },
        },
    })
}

/// How names of objects lead to native ones.
fn objects() -> Value {
    let described = |more: Vec<(&'static str, Value)>| {
        let mut keys = call_keys();
        keys.push(("rows", about(text(), "The list in the answer.")));
        keys.push(("name", about(text(), "Where an entry has its name.")));
        keys.extend(more);
        closed(keys, &["call", "name"])
    };
    let listed = described(vec![
        ("aliases", about(texts(), "Where an entry has other names.")),
        ("suffix", about(text(), "What a native name may end with.")),
    ]);
    closed(
        vec![
            (
                "names",
                about(texts_by_name(), "Names of ours, and theirs."),
            ),
            ("listed", listed),
            ("fields", described(Vec::new())),
        ],
        &[],
    )
}

/// What every call is given.
fn call_keys() -> Vec<(&'static str, Value)> {
    vec![
        (
            "call",
            about(
                text(),
                "The native operation's id, as in the provider's spec.",
            ),
        ),
        ("path", about(by_name(&any()), "Parameters of the path.")),
        ("query", about(by_name(&any()), "Parameters of the query.")),
        (
            "body",
            about(any(), "The body: literals, slots and templates."),
        ),
    ]
}

/// A mapping with these keys and no others.
fn closed(keys: Vec<(&'static str, Value)>, required: &[&str]) -> Value {
    let properties: Map<String, Value> = keys
        .into_iter()
        .map(|(key, schema)| (key.to_owned(), schema))
        .collect();
    let mut schema =
        json!({ "type": "object", "properties": properties, "additionalProperties": false });
    if !required.is_empty() {
        schema["required"] = json!(required);
    }
    schema
}

/// A mapping whose keys are names.
fn by_name(each: &Value) -> Value {
    json!({ "type": "object", "additionalProperties": each })
}

fn about(mut schema: Value, description: &str) -> Value {
    schema["description"] = description.into();
    schema
}

fn any() -> Value {
    json!({})
}

/// Whatever is written without a key or a list is a text.
fn text() -> Value {
    json!({ "type": ["string", "number", "boolean"] })
}

fn list_of(each: &Value) -> Value {
    json!({ "type": "array", "items": each })
}

/// One text or a list of them.
fn texts() -> Value {
    either(text(), list_of(&text()))
}

fn texts_by_name() -> Value {
    by_name(&text())
}

fn integer() -> Value {
    json!({ "type": "integer", "minimum": 0, "maximum": u32::MAX })
}

fn flag() -> Value {
    json!({ "type": "boolean" })
}

fn choice(words: &[&str]) -> Value {
    json!({ "enum": words })
}

fn either(one: Value, other: Value) -> Value {
    let forms = vec![one, other];
    json!({ "anyOf": forms })
}
