//! The contract of the unified API as a document: what `specs/unified.yaml` says, as YAML and as JSON.
//!
//! It tells nothing of this installation or its customers. Built into the program: no file is needed beside it.

use std::sync::LazyLock;

use serde_json::Value;

static JSON: LazyLock<String> = LazyLock::new(|| {
    let document: Value =
        serde_saphyr::from_str(yaml()).expect("the contract is YAML, codegen has read it");
    document.to_string()
});

/// The contract as it was written, with its comments.
pub fn yaml() -> &'static str {
    include_str!("../../specs/unified.yaml")
}

/// The contract as JSON.
pub fn json() -> &'static str {
    &JSON
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_documents_say_the_same() {
        let json: Value = serde_json::from_str(json()).unwrap();
        let yaml: Value = serde_saphyr::from_str(yaml()).unwrap();
        assert_eq!(json, yaml);
        assert_eq!(json["openapi"], "3.0.3");
    }
}
