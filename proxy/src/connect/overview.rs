//! What the pages show of a customer's connections and of what can be connected.

use std::fmt::Write as _;

use serde_json::Value;

use super::{
    failed,
    link::View,
    page::{Page, Text, Tone, notice, tile},
    visit::Visit,
};
use crate::{
    error::Error,
    own::Own,
    store::{self, ConnectionFilter, ConnectorConfig},
    upstream::provider::{Authorize, Login, Provider},
};

/// More than any customer has; whatever can grow has a bound.
const MOST_SHOWN: i64 = 100;
const CHEVRON: &str = "<svg aria-hidden=\"true\" width=\"16\" height=\"16\" viewBox=\"0 0 16 16\" fill=\"none\" stroke=\"currentColor\" stroke-width=\"1.8\" stroke-linecap=\"round\" stroke-linejoin=\"round\"><path d=\"M6 3.5 10.5 8 6 12.5\"/></svg>";

/// Something that can be connected: a connector config whose provider asks people on a page.
#[derive(Debug)]
pub(super) struct Offer {
    pub(super) config: ConnectorConfig,
    pub(super) provider: &'static Provider,
    pub(super) authorize: &'static Authorize,
}

impl Offer {
    fn of(own: &Own, config: ConnectorConfig) -> Option<Self> {
        let provider = own.api.provider(&config.connector_name)?;
        let authorize = provider.auth.authorize.as_ref()?;
        Some(Self {
            config,
            provider,
            authorize,
        })
    }

    /// A text of the config that is no secret.
    pub(super) fn setting(&self, name: &str) -> Option<&str> {
        self.config.config.as_ref()?.get(name)?.as_str()
    }

    /// Where a person may choose to log in; nothing where that is decided.
    pub(super) fn logins(&self) -> &'static [Login] {
        if self.setting("login_url").is_some() || self.setting("base_url").is_some() {
            &[]
        } else {
            self.provider.auth.logins
        }
    }

    pub(super) fn can_begin(&self) -> bool {
        !self.config.disabled && self.setting("client_id").is_some()
    }
}

/// All that the visit may connect, the oldest config first.
pub(super) async fn offers(own: &Own, visit: &Visit) -> Result<Vec<Offer>, Error> {
    let configs = own.store()?.connector_configs().await.map_err(failed)?;
    let names = &visit.invitation.connector_names;
    Ok(configs
        .into_iter()
        .filter_map(|config| Offer::of(own, config))
        .filter(Offer::can_begin)
        .filter(|offer| names.is_empty() || names.iter().any(|name| name == offer.provider.name))
        .collect())
}

/// The offer of one config, where the visit may have it.
pub(super) async fn offer(own: &Own, visit: &Visit, config: &str) -> Result<Offer, Error> {
    let mut offers = offers(own, visit).await?;
    let at = offers.iter().position(|offer| offer.config.id == config);
    at.map(|at| offers.swap_remove(at))
        .ok_or_else(|| Error::not_found("this cannot be connected here (any more)"))
}

/// One of the customer's own connections to what asks people on a page. Another's is as one that does not exist.
pub(super) async fn connection(
    own: &Own,
    visit: &Visit,
    id: &str,
) -> Result<(store::Connection, Offer), Error> {
    let unknown = || Error::not_found("there is no such connection (any more)");
    // A link that is about one connection is about no other.
    if visit
        .invitation
        .connection_id
        .as_deref()
        .is_some_and(|only| only != id)
    {
        return Err(unknown());
    }
    let store = own.store()?;
    let connection = store.connection(id).await.map_err(failed)?;
    let connection = connection
        .filter(|found| found.customer_id.as_deref() == Some(&visit.customer))
        .ok_or_else(unknown)?;
    let config = store
        .connector_config(&connection.connector_config_id)
        .await
        .map_err(failed)?;
    let offer = config.and_then(|config| Offer::of(own, config));
    Ok((connection, offer.ok_or_else(unknown)?))
}

