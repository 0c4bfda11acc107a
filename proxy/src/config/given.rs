//! From what a connection was given to where it leads: the checks that a connection of the configuration and one of
//! the store have in common.
//!
//! Knows plain values alone, and no place of theirs but their key: who asks tells it to people in his own way.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use url::Url;

use super::check::{is_allowed_host, is_loopback, is_origin, with_origin};
use crate::{
    translate::CursorKey,
    upstream::provider::{BaseUrl, Provider, VersionMatch},
};

/// What decides where a connection leads, as it was given.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Given<'a> {
    pub(crate) provider: &'static Provider,
    pub(crate) api_version: Option<&'a str>,
    pub(crate) login_url: Option<&'a str>,
    /// What every provider takes.
    pub(crate) base_url: Option<&'a str>,
    /// The setting that the provider names for it.
    pub(crate) own_url: Option<&'a str>,
    /// Whether a refresh will tell where the API is, where the provider's tokens do.
    pub(crate) has_oauth: bool,
}

/// Where a connection leads.
#[derive(Debug)]
pub(crate) struct Settled {
    /// As it stands in paths.
    pub(crate) api_version: String,
    pub(crate) roots: Vec<String>,
    /// None where it comes with the token.
    pub(crate) base_url: Option<Url>,
    pub(crate) token_url: Url,
}

/// Something that cannot be used.
#[derive(Debug)]
pub(crate) struct Wrong {
    /// None where it is about the connection as a whole.
    pub(crate) key: Option<&'static str>,
    pub(crate) message: String,
}

impl Wrong {
    fn new(key: &'static str, message: impl Into<String>) -> Self {
        Self {
            key: Some(key),
            message: message.into(),
        }
    }
}

impl Settled {
    /// Each connection's own key, so that a cursor of one means nothing to another, nor to the same one at another
    /// place.
    pub(crate) fn cursor_key(&self, key: &[u8; 32], id: &str) -> CursorKey {
        // Where the address comes with the token, the place that issues tokens stands for it.
        let place = self.base_url.as_ref().unwrap_or(&self.token_url);
        let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("any length is a key");
        mac.update(id.as_bytes());
        // No id has a space in it.
        mac.update(b" ");
        mac.update(place.as_str().as_bytes());
        CursorKey(mac.finalize().into_bytes().into())
    }
}

/// Finds out where a connection leads; everything that is wrong, otherwise.
pub(crate) fn settle(given: &Given<'_>) -> Result<Settled, Vec<Wrong>> {
    let mut wrong = Vec::new();
    let version = noted(version(given), &mut wrong);
    let login_url = noted(login_url(given), &mut wrong);
    let base_url = noted(base_url(given), &mut wrong);
    noted(has_place(given), &mut wrong);
    let (Some((api_version, roots)), Some(login_url), Some(base_url)) =
        (version, login_url, base_url)
    else {
        return Err(wrong);
    };
    let token_url = noted(
        token_url(given.provider, login_url.as_deref(), base_url.as_ref()),
        &mut wrong,
    );
    match token_url {
        Some(token_url) if wrong.is_empty() => Ok(Settled {
            api_version,
            roots,
            base_url: base_url.or_else(|| fixed(given.provider)),
            token_url,
        }),
        _ => Err(wrong),
    }
}

fn noted<T>(result: Result<T, Wrong>, wrong: &mut Vec<Wrong>) -> Option<T> {
    result.map_err(|fault| wrong.push(fault)).ok()
}

/// The version of the provider's API that a connection uses, and the beginnings of its paths.
fn version(given: &Given<'_>) -> Result<(String, Vec<String>), Wrong> {
    let versions = &given.provider.versions;
    let version = given.api_version.unwrap_or(versions.default);
    let found = versions.families.iter().find_map(|family| {
        matching(&family.matches, version).map(|version| (version, family.roots))
    });
    let Some((version, roots)) = found else {
        let expected: Vec<_> = versions
            .families
            .iter()
            .map(|family| match &family.matches {
                VersionMatch::OneOf(versions) => versions.join(", "),
                VersionMatch::AtLeast(least) => format!("{least} and later"),
            })
            .collect();
        return Err(Wrong::new(
            "api_version",
            format!(
                "expected a version of {}'s API: {}",
                given.provider.title,
                expected.join(", ")
            ),
        ));
    };
    let roots = roots.iter();
    let roots = roots.map(|root| root.replace("{version}", version));
    Ok((version.to_owned(), roots.collect()))
}

