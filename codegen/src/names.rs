//! Identifiers from names on the wire: the one place where a keyword or a collision is settled.

use proc_macro2::{Ident, Literal, Span};

/// `hs_lead_name`, `createdAt`, `BillingStreet` → `hs_lead_name`, `created_at`, `billing_street`.
pub(crate) fn snake(name: &str) -> String {
    let mut out = String::with_capacity(name.len() + 4);
    let characters: Vec<char> = name.chars().collect();
    for (index, &character) in characters.iter().enumerate() {
        if !character.is_ascii_alphanumeric() {
            if !out.is_empty() && !out.ends_with('_') {
                out.push('_');
            }
            continue;
        }
        let previous = index.checked_sub(1).map(|before| characters[before]);
        let next = characters.get(index + 1);
        let begins_word = character.is_ascii_uppercase()
            && previous.is_some_and(|previous| {
                previous.is_ascii_lowercase()
                    || previous.is_ascii_digit()
                    || (previous.is_ascii_uppercase() && next.is_some_and(char::is_ascii_lowercase))
            });
        if begins_word && !out.ends_with('_') {
            out.push('_');
        }
        out.push(character.to_ascii_lowercase());
    }
    let out = out.trim_matches('_').to_owned();
    match out.chars().next() {
        None => "unnamed".to_owned(),
        Some(first) if first.is_ascii_digit() => format!("n{out}"),
        Some(_) => out,
    }
}

/// `account_input`, `listObjects` → `AccountInput`, `ListObjects`.
pub(crate) fn pascal(name: &str) -> String {
    snake(name)
        .split('_')
        .map(|word| {
            let mut characters = word.chars();
            characters.next().map_or_else(String::new, |first| {
                first.to_ascii_uppercase().to_string() + characters.as_str()
            })
        })
        .collect()
}

/// The identifier of a field or function.
pub(crate) fn field(name: &str) -> Ident {
    ident(&snake(name))
}

/// The identifier of a type or variant.
pub(crate) fn ty(name: &str) -> Ident {
    ident(&pascal(name))
}

/// The identifier of a constant.
pub(crate) fn constant(name: &str) -> Ident {
    ident(&snake(name).to_ascii_uppercase())
}

/// An identifier; a keyword gets an underscore after it.
pub(crate) fn ident(name: &str) -> Ident {
    if syn::parse_str::<Ident>(name).is_ok() {
        Ident::new(name, Span::call_site())
    } else {
        Ident::new(&format!("{name}_"), Span::call_site())
    }
}

/// A number as people write it: `100_000`.
pub(crate) fn number(number: impl TryInto<u64>) -> Literal {
    let digits = number.try_into().unwrap_or(u64::MAX).to_string();
    let mut grouped = String::with_capacity(digits.len() + 6);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) && digits.len() > 4 {
            grouped.push('_');
        }
        grouped.push(digit);
    }
    grouped.parse().expect("digits are a literal")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped() {
        let grouped: Vec<String> = [7usize, 2000, 32_000, 1_234_567]
            .into_iter()
            .map(|it| number(it).to_string())
            .collect();
        assert_eq!(grouped, ["7", "2000", "32_000", "1_234_567"]);
    }

    #[test]
    fn names_become_snake_case() {
        for (name, expected) in [
            ("createdAt", "created_at"),
            ("BillingStreet", "billing_street"),
            ("hs_lead_name", "hs_lead_name"),
            ("MyHTTPServer", "my_http_server"),
            ("sales-engagement", "sales_engagement"),
            ("2nd", "n2nd"),
            ("Id", "id"),
            ("__c", "c"),
        ] {
            assert_eq!(snake(name), expected);
        }
        assert_eq!(pascal("lifecycle_stage"), "LifecycleStage");
        assert_eq!(field("type").to_string(), "type_");
    }
}
