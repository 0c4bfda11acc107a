//! The walk over all that the mappings of a provider use: operations first, then native objects.

use super::{
    Change, Line, Report,
    compare::{Candidate, Comparison, Direction},
    document::{Document, TheirOperation},
    operations, paths,
    subject::Of,
    trial::{Alteration, Root, Trial},
    uses::{self, Use},
};
use crate::{mapping::document::MappingDocument, source::Span, spec::SpecOperation};

/// Walks over what the mappings use. The report gets the counts, and what is known to be left out.
pub(super) fn walk(
    trial: Trial<'_>,
    said: Option<&MappingDocument>,
    documents: &[Document],
    report: &mut Report,
) -> Vec<Change> {
    let mut walk = Walk {
        trial,
        said,
        documents,
        changes: Vec::new(),
        report,
    };
    walk.operations();
    walk.schemas();
    walk.changes
}

struct Walk<'a> {
    trial: Trial<'a>,
    said: Option<&'a MappingDocument>,
    documents: &'a [Document],
    changes: Vec<Change>,
    report: &'a mut Report,
}

/// An operation of theirs and the document that it is in; none where it is gone.
type Found<'a> = Option<(&'a Document, &'a TheirOperation)>;

impl<'a> Walk<'a> {
    fn operations(&mut self) {
        let operations = self.trial.provider().spec.operations.values().cloned();
        let operations: Vec<SpecOperation> = operations.collect();
        for operation in &operations {
            let uses = uses::of_operation(&mut self.trial, &operation.id);
            if uses.is_empty() {
                continue;
            }
            self.report.operations.used += 1;
            let groups = self.groups(operation, uses);
            let gone = groups.iter().all(|(found, _)| found.is_none());
            if gone && self.leaves_out(&operation.id) {
                continue;
            }
            self.report.operations.compared += usize::from(!gone);
            for (found, uses) in groups {
                match found {
                    None => self.vanished(operation, uses),
                    Some((document, theirs)) => self.operation(operation, document, theirs, &uses),
                }
            }
        }
    }

    /// Uses of an operation, by the operation of theirs that each of them calls.
    fn groups(&self, operation: &SpecOperation, uses: Vec<Use>) -> Vec<(Found<'a>, Vec<Use>)> {
        let provider = self.trial.provider();
        let find = |bound: &paths::Bound| {
            let mapping = &provider.mapping;
            paths::find(self.documents, mapping, self.said, operation, bound)
        };
        let mut groups: Vec<(Found<'a>, Vec<Use>)> = Vec::new();
        for used in uses {
            let mut found = find(&used.bound);
            if !used.call && found.is_none() {
                // It is spoken of for all entities: any of them will do.
                let entities = provider.entities.iter();
                found = entities
                    .map(|entity| uses::pairs(&entity.bind))
                    .find_map(|bound| find(&bound));
            }
            let place = |found: &Found<'_>| {
                found.map(|(document, theirs)| (document.path.clone(), theirs.pointer.clone()))
            };
            match groups
                .iter_mut()
                .find(|(known, _)| place(known) == place(&found))
            {
                Some((_, group)) => group.push(used),
                None => groups.push((found, vec![used])),
            }
        }
        groups
    }

    /// Whether the document is known to leave this out, which is then told.
    fn leaves_out(&mut self, name: &str) -> bool {
        let said = self.said.iter().flat_map(|said| &said.not_described);
        let mut said = said.filter(|(known, _)| known.value == name);
        let Some((_, reason)) = said.next() else {
            return false;
        };
        let reason = reason.value.clone();
        self.report.not_described.push((name.to_owned(), reason));
        true
    }

    fn vanished(&mut self, operation: &SpecOperation, uses: Vec<Use>) {
        let mut bound: Vec<String> = uses
            .iter()
            .flat_map(|used| &used.bound)
            .filter(|(name, value)| {
                operation.path.contains(&format!("{{{name}}}")) && !value.starts_with('$')
            })
            .map(|(name, value)| format!("{name}: {value}"))
            .collect();
        bound.sort();
        bound.dedup();
        let bound = if bound.is_empty() {
            String::new()
        } else {
            format!(" with {}", crate::diagnostic::listed(&bound))
        };
        self.changes.push(Change {
            id: "operation-vanished",
            subject: operation.id.clone(),
            message: format!(
                "`{} {}`{bound} is not in their document",
                operation.method, operation.path
            ),
            ours: operation.span,
            theirs: None,
            breaks: true,
            lines: uses.into_iter().map(|used| used.line).collect(),
        });
    }

    fn operation(
        &mut self,
        ours: &SpecOperation,
        document: &'a Document,
        theirs: &TheirOperation,
        uses: &[Use],
    ) {
        let mut found = operations::parameters(ours, document, theirs);
        found.extend(operations::body(ours, document, theirs));
        found.extend(operations::answer(ours, document, theirs));
        let scopes: Vec<Span> = uses.iter().map(|used| used.scope).collect();
        for candidate in found {
            self.weigh(candidate, Some(&scopes));
        }
    }

