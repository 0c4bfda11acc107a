//! A browser as far as the pages need one: it keeps a cookie, sends forms from our own pages, and follows the provider.

use crosswalk_tests::{Answer, exchange_text};

use super::Scene;

pub(super) struct Visitor {
    /// `127.0.0.1:…` of the proxy.
    address: String,
    pub(super) cookie: Option<String>,
}

impl Visitor {
    pub(super) fn new(address: &str) -> Self {
        Self {
            address: address.to_owned(),
            cookie: None,
        }
    }

    /// The origin of our own pages.
    pub(super) fn origin(&self) -> String {
        let port = self.address.rsplit(':').next().unwrap();
        format!("http://localhost:{port}")
    }

    fn cookies(&self) -> String {
        self.cookie
            .as_ref()
            .map(|cookie| format!("cookie: other=1; {cookie}\r\n"))
            .unwrap_or_default()
    }

    pub(super) fn get(&self, target: &str) -> Answer {
        checked(exchange_text(
            &self.address,
            "GET",
            target,
            &self.cookies(),
            "",
        ))
    }

    pub(super) fn post(&self, target: &str, form: &str) -> Answer {
        let origin = format!("origin: {}\r\n", self.origin());
        self.post_with(target, &origin, form)
    }

    /// Sends a form with headers of the test's own.
    pub(super) fn post_with(&self, target: &str, headers: &str, form: &str) -> Answer {
        let headers = format!(
            "{}{headers}content-type: application/x-www-form-urlencoded\r\n",
            self.cookies()
        );
        checked(exchange_text(&self.address, "POST", target, &headers, form))
    }

    /// Opens a link, as the page's script does.
    pub(super) fn open(&mut self, secret: &str) -> Answer {
        let answer = self.post("/connect/open", &format!("link={secret}"));
        if let Some(cookie) = answer.header("set-cookie") {
            for part in ["HttpOnly", "SameSite=Lax", "Path=/connect", "Max-Age="] {
                assert!(cookie.contains(part), "{cookie}");
            }
            assert!(!cookie.contains(secret), "the link is not the cookie");
            let pair = cookie.split(';').next().unwrap();
            self.cookie = Some(pair.to_owned());
        }
        answer
    }

    /// Goes to a provider that says yes or no at once; where it leads back to, as path and query.
    pub(super) fn consent(&self, scene: &Scene, provider: &str) -> String {
        let page = self.get("/connect").text;
        let (_, rest) = page
            .split_once(&format!("data-connector=\"{provider}\""))
            .map(|(before, _)| before.rsplit_once("value=\"").unwrap())
            .unwrap();
        let config = rest.split('"').next().unwrap();
        self.consent_by(scene, provider, &format!("config={config}"))
    }

    /// The same with a form of the test's own.
    pub(super) fn consent_by(&self, scene: &Scene, provider: &str, form: &str) -> String {
        let page = self.post("/connect/start", form);
        assert_eq!(page.status, 200, "{}", page.text);
        let url = onward(&page);
        let address = scene.sandbox.address(provider);
        let target = url
            .strip_prefix(&format!("http://{address}"))
            .unwrap_or_else(|| panic!("the sandbox is asked: {url}"));
        let asked = exchange_text(address, "GET", target, "", "");
        assert_eq!(asked.status, 302, "{}", asked.text);
        let back = asked.header("location").unwrap();
        let target = back.strip_prefix(&self.origin());
        target
            .unwrap_or_else(|| panic!("it leads back: {back}"))
            .to_owned()
    }
}

/// Where a page goes on to by itself.
pub(super) fn onward(page: &Answer) -> String {
    let (_, rest) = page.text.split_once("content=\"0;url=").unwrap();
    rest.split('"').next().unwrap().replace("&amp;", "&")
}

/// What every answer of the pages has to have.
fn checked(answer: Answer) -> Answer {
    let policy = answer.header("content-security-policy").unwrap();
    for part in [
        "default-src 'none'",
        "frame-ancestors 'none'",
        "form-action 'self'",
    ] {
        assert!(policy.contains(part), "{policy}");
    }
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert_eq!(answer.header("referrer-policy"), Some("same-origin"));
    assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
    assert_eq!(answer.header("x-frame-options"), Some("DENY"));
    answer
}
