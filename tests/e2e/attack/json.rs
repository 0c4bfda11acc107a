//! JSON that breaks parsers: deep, doubled, cut, huge, odd. What is refused is refused before a provider hears of it.

use crosswalk_tests::{Demo, exchange_text, raw};

use super::{SOON, cost::processor_time};

const HEADERS: &str =
    "x-apikey: demo\r\nx-connection-id: hubspot-demo\r\ncontent-type: application/json\r\n";

fn deep(open: &str, close: &str) -> String {
    format!("{}1{}", open.repeat(100_000), close.repeat(100_000))
}

/// Covers: json-deep, json-odd
#[test]
fn json_that_is_none_or_can_be_read_in_two_ways_is_refused() {
    let demo = Demo::start();
    let lists = deep("[", "]");
    let objects = deep("{\"a\":", "}");
    let record = |name: &str| format!("{{\"record\":{{\"name\":{name}}}}}");
    for (body, words) in [
        (lists.clone(), "expected an object, found a list"),
        (
            "[".repeat(4 * 1024 * 1024),
            "expected an object, found a list",
        ),
        (record(&lists), "expected a string, found a list"),
        (record(&objects), "expected a string, found an object"),
        ("{\"record\":".repeat(100_000), "body"),
        ("{\"a\":".repeat(700_000), "is not valid JSON"),
        (record("\"a\",\"name\":\"b\""), "duplicate field `name`"),
        (
            "{\"record\":{},\"record\":{}}".to_owned(),
            "duplicate field `record`",
        ),
        (
            "{\"record\":{\"passthrough_fields\":{\"a\":1,\"a\":2}}}".to_owned(),
            "expected each member once",
        ),
        (record("NaN"), "is not valid JSON"),
        (
            "{\"record\":{\"number_of_employees\":NaN}}".to_owned(),
            "is not valid JSON",
        ),
        (
            "{\"record\":{\"number_of_employees\":Infinity}}".to_owned(),
            "is not valid JSON",
        ),
        (
            "{\"record\":{\"number_of_employees\":01}}".to_owned(),
            "is not valid JSON",
        ),
        (
            "{\"record\":{\"number_of_employees\":0x10}}".to_owned(),
            "is not valid JSON",
        ),
        (record("\"\\ud800\""), "is not valid JSON"),
        (record("\"\\udc00\\ud800\""), "is not valid JSON"),
        (record("\"\\x41\""), "is not valid JSON"),
        (record("\"a\nb\""), "is not valid JSON"),
        (record("\"a\0b\""), "is not valid JSON"),
        (record("'a'"), "is not valid JSON"),
        (record("\"a\" // b\n"), "is not valid JSON"),
        (
            "{\"record\":{\"name\":\"a\",}}".to_owned(),
            "is not valid JSON",
        ),
        ("{record:{}}".to_owned(), "is not valid JSON"),
        (format!("\u{feff}{}", record("\"a\"")), "is not valid JSON"),
        (format!("{}x", record("\"a\"")), "is not valid JSON"),
        (format!("{}\0", record("\"a\"")), "is not valid JSON"),
        (record("\"a\"").repeat(2), "is not valid JSON"),
        (format!("\u{85}{}", record("\"a\"")), "is not valid JSON"),
        ("{".to_owned(), "is not valid JSON"),
        ("null".to_owned(), "expected an object, found null"),
        ("1e400".to_owned(), "is not valid JSON"),
        (
            record(&format!("\"{}\"", "a".repeat(4_000_000))),
            "expected at most",
        ),
        (
            record(&format!("\"{}\"", "\\u0061".repeat(600_000))),
            "expected at most",
        ),
        (
            format!(
                "{{\"record\":{{\"passthrough_fields\":{{{}}}}}}}",
                (0..100_000)
                    .map(|index| format!("\"k{index}\":1"))
                    .collect::<Vec<_>>()
                    .join(",")
            ),
            "expected at most 2000 members",
        ),
    ] {
        let got = exchange_text(
            &demo.address,
            "POST",
            "/unified/crm/account",
            HEADERS,
            &body,
        );
        let told = format!(
            "{}… {}",
            &body.chars().take(60).collect::<String>(),
            got.text
        );
        assert_eq!(got.status, 400, "{told}");
        assert_eq!(got.body["code"], "BAD_REQUEST", "{told}");
        assert!(
            got.body["message"]
                .as_str()
                .unwrap_or_default()
                .contains(words),
            "{told}"
        );
        assert!(got.text.len() < 5_000, "{told}");
    }
    for bytes in [
        &b"{\"record\":{\"name\":\"\xff\"}}"[..],
        b"{\"record\":{\"name\":\"Acme\"},\"unknown\":\"\xff\"}",
        b"{\"record\":{\"name\":\"\xc0\xaf\"}}",
        b"{\"record\":{\"name\":\"\xed\xa0\x80\"}}",
        b"\xff\xfe{\0\"\0r\0",
    ] {
        let mut request = format!(
            "POST /unified/crm/account HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n{HEADERS}content-length: {}\r\n\r\n",
            bytes.len()
        )
        .into_bytes();
        request.extend_from_slice(bytes);
        let got = raw(&demo.address, &request, SOON * 4);
        assert_eq!(got.statuses(), [400], "{bytes:?}");
    }
    assert_eq!(demo.native_calls("hubspot-demo"), Vec::<String>::new());
}

/// Covers: json-deep, json-numbers
#[test]
fn what_is_handed_on_as_it_came_harms_nobody_on_the_way() {
    let demo = Demo::start();
    let before = processor_time(demo.id());
    for value in [
        deep("[", "]"),
        deep("{\"a\":", "}"),
        "1e400".to_owned(),
        "9007199254740993".to_owned(),
        "9".repeat(1_000_000),
        format!("-0.{}1", "0".repeat(1_000_000)),
        format!("\"{}\"", "\\\"".repeat(1_000_000)),
    ] {
        for body in [
            format!("{{\"record\":{{\"name\":\"N\",\"passthrough_fields\":{{\"a\":{value}}}}}}}"),
            // Nobody knows such a member, so nobody looks into it.
            format!("{{\"x\":{value},\"record\":{{\"name\":\"N\",\"y\":{value}}}}}"),
        ] {
            let got = exchange_text(
                &demo.address,
                "POST",
                "/unified/crm/account",
                HEADERS,
                &body,
            );
            let told = body.chars().take(80).collect::<String>();
            assert!([200, 400].contains(&got.status), "{told}: {}", got.text);
        }
    }
    let took = processor_time(demo.id()).saturating_sub(before);
    assert!(took.as_secs() < 20, "{took:?}");
}

/// Covers: json-deep
#[test]
fn members_of_a_providers_own_definition_are_no_deeper_than_it_can_be() {
    let demo = Demo::start();
    for connection in crate::CONNECTIONS {
        let headers = HEADERS.replace("hubspot-demo", connection);
        for target in [
            "/unified/crm/metadata/objects/contacts/properties",
            "/unified/crm/metadata/objects/Contact/properties",
        ] {
            for value in [deep("[", "]"), deep("{\"a\":", "}")] {
                let body = format!(
                    "{{\"id\":\"deep\",\"label\":\"Deep\",\"type\":\"text\",\"raw_details\":{{\"a\":{value}}}}}"
                );
                let got = exchange_text(&demo.address, "POST", target, &headers, &body);
                assert!(
                    [400, 404].contains(&got.status),
                    "{connection}: {}",
                    got.text
                );
            }
        }
    }
}
