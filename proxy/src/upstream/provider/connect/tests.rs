use serde_json::json;

use super::*;
use crate::generated::API;

const VALUES: fn(&SecretString) -> TokenValues<'_> = |secret| TokenValues {
    login_url: "https://login.example",
    token: secret,
    client_id: "{token}",
    client_secret: secret,
};

#[test]
fn a_token_is_written_so_that_it_stays_one_value() {
    let secret = SecretString::from("a/b?c&d=e");
    let call = TokenCall {
        method: Method::DELETE,
        url: "{login_url}/tokens/{token}",
        form: &[
            ("token", "{token}"),
            ("client", "{client_id}"),
            ("hint", "refresh token"),
        ],
    };
    assert_eq!(
        call.url(VALUES(&secret)).expose_secret(),
        "https://login.example/tokens/a%2Fb%3Fc%26d%3De"
    );
    // An id that looks like a place is none.
    assert_eq!(
        call.form(VALUES(&secret)).unwrap().expose_secret(),
        "token=a%2Fb%3Fc%26d%3De&client=%7Btoken%7D&hint=refresh+token"
    );
    let bare = TokenCall { form: &[], ..call };
    assert!(bare.form(VALUES(&secret)).is_none());
}

/// Covers: login-host-foreign
#[test]
fn a_typed_host_is_no_more_than_a_part_of_a_host() {
    let login = Login {
        title: "Own domain",
        url: "https://{domain}.my.example.com",
        hint: Some("acme"),
    };
    for (typed, url) in [
        (" Acme ", "https://acme.my.example.com"),
        (
            "acme--uat.sandbox",
            "https://acme--uat.sandbox.my.example.com",
        ),
    ] {
        assert_eq!(login.fill(typed).as_deref(), Some(url));
    }
    for typed in [
        "",
        ".",
        "a..b",
        "-a",
        "a/b",
        "a@b",
        "a:80",
        "evil.com/?x=",
        "evil.com#",
        "ä",
        "a b",
        "a\\b",
    ] {
        assert_eq!(login.fill(typed), None, "{typed:?}");
    }
    let fixed = Login {
        url: "https://test.example.com",
        hint: None,
        ..login
    };
    assert_eq!(
        fixed.fill("whatever").as_deref(),
        Some("https://test.example.com")
    );
}

#[test]
fn granted_scopes_are_a_list_or_a_text_with_spaces() {
    let granted = Granted {
        scopes: "scope",
        call: None,
        account_name: None,
    };
    for answer in [json!({"scope": "a b"}), json!({"scope": ["a", "b"]})] {
        assert_eq!(granted.read(&answer).unwrap(), ["a", "b"]);
    }
    for answer in [json!({}), json!({"scope": null}), json!([])] {
        assert_eq!(granted.read(&answer), None);
    }
}

#[test]
fn an_operation_lacks_what_none_of_the_granted_scopes_is() {
    let needed = OperationScopes {
        operation: "crm.note.create",
        all_of: &[&["write"], &["read", "all"]],
    };
    let missing = |granted: &[&str]| {
        let granted: Vec<String> = granted.iter().map(|&it| it.to_owned()).collect();
        needed.missing(&granted)
    };
    assert_eq!(missing(&[]), ["write", "read"]);
    assert_eq!(missing(&["all"]), ["write"]);
    assert_eq!(missing(&["read", "write"]), [""; 0]);
}

#[test]
fn a_check_is_called_at_the_path_of_the_connections_version() {
    for (name, version, target) in [
        ("hubspot", "2026-09", "/account-info/2026-09/details"),
        ("hubspot", "v3", "/account-info/v3/details"),
        (
            "salesforce",
            "59.0",
            "/services/data/v59.0/query?q=SELECT%20Id%20FROM%20User%20LIMIT%201",
        ),
    ] {
        let provider = API.provider(name).unwrap();
        let mut families = provider.versions.families.iter();
        let family = families
            .find(|family| match family.matches {
                super::super::VersionMatch::OneOf(versions) => versions.contains(&version),
                super::super::VersionMatch::AtLeast(_) => true,
            })
            .unwrap();
        let roots: Vec<String> = family
            .roots
            .iter()
            .map(|root| root.replace("{version}", version))
            .collect();
        let check = provider.check.as_ref().unwrap();
        assert_eq!(check.call.target(&roots), target);
    }
}

#[test]
fn every_operation_of_every_provider_says_what_it_needs_and_asking_for_all_lacks_nothing() {
    for provider in API.providers {
        let authorize = provider.auth.authorize.as_ref().unwrap();
        let optional = authorize.optional.iter().flat_map(|it| it.scopes);
        let asked: Vec<String> = authorize
            .scopes
            .iter()
            .chain(optional)
            .map(|&scope| scope.to_owned())
            .collect();
        let mut tables = API.capabilities.iter();
        let table = tables.find(|it| it.provider == provider.name).unwrap();
        for operation in table.operations {
            let mut scopes = provider.scopes.iter();
            let needed = scopes.find(|it| it.operation == *operation);
            let needed = needed.unwrap_or_else(|| panic!("{} {operation}", provider.name));
            assert_eq!(needed.missing(&asked), [""; 0], "{operation}");
            // The standard objects can be told without any call.
            let needs_none =
                *operation == "crm.metadata.list_objects" && provider.name == "hubspot";
            assert_eq!(needed.missing(&[]).is_empty(), needs_none, "{operation}");
        }
    }
}
