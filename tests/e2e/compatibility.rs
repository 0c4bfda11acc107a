//! `specs/unified.yaml` against the interface that apps of this kind already speak: everything that it has is here,
//! the same; what is more here is optional.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use serde_json::{Value, json};

struct Document(Value);

impl Document {
    fn theirs() -> Self {
        let path = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/compatibility/unified-v0.crm.json"
        );
        Self(serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap())
    }

    fn ours() -> Self {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../specs/unified.yaml");
        Self(serde_saphyr::from_str(&std::fs::read_to_string(path).unwrap()).unwrap())
    }

    fn resolve<'d>(&'d self, value: &'d Value) -> &'d Value {
        match value["$ref"].as_str() {
            Some(reference) => self.resolve(self.0.pointer(&reference[1..]).unwrap()),
            None => value,
        }
    }

    /// A schema, its type and whether it may be null, whichever version of OpenAPI says so.
    fn normal<'d>(&'d self, schema: &'d Value) -> (&'d Value, Option<&'d str>, bool) {
        let mut schema = self.resolve(schema);
        let mut nullable = schema["nullable"] == true;
        if let Some(variants) = schema["oneOf"].as_array() {
            nullable = variants.iter().any(|variant| variant["type"] == "null");
            schema = self.resolve(
                variants
                    .iter()
                    .find(|variant| variant["type"] != "null")
                    .unwrap(),
            );
        } else if let Some(parts) = schema["allOf"].as_array() {
            schema = self.resolve(&parts[0]);
        }
        let ty = match &schema["type"] {
            Value::Array(types) => {
                nullable |= types.contains(&json!("null"));
                types
                    .iter()
                    .find(|ty| **ty != "null")
                    .and_then(Value::as_str)
            }
            ty => ty.as_str(),
        };
        (schema, ty, nullable)
    }
}

fn names(list: &Value) -> Vec<&str> {
    let mut names: Vec<&str> = list
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    names.sort_unstable();
    names
}

fn compare(
    theirs: (&Document, &Value),
    ours: (&Document, &Value),
    place: &str,
    faults: &mut Vec<String>,
) {
    let (their, their_type, their_null) = theirs.0.normal(theirs.1);
    let (our, our_type, our_null) = ours.0.normal(ours.1);
    for (what, same) in [
        ("type", their_type == our_type),
        ("nullability", their_null == our_null),
        ("enumeration", their["enum"] == our["enum"]),
        ("format", their["format"] == our["format"]),
        (
            "required members",
            names(&their["required"]) == names(&our["required"]),
        ),
    ] {
        if !same {
            faults.push(format!("{place}: another {what}"));
        }
    }
    for (name, member) in their["properties"].as_object().into_iter().flatten() {
        match our["properties"].get(name) {
            Some(ours_member) => compare(
                (theirs.0, member),
                (ours.0, ours_member),
                &format!("{place}.{name}"),
                faults,
            ),
            None => faults.push(format!("{place}.{name}: missing")),
        }
    }
    if let Some(items) = their.get("items") {
        compare(
            (theirs.0, items),
            (ours.0, &our["items"]),
            &format!("{place}[]"),
            faults,
        );
    }
}

/// All differences in the operations that we offer, and their number.
fn differences(theirs: &Document, ours: &Document) -> (usize, Vec<String>) {
    let mut faults = Vec::new();
    let mut count = 0;
    for (path, methods) in ours.0["paths"].as_object().unwrap() {
        for (method, our) in methods.as_object().unwrap() {
            count += 1;
            let place = format!("{method} {path}");
            let their = &theirs.0["paths"][path][method];
            if their["operationId"] != our["operationId"] {
                faults.push(format!("{place}: another operation"));
            }
            let our_parameters: Vec<&Value> = our["parameters"]
                .as_array()
                .into_iter()
                .flatten()
                .map(|it| ours.resolve(it))
                .collect();
            for parameter in their["parameters"].as_array().into_iter().flatten() {
                let same = |it: &&&Value| {
                    ["name", "in"].iter().all(|key| it[key] == parameter[key])
                        && (it["required"] == true) == (parameter["required"] == true)
                };
                match our_parameters.iter().find(same) {
                    Some(it) => compare(
                        (theirs, &parameter["schema"]),
                        (ours, &it["schema"]),
                        &format!("{place} {}", parameter["name"]),
                        &mut faults,
                    ),
                    None => faults.push(format!("{place} {}: missing", parameter["name"])),
                }
            }
            let media = |side: &Value| side["content"]["application/json"]["schema"].clone();
            if their.get("requestBody").is_some() {
                compare(
                    (theirs, &media(&their["requestBody"])),
                    (ours, &media(&our["requestBody"])),
                    &format!("{place} body"),
                    &mut faults,
                );
            }
            let our_answer = media(ours.resolve(&our["responses"]["200"]));
            compare(
                (theirs, &media(&their["responses"]["200"])),
                (ours, &our_answer),
                &format!("{place} answer"),
                &mut faults,
            );
        }
    }
    (count, faults)
}

#[test]
fn every_operation_that_we_offer_is_compatible() {
    assert_eq!(
        differences(&Document::theirs(), &Document::ours()),
        (12, Vec::new())
    );
}

#[test]
fn a_difference_is_found() {
    for (pointer, value) in [
        (
            "/components/schemas/crm.account/properties/name",
            json!({"type": "string"}),
        ),
        (
            "/components/schemas/crm.account/properties/website",
            json!({"type": "number", "nullable": true}),
        ),
        ("/components/schemas/crm.account/required", json!(["id"])),
        (
            "/components/schemas/crm.address_type/enum",
            json!(["primary"]),
        ),
        ("/components/parameters/page_size/required", json!(true)),
        (
            "/paths/~1unified~1crm~1account/get/operationId",
            json!("other"),
        ),
    ] {
        let mut ours = Document::ours();
        match ours.0.pointer_mut(pointer) {
            Some(place) => *place = value,
            None => ours.0["components"]["parameters"]["page_size"]["required"] = value,
        }
        assert!(
            !differences(&Document::theirs(), &ours).1.is_empty(),
            "{pointer}"
        );
    }
}
