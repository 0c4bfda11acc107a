//! Sends one event to one URL, signed by the Standard Webhooks scheme.
//!
//! Where a URL leads is checked when it is connected to, since a name can be made to lead elsewhere; redirects are not
//! followed. Neither the URL nor what a receiver answers is ever logged: both may hold secrets of the receiver's.

use std::time::Duration;

use bytes::Bytes;
use http::{
    HeaderMap, Request, StatusCode, Uri,
    header::{CONTENT_TYPE, RETRY_AFTER, USER_AGENT},
};
use http_body_util::Full;
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use standardwebhooks::{
    HEADER_WEBHOOK_ID, HEADER_WEBHOOK_SIGNATURE, HEADER_WEBHOOK_TIMESTAMP, Webhook as Signer,
};
use tokio::time::Instant;
use url::{Host, Url};

use crate::{
    config::{Limits, is_loopback},
    store::{Event, rfc3339},
    upstream::{Trust, client::Client, reach::Reach},
};

/// The whole of one attempt. Receivers are told to answer at once and to work afterwards.
pub(super) const ATTEMPT: Duration = Duration::from_secs(10);
/// Longer URLs are refused by many servers.
const LONGEST_URL: usize = 2048;
const AGENT: &str = concat!("crosswalk/", env!("CARGO_PKG_VERSION"));

/// The ways to receivers: one for each reach that a URL may have.
#[derive(Debug)]
pub struct Sender {
    private: bool,
    loopback: Client,
    inside: Client,
    outside: Client,
}

/// What came of sending.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Sent {
    /// None where no answer came.
    pub(super) status: Option<StatusCode>,
    /// Why it does not count as delivered; none where it does.
    pub(super) error: Option<String>,
    /// How long the receiver asked to be left alone.
    pub(super) retry_after: Option<Duration>,
}

impl Sender {
    /// With `private`, webhooks may lead into private networks.
    pub fn new(limits: &Limits, trust: &Trust, private: bool) -> Self {
        let client = |reach| Client::new(limits, trust, reach);
        Self {
            private,
            loopback: client(Reach::Loopback),
            inside: client(Reach::Inside),
            outside: client(outside(private)),
        }
    }

    /// Checks a URL as far as it can be without asking where its name leads. The answer says what is wrong.
    pub(super) fn check(&self, text: &str) -> Result<Url, String> {
        if text.len() > LONGEST_URL {
            return Err(format!(
                "expected at most {LONGEST_URL} characters, found more"
            ));
        }
        let url = Url::parse(text).map_err(|error| format!("expected a URL: {error}"))?;
        let is_plain = url.scheme() == "http";
        if url.scheme() != "https" && !is_plain {
            return Err(format!("expected https://, found {}://", url.scheme()));
        }
        if is_plain && !self.private && !is_loopback(&url) {
            return Err("expected https://, found http:// to another machine than this".to_owned());
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err("expected a URL without a user and a password".to_owned());
        }
        if url.fragment().is_some() {
            return Err("expected a URL without a fragment (`#`)".to_owned());
        }
        if url.port() == Some(0) {
            return Err("expected a port from 1 to 65535, found 0".to_owned());
        }
        if !self.may_reach(&url) {
            return Err(
                "expected an address of the internet, found one of a private network or a reserved one; `webhooks: { allow_private: true }` in the configuration allows private networks"
                    .to_owned(),
            );
        }
        Ok(url)
    }

    /// An address in the place of a name is not resolved, so it is checked here.
    fn may_reach(&self, url: &Url) -> bool {
        let (reach, _) = self.way(url);
        match url.host() {
            Some(Host::Ipv4(address)) => reach.allows(address.into()),
            Some(Host::Ipv6(address)) => reach.allows(address.into()),
            Some(Host::Domain(name)) => !name.is_empty(),
            None => false,
        }
    }

    fn way(&self, url: &Url) -> (Reach, &Client) {
        if is_loopback(url) {
            (Reach::Loopback, &self.loopback)
        } else if url.scheme() == "http" {
            // Without TLS nothing leaves the networks of one's own.
            (Reach::Inside, &self.inside)
        } else {
            (outside(self.private), &self.outside)
        }
    }

    /// Posts an event. The URL was checked when the webhook was made, and is checked again: the configuration may have
    /// become stricter.
    pub(super) async fn send(&self, url: &str, secret: &SecretString, event: &Event) -> Sent {
        let checked = self.check(url).and_then(|url| {
            let request = request(&url, secret, event)?;
            Ok((url, request))
        });
        let (url, request) = match checked {
            Ok(checked) => checked,
            Err(error) => return Sent::failed(error),
        };
        let (_, client) = self.way(&url);
        match client
            .send_for_head(request, Instant::now() + ATTEMPT)
            .await
        {
            Ok((status, headers)) => Sent::answered(status, &headers),
            Err(failure) => Sent::failed(failure.to_string()),
        }
    }
}

impl Sent {
    fn failed(error: String) -> Self {
        Self {
            status: None,
            error: Some(error),
            retry_after: None,
        }
    }

