//! Packed bodies and long heads (`salesforce.md` §0.1, §4.2).

use std::io::{Read, Write};

use flate2::{Compression, read::GzDecoder, write::GzEncoder};

use super::*;

fn raw(org: &Salesforce, body: Vec<u8>, headers: &[(&'static str, &str)]) -> Reply {
    let mut call = Call {
        method: Method::POST,
        path: "/services/data/v59.0/sobjects/Account".to_owned(),
        query: String::new(),
        headers: HeaderMap::new(),
        body: body.into(),
    };
    let session = format!("Bearer {ACCESS_TOKEN}");
    for (name, value) in headers.iter().chain(&[
        ("authorization", session.as_str()),
        ("content-type", "application/json"),
    ]) {
        call.headers.insert(*name, value.parse().unwrap());
    }
    org.handle(&call)
}

#[test]
fn an_answer_is_packed_for_who_takes_it_so() {
    let org = Salesforce::new(&Options::default());
    let target = "/services/data/v59.0/query?q=SELECT+Id+FROM+Account";
    let plain = send(&org, "GET", target, &Value::Null, &[]);
    assert!(plain.headers.get("content-encoding").is_none());
    let packed = send(
        &org,
        "GET",
        target,
        &Value::Null,
        &[("accept-encoding", "deflate, gzip;q=0.5")],
    );
    assert_eq!(packed.headers["content-encoding"], "gzip");
    let mut text = Vec::new();
    GzDecoder::new(packed.body.as_ref())
        .read_to_end(&mut text)
        .unwrap();
    assert_eq!(text, plain.body.as_ref());
    for refusal in ["identity", "gzip;q=0"] {
        let plain = send(
            &org,
            "GET",
            target,
            &Value::Null,
            &[("accept-encoding", refusal)],
        );
        assert!(plain.headers.get("content-encoding").is_none(), "{refusal}");
    }
}

#[test]
fn a_packed_body_is_read() {
    let org = empty();
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(br#"{"Name": "Packed"}"#).unwrap();
    assert_eq!(
        raw(
            &org,
            encoder.finish().unwrap(),
            &[("content-encoding", "gzip")]
        )
        .status,
        201
    );
    assert_eq!(
        ask(&org, "SELECT Name FROM Account").1["records"][0]["Name"],
        "Packed"
    );
    let broken = raw(&org, b"{}".to_vec(), &[("content-encoding", "gzip")]);
    assert_eq!(broken.status, 400);
}

#[test]
fn a_head_is_too_long_by_its_uri_or_with_its_headers() {
    let org = empty();
    let get = |uri: usize, header: usize| {
        let root = "/services/data/v59.0/query?q=";
        let target = format!("{root}{}", "x".repeat(uri - root.len()));
        send(
            &org,
            "GET",
            &target,
            &Value::Null,
            &[("x-more", &"y".repeat(header))],
        )
        .status
        .as_u16()
    };
    assert_eq!(get(16_385, 1), 414);
    assert_eq!(get(16_384, 1), 431);
    assert_eq!(get(8_000, 9_000), 431);
    // Long, but not too long: the query itself is what is wrong.
    assert_eq!(get(8_000, 7_000), 400);
    // The way around is a body.
    let ids: Vec<String> = (0..900)
        .map(|number| format!("'{}'", id::make("001", number)))
        .collect();
    let soql = format!("SELECT Id FROM Account WHERE Id IN ({})", ids.join(","));
    let query: String = url::form_urlencoded::byte_serialize(soql.as_bytes()).collect();
    let part = json!({"compositeRequest": [{"method": "GET", "url": format!("/services/data/v59.0/query?q={query}"), "referenceId": "q"}]});
    let (_, answer) = call(&org, "POST", "/composite", &part);
    assert_eq!(answer["compositeResponse"][0]["httpStatusCode"], 200);
}
