//! The way to a proxy: TCP, with TLS where its URL says so, or a socket that is a file, as in `unix:/run/crosswalk.sock`.

use std::{
    error::Error as StdError,
    ffi::OsString,
    io,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    os::unix::ffi::OsStringExt as _,
    path::{Path, PathBuf},
    time::Instant,
};

use bytes::Bytes;
use http::{
    HeaderValue, Request, Response,
    header::{CONTENT_TYPE, HOST},
};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::{body::Incoming, client::conn::http1};
use hyper_rustls::HttpsConnectorBuilder;
use hyper_util::{
    client::legacy::Client,
    rt::{TokioExecutor, TokioIo},
};
use percent_encoding::percent_decode_str;
use tokio::{net::UnixStream, time::timeout};
use url::Url;

use super::{Answer, Call};
use crate::cli::Failure;

const MOST_BYTES: usize = 64 << 20;
const SOCKET: &str = "unix";
/// The name that a proxy on this machine always answers to.
pub(in crate::cli) const LOCALHOST: &str = "localhost";

type Fault = Box<dyn StdError + Send + Sync>;

/// Reads where a proxy is. An error says what was expected.
pub(in crate::cli) fn place(text: &str) -> Result<Url, String> {
    let expected = || {
        "expected http://host:port, https://host:port, or a socket, as in unix:/run/crosswalk.sock"
            .to_owned()
    };
    let url = Url::parse(text).map_err(|_| expected())?;
    let is_place = match url.scheme() {
        "http" | "https" => url.has_host(),
        SOCKET => !url.has_host() && socket_of(&url).is_some_and(|path| path.file_name().is_some()),
        _ => false,
    };
    if is_place { Ok(url) } else { Err(expected()) }
}

/// Where something that listens is reached from this machine; none where the port is not known before it listens.
pub(in crate::cli) fn url_of(mut listen: SocketAddr) -> Option<Url> {
    if listen.port() == 0 {
        return None;
    }
    if listen.ip().is_unspecified() {
        listen.set_ip(match listen {
            SocketAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            SocketAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        });
    }
    Url::parse(&format!("http://{listen}")).ok()
}

/// The same of a socket that is a file.
pub(in crate::cli) fn url_of_socket(path: &Path) -> Option<Url> {
    let mut url = Url::parse("unix:/").ok()?;
    url.set_path(&path.to_str()?.replace('%', "%25"));
    Some(url)
}

/// The file of a URL that means a socket.
pub(in crate::cli) fn socket_of(url: &Url) -> Option<PathBuf> {
    let path = || OsString::from_vec(percent_decode_str(url.path()).collect()).into();
    (url.scheme() == SOCKET)
        .then(path)
        .filter(|path: &PathBuf| path.is_absolute())
}

/// Whether the same proxy listens at both.
pub(super) fn is_same(one: &Url, other: &Url) -> bool {
    match (socket_of(one), socket_of(other)) {
        (None, None) => one.origin() == other.origin(),
        (one, other) => one == other,
    }
}

/// Makes a call to whatever listens at a URL.
pub(in crate::cli) async fn send(to: &Url, call: Call) -> Result<Answer, Failure> {
    let unreachable = |reason: String| Failure::Unreachable(format!("{to}: {reason}"));
    let patience = call.patience;
    let request = request(to, call)?;
    let began = Instant::now();
    let answer = async {
        let response = match socket_of(to) {
            Some(path) => over_socket(&path, request).await,
            None => over_tcp(request).await,
        };
        let response = response.map_err(|error| {
            let reason = reason(&*error);
            unreachable(format!(
                "the proxy cannot be reached ({reason})\nhelp: {}",
                help(&*error)
            ))
        })?;
        let (head, body) = response.into_parts();
        let body = Limited::new(body, MOST_BYTES)
            .collect()
            .await
            .map_err(|error| unreachable(format!("the answer broke off: {error}")))?
            .to_bytes();
        Ok(Answer {
            status: head.status,
            headers: head.headers,
            body,
            took: began.elapsed(),
        })
    };
    timeout(patience, answer).await.unwrap_or_else(|_| {
        Err(unreachable(format!(
            "no answer within {} s; is it Crosswalk that listens there?",
            patience.as_secs()
        )))
    })
}

