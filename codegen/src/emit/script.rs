//! Operations that are not about records: templates as data.

use proc_macro2::{Literal, TokenStream};
use quote::quote;

use super::{
    call::Calls,
    operation::{function_name, path},
    unified,
};
use crate::{
    names,
    plan::{
        PlanCondition, PlanMemberTemplate, PlanObjectPlace, PlanObjects, PlanPiece, PlanProvider,
        PlanRoot, PlanScriptOperation, PlanScriptPart, PlanScriptStep, PlanScripts, PlanTemplate,
        PlanValue, PlanVertical,
    },
};

pub(super) fn module(
    vertical: &PlanVertical,
    provider: &PlanProvider,
    scripts: &PlanScripts,
) -> TokenStream {
    let mut calls = Calls::new(provider);
    for planned in &scripts.operations {
        calls.reserve(&function_name(&planned.name));
    }
    let objects = scripts
        .objects
        .as_ref()
        .map(|planned| objects(planned, &mut calls));
    let operations = scripts
        .operations
        .iter()
        .map(|planned| operation(vertical, provider, scripts, planned));
    let calls = calls.emit();
    let (vertical_module, provider_module) =
        (names::field(&vertical.name), names::field(&provider.name));
    let statics: Vec<_> = provider
        .operations
        .iter()
        .map(|operation| names::constant(&operation.id))
        .collect();
    let mut types: Vec<String> = vertical
        .types
        .iter()
        .map(|ty| unified::input_name(vertical, &ty.name))
        .collect();
    types.sort();
    types.dedup();
    let types = types.iter().map(|name| names::ident(name));
    let doc = format!(
        " `{}.{}` at {}: operations that are not about records.",
        scripts.vertical, scripts.name, provider.title
    );
    quote! {
        #![doc = #doc]
        use crosswalk::{
            error::Error,
            route::UnifiedRequest,
            translate::{
                Context, NativeRequest, Translator, decode,
                call::{Call, Root},
                objects::{self, ListedObjects, ObjectFields, ObjectPlan, Place, WithObjects},
                script::{FailedIf, Pages, PathPart, Script, ScriptBody, ScriptCall, ScriptPlan, ScriptStep},
                template::{Condition, Equals, Member, Piece, Root as From, Slot, Template},
                warning::Warnings,
            },
        };
        use super::super::super::{
            #provider_module::{#(#statics),*},
            unified::#vertical_module::{#(#types),*},
        };

        #objects
        #(#operations)*
        #calls
    }
}

