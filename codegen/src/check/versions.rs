//! Versions of a provider's API and the beginnings of its paths.
//!
//! A root is a path of the spec up to the segment that has the version in it. Families of versions write roots in their
//! own way; what follows the root is the same for all.

use crate::{
    diagnostic::{Diagnostic, Sink},
    mapping::provider::{MappingFamily, MappingVersion},
    plan::{PlanVersionFamily, PlanVersionMatch, PlanVersions},
    source::Text,
    spec::Spec,
};

/// The roots of a spec, each once, in its order.
#[derive(Debug)]
pub(super) struct Roots {
    parameter: String,
    roots: Vec<String>,
}

impl Roots {
    pub(super) fn new(spec: &Spec, parameter: &str) -> Self {
        let mut roots = Self {
            parameter: parameter.to_owned(),
            roots: Vec::new(),
        };
        for operation in spec.operations.values() {
            let (root, _) = roots.divide(&operation.path);
            let root = root.to_owned();
            if !roots.roots.contains(&root) {
                roots.roots.push(root);
            }
        }
        roots
    }

    /// The root of a path, by number, and the rest.
    pub(super) fn split<'p>(&self, path: &'p str) -> (usize, &'p str) {
        let (root, rest) = self.divide(path);
        let root = self.roots.iter().position(|known| known == root);
        (
            root.expect("every path of the spec has given its root"),
            rest,
        )
    }

    /// Refuses what no path of the spec begins with.
    pub(super) fn known(&self, root: &Text, spec: &Spec, sink: &Sink) {
        if !self.roots.contains(&root.value) {
            let message = format!("no path of {} begins with `{}`", spec.path, root.value);
            let known = self.roots.iter().map(String::as_str);
            sink.push(
                Diagnostic::new("unknown-version-path", message, root.span)
                    .nearest(&root.value, known),
            );
        }
    }

    fn divide<'p>(&self, path: &'p str) -> (&'p str, &'p str) {
        let braced = format!("{{{}}}", self.parameter);
        match path.find(&braced) {
            None => path.split_at(0),
            Some(at) => {
                let after = at + braced.len();
                path.split_at(
                    path[after..]
                        .find('/')
                        .map_or(path.len(), |slash| after + slash),
                )
            }
        }
    }
}

pub(super) fn check(
    version: &MappingVersion,
    roots: &Roots,
    spec: &Spec,
    sink: &Sink,
) -> Option<PlanVersions> {
    if roots.roots.iter().all(String::is_empty) {
        let message = format!(
            "no path of {} has `{{{}}}` in it",
            spec.path, version.parameter.value
        );
        sink.push(Diagnostic::new(
            "unknown-parameter",
            message,
            version.parameter.span,
        ));
        return None;
    }
    let families: Vec<_> = version
        .families
        .iter()
        .filter_map(|family| check_family(family, roots, spec, sink))
        .collect();
    if families.len() == version.families.len()
        && !families
            .iter()
            .any(|family| matches(&family.matches, &version.default.value))
    {
        let message = format!(
            "the default version `{}` is in none of the families",
            version.default.value
        );
        sink.push(Diagnostic::new(
            "bad-version",
            message,
            version.default.span,
        ));
    }
    let retires = check_retires(version, &families, sink);
    // The version's name in the spec is of no use any more.
    let braced = format!("{{{}}}", version.parameter.value);
    let families = families
        .into_iter()
        .map(|family| PlanVersionFamily {
            roots: family
                .roots
                .iter()
                .map(|root| root.replace(&braced, "{version}"))
                .collect(),
            ..family
        })
        .collect();
    Some(PlanVersions {
        default: version.default.value.clone(),
        families,
        retires,
    })
}

/// Versions that connections may have, each with a day.
fn check_retires(
    version: &MappingVersion,
    families: &[PlanVersionFamily],
    sink: &Sink,
) -> Vec<(String, String)> {
    for (name, day) in &version.retires {
        if !families.iter().any(|it| matches(&it.matches, &name.value)) {
            let message = format!("`{}` is in none of the families", name.value);
            sink.push(Diagnostic::new("bad-version", message, name.span));
        }
        if !is_day(&day.value) {
            let message = format!("expected a day as in `2027-09-01`, found `{}`", day.value);
            sink.push(Diagnostic::new("bad-version", message, day.span));
        }
    }
    let retires = version.retires.iter();
    retires
        .map(|(name, day)| (name.value.clone(), day.value.clone()))
        .collect()
}

fn is_day(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let number = |at: usize, length: usize, most: u32| {
        let part: &str = parts[at];
        part.len() == length && part.parse().is_ok_and(|it: u32| (1..=most).contains(&it))
    };
    parts.len() == 3 && number(0, 4, 9999) && number(1, 2, 12) && number(2, 2, 31)
}

fn check_family(
    family: &MappingFamily,
    roots: &Roots,
    spec: &Spec,
    sink: &Sink,
) -> Option<PlanVersionFamily> {
    for (root, _) in &family.paths {
        roots.known(root, spec, sink);
    }
    for (_, path) in family
        .paths
        .iter()
        .filter(|(_, path)| !path.value.starts_with('/') || path.value.ends_with('/'))
    {
        let message = format!("`{}` must begin with `/` and not end with it", path.value);
        sink.push(Diagnostic::new("bad-version", message, path.span));
    }
    let matches = match (&family.at_least, family.one_of.as_slice()) {
        (Some(least), []) => {
            if number(&least.value).is_none() {
                let message = format!("expected a number as in `59.0`, found `{}`", least.value);
                sink.push(Diagnostic::new("bad-version", message, least.span));
                return None;
            }
            PlanVersionMatch::AtLeast(least.value.clone())
        }
        (None, [_, ..]) => PlanVersionMatch::OneOf(
            family
                .one_of
                .iter()
                .map(|version| version.value.clone())
                .collect(),
        ),
        _ => {
            let message = "a family has either `one_of` or `at_least`";
            sink.push(Diagnostic::new("bad-version", message, family.span));
            return None;
        }
    };
    let roots = roots
        .roots
        .iter()
        .map(|root| written(root, &family.paths))
        .collect();
    Some(PlanVersionFamily { matches, roots })
}

fn written(root: &str, paths: &[(Text, Text)]) -> String {
    let path = paths.iter().find(|(from, _)| from.value == root);
    path.map_or_else(|| root.to_owned(), |(_, to)| to.value.clone())
}

fn matches(family: &PlanVersionMatch, version: &str) -> bool {
    match family {
        PlanVersionMatch::OneOf(versions) => versions.iter().any(|known| known == version),
        PlanVersionMatch::AtLeast(least) => {
            number(version).is_some_and(|version| Some(version) >= number(least))
        }
    }
}

/// `major.minor`; the minor may be missing.
fn number(version: &str) -> Option<(u32, u32)> {
    let (major, minor) = version.split_once('.').unwrap_or((version, "0"));
    Some((major.parse().ok()?, minor.parse().ok()?))
}