/// The host that issues tokens, where the provider has several.
fn login_url(given: &Given<'_>) -> Result<Option<String>, Wrong> {
    let provider = given.provider;
    let Some(text) = given.login_url else {
        return Ok(provider.auth.login_url.map(str::to_owned));
    };
    if provider.auth.login_url.is_none() {
        return Err(Wrong::new(
            "login_url",
            format!(
                "{} has one token endpoint for everybody; leave it out",
                provider.title
            ),
        ));
    }
    let url = origin("login_url", text)?;
    if let BaseUrl::PerConnection { allowed_hosts, .. } = &provider.base_url
        && !is_loopback(&url)
        && !is_allowed_host(&url, allowed_hosts)
    {
        return Err(Wrong::new(
            "login_url",
            format!(
                "expected a host that ends with {}; credentials go there",
                allowed_hosts.join(" or ")
            ),
        ));
    }
    Ok(Some(url.origin().ascii_serialization()))
}

/// The `base_url` that a connection may give to every provider, or the setting that the provider names.
fn base_url(given: &Given<'_>) -> Result<Option<Url>, Wrong> {
    let BaseUrl::PerConnection {
        setting,
        allowed_hosts,
    } = &given.provider.base_url
    else {
        return given
            .base_url
            .map(|text| origin("base_url", text))
            .transpose();
    };
    let (key, text) = match (given.own_url, given.base_url) {
        (Some(_), Some(_)) => {
            return Err(Wrong::new(
                "base_url",
                format!("expected either base_url or {setting}, found both"),
            ));
        }
        (Some(own), None) => (*setting, own),
        (None, Some(general)) => ("base_url", general),
        (None, None) => return Ok(None),
    };
    let url = origin(key, text)?;
    if is_loopback(&url) || is_allowed_host(&url, allowed_hosts) {
        return Ok(Some(url));
    }
    Err(Wrong::new(
        key,
        format!(
            "expected a host that ends with {}",
            allowed_hosts.join(" or ")
        ),
    ))
}

/// Whether anything tells where the API is.
fn has_place(given: &Given<'_>) -> Result<(), Wrong> {
    let provider = given.provider;
    let BaseUrl::PerConnection { setting, .. } = provider.base_url else {
        return Ok(());
    };
    let is_given = given.own_url.is_some() || given.base_url.is_some();
    let is_told = given.has_oauth && provider.auth.base_url_member.is_some();
    if is_given || is_told {
        return Ok(());
    }
    Err(Wrong {
        key: None,
        message: format!(
            "{setting} is missing; every {} account has a host of its own, and an access token alone does not tell it",
            provider.title
        ),
    })
}

fn token_url(
    provider: &Provider,
    login_url: Option<&str>,
    base_url: Option<&Url>,
) -> Result<Url, Wrong> {
    let url = provider
        .auth
        .token_url
        .replace("{login_url}", login_url.unwrap_or_default());
    let url = Url::parse(&url).map_err(|_| Wrong {
        key: None,
        message: "login_url is missing; expected the host that issues tokens".to_owned(),
    })?;
    // The token endpoint of a provider that we play on loopback is there as well.
    Ok(match (base_url, &provider.base_url) {
        (Some(base), BaseUrl::Fixed(_)) if is_loopback(base) => with_origin(&url, base),
        _ => url,
    })
}

/// An origin: https, or http on loopback; nothing after the port.
fn origin(key: &'static str, text: &str) -> Result<Url, Wrong> {
    Url::parse(text).ok().filter(is_origin).ok_or_else(|| {
        Wrong::new(
            key,
            "expected https:// and a host, nothing behind it; http:// only on loopback, for the sandbox",
        )
    })
}

fn fixed(provider: &Provider) -> Option<Url> {
    match provider.base_url {
        BaseUrl::Fixed(url) => Url::parse(url).ok(),
        BaseUrl::PerConnection { .. } => None,
    }
}

/// The version as it stands in paths, where the family has it.
fn matching<'a>(family: &VersionMatch, version: &'a str) -> Option<&'a str> {
    match family {
        VersionMatch::OneOf(versions) => versions.contains(&version).then_some(version),
        VersionMatch::AtLeast(least) => {
            // People write it with the letter that stands before it in paths.
            let version = version.strip_prefix('v').unwrap_or(version);
            (numbers(version)? >= numbers(least)?).then_some(version)
        }
    }
}

fn numbers(version: &str) -> Option<(u32, u32)> {
    let (major, minor) = version.split_once('.')?;
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(major) || !digits(minor) {
        return None;
    }
    Some((major.parse().ok()?, minor.parse().ok()?))
}
