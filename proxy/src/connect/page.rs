//! Pages as HTML: what they are made of, and the headers that they go out with.
//!
//! A page is whole by itself: its style and its one script stand in it, allowed by their hash, and nothing else is loaded
//! from anywhere. Whatever was not written here goes through [`Text`].

use std::{fmt, sync::LazyLock};

use base64::prelude::{BASE64_STANDARD, Engine as _};
use bytes::Bytes;
use http::{
    HeaderValue, Response, StatusCode,
    header::{
        CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, LOCATION,
        REFERRER_POLICY, SET_COOKIE, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
    },
};
use http_body_util::Full;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::error::{Code, Error};

const DOCUMENT: &str = include_str!("page/document.html");
const STYLE: &str = include_str!("page/style.css");
const OPEN: &str = include_str!("page/open.js");
const FOOTER: &str = "You sign in at the provider itself. Your password never comes here.";

/// What a page may do: show itself, and send its forms back here. Where a form's answer leads elsewhere it does so by
/// itself ([`Page::leading_to`]), since browsers hold `form-action` against redirects too.
static POLICY: LazyLock<HeaderValue> = LazyLock::new(|| {
    let policy = format!(
        "default-src 'none'; style-src {}; script-src {}; img-src data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
        hash(STYLE),
        hash(OPEN)
    );
    HeaderValue::from_str(&policy).expect("hashes are base64")
});

fn hash(text: &str) -> String {
    format!(
        "'sha256-{}'",
        BASE64_STANDARD.encode(Sha256::digest(text.as_bytes()))
    )
}

/// Light or dark, whatever the browser prefers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Theme {
    Light,
    Dark,
}

/// Text in HTML, or between the double quotes of an attribute.
#[derive(Debug, Clone, Copy)]
pub(super) struct Text<'t>(pub(super) &'t str);

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.0;
        while let Some(at) = rest.find(['&', '<', '>', '"', '\'']) {
            f.write_str(&rest[..at])?;
            f.write_str(match rest.as_bytes()[at] {
                b'&' => "&amp;",
                b'<' => "&lt;",
                b'>' => "&gt;",
                b'"' => "&quot;",
                _ => "&#39;",
            })?;
            rest = &rest[at + 1..];
        }
        f.write_str(rest)
    }
}

/// How a message is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tone {
    Good,
    Warn,
    Bad,
}

/// A page.
#[derive(Debug)]
pub(super) struct Page {
    pub(super) title: String,
    /// HTML.
    pub(super) body: String,
    pub(super) theme: Option<Theme>,
    /// HTML that stands in the head.
    head: String,
    status: StatusCode,
}

impl Page {
    pub(super) fn new(title: impl Into<String>, body: impl Into<String>) -> Self {
        Self {
            title: title.into(),
            body: body.into(),
            theme: None,
            head: String::new(),
            status: StatusCode::OK,
        }
    }

    #[must_use]
    pub(super) fn with_theme(mut self, theme: Option<Theme>) -> Self {
        self.theme = theme;
        self
    }

    #[must_use]
    pub(super) fn with_status(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }

    /// The page that a magic link leads to. It knows nothing yet: the secret is still in the browser.
    pub(super) fn opening() -> Self {
        let body = format!(
            "<div id=\"opening\" role=\"status\">
<div class=\"spinner\" aria-hidden=\"true\"></div>
<h1>Opening your link…</h1>
<noscript>{}</noscript>
</div>
<div id=\"incomplete\" hidden tabindex=\"-1\" role=\"alert\">
<h1>This link is not complete</h1>
<p class=\"quiet\">A part of it is missing, as happens when it is copied by hand. Open it again from where you got it.</p>
</div>
<form id=\"open\" method=\"post\" action=\"/connect/open\" hidden><input type=\"hidden\" name=\"link\"></form>
<script>{OPEN}</script>",
            notice(
                Tone::Warn,
                "JavaScript is switched off in this browser. The page needs it to open the link."
            )
        );
        Self::new("Opening your link", body)
    }

