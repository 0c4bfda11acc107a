//! A running proxy, as the commands that call it have it: where it is, who calls, and what its refusals mean.
//!
//! What stands on the command line goes before the environment, and that before the configuration. A key of the
//! configuration is for the proxy of the configuration: it is never sent to another address.

use std::{
    fmt::{Display, Write as _},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use bytes::Bytes;
use crosswalk::{
    config::{self, Config},
    route::Api,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode, header::CONTENT_TYPE};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_rustls::HttpsConnectorBuilder;
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use tokio::time::timeout;
use url::Url;

use super::Failure;

/// One call, unless a command says otherwise.
const LONGEST: Duration = Duration::from_secs(30);
const MOST_BYTES: usize = 64 << 20;
const DEFAULT_URL: &str = "http://127.0.0.1:4040";
/// Where the demo has the port of those who watch, when it has the default address, and the key of its caller. No other
/// key is sent there unless somebody says so.
const DEMO_ADMIN_URL: &str = "http://127.0.0.1:4043";
const DEMO_KEY: &str = "demo";
const DEFAULT_CONFIG: &str = "crosswalk.yaml";

/// Where the proxy is, and who calls.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "The running proxy")]
pub(super) struct Access {
    /// Where the proxy is. Unset: where the configuration has it listen; without one, port 4040 of this machine.
    #[arg(
        long,
        value_name = "URL",
        env = "CROSSWALK_URL",
        hide_env_values = true,
        global = true
    )]
    url: Option<Url>,
    /// The API key. In the environment it is seen by fewer than on the command line. Unset: the first of `api_keys` in
    /// the configuration, when its proxy is the one that is called.
    #[arg(
        long,
        value_name = "KEY",
        env = "CROSSWALK_API_KEY",
        hide_env_values = true,
        global = true
    )]
    api_key: Option<String>,
    /// The configuration that address and key are taken from where they are not given. Unset: crosswalk.yaml, where
    /// there is one.
    #[arg(
        long,
        value_name = "FILE",
        env = "CROSSWALK_CONFIG",
        hide_env_values = true,
        global = true
    )]
    config: Option<PathBuf>,
}

impl Access {
    /// The proxy that is meant. A configuration that was named must be readable unless address and key are given; one
    /// that just lies there need not.
    pub(super) fn proxy(self, api: &Api) -> Result<Proxy, Failure> {
        let config = match &self.config {
            Some(path) => match config::read(path, api) {
                Ok(config) => Some(config),
                // All that is needed is known without it.
                Err(_) if self.url.is_some() && self.api_key.is_some() => None,
                Err(error) => return Err(error.into()),
            },
            None => Some(Path::new(DEFAULT_CONFIG))
                .filter(|path| path.exists())
                .and_then(|path| config::read(path, api).ok()),
        };
        if let (None, Some(socket)) = (
            &self.url,
            config.as_ref().and_then(|it| it.listen_unix.as_ref()),
        ) {
            return Err(Failure::Usage(format!(
                "the proxy of this configuration listens on the socket {}, and this command reaches proxies by TCP alone; use `curl --unix-socket`, or name another proxy with --url",
                socket.path.display()
            )));
        }
        let configured = config.as_ref().and_then(address_of);
        let url = match (&self.url, &configured) {
            (Some(given), _) => given.clone(),
            (None, Some(configured)) => configured.clone(),
            (None, None) => parsed(DEFAULT_URL),
        };
        let is_configured = configured
            .as_ref()
            .is_some_and(|it| it.origin() == url.origin());
        let own = config.filter(|_| is_configured);
        let admin = match &own {
            Some(config) => config.admin_listen.and_then(url_of),
            None if is_demo(&url, self.api_key.as_deref()) => Some(parsed(DEMO_ADMIN_URL)),
            None => None,
        };
        let api_key = self.api_key.filter(|key| !key.is_empty());
        let api_key = api_key.map(SecretString::from);
        let key_of_config = own
            .as_ref()
            .and_then(|config| config.api_keys.first().cloned());
        Ok(Proxy {
            url,
            api_key: api_key.or(key_of_config),
            admin,
            config: own,
        })
    }
}

fn is_demo(url: &Url, key: Option<&str>) -> bool {
    url.origin() == parsed(DEFAULT_URL).origin() && key == Some(DEMO_KEY)
}

fn parsed(url: &'static str) -> Url {
    Url::parse(url).expect("a URL of our own")
}

fn address_of(config: &Config) -> Option<Url> {
    url_of(config.listen)
}

/// Where something that listens is reached from this machine; none where the port is not known before it listens.
fn url_of(mut listen: std::net::SocketAddr) -> Option<Url> {
    if listen.port() == 0 {
        return None;
    }
    if listen.ip().is_unspecified() {
        listen.set_ip(match listen {
            std::net::SocketAddr::V4(_) => std::net::Ipv4Addr::LOCALHOST.into(),
            std::net::SocketAddr::V6(_) => std::net::Ipv6Addr::LOCALHOST.into(),
        });
    }
    Url::parse(&format!("http://{listen}")).ok()
}

