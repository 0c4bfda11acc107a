//! `provider.yaml`: what is true of a provider as a whole.

use serde_json::{Value, json};

use super::{
    DIALECT, about, any, by_name, call_keys, choice, closed, either, flag, integer, list_of,
    objects, text, texts, texts_by_name,
};

/// The schema of a `provider.yaml`.
pub fn provider() -> Value {
    let mut schema = closed(
        vec![
            (
                "provider",
                about(text(), "Its name, which is that of its folder."),
            ),
            ("title", about(text(), "Its name for people.")),
            ("spec", about(text(), "Its spec, a file in specs/.")),
            ("version", version()),
            ("base_url", base_url()),
            ("auth", auth()),
            (
                "check",
                about(
                    check(),
                    "How a connection is proved to work, and whose account it is.",
                ),
            ),
            (
                "scopes",
                about(scopes(), "What operations need to be granted."),
            ),
            (
                "limits",
                about(by_name(&limit()), "How many calls it allows."),
            ),
            (
                "reads_by_post",
                about(
                    texts(),
                    "Operations that only read although their method says otherwise.",
                ),
            ),
            (
                "joins",
                about(list_of(&join()), "Single reads that can be made together."),
            ),
            (
                "native_door",
                about(
                    native_door(),
                    "What callers may ask of the provider's own API.",
                ),
            ),
            (
                "clear",
                about(choice(&["null", "empty_text"]), "How a field is emptied."),
            ),
            (
                "fields_in",
                about(text(), "The member that holds a record's fields."),
            ),
            (
                "record_id",
                about(
                    choice(&["text", "decimal", "base62_checked"]),
                    "The form of ids.",
                ),
            ),
            ("bundle", about(bundle(), "Several calls in one.")),
            (
                "objects",
                about(objects(), "How names of objects lead to native ones."),
            ),
            (
                "hidden_fields",
                about(
                    hidden_fields(),
                    "How it is found out which fields the connected user has.",
                ),
            ),
            (
                "document",
                about(
                    document(),
                    "Where the names of the provider's own document differ from ours.",
                ),
            ),
            ("errors", errors()),
        ],
        &[
            "provider",
            "title",
            "spec",
            "version",
            "base_url",
            "auth",
            "clear",
            "record_id",
            "errors",
        ],
    );
    schema["$schema"] = DIALECT.into();
    schema["title"] = "A provider of Crosswalk".into();
    schema
}

fn native_door() -> Value {
    closed(
        vec![
            (
                "open",
                about(
                    texts(),
                    "What paths begin with that may be asked for; every path where there are none.",
                ),
            ),
            (
                "closed",
                about(texts(), "What the paths of those begin with that may not."),
            ),
            (
                "request_headers",
                about(texts(), "Headers of requests that are passed on."),
            ),
            (
                "answer_headers",
                about(texts(), "Headers of answers that are passed back."),
            ),
        ],
        &[],
    )
}

fn version() -> Value {
    let family = closed(
        vec![
            ("one_of", about(texts(), "These versions.")),
            ("at_least", about(text(), "This version and later ones.")),
            (
                "paths",
                about(
                    texts_by_name(),
                    "How the family writes the beginning of each path.",
                ),
            ),
        ],
        &[],
    );
    closed(
        vec![
            (
                "default",
                about(text(), "The version where a connection names none."),
            ),
            (
                "parameter",
                about(text(), "The path parameter that holds the version."),
            ),
            ("families", list_of(&family)),
            (
                "retires",
                about(
                    texts_by_name(),
                    "By version, the day from which the provider may not answer it any more.",
                ),
            ),
        ],
        &["default", "parameter", "families"],
    )
}

