use http::Method;
use secrecy::ExposeSecret;

use super::*;
use crate::{
    error::{Code, Error},
    translate::{Context, Translator},
    upstream::provider::{
        Auth, BaseUrl, Details, Errors, NativeDoor, VersionFamily, VersionMatch, Versions,
    },
};

static FIXED: Provider = provider(
    "fixed",
    BaseUrl::Fixed("https://api.fixed.example"),
    None,
    &VersionMatch::OneOf(&["2026-03", "2026-09"]),
    "2026-09",
);
static HOSTED: Provider = provider(
    "hosted",
    BaseUrl::PerConnection {
        setting: "instance_url",
        allowed_hosts: &[".hosted.example"],
    },
    Some("https://login.hosted.example"),
    &VersionMatch::AtLeast("59.0"),
    "59.0",
);

const fn provider(
    name: &'static str,
    base_url: BaseUrl,
    login_url: Option<&'static str>,
    matches: &VersionMatch,
    default: &'static str,
) -> Provider {
    Provider {
        name,
        title: name,
        base_url,
        versions: Versions {
            default,
            retires: &[],
            families: match matches {
                VersionMatch::OneOf(_) => &[
                    VersionFamily {
                        matches: VersionMatch::OneOf(&["2026-03", "2026-09"]),
                        roots: &["/crm/objects/{version}"],
                    },
                    VersionFamily {
                        matches: VersionMatch::OneOf(&["v3"]),
                        roots: &["/crm/v3/objects"],
                    },
                ],
                VersionMatch::AtLeast(_) => &[VersionFamily {
                    matches: VersionMatch::AtLeast("59.0"),
                    roots: &["/services/data/v{version}"],
                }],
            },
        },
        auth: Auth {
            token_url: match login_url {
                Some(_) => "{login_url}/oauth2/token",
                None => "https://api.fixed.example/oauth/token",
            },
            login_url,
            lifetime_seconds: None,
            base_url_member: Some("instance_url"),
            revoked: &[],
            incurable: &[],
            authorize: None,
            logins: &[],
            revoke: None,
            granted: None,
        },
        check: None,
        scopes: &[],
        limits: &[],
        joins: &[],
        native_door: NativeDoor::PLAIN,
        errors: Errors {
            list: false,
            code: &[],
            message: "message",
            correlation_id: None,
            correlation_header: None,
            details: Details {
                list: None,
                message: None,
                code: None,
                fields: None,
                context: None,
            },
            named: &[],
            existing_id_after: None,
            partial: None,
            classify: &[],
        },
    }
}

static API: Api = Api {
    document: "{}",
    origins: "{}",
    routes: &[],
    entities: &[],
    providers: &[&FIXED, &HOSTED],
    capabilities: &[],
    records: &[],
    translator: none,
};

fn none(
    _: &'static str,
    _: Context,
    _: &crate::route::UnifiedRequest,
) -> Result<Box<dyn Translator>, Error> {
    Err(Error::new(Code::NotImplemented, Method::GET.as_str()))
}

fn read(text: &str) -> Result<Config, ConfigError> {
    parse("crosswalk.yaml", text, &API, &|name| match name {
        "KEY" => Some("from-environment".to_owned()),
        "EMPTY" => Some(String::new()),
        "LINES" => Some("a\r\nx-evil: 1".to_owned()),
        _ => None,
    })
}

fn mistakes(text: &str) -> String {
    read(text).expect_err("there are mistakes").to_string()
}

/// The only connection of a configuration with nothing else in it.
fn connection(fields: &str) -> Connection {
    read(&format!(
        "api_keys: [\"env:KEY\"]\nconnections:\n  c: {{ {fields} }}\n"
    ))
    .unwrap_or_else(|error| panic!("{error}"))
    .connections
    .remove(0)
}

fn connection_mistakes(fields: &str) -> String {
    mistakes(&format!(
        "api_keys: [\"env:KEY\"]\nconnections:\n  c: {{ {fields} }}\n"
    ))
}

#[test]
fn the_least_configuration_has_the_documented_defaults() {
    let config = read("api_keys: [\"env:KEY\"]\n").unwrap();
    assert_eq!(config.listen.to_string(), "127.0.0.1:4040");
    assert_eq!(config.api_keys[0].expose_secret(), "from-environment");
    assert_eq!(config.limits.request_body_bytes, 4 * 1024 * 1024);
    assert_eq!(config.limits.request_timeout, Duration::from_mins(1));
    assert!(config.connections.is_empty());
    assert!(config.warnings.is_empty());
}

