//! Operations: lists, batches, steps and upserts of records, and scripts.

use serde_json::{Value, json};

use super::{
    about, any, by_name, call_keys, choice, closed, either, flag, integer, list_of, text, texts,
    texts_by_name,
};

type Keys = Vec<(&'static str, Value)>;

/// An operation on records, which shows by its keys what it is.
pub(super) fn record() -> Value {
    json!({
        "type": "object",
        "if": { "required": ["page_size"] },
        "then": list(),
        "else": {
            "if": { "required": ["batch"] },
            "then": closed(vec![("batch", batch(Vec::new(), &[]))], &["batch"]),
            "else": {
                "if": { "required": ["keys"] },
                "then": upsert(),
                "else": steps(),
            },
        },
    })
}

fn call_with(more: Keys, required: &[&str]) -> Value {
    let mut keys = call_keys();
    keys.extend(more);
    closed(keys, &[&["call"], required].concat())
}

fn rows() -> (&'static str, Value) {
    ("rows", about(text(), "The list of records in the answer."))
}

fn list() -> Value {
    let pager = call_with(
        vec![
            ("max", about(integer(), "The most records of one page.")),
            rows(),
            ("next", about(text(), "Where the answer says how to go on.")),
            (
                "more",
                about(text(), "Where the answer says whether there is more."),
            ),
            ("keep", about(text(), "What is kept from page to page.")),
            (
                "overlap_seconds",
                about(integer(), "How far the next list of changes reaches back."),
            ),
        ],
        &[],
    );
    let pagers = either(pager.clone(), list_of(&pager));
    let page_size = closed(
        vec![
            (
                "default",
                about(integer(), "Where the caller says nothing."),
            ),
            (
                "max",
                about(integer(), "The most that a caller may ask for."),
            ),
        ],
        &["default", "max"],
    );
    let complete = batch(
        vec![
            (
                "over",
                about(
                    integer(),
                    "When the names of the fields have more characters than this.",
                ),
            ),
            (
                "lean",
                about(texts(), "The fields that the list itself asks for then."),
            ),
        ],
        &["over"],
    );
    closed(
        vec![
            ("page_size", page_size),
            (
                "full",
                about(
                    pagers.clone(),
                    "One native list, or several that are read one after the other.",
                ),
            ),
            (
                "changes",
                about(
                    pagers,
                    "What is read instead where only changes are asked for.",
                ),
            ),
            (
                "complete",
                about(
                    complete,
                    "How wide records are read whose fields have no place in the list's own call.",
                ),
            ),
        ],
        &["page_size", "full"],
    )
}

/// A call that reads records by their ids.
fn batch(more: Keys, required: &[&str]) -> Value {
    let mut keys = vec![
        ("max", about(integer(), "The most ids of one call.")),
        rows(),
    ];
    keys.extend(more);
    call_with(keys, &[&["max"], required].concat())
}

fn step_call() -> Keys {
    vec![
        ("id", about(text(), "Where the answer has the record's id.")),
        ("record", about(flag(), "Whether the answer is the record.")),
        (
            "rows",
            about(text(), "The list whose only row is the record."),
        ),
        (
            "on",
            about(routes(), "By status, the step that comes next."),
        ),
        (
            "only_if",
            about(
                text(),
                "The input without which a part of a bundle is left out.",
            ),
        ),
    ]
}

/// `on: { 404: create }`.
fn routes() -> Value {
    json!({
        "type": "object",
        "propertyNames": { "pattern": "^0*[345][0-9]{2}$" },
        "additionalProperties": text(),
    })
}

fn steps() -> Value {
    let if_wide = closed(
        vec![
            (
                "over",
                about(
                    integer(),
                    "When the names of the fields have more characters than this.",
                ),
            ),
            ("step", text()),
        ],
        &["over", "step"],
    );
    let common = || -> Keys {
        vec![
            (
                "atomic",
                about(
                    flag(),
                    "Nothing of the bundle is carried out when one part fails.",
                ),
            ),
            ("then", about(text(), "The step that comes next.")),
            (
                "otherwise",
                about(text(), "The step for what has no other."),
            ),
            (
                "if_empty",
                about(text(), "The step where nothing was found."),
            ),
            ("if_wide", if_wide.clone()),
        ]
    };
    let mut lone = step_call();
    lone.extend(common());
    let mut bundle = common();
    bundle.push((
        "bundle",
        about(
            by_name(&call_with(step_call(), &[])),
            "Several calls in one round trip.",
        ),
    ));
    bundle.push((
        "on",
        about(routes(), "By status, the step that comes next."),
    ));
    let step = json!({
        "type": "object",
        "if": { "required": ["bundle"] },
        "then": closed(bundle, &["bundle"]),
        "else": call_with(lone, &[]),
    });
    by_name(&step)
}

fn upsert() -> Value {
    let find = call_with(
        vec![
            rows(),
            ("next", about(text(), "Where the answer says how to go on.")),
            ("stale", about(flag(), "Whether the rows may be old.")),
            ("id", about(text(), "Where a row has its id.")),
            (
                "split",
                about(integer(), "How many values one call may have."),
            ),
            ("max", about(integer(), "The most rows of one call.")),
        ],
        &[],
    );
    let conditions = choice(&["plain_value", "record_keeps_key"]);
    let direct = closed(
        vec![
            ("step", text()),
            ("only_if", either(conditions.clone(), list_of(&conditions))),
        ],
        &["step"],
    );
    let fields = json!({ "type": "array", "minItems": 1, "items": text() });
    let key = closed(
        vec![
            (
                "normalize",
                about(
                    choice(&["host", "website", "email", "exact"]),
                    "How values are made comparable.",
                ),
            ),
            (
                "set",
                about(text(), "The native field that the key is written to."),
            ),
            ("omit_from_changes", flag()),
            (
                "match",
                about(
                    either(fields, choice(&["every_row"])),
                    "The native fields in which a row must have the key; `every_row` trusts the provider to find nothing but exact matches.",
                ),
            ),
            ("find", about(find, "How records with the key are found.")),
            ("direct", about(direct, "The step that needs no finding.")),
        ],
        &["normalize", "set", "match", "find"],
    );
    closed(
        vec![
            (
                "keys",
                about(
                    by_name(&key),
                    "The unified keys by which records are matched.",
                ),
            ),
            (
                "refused_keys",
                about(
                    texts_by_name(),
                    "Keys of the unified API that cannot be matched by, and why.",
                ),
            ),
            (
                "recent",
                about(
                    call_with(Vec::new(), &[]),
                    "How a record is read that was written a moment ago.",
                ),
            ),
            ("none", about(text(), "The step where no record matches.")),
            ("one", about(text(), "The step where one does.")),
            ("steps", steps()),
        ],
        &["keys", "none", "one", "steps"],
    )
}

/// An operation that is not about records.
pub(super) fn script() -> Value {
    let pages = closed(
        vec![
            ("rows", about(text(), "The list in the answer.")),
            ("next", about(text(), "Where the answer says how to go on.")),
            (
                "parameter",
                about(text(), "The parameter that says where to go on."),
            ),
        ],
        &["rows", "next", "parameter"],
    );
    let failed_if = closed(
        vec![
            ("path", text()),
            ("equals", text()),
            ("code", text()),
            ("message", text()),
        ],
        &["path", "equals", "code", "message"],
    );
    let status = json!({ "type": ["integer", "string"], "minimum": 300, "maximum": 599, "pattern": "^0*[345][0-9]{2}$" });
    let step = call_with(
        vec![
            (
                "only_if",
                about(
                    any(),
                    "The template without whose value the step is left out.",
                ),
            ),
            (
                "unless",
                about(any(), "The template with whose value the step is left out."),
            ),
            (
                "object",
                about(text(), "The object for which alone the step is."),
            ),
            (
                "not_object",
                about(text(), "The object for which it is not."),
            ),
            (
                "remembered",
                about(flag(), "Whether the answer is remembered for some minutes."),
            ),
            (
                "credential",
                about(
                    text(),
                    "The path to the element that is to hold the credential.",
                ),
            ),
            (
                "ignore",
                about(
                    either(status.clone(), list_of(&status)),
                    "Statuses that are no fault.",
                ),
            ),
            ("pages", pages),
            ("failed_if", failed_if),
        ],
        &[],
    );
    closed(
        vec![
            (
                "objects",
                about(
                    texts_by_name(),
                    "The names of objects in the request's body, by role.",
                ),
            ),
            ("steps", by_name(&step)),
            ("answer", about(any(), "The template of the answer.")),
        ],
        &["answer"],
    )
}
