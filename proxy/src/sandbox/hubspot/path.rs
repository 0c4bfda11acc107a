//! What a path addresses. Numbered and dated forms (hubspot.md §0.0) lead to the same routes.

use http::Method;
use percent_encoding::percent_decode_str;

use super::ask::Version;
use super::{associations, batch, properties};

/// What a path addresses. `ty`, `from` and `to` are names of types as sent.
#[derive(Debug)]
pub(super) enum Route {
    Authorize,
    Token,
    Introspect,
    Revoke,
    TokenInfo(String),
    RefreshToken(String),
    PrivateAppInfo,
    Account,
    Usage,
    Owners,
    Owner(String),
    Rows {
        ty: String,
    },
    Row {
        ty: String,
        id: String,
    },
    Batch {
        ty: String,
        verb: batch::Verb,
    },
    Search {
        ty: String,
    },
    Merge {
        ty: String,
    },
    GdprDelete {
        ty: String,
    },
    Links {
        ty: String,
        id: String,
        to: String,
    },
    DefaultLink(Ends),
    Link(Ends),
    LinkBatch {
        from: String,
        to: String,
        verb: associations::Verb,
    },
    Labels {
        from: String,
        to: String,
    },
    Label {
        from: String,
        to: String,
        id: String,
    },
    Properties {
        ty: String,
    },
    Property {
        ty: String,
        name: String,
    },
    PropertyBatch {
        ty: String,
        verb: properties::Verb,
    },
    Groups {
        ty: String,
    },
    Pipelines {
        ty: String,
    },
    Pipeline {
        ty: String,
        id: String,
    },
    Stages {
        ty: String,
        id: String,
    },
    Schemas,
    Schema {
        ty: String,
    },
    SchemaLinks {
        ty: String,
    },
}

/// Both rows of one link.
#[derive(Debug)]
pub(super) struct Ends {
    pub(super) ty: String,
    pub(super) id: String,
    pub(super) to: String,
    pub(super) to_id: String,
}

pub(super) fn parse(path: &str) -> Option<(Version, Route)> {
    let segments: Option<Vec<String>> = path
        .strip_prefix('/')?
        .split('/')
        .map(|segment| {
            percent_decode_str(segment)
                .decode_utf8()
                .ok()
                .map(std::borrow::Cow::into_owned)
        })
        .collect();
    let mut segments = segments?;
    // Older clients end the owners path with a slash.
    if segments.last().is_some_and(String::is_empty) {
        segments.pop();
    }
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    match segments.as_slice() {
        ["oauth", "authorize"] => Some((Version::Numbered(1), Route::Authorize)),
        ["oauth", version, "token"] => Some((Version::parse(version)?, Route::Token)),
        ["oauth", version, "token", verb @ ("introspect" | "revoke")] => {
            let route = if *verb == "revoke" {
                Route::Revoke
            } else {
                Route::Introspect
            };
            Some((v3_or_dated(version)?, route))
        }
        ["oauth", "v1", "access-tokens", token] => {
            Some((Version::Numbered(1), Route::TokenInfo((*token).to_owned())))
        }
        ["oauth", "v1", "refresh-tokens", token] => Some((
            Version::Numbered(1),
            Route::RefreshToken((*token).to_owned()),
        )),
        ["oauth", "v2", "private-apps", "get", "access-token-info"] => {
            Some((Version::Numbered(1), Route::PrivateAppInfo))
        }
        [
            "account-info",
            version,
            "api-usage",
            "daily",
            "private-apps",
        ] => Some((v3_or_dated(version)?, Route::Usage)),
        ["crm-object-schemas", version, "schemas", rest @ ..] => {
            Some((v3_or_dated(version)?, parse_schemas(rest)?))
        }
        ["crm", "v3", "schemas", rest @ ..] => Some((Version::Numbered(3), parse_schemas(rest)?)),
        ["account-info", version, "details"] => Some((v3_or_dated(version)?, Route::Account)),
        // What the published document writes; the documented form is below.
        ["crm", "associations", "v4", rest @ ..] => {
            Some((Version::Numbered(4), parse_links("associations", rest)?))
        }
        ["crm", "v4", area, rest @ ..] => Some((Version::Numbered(4), parse_links(area, rest)?)),
        // The older forms of two calls, which are still there; links in rows lead to the second.
        ["crm", "v3", "associations", from, to, "batch", "read"] => {
            let rest = [from, to, "batch", "read"];
            Some((Version::Numbered(3), parse_links("associations", &rest)?))
        }
        ["crm", "v3", "objects", ty, id, "associations", to] => {
            let rest = [ty, id, "associations", to];
            Some((Version::Numbered(3), parse_links("objects", &rest)?))
        }
        ["crm", "v3", area, rest @ ..] => Some((Version::Numbered(3), parse_area(area, rest)?)),
        ["crm", area, version, rest @ ..] => {
            let version = Version::parse(version).filter(|version| version.is_dated())?;
            let route = parse_area(area, rest).or_else(|| parse_links(area, rest))?;
            Some((version, route))
        }
        _ => None,
    }
}

