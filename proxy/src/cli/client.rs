//! A running proxy, as the commands that call it have it: where it is, who calls, and what its refusals mean.
//!
//! What stands on the command line goes before the environment, and that before the configuration. A key of the
//! configuration is for the proxy of the configuration: it is never sent to another address.

use std::{
    fmt::{Display, Write as _},
    path::{Path, PathBuf},
    time::Duration,
};

use bytes::Bytes;
use crosswalk::{
    config::{self, Config},
    route::Api,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use url::Url;

use super::Failure;

pub(super) mod wire;

use wire::{url_of, url_of_socket};

/// One call, unless a command says otherwise.
const LONGEST: Duration = Duration::from_secs(30);
pub(super) const DEFAULT_URL: &str = "http://127.0.0.1:4040";
/// Where the demo has the port of those who watch, when it has the default address, and the key of its caller. No other
/// key is sent there unless somebody says so.
const DEMO_ADMIN_URL: &str = "http://127.0.0.1:4043";
const DEMO_KEY: &str = "demo";
const DEFAULT_CONFIG: &str = "crosswalk.yaml";

/// Where the proxy is, and who calls.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "The running proxy")]
pub(super) struct Access {
    #[arg(
        long,
        value_name = "URL",
        value_parser = wire::place,
        env = "CROSSWALK_URL",
        hide_env_values = true,
        global = true,
        help = "Where the proxy is, as in http://127.0.0.1:4040 or unix:/run/crosswalk.sock. Unset: where the configuration has it listen; without one, port 4040 of this machine"
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
        let configured = config.as_ref().and_then(address_of);
        let url = match (&self.url, &configured) {
            (Some(given), _) => given.clone(),
            (None, Some(configured)) => configured.clone(),
            (None, None) => parsed(DEFAULT_URL),
        };
        let is_configured = configured
            .as_ref()
            .is_some_and(|it| wire::is_same(it, &url));
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

pub(super) fn parsed(url: &'static str) -> Url {
    Url::parse(url).expect("a URL of our own")
}

fn address_of(config: &Config) -> Option<Url> {
    match &config.listen_unix {
        Some(socket) => url_of_socket(&socket.path),
        None => url_of(config.listen),
    }
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
        wire::send(to, call).await
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
                let between = if place.is_empty() { "" } else { ": " };
                let _ = write!(told, "\n  {place}{between}{message}");
            }
        }
        // Where the provider has refused, it is not the key that is wrong.
        let is_own = !body["provider"].is_object();
        if let Some(help) = self.help(answer.status, &told).filter(|_| is_own) {
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
            StatusCode::UNAUTHORIZED if !told.contains("is dead") => Some(
                "the key comes from --api-key, CROSSWALK_API_KEY or `api_keys` of the configuration; `crosswalk keys create` makes one",
            ),
            StatusCode::NOT_FOUND if told.contains("x-connection-id") => {
                Some("`crosswalk connections list` shows the connections that there are")
            }
            _ => None,
        }
    }
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
    fn a_provider_s_refusal_is_not_blamed_on_the_api_key() {
        let refused = |body: Value| {
            let answer = Answer {
                status: StatusCode::UNAUTHORIZED,
                headers: HeaderMap::new(),
                body: body.to_string().into(),
                took: Duration::ZERO,
            };
            Proxy::at(parsed(DEFAULT_URL), "k")
                .refused(&answer)
                .to_string()
        };
        let issues = serde_json::json!([{ "path": "", "message": "one" }, { "path": "body.b", "message": "two" }]);
        let of_the_key = serde_json::json!({ "message": "no such key", "issues": issues });
        let told = refused(of_the_key.clone());
        assert!(
            told.starts_with("no such key\n  one\n  body.b: two\nhelp: the key comes from"),
            "{told}"
        );
        let mut of_the_provider = of_the_key;
        of_the_provider["provider"] = serde_json::json!({ "name": "hubspot", "status": 401 });
        assert_eq!(
            refused(of_the_provider),
            "no such key\n  one\n  body.b: two"
        );
    }

    #[test]
    fn a_socket_of_the_configuration_is_its_own_proxy() {
        let api = crosswalk::generated::API;
        let file = tempfile::NamedTempFile::new().unwrap();
        let text = "listen: unix:/run/crosswalk.sock\napi_keys: [from-file]\nstore: none\n";
        std::fs::write(file.path(), text).unwrap();
        for url in [None, Some("unix:///run/crosswalk.sock")] {
            let proxy = access(url, None, file.path()).proxy(&api).unwrap();
            assert_eq!(
                wire::socket_of(&proxy.url),
                Some("/run/crosswalk.sock".into())
            );
            assert_eq!(key(&proxy), Some("from-file"));
        }
        let other = access(Some("unix:/run/other.sock"), None, file.path());
        assert_eq!(key(&other.proxy(&api).unwrap()), None);
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
