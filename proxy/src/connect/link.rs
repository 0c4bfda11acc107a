//! `POST /connect/token` and `POST /connect/magic-link`: what an admin gives to a customer.

use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, de::DeserializeOwned};
use serde_json::{Value, json};
use url::Url;

use super::{Theme, failed, origin};
use crate::{
    config::is_loopback,
    error::{Code, Error},
    own::{Own, OwnCall},
    store::{GrantKind, NewGrant, Store},
};

/// 30 days, as the contract has it.
const DEFAULT_VALIDITY: u64 = 2_592_000;
/// A year. What lasts longer is forgotten, and still opens the customer's connections.
const LONGEST_VALIDITY: u64 = 31_536_000;
/// The longest id of a customer, as everywhere.
const LONGEST_CUSTOMER: usize = 255;
const LONGEST_NAME: usize = 200;
const LONGEST_URL: usize = 2048;

/// What the admin said of a link; kept with it, and with the visits that begin with it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Invitation {
    pub(super) display_name: Option<String>,
    pub(super) redirect_url: Option<String>,
    /// Empty: all that there are.
    #[serde(default)]
    pub(super) connector_names: Vec<String>,
    /// The connection that the link is about.
    pub(super) connection_id: Option<String>,
    pub(super) theme: Option<Theme>,
    pub(super) view: Option<View>,
}

/// What the page shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum View {
    /// The connections that there are.
    Manage,
    /// The same: with `connectionId`, that one.
    ManageDeeplink,
    /// What can be connected.
    Add,
    /// The same; where that is one thing only, it begins at once.
    AddDeeplink,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct TokenInput {
    customer_id: Option<String>,
    #[serde(default, deserialize_with = "given")]
    validity_in_seconds: Option<f64>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct LinkInput {
    customer_id: Option<String>,
    #[serde(default, deserialize_with = "given")]
    validity_in_seconds: Option<f64>,
    display_name: Option<String>,
    redirect_url: Option<String>,
    connector_names: Option<String>,
    integration_ids: Option<String>,
    connection_id: Option<String>,
    theme: Option<Theme>,
    view: Option<View>,
}

/// A member that may be left out, and is not null where it is there.
fn given<'de, D: Deserializer<'de>, T: Deserialize<'de>>(input: D) -> Result<Option<T>, D::Error> {
    T::deserialize(input).map(Some)
}

/// A token for one customer.
pub(super) async fn token(own: &Own, call: &OwnCall) -> Result<Vec<u8>, Error> {
    call.caller.must_be_admin()?;
    let input: TokenInput = decode(&call.request.body)?;
    let customer = customer(input.customer_id)?;
    let lasts = validity(input.validity_in_seconds)?;
    let store = own.store()?;
    let grant = NewGrant {
        customer_id: Some(&customer),
        ..NewGrant::new(GrantKind::ConnectToken, Some(lasts))
    };
    let token = give(store, &customer, &grant).await?;
    answer(&json!({ "token": token }))
}

/// A link to the page on which a customer connects an account.
pub(super) async fn magic_link(own: &Own, call: &OwnCall) -> Result<Vec<u8>, Error> {
    call.caller.must_be_admin()?;
    let input: LinkInput = decode(&call.request.body)?;
    let customer = customer(input.customer_id)?;
    let lasts = validity(input.validity_in_seconds)?;
    if let Some(name) = &input.display_name {
        display_name(name)?;
    }
    if let Some(url) = &input.redirect_url {
        redirect_url(url)?;
    }
    let connector_names = connector_names(own, input.connector_names.as_deref())?;
    if input
        .integration_ids
        .is_some_and(|ids| !ids.trim().is_empty())
    {
        return Err(Error::issue(
            "body.integrationIds",
            "expected none, as no connector has integrations; connectorNames chooses what can be connected",
        ));
    }
    let store = own.store()?;
    if let Some(id) = &input.connection_id {
        connection(store, id, &customer).await?;
    }
    let invitation = Invitation {
        display_name: input.display_name,
        redirect_url: input.redirect_url,
        connector_names,
        connection_id: input.connection_id,
        theme: input.theme,
        view: input.view,
    };
    let data = serde_json::to_value(&invitation).map_err(|error| {
        Error::new(Code::InternalServerError, "the link could not be kept")
            .with_detail(error.to_string())
    })?;
    let grant = NewGrant {
        customer_id: Some(&customer),
        data: Some(&data),
        ..NewGrant::new(GrantKind::MagicLink, Some(lasts))
    };
    let secret = give(store, &customer, &grant).await?;
    // Behind the `#`, so that it is in no request, no log of any server on the way, and no `Referer`.
    answer(&json!({ "url": format!("{}/connect/open#{secret}", origin(own)) }))
}