    /// A page that goes on to another address by itself.
    pub(super) fn leading_to(url: &str, title: &str) -> Self {
        let (url, title) = (Text(url), Text(title));
        let body = format!(
            "<div role=\"status\">
<div class=\"spinner\" aria-hidden=\"true\"></div>
<h1>Taking you to {title}…</h1>
</div>
<p class=\"quiet\">Nothing happens? <a id=\"onward\" href=\"{url}\">Go on to {title}</a>.</p>"
        );
        let mut page = Self::new(format!("Taking you to {}", title.0), body);
        page.head = format!("<meta http-equiv=\"refresh\" content=\"0;url={url}\">\n");
        page
    }

    /// What went wrong, for people.
    pub(super) fn problem(error: &Error, request_id: &str) -> Self {
        let code = error.code;
        let mut message = error.message.clone();
        if let Some(first) = message.get(..1) {
            let first = first.to_uppercase();
            message.replace_range(..1, &first);
        }
        message.push('.');
        // Who may not come in has no overview.
        let back = if error.code == Code::Forbidden {
            ""
        } else {
            "<div class=\"actions\"><a class=\"button\" href=\"/connect\">Back to the overview</a></div>"
        };
        let body = format!(
            "<h1 class=\"mark\">This did not work</h1>
{}<p class=\"quiet\">If it happens again, tell those who gave you the link: <code>{}</code></p>
{back}",
            notice(Tone::Bad, &message),
            Text(request_id)
        );
        Self::new("This did not work", body).with_status(code.status())
    }

    /// The response.
    pub(super) fn response(&self) -> Response<Full<Bytes>> {
        let theme = match self.theme {
            None => "",
            Some(Theme::Light) => " data-theme=\"light\"",
            Some(Theme::Dark) => " data-theme=\"dark\"",
        };
        let title = Text(&self.title).to_string();
        let text = fill(&[
            ("theme", theme),
            ("head", &self.head),
            ("title", &title),
            ("style", STYLE),
            ("body", &self.body),
            ("footer", FOOTER),
        ]);
        let mut response = Response::new(Full::from(text));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(
            CONTENT_TYPE,
            HeaderValue::from_static("text/html; charset=utf-8"),
        );
        guard(response)
    }
}

/// The document with what is different on each page. What is filled in is not looked at again.
fn fill(values: &[(&str, &str)]) -> String {
    let mut text = String::with_capacity(DOCUMENT.len() + STYLE.len() + 4096);
    let mut rest = DOCUMENT;
    while let Some((before, after)) = rest.split_once("{{") {
        let (name, after) = after.split_once("}}").unwrap_or((after, ""));
        text.push_str(before);
        text.push_str(
            values
                .iter()
                .find(|(known, _)| *known == name)
                .map_or("", |(_, value)| value),
        );
        rest = after;
    }
    text.push_str(rest);
    text
}

/// The way to another page. A form's answer leads by `GET`.
pub(super) fn redirect(to: &str) -> Result<Response<Full<Bytes>>, Error> {
    let mut response = Response::new(Full::default());
    *response.status_mut() = StatusCode::SEE_OTHER;
    let to = HeaderValue::from_str(to).map_err(|_| {
        Error::bad_request("the address that this leads to cannot stand in a header")
    })?;
    response.headers_mut().insert(LOCATION, to);
    Ok(guard(response))
}

/// What every answer of these pages says: kept nowhere, shown in no frame, taken for nothing else. Others are told
/// nothing of where somebody comes from. To ourselves the browser may tell it: with `no-referrer` it would leave out the
/// `Origin` of forms as well, by which we know our own. No address of a page holds a secret.
fn guard(mut response: Response<Full<Bytes>>) -> Response<Full<Bytes>> {
    let headers = response.headers_mut();
    let mut set = |name: HeaderName, value: &'static str| {
        headers.insert(name, HeaderValue::from_static(value));
    };
    set(CACHE_CONTROL, "no-store");
    set(REFERRER_POLICY, "same-origin");
    set(X_CONTENT_TYPE_OPTIONS, "nosniff");
    set(X_FRAME_OPTIONS, "DENY");
    set(
        HeaderName::from_static("cross-origin-resource-policy"),
        "same-origin",
    );
    headers.insert(CONTENT_SECURITY_POLICY, POLICY.clone());
    response
}

/// Sets a cookie.
pub(super) fn with_cookie(
    mut response: Response<Full<Bytes>>,
    cookie: &str,
) -> Result<Response<Full<Bytes>>, Error> {
    let mut cookie = HeaderValue::from_str(cookie)
        .map_err(|_| Error::bad_request("the cookie cannot stand in a header"))?;
    cookie.set_sensitive(true);
    response.headers_mut().insert(SET_COOKIE, cookie);
    Ok(response)
}

