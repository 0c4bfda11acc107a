//! The files that the page is made of. They are in the program, so that it works where nothing else can be reached.

use bytes::Bytes;
use http::{
    HeaderMap, HeaderName, HeaderValue, Response,
    header::{
        CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY,
        X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
    },
};
use http_body_util::Full;

/// Nothing but our own files, no script or style within a page, no frame around it.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
);
const OPENER_POLICY: HeaderName = HeaderName::from_static("cross-origin-opener-policy");
const RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");

/// A file of the page.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct File {
    path: &'static str,
    kind: &'static str,
    text: &'static str,
}

macro_rules! files {
    ($($path:literal $kind:literal $file:literal;)*) => {
        static FILES: &[File] = &[$(File { path: $path, kind: $kind, text: include_str!($file) }),*];
    };
}

files! {
    "/" "text/html; charset=utf-8" "index.html";
    "/explorer/explorer.css" "text/css; charset=utf-8" "explorer.css";
    "/explorer/icon.svg" "image/svg+xml" "icon.svg";
    "/explorer/app.js" "text/javascript; charset=utf-8" "app.js";
    "/explorer/dom.js" "text/javascript; charset=utf-8" "dom.js";
    "/explorer/server.js" "text/javascript; charset=utf-8" "server.js";
    "/explorer/contract.js" "text/javascript; charset=utf-8" "contract.js";
    "/explorer/origins.js" "text/javascript; charset=utf-8" "origins.js";
    "/explorer/tree.js" "text/javascript; charset=utf-8" "tree.js";
    "/explorer/try.js" "text/javascript; charset=utf-8" "try.js";
    "/explorer/exchange.js" "text/javascript; charset=utf-8" "exchange.js";
    "/explorer/live.js" "text/javascript; charset=utf-8" "live.js";
    "/explorer/connections.js" "text/javascript; charset=utf-8" "connections.js";
    "/explorer/coverage.js" "text/javascript; charset=utf-8" "coverage.js";
}

pub(super) fn find(path: &str) -> Option<&'static File> {
    FILES.iter().find(|file| file.path == path)
}

impl File {
    pub(super) fn response(&self) -> Response<Full<Bytes>> {
        let mut response = Response::new(Full::from(self.text));
        guard(response.headers_mut(), HeaderValue::from_static(self.kind));
        response
    }
}

/// The headers of everything that the page loads.
pub(super) fn guard(headers: &mut HeaderMap, kind: HeaderValue) {
    headers.insert(CONTENT_TYPE, kind);
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(CONTENT_SECURITY_POLICY, POLICY);
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(OPENER_POLICY, HeaderValue::from_static("same-origin"));
    headers.insert(RESOURCE_POLICY, HeaderValue::from_static("same-origin"));
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the browser would refuse by the policy is not there in the first place.
    #[test]
    fn the_page_loads_its_own_files_alone() {
        for file in FILES {
            let mut rest = file.text;
            while let Some(at) = rest.find("://") {
                let before = &rest[..at];
                let word = before.rsplit(|c: char| !c.is_ascii_alphabetic()).next();
                let after = &rest[at..];
                let is_name = after.starts_with("://www.w3.org/");
                assert!(
                    is_name || !matches!(word, Some("http" | "https")),
                    "{}: {after:.60}",
                    file.path
                );
                rest = &rest[at + 3..];
            }
            for word in ["style=", "onclick", "innerHTML", "eval("] {
                assert!(!file.text.contains(word), "{}: {word}", file.path);
            }
        }
    }

    #[test]
    fn every_file_that_is_imported_is_there() {
        for file in FILES.iter().filter(|file| file.kind.contains("javascript")) {
            for line in file.text.lines().filter(|line| line.starts_with("import ")) {
                let name = line.split('"').nth(1).unwrap().trim_start_matches("./");
                assert!(find(&format!("/explorer/{name}")).is_some(), "{line}");
            }
        }
    }
}
