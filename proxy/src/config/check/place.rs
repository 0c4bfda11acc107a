//! Where credentials may be sent.

use url::{Host, Url};

/// Whether a URL says scheme, host and port and nothing else, and is safe to send a credential to.
pub(crate) fn is_origin(url: &Url) -> bool {
    let bare = url.username().is_empty()
        && url.password().is_none()
        && url.query().is_none()
        && url.fragment().is_none()
        && matches!(url.path(), "" | "/")
        && url.host_str().is_some_and(|host| !host.is_empty());
    bare && (url.scheme() == "https" || (url.scheme() == "http" && is_loopback(url)))
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
        && matches!(url.host(), Some(Host::Domain(name)) if allowed.iter().any(|end| name.ends_with(end)))
}

/// The same path at another place.
pub(crate) fn with_origin(url: &Url, origin: &Url) -> Url {
    let mut moved = origin.clone();
    moved.set_path(url.path());
    moved
}