/// Gives out a secret for a customer, who is made where there is none yet: customers are the caller's own ids.
async fn give(store: &Store, customer: &str, grant: &NewGrant<'_>) -> Result<String, Error> {
    store
        .upsert_customer(customer, None)
        .await
        .map_err(failed)?;
    let (_, secret) = store.make_grant(grant).await.map_err(failed)?;
    Ok(secret.show_once())
}

fn decode<T: DeserializeOwned>(body: &[u8]) -> Result<T, Error> {
    let mut input = serde_json::Deserializer::from_slice(body);
    let value: T = serde_path_to_error::deserialize(&mut input).map_err(|error| {
        let path = error.path().to_string();
        let message = error.inner().to_string();
        // Where in the text it is says less than the path.
        let message = message
            .split_once(" at line ")
            .map_or(message.as_str(), |(message, _)| message);
        if path == "." {
            Error::issue("body", message)
        } else {
            Error::issue(format!("body.{path}"), message)
        }
    })?;
    input
        .end()
        .map_err(|_| Error::issue("body", "expected one JSON object and nothing behind it"))?;
    Ok(value)
}

fn customer(id: Option<String>) -> Result<String, Error> {
    let id = id.ok_or_else(|| {
        Error::issue(
            "body.customerId",
            "expected the id of the customer that this is for",
        )
    })?;
    let is_fit = (1..=LONGEST_CUSTOMER).contains(&id.len()) && !id.chars().any(char::is_control);
    if is_fit {
        Ok(id)
    } else {
        Err(Error::issue(
            "body.customerId",
            format!("expected 1 to {LONGEST_CUSTOMER} bytes of text without control characters"),
        ))
    }
}

fn validity(seconds: Option<f64>) -> Result<Duration, Error> {
    let Some(seconds) = seconds else {
        return Ok(Duration::from_secs(DEFAULT_VALIDITY));
    };
    #[expect(
        clippy::cast_precision_loss,
        reason = "a year of seconds is well below 2^53"
    )]
    let longest = LONGEST_VALIDITY as f64;
    if (1.0..=longest).contains(&seconds) {
        Ok(Duration::from_secs_f64(seconds))
    } else {
        Err(Error::issue(
            "body.validityInSeconds",
            format!("expected 1 to {LONGEST_VALIDITY} (a year), found {seconds}"),
        ))
    }
}

/// A name that is shown to people. What turns the direction of writing could make it say something else.
fn display_name(name: &str) -> Result<(), Error> {
    let turns = |c: char| matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}');
    if name.chars().count() <= LONGEST_NAME && !name.chars().any(|c| c.is_control() || turns(c)) {
        Ok(())
    } else {
        Err(Error::issue(
            "body.displayName",
            format!(
                "expected at most {LONGEST_NAME} characters, none of which controls the others"
            ),
        ))
    }
}

/// Where the page leads when it is done. It is the admin's word, kept with the link: nothing that a browser sends names
/// such an address.
fn redirect_url(text: &str) -> Result<(), Error> {
    let is_fit = |url: &Url| {
        url.username().is_empty()
            && url.password().is_none()
            && (url.scheme() == "https" || (url.scheme() == "http" && is_loopback(url)))
    };
    let is_plain = text.len() <= LONGEST_URL && text.bytes().all(|byte| byte.is_ascii_graphic());
    if is_plain && Url::parse(text).is_ok_and(|url| is_fit(&url)) {
        Ok(())
    } else {
        Err(Error::issue(
            "body.redirectUrl",
            "expected an address with https://, or http:// on loopback, in ASCII and without a user",
        ))
    }
}