/// A proxy that is called.
#[derive(Debug)]
pub(super) struct Proxy {
    pub(super) url: Url,
    api_key: Option<SecretString>,
    /// Where those who watch are answered, as far as that is known.
    pub(super) admin: Option<Url>,
    /// The configuration that this proxy runs with, as far as that is known.
    pub(super) config: Option<Config>,
}

/// What is called for.
#[derive(Debug, Clone)]
pub(super) struct Call {
    pub(super) method: Method,
    /// Segments of the path, not encoded.
    pub(super) path: Vec<String>,
    pub(super) query: Vec<(String, String)>,
    pub(super) headers: HeaderMap,
    pub(super) body: Option<Bytes>,
    /// How long an answer is waited for.
    pub(super) patience: Duration,
}

impl Call {
    pub(super) fn new(method: Method, path: &[&str]) -> Self {
        Self {
            method,
            path: path.iter().map(|&segment| segment.to_owned()).collect(),
            query: Vec::new(),
            headers: HeaderMap::new(),
            body: None,
            patience: LONGEST,
        }
    }

    pub(super) fn query(mut self, name: &str, value: impl Display) -> Self {
        self.query.push((name.to_owned(), value.to_string()));
        self
    }

    /// One more header, in the place of one of the same name.
    pub(super) fn put(&mut self, name: &str, value: &str) -> Result<(), Failure> {
        let wrong = || Failure::Usage(format!("{name} has a character that no header can have"));
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| wrong())?;
        let value = HeaderValue::from_str(value).map_err(|_| wrong())?;
        self.headers.insert(name, value);
        Ok(())
    }

    pub(super) fn json(mut self, body: &Value) -> Self {
        self.body = Some(body.to_string().into());
        self
    }
}

/// What came back, read to its end.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    pub(super) took: Duration,
}

impl Answer {
    pub(super) fn request_id(&self) -> Option<&str> {
        self.headers.get("x-request-id")?.to_str().ok()
    }

