//! A visit: one browser on the page, from the link that it came by until an hour later.
//!
//! The browser holds a cookie that no script reads and no other site's form is sent with. It is a secret of its own, made
//! when the link is opened: a consent that one browser began cannot be brought to its end by another, not even by one
//! that has the same link.

use std::time::Duration;

use http::{HeaderMap, header::COOKIE};
use serde_json::Value;
use url::Url;

use super::{failed, link::Invitation, origin};
use crate::{
    error::{Code, Error},
    own::Own,
    store::{Grant, GrantFault, GrantKind, NewGrant},
};

/// Long enough to find a password, short enough for a machine that others use as well.
const LONGEST: Duration = Duration::from_hours(1);
const LONGEST_COOKIE: usize = 128;

/// Who is on the page, and what for.
#[derive(Debug)]
pub(super) struct Visit {
    /// Of the visit, no secret.
    pub(super) id: String,
    pub(super) customer: String,
    pub(super) invitation: Invitation,
}

impl Visit {
    fn read(grant: Grant) -> Result<Self, Error> {
        let customer = grant.customer_id.ok_or_else(unusable)?;
        let invitation = grant.data.unwrap_or(Value::Null);
        Ok(Self {
            id: grant.id,
            customer,
            invitation: serde_json::from_value(invitation).map_err(|_| unusable())?,
        })
    }
}

fn unusable() -> Error {
    Error::new(Code::InternalServerError, "the link cannot be read")
}

/// Begins a visit with the secret of a link; the cookie is to be set in the answer.
pub(super) async fn open(own: &Own, link: &str) -> Result<(Visit, String), Error> {
    let store = own.store()?;
    let found = store
        .find_grant(GrantKind::MagicLink, link)
        .await
        .map_err(failed)?;
    let grant = found.ok_or_else(|| refused(GrantFault::Unknown))?;
    if let Some(fault) = grant.fault() {
        return Err(refused(fault));
    }
    let lasts = grant.lasts().map_or(LONGEST, |left| left.min(LONGEST));
    let new = NewGrant {
        customer_id: grant.customer_id.as_deref(),
        data: grant.data.as_ref(),
        ..NewGrant::new(GrantKind::ConnectVisit, Some(lasts))
    };
    let (visit, secret) = store.make_grant(&new).await.map_err(failed)?;
    let cookie = Cookie::of(own).set(&secret.show_once(), lasts);
    Ok((Visit::read(visit)?, cookie))
}

/// The visit that a browser is on.
pub(super) async fn current(own: &Own, headers: &HeaderMap) -> Result<Visit, Error> {
    let store = own.store()?;
    let cookie = Cookie::of(own);
    let Some(secret) = cookie.get(headers) else {
        return Err(Error::new(
            Code::Forbidden,
            "this browser has not opened a link yet, or did so more than an hour ago; open your link again",
        ));
    };
    let found = store
        .find_grant(GrantKind::ConnectVisit, secret)
        .await
        .map_err(failed)?;
    match found {
        Some(grant) if grant.fault().is_none() => Visit::read(grant),
        _ => Err(Error::new(
            Code::Forbidden,
            "this page has been open for too long; open your link again",
        )),
    }
}

fn refused(fault: GrantFault) -> Error {
    Error::new(
        Code::Forbidden,
        match fault {
            GrantFault::Unknown => "this link is not known; open it again from where you got it",
            GrantFault::Expired => "this link has expired; ask for a new one",
            GrantFault::Revoked | GrantFault::Used => {
                "this link is no longer good; ask for a new one"
            }
        },
    )
}

/// The cookie's name and reach.
struct Cookie {
    name: String,
    reach: &'static str,
}

impl Cookie {
    /// Over HTTPS the name begins with `__Host-`, which no other host under the same domain can set. On loopback every
    /// port shares its cookies, so the port stands in the name.
    fn of(own: &Own) -> Self {
        let origin = Url::parse(&origin(own)).ok();
        match origin.filter(|origin| origin.scheme() == "http") {
            None => Self {
                name: "__Host-crosswalk_connect".to_owned(),
                reach: "Path=/; Secure",
            },
            Some(origin) => Self {
                name: format!(
                    "crosswalk_connect_{}",
                    origin.port_or_known_default().unwrap_or_default()
                ),
                reach: "Path=/connect",
            },
        }
    }

    fn set(&self, value: &str, lasts: Duration) -> String {
        let Self { name, reach } = self;
        let seconds = lasts.as_secs().max(1);
        format!("{name}={value}; {reach}; HttpOnly; SameSite=Lax; Max-Age={seconds}")
    }

    /// The value that a browser sent; none where there are two, of which one is not ours.
    fn get<'h>(&self, headers: &'h HeaderMap) -> Option<&'h str> {
        let mut values = headers
            .get_all(COOKIE)
            .iter()
            .filter_map(|header| header.to_str().ok())
            .flat_map(|header| header.split(';'))
            .filter_map(|pair| pair.trim().split_once('='))
            .filter(|(name, _)| *name == self.name)
            .map(|(_, value)| value);
        let value = values.next()?;
        (values.next().is_none() && value.len() <= LONGEST_COOKIE).then_some(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn get(headers: &[&str]) -> Option<String> {
        let mut map = HeaderMap::new();
        for header in headers {
            map.append(COOKIE, header.parse().unwrap());
        }
        let cookie = Cookie {
            name: "a".to_owned(),
            reach: "",
        };
        cookie.get(&map).map(str::to_owned)
    }

    #[test]
    fn the_cookie_is_found_among_others_and_refused_twice() {
        assert_eq!(get(&["b=1; a=2; c=3"]).as_deref(), Some("2"));
        assert_eq!(get(&["b=1", "a=2"]).as_deref(), Some("2"));
        assert_eq!(get(&["a=1; a=2"]), None);
        assert_eq!(get(&["a=1", "a=1"]), None);
        assert_eq!(get(&["aa=1; b=a"]), None);
        assert_eq!(get(&[]), None);
        assert_eq!(get(&[&format!("a={}", "x".repeat(129))]), None);
    }

    #[test]
    fn the_cookie_is_out_of_reach_of_scripts_and_other_sites() {
        let cookie = Cookie {
            name: "a".to_owned(),
            reach: "Path=/; Secure",
        };
        assert_eq!(
            cookie.set("x", Duration::from_mins(1)),
            "a=x; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=60"
        );
    }
}
