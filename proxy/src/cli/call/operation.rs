//! The operations of the unified API as commands: one for each, with the parameters of `specs/unified.yaml` as flags.
//!
//! clap refuses what is wrong or missing with them, and says what was meant, before anything is sent.

use std::{fmt::Write as _, sync::LazyLock};

use clap::{
    Arg, ArgAction, ArgMatches, Command,
    builder::{PossibleValuesParser, ValueParser},
    error::ErrorKind,
};
use http::Method;
use serde_json::Value;

use super::body::is_needed;
use crate::cli::{
    Failure,
    client::Call,
    contract::{document, resolved},
};

/// What all operations say of themselves. Read once, when `call` is.
static OPERATIONS: LazyLock<Vec<Operation>> = LazyLock::new(|| read(document()));
/// Names of options that are not of an operation. None of them is the name of a parameter, which a test sees to.
pub(super) const CONNECTION: &str = "connection";
pub(super) const DATA: &str = "data";
pub(super) const SET: &str = "set";
pub(super) const ALL: &str = "all";
pub(super) const JSON: &str = "json";
pub(super) const NATIVE: &str = "native";

/// All of them.
pub(in crate::cli) fn operations() -> &'static [Operation] {
    &OPERATIONS
}

/// One operation of the unified API.
#[derive(Debug)]
pub(in crate::cli) struct Operation {
    /// As in `crm.account.list`.
    pub(in crate::cli) name: &'static str,
    pub(in crate::cli) method: Method,
    /// With parameters in braces.
    pub(in crate::cli) path: &'static str,
    pub(in crate::cli) parameters: Vec<Parameter>,
    /// The schema of its body, where it has one.
    pub(in crate::cli) body: Option<&'static Value>,
    /// Whether it is about a connection that a header names.
    pub(in crate::cli) has_connection: bool,
    /// The schema of what it answers, where that is JSON.
    pub(in crate::cli) answer: Option<&'static Value>,
    pub(in crate::cli) summary: &'static str,
    pub(in crate::cli) description: Option<&'static str>,
}

/// One parameter of an operation.
#[derive(Debug)]
pub(in crate::cli) struct Parameter {
    /// As the API has it.
    pub(in crate::cli) name: &'static str,
    pub(in crate::cli) place: Place,
    /// As it is typed, without the dashes.
    flag: String,
    pub(in crate::cli) is_required: bool,
    /// What its values are, as the contract says.
    pub(in crate::cli) schema: &'static Value,
    kind: Kind,
    pub(in crate::cli) description: Option<&'static str>,
    default: Option<&'static str>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::cli) enum Place {
    Path,
    Query,
    Header,
}