/// The customer's connections, those first that were made last.
async fn connections(own: &Own, visit: &Visit) -> Result<Vec<(store::Connection, Offer)>, Error> {
    let store = own.store()?;
    let filter = ConnectionFilter {
        customer_id: Some(&visit.customer),
        ..ConnectionFilter::default()
    };
    let found = store
        .connections(filter, MOST_SHOWN, 0)
        .await
        .map_err(failed)?;
    let configs = store.connector_configs().await.map_err(failed)?;
    let only = visit.invitation.connection_id.as_deref();
    Ok(found
        .into_iter()
        .filter(|connection| only.is_none_or(|only| only == connection.id))
        .filter_map(|connection| {
            let config = configs
                .iter()
                .find(|config| config.id == connection.connector_config_id)?;
            Some((connection, Offer::of(own, config.clone())?))
        })
        .collect())
}

/// What happened just before the page is shown. The ids come from the address, so that they are looked up.
#[derive(Debug, Clone, Copy)]
pub(super) enum News<'a> {
    Nothing,
    Connected(&'a str),
    Denied(&'a str),
    Disconnected(&'a str),
}

/// The first page: what there is, and what can be added.
pub(super) async fn page(own: &Own, visit: &Visit, news: News<'_>) -> Result<Page, Error> {
    let invitation = &visit.invitation;
    let connections = connections(own, visit).await?;
    let offers = offers(own, visit).await?;
    let mut body = news_of(news, &connections, &offers);
    let is_about_one = invitation.connection_id.is_some();
    let shows_there = !matches!(invitation.view, Some(View::Add | View::AddDeeplink));
    let shows_new = !is_about_one
        && (!matches!(invitation.view, Some(View::Manage | View::ManageDeeplink))
            || connections.is_empty());
    let has_some = shows_there && !connections.is_empty();
    let title = if has_some || !shows_new {
        "Your accounts"
    } else {
        "Connect your account"
    };
    let _ = writeln!(body, "<h1>{title}</h1>");
    if let Some(name) = &invitation.display_name {
        let _ = writeln!(
            body,
            "<p class=\"quiet\">For <bdi><strong>{}</strong></bdi></p>",
            Text(name)
        );
    }
    if has_some {
        body.push_str("<ul class=\"rows\" aria-label=\"What is connected\">\n");
        for (connection, offer) in &connections {
            body.push_str(&row(connection, offer));
        }
        body.push_str("</ul>\n");
    } else if is_about_one {
        body.push_str("<p>The connection that this link is about is not there any more.</p>\n");
    }
    if shows_new {
        body.push_str(&choices(&offers, has_some));
    }
    if let Some(url) = invitation.redirect_url.as_deref()
        && let Some(host) = host(url)
    {
        let (url, host) = (Text(url), Text(&host));
        let _ = writeln!(
            body,
            "<div class=\"actions\"><a class=\"button\" id=\"back\" rel=\"noreferrer\" href=\"{url}\">Back to {host}</a></div>"
        );
    }
    Ok(Page::new(title, body).with_theme(invitation.theme))
}

/// The host of an address, for people.
fn host(url: &str) -> Option<String> {
    let url = url::Url::parse(url).ok()?;
    Some(url[url::Position::BeforeHost..url::Position::AfterPort].to_owned())
}

fn news_of(news: News<'_>, connections: &[(store::Connection, Offer)], offers: &[Offer]) -> String {
    let offered = |config: &str| {
        let mut found = offers.iter().filter(|offer| offer.config.id == config);
        found.next().map(|offer| offer.provider.title)
    };
    match news {
        News::Nothing => String::new(),
        News::Connected(id) => connections
            .iter()
            .find(|(connection, _)| connection.id == id)
            .map(|(connection, offer)| {
                let title = offer.provider.title;
                match connection.status.as_deref() {
                    Some("error" | "disconnected") => notice(
                        Tone::Warn,
                        &format!("{title} is connected, but does not answer as it should yet."),
                    ),
                    _ => notice(
                        Tone::Good,
                        &format!("{title} is connected. You can close this page."),
                    ),
                }
            })
            .unwrap_or_default(),
        News::Denied(config) => offered(config)
            .map(|title| {
                let message = format!(
                    "{title} was not connected, since access was not allowed there. Nothing has been shared."
                );
                notice(Tone::Warn, &message)
            })
            .unwrap_or_default(),
        News::Disconnected(config) => offered(config)
            .map(|title| notice(Tone::Good, &format!("{title} is disconnected.")))
            .unwrap_or_default(),
    }
}

/// What can be added: a button each.
fn choices(offers: &[Offer], is_more: bool) -> String {
    if offers.is_empty() {
        return notice(
            Tone::Warn,
            "There is nothing to connect yet. Whoever gave you the link has to set it up first.",
        );
    }
    let heading = if is_more {
        "Connect another account"
    } else {
        "Choose what to connect"
    };
    let mut html = format!("<h2 id=\"new\">{heading}</h2>\n<ul aria-labelledby=\"new\">\n");
    for offer in offers {
        let title = offer.provider.title;
        let (id, name) = (Text(&offer.config.id), Text(title));
        // Two configs of one provider are told apart by the names that they were given.
        let about = offer.config.display_name.as_deref().unwrap_or_default();
        let about = if about.is_empty() || about == title {
            String::new()
        } else {
            format!("<small>{}</small>", Text(about))
        };
        let (mark, connector) = (tile(title, false), Text(offer.provider.name));
        let inside = format!("{mark}<span class=\"name\">{name}{about}</span>{CHEVRON}");
        if offer.logins().is_empty() {
            let _ = writeln!(
                html,
                "<li><form method=\"post\" action=\"/connect/start\"><input type=\"hidden\" name=\"config\" value=\"{id}\"><button class=\"choice\" data-connector=\"{connector}\" type=\"submit\" aria-label=\"Connect {name}\">{inside}</button></form></li>"
            );
        } else {
            let _ = writeln!(
                html,
                "<li><a class=\"choice\" data-connector=\"{connector}\" href=\"/connect/choose?config={id}\" aria-label=\"Connect {name}\">{inside}</a></li>"
            );
        }
    }
    html.push_str("</ul>\n");
    html
}

/// One connection with what can be done about it.
fn row(connection: &store::Connection, offer: &Offer) -> String {
    let (word, class, is_well) = match connection.status.as_deref() {
        _ if connection.disabled => ("Paused", "warn", true),
        Some("disconnected") => ("Reconnect needed", "bad", false),
        Some("error") => ("Has a problem", "warn", false),
        _ => ("Connected", "good", true),
    };
    let title = offer.provider.title;
    let account = account(connection)
        .map(|name| format!("<small><bdi>{}</bdi></small>", Text(&name)))
        .unwrap_or_default();
    let (id, name, mark) = (Text(&connection.id), Text(title), tile(title, false));
    let main = if is_well { "" } else { " button-main" };
    let reconnect = if offer.can_begin() {
        format!(
            "<form method=\"post\" action=\"/connect/start\"><input type=\"hidden\" name=\"connection\" value=\"{id}\"><button class=\"button button-small{main}\" type=\"submit\" aria-label=\"Reconnect {name}\">Reconnect</button></form>"
        )
    } else {
        String::new()
    };
    format!(
        "<li class=\"row\" data-connection=\"{id}\">{mark}<span class=\"name\">{name}<span class=\"pill pill-{class}\">{word}</span>{account}</span>
<div class=\"actions\">{reconnect}<a class=\"button button-small\" href=\"/connect/disconnect?connection={id}\" aria-label=\"Disconnect {name}\">Disconnect</a></div></li>\n"
    )
}

/// What people know the account by.
pub(super) fn account(connection: &store::Connection) -> Option<String> {
    let told = || {
        let account = connection.settings.as_ref()?.get("account")?;
        let text = |name: &str| account.get(name).and_then(Value::as_str);
        text("name").or_else(|| text("id")).map(str::to_owned)
    };
    connection.display_name.clone().or_else(told)
}

/// What was wrong with what a person typed, and where.
#[derive(Debug, Default)]
pub(super) struct Typed<'a> {
    pub(super) chosen: usize,
    pub(super) text: &'a str,
    pub(super) is_wrong: bool,
}

/// Where to log in, for providers that have several places.
pub(super) fn choose(visit: &Visit, offer: &Offer, typed: &Typed<'_>) -> Page {
    let title = offer.provider.title;
    let mut options = String::new();
    for (at, login) in offer.logins().iter().enumerate() {
        let checked = if at == typed.chosen { " checked" } else { "" };
        let _ = writeln!(
            options,
            "<label class=\"option\"><input type=\"radio\" name=\"login\" value=\"{at}\"{checked}><span class=\"name\">{}<small>{}</small></span></label>",
            Text(login.title),
            Text(shown(login).as_str())
        );
        if let Some(hint) = login.hint {
            options.push_str(&field(login, hint, typed));
        }
    }
    let body = format!(
        "{}<h1>Where do you sign in to {}?</h1>
<form method=\"post\" action=\"/connect/start\">
<input type=\"hidden\" name=\"config\" value=\"{}\">
<fieldset>
<legend>Kind of account</legend>
{options}</fieldset>
<div class=\"actions\"><div class=\"stretch\"><button class=\"button button-main\" type=\"submit\">Continue</button></div><a class=\"button\" href=\"/connect\">Back</a></div>
</form>\n",
        tile(title, true),
        Text(title),
        Text(&offer.config.id),
    );
    Page::new(format!("Connect {title}"), body).with_theme(visit.invitation.theme)
}

/// The host, which has a place in it where something is to be typed.
fn shown(login: &Login) -> String {
    match affixes(login) {
        Some((before, name, after)) => format!("{before}your-{name}{after}"),
        None => login.url.trim_start_matches("https://").to_owned(),
    }
}

/// What stands before what is typed, what that is called, and what stands behind it.
fn affixes(login: &Login) -> Option<(&'static str, &'static str, &'static str)> {
    let host = login.url.trim_start_matches("https://");
    let (before, rest) = host.split_once('{')?;
    let (name, after) = rest.split_once('}')?;
    Some((before, name, after))
}

fn field(login: &Login, hint: &str, typed: &Typed<'_>) -> String {
    let (before, _, after) = affixes(login).unwrap_or_default();
    let affix = |text: &str| match text {
        "" => String::new(),
        text => format!("<span aria-hidden=\"true\">{}</span>", Text(text)),
    };
    let mut hint = hint.to_owned();
    if let Some(first) = hint.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    let (invalid, described, problem) = if typed.is_wrong {
        (
            " aria-invalid=\"true\" autofocus",
            "domain-problem domain-hint",
            "<p class=\"problem\" id=\"domain-problem\" role=\"alert\">This cannot be the name of a domain. It has letters, digits and hyphens.</p>",
        )
    } else {
        ("", "domain-hint", "")
    };
    format!(
        "<div class=\"field\"><label for=\"domain\">{}</label><div class=\"affix\">{}<input id=\"domain\" name=\"domain\" type=\"text\" value=\"{}\" maxlength=\"200\" autocomplete=\"off\" autocapitalize=\"none\" spellcheck=\"false\" aria-describedby=\"{described}\"{invalid}>{}</div>{problem}<small id=\"domain-hint\">{}.</small></div>\n",
        Text(login.title),
        affix(before),
        Text(typed.text),
        affix(after),
        Text(&hint)
    )
}

/// Asks before a connection is given up.
pub(super) fn confirm(visit: &Visit, connection: &store::Connection, offer: &Offer) -> Page {
    let title = offer.provider.title;
    let account = account(connection)
        .map(|name| format!(" (<bdi>{}</bdi>)", Text(&name)))
        .unwrap_or_default();
    let body = format!(
        "{}<h1>Disconnect {}?</h1>
<p>Access to your account{account} ends at once, and everything that was set up with this connection stops. You can connect it again later.</p>
<form method=\"post\" action=\"/connect/disconnect\">
<input type=\"hidden\" name=\"connection\" value=\"{}\">
<div class=\"actions\"><div class=\"stretch\"><button class=\"button button-bad\" type=\"submit\">Disconnect</button></div><a class=\"button\" href=\"/connect\">Keep it</a></div>
</form>\n",
        tile(title, true),
        Text(title),
        Text(&connection.id),
    );
    Page::new(format!("Disconnect {title}"), body).with_theme(visit.invitation.theme)
}