    /// The body as JSON; null where it is none.
    pub(super) fn value(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

impl Proxy {
    #[cfg(test)]
    pub(super) fn at(url: Url, key: &str) -> Self {
        Self {
            url,
            api_key: Some(SecretString::from(key)),
            admin: None,
            config: None,
        }
    }

    /// The same proxy for callers that bring keys of their own.
    pub(super) fn without_key(self) -> Self {
        Self {
            api_key: None,
            ..self
        }
    }

    pub(super) fn has_key(&self) -> bool {
        self.api_key.is_some()
    }

    /// Makes a call with the key, whatever comes back.
    pub(super) async fn send(&self, call: Call) -> Result<Answer, Failure> {
        self.send_to(&self.url, call).await
    }

    /// The same to the port of those who watch.
    pub(super) async fn send_to(&self, to: &Url, call: Call) -> Result<Answer, Failure> {
        let mut call = call;
        if let Some(key) = &self.api_key {
            let mut value = HeaderValue::from_str(key.expose_secret()).map_err(|_| {
                Failure::Usage("the API key has a character that no header can have".to_owned())
            })?;
            value.set_sensitive(true);
            call.headers.insert("x-apikey", value);
        }
        send(to, call).await
    }

    /// Makes a call that must succeed; its JSON.
    pub(super) async fn ask(&self, call: Call) -> Result<Value, Failure> {
        let answer = self.send(call).await?;
        if !answer.status.is_success() {
            return Err(self.refused(&answer));
        }
        serde_json::from_slice(&answer.body).map_err(|_| {
            Failure::Unavailable(format!(
                "{}: expected JSON, found something else with status {}; is it Crosswalk that listens there?",
                self.url, answer.status
            ))
        })
    }

    /// What a refusal says, and what can be done about it.
    pub(super) fn refused(&self, answer: &Answer) -> Failure {
        let body = answer.value();
        let mut told = match body["message"].as_str() {
            Some(message) => message.to_owned(),
            None => format!("{} answers {} without a reason", self.url, answer.status),
        };
        for issue in body["issues"].as_array().into_iter().flatten() {
            let message = issue["message"].as_str().unwrap_or_default();
            let place = issue["path"].as_str().unwrap_or_default();
            if !told.contains(message) {
                let _ = write!(told, "\n  {place}: {message}");
            }
        }
        if let Some(help) = self.help(answer.status, &told) {
            let _ = write!(told, "\nhelp: {help}");
        }
        match answer.status.as_u16() {
            429 | 500.. => Failure::Unavailable(told),
            _ => Failure::Refused(told),
        }
    }

    fn help(&self, status: StatusCode, told: &str) -> Option<&'static str> {
        match status {
            StatusCode::UNAUTHORIZED if self.api_key.is_none() => Some(
                "no API key was sent; give one with --api-key or CROSSWALK_API_KEY (the demo's is `demo`), or name the proxy's configuration with --config",
            ),
            StatusCode::UNAUTHORIZED if !told.contains("connect again") => Some(
                "the key comes from --api-key, CROSSWALK_API_KEY or `api_keys` of the configuration; `crosswalk keys create` makes one",
            ),
            StatusCode::NOT_FOUND if told.contains("x-connection-id") => {
                Some("`crosswalk connections list` shows the connections that there are")
            }
            _ => None,
        }
    }
}

/// Makes a call to whatever listens at a URL.
async fn send(to: &Url, call: Call) -> Result<Answer, Failure> {
    let unreachable = |reason: String| Failure::Unreachable(format!("{to}: {reason}"));
    let mut url = to.clone();
    url.path_segments_mut()
        .map_err(|()| Failure::Usage(format!("{to}: expected http://host:port")))?
        .pop_if_empty()
        .extend(&call.path);
    if !call.query.is_empty() {
        url.query_pairs_mut().extend_pairs(&call.query);
    }
    let mut request = Request::builder().method(call.method).uri(url.as_str());
    if let Some(headers) = request.headers_mut() {
        *headers = call.headers;
        if call.body.is_some() {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
    }
    let request = request
        .body(Full::<Bytes>::from(call.body.unwrap_or_default()))
        .map_err(|error| Failure::Usage(format!("{to}: {error}")))?;
    let connector = HttpsConnectorBuilder::new()
        .with_webpki_roots()
        .https_or_http()
        .enable_http1()
        .build();
    let client = Client::builder(TokioExecutor::new()).build(connector);
    let began = Instant::now();
    let answer = async {
        let response = client.request(request).await.map_err(|error| {
            unreachable(format!(
                "the proxy cannot be reached ({})\nhelp: `crosswalk serve` starts one, `crosswalk demo` one to try things with; --url or CROSSWALK_URL name another place",
                reason(&error)
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
    timeout(call.patience, answer).await.unwrap_or_else(|_| {
        Err(unreachable(format!(
            "no answer within {} s; is it Crosswalk that listens there?",
            call.patience.as_secs()
        )))
    })
}

/// The innermost cause: what is around it says no more than that there was one.
fn reason(error: &(dyn std::error::Error + 'static)) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn access(url: Option<&str>, key: Option<&str>, config: &Path) -> Access {
        Access {
            url: url.map(|url| Url::parse(url).unwrap()),
            api_key: key.map(str::to_owned),
            config: Some(config.to_owned()),
        }
    }

    fn key(proxy: &Proxy) -> Option<&str> {
        proxy.api_key.as_ref().map(ExposeSecret::expose_secret)
    }

    #[test]
    fn a_configuration_tells_address_and_key_of_its_own_proxy_alone() {
        let api = crosswalk::generated::API;
        let file = tempfile::NamedTempFile::new().unwrap();
        let text = "listen: 0.0.0.0:5050\nadmin_listen: 127.0.0.1:5051\napi_keys: [from-file]\nstore: none\n";
        std::fs::write(file.path(), text).unwrap();
        let proxy = access(None, None, file.path()).proxy(&api).unwrap();
        assert_eq!(proxy.url.as_str(), "http://127.0.0.1:5050/");
        assert_eq!(
            proxy.admin.as_ref().unwrap().as_str(),
            "http://127.0.0.1:5051/"
        );
        assert_eq!(key(&proxy), Some("from-file"));

        let given = access(None, Some("given"), file.path())
            .proxy(&api)
            .unwrap();
        assert_eq!(key(&given), Some("given"));

        let elsewhere = "https://crosswalk.example.com";
        let other = access(Some(elsewhere), None, file.path())
            .proxy(&api)
            .unwrap();
        assert_eq!(key(&other), None, "another address never gets it");
        assert_eq!(other.admin, None);
        assert!(other.config.is_none());
    }

    #[test]
    fn the_demo_s_admin_port_gets_the_demo_s_key_alone() {
        let api = crosswalk::generated::API;
        let proxy = |url: &str, key: &str| {
            let access = Access {
                url: Some(Url::parse(url).unwrap()),
                api_key: Some(key.to_owned()),
                config: None,
            };
            access.proxy(&api).unwrap().admin
        };
        assert!(proxy(DEFAULT_URL, DEMO_KEY).is_some());
        assert_eq!(proxy(DEFAULT_URL, "key_of_mine"), None);
        assert_eq!(proxy("http://127.0.0.1:5050", DEMO_KEY), None);
    }

    #[test]
    fn a_configuration_that_was_named_must_be_there() {
        let api = crosswalk::generated::API;
        let nowhere = Path::new("/nowhere/crosswalk.yaml");
        let failure = access(None, None, nowhere).proxy(&api).unwrap_err();
        assert!(matches!(failure, Failure::Config(_)));
        let needless = access(Some(DEFAULT_URL), Some("k"), nowhere);
        assert!(needless.proxy(&api).is_ok());
    }
}
