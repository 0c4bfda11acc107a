//! The URL of a PostgreSQL database, read so that nothing of this process's environment gets into it.
//!
//! sqlx's own reading takes what a URL lacks from `PGPASSWORD` and `~/.pgpass`: the operator's password would go to
//! whatever host a customer names. It also logs parameters that it does not know, with their values.

use std::time::Duration;

use percent_encoding::percent_decode_str;
use secrecy::{ExposeSecret, SecretString};
use sqlx::postgres::{PgConnectOptions, PgSslMode};
use url::Url;

use super::error::DestinationError;

/// How long a connection may take to be there, unless the URL says otherwise.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const LONGEST_CONNECT_TIMEOUT: u64 = 60;

pub(super) struct Address {
    pub(super) options: PgConnectOptions,
    pub(super) connect_timeout: Duration,
}

/// No error has any part of the URL in it but a parameter's name.
pub(super) fn read(url: &SecretString) -> Result<Address, DestinationError> {
    let expected = "url: expected postgres://user:password@host:5432/database";
    let url = Url::parse(url.expose_secret()).map_err(|_| wrong(expected))?;
    if !matches!(url.scheme(), "postgres" | "postgresql") {
        return Err(wrong(expected));
    }
    let mut parts = Parts {
        host: url.host_str().map(decoded).transpose()?,
        port: url.port(),
        user: some(decoded(url.username())?),
        password: url.password().map(decoded).transpose()?,
        database: some(decoded(url.path().trim_start_matches('/'))?),
    };
    let mut options = PgConnectOptions::new_without_pgpass()
        .application_name("crosswalk")
        .ssl_mode(PgSslMode::Prefer);
    let mut connect_timeout = CONNECT_TIMEOUT;
    for (name, value) in url.query_pairs() {
        match &*name {
            "host" => parts.host = Some(value.into_owned()),
            "port" => {
                let port = value.parse().map_err(|_| wrong("url: `port` is no port"))?;
                parts.port = Some(port);
            }
            "user" => parts.user = Some(value.into_owned()),
            "password" => parts.password = Some(value.into_owned()),
            "dbname" => parts.database = Some(value.into_owned()),
            "sslmode" => {
                let mode = value.parse().map_err(|_| {
                    wrong("url: `sslmode` is none of disable, allow, prefer, require, verify-ca, verify-full")
                })?;
                options = options.ssl_mode(mode);
            }
            "sslrootcert" => options = options.ssl_root_cert(&*value),
            "sslcert" => options = options.ssl_client_cert(&*value),
            "sslkey" => options = options.ssl_client_key(&*value),
            "application_name" => options = options.application_name(&value),
            "connect_timeout" => {
                let seconds: u64 = value
                    .parse()
                    .map_err(|_| wrong("url: `connect_timeout` is no number of seconds"))?;
                connect_timeout = Duration::from_secs(seconds.clamp(1, LONGEST_CONNECT_TIMEOUT));
            }
            // Hosts of databases put these into the URLs that they show; without them all is the same here.
            "channel_binding" | "gssencmode" | "keepalives" | "target_session_attrs" => {}
            name => {
                return Err(wrong(&format!(
                    "url: the parameter `{}` is not known here",
                    name.chars().take(40).collect::<String>()
                )));
            }
        }
    }
    let user = parts.user.ok_or_else(|| wrong("url: it has no user"))?;
    options = match parts.host {
        Some(folder) if folder.starts_with('/') => options.socket(folder),
        Some(host) if !host.is_empty() => options.host(&host),
        _ => return Err(wrong("url: it has no host")),
    };
    options = options
        .port(parts.port.unwrap_or(5432))
        .database(parts.database.as_deref().unwrap_or(&user))
        // Without one an empty one, or it would be taken from the environment.
        .password(parts.password.as_deref().unwrap_or_default())
        .username(&user);
    Ok(Address {
        options,
        connect_timeout,
    })
}

/// What the URL says in either of two places.
struct Parts {
    host: Option<String>,
    port: Option<u16>,
    user: Option<String>,
    password: Option<String>,
    database: Option<String>,
}

fn decoded(text: &str) -> Result<String, DestinationError> {
    let text = percent_decode_str(text).decode_utf8();
    Ok(text
        .map_err(|_| wrong("url: it is not UTF-8"))?
        .into_owned())
}

fn some(text: String) -> Option<String> {
    (!text.is_empty()).then_some(text)
}

fn wrong(reason: &str) -> DestinationError {
    DestinationError::Settings {
        reason: reason.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(url: &str) -> String {
        match read(&url.into()) {
            Err(error) => error.to_string(),
            Ok(_) => panic!("{url} is accepted"),
        }
    }

    #[test]
    fn parts_may_be_in_either_place() {
        for url in [
            "postgres://ann:p%40ss@db.example:5433/crm?sslmode=require&channel_binding=require",
            "postgresql:///?host=db.example&port=5433&user=ann&password=p%40ss&dbname=crm&connect_timeout=3",
        ] {
            let options = read(&url.into())
                .unwrap_or_else(|error| panic!("{url}: {error}"))
                .options;
            assert_eq!(
                (
                    options.get_host(),
                    options.get_port(),
                    options.get_username(),
                    options.get_database()
                ),
                ("db.example", 5433, "ann", Some("crm"))
            );
        }
    }

    #[test]
    fn a_wrong_url_is_told_without_its_password() {
        for url in [
            "postgres://ann:canary@host:99999/db",
            "mysql://ann:canary@host/db",
            "ann:canary@host",
            "postgres://:canary@host/db",
            "postgres://ann:canary@/db",
            "postgres://ann:canary@host/db?sslmode=canary",
            "postgres://ann:canary@host/db?port=canary",
        ] {
            assert!(!refusal(url).contains("canary"), "{url}");
        }
        let unknown = refusal("postgres://ann:x@host/db?sslmod=canary");
        assert!(
            unknown.contains("`sslmod`") && !unknown.contains("canary"),
            "{unknown}"
        );
    }
}