fn v3_or_dated(segment: &str) -> Option<Version> {
    Version::parse(segment).filter(|version| version.is_dated() || *version == Version::Numbered(3))
}

fn own(text: &str) -> String {
    text.to_owned()
}

fn parse_area(area: &str, rest: &[&str]) -> Option<Route> {
    Some(match (area, rest) {
        ("owners", []) => Route::Owners,
        ("owners", [id]) => Route::Owner(own(id)),
        ("objects", [ty]) => Route::Rows { ty: own(ty) },
        ("objects", [ty, "search"]) => Route::Search { ty: own(ty) },
        ("objects", [ty, "merge"]) => Route::Merge { ty: own(ty) },
        ("objects", [ty, "gdpr-delete"]) => Route::GdprDelete { ty: own(ty) },
        ("objects", [ty, "batch", verb]) => Route::Batch {
            ty: own(ty),
            verb: batch::Verb::parse(verb)?,
        },
        ("objects", [ty, id]) => Route::Row {
            ty: own(ty),
            id: own(id),
        },
        ("properties", [ty]) => Route::Properties { ty: own(ty) },
        ("properties", [ty, "groups"]) => Route::Groups { ty: own(ty) },
        ("properties", [ty, "batch", verb]) => Route::PropertyBatch {
            ty: own(ty),
            verb: properties::Verb::parse(verb)?,
        },
        ("pipelines", [ty]) => Route::Pipelines { ty: own(ty) },
        ("pipelines", [ty, id]) => Route::Pipeline {
            ty: own(ty),
            id: own(id),
        },
        ("pipelines", [ty, id, "stages"]) => Route::Stages {
            ty: own(ty),
            id: own(id),
        },
        ("properties", [ty, name]) => Route::Property {
            ty: own(ty),
            name: own(name),
        },
        _ => return None,
    })
}

fn parse_schemas(rest: &[&str]) -> Option<Route> {
    Some(match rest {
        [] => Route::Schemas,
        [ty] => Route::Schema { ty: own(ty) },
        [ty, "associations"] => Route::SchemaLinks { ty: own(ty) },
        _ => return None,
    })
}

/// What v4 and dated paths have of links.
fn parse_links(area: &str, rest: &[&str]) -> Option<Route> {
    Some(match (area, rest) {
        ("objects", [ty, id, "associations", to]) => Route::Links {
            ty: own(ty),
            id: own(id),
            to: own(to),
        },
        ("objects", [ty, id, "associations", "default", to, to_id]) => {
            Route::DefaultLink(Ends::new(ty, id, to, to_id))
        }
        ("objects", [ty, id, "associations", to, to_id]) => {
            Route::Link(Ends::new(ty, id, to, to_id))
        }
        ("associations", [from, to, "labels"]) => Route::Labels {
            from: own(from),
            to: own(to),
        },
        ("associations", [from, to, "labels", id]) => Route::Label {
            from: own(from),
            to: own(to),
            id: own(id),
        },
        ("associations", [from, to, "batch", verb @ ..]) => Route::LinkBatch {
            from: own(from),
            to: own(to),
            verb: associations::Verb::parse(verb)?,
        },
        _ => return None,
    })
}

impl Ends {
    fn new(ty: &str, id: &str, to: &str, to_id: &str) -> Self {
        Self {
            ty: own(ty),
            id: own(id),
            to: own(to),
            to_id: own(to_id),
        }
    }
}

impl Route {
    pub(super) fn methods(&self) -> &'static [Method] {
        match self {
            Self::Token
            | Self::Introspect
            | Self::Revoke
            | Self::Batch { .. }
            | Self::Search { .. }
            | Self::Merge { .. }
            | Self::GdprDelete { .. }
            | Self::PrivateAppInfo
            | Self::PropertyBatch { .. }
            | Self::Stages { .. }
            | Self::SchemaLinks { .. }
            | Self::LinkBatch { .. } => &[Method::POST],
            Self::TokenInfo(_)
            | Self::Account
            | Self::Owners
            | Self::Owner(_)
            | Self::Usage
            | Self::Links { .. }
            | Self::Pipeline { .. } => &[Method::GET],
            Self::Authorize
            | Self::Rows { .. }
            | Self::Properties { .. }
            | Self::Groups { .. }
            | Self::Pipelines { .. }
            | Self::Schemas => &[Method::GET, Method::POST],
            Self::RefreshToken(_) => &[Method::GET, Method::DELETE],
            Self::Row { .. } | Self::Property { .. } | Self::Schema { .. } => {
                &[Method::GET, Method::PATCH, Method::DELETE]
            }
            Self::DefaultLink(_) => &[Method::PUT],
            Self::Link(_) => &[Method::PUT, Method::DELETE],
            Self::Labels { .. } => &[Method::GET, Method::POST, Method::PUT],
            Self::Label { .. } => &[Method::DELETE],
        }
    }
}
