//! One function for each native call: its parameters are the slots that the mapping uses.

use std::collections::BTreeSet;

use indexmap::IndexMap;
use proc_macro2::{Ident, TokenStream};
use quote::quote;

use crate::{
    names,
    plan::{
        PlanCall, PlanJson, PlanPathPart, PlanProvider, PlanQueryValue, PlanSlot, PlanTemplatePart,
        template_slots,
    },
};

/// The calls of one entity, each once, with the name of its function.
#[derive(Debug)]
pub(super) struct Calls<'p> {
    provider: &'p PlanProvider,
    /// By what the call is; equal calls share a function.
    functions: IndexMap<String, (Ident, PlanCall)>,
    /// Names that the module has other functions by.
    reserved: Vec<Ident>,
}

/// A parameter of a call's function, in the order in which they stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Parameter {
    RecordId,
    RecentId,
    Record,
    Changes,
    KeyValue,
    Chunk,
    Ids,
    Page,
    Window,
    Fields,
    Inputs,
}

impl Parameter {
    fn declare(self) -> TokenStream {
        match self {
            Self::RecordId => quote! { record_id: &str },
            Self::RecentId => quote! { recent_id: &str },
            Self::Record => quote! { record: &NativeObject },
            Self::Changes => quote! { changes: &NativeObject },
            Self::KeyValue => quote! { key_value: &str },
            Self::Chunk => quote! { chunk: &Chunk },
            Self::Ids => quote! { ids: &[String] },
            Self::Page => quote! { page: Page<'_> },
            Self::Window => quote! { window: Window },
            Self::Fields => quote! { fields: &Fields },
            Self::Inputs => quote! { inputs: &Inputs },
        }
    }

    /// The argument where an operation goes step by step.
    fn of_work(self) -> TokenStream {
        match self {
            Self::RecordId => quote! { work.record_id() },
            Self::RecentId => quote! { recent_id },
            Self::Record => quote! { &work.record },
            Self::Changes => quote! { work.changes() },
            Self::KeyValue => quote! { work.key_value() },
            Self::Chunk => quote! { chunk },
            Self::Ids => quote! { ids },
            Self::Page => quote! { page },
            Self::Window => quote! { window },
            Self::Fields => quote! { &work.fields },
            Self::Inputs => quote! { work.record.inputs() },
        }
    }
}

impl<'p> Calls<'p> {
    pub(super) fn new(provider: &'p PlanProvider) -> Self {
        Self {
            provider,
            functions: IndexMap::new(),
            reserved: Vec::new(),
        }
    }

    /// Keeps a name for another function of the module.
    pub(super) fn reserve(&mut self, name: &Ident) {
        self.reserved.push(name.clone());
    }

    /// The function of a call, named for its native operation and, where that is taken, for what it is for.
    pub(super) fn function(&mut self, call: &PlanCall, purpose: &str) -> Ident {
        let key = format!("{call:?}");
        if let Some((ident, _)) = self.functions.get(&key) {
            return ident.clone();
        }
        let base = names::snake(&self.provider.operations[call.operation].id);
        let purpose = names::snake(purpose);
        let candidates = [base.clone(), format!("{base}_for_{purpose}")];
        let numbered = (2..).map(|number| format!("{base}_for_{purpose}_{number}"));
        let name = candidates
            .into_iter()
            .chain(numbered)
            .find(|name| {
                let taken = self.functions.values().map(|(taken, _)| taken);
                !taken.chain(&self.reserved).any(|taken| taken == name)
            })
            .expect("there are more numbers than calls");
        let ident = names::ident(&name);
        self.functions.insert(key, (ident.clone(), call.clone()));
        ident
    }

