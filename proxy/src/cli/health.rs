//! `crosswalk health`: what a container's health check runs, where there is no shell and no curl to ask with.

use std::time::Duration;

use crosswalk::{
    config::{DEFAULT_FILE, Listening},
    route::Api,
};
use http::{HeaderValue, Method, StatusCode, header::HOST};
use url::Url;

use super::{
    Failure, ServeArguments,
    client::{
        Answer, Call, DEFAULT_URL, parsed,
        wire::{self, LOCALHOST, url_of, url_of_socket},
    },
    runtime, say,
};

/// Whoever is well answers within milliseconds; health checks have limits of their own that are longer.
const LONGEST: Duration = Duration::from_secs(3);

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    serve: ServeArguments,
    /// Ask whether it takes calls, which it does not while it drains.
    #[arg(long)]
    ready: bool,
    #[arg(
        long,
        value_name = "URL",
        value_parser = wire::place,
        env = "CROSSWALK_URL",
        hide_env_values = true,
        help = "Where to ask, as in http://127.0.0.1:4043 or unix:/run/crosswalk.sock. Unset: where the configuration has it listen; without one, port 4040 of this machine"
    )]
    url: Option<Url>,
}

/// Health checks know 0 and 1; Docker keeps 2 for itself. So every failure is a 1, and one line.
pub(super) fn run(api: &Api, arguments: Arguments) -> Result<(), Failure> {
    let path = if arguments.ready { "readyz" } else { "livez" };
    let is_given = arguments.url.is_some();
    let url = match arguments.url {
        Some(url) => url,
        None => configured(api, &arguments.serve).map_err(|reason| unwell(&reason))?,
    };
    let mut call = Call::new(Method::GET, &[path]);
    call.patience = LONGEST;
    if !is_given {
        // It may listen at an address that is none of its names.
        let name = HeaderValue::from_static(LOCALHOST);
        call.headers.insert(HOST, name);
    }
    let answer = runtime()?
        .block_on(wire::send(&url, call))
        .map_err(|failure| unwell(&failure.to_string()))?;
    let place = format!("{}/{path}", url.as_str().trim_end_matches('/'));
    match judge(&answer) {
        Ok(()) => say(&format!("ok: {place}")),
        Err(reason) => Err(unwell(&format!("{place}: {reason}"))),
    }
}

fn unwell(text: &str) -> Failure {
    Failure::Call(text.lines().next().unwrap_or_default().to_owned())
}

/// Where those who watch are answered, or callers, where that is the same door.
fn configured(api: &Api, arguments: &ServeArguments) -> Result<Url, String> {
    let layers = arguments.layers();
    let listening = match layers.listening(api) {
        Ok(listening) => listening,
        // Nobody has said anything, so it is the demo that is meant, or a proxy with flags alone.
        Err(_) if layers.path().as_os_str() == DEFAULT_FILE && !layers.path().exists() => {
            return Ok(parsed(DEFAULT_URL));
        }
        Err(error) => return Err(error.to_string()),
    };
    place(&listening).ok_or_else(|| {
        "the port is chosen when the proxy starts, so it is not known here; name it with --url"
            .to_owned()
    })
}

fn place(listening: &Listening) -> Option<Url> {
    match (&listening.listen_unix, listening.admin_listen) {
        (_, Some(admin)) => url_of(admin),
        (Some(socket), None) => url_of_socket(&socket.path),
        (None, None) => url_of(listening.listen),
    }
}

fn judge(answer: &Answer) -> Result<(), String> {
    let body = answer.value();
    match (answer.status, body["status"].as_str()) {
        (StatusCode::OK, Some("ok")) => Ok(()),
        (_, Some("draining")) => Err(
            "the proxy is draining: it ends, answers what it has begun and takes no new calls"
                .to_owned(),
        ),
        (status, _) => match body["message"].as_str() {
            Some(message) => Err(format!("answered {status}: {message}")),
            None => Err(format!(
                "answered {status} and not as Crosswalk does; something else listens there"
            )),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, body: &'static str) -> Answer {
        Answer {
            status: StatusCode::from_u16(status).unwrap(),
            headers: http::HeaderMap::new(),
            body: body.into(),
            took: Duration::ZERO,
        }
    }

    #[test]
    fn only_the_proxy_s_own_yes_is_one() {
        assert_eq!(judge(&answer(200, r#"{"status":"ok"}"#)), Ok(()));
        for (status, body, words) in [
            (503, r#"{"status":"draining"}"#, "is draining"),
            (200, "<html>", "something else listens"),
            (200, "{}", "something else listens"),
            (404, "", "answered 404 Not Found and not as"),
            (
                403,
                r#"{"message":"the host is none of ours"}"#,
                "the host is none of ours",
            ),
        ] {
            let reason = judge(&answer(status, body)).unwrap_err();
            assert!(reason.contains(words), "{reason}");
            assert_eq!(reason.lines().count(), 1);
        }
    }

    #[test]
    fn the_admin_port_goes_before_the_api_s() {
        let socket = Some(crosswalk::config::UnixSocket {
            path: "/run/crosswalk.sock".into(),
            mode: 0o660,
        });
        let of = |listen: &str, listen_unix, admin: Option<&str>| {
            let listening = Listening {
                listen: listen.parse().unwrap(),
                listen_unix,
                admin_listen: admin.map(|admin| admin.parse().unwrap()),
            };
            place(&listening).map(String::from)
        };
        let is = |url: &str| Some(url.to_owned());
        assert_eq!(
            of("0.0.0.0:4040", None, Some("0.0.0.0:4043")),
            is("http://127.0.0.1:4043/")
        );
        assert_eq!(of("[::]:4040", None, None), is("http://[::1]:4040/"));
        assert_eq!(
            of("127.0.0.1:4040", socket, None),
            is("unix:/run/crosswalk.sock")
        );
        assert_eq!(of("127.0.0.1:0", None, None), None);
    }
}