/// The constant with the objects that calls may name.
pub(super) fn objects(objects: &PlanObjects, calls: &mut Calls<'_>) -> TokenStream {
    let names = objects
        .names
        .iter()
        .map(|(name, native)| quote! { (#name, #native) });
    let listed = objects.listed.as_ref().map_or_else(
        || quote! { None },
        |listed| {
            let call = calls.function(&listed.call, "objects");
            let (rows, name) = (path(&listed.rows), path(&listed.name));
            let aliases = listed.aliases.iter().map(path);
            let suffix = listed
                .suffix
                .as_ref()
                .map_or_else(|| quote! { None }, |suffix| quote! { Some(#suffix) });
            quote! {
                Some(ListedObjects { call: #call, rows: #rows, name: #name, aliases: &[#(#aliases),*], suffix: #suffix })
            }
        },
    );
    let fields = objects.fields.as_ref().map_or_else(
        || quote! { None },
        |fields| {
            let call = calls.function(&fields.call, "fields");
            let (rows, name) = (path(&fields.rows), path(&fields.name));
            quote! { Some(ObjectFields { call: #call, rows: #rows, name: #name }) }
        },
    );
    quote! {
        /// The objects that calls may name.
        static OBJECTS: ObjectPlan = ObjectPlan { names: &[#(#names),*], listed: #listed, fields: #fields };
    }
}

/// The roles of the objects of a call, and where their names are.
pub(super) fn places(objects: &[(String, PlanObjectPlace)]) -> TokenStream {
    let places = objects.iter().map(|(role, place)| {
        let place = match place {
            PlanObjectPlace::Parameter(name) => quote! { Place::Parameter(#name) },
            PlanObjectPlace::Body(name) => quote! { Place::Body(#name) },
        };
        quote! { (#role, #place) }
    });
    quote! { &[#(#places),*] }
}

fn operation(
    vertical: &PlanVertical,
    provider: &PlanProvider,
    scripts: &PlanScripts,
    planned: &PlanScriptOperation,
) -> TokenStream {
    let function = function_name(&planned.name);
    let verb = planned.name.rsplit('.').next().unwrap_or_default();
    let constant = names::constant(&format!("{verb}_plan"));
    let (doc, how) = (
        format!(" `{}`.", planned.name),
        format!(" How `{}` is carried out.", planned.name),
    );
    let steps = planned
        .script
        .steps
        .iter()
        .map(|planned| step(provider, planned));
    let answer = template(&planned.script.answer);
    let input = planned.input.as_ref().map(|input| {
        let short = input
            .strip_prefix(&vertical.name)
            .and_then(|rest| rest.strip_prefix('.'))
            .unwrap_or(input);
        let ty = names::ident(&unified::input_name(vertical, short));
        quote! { decode::free::<#ty>(request, &mut Warnings::default())?; }
    });
    let open = if scripts.objects.is_some() && !planned.objects.is_empty() {
        let places = places(&planned.objects);
        quote! {
            let asked = objects::asked(request, #places)?;
            let request = request.clone();
            WithObjects::open(cx, &OBJECTS, asked, Box::new(move |cx| Script::open(cx, &#constant, &request)))
        }
    } else {
        quote! { Script::open(cx, &#constant, request) }
    };
    quote! {
        #[doc = #how]
        static #constant: ScriptPlan = ScriptPlan { steps: &[#(#steps),*], answer: #answer };

        #[doc = #doc]
        pub fn #function(cx: Context, request: &UnifiedRequest) -> Result<Box<dyn Translator>, Error> {
            #input
            #open
        }
    }
}

fn step(provider: &PlanProvider, step: &PlanScriptStep) -> TokenStream {
    let operation = names::constant(&provider.operations[step.operation].id);
    let (name, root) = (&step.name, Literal::usize_unsuffixed(step.root));
    let parts = step.path.iter().map(|part| match part {
        PlanScriptPart::Literal(text) => quote! { PathPart::Literal(#text) },
        PlanScriptPart::Segment(slot) => {
            let slot = value(slot);
            quote! { PathPart::Segment(#slot) }
        }
    });
    let query = step.query.iter().map(|(name, planned)| {
        let planned = template(planned);
        quote! { (#name, #planned) }
    });
    let body = step.body.as_ref().map_or_else(
        || quote! { None },
        |body| {
            let body = template(body);
            match &step.credential {
                None => quote! { Some(ScriptBody::Json(#body)) },
                Some(credential) => {
                    let credential = path(credential);
                    quote! { Some(ScriptBody::Xml { template: #body, credential: #credential }) }
                }
            }
        },
    );
    let condition = |planned: &Option<PlanTemplate>| match planned {
        None => quote! { None },
        Some(planned) => {
            let planned = template(planned);
            quote! { Some(#planned) }
        }
    };
    let text = |text: &Option<String>| match text {
        None => quote! { None },
        Some(text) => quote! { Some(#text) },
    };
    let (only_if, unless) = (condition(&step.only_if), condition(&step.unless));
    let (object, not_object) = (text(&step.object), text(&step.not_object));
    let remembered = step.remembered;
    let pages = step.pages.as_ref().map_or_else(
        || quote! { None },
        |(rows, next, parameter)| {
            let (rows, next) = (path(rows), path(next));
            quote! { Some(Pages { rows: #rows, next: #next, parameter: #parameter }) }
        },
    );
    let ignore = step
        .ignore
        .iter()
        .map(|status| Literal::u16_unsuffixed(*status));
    let failed_if = step.failed_if.as_ref().map_or_else(
        || quote! { None },
        |failed| {
            let (at, equals) = (path(&failed.path), &failed.equals);
            let (code, message) = (path(&failed.code), path(&failed.message));
            quote! { Some(FailedIf { path: #at, equals: #equals, code: #code, message: #message }) }
        },
    );
    quote! {
        ScriptStep {
            name: #name,
            call: ScriptCall {
                operation: &#operation,
                root: #root,
                path: &[#(#parts),*],
                query: &[#(#query),*],
                body: #body,
            },
            only_if: #only_if,
            unless: #unless,
            object: #object,
            not_object: #not_object,
            remembered: #remembered,
            pages: #pages,
            ignore: &[#(#ignore),*],
            failed_if: #failed_if,
        }
    }
}

fn template(planned: &PlanTemplate) -> TokenStream {
    match planned {
        PlanTemplate::Json(json) => quote! { Template::Json(#json) },
        PlanTemplate::Slot(slot) => {
            let slot = value(slot);
            quote! { Template::Slot(#slot) }
        }
        PlanTemplate::Text(pieces) => {
            let pieces = pieces.iter().map(piece);
            quote! { Template::Text(&[#(#pieces),*]) }
        }
        PlanTemplate::Object(members) => {
            let members = members.iter().map(|member| match member {
                PlanMemberTemplate::Named(name, planned) => {
                    let planned = template(planned);
                    quote! { Member::Named(#name, #planned) }
                }
                PlanMemberTemplate::All(planned) => {
                    let planned = template(planned);
                    quote! { Member::All(#planned) }
                }
            });
            quote! { Template::Object(&[#(#members),*]) }
        }
        PlanTemplate::List(elements) => {
            let elements = elements.iter().map(template);
            quote! { Template::List(&[#(#elements),*]) }
        }
        PlanTemplate::For {
            over,
            only,
            except,
            item,
        } => {
            let (over, item) = (value(over), template(item));
            let (only, except) = (conditions(only), conditions(except));
            quote! { Template::For { over: #over, only: #only, except: #except, item: &#item } }
        }
        PlanTemplate::First { list, otherwise } => {
            let list = template(list);
            let otherwise = otherwise.as_ref().map_or_else(
                || quote! { None },
                |planned| {
                    let planned = template(planned);
                    quote! { Some(&#planned) }
                },
            );
            quote! { Template::First { list: &#list, otherwise: #otherwise } }
        }
        PlanTemplate::Without { slot, names } => {
            let slot = value(slot);
            quote! { Template::Without { slot: #slot, names: &[#(#names),*] } }
        }
        PlanTemplate::By {
            slot,
            cases,
            otherwise,
        } => {
            let slot = value(slot);
            let cases = cases.iter().map(|(case, planned)| {
                let planned = template(planned);
                quote! { (#case, #planned) }
            });
            let otherwise = otherwise.as_ref().map_or_else(
                || quote! { None },
                |planned| {
                    let planned = template(planned);
                    quote! { Some(&#planned) }
                },
            );
            quote! { Template::By { slot: #slot, cases: &[#(#cases),*], otherwise: #otherwise } }
        }
        PlanTemplate::Refuse(why) => quote! { Template::Refuse(#why) },
        PlanTemplate::Join(lists) => {
            let lists = lists.iter().map(template);
            quote! { Template::Join(&[#(#lists),*]) }
        }
        PlanTemplate::Count(slot) => {
            let slot = value(slot);
            quote! { Template::Count(#slot) }
        }
    }
}

fn conditions(conditions: &[PlanCondition]) -> TokenStream {
    let conditions = conditions.iter().map(|condition| {
        let at = path(&condition.path);
        let equals = condition.equals.as_ref().map_or_else(
            || quote! { Equals::Anything },
            |planned| {
                let planned = template(planned);
                quote! { Equals::To(#planned) }
            },
        );
        quote! { Condition { path: #at, equals: #equals } }
    });
    quote! { &[#(#conditions),*] }
}

fn piece(piece: &PlanPiece) -> TokenStream {
    let (kind, slot) = match piece {
        PlanPiece::Literal(text) => return quote! { Piece::Literal(#text) },
        PlanPiece::Plain(slot) => ("Plain", slot),
        PlanPiece::Quoted(slot) => ("Quoted", slot),
        PlanPiece::Name(slot) => ("Name", slot),
        PlanPiece::Json(slot) => ("Json", slot),
        PlanPiece::Suffixed(slot, suffix) => {
            let slot = value(slot);
            return quote! { Piece::Suffixed(#slot, #suffix) };
        }
        PlanPiece::Stripped(slot, suffix) => {
            let slot = value(slot);
            return quote! { Piece::Stripped(#slot, #suffix) };
        }
    };
    let (kind, slot) = (names::ident(kind), value(slot));
    quote! { Piece::#kind(#slot) }
}

fn value(slot: &PlanValue) -> TokenStream {
    let root = names::ident(match slot.root {
        PlanRoot::Input => "Input",
        PlanRoot::Parameter => "Parameter",
        PlanRoot::Object => "Object",
        PlanRoot::Step => "Step",
        PlanRoot::Each => "Each",
        PlanRoot::Outer => "Outer",
        PlanRoot::Index => "Index",
        PlanRoot::Now => "Now",
    });
    let path = path(&slot.path);
    let constructor = names::ident(if slot.optional { "optional" } else { "of" });
    quote! { Slot::#constructor(From::#root, #path) }
}