    fn schemas(&mut self) {
        let provider = self.trial.provider();
        let mut natives: Vec<String> = Vec::new();
        for entity in &provider.entities {
            if !natives.contains(&entity.native.value) {
                natives.push(entity.native.value.clone());
            }
        }
        for native in natives {
            self.report.schemas.used += 1;
            self.schema(&native);
        }
    }

    fn schema(&mut self, native: &str) {
        let schemas = &self.trial.provider().spec.schemas;
        let Some(ours) = schemas.get(native).cloned() else {
            return;
        };
        let said = self.said.iter().flat_map(|said| &said.schemas);
        let mut said = said.filter(|(name, _)| name.value == native);
        let name = said
            .next()
            .map_or(native, |(_, theirs)| theirs.as_str())
            .to_owned();
        let documents = self.documents.iter();
        let mut found =
            documents.filter_map(|document| Some((document, document.component(&name)?)));
        let Some((document, part)) = found.next() else {
            if !self.leaves_out(native) {
                let gone = Alteration::NoSchema(native.to_owned());
                let candidate = Candidate {
                    id: "schema-vanished",
                    subject: native.to_owned(),
                    message: format!("there is no schema `{name}` in their document"),
                    ours: ours.span,
                    theirs: String::new(),
                    breaks: Some(gone),
                    uses: None,
                    named: None,
                    for_writes: false,
                };
                self.weigh(candidate, None);
            }
            return;
        };
        self.report.schemas.compared += 1;
        let sent = document.sent().contains(&part.pointer);
        let mut comparison = Comparison {
            document,
            direction: Direction::Both { sent },
            found: Vec::new(),
        };
        comparison.schema(
            &ours,
            &part,
            Root::Native(native.to_owned()),
            Of::Component(native.to_owned()),
        );
        for candidate in comparison.found {
            let provider = self.trial.provider();
            let fields_in = provider.mapping.fields_in.as_ref();
            let named = candidate.named.as_ref().map_or_else(Vec::new, |path| {
                // Calls name fields from where the record has them.
                let inside = fields_in
                    .and_then(|fields_in| path.strip_prefix(fields_in.as_str())?.strip_prefix('.'));
                uses::named(provider, native, inside.unwrap_or(path))
            });
            let writers = if candidate.for_writes {
                uses::writers(self.trial.provider(), native)
            } else {
                Vec::new()
            };
            self.weigh_native(candidate, named, writers);
        }
    }

    /// A candidate becomes a change if there are lines that it breaks, or else lines that use what it is about.
    fn weigh(&mut self, candidate: Candidate, scopes: Option<&[Span]>) {
        let within = |line: &Line| {
            scopes.is_none_or(|scopes| scopes.iter().any(|scope| holds(*scope, line.span)))
        };
        let mut lines = |alteration: &Option<Alteration>| {
            let alteration = alteration.as_ref();
            let mut lines = alteration.map_or_else(Vec::new, |one| self.trial.lines(one));
            lines.retain(within);
            lines
        };
        let mut found = lines(&candidate.breaks);
        let breaks = !found.is_empty();
        if !breaks {
            found = lines(&candidate.uses);
            for line in &mut found {
                "it is used here".clone_into(&mut line.text);
            }
        }
        let lines = found;
        self.push(candidate, breaks, lines);
    }

    /// The same for a native object, of which the checks do not see everything.
    fn weigh_native(&mut self, candidate: Candidate, named: Vec<Line>, writers: Vec<Line>) {
        if named.is_empty() && !candidate.for_writes {
            return self.weigh(candidate, None);
        }
        let breaks = candidate.breaks.as_ref();
        let mut lines = breaks.map_or_else(Vec::new, |one| self.trial.lines(one));
        if candidate.for_writes {
            for line in &mut lines {
                "a record without it is refused".clone_into(&mut line.text);
            }
            if lines.is_empty() {
                lines = writers;
            }
        }
        lines.extend(named);
        let breaks = !lines.is_empty();
        self.push(candidate, breaks, lines);
    }

    fn push(&mut self, candidate: Candidate, breaks: bool, lines: Vec<Line>) {
        if lines.is_empty() {
            // No mapping minds.
            return;
        }
        self.changes.push(Change {
            id: candidate.id,
            subject: candidate.subject,
            message: candidate.message,
            ours: candidate.ours,
            theirs: Some(candidate.theirs).filter(|place| !place.is_empty()),
            breaks,
            lines,
        });
    }
}

fn holds(scope: Span, span: Span) -> bool {
    scope.file == span.file && scope.start <= span.start && span.start <= scope.end
}