/// A message, which screen readers are told at once.
pub(super) fn notice(tone: Tone, message: &str) -> String {
    let (class, role, mark) = match tone {
        Tone::Good => ("good", "status", "<path d=\"M5 8.2l2 2 4-4.4\"/>"),
        Tone::Warn => ("warn", "status", "<path d=\"M8 4.8v3.7M8 11v.2\"/>"),
        Tone::Bad => ("bad", "alert", "<path d=\"M8 4.8v3.7M8 11v.2\"/>"),
    };
    format!(
        "<div class=\"notice notice-{class}\" role=\"{role}\"><svg aria-hidden=\"true\" width=\"16\" height=\"16\" viewBox=\"0 0 16 16\" fill=\"none\" stroke=\"currentColor\" stroke-width=\"1.6\" stroke-linecap=\"round\" stroke-linejoin=\"round\"><circle cx=\"8\" cy=\"8\" r=\"7\"/>{mark}</svg><p>{}</p></div>\n",
        Text(message)
    )
}

/// The first letter of a name on a colour of its own: brands' marks are not ours to show.
pub(super) fn tile(title: &str, is_large: bool) -> String {
    const COLOURS: usize = 6;
    let letter = title.chars().next().unwrap_or('?').to_string();
    let colour = title.bytes().map(usize::from).sum::<usize>() % COLOURS;
    let large = if is_large { " tile-large" } else { "" };
    format!(
        "<span class=\"tile tile-{colour}{large}\" aria-hidden=\"true\">{}</span>",
        Text(&letter)
    )
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;

    use super::*;

    async fn text(page: &Page) -> String {
        let body = page.response().into_body().collect().await.unwrap();
        String::from_utf8(body.to_bytes().to_vec()).unwrap()
    }

    /// Covers: markup-injection
    #[test]
    fn text_cannot_become_markup() {
        assert_eq!(
            Text("<b a=\"1\" c='2'>&amp;</b>é").to_string(),
            "&lt;b a=&quot;1&quot; c=&#39;2&#39;&gt;&amp;amp;&lt;/b&gt;é"
        );
    }

    #[tokio::test]
    async fn what_is_filled_in_is_not_looked_at_again() {
        let page = Page::new("{{body}}", "{{style}}");
        let text = text(&page).await;
        assert!(text.contains("<title>{{body}}</title>"));
        assert!(text.contains("{{style}}\n</main>"));
    }

    #[tokio::test]
    async fn a_page_has_no_style_or_script_but_those_of_its_policy() {
        let page = Page::opening();
        let text = text(&page).await;
        for (tag, allowed) in [("style", STYLE), ("script", OPEN)] {
            let whole = format!("<{tag}>{allowed}</{tag}>");
            assert_eq!(text.matches(&format!("<{tag}")).count(), 1);
            assert!(text.contains(&whole), "{tag}");
        }
        assert!(!text.contains(" style="), "no style in an attribute");
        assert!(!text.contains(" src="), "nothing is loaded");
        let policy = page.response().headers()[CONTENT_SECURITY_POLICY]
            .to_str()
            .unwrap()
            .to_owned();
        assert!(policy.starts_with("default-src 'none'; "), "{policy}");
        assert!(!policy.contains("unsafe"), "{policy}");
        assert!(policy.contains(&hash(STYLE)) && policy.contains(&hash(OPEN)));
    }

    #[tokio::test]
    async fn a_problem_is_told_as_text_and_with_its_status() {
        let error = Error::bad_request("<script>alert(1)</script>");
        let page = Page::problem(&error, "<id>");
        assert_eq!(page.response().status(), 400);
        let text = text(&page).await;
        assert!(!text.contains("<script>"), "{text}");
        assert!(text.contains("&lt;script&gt;alert(1)&lt;/script&gt;"));
        assert!(text.contains("<code>&lt;id&gt;</code>"));
    }

    /// Covers: value-breaks-header
    #[test]
    fn an_address_with_a_line_in_it_is_no_header() {
        assert!(redirect("/connect\r\nset-cookie: a=b").is_err());
        assert_eq!(
            redirect("/connect").unwrap().headers()[LOCATION],
            "/connect"
        );
    }
}