#[test]
fn every_setting_is_read() {
    let config = read(
        r#"
listen: 127.0.0.1:0
admin_listen: 127.0.0.1:4043
api_keys: ["env:KEY", plain]
allowed_hosts: [Proxy.Internal]
allowed_origins: ["https://app.example"]
cursor_key: "env:KEY"
limits:
  request_body_bytes: 1 MiB
  response_body_bytes: 2048
  header_bytes: 16KiB
  headers: 50
  connections: 5
  calls_in_flight: 6
  native_calls_side_by_side: 2
  remembered_bytes: 1 MiB
  connections_in_memory: 7
  request_timeout: 10s
  body_timeout: 500ms
  idle_timeout: 2m
  native_timeout: 1h
  connect_timeout: 1s
  token_timeout: 2s
  idempotency_keep: 12h
  idempotency_lease: 4s
  idempotency_answer_bytes: 2 KiB
  recorded_calls: 0
  recorded_bytes: 1 MiB
  drain_timeout: 3s
  join_reads: false
log: { format: json, level: debug }
tls: { roots: bundled, http2: true }
"#,
    )
    .unwrap();
    assert_eq!(config.allowed_hosts, ["proxy.internal"]);
    assert_eq!(config.limits.request_body_bytes, 1024 * 1024);
    assert_eq!(config.limits.response_body_bytes, 2048);
    assert_eq!(config.limits.header_bytes, 16 * 1024);
    assert_eq!(config.limits.headers, 50);
    assert_eq!(config.limits.remembered_bytes, 1024 * 1024);
    assert_eq!(config.limits.connections_in_memory, 7);
    assert_eq!(config.admin_listen.unwrap().port(), 4043);
    assert_eq!(config.limits.body_timeout, Duration::from_millis(500));
    assert_eq!(config.limits.idle_timeout, Duration::from_mins(2));
    assert_eq!(config.limits.native_timeout, Duration::from_hours(1));
    assert!(!config.limits.join_reads);
    assert_eq!(config.limits.recorded_calls, 0);
    assert_eq!(config.limits.recorded_bytes, 1024 * 1024);
    assert_eq!(config.limits.idempotency_keep, Duration::from_hours(12));
    assert_eq!(config.limits.idempotency_lease, Duration::from_secs(4));
    assert_eq!(config.limits.idempotency_answer_bytes, 2 * 1024);
    assert_eq!(config.log.format, Some(LogFormat::Json));
    assert_eq!(config.log.level, Level::Debug);
    assert_eq!(config.tls.roots, Roots::Bundled);
    assert!(config.tls.http2);
    assert_eq!(
        config.warnings,
        [
            "api_keys[1]: the secret stands in the configuration file; write env:NAME or file:/path instead"
        ]
    );
}

