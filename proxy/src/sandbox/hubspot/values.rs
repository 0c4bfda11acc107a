//! Which values a property takes, and the form they are kept in. Knows definitions, no rows.

use jiff::Timestamp;
use jiff::civil::Date;

use super::owners::Owner;
use super::pipelines::{self, Pipeline};
use super::schema::{Format, Kind, Property, Source};
use crate::sandbox::clock::iso_ms;

const MAX_TEXT: usize = 65_536;
const DAY_MS: i64 = 86_400_000;

/// One fault of one property in a write.
#[derive(Debug, Clone)]
pub(super) struct Complaint {
    pub(super) property: String,
    pub(super) code: &'static str,
    pub(super) message: String,
}

impl Complaint {
    pub(super) fn new(property: &str, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            property: property.to_owned(),
            code,
            message: message.into(),
        }
    }
}

/// The stored form of a value that is not empty; `current` is what the row has now.
pub(super) fn accept(
    property: &Property,
    text: &str,
    current: Option<&str>,
    owners: &[Owner],
    pipelines: &[Pipeline],
) -> Result<String, Complaint> {
    let refuse = |code, message: String| Err(Complaint::new(&property.name, code, message));
    match property.kind {
        Kind::String | Kind::PhoneNumber => accept_text(property, text),
        Kind::Number if is_number(text) => Ok(text.to_owned()),
        // The name of the code varies between sources; the message is the one that goes with this name.
        Kind::Number => refuse("INVALID_LONG", format!("{text} was not a valid long.")),
        Kind::Bool if matches!(text, "true" | "false") => Ok(text.to_owned()),
        Kind::Bool => refuse("INVALID_OPTION", not_an_option(property, text)),
        Kind::Enumeration => match property.external {
            None => accept_options(property, text, current),
            Some(Source::Owner) if owners.iter().any(|owner| owner.id == text) => {
                Ok(text.to_owned())
            }
            Some(Source::Owner) => {
                refuse("INVALID_OWNER_ID", format!("Owner {text} does not exist"))
            }
            Some(source) => {
                let options = pipelines::choices(pipelines, source);
                if options.iter().any(|option| option.value == text) {
                    return Ok(text.to_owned());
                }
                // The code for both and the wording for pipelines are unconfirmed.
                let what = if source == Source::Stage {
                    "stage"
                } else {
                    "pipeline"
                };
                refuse("INVALID_OPTION", format!("{text} is not a valid {what}"))
            }
        },
        Kind::Date => accept_date(property, text),
        Kind::Datetime => match instant_ms(text) {
            Some(ms) => Ok(iso_ms(ms)),
            None => refuse("INVALID_DATE", format!("{text} is not a valid date")),
        },
    }
}

fn accept_text(property: &Property, text: &str) -> Result<String, Complaint> {
    let refuse = |code, message: String| Err(Complaint::new(&property.name, code, message));
    if text.chars().count() > MAX_TEXT {
        // Name and wording are unconfirmed; the limit is documented.
        return refuse(
            "VALUE_TOO_LONG",
            format!("The value is longer than the limit of {MAX_TEXT} characters"),
        );
    }
    match property.format {
        None => Ok(text.to_owned()),
        Some(Format::Email) => match email(text) {
            Some(address) => Ok(address),
            None => refuse("INVALID_EMAIL", format!("Email address {text} is invalid")),
        },
        Some(Format::Domain) => match domain(text) {
            Some(host) => Ok(host),
            // Unconfirmed, as is everything about invalid domains.
            None => refuse("INVALID_DOMAIN", format!("Domain {text} is invalid")),
        },
    }
}

fn accept_options(
    property: &Property,
    text: &str,
    current: Option<&str>,
) -> Result<String, Complaint> {
    // Filled by HubSpot as values come: there is no list to hold them against.
    let open = property.options.is_empty();
    let known = |value: &str| open || property.options.iter().any(|option| option.value == value);
    if !property.is_multiple() {
        return if known(text) {
            Ok(text.to_owned())
        } else {
            Err(Complaint::new(
                &property.name,
                "INVALID_OPTION",
                not_an_option(property, text),
            ))
        };
    }
    let appended = text.starts_with(';');
    let mut values: Vec<String> = Vec::new();
    let kept = current.filter(|_| appended).unwrap_or_default();
    for value in kept
        .split(';')
        .chain(text.split(';'))
        .filter(|value| !value.is_empty())
    {
        if !known(value) {
            return Err(Complaint::new(
                &property.name,
                "INVALID_OPTION",
                not_an_option(property, value),
            ));
        }
        let value = if property.name == "hs_additional_emails" {
            email(value).ok_or_else(|| {
                Complaint::new(
                    &property.name,
                    "INVALID_EMAIL",
                    format!("Email address {value} is invalid"),
                )
            })?
        } else {
            value.to_owned()
        };
        if !values.contains(&value) {
            values.push(value);
        }
    }
    Ok(values.join(";"))
}

