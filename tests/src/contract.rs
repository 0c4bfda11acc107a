//! `specs/unified.yaml` as the judge of answers.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

/// The contract, in the form that a JSON Schema validator takes.
#[derive(Debug)]
pub struct Contract {
    document: Value,
}

impl Contract {
    /// Reads the project's contract.
    ///
    /// # Panics
    ///
    /// When the contract is not there or not YAML.
    pub fn load() -> Self {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../specs/unified.yaml");
        let text = std::fs::read_to_string(path).expect("the contract is there");
        let mut document: Value = serde_saphyr::from_str(&text).expect("the contract is YAML");
        to_json_schema(&mut document);
        Self { document }
    }

    /// The operations that are for the providers: name, method and path. Those that the proxy answers by itself are
    /// left out.
    pub fn operations(&self) -> BTreeSet<(String, String, String)> {
        let paths = self.document["paths"].as_object().into_iter().flatten();
        let operations = paths.flat_map(|(path, methods)| {
            let methods = methods.as_object().into_iter().flatten();
            methods.map(move |(method, operation)| (path, method, operation))
        });
        operations
            .filter(|(.., operation)| operation["x-own"] != true)
            .filter_map(|(path, method, operation)| {
                let name = operation["x-operation"].as_str()?;
                Some((name.to_owned(), method.to_uppercase(), path.clone()))
            })
            .collect()
    }

    /// What is wrong with an answer, by the contract: nothing, for a good one.
    ///
    /// # Panics
    ///
    /// When the contract has no such operation.
    pub fn faults(&self, operation: &str, status: u16, body: &Value) -> Vec<String> {
        let found = self.document["paths"]
            .as_object()
            .into_iter()
            .flatten()
            .flat_map(|(_, methods)| methods.as_object().into_iter().flatten())
            .find(|(_, known)| known["x-operation"] == operation)
            .map(|(_, known)| &known["responses"][status.to_string()]);
        let response = found.expect("an operation of the contract");
        let response = match response["$ref"].as_str() {
            Some(reference) => self
                .document
                .pointer(&reference[1..])
                .expect("references lead somewhere"),
            None => response,
        };
        let schema = &response["content"]["application/json"]["schema"];
        if schema.is_null() {
            return vec![format!(
                "{operation} has no answer {status} in the contract"
            )];
        }
        let whole = json!({ "components": self.document["components"], "allOf": [schema] });
        let validator =
            jsonschema::validator_for(&whole).expect("the contract's schemas are schemas");
        validator
            .iter_errors(body)
            .map(|error| format!("{} at {}", error, error.instance_path()))
            .collect()
    }
}

/// OpenAPI 3.0 says `nullable`; JSON Schema says that null is one of the types.
fn to_json_schema(value: &mut Value) {
    match value {
        Value::Array(values) => values.iter_mut().for_each(to_json_schema),
        Value::Object(members) => {
            members.values_mut().for_each(to_json_schema);
            if members.remove("nullable") == Some(Value::Bool(true)) {
                let inner = Value::Object(std::mem::take(members));
                *members =
                    Map::from_iter([("anyOf".to_owned(), json!([inner, { "type": "null" }]))]);
            }
        }
        _ => {}
    }
}
