//! What objects, fields and relationships may be called (`salesforce.md` §7.3).

use super::integrity;
use crate::sandbox::salesforce::fault::Fault;

/// The longest name, without its `__c`.
const LONGEST: usize = 40;

/// The name without its `__c`, where it is legal; `what` is an object or a field.
pub(super) fn checked<'n>(name: &'n str, what: &str) -> Result<&'n str, Fault> {
    let bare = name.strip_suffix("__c").ok_or_else(|| {
        integrity(format!(
            "The {what} Name of a custom {} must end in __c: {name}",
            what.to_lowercase()
        ))
        .fields(&["FullName"])
    })?;
    check(bare, &format!("{what} Name"))?;
    Ok(bare)
}

pub(super) fn check(bare: &str, what: &str) -> Result<(), Fault> {
    if bare.chars().count() > LONGEST {
        let message = format!("{what}: data value too large: {bare} (max length={LONGEST})");
        return Err(Fault::new(400, "STRING_TOO_LONG", message).fields(&["DeveloperName"]));
    }
    let is_legal = bare.starts_with(|first: char| first.is_ascii_alphabetic())
        && bare
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        && !bare.contains("__")
        && !bare.ends_with('_');
    if is_legal {
        return Ok(());
    }
    let message = format!(
        "The {what} field can only contain underscores and alphanumeric characters. It must be unique, begin with a letter, not include spaces, not end with an underscore, and not contain two consecutive underscores."
    );
    Err(integrity(message).fields(&["DeveloperName"]))
}

/// Whether an object's developer name is that of its API name.
pub(super) fn matches(developer_name: &str, name: &str) -> bool {
    name.strip_suffix("__c")
        .is_some_and(|bare| bare.eq_ignore_ascii_case(developer_name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_letters_digits_and_single_underscores() {
        assert_eq!(checked("Order_Item2__c", "Object").unwrap(), "Order_Item2");
        for name in [
            "2nd__c",
            "a__b__c",
            "a___c",
            "Ünder__c",
            "a b__c",
            "__c",
            "Plain",
        ] {
            assert!(checked(name, "Field").is_err(), "{name}");
        }
        assert!(checked(&format!("{}__c", "a".repeat(40)), "Field").is_ok());
        let long = checked(&format!("{}__c", "a".repeat(41)), "Field").unwrap_err();
        assert_eq!(long.body[0]["errorCode"], "STRING_TOO_LONG");
    }
}