#[derive(Debug, Clone, PartialEq)]
enum Kind {
    Text { prefix: Option<&'static str> },
    List { prefix: Option<&'static str> },
    Number { least: Option<i64> },
    Flag,
    OneOf(Vec<&'static str>),
}

impl Operation {
    /// Whether there may be further pages.
    pub(in crate::cli) fn has_pages(&self) -> bool {
        self.parameters.iter().any(|each| each.name == "cursor")
    }

    /// What must be given for it.
    pub(super) fn required(&self) -> impl Iterator<Item = &Parameter> {
        self.parameters.iter().filter(|each| each.is_required)
    }

    /// The call for it. Asks for the value of each parameter, as it is sent; those that have none are left out.
    pub(in crate::cli) fn call(
        &self,
        value_of: impl Fn(&Parameter) -> Option<String>,
    ) -> Result<Call, Failure> {
        let mut call = Call::new(self.method.clone(), &[]);
        for segment in self.path.split('/').skip(1) {
            let name = segment
                .strip_prefix('{')
                .and_then(|name| name.strip_suffix('}'));
            let mut parameters = self.parameters.iter();
            let parameter = name.and_then(|name| {
                parameters.find(|each| each.place == Place::Path && each.name == name)
            });
            let value = parameter.and_then(&value_of);
            call.path.push(value.unwrap_or_else(|| segment.to_owned()));
        }
        for parameter in &self.parameters {
            if parameter.place == Place::Path {
                continue;
            }
            let Some(value) = value_of(parameter) else {
                continue;
            };
            match parameter.place {
                Place::Header => call.put(parameter.name, &value)?,
                _ => call.query.push((parameter.name.to_owned(), value)),
            }
        }
        Ok(call)
    }

    fn command(&'static self) -> Command {
        let about = match self.description {
            Some(description) => format!("{}\n\n{description}", self.summary),
            None => self.summary.to_owned(),
        };
        let mut command = Command::new(self.name)
            .about(self.summary)
            .long_about(about)
            .after_help(super::help::examples(self))
            .next_help_heading("Parameters");
        if self.has_connection {
            command = command.arg(
                Arg::new(CONNECTION)
                    .long(CONNECTION)
                    .value_name("ID")
                    .env("CROSSWALK_CONNECTION")
                    .hide_env_values(true)
                    .required(true)
                    .help("Whose account it is about; `crosswalk connections list` shows them"),
            );
        }
        for parameter in &self.parameters {
            command = command.arg(parameter.arg());
        }
        if let Some(schema) = self.body {
            command = command
                .next_help_heading("Body")
                .args(body_args(is_needed(schema)));
        }
        command.next_help_heading("Output").args(self.output_args())
    }

    fn output_args(&self) -> Vec<Arg> {
        let flag = |name: &'static str, help: &'static str| {
            Arg::new(name)
                .long(name)
                .action(ArgAction::SetTrue)
                .help(help)
        };
        let mut args = vec![
            flag(JSON, "Print the answer's bytes as they came, an error's as well; with --all, a record a line"),
            flag(NATIVE, "Show the native calls that it became, as the proxy's admin port tells them"),
            Arg::new("admin_url")
                .long("admin-url")
                .value_name("URL")
                .env("CROSSWALK_ADMIN_URL")
                .hide_env_values(true)
                .value_parser(crate::cli::client::wire::place)
                .help("Where the proxy's admin port is, for --native. Unset: `admin_listen` of the configuration, or the demo's"),
        ];
        if self.has_pages() {
            args.push(
                flag(ALL, "Go on with `next_cursor` until there is no next page")
                    .conflicts_with(NATIVE),
            );
        }
        args
    }
}

/// A body in which nothing must be is an empty one where none is given.
fn body_args(is_needed: bool) -> [Arg; 2] {
    let data = Arg::new(DATA)
        .long(DATA)
        .value_name("JSON|@FILE|-")
        .help("The body: as JSON, @ and a file that has it, or - for stdin");
    let data = if is_needed {
        data.required_unless_present(SET)
    } else {
        data
    };
    let set = Arg::new(SET)
        .long(SET)
        .value_name("PLACE=VALUE")
        .action(ArgAction::Append)
        .help("One member of the body, as in record.name=Acme or record.addresses[0].city=Oslo; `:=` takes JSON, as in record.name:=null. It goes before what --data says");
    [data, set]
}

impl Parameter {
    fn read(value: &'static Value) -> Option<Self> {
        let value = resolved(document(), value)?;
        let text = |name: &str| value.get(name).and_then(Value::as_str);
        let name = text("name")?;
        let schema = value.get("schema")?;
        Some(Self {
            name,
            place: match text("in")? {
                "path" => Place::Path,
                "query" => Place::Query,
                "header" => Place::Header,
                _ => return None,
            },
            flag: flag_of(name),
            is_required: value.get("required").and_then(Value::as_bool) == Some(true),
            schema,
            kind: Kind::read(schema),
            description: text("description"),
            default: schema.get("default").and_then(Value::as_str),
        })
    }

    fn arg(&'static self) -> Arg {
        let mut help = self
            .description
            .unwrap_or_default()
            .trim_end_matches('.')
            .to_owned();
        if let Some(default) = self.default {
            let _ = write!(help, " [default: {default}]");
        }
        let arg = Arg::new(self.name)
            .long(self.flag.as_str())
            .required(self.is_required)
            .value_name(self.kind.value_name())
            .value_parser(self.kind.parser(self.place))
            .help(help);
        match self.kind {
            Kind::Flag => arg
                .num_args(0..=1)
                .require_equals(true)
                .default_missing_value("true"),
            Kind::List { .. } => arg.value_delimiter(',').action(ArgAction::Append),
            _ => arg,
        }
    }

    /// As it is typed, without the dashes.
    pub(super) fn flag(&self) -> &str {
        &self.flag
    }

    /// A value, for examples.
    pub(super) fn example(&self) -> String {
        match &self.kind {
            Kind::Text {
                prefix: Some(prefix),
            }
            | Kind::List {
                prefix: Some(prefix),
            } => format!("{prefix}…"),
            Kind::Text { prefix: None } | Kind::List { prefix: None } => match self.name {
                "entity" => "account".to_owned(),
                "object_name" => "visit".to_owned(),
                _ => "123".to_owned(),
            },
            Kind::Number { least } => least.unwrap_or_default().to_string(),
            Kind::Flag => "true".to_owned(),
            Kind::OneOf(words) => words.first().copied().unwrap_or_default().to_owned(),
        }
    }

    /// What was given for it, as it is sent.
    pub(super) fn value(&self, matches: &ArgMatches) -> Option<String> {
        let values = matches.get_many::<String>(self.name)?;
        let values: Vec<&str> = values.map(String::as_str).collect();
        Some(values.join(","))
    }
}

impl Kind {
    fn read(schema: &'static Value) -> Self {
        let words = |value: &'static Value| -> Vec<_> {
            value
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(Value::as_str)
                .collect()
        };
        if let Some(known) = schema.get("enum") {
            return Self::OneOf(words(known));
        }
        match schema["type"].as_str() {
            Some("boolean") => Self::Flag,
            Some("number" | "integer") => Self::Number {
                least: schema["minimum"].as_i64(),
            },
            Some("array") => Self::List {
                prefix: prefix(&schema["items"]),
            },
            _ => Self::Text {
                prefix: prefix(schema),
            },
        }
    }

    fn value_name(&self) -> &'static str {
        match self {
            Self::Text { prefix: Some(_) } => "ID",
            Self::Text { prefix: None } => "TEXT",
            Self::List { .. } => "LIST",
            Self::Number { .. } => "NUMBER",
            Self::Flag => "BOOL",
            Self::OneOf(_) => "WORD",
        }
    }

    /// All values are texts in the end; what is checked is what they say.
    fn parser(&self, place: Place) -> ValueParser {
        match self {
            Self::OneOf(words) => PossibleValuesParser::new(words.iter().copied()).into(),
            Self::Flag => PossibleValuesParser::new(["true", "false"]).into(),
            Self::Text { prefix } | Self::List { prefix } => {
                let prefix = *prefix;
                ValueParser::new(move |text: &str| checked_text(text, prefix, place))
            }
            Self::Number { least } => {
                let least = *least;
                ValueParser::new(move |text: &str| checked_number(text, least))
            }
        }
    }
}

/// A text that may be an id in a path, or why it may not.
pub(in crate::cli) fn checked_id(text: &str) -> Result<String, String> {
    checked_text(text, None, Place::Path)
}

fn checked_text(text: &str, prefix: Option<&str>, place: Place) -> Result<String, String> {
    if text.is_empty() {
        return Err("expected a text that is not empty".to_owned());
    }
    if let Some(prefix) = prefix
        && !text.starts_with(prefix)
    {
        return Err(format!("expected an id as in {prefix}…"));
    }
    // They would name another path.
    if place == Place::Path && (text == "." || text == "..") {
        return Err("expected an id".to_owned());
    }
    if place == Place::Header
        && !text
            .bytes()
            .all(|byte| byte == b' ' || byte.is_ascii_graphic())
    {
        return Err("expected visible ASCII characters, since it is sent in a header".to_owned());
    }
    Ok(text.to_owned())
}

fn checked_number(text: &str, least: Option<i64>) -> Result<String, String> {
    let number = text.parse::<i64>().ok();
    if number.is_some_and(|number| least.is_none_or(|least| number >= least)) {
        return Ok(text.to_owned());
    }
    Err(match least {
        Some(least) => format!("expected a whole number from {least} on"),
        None => "expected a whole number".to_owned(),
    })
}

/// `^conn_`: what an id begins with. Other patterns are for the proxy to check.
fn prefix(schema: &'static Value) -> Option<&'static str> {
    let prefix = schema.get("pattern")?.as_str()?.strip_prefix('^')?;
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    prefix.bytes().all(is_plain).then_some(prefix)
}

/// `page_size` is typed as --page-size, `customerId` as --customer-id, `x-request-timeout` as --request-timeout.
fn flag_of(name: &str) -> String {
    let mut flag = String::new();
    for character in name.strip_prefix("x-").unwrap_or(name).chars() {
        match character {
            '_' => flag.push('-'),
            upper if upper.is_ascii_uppercase() => {
                flag.push('-');
                flag.push(upper.to_ascii_lowercase());
            }
            other => flag.push(other),
        }
    }
    flag
}

fn read(document: &'static Value) -> Vec<Operation> {
    let mut operations = Vec::new();
    let has_connection = |security: Option<&Value>| {
        let mut ways = security.and_then(Value::as_array).into_iter().flatten();
        ways.any(|way| way.get("connectionId").is_some())
    };
    for (path, item) in document["paths"].as_object().into_iter().flatten() {
        let Some(item) = item.as_object() else {
            continue;
        };
        let of_all = item.get("parameters").and_then(Value::as_array);
        for (method, operation) in item {
            let Some(name) = operation.get("x-operation").and_then(Value::as_str) else {
                continue;
            };
            let Ok(method) = Method::from_bytes(method.to_ascii_uppercase().as_bytes()) else {
                continue;
            };
            let own = operation.get("parameters").and_then(Value::as_array);
            // Its own go first: they are what people look for.
            let parameters = own
                .into_iter()
                .flatten()
                .chain(of_all.into_iter().flatten());
            let security = operation
                .get("security")
                .or_else(|| document.get("security"));
            operations.push(Operation {
                name,
                method,
                path,
                parameters: parameters.filter_map(Parameter::read).collect(),
                body: operation.pointer("/requestBody/content/application~1json/schema"),
                has_connection: has_connection(security),
                answer: operation.pointer("/responses/200/content/application~1json/schema"),
                summary: operation["summary"].as_str().unwrap_or_default(),
                description: operation["description"].as_str(),
            });
        }
    }
    operations
}

/// An operation with what was given for it.
#[derive(Debug)]
pub(super) struct Called {
    pub(super) operation: &'static Operation,
    pub(super) matches: ArgMatches,
}

impl clap::FromArgMatches for Called {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let missing = || clap::Error::new(ErrorKind::MissingSubcommand);
        let (name, matches) = matches.subcommand().ok_or_else(missing)?;
        let operation = OPERATIONS.iter().find(|operation| operation.name == name);
        Ok(Self {
            operation: operation.ok_or_else(missing)?,
            matches: matches.clone(),
        })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

impl clap::Subcommand for Called {
    /// The document is read only where `call` is asked for: all other commands start without it.
    fn augment_subcommands(command: Command) -> Command {
        command
            .subcommand_value_name("OPERATION")
            .subcommand_help_heading("Operations")
            .defer(|command| command.subcommands(OPERATIONS.iter().map(Operation::command)))
    }

    fn augment_subcommands_for_update(command: Command) -> Command {
        Self::augment_subcommands(command)
    }

    fn has_subcommand(name: &str) -> bool {
        OPERATIONS.iter().any(|operation| operation.name == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_a_command_for_each_route() {
        let mut known: Vec<_> = OPERATIONS
            .iter()
            .map(|each| (each.name, each.path))
            .collect();
        let routes = crosswalk::generated::API.routes.iter();
        let mut routes: Vec<_> = routes.map(|route| (route.operation, route.path)).collect();
        known.sort_unstable();
        routes.sort_unstable();
        assert_eq!(known, routes);
    }

    #[test]
    fn flags_are_typed_as_flags_are() {
        for (name, flag) in [
            ("page_size", "page-size"),
            ("customerId", "customer-id"),
            ("x-request-timeout", "request-timeout"),
            ("idempotency-key", "idempotency-key"),
            ("id", "id"),
        ] {
            assert_eq!(flag_of(name), flag);
        }
    }

    #[test]
    fn a_parameter_is_checked_by_its_schema() {
        assert!(checked_number("5", Some(1)).is_ok());
        for wrong in ["0", "five", "1.5", ""] {
            assert!(checked_number(wrong, Some(1)).is_err(), "{wrong}");
        }
        assert!(checked_text("conn_1", Some("conn_"), Place::Path).is_ok());
        assert!(checked_text("acme", Some("conn_"), Place::Path).is_err());
        assert!(
            checked_text("..", None, Place::Path).is_err(),
            "it would leave the path"
        );
        assert!(checked_text("a\nb: c", None, Place::Header).is_err());
    }
}
