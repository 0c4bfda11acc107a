//! What was meant by a name that is none: the nearest few of what clap finds similar, which of operations is almost all.

use clap::error::{ContextKind, ContextValue};

/// More is a list that nobody reads.
const MOST: usize = 3;

/// The same error, with the nearest names alone and the nearest first.
pub(super) fn only(mut error: clap::Error) -> clap::Error {
    for kind in [
        ContextKind::SuggestedSubcommand,
        ContextKind::SuggestedArg,
        ContextKind::SuggestedValue,
    ] {
        // They come from the least to the most alike.
        if let Some(ContextValue::Strings(names)) = error.get(kind) {
            let nearest = names.iter().rev().take(MOST).cloned().collect();
            error.insert(kind, ContextValue::Strings(nearest));
        }
    }
    error
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(arguments: &[&str]) -> String {
        let command = crate::cli::command().try_get_matches_from(arguments);
        only(command.unwrap_err()).to_string()
    }

    #[test]
    fn a_slip_in_an_operation_s_name_is_answered_with_the_nearest_first() {
        for (slip, meant) in [
            ("core.conection.list", "core.connection.list"),
            ("crm.accounts.list", "crm.account.list"),
            ("crm.contact.upsrt", "crm.contact.upsert"),
        ] {
            let told = told(&["crosswalk", "call", slip]);
            let tip = told.lines().find(|line| line.contains("tip:")).unwrap();
            let (_, names) = tip.split_once("exist: ").unwrap_or_else(|| panic!("{tip}"));
            assert!(names.starts_with(&format!("'{meant}'")), "{tip}");
            assert!(names.split(", ").count() <= MOST, "{tip}");
        }
    }

    #[test]
    fn what_is_wrong_otherwise_is_told_as_it_was() {
        let told = told(&["crosswalk", "helth"]);
        assert!(told.contains("'health'"), "{told}");
        let none = crate::cli::command().try_get_matches_from(["crosswalk", "xyzzy"]);
        let error = none.unwrap_err();
        let before = error.to_string();
        assert_eq!(only(error).to_string(), before);
    }
}