fn request(to: &Url, call: Call) -> Result<Request<Full<Bytes>>, Failure> {
    let wrong = |error: &dyn std::fmt::Display| Failure::Usage(format!("{to}: {error}"));
    let is_socket = socket_of(to).is_some();
    let mut url = if is_socket {
        Url::parse("http://localhost").map_err(|error| wrong(&error))?
    } else {
        to.clone()
    };
    url.path_segments_mut()
        .map_err(|()| wrong(&"expected http://host:port"))?
        .pop_if_empty()
        .extend(&call.path);
    if !call.query.is_empty() {
        url.query_pairs_mut().extend_pairs(&call.query);
    }
    // Who speaks over a connection of his own names the target alone, and the host in its header.
    let target = if is_socket {
        &url[url::Position::BeforePath..url::Position::AfterQuery]
    } else {
        url.as_str()
    };
    let mut request = Request::builder().method(call.method).uri(target);
    if let Some(headers) = request.headers_mut() {
        *headers = call.headers;
        if is_socket {
            headers.insert(HOST, HeaderValue::from_static(LOCALHOST));
        }
        if call.body.is_some() {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
    }
    request
        .body(Full::<Bytes>::from(call.body.unwrap_or_default()))
        .map_err(|error| wrong(&error))
}

async fn over_tcp(request: Request<Full<Bytes>>) -> Result<Response<Incoming>, Fault> {
    let connector = HttpsConnectorBuilder::new()
        .with_webpki_roots()
        .https_or_http()
        .enable_http1()
        .build();
    let client = Client::builder(TokioExecutor::new()).build(connector);
    Ok(client.request(request).await?)
}

async fn over_socket(
    path: &Path,
    request: Request<Full<Bytes>>,
) -> Result<Response<Incoming>, Fault> {
    let stream = UnixStream::connect(path).await?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    // What becomes of it is told to who waits for the answer.
    tokio::spawn(connection);
    Ok(sender.send_request(request).await?)
}

/// The innermost cause: what is around it says no more than that there was one.
fn innermost<'a>(error: &'a (dyn StdError + 'static)) -> &'a (dyn StdError + 'static) {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost
}

fn reason(error: &(dyn StdError + 'static)) -> String {
    innermost(error).to_string()
}

fn help(error: &(dyn StdError + 'static)) -> &'static str {
    let kind = innermost(error).downcast_ref::<io::Error>();
    match kind.map(io::Error::kind) {
        Some(io::ErrorKind::PermissionDenied) => {
            "a socket is for its owner and group, as `listen_mode` says; run this as one of them"
        }
        _ => {
            "`crosswalk serve` starts one, `crosswalk demo` one to try things with; --url or CROSSWALK_URL name another place"
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_an_address_or_a_socket() {
        for good in [
            "http://127.0.0.1:4040",
            "https://crosswalk.example.com/behind",
            "unix:/run/crosswalk.sock",
            "unix:///run/crosswalk.sock",
        ] {
            assert!(place(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "localhost:4040",
            "127.0.0.1:4040",
            "unix:",
            "unix:/",
            "unix:crosswalk.sock",
            "unix://run/crosswalk.sock",
            "ftp://127.0.0.1",
        ] {
            assert!(place(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_socket_s_path_stays_what_it_is() {
        for path in ["/run/crosswalk.sock", "/run/a b/50%25 off?/x#1.sock", "/é"] {
            let url = url_of_socket(Path::new(path)).unwrap();
            assert_eq!(socket_of(&url), Some(path.into()), "{url}");
            assert!(is_same(&url, &place(url.as_str()).unwrap()));
        }
        assert_eq!(
            url_of_socket(Path::new("/run/crosswalk.sock"))
                .unwrap()
                .as_str(),
            "unix:/run/crosswalk.sock"
        );
    }

    #[test]
    fn places_are_the_same_by_address_or_by_file() {
        let url = |text: &str| place(text).unwrap();
        let socket = url("unix:/run/crosswalk.sock");
        assert!(is_same(&socket, &url("unix:///run/crosswalk.sock")));
        assert!(!is_same(&socket, &url("unix:/run/other.sock")));
        assert!(!is_same(&socket, &url("http://127.0.0.1:4040")));
        assert!(is_same(
            &url("http://127.0.0.1:4040/"),
            &url("http://127.0.0.1:4040/x")
        ));
    }
}
