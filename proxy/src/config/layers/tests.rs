use super::*;
use crate::{config::Level, generated::API};

/// What is read from a file with this text.
fn read(
    text: &str,
    flags: &[(&str, &str)],
    environment: &[(&str, &str)],
) -> Result<Config, String> {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), text).unwrap();
    let flags = flags.iter().map(|(path, value)| Flag {
        name: format!("--{path}"),
        path: (*path).to_owned(),
        value: (*value).to_owned(),
    });
    let pairs = environment
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let layers = Layers::new(
        file.path(),
        flags.collect(),
        pairs.collect(),
        &["CROSSWALK_API_KEY".to_owned()],
    );
    let name = file.path().display().to_string();
    layers
        .read(&API)
        .map_err(|error| error.to_string().replace(&name, "FILE"))
}

#[test]
fn flags_go_before_the_environment_before_the_file_before_the_defaults() {
    let file = "api_keys: [k]\nlimits: { connections: 2, threads: 2, headers: 2 }\n";
    let variables = [
        ("CROSSWALK_LIMITS_CONNECTIONS", "3"),
        ("CROSSWALK_LIMITS_THREADS", "3"),
    ];
    let config = read(file, &[("limits.connections", "4")], &variables).unwrap();
    assert_eq!(config.limits.connections, 4);
    assert_eq!(config.limits.threads, 3);
    assert_eq!(config.limits.headers, 2);
    assert_eq!(config.limits.queue_length, 1000);
}

#[test]
fn a_variable_needs_nothing_of_its_group_in_the_file() {
    let variables = [
        ("CROSSWALK_LOG_LEVEL", "debug"),
        ("CROSSWALK_LISTEN", " 127.0.0.1:1 "),
        ("CROSSWALK_TLS_HTTP2", ""),
    ];
    for file in [
        "api_keys: [k]\n",
        "api_keys: [k]\nlog:\n",
        "api_keys: [k]\nlog: { level: warn }\n",
    ] {
        let config = read(file, &[], &variables).unwrap();
        assert_eq!(config.log.level, Level::Debug);
        assert_eq!(config.listen.port(), 1);
        assert!(!config.tls.http2, "an empty variable is none");
    }
}

#[test]
fn lists_are_parted_by_commas_and_may_be_references() {
    let variables = [
        ("CROSSWALK_ALLOWED_HOSTS", "A.example, b.example,"),
        ("CROSSWALK_API_KEYS", "env:ONE,two"),
        ("ONE", "1"),
    ];
    let config = read("api_keys: [k]\n", &[], &variables).unwrap();
    assert_eq!(config.allowed_hosts, ["a.example", "b.example"]);
    assert_eq!(config.api_keys.len(), 2);
    assert!(
        config.warnings.is_empty(),
        "a secret may stand in a variable: {:?}",
        config.warnings
    );
    let config = read("{}", &[("api_keys", "plain")], &[]).unwrap();
    assert!(
        config.warnings[0].contains("on the command line"),
        "{:?}",
        config.warnings
    );
}

#[test]
fn mistakes_name_the_file_the_variable_or_the_flag() {
    let told = read(
        "api_keys: [k]\nlimits: { connections: none }\nlog: 5\n",
        &[
            ("limits.threads", "0"),
            ("limits.conections", "5"),
            ("connections.a.provider", "hubspot"),
            ("zz", "1"),
        ],
        &[("CROSSWALK_LIMITS_REQUEST_TIMEOUT", "60")],
    );
    insta::assert_snapshot!(told.unwrap_err());
    let told = read(
        "api_keys: [k]\nlimits: { connections: none, threds: 5 }\nlog: 5\n",
        &[("limits.threads", "0")],
        &[
            ("CROSSWALK_LIMITS_REQUEST_TIMEOUT", "60"),
            ("CROSSWALK_LOG_LEVEL", "debug"),
            ("CROSSWALK_API_KEYS", "k,env:NONE"),
        ],
    );
    insta::assert_snapshot!(told.unwrap_err());
}

#[test]
fn a_variable_that_looks_like_a_slip_is_warned_about_and_no_other_is() {
    let variables = [
        ("CROSSWALK_LITSEN", "127.0.0.1:1"),
        ("CROSSWALK_LIMITS__REQUEST_TIMEOUT", "5s"),
        ("CROSSWALK_LIMITS_BANANAS", "5"),
        // For a command, and for the file.
        ("CROSSWALK_API_KEY", "k"),
        ("CROSSWALK_STORES", "k"),
        // What Kubernetes makes for a service of that name.
        ("CROSSWALK_PORT", "tcp://10.0.0.1:4040"),
        ("CROSSWALK_PORT_4040_TCP_ADDR", "10.0.0.1"),
        ("CROSSWALK_SERVICE_HOST", "10.0.0.1"),
        ("CROSSWALK_SERVICE_PORT", "4040"),
        ("CROSSWALK_BINARY", "/bin/crosswalk"),
        ("LISTEN", "1"),
    ];
    let config = read("api_keys: [\"env:CROSSWALK_STORES\"]\n", &[], &variables).unwrap();
    insta::assert_snapshot!(config.warnings.join("\n"));
}

#[test]
fn without_a_file_it_goes_where_none_was_named_and_something_is_said() {
    let layers =
        |path: &str, flags: Vec<Flag>| Layers::new(Path::new(path), flags, BTreeMap::new(), &[]);
    let keys = || Flag::of_set("api_keys=k").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let elsewhere = folder.path().join(DEFAULT_FILE);
    let named = layers(elsewhere.to_str().unwrap(), vec![keys()]);
    assert!(named.read(&API).is_err(), "it was named");
    // There is none where tests run.
    layers(DEFAULT_FILE, vec![keys()]).read(&API).unwrap();
    let error = layers(DEFAULT_FILE, Vec::new()).read(&API).unwrap_err();
    assert!(
        error.to_string().contains("crosswalk example-config"),
        "{error}"
    );
    let mut started = layers(DEFAULT_FILE, vec![keys()]).started();
    started.read(&API).unwrap();
    started.had_file = true;
    assert!(
        started.read(&API).is_err(),
        "a file that is gone takes no connection away"
    );
}

#[test]
fn a_flag_has_a_name_and_a_value() {
    let flag = Flag::of_set("store = postgres://u@h/d?a=b").unwrap();
    assert_eq!(
        (flag.path.as_str(), flag.value.as_str()),
        ("store", "postgres://u@h/d?a=b")
    );
    for text in ["listen", "=5", "listen="] {
        assert!(Flag::of_set(text).is_err(), "{text}");
    }
}