/// Covers: config-broken
#[test]
fn the_admin_port_is_off_unless_told_and_another_than_the_apis() {
    let config = |text: &str| read(&format!("api_keys: [\"env:KEY\"]\n{text}"));
    assert_eq!(config("").unwrap().admin_listen, None);
    assert!(config("").unwrap().native_door);
    let telemetry = |text: &str| config(text).unwrap().telemetry;
    assert!(telemetry("").otlp_endpoint.is_none());
    let traced =
        telemetry("telemetry: { otlp_endpoint: http://a.example:4318, service_name: s }\n");
    assert_eq!(
        traced.otlp_endpoint.unwrap().as_str(),
        "http://a.example:4318/"
    );
    assert_eq!(traced.service_name, "s");
    for endpoint in [
        "a.example:4318",
        "grpc://a.example",
        "http://me:you@a.example",
    ] {
        let text =
            format!("api_keys: [\"env:KEY\"]\ntelemetry: {{ otlp_endpoint: \"{endpoint}\" }}\n");
        assert!(
            mistakes(&text)
                .contains("telemetry.otlp_endpoint: expected the address of a collector")
        );
    }
    let at = |text: &str| config(text).unwrap().listen_unix.unwrap();
    assert_eq!(at("listen: unix:/run/a.sock\n").mode, 0o660);
    let private = at("listen: unix:/run/a.sock\nlisten_mode: \"0600\"\n");
    assert_eq!(
        (private.path.to_str(), private.mode),
        (Some("/run/a.sock"), 0o600)
    );
    let open = config("listen: unix:/run/a.sock\nlisten_mode: \"0666\"\n").unwrap();
    assert!(
        open.warnings.iter().any(|it| it.contains("lets everybody")),
        "{:?}",
        open.warnings
    );
    for (text, said) in [
        (
            "listen: unix:a.sock",
            "listen: expected an address with a port",
        ),
        ("listen: unix:/", "listen: expected an address with a port"),
        (
            "listen_mode: \"0600\"",
            "listen_mode: only a socket has a mode",
        ),
        (
            "listen: unix:/a\nlisten_mode: \"0800\"",
            "listen_mode: expected the mode of a file",
        ),
        (
            "listen: unix:/a\nlisten_mode: \"1777\"",
            "listen_mode: expected the mode of a file",
        ),
        (
            "listen: unix:/a\nlisten_mode: 6",
            "listen_mode: expected the mode of a file",
        ),
    ] {
        let mistakes = mistakes(&format!("api_keys: [\"env:KEY\"]\n{text}\n"));
        assert!(mistakes.contains(said), "{text}: {mistakes}");
    }
    assert!(!config("native_door: false\n").unwrap().native_door);
    let odd = mistakes("api_keys: [\"env:KEY\"]\nnative_door: ajar\n");
    assert!(odd.contains("native_door: expected true or false"), "{odd}");
    let open = config("admin_listen: 0.0.0.0:4043\n").unwrap();
    assert!(
        open.warnings[0].contains("without a key"),
        "{:?}",
        open.warnings
    );
    let same =
        mistakes("api_keys: [\"env:KEY\"]\nlisten: 127.0.0.1:1\nadmin_listen: 127.0.0.1:1\n");
    assert!(
        same.contains("3:15: admin_listen: expected another address"),
        "{same}"
    );
}

#[test]
fn all_mistakes_are_told_at_once_with_their_places() {
    insta::assert_snapshot!(mistakes(
        r#"listen: 4040
apikeys: [a]
limits:
  connections: none
  request_timeout: 60
  request_body_byte: 1
  response_body_bytes: 4 MB
log: { format: xml }
tls: bundled
connections:
  "with space": { provider: fixed, access_token: "env:KEY" }
  a: { provider: unknown }
  b: { provider: fixed, api_version: "1", access_token: "env:MISSING", token: x }
  c: { provider: hosted, access_token: "env:KEY" }
  d: { provider: hosted, oauth: { client_id: id } }
  e: { access_token: "env:EMPTY" }
"#
    ));
}

#[test]
fn a_fault_of_syntax_has_a_place_and_shows_no_neighbour() {
    let told = mistakes("api_keys: [top-secret\nlisten: [");
    assert!(told.starts_with("crosswalk.yaml:"), "{told}");
    assert!(!told.contains("top-secret"), "{told}");
    let told = mistakes("api_keys: [a]\napi_keys: [b]\n");
    assert!(told.contains("crosswalk.yaml:2:1"), "{told}");
}

#[test]
fn an_empty_file_lacks_keys() {
    assert!(mistakes("").contains("api_keys: missing"));
}

#[test]
fn a_file_that_is_not_there_is_told_by_its_path() {
    let error = super::read(Path::new("/nonexistent/crosswalk.yaml"), &API).unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("/nonexistent/crosswalk.yaml: ")
    );
}

#[test]
fn secrets_come_from_files_without_their_last_line_break() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "from-file\n").unwrap();
    let config = read(&format!("api_keys: [\"file:{}\"]\n", file.path().display())).unwrap();
    assert_eq!(config.api_keys[0].expose_secret(), "from-file");
}

/// Covers: value-breaks-header
#[test]
fn a_secret_that_could_break_a_header_is_refused() {
    let told = mistakes("api_keys: [\"env:LINES\"]\n");
    assert!(told.contains("control character"), "{told}");
    assert!(!told.contains("x-evil"));
}

