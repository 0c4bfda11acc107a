//! Our operations and theirs: the same method, and paths that say the same.
//!
//! A path of ours may be written in several ways: as it is, as a family of versions writes it, or as `document.paths`
//! says. Names of path parameters do not count. A parameter of ours may be a literal of theirs where a mapping gives it
//! that very value, so that one operation of ours can be many of theirs.

use crate::{
    mapping::{document::MappingDocument, provider::MappingProvider},
    source::Text,
    spec::SpecOperation,
};

use super::document::{Document, TheirOperation};

/// Values that path parameters are given, by name. Of several for one name the first counts.
pub(super) type Bound = Vec<(String, String)>;

/// The operation of theirs that ours is when these parameters are bound. A path that is nearer to the values bound
/// comes first, as it does for a server.
pub(super) fn find<'d>(
    documents: &'d [Document],
    provider: &MappingProvider,
    said: Option<&MappingDocument>,
    operation: &SpecOperation,
    bound: &Bound,
) -> Option<(&'d Document, &'d TheirOperation)> {
    let ways = ways(provider, said, &operation.path);
    let matcher = Matcher {
        version: &provider.version.parameter.value,
        bound,
    };
    let candidates = documents.iter().flat_map(|document| {
        let operations = document.operations.iter();
        operations.map(move |operation| (document, operation))
    });
    candidates
        .filter(|(_, theirs)| theirs.method == operation.method)
        .filter_map(|(document, theirs)| {
            let paths = theirs.full_paths.iter();
            let pairs = paths.flat_map(|path| ways.iter().map(move |way| (way, path)));
            let literals = pairs
                .filter_map(|(way, path)| matcher.literals(way, path))
                .max()?;
            Some((literals, document, theirs))
        })
        // The first of the best ones: `max_by_key` would take the last.
        .reduce(|best, next| if next.0 > best.0 { next } else { best })
        .map(|(_, document, theirs)| (document, theirs))
}

/// All ways to write a path of ours.
fn ways(provider: &MappingProvider, said: Option<&MappingDocument>, path: &str) -> Vec<String> {
    let rewritten = |(from, to): &(Text, Text)| {
        let rest = path.strip_prefix(from.as_str())?;
        (rest.is_empty() || rest.starts_with('/')).then(|| format!("{}{rest}", to.value))
    };
    let said = said.into_iter().flat_map(|document| &document.paths);
    let families = provider.version.families.iter();
    let families = families.flat_map(|family| &family.paths);
    let mut ways: Vec<String> = said.chain(families).filter_map(rewritten).collect();
    ways.push(path.to_owned());
    ways
}

struct Matcher<'a> {
    version: &'a str,
    bound: &'a Bound,
}

impl Matcher<'_> {
    /// How many literals of theirs stand where we have parameters; none where the paths differ.
    fn literals(&self, ours: &str, theirs: &str) -> Option<usize> {
        let (ours, theirs) = (segments(ours), segments(theirs));
        if ours.len() != theirs.len() {
            return None;
        }
        let mut literals = 0;
        for (ours, theirs) in ours.iter().zip(&theirs) {
            if unnamed(ours) == unnamed(theirs) || self.is_version(ours, theirs) {
                continue;
            }
            // The first one counts, as the call says it.
            let mut bound = self.bound.iter();
            let bound = bound.find(|(name, _)| format!("{{{name}}}") == **ours);
            if bound.is_none_or(|(_, value)| value != theirs) {
                return None;
            }
            literals += 1;
        }
        Some(literals)
    }

    /// `v{version}` of ours and `v59.0` of theirs, whichever version that is: their document may be newer than ours.
    fn is_version(&self, ours: &str, theirs: &str) -> bool {
        let Some((before, after)) = ours.split_once(&format!("{{{}}}", self.version)) else {
            return false;
        };
        let middle = theirs
            .strip_prefix(before)
            .and_then(|rest| rest.strip_suffix(after));
        middle.is_some_and(|middle| {
            let digits = middle.strip_prefix('v').unwrap_or(middle);
            digits.starts_with(|first: char| first.is_ascii_digit())
                && middle.chars().all(|character| {
                    character.is_ascii_alphanumeric() || ['.', '-', '_'].contains(&character)
                })
        })
    }
}

fn segments(path: &str) -> Vec<&str> {
    path.trim_end_matches('/').split('/').collect()
}

/// A segment without the names of its parameters.
fn unnamed(segment: &str) -> String {
    let mut text = String::new();
    let mut rest = segment;
    while let Some((before, after)) = rest.split_once('{') {
        text.push_str(before);
        text.push_str("{}");
        rest = after.split_once('}').map_or("", |(_, rest)| rest);
    }
    text + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn literals(ours: &str, theirs: &str) -> Option<usize> {
        let bound = [("kind", "people"), ("kind", "ships")];
        let bound = bound
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .to_vec();
        let matcher = Matcher {
            version: "version",
            bound: &bound,
        };
        matcher.literals(ours, theirs)
    }

    #[test]
    fn names_of_parameters_do_not_count() {
        assert_eq!(literals("/a/{kind}/{id}", "/a/{type}/{key}/"), Some(0));
        assert_eq!(literals("/a/{id}:find", "/a/{key}:find"), Some(0));
        assert_eq!(literals("/a/{id}:find", "/a/{key}:look"), None);
        assert_eq!(literals("/a/describe", "/a/{id}"), None);
    }

    #[test]
    fn a_value_that_is_bound_may_be_a_literal() {
        assert_eq!(literals("/a/{kind}/{id}", "/a/people/{id}"), Some(1));
        assert_eq!(literals("/a/{kind}/{id}", "/a/places/{id}"), None);
        assert_eq!(literals("/a/{kind}/{id}", "/a/ships/{id}"), None);
        assert_eq!(literals("/a/{id}", "/a/people"), None);
    }

    #[test]
    fn any_version_is_a_version() {
        for version in ["v2", "v59.0", "v2027-03", "v3-beta.1", "v{version}"] {
            let theirs = format!("/api/{version}/a");
            assert_eq!(literals("/api/v{version}/a", &theirs), Some(0), "{version}");
        }
        assert_eq!(literals("/api/{version}/a", "/api/v3/a"), Some(0));
        assert_eq!(literals("/api/{version}/a", "/api/people/a"), None);
    }
}
