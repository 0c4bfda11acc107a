//! Secrets: where they come from, and which are refused.

use std::path::PathBuf;

use secrecy::SecretString;

use super::Check;
use crate::config::{origin::Origin, tree::Value};

impl Check<'_> {
    /// A secret: `env:NAME`, `file:/path`, or the text itself.
    pub(super) fn secret(&mut self, value: &Value) -> Option<SecretString> {
        let text = value.text(&mut self.source)?;
        if !text.starts_with("env:") && !text.starts_with("file:") {
            let place = match self.source.origin(value.at) {
                // That is where a secret may stand.
                Origin::Variable(_) => None,
                Origin::Flag(_) => {
                    Some("on the command line, which everybody on this machine may see")
                }
                Origin::File { .. } | Origin::Default => Some("in the configuration file"),
            };
            self.warnings.extend(place.map(|place| {
                format!(
                    "{}: the secret stands {place}; write env:NAME or file:/path instead",
                    value.path
                )
            }));
        }
        self.resolve(value, text).map(SecretString::from)
    }

    /// A secret that may have several lines.
    pub(super) fn secret_of_lines(&mut self, value: &Value) -> Option<SecretString> {
        let text = value.text(&mut self.source)?;
        let Some(name) = text.strip_prefix("env:") else {
            return self.secret(value);
        };
        self.variables.push(name.to_owned());
        let secret = (self.environment)(name);
        if secret.is_none() {
            value.wrong(
                &mut self.source,
                format!("the environment variable {name} is not set"),
            );
        }
        secret.map(SecretString::from)
    }

    /// Not a secret, and yet often kept beside one.
    pub(super) fn secret_or_text(&mut self, value: &Value) -> Option<String> {
        let text = value.text(&mut self.source)?;
        self.resolve(value, text)
    }

    fn resolve(&mut self, value: &Value, text: String) -> Option<String> {
        let resolved = if let Some(name) = text.strip_prefix("env:") {
            self.variables.push(name.to_owned());
            (self.environment)(name)
                .ok_or_else(|| format!("the environment variable {name} is not set"))
        } else if let Some(path) = text.strip_prefix("file:") {
            let read = std::fs::read_to_string(path);
            let files = match &read {
                Ok(_) => &mut self.files,
                Err(_) => &mut self.missing,
            };
            files.push(PathBuf::from(path));
            read.map(|content| content.trim_end_matches(['\r', '\n']).to_owned())
                .map_err(|error| format!("the file {path} could not be read: {error}"))
        } else {
            Ok(text)
        };
        let message = match resolved {
            Ok(secret) if secret.is_empty() => "expected a secret, found nothing".to_owned(),
            // It will stand in a header, where a control character is either an accident or an attack.
            Ok(secret) if secret.chars().any(char::is_control) => {
                "expected a secret on one line, found a control character in it".to_owned()
            }
            Ok(secret) => return Some(secret),
            Err(message) => message,
        };
        value.wrong(&mut self.source, message);
        None
    }
}
