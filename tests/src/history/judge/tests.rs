//! Histories written by hand: those that are right, and each way in which one is not.

use serde_json::{Value, json};

use super::*;

fn values(text: &str) -> [Option<String>; 2] {
    [Some(format!("{text}0")), Some(format!("{text}1"))]
}

fn shown(id: &str, mark: &str, text: &str) -> Value {
    json!({"id": id, "website": format!("https://{mark}.example"), "name": format!("{text}0"), "description": format!("{text}1")})
}

fn done(id: &str, mark: &str, text: &str) -> Told {
    Told::Done(json!({ "record": shown(id, mark, text) }))
}

fn event(what: What, from: Moment, to: Moment, told: Told) -> Event {
    Event {
        title: format!("{what:?}"),
        entity: Entity::Account,
        what,
        from,
        to,
        told,
        sent: 1,
        late: std::time::Duration::ZERO,
    }
}

fn create(told: Told) -> Event {
    event(What::Create("hx1a".into(), values("a")), 10, 20, told)
}

fn held(id: &str, mark: &str, text: &str) -> Record {
    Record {
        entity: Entity::Account,
        id: id.into(),
        mark: mark.into(),
        fields: values(text),
    }
}

fn is_right(events: &[Event], held: &[Record]) -> bool {
    faults(events, held, 1_000).is_empty()
}

fn unknown() -> Told {
    Told::Unknown(502, json!({}))
}

fn refused() -> Told {
    Told::Refused(503, json!({}))
}

#[test]
fn what_is_there_is_what_was_told() {
    let none: &[Record] = &[];
    let one = [held("1", "hx1a", "a")];
    let two = [held("1", "hx1a", "a"), held("2", "hx1a", "a")];
    for (told, fits_none, fits_one) in [
        (done("1", "hx1a", "a"), false, true),
        (Told::Written(502, json!({})), false, true),
        (unknown(), true, true),
        (Told::Nothing, true, true),
        (refused(), true, false),
    ] {
        let events = [create(told.clone())];
        assert_eq!(is_right(&events, none), fits_none, "{told:?}");
        assert_eq!(is_right(&events, &one), fits_one, "{told:?}");
        assert!(!is_right(&events, &two), "{told:?}");
    }
}

#[test]
fn nothing_is_there_that_nobody_asked_for() {
    assert!(is_right(&[], &[]));
    assert!(!is_right(&[], &[held("1", "hx1a", "a")]));
}

#[test]
fn everybody_is_told_the_one_record_of_a_key() {
    let upsert = |id: &str, text: &str, from: Moment| {
        let what = What::Upsert("hx1k0".into(), values(text));
        event(what, from, from + 5, done(id, "hx1k0", text))
    };
    let there = [held("1", "hx1k0", "b")];
    assert!(is_right(
        &[upsert("1", "a", 10), upsert("1", "b", 20)],
        &there
    ));
    assert!(!is_right(
        &[upsert("2", "a", 10), upsert("1", "b", 20)],
        &there
    ));
}

#[test]
fn an_update_is_neither_lost_nor_half_there() {
    let update = |told| event(What::Update("1".into(), values("b")), 30, 40, told);
    let created = create(done("1", "hx1a", "a"));
    let old = [held("1", "hx1a", "a")];
    let new = [held("1", "hx1a", "b")];
    for (told, fits_old, fits_new) in [
        (done("1", "hx1a", "b"), false, true),
        (unknown(), true, true),
        (refused(), true, false),
    ] {
        let events = [created.clone(), update(told.clone())];
        assert_eq!(is_right(&events, &old), fits_old, "{told:?}");
        assert_eq!(is_right(&events, &new), fits_new, "{told:?}");
    }
    // Answered with what was there before it.
    assert!(!is_right(&[created, update(done("1", "hx1a", "a"))], &new));
}

#[test]
fn a_read_shows_no_state_of_the_past() {
    let created = create(done("1", "hx1a", "a"));
    let updated = event(
        What::Update("1".into(), values("b")),
        30,
        40,
        done("1", "hx1a", "b"),
    );
    let get = |text: &str, from| {
        event(
            What::Get("1".into()),
            from,
            from + 5,
            done("1", "hx1a", text),
        )
    };
    let there = [held("1", "hx1a", "b")];
    for (read, right) in [
        (get("a", 38), true),
        (get("b", 38), true),
        (get("b", 41), true),
        (get("a", 41), false),
        (get("c", 41), false),
    ] {
        let events = [created.clone(), updated.clone(), read.clone()];
        assert_eq!(is_right(&events, &there), right, "{}", read.title);
    }
}

#[test]
fn what_is_there_is_seen() {
    let created = create(done("1", "hx1a", "a"));
    let there = [held("1", "hx1a", "a")];
    let empty = Told::Done(json!({"items": []}));
    for (what, told) in [
        (What::List, empty.clone()),
        (What::BatchRead(vec!["1".into()]), Told::Done(json!([]))),
        (What::Get("1".into()), Told::Refused(404, json!({}))),
    ] {
        let before = event(what.clone(), 5, 15, told.clone());
        let after = event(what, 21, 25, told.clone());
        if !matches!(told, Told::Refused(..)) {
            assert!(is_right(&[created.clone(), before], &there));
        }
        assert!(!is_right(&[created.clone(), after], &there));
    }
}

#[test]
fn an_answer_that_cannot_be_is_a_fault() {
    for told in [
        Told::Nonsense("no answer in time".into()),
        Told::Refused(500, json!({})),
        Told::Refused(400, json!({})),
    ] {
        assert!(!is_right(&[create(told)], &[]));
    }
    let read = event(What::List, 1, 2, unknown());
    assert!(!is_right(&[read], &[]));
}