/// Covers: secret-in-debug
#[test]
fn nothing_secret_is_in_the_debug_form() {
    let config = read(
        "api_keys: [secret-1]\ncursor_key: secret-2\nconnections:\n  c: { provider: fixed, oauth: { client_id: id, client_secret: secret-3, refresh_token: secret-4 }, access_token: secret-5 }\n",
    )
    .unwrap();
    let shown = format!("{config:?}");
    assert!(!shown.contains("secret-"), "{shown}");
}

#[test]
fn a_version_decides_how_paths_begin() {
    let roots = |fields: &str| connection(fields).settings.roots.to_vec();
    let fixed = "provider: fixed, access_token: \"env:KEY\"";
    assert_eq!(roots(fixed), ["/crm/objects/2026-09"]);
    assert_eq!(
        roots(&format!("{fixed}, api_version: 2026-03")),
        ["/crm/objects/2026-03"]
    );
    assert_eq!(
        roots(&format!("{fixed}, api_version: v3")),
        ["/crm/v3/objects"]
    );
    let hosted =
        "provider: hosted, instance_url: \"https://x.hosted.example\", access_token: \"env:KEY\"";
    assert_eq!(roots(hosted), ["/services/data/v59.0"]);
    // Not in quotes, so YAML sees a number; what counts is the text.
    for version in ["60.0", "v60.0", "\"60.0\""] {
        let told = connection(&format!("{hosted}, api_version: {version}")).api_version;
        assert_eq!(told, "60.0", "as it stands in paths");
        assert_eq!(
            roots(&format!("{hosted}, api_version: {version}")),
            ["/services/data/v60.0"]
        );
    }
    for version in ["58.0", "60", "latest", "+60.0", "60.0.1"] {
        let told = connection_mistakes(&format!("{hosted}, api_version: \"{version}\""));
        assert!(told.contains("59.0 and later"), "{told}");
    }
}

/// Covers: instance-url-foreign, login-host-foreign
#[test]
fn credentials_go_only_to_hosts_of_the_provider() {
    for url in [
        "http://x.hosted.example",
        "https://x.hosted.example.evil.example",
        "https://evilhosted.example",
        "https://user@x.hosted.example",
        "https://x.hosted.example:8443",
        "https://x.hosted.example/path",
        "https://x.hosted.example?query",
        "https://10.0.0.1",
        "https://[::ffff:127.0.0.1]",
        "http://169.254.169.254",
        "ftp://127.0.0.1",
        "x.hosted.example",
    ] {
        for key in ["instance_url", "base_url"] {
            let told = connection_mistakes(&format!(
                "provider: hosted, {key}: \"{url}\", access_token: \"env:KEY\""
            ));
            assert!(
                told.contains(&format!("connections.c.{key}: expected")),
                "{told}"
            );
        }
        let told = connection_mistakes(&format!(
            "provider: hosted, login_url: \"{url}\", oauth: {{ client_id: id, refresh_token: \"env:KEY\" }}"
        ));
        assert!(told.contains("connections.c.login_url: expected"), "{told}");
    }
    for url in [
        "https://x.hosted.example",
        "https://x.hosted.example/",
        "http://127.0.0.1:4020",
        "http://localhost:4020",
        "http://[::1]:4020",
    ] {
        connection(&format!(
            "provider: hosted, instance_url: \"{url}\", access_token: \"env:KEY\""
        ));
    }
}

#[test]
fn a_provider_on_loopback_has_its_token_endpoint_there() {
    let oauth = "oauth: { client_id: id, refresh_token: \"env:KEY\" }";
    let token_url = |fields: &str| {
        connection(&format!("{fields}, {oauth}"))
            .token_url
            .to_string()
    };
    assert_eq!(
        token_url("provider: fixed"),
        "https://api.fixed.example/oauth/token"
    );
    assert_eq!(
        token_url("provider: fixed, base_url: \"http://127.0.0.1:4010\""),
        "http://127.0.0.1:4010/oauth/token"
    );
    assert_eq!(
        token_url("provider: hosted"),
        "https://login.hosted.example/oauth2/token"
    );
    assert_eq!(
        token_url("provider: hosted, login_url: \"http://127.0.0.1:4020\""),
        "http://127.0.0.1:4020/oauth2/token"
    );
}

