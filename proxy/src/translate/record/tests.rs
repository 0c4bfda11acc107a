//! Each kind of field, from the token to the answer.

use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::field;
use crate::translate::{
    entity::{Output, RawData},
    leaf::first,
};

/// One record with what `write` puts in it.
fn written(write: impl FnOnce(&mut Record<'_>)) -> (String, Vec<String>) {
    let mut output = Output::default();
    let mut record = output.record();
    write(&mut record);
    record.end();
    let warned = output.warnings.as_slice().iter();
    let warned = warned.filter_map(|warning| warning.field.clone()).collect();
    (String::from_utf8(output.json().to_vec()).unwrap(), warned)
}

fn one(write: impl FnOnce(&mut Record<'_>, Field)) -> String {
    let (json, warned) = written(|record| write(record, field!("x")));
    let is_null = json == r#"{"x":null}"#;
    assert!(is_null || warned.is_empty(), "{json} {warned:?}");
    json
}

#[test]
fn members_stand_in_their_order_with_commas_between_them() {
    let (json, _) = written(|record| {
        record.text(field!("id"), Leaf::of("\"1\""));
        record.null(field!("name"));
        record.raw(field!("raw_data"), "{ }");
        record.flag(field!("is_deleted"), Leaf::of("\"true\""));
    });
    assert_eq!(
        json,
        r#"{"id":"1","name":null,"raw_data":{ },"is_deleted":true}"#
    );
    assert_eq!(written(|_| {}).0, "{}");
}

#[test]
fn a_text_is_copied_as_it_is_written() {
    for (token, expected) in [
        ("", "null"),
        ("\"\"", "null"),
        ("\"a\"", "\"a\""),
        (r#""\u00e9\/é\n""#, r#""\u00e9\/é\n""#),
        ("12E3", "\"12E3\""),
        ("true", "\"true\""),
        ("{}", "null"),
        (r#""\udfff""#, "null"),
    ] {
        let json = one(|record, x| {
            record.text(x, Leaf::of(token));
        });
        assert_eq!(json, format!("{{\"x\":{expected}}}"));
    }
}

#[test]
fn what_is_converted_is_written_anew() {
    let json = |write: fn(&mut Record<'_>, Field) -> Written| {
        one(|record, x| {
            write(record, x);
        })
    };
    for (found, expected) in [
        (json(|it, x| it.number(x, Leaf::of("1.50e2"))), "150"),
        (
            json(|it, x| it.number_of_text(x, Leaf::of("\" 012.0 \""))),
            "12",
        ),
        (
            json(|it, x| it.number_of_text(x, Leaf::of("\"a\""))),
            "null",
        ),
        (json(|it, x| it.not(x, Leaf::of("false"))), "true"),
        (json(|it, x| it.not(x, Leaf::of("0"))), "null"),
        (
            json(|it, x| it.flag_of_text(x, Leaf::of("\"true\""))),
            "true",
        ),
        (
            json(|it, x| it.timestamp(x, Leaf::of("\"2024-01-31T12:34:56.789+0000\""))),
            "\"2024-01-31T12:34:56.789Z\"",
        ),
        (
            json(|it, x| it.timestamp(x, Leaf::of("1706704496789"))),
            "\"2024-01-31T12:34:56.789Z\"",
        ),
        (
            json(|it, x| it.timestamp_of_number(x, Leaf::of("1706704496789"))),
            "\"2024-01-31T12:34:56.789Z\"",
        ),
        (
            json(|it, x| it.date_as_timestamp(x, Leaf::of("\"2024-01-31\""))),
            "\"2024-01-31T00:00:00.000Z\"",
        ),
        (
            json(|it, x| it.date(x, Leaf::of("\"2024-01-31T12:34:56Z\""))),
            "\"2024-01-31\"",
        ),
        (
            json(|it, x| it.html(x, Leaf::of(r#""Tom &amp; \"Ann\"""#))),
            r#""Tom & \"Ann\"""#,
        ),
        (
            json(|it, x| {
                it.join(
                    x,
                    [Leaf::of("\"a\""), Leaf::default(), Leaf::of(r#""\"b""#)],
                )
            }),
            r#""a \"b""#,
        ),
        (
            json(|it, x| {
                it.text(
                    x,
                    first([Leaf::of("\"\""), Leaf::of("7"), Leaf::of("\"b\"")]),
                )
            }),
            "\"7\"",
        ),
        (
            json(|it, x| it.value(x, &[("a", 1), ("b", 2)], |_| "two", Leaf::of("\"\\u0062\""))),
            "\"two\"",
        ),
        (
            json(|it, x| {
                let cases = [
                    (Truth::Flag(Leaf::of("false")), "won"),
                    (Truth::Text(Leaf::of("\"true\"")), "lost"),
                ];
                it.first_true(x, cases, "open")
            }),
            "\"lost\"",
        ),
    ] {
        assert_eq!(found, format!("{{\"x\":{expected}}}"));
    }
}

#[test]
fn entries_without_a_value_are_left_out() {
    let list = |texts: [Leaf<'static>; 2]| {
        one(|record, x| {
            record.entries(x, |entries| {
                for text in texts {
                    entries.entry(|entry| {
                        entry.first_line(field!("a"), text);
                        entry.tag(field!("tag"), "t");
                        entry.rest_lines(field!("b"), text);
                        entry.null(field!("c"));
                        entry.has_any()
                    });
                }
            });
        })
    };
    assert_eq!(
        list([Leaf::default(), Leaf::of(r#""1\r\n2""#)]),
        r#"{"x":[{"a":"1","tag":"t","b":"2","c":null}]}"#
    );
    assert_eq!(list([Leaf::default(), Leaf::of("\"\"")]), r#"{"x":null}"#);
    assert_eq!(list([Leaf::of("1"), Leaf::of("2")]).matches('{').count(), 3);
}

#[test]
fn a_field_that_must_be_there_is_told_by_its_name() {
    let mut output = Output::default();
    let mut record = output.record();
    let error = record
        .text(field!("id"), Leaf::default())
        .required()
        .unwrap_err();
    assert!(error.message.ends_with("`id`"), "{}", error.message);
    let mut record = output.record();
    assert!(record.text(field!("id"), Leaf::of("1")).required().is_ok());
}

#[test]
fn a_record_that_was_merged_away_has_what_its_winner_tells() {
    let mut output = Output::default().with_losers();
    let mut record = output.record();
    let id = record
        .text(field!("id"), Leaf::of("\"1\""))
        .required()
        .unwrap();
    record.end();
    let list = Leaf::of(r#""2; ;\"3""#);
    output
        .losers(list, |record, loser| {
            record.id(field!("id"), loser);
            record.copy(field!("merged_into"), &id);
        })
        .unwrap();
    output.remember_last(&id);
    assert_eq!(
        std::str::from_utf8(output.json()).unwrap(),
        r#"{"id":"1"},{"id":"2","merged_into":"1"},{"id":"\"3","merged_into":"1"}"#
    );
    assert_eq!(output.last_id(), "1");
    assert!(output.losers(Leaf::of("[]"), |_, _| {}).is_err());
    let mut without = Output::default();
    assert!(without.losers(Leaf::of("[]"), |_, _| {}).is_ok());
}

#[test]
fn a_caller_may_do_without_native_records() {
    let mut output = Output::default().with_raw(RawData::None);
    let mut record = output.record();
    record.raw(field!("raw_data"), r#"{"a":1}"#);
    record.end();
    assert_eq!(output.json(), br#"{"raw_data":{}}"#);
}

proptest! {
    #[test]
    fn any_text_means_the_same_in_the_answer(text in any::<String>(), ascii: bool) {
        let mut token = serde_json::to_string(&text).unwrap();
        if ascii {
            let units = text.encode_utf16().map(|unit| format!("\\u{unit:04x}"));
            let inside: Vec<String> = units.collect();
            let inside = inside.concat();
            token = format!("\"{inside}\"");
        }
        let json = one(|record, x| { record.text(x, Leaf::of(&token)); });
        let answer: Value = serde_json::from_str(&json).unwrap();
        prop_assert_eq!(answer["x"].as_str().unwrap_or_default(), text);
    }

    #[test]
    fn an_instant_is_the_same_by_either_way(text in "[0-9]{4}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9](\\.[0-9]{3})?(Z|\\+0000)") {
        let mut warnings = Warnings::default();
        let expected = read::timestamp("x", Some(&Text(text.as_str().into())), &mut warnings);
        let token = format!("\"{text}\"");
        let json = one(|record, x| { record.timestamp(x, Leaf::of(&token)); });
        let answer: Value = serde_json::from_str(&json).unwrap();
        prop_assert_eq!(answer["x"].as_str(), expected.as_deref());
    }
}
