//! Whether a request is meant for us: its `Host`, and its `Origin` where a browser sent it.
//!
//! A web page can make a browser send requests to localhost, and can point a name of its own at it; its requests carry
//! its origin or that name.

use std::net::SocketAddr;

use arc_swap::ArcSwap;
use http::{
    HeaderValue,
    header::{HOST, ORIGIN},
    request,
};

use url::{Position, Url};

use crate::error::{Code, Error};

/// Names of the machine itself.
const LOOPBACK: [&str; 3] = ["localhost", "127.0.0.1", "[::1]"];

/// The names we answer to, and the pages that may call us; both may change while we run.
#[derive(Debug)]
pub struct Origins(ArcSwap<Names>);

#[derive(Debug)]
struct Names {
    hosts: Vec<String>,
    /// Pages that may call the API.
    allowed: Vec<String>,
    /// Where our own pages are seen.
    own: Vec<String>,
}

impl Names {
    /// `listening` is the address in use, so that its port is known where the configuration says 0.
    fn new(
        listening: SocketAddr,
        allowed_hosts: &[String],
        allowed_origins: &[String],
        public_url: Option<&Url>,
    ) -> Self {
        let port = listening.port();
        let mut names: Vec<String> = LOOPBACK.map(str::to_owned).into();
        names.extend(allowed_hosts.iter().map(|host| host.to_ascii_lowercase()));
        let mut hosts: Vec<String> = names
            .into_iter()
            .flat_map(|name| [format!("{name}:{port}"), name])
            .collect();
        // Where browsers reach us by another name, that is a name of ours; with its port where that is not the usual one.
        hosts.extend(
            public_url.map(|url| url[Position::BeforeHost..Position::AfterPort].to_owned()),
        );
        let own = match public_url {
            Some(url) => vec![url.origin().ascii_serialization()],
            None => LOOPBACK
                .map(|name| format!("http://{name}:{port}"))
                .into_iter()
                .chain([format!("http://{listening}")])
                .collect(),
        };
        Self {
            hosts,
            allowed: allowed_origins.to_vec(),
            own,
        }
    }
}

impl Origins {
    /// `listening` is the address in use, so that its port is known where the configuration says 0.
    pub fn new(
        listening: SocketAddr,
        allowed_hosts: &[String],
        allowed_origins: &[String],
        public_url: Option<&Url>,
    ) -> Self {
        let names = Names::new(listening, allowed_hosts, allowed_origins, public_url);
        Self(ArcSwap::from_pointee(names))
    }

    /// From now on these are the names.
    pub(crate) fn replace(&self, by: Self) {
        self.0.store(by.0.into_inner());
    }

    /// Whether a call of the API is meant for us.
    pub(crate) fn check(&self, head: &request::Parts) -> Result<(), Error> {
        let names = self.0.load();
        names.check_host(head)?;
        let is_allowed = |origin: &str| is_among(&names.allowed, origin);
        for origin in head.headers.get_all(ORIGIN) {
            if !origin.to_str().is_ok_and(is_allowed) {
                return Err(Error::new(
                    Code::Forbidden,
                    "web pages may not call this proxy; a page that must is named under `allowed_origins` in the configuration",
                ));
            }
        }
        Ok(())
    }

    /// Whether a request is from one of our pages, or from no page at all.
    pub(crate) fn check_own(&self, head: &request::Parts) -> Result<(), Error> {
        let names = self.0.load();
        names.check_host(head)?;
        let mut origins = head.headers.get_all(ORIGIN).iter();
        if origins.all(|origin| names.is_own(origin)) {
            return Ok(());
        }
        Err(Error::new(
            Code::Forbidden,
            "this was sent from a page that is not ours",
        ))
    }

    /// Whether a request for one of our pages is. What is sent to a page comes from a page of ours: every browser says so
    /// with a form, so a form without it is from somebody else.
    pub(super) fn check_page(&self, head: &request::Parts) -> Result<(), Error> {
        let names = self.0.load();
        names.check_host(head)?;
        let mut origins = head.headers.get_all(ORIGIN).iter();
        let is_ours = match (origins.next(), origins.next()) {
            (None, _) => head.method.is_safe(),
            (Some(origin), None) => head.method.is_safe() || names.is_own(origin),
            _ => false,
        };
        if is_ours {
            return Ok(());
        }
        Err(Error::new(
            Code::Forbidden,
            "this was sent from a page that is not ours; open your link again",
        ))
    }
}

impl Names {
    fn check_host(&self, head: &request::Parts) -> Result<(), Error> {
        let mut hosts = head.headers.get_all(HOST).iter();
        let (Some(host), None) = (hosts.next(), hosts.next()) else {
            return Err(Error::bad_request("expected exactly one Host header"));
        };
        // A request line with a whole URL names the host as well.
        let authority = head.uri.authority().map(http::uri::Authority::as_str);
        let is_ours = |host: &str| {
            self.hosts
                .iter()
                .any(|allowed| allowed.eq_ignore_ascii_case(host))
        };
        if !host.to_str().is_ok_and(is_ours) || !authority.is_none_or(is_ours) {
            return Err(Error::new(
                Code::MisdirectedRequest,
                "the Host header names another host than this proxy; callers on other names need them under `allowed_hosts` in the configuration",
            ));
        }
        Ok(())
    }

