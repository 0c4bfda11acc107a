use http::Method;
use insta::assert_snapshot;

use super::*;
use crate::{
    translate::Freshness,
    upstream::provider::{Content, Effect, NativeOperation},
};

static GET_THING: NativeOperation = NativeOperation {
    id: "getThing",
    method: Method::GET,
    effect: Effect::Read,
    content: Content::Json,
};

static GET_THINGS: NativeOperation = NativeOperation {
    id: "getThings",
    method: Method::POST,
    effect: Effect::Read,
    content: Content::Json,
};

pub(in crate::upstream::join) static BY_ID: Join = Join {
    single: &GET_THING,
    root: 0,
    path: &[
        JoinPart::Text("/"),
        JoinPart::Same("kind"),
        JoinPart::Text("/"),
        JoinPart::Id,
        JoinPart::Text("/whole"),
    ],
    fields: "select",
    record_id: RecordIdForm::Decimal,
    many: &GET_THINGS,
    many_root: 1,
    many_path: &[JoinPart::Text("/several/"), JoinPart::Same("kind")],
    body: |json, ids, fields| {
        json.object(|object| {
            object.member("of").list(|list| {
                for each in ids {
                    list.item().text(each);
                }
            });
            object.member("select").texts(fields.iter());
        });
    },
    max: 10,
    rows: &["found"],
    row_id: Some(&["at", "id"]),
    in_order: false,
};

pub(in crate::upstream::join) static IN_ORDER: Join = Join {
    rows: &[],
    in_order: true,
    single: BY_ID.single,
    root: BY_ID.root,
    path: BY_ID.path,
    fields: BY_ID.fields,
    record_id: BY_ID.record_id,
    many: BY_ID.many,
    many_root: BY_ID.many_root,
    many_path: BY_ID.many_path,
    body: BY_ID.body,
    max: BY_ID.max,
    row_id: BY_ID.row_id,
};

fn roots() -> Vec<String> {
    vec!["/api/v2".to_owned(), "/batch/v2".to_owned()]
}

fn at(target: &str) -> Option<(String, String)> {
    let request = NativeRequest {
        operation: &GET_THING,
        target: target.to_owned(),
        body: None,
        freshness: Freshness::Asked,
        credential_at: None,
        parts: None,
    };
    let place = place_in(&[&BY_ID], &roots(), &request)?;
    Some((
        request.target[place.at.clone()].to_owned(),
        place.id.into_owned(),
    ))
}

#[test]
fn the_id_of_a_single_read_is_found() {
    let found = at("/api/v2/cats/17/whole?select=name,age").unwrap();
    assert_eq!(found, ("17".to_owned(), "17".to_owned()));
}

#[test]
fn what_the_call_for_many_cannot_say_stands_alone() {
    for target in [
        // Another parameter, before or after, or none at all.
        "/api/v2/cats/17/whole?select=name&archived=true",
        "/api/v2/cats/17/whole?archived=true&select=name",
        "/api/v2/cats/17/whole",
        "/api/v2/cats/17/whole?",
        "/api/v2/cats/17/whole?select=",
        "/api/v2/cats/17/whole?selected=name",
        "/api/v2/cats/17/whole?select=name,,age",
        // What is no plain name might be read as something else.
        "/api/v2/cats/17/whole?select=name%2Cage",
        "/api/v2/cats/17/whole?select=owner.name",
        // No id, or one that could spoil the call for others.
        "/api/v2/cats//whole?select=name",
        "/api/v2/cats/abc/whole?select=name",
        "/api/v2/cats/1%37/whole?select=name",
        "/api/v2/cats/017/whole?select=name",
        // Another path.
        "/api/v2/cats/17?select=name",
        "/api/v2/cats/17/whole/part?select=name",
        "/api/v3/cats/17/whole?select=name",
        "/batch/v2/cats/17/whole?select=name",
    ] {
        assert_eq!(at(target), None, "{target}");
    }
}

#[test]
fn another_call_than_the_single_read_has_no_place() {
    let request = NativeRequest {
        operation: &GET_THINGS,
        target: "/api/v2/cats/17/whole?select=name".to_owned(),
        body: None,
        freshness: Freshness::Asked,
        credential_at: None,
        parts: None,
    };
    assert_eq!(place_in(&[&BY_ID], &roots(), &request), None);
}

#[test]
fn the_call_for_many_asks_for_the_same_of_each() {
    let ids = ["17".to_owned(), "4".to_owned()];
    let request = many(
        &BY_ID,
        &roots(),
        "/api/v2/cats/17/whole?select=name,age",
        &ids,
    )
    .unwrap();
    let body = String::from_utf8(request.body.unwrap().to_vec()).unwrap();
    assert_snapshot!(
        format!("{} {}\n{body}", request.operation.method, request.target),
        @r#"
    POST /batch/v2/several/cats
    {"of":["17","4"],"select":["name","age"]}
    "#
    );
}
