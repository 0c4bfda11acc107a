//! Duplicate rules: whether a row looks like one that is there (`salesforce.md` §2.1).

use serde_json::{Value, json};

use crate::sandbox::salesforce::{
    access::text,
    fault::Fault,
    schema::Object,
    state::{Row, State, Writing, is_deleted},
};

/// What an org does about a duplicate.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in crate::sandbox::salesforce) enum DuplicateRules {
    #[default]
    Off,
    /// Refuses it, unless the call says that it may be saved.
    Alert,
    /// Refuses it.
    Block,
}

impl DuplicateRules {
    const NAMES: [(&'static str, Self); 3] = [
        ("off", Self::Off),
        ("alert", Self::Alert),
        ("block", Self::Block),
    ];

    pub(in crate::sandbox::salesforce) fn named(name: &str) -> Option<Self> {
        Self::NAMES
            .into_iter()
            .find_map(|(known, rules)| (known == name).then_some(rules))
    }

    pub(in crate::sandbox::salesforce) fn name(self) -> &'static str {
        Self::NAMES
            .into_iter()
            .find_map(|(name, rules)| (rules == self).then_some(name))
            .unwrap_or_default()
    }
}

/// Whether a call says that duplicates may be saved: `allowSave=true; includeRecordDetails=true`.
pub(in crate::sandbox::salesforce) fn allows(header: Option<&str>) -> bool {
    header.is_some_and(|header| {
        header.split(';').any(|part| {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            name.trim().eq_ignore_ascii_case("allowSave") && value.trim() == "true"
        })
    })
}

/// Refuses a row that looks like another. The standard rules compare fuzzily; here one field decides, without regard to case.
pub(super) fn check(
    state: &State,
    object: &Object,
    before: Option<&Row>,
    row: &Row,
    writing: Writing<'_>,
) -> Result<(), Fault> {
    let field = match object.name.as_str() {
        "Account" => "Name",
        "Contact" | "Lead" => "Email",
        _ => return Ok(()),
    };
    let rules = state.duplicate_rules;
    let is_quiet = match rules {
        DuplicateRules::Off => true,
        DuplicateRules::Alert => writing.allows_duplicates,
        DuplicateRules::Block => false,
    };
    let value = text(row, field);
    let is_same = before.is_some_and(|before| text(before, field).eq_ignore_ascii_case(value));
    if is_quiet || value.is_empty() || is_same {
        return Ok(());
    }
    let own = before.map_or("", |before| text(before, "Id"));
    let matches: Vec<&str> = state
        .table(&object.name)
        .filter(|(id, other)| {
            *id != own && !is_deleted(other) && text(other, field).eq_ignore_ascii_case(value)
        })
        .map(|(id, _)| id)
        .collect();
    if matches.is_empty() {
        return Ok(());
    }
    let allow_save = rules == DuplicateRules::Alert;
    Err(fault(&object.name, &matches, allow_save, writing.root))
}

fn fault(object: &str, matches: &[&str], allow_save: bool, root: &str) -> Fault {
    let message = "Use one of these records?";
    let records: Vec<Value> = matches
        .iter()
        .map(|id| {
            let url = format!("{root}/sobjects/{object}/{id}");
            json!({
                "additionalInformation": [], "fieldDiffs": [], "matchConfidence": 100.0,
                "record": { "attributes": { "type": object, "url": url }, "Id": id },
            })
        })
        .collect();
    // The key is spelt so.
    let detail = json!({
        "allowSave": allow_save, "duplicateRule": format!("Standard_{object}_Duplicate_Rule"),
        "duplicateRuleEntityType": object, "errorMessage": message,
        "matchResults": [{
            "entityType": object, "errors": [], "matchEngine": "ExactMatchEngine", "matchRecords": records,
            "rule": format!("Standard_{object}_Match_Rule_v1_0"), "size": matches.len(), "success": true,
        }],
    });
    let mut fault = Fault::new(400, "DUPLICATES_DETECTED", message);
    fault.body = json!([{ "duplicateResut": detail, "errorCode": "DUPLICATES_DETECTED", "message": message }]);
    fault
}
