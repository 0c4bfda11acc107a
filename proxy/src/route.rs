//! The routes of the unified API, as data that codegen writes from `specs/unified.yaml`, and the lookup in them.
//!
//! Assumes that the table comes from a checked spec: no two routes with the same method and the same form of path.

use bytes::Bytes;
use http::Method;
use percent_encoding::percent_decode_str;

use crate::{
    capability::Capabilities,
    error::{Code, Error},
    model::Entity,
    translate::{self, Context, Translator},
    upstream::provider::{Effect, Provider},
};

/// One operation of the unified API and where it is reached.
#[derive(Debug)]
pub struct Route {
    pub method: Method,
    /// With parameters in braces: `/unified/crm/account/{id}`.
    pub path: &'static str,
    /// As in `crm.account.get`.
    pub operation: &'static str,
    pub effect: Effect,
    pub served_by: ServedBy,
}

/// Who does what an operation asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServedBy {
    /// The provider of the connection, by a translator.
    Provider,
    /// The proxy by itself, in [`crate::own`].
    Own,
}

/// A request of the app, found to be for one route and not yet decoded.
#[derive(Debug, Clone)]
pub struct UnifiedRequest {
    /// The path parameters, percent-decoded, by name.
    pub path: Vec<(&'static str, String)>,
    /// The query, percent-decoded, in the order sent.
    pub query: Vec<(String, String)>,
    pub body: Bytes,
}

/// Makes the translator of an operation.
pub type MakeTranslator =
    fn(operation: &'static str, Context, &UnifiedRequest) -> Result<Box<dyn Translator>, Error>;

/// Everything that codegen wrote, as the one value that the proxy is built from.
#[derive(Debug, Clone, Copy)]
pub struct Api {
    /// Its contract, as `specs/unified.yaml` has it.
    pub document: &'static str,
    /// Where the mappings say what each field comes from, as JSON by provider, entity and field.
    pub origins: &'static str,
    pub routes: &'static [Route],
    /// What the records of each entity have, for those who keep them in tables.
    pub entities: &'static [Entity],
    pub providers: &'static [&'static Provider],
    /// What each of them has of the unified API.
    pub capabilities: &'static [&'static Capabilities],
    /// What each of them translates records of.
    pub records: &'static [&'static [&'static translate::entity::Entity]],
    /// Decodes a request and makes its translator. A wrong request is refused here, before anything is sent.
    pub translator: MakeTranslator,
}

impl Api {
    /// The provider with this name.
    pub fn provider(&self, name: &str) -> Option<&'static Provider> {
        self.providers
            .iter()
            .copied()
            .find(|provider| provider.name == name)
    }

    /// The entity with this name, as in `crm.account`.
    pub fn entity(&self, name: &str) -> Option<&'static Entity> {
        self.entities.iter().find(|entity| entity.name == name)
    }
}