fn base_url() -> Value {
    let mut schema = closed(
        vec![
            ("fixed", about(text(), "The one host of all accounts.")),
            (
                "per_connection",
                about(text(), "The setting of a connection that names its host."),
            ),
            (
                "allowed_hosts",
                about(texts(), "What such a host ends with."),
            ),
        ],
        &[],
    );
    schema["oneOf"] = json!([{ "required": ["fixed"] }, { "required": ["per_connection"] }]);
    schema
}

fn token_call() -> Value {
    closed(
        vec![
            ("method", text()),
            ("url", text()),
            ("form", texts_by_name()),
        ],
        &["method", "url"],
    )
}

fn auth() -> Value {
    let optional = closed(
        vec![("parameter", text()), ("scopes", texts())],
        &["parameter"],
    );
    let authorize = closed(
        vec![
            ("url", text()),
            ("pkce", flag()),
            ("scopes", texts()),
            (
                "optional",
                about(optional, "Scopes that are granted where the account can."),
            ),
            ("parameters", texts_by_name()),
        ],
        &["url"],
    );
    let login = closed(
        vec![("title", text()), ("url", text()), ("hint", text())],
        &["title", "url"],
    );
    let granted = closed(
        vec![
            ("scopes", about(text(), "Where they are told.")),
            ("call", token_call()),
            ("account_name", text()),
        ],
        &["scopes"],
    );
    closed(
        vec![
            ("token_url", text()),
            (
                "login_url",
                about(
                    text(),
                    "The host that issues tokens, where there are several.",
                ),
            ),
            (
                "lifetime_seconds",
                about(
                    integer(),
                    "How long a token lives, where its answer does not say.",
                ),
            ),
            (
                "base_url_member",
                about(text(), "Where a token's answer has the account's host."),
            ),
            (
                "revoked",
                about(
                    by_name(&texts()),
                    "What a token's answer says when a person must act.",
                ),
            ),
            (
                "incurable",
                about(texts(), "Codes of errors that no new token cures."),
            ),
            (
                "authorize",
                about(authorize, "How a person is asked for consent."),
            ),
            (
                "logins",
                about(
                    list_of(&login),
                    "The hosts that a person may choose to log in at.",
                ),
            ),
            ("revoke", about(token_call(), "How a token is taken back.")),
            (
                "granted",
                about(granted, "Where the granted scopes are told."),
            ),
        ],
        &["token_url"],
    )
}

fn check() -> Value {
    let said = || {
        vec![
            ("id", about(text(), "Where the account has its id.")),
            ("name", about(text(), "Where it has its name.")),
        ]
    };
    let mut asked = call_keys();
    asked.extend(said());
    let account = json!({
        "type": "object",
        "if": { "required": ["call"] },
        "then": closed(asked, &["call", "id"]),
        "else": closed(said(), &["id"]),
    });
    let mut keys = call_keys();
    keys.push(("account", account));
    closed(keys, &["call"])
}

fn scopes() -> Value {
    // A list in the list stands for any one of its own.
    let all_of = either(text(), list_of(&texts()));
    let entity = closed(
        vec![("reads", all_of.clone()), ("writes", all_of.clone())],
        &[],
    );
    closed(
        vec![
            (
                "every",
                about(all_of.clone(), "What every operation needs."),
            ),
            ("entities", by_name(&entity)),
            ("operations", by_name(&all_of)),
        ],
        &[],
    )
}

fn limit() -> Value {
    let told = closed(
        vec![
            ("limit", about(text(), "The header that tells the limit.")),
            (
                "remaining",
                about(text(), "The header that tells what is left."),
            ),
            ("header", about(text(), "The header that tells both.")),
            ("form", about(text(), "The form of that header.")),
        ],
        &[],
    );
    closed(
        vec![
            ("calls", integer()),
            ("window_seconds", integer()),
            ("lasting_seconds", integer()),
            ("probe_after_seconds", integer()),
            ("soft", flag()),
            (
                "operations",
                about(texts(), "Those that it is about; all of them without."),
            ),
            ("told", told),
        ],
        &[],
    )
}