#[test]
fn each_connection_has_its_own_cursor_key_that_follows_from_the_configuration() {
    let key = |keys: &str, cursor: &str, id: &str| {
        read(&format!(
            "api_keys: [{keys}]\n{cursor}connections:\n  {id}: {{ provider: fixed, access_token: t }}\n"
        ))
        .unwrap()
        .connections[0]
            .settings
            .cursor_key
            .0
    };
    assert_eq!(key("a", "", "c"), key("a", "", "c"));
    assert_ne!(key("a", "", "c"), key("a", "", "d"));
    assert_ne!(key("a", "", "c"), key("b", "", "c"));
    assert_ne!(key("a, b", "", "c"), key("ab", "", "c"));
    assert_eq!(
        key("a", "cursor_key: k\n", "c"),
        key("b", "cursor_key: k\n", "c")
    );
}

#[test]
fn a_cursor_key_is_bound_to_the_place_of_the_api() {
    let key = |line: &str| {
        read(&format!(
            "api_keys: [k]\nconnections:\n  c: {{ {line}, access_token: t }}\n"
        ))
        .unwrap()
        .connections[0]
            .settings
            .cursor_key
            .0
    };
    let here = "provider: fixed, base_url: \"http://127.0.0.1:4010\"";
    assert_eq!(key(here), key(here));
    assert_ne!(key(here), key("provider: fixed"));
    assert_ne!(
        key(here),
        key("provider: fixed, base_url: \"http://127.0.0.1:4011\"")
    );
}

#[test]
fn an_address_that_is_wrong_is_not_said_to_be_missing() {
    let error = read(
        "api_keys: [k]\nconnections:\n  c: { provider: hosted, instance_url: \"https://evil.example\", access_token: t }\n",
    )
    .unwrap_err();
    assert_eq!(error.mistakes.len(), 1, "{error}");
    assert!(
        error.to_string().contains("expected a host that ends with"),
        "{error}"
    );
}

#[test]
fn the_example_shows_the_defaults() {
    let text = include_str!("../../crosswalk.example.yaml");
    let example = parse(
        "crosswalk.example.yaml",
        text,
        &crate::generated::API,
        // What the file refers to is there; OpenTelemetry's own names, which it does not, are not.
        &|name| (!name.starts_with("OTEL_")).then(|| "secret".to_owned()),
    )
    .unwrap_or_else(|error| panic!("{error}"));
    assert!(example.warnings.is_empty());
    assert_eq!(example.connections.len(), 3);
    let least = read("api_keys: [\"env:KEY\"]\n").unwrap();
    assert_eq!(example.listen, least.listen);
    assert_eq!(
        format!("{:?}", example.limits),
        format!("{:?}", least.limits)
    );
    assert_eq!(format!("{:?}", example.log), format!("{:?}", least.log));
    assert_eq!(format!("{:?}", example.tls), format!("{:?}", least.tls));
    // A limit that the example forgets would be missed by nobody else.
    let forgotten: Vec<_> = format!("{:?}", least.limits)
        .split([' ', ':', '{', '}', ','])
        .filter(|word| word.contains('_') || *word == "connections")
        .filter(|word| !text.contains(&format!("  {word}: ")))
        .map(str::to_owned)
        .collect();
    assert!(forgotten.is_empty(), "{forgotten:?}");
}

mod state {
    use std::path::Path;

    use super::*;
    use crate::store::{Location, keys::KeySource};

    fn read(text: &str, environment: &[(&str, &str)]) -> Result<Config, String> {
        let environment = |name: &str| {
            let mut known = environment.iter();
            known
                .find(|(known, _)| *known == name)
                .map(|(_, value)| (*value).to_owned())
        };
        parse("test.yaml", text, &API, &environment).map_err(|error| error.to_string())
    }

    fn file(config: &Config) -> Option<&Path> {
        match &config.state.store.as_ref()?.location {
            Location::Sqlite(path) => Some(path),
            Location::Postgres(_) => None,
        }
    }

