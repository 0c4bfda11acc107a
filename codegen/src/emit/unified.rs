//! The types of the unified API.

use proc_macro2::{Literal, TokenStream};
use quote::quote;

use crate::{
    names,
    plan::{
        Plan, PlanMember, PlanMemberType, PlanShape, PlanType, PlanTypeKind, PlanUnifiedEntity,
        PlanUnifiedKind, PlanVertical,
    },
};

/// The module that lists the verticals and the entities.
pub(super) fn root(plan: &Plan) -> TokenStream {
    let modules = plan.verticals.iter().map(|vertical| {
        let module = names::field(&vertical.name);
        quote! {
            #[rustfmt::skip]
            pub mod #module;
        }
    });
    let entities = plan.entities.iter().map(entity);
    quote! {
        //! The types of the unified API, one module for each vertical, and what a table of each entity would have.
        use crosswalk::model::{Entity, Field, Kind};
        #(#modules)*

        /// The entities whose records can be listed.
        pub static ENTITIES: &[Entity] = &[#(#entities),*];
    }
}

fn entity(entity: &PlanUnifiedEntity) -> TokenStream {
    let (name, list) = (&entity.name, &entity.list);
    let fields = entity.fields.iter().map(|field| {
        let (name, always) = (&field.name, field.always);
        let kind = names::ident(match field.kind {
            PlanUnifiedKind::Text => "Text",
            PlanUnifiedKind::Integer => "Integer",
            PlanUnifiedKind::Number => "Number",
            PlanUnifiedKind::Boolean => "Boolean",
            PlanUnifiedKind::Timestamp => "Timestamp",
            PlanUnifiedKind::Json => "Json",
        });
        quote! { Field { name: #name, kind: Kind::#kind, always: #always } }
    });
    quote! { Entity { name: #name, list: #list, fields: &[#(#fields),*] } }
}

/// The types of one vertical.
pub(super) fn module(vertical: &PlanVertical) -> TokenStream {
    let mut items = TokenStream::new();
    for ty in &vertical.types {
        items.extend(match &ty.kind {
            PlanTypeKind::Enum(values) => {
                enumeration(&names::pascal(&ty.name), ty.doc.as_deref(), values)
            }
            // Answers are written member by member; they have no type.
            PlanTypeKind::Struct(members) if ty.in_requests => {
                request_struct(vertical, ty, members)
            }
            PlanTypeKind::Struct(_) => TokenStream::new(),
        });
    }
    for operation in &vertical.operations {
        if let PlanShape::Upsert { keys, .. } = &operation.shape {
            let doc = format!("The keys of `{}`.", operation.name);
            items.extend(enumeration(&key_name(&operation.name), Some(&doc), keys));
        }
    }
    let doc = format!(" The types of `{}`.", vertical.name);
    quote! {
        #![doc = #doc]
        use crosswalk::translate::patch::{InputNumber, InputObject, ObjectOnly, Patch, required_nullable};
        use serde::{Deserialize, Deserializer, de::IgnoredAny};
        #items
    }
}

/// The name of the enumeration of an upsert's keys: `crm.account.upsert` → `AccountUpsertKey`.
pub(super) fn key_name(operation: &str) -> String {
    let (_, name) = operation.split_once('.').unwrap_or(("", operation));
    format!("{}Key", names::pascal(&name.replace('.', "_")))
}

/// The name of a type as it comes in requests, where it has another form in answers.
pub(super) fn input_name(vertical: &PlanVertical, name: &str) -> String {
    let both = vertical
        .types
        .iter()
        .any(|ty| ty.name == name && ty.in_answers && matches!(ty.kind, PlanTypeKind::Struct(_)));
    if both {
        format!("{}Input", names::pascal(name))
    } else {
        names::pascal(name)
    }
}

fn enumeration(name: &str, doc: Option<&str>, values: &[String]) -> TokenStream {
    let name = names::ident(name);
    let doc = doc_attribute(doc);
    let variants = values.iter().map(|value| {
        let variant = names::ty(value);
        quote! {
            #[serde(rename = #value)]
            #variant
        }
    });
    let arms = values.iter().map(|value| {
        let variant = names::ty(value);
        quote! { Self::#variant => #value }
    });
    quote! {
        #doc
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
        pub enum #name { #(#variants),* }

        impl #name {
            /// The value on the wire.
            pub fn as_str(self) -> &'static str {
                match self { #(#arms),* }
            }
        }
    }
}

/// A member of an answer, as in `field!("name")`.
pub(super) fn field(name: &str) -> TokenStream {
    quote! { field!(#name) }
}

/// Whether a member may be null: nullable, or left to the mapping to fill. `raw_data` always comes.
pub(super) fn is_optional_answer(member: &PlanMember) -> bool {
    member.ty != PlanMemberType::Open && (member.nullable || !member.required)
}

fn request_struct(vertical: &PlanVertical, ty: &PlanType, members: &[PlanMember]) -> TokenStream {
    let name = names::ident(&input_name(vertical, &ty.name));
    let doc = doc_attribute(ty.doc.as_deref());
    let fields = members.iter().map(|member| {
        let (field, doc) = (
            names::field(&member.name),
            doc_attribute(member.doc.as_deref()),
        );
        let rename = rename(&member.name);
        let ty = request_type(vertical, &member.ty);
        match (member.required, member.nullable) {
            (true, true) => quote! {
                #doc
                #rename
                #[serde(deserialize_with = "required_nullable")]
                pub #field: Option<#ty>
            },
            (true, false) => quote! { #doc #rename pub #field: #ty },
            (false, _) => quote! {
                #doc
                #rename
                #[serde(default)]
                pub #field: Patch<#ty>
            },
        }
    });
    quote! {
        #doc
        #[derive(Debug, Deserialize)]
        #[serde(remote = "Self")]
        pub struct #name { #(#fields),* }

        impl<'de> Deserialize<'de> for #name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                Self::deserialize(ObjectOnly(deserializer))
            }
        }
    }
}

fn request_type(vertical: &PlanVertical, ty: &PlanMemberType) -> TokenStream {
    match ty {
        PlanMemberType::Text | PlanMemberType::Timestamp => quote! { String },
        PlanMemberType::Number => quote! { InputNumber },
        PlanMemberType::Boolean => quote! { bool },
        PlanMemberType::Open => quote! { InputObject },
        PlanMemberType::Any => quote! { IgnoredAny },
        PlanMemberType::List(element) => {
            let element = request_type(vertical, element);
            quote! { Vec<#element> }
        }
        PlanMemberType::Named(name) => {
            let ident = names::ident(&input_name(vertical, name));
            quote! { #ident }
        }
    }
}

fn rename(name: &str) -> Option<TokenStream> {
    (names::field(name) != name).then(|| {
        let name = Literal::string(name);
        quote! { #[serde(rename = #name)] }
    })
}

/// A doc comment with the first paragraph of a spec's description.
pub(super) fn doc_attribute(doc: Option<&str>) -> Option<TokenStream> {
    let text = doc?
        .split("\n\n")
        .next()?
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ");
    (!text.is_empty()).then(|| {
        let text = format!(" {text}");
        quote! { #[doc = #text] }
    })
}
