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
        match self.answer(operation, status) {
            Some(schema) => self.judge(schema, body),
            None => vec![format!(
                "{operation} has no answer {status} in the contract"
            )],
        }
    }

    /// What judges an answer, for those who judge many of them; none where the contract has no such answer.
    ///
    /// # Panics
    ///
    /// As [`Self::faults`].
    pub fn validator(&self, operation: &str, status: u16) -> Option<jsonschema::Validator> {
        Some(self.compiled(self.answer(operation, status)?))
    }

    fn answer(&self, operation: &str, status: u16) -> Option<&Value> {
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
        (!schema.is_null()).then_some(schema)
    }

    /// What is wrong with the body that is posted to a webhook, by the contract.
    ///
    /// # Panics
    ///
    /// When the contract has no such event.
    pub fn webhook_faults(&self, event: &str, body: &Value) -> Vec<String> {
        let content = &self.document["x-webhooks"][event]["post"]["requestBody"]["content"];
        let schema = &content["application/json"]["schema"];
        assert!(!schema.is_null(), "{event} is not in the contract");
        self.judge(schema, body)
    }

    /// What is wrong with the examples: of requests, answers and errors.
    pub fn example_faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        let mut found = 0;
        let mut visit = vec![(String::new(), &self.document)];
        while let Some((path, value)) = visit.pop() {
            let media = value.get("application/json").unwrap_or(&Value::Null);
            let schema = &media["schema"];
            let named = media["examples"].as_object().into_iter().flatten();
            let named = named.filter_map(|(_, example)| match example["$ref"].as_str() {
                Some(reference) => self.document.pointer(&reference[1..])?.get("value"),
                None => example.get("value"),
            });
            for example in named.chain(media.get("example")) {
                found += 1;
                let own = self.judge(schema, example);
                faults.extend(own.into_iter().map(|fault| format!("{path}: {fault}")));
            }
            match value {
                Value::Object(members) => {
                    // Examples are values, in which nothing is meant as a part of the contract.
                    let inner = members
                        .iter()
                        .filter(|(name, _)| !name.starts_with("example"));
                    visit.extend(inner.map(|(name, inner)| (format!("{path}/{name}"), inner)));
                }
                Value::Array(items) => {
                    visit.extend(items.iter().map(|inner| (path.clone(), inner)));
                }
                _ => {}
            }
        }
        if found < 100 {
            faults.push(format!("there are {found} examples alone"));
        }
        faults
    }

    fn judge(&self, schema: &Value, body: &Value) -> Vec<String> {
        self.compiled(schema)
            .iter_errors(body)
            .map(|error| format!("{} at {}", error, error.instance_path()))
            .collect()
    }

    fn compiled(&self, schema: &Value) -> jsonschema::Validator {
        let whole = json!({ "components": self.document["components"], "allOf": [schema] });
        jsonschema::validator_for(&whole).expect("the contract's schemas are schemas")
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

#[cfg(test)]
mod tests {
    use super::*;

    fn connection() -> Value {
        json!({
            "createdAt": "2026-11-25T20:00:00Z",
            "updatedAt": "2026-11-25T20:00:00Z",
            "id": "conn_01",
            "connectorName": "hubspot",
            "connectorConfigId": "ccfg_01",
            "connector_config": { "id": "ccfg_01", "orgId": "org_01", "connectorName": "hubspot" },
            "customerId": null,
            "settings": { "anything": [1] },
            "standard": { "status": null },
            "integration": null,
        })
    }

    #[test]
    fn answers_of_operations_of_our_own_are_judged() {
        let contract = Contract::load();
        let faults =
            |body: &Value| -> usize { contract.faults("core.connection.get", 200, body).len() };
        assert_eq!(faults(&connection()), 0);
        for (pointer, wrong) in [
            ("/id", json!("ccfg_01")),
            ("/displayName", json!(1)),
            ("/standard/status", json!("ill")),
            ("/integration", json!({})),
            ("/connector_config", json!({ "id": "ccfg_01" })),
        ] {
            let mut body = connection();
            match body.pointer_mut(pointer) {
                Some(place) => *place = wrong,
                None => body[&pointer[1..]] = wrong,
            }
            assert!(faults(&body) > 0, "{pointer}");
        }
        assert_eq!(
            contract.faults("core.pipeline.delete", 200, &json!(true)),
            [""; 0]
        );
        assert!(
            !contract
                .faults("core.pipeline.delete", 200, &json!(false))
                .is_empty()
        );
    }

    #[test]
    fn what_webhooks_are_sent_is_judged() {
        let contract = Contract::load();
        let data =
            json!({ "pipeline_id": "pipe_1", "source_id": "conn_1", "destination_id": "conn_2" });
        let good = json!({ "name": "sync.completed", "id": "evt_1", "data": data });
        assert_eq!(contract.webhook_faults("sync.completed", &good), [""; 0]);
        let bad = json!({ "name": "sync.completed", "data": {} });
        assert!(!contract.webhook_faults("sync.completed", &bad).is_empty());
    }
}