/// Names with commas between them. Each has to be one that a person can connect on the page.
fn connector_names(own: &Own, names: Option<&str>) -> Result<Vec<String>, Error> {
    let names = names.unwrap_or_default().split(',').map(str::trim);
    let mut found: Vec<String> = Vec::new();
    for name in names.filter(|name| !name.is_empty()) {
        let provider = own.api.provider(name);
        if provider.is_none_or(|provider| provider.auth.authorize.is_none()) {
            let known: Vec<_> = own
                .api
                .providers
                .iter()
                .filter(|provider| provider.auth.authorize.is_some())
                .map(|provider| provider.name)
                .collect();
            return Err(Error::issue(
                "body.connectorNames",
                format!(
                    "expected names of connectors that are connected on a page, with commas: {}",
                    known.join(", ")
                ),
            ));
        }
        if !found.iter().any(|known| known == name) {
            found.push(name.to_owned());
        }
    }
    Ok(found)
}

async fn connection(store: &Store, id: &str, customer: &str) -> Result<(), Error> {
    if !id.starts_with("conn_") {
        return Err(Error::issue(
            "body.connectionId",
            "expected the id of a connection, which begins with conn_",
        ));
    }
    let found = store.connection(id).await.map_err(failed)?;
    if found.is_some_and(|found| found.customer_id.as_deref() == Some(customer)) {
        Ok(())
    } else {
        let mut error = Error::not_found("the customer has no connection with this id");
        error.blame("body.connectionId");
        Err(error)
    }
}

fn answer(value: &Value) -> Result<Vec<u8>, Error> {
    serde_json::to_vec(value).map_err(|error| {
        Error::new(Code::InternalServerError, "the answer could not be written")
            .with_detail(error.to_string())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_to_return_to_is_a_web_page_of_somebody() {
        for good in [
            "https://app.example/done?x=1#y",
            "http://localhost:3000/",
            "http://127.0.0.1/",
            "http://[::1]:1/x",
        ] {
            assert!(redirect_url(good).is_ok(), "{good}");
        }
        for bad in [
            "javascript:alert(1)",
            "data:text/html,x",
            "http://app.example/",
            "https://user@app.example/",
            "https://:x@app.example/",
            "//app.example",
            "/done",
            "ftp://app.example",
            "https://app.example/\r\nset-cookie: a=b",
            "https://app.example/ä",
            "",
        ] {
            let error = redirect_url(bad).unwrap_err();
            assert_eq!(error.issues[0].path.as_deref(), Some("body.redirectUrl"));
        }
        assert!(redirect_url(&format!("https://app.example/{}", "x".repeat(2048))).is_err());
    }

    #[test]
    fn a_name_cannot_turn_the_words_around_it() {
        assert!(display_name("Müller & Söhne <GmbH>").is_ok());
        for bad in ["a\nb", "a\u{202e}b", "a\u{2066}b", &"x".repeat(201)] {
            assert!(display_name(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_secret_lasts_between_a_second_and_a_year() {
        assert_eq!(validity(None).unwrap(), Duration::from_hours(30 * 24));
        assert_eq!(validity(Some(60.0)).unwrap(), Duration::from_mins(1));
        for bad in [0.0, -1.0, 0.5, 31_536_001.0, f64::NAN, f64::INFINITY] {
            assert!(validity(Some(bad)).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_wrong_body_is_told_with_its_place() {
        let path = |body: &str| {
            let error = decode::<LinkInput>(body.as_bytes()).unwrap_err();
            error.issues[0].path.clone().unwrap()
        };
        assert_eq!(path(r#"{"customerId":1}"#), "body.customerId");
        assert_eq!(path(r#"{"theme":"blue"}"#), "body.theme");
        assert_eq!(
            path(r#"{"validityInSeconds":null}"#),
            "body.validityInSeconds"
        );
        assert_eq!(path(r#"{"customer":"x"}"#), "body.customer");
        assert_eq!(path("[]"), "body");
        assert_eq!(path(""), "body");
        assert_eq!(path("{} {}"), "body");
    }

    #[test]
    fn what_was_said_of_a_link_is_kept_as_it_was() {
        let invitation = Invitation {
            view: Some(View::ManageDeeplink),
            theme: Some(Theme::Dark),
            connector_names: vec!["one".to_owned()],
            ..Invitation::default()
        };
        let kept = serde_json::to_value(&invitation).unwrap();
        assert_eq!(kept["view"], "manage-deeplink");
        assert_eq!(
            serde_json::from_value::<Invitation>(kept).unwrap(),
            invitation
        );
    }
}
