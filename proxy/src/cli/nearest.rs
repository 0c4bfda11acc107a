//! What was meant by a name that is none: the nearest few of what clap finds similar, which of operations is almost all.

use clap::error::{ContextKind, ContextValue};

/// More is a list that nobody reads.
const MOST: usize = 4;

/// The same error, with the nearest names alone and the nearest first.
pub(super) fn only(mut error: clap::Error) -> clap::Error {
    let given = match error.get(ContextKind::InvalidSubcommand) {
        Some(ContextValue::String(given)) => given.clone(),
        _ => return error,
    };
    if let Some(ContextValue::Strings(similar)) = error.get(ContextKind::SuggestedSubcommand) {
        let mut similar = similar.clone();
        similar.sort_by_cached_key(|name| strsim::damerau_levenshtein(name, &given));
        similar.truncate(MOST);
        error.insert(
            ContextKind::SuggestedSubcommand,
            ContextValue::Strings(similar),
        );
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