    /// A use of a call where an operation goes step by step: `get_object(&work.cx, work.record_id(), &work.fields)`.
    pub(super) fn of_work(&mut self, call: &PlanCall, purpose: &str) -> TokenStream {
        let function = self.function(call, purpose);
        let arguments = parameters(call).into_iter().map(Parameter::of_work);
        quote! { #function(&work.cx #(, #arguments)*) }
    }

    pub(super) fn emit(&self) -> TokenStream {
        self.functions
            .values()
            .map(|(ident, call)| self.emit_function(ident, call))
            .collect()
    }

    fn emit_function(&self, ident: &Ident, call: &PlanCall) -> TokenStream {
        let operation = &self.provider.operations[call.operation];
        let (constant, root) = (names::constant(&operation.id), call.root);
        let doc = format!(" The native call `{}`.", operation.id);
        let parameters = parameters(call).into_iter().map(Parameter::declare);
        let path = call.path.iter().map(|part| match part {
            PlanPathPart::Literal(text) => quote! { .path(#text) },
            PlanPathPart::Slot(PlanSlot::Part { name, path }) => {
                let reference = self.reference(name, path);
                quote! { .reference(#reference) }
            }
            PlanPathPart::Slot(slot) => {
                let value = text(slot);
                quote! { .segment(#value) }
            }
        });
        let query = call.query.iter().map(|query| {
            let name = &query.name;
            match &query.value {
                PlanQueryValue::Literal(text) => quote! { .query(#name, #text) },
                PlanQueryValue::Slot { slot, optional } => query_slot(name, slot, *optional),
                PlanQueryValue::Template(parts) => {
                    let template = template(parts);
                    quote! { .query(#name, &{ #template }) }
                }
            }
        });
        let body = call.body.as_ref().map(|body| {
            let write = json(&quote! { json }, &self.with_references(body));
            quote! { .body(|json| { #write }) }
        });
        quote! {
            #[doc = #doc]
            fn #ident(cx: &Context #(, #parameters)*) -> NativeRequest {
                Call::new(&#constant, cx, Root(#root)) #(#path)* #(#query)* #body .build()
            }
        }
    }

    /// A body in which the references to earlier parts of a bundle are texts, as the provider writes them.
    fn with_references(&self, body: &PlanJson) -> PlanJson {
        match body {
            PlanJson::Literal(text) => PlanJson::Literal(text.clone()),
            PlanJson::Object(members) => PlanJson::Object(
                members
                    .iter()
                    .map(|(name, value)| (name.clone(), self.with_references(value)))
                    .collect(),
            ),
            PlanJson::List(elements) => {
                PlanJson::List(elements.iter().map(|it| self.with_references(it)).collect())
            }
            PlanJson::Each { slot, element } => PlanJson::Each {
                slot: slot.clone(),
                element: Box::new(self.with_references(element)),
            },
            PlanJson::Slot { slot, optional } => PlanJson::Slot {
                slot: match slot {
                    PlanSlot::Part { name, path } => PlanSlot::Literal(self.reference(name, path)),
                    other => other.clone(),
                },
                optional: *optional,
            },
        }
    }

    fn reference(&self, name: &str, path: &[String]) -> String {
        let form = self
            .provider
            .bundle
            .as_ref()
            .map_or("", |bundle| bundle.reference.as_str());
        form.replace("step", name).replace("path", &path.join("."))
    }
}

/// The parameters of a call's function.
pub(super) fn parameters(call: &PlanCall) -> BTreeSet<Parameter> {
    call.slots().into_iter().filter_map(parameter).collect()
}

fn parameter(slot: &PlanSlot) -> Option<Parameter> {
    Some(match slot {
        PlanSlot::PageSize
        | PlanSlot::PageSizePlusOne
        | PlanSlot::PageToken
        | PlanSlot::PageAfter => Parameter::Page,
        PlanSlot::WindowFrom | PlanSlot::WindowTo => Parameter::Window,
        PlanSlot::Fields => Parameter::Fields,
        PlanSlot::Ids | PlanSlot::IdsEach => Parameter::Ids,
        PlanSlot::RecordId => Parameter::RecordId,
        PlanSlot::Record => Parameter::Record,
        PlanSlot::Changes => Parameter::Changes,
        PlanSlot::KeyValue => Parameter::KeyValue,
        PlanSlot::KeySpellings | PlanSlot::KeySpellingsEach | PlanSlot::KeyHosts => {
            Parameter::Chunk
        }
        PlanSlot::RecentId => Parameter::RecentId,
        PlanSlot::Input(_) => Parameter::Inputs,
        PlanSlot::ObjectName
        | PlanSlot::Part { .. }
        | PlanSlot::Literal(_)
        | PlanSlot::LiteralList(_) => return None,
    })
}

/// A slot with one text, as `&str`.
fn text(slot: &PlanSlot) -> TokenStream {
    match slot {
        PlanSlot::RecordId => quote! { record_id },
        PlanSlot::ObjectName => quote! { cx.object("name").unwrap_or_default() },
        PlanSlot::RecentId => quote! { recent_id },
        PlanSlot::KeyValue => quote! { key_value },
        PlanSlot::Literal(text) => quote! { #text },
        PlanSlot::Input(name) => quote! { inputs.get(#name).unwrap_or_default() },
        PlanSlot::IdsEach | PlanSlot::KeySpellingsEach => quote! { each },
        PlanSlot::PageToken => quote! { page.token.unwrap_or_default() },
        PlanSlot::PageAfter => quote! { page.after.unwrap_or_default() },
        other => unreachable!("the checks let no {other:?} stand where one text is wanted"),
    }
}

/// A slot with several texts, as an iterator of `&str`.
fn texts(slot: &PlanSlot) -> TokenStream {
    match slot {
        PlanSlot::Fields => quote! { fields.iter() },
        PlanSlot::Ids => quote! { ids.iter().map(String::as_str) },
        PlanSlot::KeySpellings => quote! { chunk.spellings.iter().map(String::as_str) },
        PlanSlot::KeyHosts => quote! { chunk.hosts.iter().map(String::as_str) },
        PlanSlot::LiteralList(texts) => quote! { [#(#texts),*] },
        other => unreachable!("the checks let no {other:?} stand where a list is wanted"),
    }
}

fn query_slot(name: &str, slot: &PlanSlot, optional: bool) -> TokenStream {
    match slot {
        PlanSlot::PageSize => quote! { .query_integer(#name, page.size) },
        PlanSlot::PageSizePlusOne => quote! { .query_integer(#name, page.size + 1) },
        PlanSlot::PageToken if optional => quote! { .query_optional(#name, page.token) },
        PlanSlot::PageAfter if optional => quote! { .query_optional(#name, page.after) },
        PlanSlot::Input(input) if optional => {
            quote! { .query_optional(#name, inputs.get(#input)) }
        }
        PlanSlot::WindowFrom => quote! { .query_instant(#name, window.from) },
        PlanSlot::WindowTo => quote! { .query_instant(#name, window.to) },
        PlanSlot::Fields
        | PlanSlot::Ids
        | PlanSlot::KeySpellings
        | PlanSlot::KeyHosts
        | PlanSlot::LiteralList(_) => {
            let texts = texts(slot);
            quote! { .query_list(#name, #texts) }
        }
        _ => {
            let text = text(slot);
            quote! { .query(#name, #text) }
        }
    }
}

fn template(parts: &[PlanTemplatePart]) -> TokenStream {
    let has_optional = parts
        .iter()
        .any(|part| matches!(part, PlanTemplatePart::Optional(_)));
    if !has_optional {
        let pushes = parts.iter().map(template_push);
        return quote! { Query::default() #(#pushes)* .build() };
    }
    let statements = parts.iter().map(|part| match part {
        PlanTemplatePart::Optional(inner) => {
            let mut slots = Vec::new();
            template_slots(inner, &mut slots);
            let conditions: Vec<_> = slots.iter().filter_map(|slot| presence(slot)).collect();
            let pushes = inner.iter().map(template_push);
            quote! {
                if #(#conditions)&&* {
                    query = query #(#pushes)*;
                }
            }
        }
        plain => {
            let push = template_push(plain);
            quote! { query = query #push; }
        }
    });
    quote! {
        let mut query = Query::default();
        #(#statements)*
        query.build()
    }
}

fn template_push(part: &PlanTemplatePart) -> TokenStream {
    match part {
        PlanTemplatePart::Literal(text) => quote! { .literal(#text) },
        PlanTemplatePart::Slot(slot) => match slot {
            PlanSlot::PageSize => quote! { .integer(page.size) },
            PlanSlot::PageSizePlusOne => quote! { .integer(page.size + 1) },
            PlanSlot::WindowFrom => quote! { .instant(window.from) },
            PlanSlot::WindowTo => quote! { .instant(window.to) },
            PlanSlot::Fields => quote! { .names(fields.iter()) },
            PlanSlot::ObjectName => quote! { .names(cx.object("name")) },
            PlanSlot::Ids
            | PlanSlot::KeySpellings
            | PlanSlot::KeyHosts
            | PlanSlot::LiteralList(_) => {
                let texts = texts(slot);
                quote! { .texts(#texts) }
            }
            _ => {
                let text = text(slot);
                quote! { .text(#text) }
            }
        },
        PlanTemplatePart::Optional(_) => {
            unreachable!("optional clauses do not nest; the checks have said so")
        }
    }
}

/// The condition that a slot has a value; none where it always has.
fn presence(slot: &PlanSlot) -> Option<TokenStream> {
    match slot {
        PlanSlot::PageToken => Some(quote! { page.token.is_some() }),
        PlanSlot::PageAfter => Some(quote! { page.after.is_some() }),
        PlanSlot::KeySpellings => Some(quote! { !chunk.spellings.is_empty() }),
        PlanSlot::KeyHosts => Some(quote! { !chunk.hosts.is_empty() }),
        PlanSlot::Input(name) => Some(quote! { inputs.get(#name).is_some() }),
        _ => None,
    }
}

/// Statements that write one JSON value to `out`.
pub(super) fn json(out: &TokenStream, value: &PlanJson) -> TokenStream {
    match value {
        PlanJson::Literal(text) => quote! { #out.literal(#text); },
        PlanJson::Slot { slot, .. } => json_slot(out, slot),
        PlanJson::Object(members) => {
            let members = members.iter().map(|(name, value)| {
                let write = json(&quote! { object.member(#name) }, value);
                guarded(
                    match value {
                        PlanJson::Slot {
                            slot,
                            optional: true,
                        } => presence(slot),
                        _ => None,
                    },
                    &write,
                )
            });
            quote! { #out.object(|object| { #(#members)* }); }
        }
        PlanJson::List(elements) => {
            let elements = elements.iter().map(|element| {
                let write = json(&quote! { list.item() }, element);
                let mut conditions = Vec::new();
                optional_slots(element, &mut conditions);
                let conditions: Vec<_> = conditions.into_iter().filter_map(presence).collect();
                guarded(
                    (!conditions.is_empty()).then(|| quote! { #(#conditions)&&* }),
                    &write,
                )
            });
            quote! { #out.list(|list| { #(#elements)* }); }
        }
        PlanJson::Each { slot, element } => {
            let texts = match slot {
                PlanSlot::Ids | PlanSlot::IdsEach => quote! { ids },
                PlanSlot::KeySpellings | PlanSlot::KeySpellingsEach => quote! { &chunk.spellings },
                other => unreachable!("the checks let no {other:?} stand for each of a list"),
            };
            let write = json(&quote! { list.item() }, element);
            quote! {
                #out.list(|list| {
                    for each in #texts {
                        #write
                    }
                });
            }
        }
    }
}

fn guarded(condition: Option<TokenStream>, write: &TokenStream) -> TokenStream {
    match condition {
        None => write.clone(),
        Some(condition) => quote! { if #condition { #write } },
    }
}

/// The optional slots of an element that take it away, those in a list further inside not among them.
fn optional_slots<'p>(value: &'p PlanJson, slots: &mut Vec<&'p PlanSlot>) {
    match value {
        PlanJson::Slot {
            slot,
            optional: true,
        } => slots.push(slot),
        PlanJson::Object(members) => members
            .iter()
            .for_each(|(_, value)| optional_slots(value, slots)),
        // An element whose only list is empty says nothing either.
        PlanJson::List(elements) if elements.len() == 1 => optional_slots(&elements[0], slots),
        _ => {}
    }
}

fn json_slot(out: &TokenStream, slot: &PlanSlot) -> TokenStream {
    match slot {
        PlanSlot::PageSize => quote! { #out.integer(page.size); },
        PlanSlot::PageSizePlusOne => quote! { #out.integer(page.size + 1); },
        PlanSlot::WindowFrom => quote! { #out.instant(window.from); },
        PlanSlot::WindowTo => quote! { #out.instant(window.to); },
        PlanSlot::Record => quote! { #out.record(record); },
        PlanSlot::Changes => quote! { #out.record(changes); },
        PlanSlot::Fields
        | PlanSlot::Ids
        | PlanSlot::KeySpellings
        | PlanSlot::KeyHosts
        | PlanSlot::LiteralList(_) => {
            let texts = texts(slot);
            quote! { #out.texts(#texts); }
        }
        _ => {
            let text = text(slot);
            quote! { #out.text(#text); }
        }
    }
}