fn not_an_option(property: &Property, text: &str) -> String {
    let options: Vec<&str> = property
        .options
        .iter()
        .map(|option| option.value.as_str())
        .collect();
    format!(
        "{text} was not one of the allowed options: [{}]",
        options.join(", ")
    )
}

fn accept_date(property: &Property, text: &str) -> Result<String, Complaint> {
    let refuse = |message: String| Err(Complaint::new(&property.name, "INVALID_DATE", message));
    if let Ok(ms) = text.parse::<i64>() {
        if ms.rem_euclid(DAY_MS) != 0 {
            let time = iso_ms(ms);
            let time = time
                .split_once('T')
                .map_or("", |(_, time)| time.trim_end_matches('Z'));
            return refuse(format!("{ms} is at {time} UTC, not midnight!"));
        }
        return Ok(iso_ms(ms)
            .chars()
            .take_while(|letter| *letter != 'T')
            .collect());
    }
    match day(text) {
        Some(_) => Ok(text.to_owned()),
        None => refuse(format!("{text} is not a valid date")),
    }
}

/// A calendar day as `YYYY-MM-DD`, no other form.
pub(super) fn day(text: &str) -> Option<Date> {
    if text.len() == 10 {
        text.parse().ok()
    } else {
        None
    }
}

/// Milliseconds of an instant: ms as text, or ISO 8601 with a zone.
pub(super) fn instant_ms(text: &str) -> Option<i64> {
    if let Ok(ms) = text.parse::<i64>() {
        return Some(ms);
    }
    if text.trim() != text {
        return None;
    }
    text.parse::<Timestamp>()
        .ok()
        .map(Timestamp::as_millisecond)
}

/// A decimal with one dot and no separators; spaces around it are refused since April 2025.
fn is_number(text: &str) -> bool {
    let shaped = text
        .chars()
        .all(|letter| letter.is_ascii_digit() || "+-.eE".contains(letter));
    shaped && text.parse::<f64>().is_ok_and(f64::is_finite)
}

/// An address in lower case, when it is one.
pub(super) fn email(text: &str) -> Option<String> {
    let (local, host) = text.split_once('@')?;
    let clean = |part: &str| {
        !part.is_empty() && !part.contains(|c: char| c.is_whitespace() || "@,;<>()".contains(c))
    };
    (clean(local) && clean(host) && is_host(host)).then(|| text.to_lowercase())
}

/// The host of a domain as typed: lower case, without scheme, path, port or `www.`.
pub(super) fn domain(text: &str) -> Option<String> {
    let lower = text.to_lowercase();
    let rest = lower
        .split_once("://")
        .map_or(lower.as_str(), |(_, rest)| rest);
    let host = rest.split(['/', '?', '#', ':']).next().unwrap_or_default();
    let host = host.strip_prefix("www.").unwrap_or(host);
    is_host(host).then(|| host.to_owned())
}

fn is_host(text: &str) -> bool {
    text.contains('.')
        && text.split('.').all(|label| !label.is_empty())
        && !text.contains(|c: char| c.is_whitespace() || "@,;<>()".contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn domains_lose_scheme_path_and_www() {
        assert_eq!(
            domain("HTTPS://www.Halden.Example/about?x=1").as_deref(),
            Some("halden.example")
        );
        assert_eq!(domain("not a domain"), None);
    }

    #[test]
    fn numbers_have_one_dot_and_no_separators() {
        assert!(is_number("12.5") && is_number("-3") && is_number("1.0E7"));
        for wrong in ["1,000", " 12", "12 ", "1.2.3", "NaN", "inf", "abc"] {
            assert!(!is_number(wrong), "{wrong}");
        }
    }
}
