//! The document of the unified API as data, read when a command first asks for it.

use std::sync::LazyLock;

use crosswalk::generated::API;
use serde_json::Value;

static DOCUMENT: LazyLock<Value> = LazyLock::new(|| {
    serde_saphyr::from_str(API.document).expect("the contract is YAML, codegen has read it")
});

pub(super) fn document() -> &'static Value {
    &DOCUMENT
}

/// What a reference such as `#/components/schemas/warning` leads to; anything else is itself. None where it leads
/// nowhere.
pub(super) fn resolved<'d>(document: &'d Value, value: &'d Value) -> Option<&'d Value> {
    match value.get("$ref").and_then(Value::as_str) {
        Some(reference) => document.pointer(reference.strip_prefix('#')?),
        None => Some(value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_lead_to_what_they_name() {
        let reference = serde_json::json!({ "$ref": "#/components/parameters/page_size" });
        let parameter = resolved(document(), &reference).unwrap();
        assert_eq!(parameter["name"], "page_size");
        let nowhere = serde_json::json!({ "$ref": "#/components/parameters/nobody" });
        assert_eq!(resolved(document(), &nowhere), None);
    }
}