    /// Whether an origin is that of one of our pages.
    fn is_own(&self, origin: &HeaderValue) -> bool {
        origin
            .to_str()
            .is_ok_and(|origin| is_among(&self.own, origin))
    }
}

fn is_among(known: &[String], origin: &str) -> bool {
    known.iter().any(|known| known.eq_ignore_ascii_case(origin))
}

#[cfg(test)]
mod tests {
    use http::{Method, Request};

    use super::*;

    fn head(method: Method, uri: &str, headers: &[(&str, &str)]) -> request::Parts {
        let mut request = Request::builder().method(method).uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap().into_parts().0
    }

    fn origins(public_url: Option<&str>) -> Origins {
        Origins::new(
            "127.0.0.1:4040".parse().unwrap(),
            &["crosswalk.internal".to_owned()],
            &["https://app.example".to_owned()],
            public_url.map(|url| Url::parse(url).unwrap()).as_ref(),
        )
    }

    fn check(uri: &str, headers: &[(&str, &str)]) -> Result<(), Code> {
        origins(None)
            .check(&head(Method::GET, uri, headers))
            .map_err(|error| error.code)
    }

    fn form(public_url: Option<&str>, host: &str, origin: &[&str]) -> Result<(), Code> {
        let mut headers = vec![("host", host)];
        headers.extend(origin.iter().map(|origin| ("origin", *origin)));
        origins(public_url)
            .check_page(&head(Method::POST, "/connect/start", &headers))
            .map_err(|error| error.code)
    }

    #[test]
    fn the_public_name_is_ours_as_well() {
        let get = |public_url, host| {
            origins(Some(public_url)).check_page(&head(Method::GET, "/", &[("host", host)]))
        };
        assert!(get("https://connect.example", "connect.example").is_ok());
        assert!(get("https://connect.example:8443", "connect.example:8443").is_ok());
        assert!(get("https://connect.example:8443", "connect.example").is_err());
        assert!(get("https://connect.example", "other.example").is_err());
    }

    /// Covers: origin-foreign
    #[test]
    fn forms_come_from_our_own_pages_alone() {
        let local = |origin: &[&str]| form(None, "localhost:4040", origin);
        assert_eq!(local(&["http://localhost:4040"]), Ok(()));
        assert_eq!(local(&["http://127.0.0.1:4040"]), Ok(()));
        for origin in [
            &[][..],
            &["null"],
            &["http://localhost:4041"],
            &["https://localhost:4040"],
            &["http://localhost"],
            // It may call the API, and has no business with the pages.
            &["https://app.example"],
            &["http://localhost:4040", "https://evil.example"],
        ] {
            assert_eq!(local(origin), Err(Code::Forbidden), "{origin:?}");
        }
        let public = Some("https://connect.example");
        let at = |origin: &str| form(public, "connect.example", &[origin]);
        assert_eq!(at("https://connect.example"), Ok(()));
        assert_eq!(at("http://connect.example"), Err(Code::Forbidden));
        assert_eq!(at("http://localhost:4040"), Err(Code::Forbidden));
    }

    #[test]
    fn a_page_is_shown_to_who_comes_from_elsewhere() {
        // As after a consent: some browsers say then that they come from nowhere.
        let headers = [("host", "localhost"), ("origin", "null")];
        let head = head(Method::GET, "/connect/callback", &headers);
        assert!(origins(None).check_page(&head).is_ok());
    }

    #[test]
    fn loopback_names_and_allowed_hosts_are_ours() {
        for host in [
            "localhost",
            "LOCALHOST:4040",
            "127.0.0.1:4040",
            "[::1]:4040",
            "crosswalk.internal",
            "crosswalk.internal:4040",
        ] {
            assert_eq!(check("/", &[("host", host)]), Ok(()), "{host}");
        }
    }

    /// Covers: host-foreign
    #[test]
    fn other_hosts_are_not() {
        for host in [
            "evil.com",
            "localhost.evil.com",
            "localhost:4041",
            "localhost.",
            "",
            "127.0.0.1:4040@evil.com",
            "crosswalk.internal.",
        ] {
            assert_eq!(
                check("/", &[("host", host)]),
                Err(Code::MisdirectedRequest),
                "{host}"
            );
        }
        assert_eq!(
            check("http://evil.com/", &[("host", "localhost")]),
            Err(Code::MisdirectedRequest)
        );
    }

    /// Covers: host-missing-or-doubled
    #[test]
    fn no_host_and_two_hosts_are_bad_requests() {
        assert_eq!(check("/", &[]), Err(Code::BadRequest));
        assert_eq!(
            check("/", &[("host", "localhost"), ("host", "evil.com")]),
            Err(Code::BadRequest)
        );
    }

    /// Covers: origin-foreign
    #[test]
    fn pages_are_refused_unless_they_are_named() {
        let origin = |origin| check("/", &[("host", "localhost"), ("origin", origin)]);
        assert_eq!(origin("https://evil.com"), Err(Code::Forbidden));
        assert_eq!(origin("null"), Err(Code::Forbidden));
        assert_eq!(origin("http://localhost:4040"), Err(Code::Forbidden));
        assert_eq!(origin("https://app.example"), Ok(()));
    }
}
