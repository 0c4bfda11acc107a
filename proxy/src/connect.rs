//! How customers connect their accounts: tokens, links, and the pages behind them.
//!
//! An admin gives a customer a link (`link`). The customer's browser opens it (`visit`), shows what can be connected
//! (`overview`), goes to the provider and comes back (`consent`); then there is a connection (`keep`). Everything
//! that a browser or a provider sends is held to be made up until it is shown to be ours: ids are looked up among the
//! customer's own, states are good for one use in one browser, and texts are escaped (`page`).

use bytes::Bytes;
use http::{HeaderMap, Method, Response};
use http_body_util::Full;
use tokio::time::Instant;
use url::form_urlencoded;

use crate::{
    core::kept as failed,
    error::{Code, Error},
    own::{Own, OwnCall},
};

mod consent;
mod keep;
mod link;
mod overview;
mod page;
mod visit;

use overview::{News, Typed};
use page::{Page, Theme, redirect};

/// The most bytes of a form.
pub const LONGEST_FORM: usize = 16 * 1024;

/// The body of the answer to an operation of this room.
pub async fn answer(own: &Own, call: &OwnCall) -> Result<Vec<u8>, Error> {
    match call.operation {
        "connect.token.create" => link::token(own, call).await,
        "connect.magic_link.create" => link::magic_link(own, call).await,
        "connect.file_picker.create" => Err(Error::new(
            Code::NotImplemented,
            "no connector has files to pick from: every one is a CRM or a database, so there is no file picker to link to",
        )),
        name => Err(Error::new(
            Code::NotImplemented,
            format!("the operation `{name}` is not implemented by this version of Crosswalk"),
        )),
    }
}

/// A page, or a form of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PageRoute {
    /// Where a magic link leads, and where its secret is sent.
    Open,
    Overview,
    Choose,
    Start,
    Callback,
    Disconnect,
}

impl PageRoute {
    /// The page at a path. The operations under `/connect` are none.
    pub fn find(path: &str) -> Option<Self> {
        Some(match path {
            "/connect/open" => Self::Open,
            "/connect" => Self::Overview,
            "/connect/choose" => Self::Choose,
            "/connect/start" => Self::Start,
            "/connect/callback" => Self::Callback,
            "/connect/disconnect" => Self::Disconnect,
            _ => return None,
        })
    }

    /// As the log names it.
    pub fn operation(self) -> &'static str {
        match self {
            Self::Open => "connect.page.open",
            Self::Overview => "connect.page.overview",
            Self::Choose => "connect.page.choose",
            Self::Start => "connect.page.start",
            Self::Callback => "connect.page.callback",
            Self::Disconnect => "connect.page.disconnect",
        }
    }

    /// The methods that it has.
    fn methods(self) -> &'static [Method] {
        match self {
            Self::Open | Self::Disconnect => &[Method::GET, Method::HEAD, Method::POST],
            Self::Overview | Self::Choose | Self::Callback => &[Method::GET, Method::HEAD],
            Self::Start => &[Method::POST],
        }
    }
}

/// One request for a page.
#[derive(Debug)]
pub struct PageCall {
    pub route: PageRoute,
    pub method: Method,
    pub headers: HeaderMap,
    /// Of the address, or of the form.
    pub values: Vec<(String, String)>,
    pub deadline: Instant,
    pub request_id: String,
}

impl PageCall {
    /// A value that is there exactly once.
    fn value(&self, name: &str) -> Option<&str> {
        let mut values = self.values.iter().filter(|(known, _)| known == name);
        let (_, value) = values.next()?;
        values.next().is_none().then_some(value)
    }
}

/// What an address or a form says.
pub fn values(text: &[u8]) -> Vec<(String, String)> {
    form_urlencoded::parse(text).into_owned().collect()
}

/// Answers a request for a page.
pub async fn show(own: &Own, call: &PageCall) -> Result<Response<Full<Bytes>>, Error> {
    let methods = call.route.methods();
    if !methods.contains(&call.method) {
        let methods: Vec<_> = methods.iter().map(Method::as_str).collect();
        let methods = methods.join(", ");
        let message = format!("this page has no {}, expected {methods}", call.method);
        let mut error = Error::new(Code::MethodNotSupported, message);
        error.allow = Some(methods.into());
        return Err(error);
    }
    own.store()?;
    let is_form = call.method == Method::POST;
    match call.route {
        PageRoute::Open if is_form => {
            let link = call.value("link").unwrap_or_default();
            let (visit, cookie) = visit::open(own, link).await?;
            let answer = consent::after_opening(own, &visit).await?;
            return page::with_cookie(answer, &cookie);
        }
        PageRoute::Open => return Ok(Page::opening().response()),
        _ => {}
    }
    let visit = visit::current(own, &call.headers).await?;
    match call.route {
        PageRoute::Open | PageRoute::Overview => {
            let news = ["connected", "denied", "disconnected"].map(|name| call.value(name));
            let news = match news {
                [Some(id), None, None] => News::Connected(id),
                [None, Some(id), None] => News::Denied(id),
                [None, None, Some(id)] => News::Disconnected(id),
                _ => News::Nothing,
            };
            Ok(overview::page(own, &visit, news).await?.response())
        }
        PageRoute::Choose => {
            let config = call.value("config").unwrap_or_default();
            let offer = overview::offer(own, &visit, config).await?;
            Ok(overview::choose(&visit, &offer, &Typed::default()).response())
        }
        PageRoute::Start => consent::start(own, &visit, call).await,
        PageRoute::Callback => Box::pin(consent::callback(own, &visit, call)).await,
        PageRoute::Disconnect => {
            let id = call.value("connection").unwrap_or_default();
            let (connection, offer) = overview::connection(own, &visit, id).await?;
            if !is_form {
                return Ok(overview::confirm(&visit, &connection, &offer).response());
            }
            keep::disconnect(own, &visit, &connection, call).await?;
            redirect(&format!("/connect?disconnected={}", offer.config.id))
        }
    }
}

/// An error as a page.
pub fn problem(error: &Error, request_id: &str) -> Response<Full<Bytes>> {
    let mut response = Page::problem(error, request_id).response();
    if let Some(allow) = error.allow.as_deref()
        && let Ok(allow) = allow.parse()
    {
        response.headers_mut().insert(http::header::ALLOW, allow);
    }
    response
}

/// Where browsers reach this proxy. On loopback it goes by its name: providers take `http://` addresses to return to for
/// `localhost` alone.
pub(crate) fn origin(own: &Own) -> String {
    if let Some(url) = &own.state.public_url {
        return url.origin().ascii_serialization();
    }
    let address = own.address;
    if address.ip().is_loopback() || address.ip().is_unspecified() {
        format!("http://localhost:{}", address.port())
    } else {
        format!("http://{address}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_operations_under_connect_are_no_pages() {
        for path in [
            "/connect/token",
            "/connect/magic-link",
            "/connect/file-picker",
            "/connect/",
            "/connect/open/",
            "/CONNECT",
        ] {
            assert_eq!(PageRoute::find(path), None, "{path}");
        }
    }
}
