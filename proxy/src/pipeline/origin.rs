//! Whether a request is meant for us: its `Host`, and its `Origin` where a browser sent it.
//!
//! A web page can make a browser send requests to localhost, and can point a name of its own at it; its requests carry
//! its origin or that name.

use std::net::SocketAddr;

use http::{
    header::{HOST, ORIGIN},
    request,
};

use crate::error::{Code, Error};

/// The names we answer to, and the pages that may call us.
#[derive(Debug)]
pub struct Origins {
    hosts: Vec<String>,
    origins: Vec<String>,
}

impl Origins {
    /// `listening` is the address in use, so that its port is known where the configuration says 0.
    pub fn new(
        listening: SocketAddr,
        allowed_hosts: &[String],
        allowed_origins: &[String],
    ) -> Self {
        let port = listening.port();
        let mut names: Vec<String> = ["localhost", "127.0.0.1", "[::1]"]
            .map(str::to_owned)
            .into();
        names.extend(allowed_hosts.iter().map(|host| host.to_ascii_lowercase()));
        let hosts = names
            .into_iter()
            .flat_map(|name| [format!("{name}:{port}"), name])
            .collect();
        Self {
            hosts,
            origins: allowed_origins.to_vec(),
        }
    }

    pub(super) fn check(&self, head: &request::Parts) -> Result<(), Error> {
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
        let is_allowed = |origin: &str| {
            self.origins
                .iter()
                .any(|allowed| allowed.eq_ignore_ascii_case(origin))
        };
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
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    fn check(uri: &str, headers: &[(&str, &str)]) -> Result<(), Code> {
        let mut request = Request::get(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (head, ()) = request.body(()).unwrap().into_parts();
        Origins::new(
            "127.0.0.1:4040".parse().unwrap(),
            &["crosswalk.internal".to_owned()],
            &["https://app.example".to_owned()],
        )
        .check(&head)
        .map_err(|error| error.code)
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

    #[test]
    fn no_host_and_two_hosts_are_bad_requests() {
        assert_eq!(check("/", &[]), Err(Code::BadRequest));
        assert_eq!(
            check("/", &[("host", "localhost"), ("host", "evil.com")]),
            Err(Code::BadRequest)
        );
    }

    #[test]
    fn pages_are_refused_unless_they_are_named() {
        let origin = |origin| check("/", &[("host", "localhost"), ("origin", origin)]);
        assert_eq!(origin("https://evil.com"), Err(Code::Forbidden));
        assert_eq!(origin("null"), Err(Code::Forbidden));
        assert_eq!(origin("http://localhost:4040"), Err(Code::Forbidden));
        assert_eq!(origin("https://app.example"), Ok(()));
    }
}
