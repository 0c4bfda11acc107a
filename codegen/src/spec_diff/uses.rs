//! Where mappings call an operation, with which parameters bound, and where their texts name a native field.

use super::{
    Line,
    paths::Bound,
    trial::{Alteration, Trial},
};
use crate::{
    load::InputProvider,
    mapping::MappingEntity,
    source::{
        Span, Text,
        yaml::{Node, NodeKind},
    },
};

/// A place where an operation is called or spoken of.
#[derive(Debug)]
pub(super) struct Use {
    pub(super) line: Line,
    /// The call with all that it is given; lines outside of it are another's.
    pub(super) scope: Span,
    pub(super) bound: Bound,
    /// A call; otherwise the operation is only spoken of, as in `reads_by_post`.
    pub(super) call: bool,
}

/// All places where an operation is used.
pub(super) fn of_operation(trial: &mut Trial<'_>, id: &str) -> Vec<Use> {
    let lines = trial.lines(&Alteration::NoOperation(id.to_owned()));
    let provider = trial.provider();
    lines
        .into_iter()
        .map(|line| place(provider, line))
        .collect()
}

fn place(provider: &InputProvider, line: Line) -> Use {
    let file = line.span.file;
    let entity = provider.entities.iter().find(|entity| entity.file == file);
    let whole_file = Span {
        file,
        start: 0,
        end: usize::MAX,
    };
    let Some(entity) = entity else {
        return Use {
            scope: whole_file,
            bound: Bound::new(),
            call: false,
            line,
        };
    };
    let mut bound = pairs(&entity.bind);
    let call = calls(entity)
        .into_iter()
        .find(|call| call.get("call").is_some_and(|id| id.span == line.span));
    if let Some(path) = call.and_then(|call| call.get("path"))
        && let NodeKind::Mapping(entries) = &path.kind
    {
        for entry in entries {
            if let NodeKind::Scalar { text, .. } = &entry.value.kind {
                // What the call says itself counts before what is bound for all; a slot matches no literal.
                bound.insert(0, (entry.key.value.clone(), text.clone()));
            }
        }
    }
    Use {
        scope: call.map_or(whole_file, |call| call.span),
        bound,
        call: true,
        line,
    }
}

/// The values that entities bind for all of their calls.
pub(super) fn pairs(texts: &[(Text, Text)]) -> Bound {
    let pairs = texts.iter();
    pairs
        .map(|(name, value)| (name.value.clone(), value.value.clone()))
        .collect()
}

/// Every mapping with a `call` in it, wherever in an operation it stands.
fn calls(entity: &MappingEntity) -> Vec<&Node> {
    let mut found = Vec::new();
    let mut waiting: Vec<&Node> = entity.operations.iter().map(|(_, node)| node).collect();
    while let Some(node) = waiting.pop() {
        match &node.kind {
            NodeKind::Scalar { .. } => {}
            NodeKind::List(elements) => waiting.extend(elements),
            NodeKind::Mapping(entries) => {
                if node.get("call").is_some() {
                    found.push(node);
                }
                waiting.extend(entries.iter().map(|entry| &entry.value));
            }
        }
    }
    found
}

/// The texts that calls are given.
fn texts(entity: &MappingEntity) -> Vec<Text> {
    let given = calls(entity).into_iter().flat_map(|call| {
        ["path", "query", "body"]
            .into_iter()
            .filter_map(|key| call.get(key))
    });
    let mut waiting: Vec<&Node> = given.collect();
    let mut texts = Vec::new();
    while let Some(node) = waiting.pop() {
        match &node.kind {
            NodeKind::Scalar { text, .. } => texts.push(Text {
                value: text.clone(),
                span: node.span,
            }),
            NodeKind::List(elements) => waiting.extend(elements),
            NodeKind::Mapping(entries) => waiting.extend(entries.iter().map(|entry| &entry.value)),
        }
    }
    texts
}

/// Where the calls of an object's entities name one of its fields: in queries and lists of fields, as a word by itself.
pub(super) fn named(provider: &InputProvider, native: &str, field: &str) -> Vec<Line> {
    let entities = provider.entities.iter();
    let entities = entities.filter(|entity| entity.native.value == native);
    let texts = entities.flat_map(texts);
    let mut lines = Vec::new();
    for text in texts.filter(|text| !text.value.starts_with('$')) {
        for at in words(&text.value, field) {
            lines.push(Line {
                span: text.part(at, field.len()),
                text: format!("the call names `{field}`"),
            });
        }
    }
    lines
}

/// Where a word stands in a text by itself, and not in a slot.
fn words(text: &str, word: &str) -> Vec<usize> {
    let part_of_word =
        |character: char| character.is_alphanumeric() || ['_', '.'].contains(&character);
    let found = text.match_indices(word).map(|(at, _)| at);
    found
        .filter(|at| {
            let (before, after) = (&text[..*at], &text[at + word.len()..]);
            let in_slot = before.rfind('{') > before.rfind('}');
            !before.ends_with(part_of_word) && !after.starts_with(part_of_word) && !in_slot
        })
        .collect()
}

/// Where the entities of a native object say what they are, if they write it.
pub(super) fn writers(provider: &InputProvider, native: &str) -> Vec<Line> {
    let writes = |entity: &&MappingEntity| {
        let texts = texts(entity);
        let mut texts = texts.iter().map(Text::as_str);
        texts.any(|text| ["$record", "$changes"].contains(&text))
    };
    let entities = provider.entities.iter();
    entities
        .filter(|entity| entity.native.value == native)
        .filter(writes)
        .map(|entity| Line {
            span: entity.native.span,
            text: "its records are written without it".to_owned(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::words;

    #[test]
    fn a_field_is_named_as_a_word_by_itself() {
        assert_eq!(
            words("SELECT Id, Name FROM A WHERE Name = 1", "Name"),
            [11, 29]
        );
        assert!(words("SELECT FirstName, Name__c, {Name}", "Name").is_empty());
        assert_eq!(words("{fields} Name{page.after}", "Name"), [9]);
        assert_eq!(words("SELECT Id, Owner.Id", "Id"), [7]);
        assert_eq!(words("SELECT Id, Owner.Id", "Owner.Id"), [11]);
    }
}
