//! Where credentials may be sent.

use url::{Host, Url};

use crate::upstream::reach::Reach;

/// A host has at most 253 characters.
const LONGEST: usize = 300;

/// Whether a URL says scheme, host and port and nothing else, and is safe to send a credential to.
pub(crate) fn is_origin(url: &Url) -> bool {
    let bare = url.as_str().len() <= LONGEST
        && url.username().is_empty()
        && url.password().is_none()
        && url.query().is_none()
        && url.fragment().is_none()
        && matches!(url.path(), "" | "/")
        && url.host_str().is_some_and(|host| !host.is_empty());
    // A name is resolved later, and its addresses are checked then; an address stands as it is written.
    let may_be_reached = match url.host() {
        Some(Host::Ipv4(address)) => Reach::Providers.allows(address.into()),
        Some(Host::Ipv6(address)) => Reach::Providers.allows(address.into()),
        Some(Host::Domain(_)) | None => true,
    };
    let may_be_reached = may_be_reached || is_loopback(url);
    bare && may_be_reached
        && (url.scheme() == "https" || (url.scheme() == "http" && is_loopback(url)))
}

pub(crate) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// Whether the host is one of the provider's own, on the usual port.
pub(crate) fn is_allowed_host(url: &Url, allowed: &[&str]) -> bool {
    url.scheme() == "https"
        && url.port().is_none()
        && matches!(url.host(), Some(Host::Domain(name)) if allowed.iter().any(|end| name.len() > end.len() && name.ends_with(end)))
}

/// The same path at another place.
pub(crate) fn with_origin(url: &Url, origin: &Url) -> Url {
    let mut moved = origin.clone();
    moved.set_path(url.path());
    moved
}

#[cfg(test)]
mod tests {
    use super::*;

    /// URLs that credentials must never be sent to, whoever says so.
    const EVIL: [&str; 29] = [
        "http://acme.my.salesforce.com",
        "https://acme.my.salesforce.com.evil.example",
        "https://acme.my.salesforce.com.evil.io/",
        "https://evil.example#.salesforce.com",
        "https://evil.example/.salesforce.com",
        "https://evil.example?.salesforce.com",
        "https://evil.example\\.salesforce.com",
        "https://acme.my.salesforce.com@evil.example",
        "https://user@acme.my.salesforce.com",
        "https://user:password@acme.my.salesforce.com",
        "https://acme.my.salesforce.com:8443",
        "https://acme.my.salesforce.com.",
        "https://acme.my.salesforce.com/path",
        "https://acme.my.salesforce.com/?query",
        "https://acme.my.salesforce.com/#fragment",
        "https://evilsalesforce.com",
        "https://.salesforce.com",
        "https://acme.my.salesforce.com%2eevil.example",
        "https://acme.my.s\u{430}lesforce.com",
        "https://127.0.0.1",
        "https://[::ffff:127.0.0.1]",
        "https://2130706433",
        "https://0x7f.1",
        "https://169.254.169.254",
        "https://[fd00:ec2::254]",
        "https://localhost.",
        "ftp://acme.my.salesforce.com",
        "file:///etc/passwd",
        "//acme.my.salesforce.com",
    ];

    /// Covers: instance-url-foreign
    #[test]
    fn no_evil_url_is_a_place_of_the_provider() {
        let long = format!("https://{}.my.salesforce.com", "a.".repeat(400));
        for evil in EVIL.into_iter().chain([long.as_str()]) {
            let is_taken = Url::parse(evil)
                .is_ok_and(|url| is_origin(&url) && is_allowed_host(&url, &[".salesforce.com"]));
            assert!(!is_taken, "{evil}");
        }
        let good = Url::parse("https://acme.my.salesforce.com/").unwrap();
        assert!(is_origin(&good) && is_allowed_host(&good, &[".salesforce.com"]));
    }

    #[test]
    fn an_address_that_no_provider_has_is_no_origin() {
        for url in [
            "https://169.254.169.254",
            "https://[::ffff:169.254.169.254]",
            "https://100.100.100.200",
            "https://0.0.0.0",
            "https://2852039166",
        ] {
            assert!(!is_origin(&Url::parse(url).unwrap()), "{url}");
        }
        for url in ["https://10.0.0.5", "https://127.0.0.1", "http://[::1]:80"] {
            assert!(is_origin(&Url::parse(url).unwrap()), "{url}");
        }
    }
}