/// A route that was found, with the values of its parameters.
#[derive(Debug)]
pub struct Match {
    pub route: &'static Route,
    pub parameters: Vec<(&'static str, String)>,
}

/// The routes of an API, ready to be looked up.
#[derive(Debug)]
pub struct Router {
    /// By how many slashes they have, in the order in which they are tried: what is more literal goes first.
    paths: Vec<Vec<Path>>,
}

/// A route with its path taken apart.
#[derive(Debug)]
struct Path {
    route: &'static Route,
    /// All that stands before the first parameter. Most paths are told apart by it alone.
    prefix: &'static str,
    /// What follows, by segments; the first one goes on where the prefix ends.
    rest: Vec<Segment>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Segment {
    Literal(&'static str),
    Parameter(&'static str),
}

impl Router {
    pub fn new(routes: &'static [Route]) -> Self {
        let mut paths: Vec<Vec<Path>> = Vec::new();
        for route in routes {
            let slashes = slashes(route.path);
            if paths.len() <= slashes {
                paths.resize_with(slashes + 1, Vec::new);
            }
            paths[slashes].push(Path::new(route));
        }
        for paths in &mut paths {
            paths.sort_by_cached_key(|path| std::cmp::Reverse(literals(path.route.path)));
        }
        Self { paths }
    }

    /// Finds the route of a request. A path with a literal segment goes before one with a parameter in its place.
    pub fn find(&self, method: &Method, path: &str) -> Result<Match, Error> {
        let mut alike = self.alike(path);
        let found = alike.find(|it| it.route.method == *method && it.fits(path));
        match found {
            Some(found) => Ok(Match {
                route: found.route,
                parameters: found.parameters(path)?,
            }),
            None => Err(self.not_found(method, path)),
        }
    }

    /// The paths that have as many slashes.
    fn alike(&self, path: &str) -> impl Iterator<Item = &Path> {
        self.paths.get(slashes(path)).into_iter().flatten()
    }

    fn not_found(&self, method: &Method, path: &str) -> Error {
        let fitting = self.alike(path).filter(|it| it.fits(path));
        let mut allow: Vec<&str> = fitting.map(|it| it.route.method.as_str()).collect();
        if allow.is_empty() {
            return Error::not_found(format!(
                "no operation has the path `{}`; /openapi.json has all paths, as /unified/crm/account",
                shorten(path)
            ));
        }
        allow.sort_unstable();
        allow.dedup();
        let allow = allow.join(", ");
        let mut error = Error::new(
            Code::MethodNotSupported,
            format!("the path has no operation for {method}, expected {allow}"),
        );
        error.allow = Some(allow.into());
        error
    }
}

impl Path {
    fn new(route: &'static Route) -> Self {
        let (prefix, rest) = route.path.find('{').map_or((route.path, None), |at| {
            (&route.path[..at], Some(&route.path[at..]))
        });
        let rest = rest.into_iter().flat_map(|rest| rest.split('/'));
        let rest = rest.map(|segment| match parameter(segment) {
            Some(name) => Segment::Parameter(name),
            None => Segment::Literal(segment),
        });
        Self {
            route,
            prefix,
            rest: rest.collect(),
        }
    }

    /// Whether a path is for this route, which has as many slashes.
    fn fits(&self, path: &str) -> bool {
        if self.rest.is_empty() {
            return path == self.prefix;
        }
        let Some(found) = path.strip_prefix(self.prefix) else {
            return false;
        };
        // The path has as many slashes as the route, so what is left of it is this one segment.
        if let [Segment::Parameter(_)] = self.rest.as_slice() {
            return !found.is_empty();
        }
        let mut found = found.split('/');
        let fit = |wanted: &Segment| match (wanted, found.next()) {
            (Segment::Literal(wanted), Some(found)) => *wanted == found,
            (Segment::Parameter(_), Some(found)) => !found.is_empty(),
            (_, None) => false,
        };
        self.rest.iter().all(fit) && found.next().is_none()
    }

    /// The values of the parameters in a path that fits.
    fn parameters(&self, path: &str) -> Result<Vec<(&'static str, String)>, Error> {
        let found = path.get(self.prefix.len()..).unwrap_or_default().split('/');
        let mut parameters = Vec::new();
        for (wanted, found) in self.rest.iter().zip(found) {
            let Segment::Parameter(name) = *wanted else {
                continue;
            };
            // Nearly every id stands for itself.
            if !found.contains('%') {
                parameters.push((name, found.to_owned()));
                continue;
            }
            let value = percent_decode_str(found).decode_utf8().map_err(|_| {
                Error::issue(
                    format!("path.{name}"),
                    format!("expected UTF-8, found `{}`", shorten(found)),
                )
            })?;
            parameters.push((name, value.into_owned()));
        }
        Ok(parameters)
    }
}

fn slashes(path: &str) -> usize {
    memchr::memchr_iter(b'/', path.as_bytes()).count()
}

/// The name of a parameter, where the segment is one.
fn parameter(segment: &'static str) -> Option<&'static str> {
    segment.strip_prefix('{')?.strip_suffix('}')
}

/// Which segments are literals, from the end on: what stands last says most, so `{entity}/_count` goes before
/// `account/{id}`.
fn literals(template: &'static str) -> Vec<bool> {
    let segments = template.rsplit('/');
    segments
        .map(|segment| parameter(segment).is_none())
        .collect()
}

/// Enough of the caller's text to recognize it.
fn shorten(text: &str) -> String {
    const ENOUGH: usize = 120;
    match text.char_indices().nth(ENOUGH) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", &text[..end]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    static ROUTES: [Route; 4] = [
        route(Method::GET, "/unified/crm/account", "crm.account.list"),
        route(Method::GET, "/unified/crm/account/{id}", "crm.account.get"),
        route(
            Method::PATCH,
            "/unified/crm/account/{id}",
            "crm.account.update",
        ),
        route(
            Method::GET,
            "/unified/crm/{entity}/_count",
            "crm.object.count",
        ),
    ];

    fn find(method: &Method, path: &str) -> Result<Match, Error> {
        Router::new(&ROUTES).find(method, path)
    }

    const fn route(method: Method, path: &'static str, operation: &'static str) -> Route {
        Route {
            method,
            path,
            operation,
            effect: Effect::Read,
            served_by: ServedBy::Provider,
        }
    }

    #[test]
    fn a_literal_goes_before_a_parameter() {
        let found = find(&Method::GET, "/unified/crm/account/_count").unwrap();
        assert_eq!(found.route.operation, "crm.object.count");
        assert_eq!(found.parameters, [("entity", "account".to_owned())]);
    }

    #[test]
    fn parameters_are_percent_decoded_once() {
        let found = find(&Method::GET, "/unified/crm/account/a%2F%252e").unwrap();
        assert_eq!(found.parameters, [("id", "a/%2e".to_owned())]);
    }

    #[test]
    fn a_parameter_that_is_not_utf_8_is_a_bad_request() {
        let error = find(&Method::GET, "/unified/crm/account/%ff").unwrap_err();
        assert_eq!(error.code, Code::BadRequest);
        assert_eq!(error.issues[0].path.as_deref(), Some("path.id"));
    }

    #[test]
    fn another_method_is_answered_with_those_that_exist() {
        let error = find(&Method::DELETE, "/unified/crm/account/1").unwrap_err();
        assert_eq!(error.code, Code::MethodNotSupported);
        assert_eq!(error.allow.as_deref(), Some("GET, PATCH"));
    }

    /// Covers: path-tricks
    #[test]
    fn paths_must_be_exact() {
        for path in [
            "",
            "*",
            "/unified/crm/account/",
            "/unified/crm/account/1/",
            "//unified/crm/account",
            "/unified/crm/ACCOUNT",
            "/unified/crm/account/../account",
        ] {
            let error = find(&Method::GET, path).unwrap_err();
            assert_eq!(error.code, Code::NotFound, "{path}");
        }
    }
}