fn join() -> Value {
    let single = closed(
        vec![
            ("call", text()),
            (
                "id",
                about(text(), "The parameter of the path that is the record's id."),
            ),
            (
                "fields",
                about(text(), "The parameter of the query that lists the fields."),
            ),
        ],
        &["call", "id", "fields"],
    );
    let many = closed(
        vec![
            ("call", text()),
            ("body", any()),
            ("max", integer()),
            ("rows", text()),
            ("id", about(text(), "Where a row has its id.")),
            (
                "in_order",
                about(
                    flag(),
                    "Whether there is a row, or null, for each id, in their order.",
                ),
            ),
        ],
        &["call", "body", "max"],
    );
    closed(
        vec![("single", single), ("many", many)],
        &["single", "many"],
    )
}

fn bundle() -> Value {
    let request = closed(
        vec![
            ("method", text()),
            ("target", text()),
            ("name", text()),
            ("body", text()),
        ],
        &["method", "target", "name", "body"],
    );
    let response = closed(
        vec![("status", text()), ("body", text())],
        &["status", "body"],
    );
    closed(
        vec![
            ("call", text()),
            ("max", integer()),
            ("for_targets_over", integer()),
            ("members", by_name(&any())),
            (
                "atomic_members",
                about(by_name(&any()), "What makes it all or nothing."),
            ),
            (
                "halted",
                about(texts(), "Codes of parts that failed with another."),
            ),
            ("requests", text()),
            ("request", request),
            ("responses", text()),
            ("response", response),
            ("reference", text()),
        ],
        &[
            "call",
            "max",
            "requests",
            "request",
            "responses",
            "response",
            "reference",
        ],
    )
}

fn hidden_fields() -> Value {
    let mut keys = call_keys();
    keys.push(("rows", text()));
    keys.push(("name", text()));
    closed(keys, &["call", "name"])
}

fn document() -> Value {
    closed(
        vec![
            (
                "paths",
                about(texts_by_name(), "Beginnings of our paths, and theirs."),
            ),
            (
                "schemas",
                about(texts_by_name(), "Names of our schemas, and theirs."),
            ),
            (
                "not_described",
                about(
                    texts_by_name(),
                    "What their document is known to leave out, and why.",
                ),
            ),
            (
                "wrong",
                about(
                    texts_by_name(),
                    "What their document is known to say wrongly, and what is true.",
                ),
            ),
        ],
        &[],
    )
}

fn errors() -> Value {
    let details = closed(
        ["list", "message", "code", "fields", "context"]
            .map(|key| (key, text()))
            .into(),
        &[],
    );
    let named = closed(
        vec![("what", text()), ("at", texts()), ("help", text())],
        &["what", "at"],
    );
    let partial = closed(
        vec![("status", integer()), ("list", text()), ("ignore", texts())],
        &["status", "list"],
    );
    let rule = closed(
        vec![
            ("status", integer()),
            ("code", texts()),
            ("with", by_name(&texts())),
            ("message", text()),
            ("as", about(text(), "The code of the unified API.")),
            ("refresh", about(flag(), "Whether a new token may cure it.")),
            ("hidden_field", flag()),
            (
                "not_carried_out",
                about(flag(), "Whether it is certain that nothing was written."),
            ),
            ("retry", choice(&["never"])),
            ("retry_after_seconds", integer()),
            ("limit", about(text(), "The limit that is spent.")),
        ],
        &["as"],
    );
    closed(
        vec![
            ("list", flag()),
            ("code", texts()),
            ("message", text()),
            ("correlation_id", text()),
            ("correlation_header", text()),
            ("details", details),
            ("named", list_of(&named)),
            ("existing_id", closed(vec![("after", text())], &["after"])),
            ("partial", partial),
            (
                "classify",
                about(
                    list_of(&rule),
                    "What its errors mean; the first rule that fits counts.",
                ),
            ),
        ],
        &["message", "classify"],
    )
}
