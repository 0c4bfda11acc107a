//! An operation of ours and its counterpart: parameters, body, answer.

use super::{
    compare::{Candidate, Comparison, Direction},
    document::{Document, TheirOperation, TheirParameter},
    subject::{Of, Subject},
    theirs::{Kind, Theirs},
    trial::{Alteration, Root, anything},
};
use crate::spec::{SpecKind, SpecOperation, SpecParameter, SpecParameterPlace};

/// Parameters in the query. Those in the path are matched with it, and all of them are text.
pub(super) fn parameters(
    ours: &SpecOperation,
    document: &Document,
    theirs: &TheirOperation,
) -> Vec<Candidate> {
    let mut found = Vec::new();
    let their_parameters = document.parameters(theirs);
    let in_query = || {
        their_parameters
            .iter()
            .filter(|parameter| parameter.place == "query")
    };
    let candidate = |id, name: &str, message, place: String, span, breaks, uses| Candidate {
        id,
        subject: Subject::whole(Of::Parameter(ours.id.clone(), name.to_owned())).key(),
        message,
        ours: span,
        theirs: format!("{}#{place}", document.path),
        breaks: Some(breaks),
        uses,
        named: None,
        for_writes: false,
    };
    for (index, parameter) in ours.parameters.iter().enumerate() {
        if parameter.place != SpecParameterPlace::Query {
            continue;
        }
        let (id, name) = (&ours.id, &parameter.name);
        let span = parameter.schema.span;
        let gone = Alteration::NoParameter(id.clone(), index);
        let Some(their_parameter) = in_query().find(|theirs| theirs.name == *name) else {
            let message = format!("`{id}` has no parameter `{name}` in their document");
            let place = theirs.pointer.clone();
            let uses = None;
            found.push(candidate(
                "parameter-vanished",
                name,
                message,
                place,
                span,
                gone,
                uses,
            ));
            continue;
        };
        let place = || their_parameter.pointer.clone();
        if their_parameter.required && !parameter.required {
            let message = format!("`{id}` needs the parameter `{name}` in their document");
            let needs = Alteration::NeedsParameter(id.clone(), parameter.clone());
            let uses = Some(gone.clone());
            found.push(candidate(
                "parameter-required",
                name,
                message,
                place(),
                span,
                needs,
                uses,
            ));
        }
        found.extend(values(ours, index, parameter, document, their_parameter));
    }
    for their_parameter in in_query().filter(|theirs| theirs.required) {
        let name = &their_parameter.name;
        if ours.parameter(SpecParameterPlace::Query, name).is_some() {
            continue;
        }
        let message = format!(
            "`{}` needs the parameter `{name}` in their document",
            ours.id
        );
        let new = SpecParameter {
            names_object: false,
            name: name.clone(),
            place: SpecParameterPlace::Query,
            required: true,
            explode: their_parameter.explode,
            schema: anything(ours.span),
        };
        let needs = Alteration::NeedsParameter(ours.id.clone(), new);
        let place = their_parameter.pointer.clone();
        found.push(candidate(
            "parameter-required",
            name,
            message,
            place,
            ours.span,
            needs,
            None,
        ));
    }
    found
}

/// What a parameter may be.
fn values<'d>(
    ours: &SpecOperation,
    index: usize,
    parameter: &SpecParameter,
    document: &'d Document,
    theirs: &TheirParameter<'d>,
) -> Vec<Candidate> {
    let Some(part) = theirs.schema.clone() else {
        return Vec::new();
    };
    let of = Of::Parameter(ours.id.clone(), parameter.name.clone());
    let root = Root::Parameter(ours.id.clone(), index);
    let mut comparison = Comparison {
        document,
        direction: Direction::Query,
        found: Vec::new(),
    };
    let lists = [
        matches!(parameter.schema.kind, SpecKind::List(_)),
        Theirs::read(document, &part)
            .kinds
            .is_some_and(|kinds| kinds.contains(&Kind::List)),
    ];
    comparison.schema(&parameter.schema, &part, root, of.clone());
    let mut found = comparison.found;
    let subject = Subject::whole(of);
    if lists == [true, true] && parameter.explode != theirs.explode {
        let how = |explode| {
            if explode {
                "a parameter each"
            } else {
                "one text with commas"
            }
        };
        found.push(Candidate {
            id: "type-changed",
            message: format!(
                "the values of {subject} are {} in our spec and {} in theirs",
                how(parameter.explode),
                how(theirs.explode)
            ),
            subject: subject.key(),
            ours: parameter.schema.span,
            theirs: format!("{}#{}", document.path, theirs.pointer),
            breaks: Some(Alteration::Explode(ours.id.clone(), index, theirs.explode)),
            uses: Some(Alteration::NoParameter(ours.id.clone(), index)),
            named: None,
            for_writes: false,
        });
    }
    found
}

/// What the operation is sent.
pub(super) fn body(
    ours: &SpecOperation,
    document: &Document,
    theirs: &TheirOperation,
) -> Vec<Candidate> {
    let Some(schema) = &ours.body else {
        return Vec::new();
    };
    match document.body(theirs) {
        None => vec![Candidate {
            id: "body-vanished",
            subject: Subject::whole(Of::Body(ours.id.clone())).key(),
            message: format!("`{}` takes no body in their document", ours.id),
            ours: schema.span,
            theirs: format!("{}#{}", document.path, theirs.pointer),
            breaks: Some(Alteration::NoBody(ours.id.clone())),
            uses: None,
            named: None,
            for_writes: false,
        }],
        Some(None) => Vec::new(),
        Some(Some(part)) => {
            let mut comparison = Comparison {
                document,
                direction: Direction::Sent,
                found: Vec::new(),
            };
            let id = || ours.id.clone();
            comparison.schema(schema, &part, Root::Body(id()), Of::Body(id()));
            comparison.found
        }
    }
}

/// What the operation answers when it has succeeded.
pub(super) fn answer(
    ours: &SpecOperation,
    document: &Document,
    theirs: &TheirOperation,
) -> Vec<Candidate> {
    let Some(schema) = &ours.answer else {
        return Vec::new();
    };
    let part = match document.answer(theirs) {
        Some(Some(part)) => part,
        Some(None) => return Vec::new(),
        None => {
            return vec![Candidate {
                id: "answer-vanished",
                subject: Subject::whole(Of::Answer(ours.id.clone())).key(),
                message: format!("`{}` answers with no body in their document", ours.id),
                ours: schema.span,
                theirs: format!("{}#{}", document.path, theirs.pointer),
                breaks: Some(Alteration::NoAnswer(ours.id.clone())),
                uses: None,
                named: None,
                for_writes: false,
            }];
        }
    };
    let mut comparison = Comparison {
        document,
        direction: Direction::Received,
        found: Vec::new(),
    };
    let id = || ours.id.clone();
    comparison.schema(schema, &part, Root::Answer(id()), Of::Answer(id()));
    comparison.found
}