    fn answered(status: StatusCode, headers: &HeaderMap) -> Self {
        let error = if status.is_success() {
            None
        } else if status.is_redirection() {
            Some("the receiver answered with a redirect, which is not followed".to_owned())
        } else {
            Some(format!("the receiver answered {}", status.as_u16()))
        };
        let retry_after = headers
            .get(RETRY_AFTER)
            .and_then(|value| value.to_str().ok()?.trim().parse().ok())
            .map(Duration::from_secs);
        Self {
            status: Some(status),
            error,
            retry_after,
        }
    }
}

fn outside(private: bool) -> Reach {
    if private {
        Reach::PublicOrPrivate
    } else {
        Reach::Public
    }
}

/// What is posted: the same with every attempt but for the time and the signature, which is over the time as well.
fn request(
    url: &Url,
    secret: &SecretString,
    event: &Event,
) -> Result<Request<Full<Bytes>>, String> {
    let body = payload(event);
    let now = jiff::Timestamp::now().as_second();
    let signature = Signer::new(secret.expose_secret())
        .and_then(|signer| signer.sign(&event.id, now, &body))
        .map_err(|error| format!("the event cannot be signed: {error}"))?;
    // What is URL and no URI is rare, and is said rather than sent in another form.
    let uri: Uri = url
        .as_str()
        .parse()
        .map_err(|error| format!("the URL cannot be called: {error}"))?;
    Request::post(uri)
        .header(CONTENT_TYPE, "application/json")
        .header(USER_AGENT, AGENT)
        .header(HEADER_WEBHOOK_ID, &event.id)
        .header(HEADER_WEBHOOK_TIMESTAMP, now)
        .header(HEADER_WEBHOOK_SIGNATURE, signature)
        .body(Full::from(body))
        .map_err(|error| format!("the request cannot be made: {error}"))
}

fn payload(event: &Event) -> Vec<u8> {
    #[derive(Serialize)]
    struct Payload<'a> {
        name: &'a str,
        id: &'a str,
        timestamp: String,
        customer_id: Option<&'a str>,
        data: Option<&'a serde_json::Value>,
    }
    serde_json::to_vec(&Payload {
        name: &event.name,
        id: &event.id,
        timestamp: rfc3339(event.created_at),
        customer_id: event.customer_id.as_deref(),
        data: event.data.as_ref(),
    })
    .expect("JSON of the store is written as it was read")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::config::Roots;

    fn sender(private: bool) -> Sender {
        let trust = Trust::new(Roots::Bundled).unwrap();
        Sender::new(&Limits::default(), &trust, private)
    }

    /// Covers: private-addresses
    #[test]
    fn a_webhook_leads_to_the_internet_or_to_this_machine() {
        let sender = sender(false);
        for good in [
            "https://example.com/hooks?a=b",
            "https://example.com:8443",
            "http://localhost:8080/hook",
            "http://127.0.0.1:9/x",
            "https://[::1]/x",
        ] {
            assert!(sender.check(good).is_ok(), "{good}");
        }
        for (bad, words) in [
            ("", "expected a URL"),
            ("/hook", "expected a URL"),
            ("ftp://example.com", "expected https"),
            ("file:///etc/passwd", "expected https"),
            ("http://example.com/hook", "http:// to another machine"),
            ("http://10.0.0.1/", "http:// to another machine"),
            ("https://user:pw@example.com/", "without a user"),
            ("https://example.com/#part", "fragment"),
            ("https://10.0.0.1/", "private network"),
            ("https://169.254.169.254/latest", "private network"),
            // The same address in other writing.
            ("https://0xa9fea9fe/", "private network"),
            ("https://[::ffff:10.0.0.1]/", "private network"),
            ("https://[fd00:ec2::254]/", "private network"),
            ("https://0/", "private network"),
        ] {
            let error = sender.check(bad).unwrap_err();
            assert!(error.contains(words), "{bad}: {error}");
        }
        let long = format!("https://example.com/{}", "a".repeat(LONGEST_URL));
        assert!(sender.check(&long).is_err());
    }

    /// Covers: private-addresses
    #[test]
    fn private_networks_are_allowed_by_the_configuration_and_metadata_never() {
        let sender = sender(true);
        for good in [
            "http://10.0.0.1/",
            "https://10.0.0.1/",
            "http://receiver.internal/",
        ] {
            assert!(sender.check(good).is_ok(), "{good}");
        }
        for bad in [
            "http://169.254.169.254/",
            "https://[fd00:ec2::254]/",
            "http://1.1.1.1/",
        ] {
            assert!(sender.check(bad).is_err(), "{bad}");
        }
    }

    #[tokio::test]
    async fn a_name_that_leads_to_this_machine_is_no_name_of_the_internet() {
        let event = Event {
            id: "evt_1".to_owned(),
            seq: 1,
            name: "sync.completed".to_owned(),
            data: Some(json!({})),
            customer_id: None,
            created_at: 0,
        };
        let secret = "whsec_c2VjcmV0".to_owned().into();
        // With a dot at its end it is another name with the same address.
        let sent = sender(false)
            .send("https://localhost./x", &secret, &event)
            .await;
        assert_eq!(sent.status, None);
        // What the resolver says of the name differs between machines; it never gets as far as TLS.
        let error = sent.error.unwrap();
        assert!(error.contains("no connection"), "{error}");
    }
}