    #[test]
    fn a_store_is_kept_in_the_folder_that_lasts() {
        for (environment, expected) in [
            (
                &[("HOME", "/home/ada")][..],
                "/home/ada/.local/state/crosswalk/crosswalk.db",
            ),
            (
                &[("HOME", "/home/ada"), ("XDG_STATE_HOME", "/xdg")],
                "/xdg/crosswalk/crosswalk.db",
            ),
            (
                &[
                    ("XDG_STATE_HOME", "/xdg"),
                    ("STATE_DIRECTORY", "/var/lib/crosswalk:/other"),
                ],
                "/var/lib/crosswalk/crosswalk.db",
            ),
        ] {
            let config = read("{}", environment).unwrap();
            assert_eq!(file(&config), Some(Path::new(expected)));
        }
        let config = read("state_dir: /there", &[("HOME", "/home/ada")]).unwrap();
        assert_eq!(file(&config), Some(Path::new("/there/crosswalk.db")));
        let config = read("state_dir: /there\nstore: \"sqlite:/elsewhere/x.db\"", &[]).unwrap();
        assert_eq!(file(&config), Some(Path::new("/elsewhere/x.db")));
    }

    #[test]
    fn without_a_store_somebody_must_be_able_to_call() {
        for text in ["{}", "store: none\nstate_dir: /there"] {
            let error = read(text, &[]).unwrap_err();
            assert!(error.contains("api_keys: missing"), "{error}");
        }
        let config = read("api_keys: [k]\nstore: none", &[("HOME", "/home/ada")]).unwrap();
        assert!(config.state.store.is_none());
    }

    #[test]
    fn a_store_that_is_shared_may_be_a_secret_and_is_none_without_a_password() {
        let environment = [("HOME", "/home/ada"), ("STORE", "postgres://u:canary@db/x")];
        let config = read("store: \"env:STORE\"", &environment).unwrap();
        assert!(matches!(
            config.state.store.as_ref().unwrap().location,
            Location::Postgres(_)
        ));
        assert!(!format!("{config:?}").contains("canary"));
        assert!(config.warnings.is_empty());
        let config = read("store: \"postgres://u@db/x\"", &environment).unwrap();
        assert!(config.warnings.is_empty());
        let config = read("store: \"postgres://u:canary@db/x\"", &environment).unwrap();
        assert_eq!(config.warnings.len(), 1);
    }

    #[test]
    fn wrong_places_are_told() {
        for (text, words) in [
            ("store: mysql://u@db/x", "expected `sqlite`"),
            ("store: sqlite", "set `state_dir`"),
            ("store: postgres://u@db/x", "store_key: missing"),
            ("org_id: acme", "begins with org_"),
            (
                "webhooks: { allow_private: perhaps }",
                "expected true or false",
            ),
            ("webhooks: { private: true }", "unknown key"),
            (
                "public_url: http://connect.example.com",
                "http:// only on loopback",
            ),
            (
                "store: postgres://u@db/x\nstore_key: \"env:NONE\"",
                "NONE is not set",
            ),
        ] {
            let error = read(&format!("api_keys: [k]\n{text}"), &[]).unwrap_err();
            assert!(error.contains(words), "{text}: {error}");
        }
    }

    #[test]
    fn webhooks_lead_into_private_networks_only_where_it_is_said() {
        let private = |text: &str| {
            read(text, &[("HOME", "/home/ada")])
                .unwrap()
                .state
                .private_webhooks
        };
        assert!(!private("{}"));
        assert!(!private("webhooks: { allow_private: false }"));
        assert!(private("webhooks: { allow_private: true }"));
    }

    #[test]
    fn connections_whose_cursors_have_no_key_are_refused() {
        let text = "connections: { a: { provider: fixed, access_token: t } }";
        let error = read(text, &[("HOME", "/home/ada")]).unwrap_err();
        assert!(error.contains("cursor_key: missing"), "{error}");
        let with_key = format!("cursor_key: \"env:KEY\"\n{text}");
        read(&with_key, &[("HOME", "/home/ada"), ("KEY", "k")]).unwrap();
    }

    #[test]
    fn keys_come_from_a_file_or_from_the_environment_with_a_line_for_each() {
        let environment = [("HOME", "/home/ada"), ("KEYS", "one\ntwo\n")];
        let keys = |text: &str| read(text, &environment).unwrap().state.store.unwrap().keys;
        assert!(
            matches!(keys("{}"), KeySource::File(path) if path.ends_with("crosswalk/store.key"))
        );
        assert!(
            matches!(keys("store_key: \"file:/k\""), KeySource::File(path) if path == Path::new("/k"))
        );
        let KeySource::Text(text) = keys("store_key: \"env:KEYS\"") else {
            panic!("it is a text");
        };
        assert_eq!(text.expose_secret(), "one\ntwo\n");
    }
}
