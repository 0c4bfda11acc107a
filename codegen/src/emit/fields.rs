//! Fields in both directions: `encode` from the native record, `write` to it.

use proc_macro2::TokenStream;
use quote::quote;

use super::{
    beside::{self, value},
    native::Tree,
    unified,
};
use crate::{
    check::native_refs,
    names,
    plan::{
        PlanConvert, PlanDefault, PlanEntity, PlanField, PlanForm, PlanGroupMember, PlanGroupRow,
        PlanLine, PlanMember, PlanMemberType, PlanNativeRef, PlanNativeType, PlanSource,
        PlanTypeKind, PlanVertical, PlanWrite,
    },
};

/// The native record's struct, the tables of values, and the functions `encode` and `write`.
pub(super) fn items(
    vertical: &PlanVertical,
    provider_title: &str,
    entity: &PlanEntity,
) -> TokenStream {
    let record = native_name(entity);
    let mut tree = Tree::default();
    let mut tables = TokenStream::new();
    for beside in &entity.beside {
        tree.add(&beside.key.path);
    }
    for field in &entity.fields {
        for from in native_refs(&field.source) {
            if from.beside.is_none() {
                tree.add(&from.path);
            }
        }
        tables.extend(table(field));
    }
    let besides = beside::structs(entity);
    let doc = format!(
        "A {} record `{}`, as far as the mapping names it.",
        provider_title, entity.native
    );
    let native = tree.in_order_of(&entity.around_fields).emit(&record, &doc);
    let encode = encode(vertical, entity);
    let write = entity.input.as_ref().map(|input| {
        if input.is_empty() {
            write_any()
        } else {
            write(vertical, provider_title, entity, input)
        }
    });
    let targets = targets(entity);
    quote! { #native #besides #tables #targets #encode #write }
}

/// The name of the native record's struct: a unified type may have the same name.
pub(super) fn native_name(entity: &PlanEntity) -> proc_macro2::Ident {
    quote::format_ident!("Native{}", names::pascal(&entity.native))
}

fn table(field: &PlanField) -> Option<TokenStream> {
    let PlanSource::Value { convert, .. } = &field.source else {
        return None;
    };
    let name = names::constant(&field.name);
    match convert {
        PlanConvert::Values { ty, pairs } => {
            let ty = names::ty(ty);
            let doc = format!(" Native and unified values of `{}`.", field.name);
            let pairs = pairs.iter().map(|(unified, native)| {
                let variant = names::ty(unified);
                quote! { (#native, #ty::#variant) }
            });
            Some(quote! {
                #[doc = #doc]
                const #name: &[(&str, #ty)] = &[#(#pairs),*];
            })
        }
        PlanConvert::Option(options) => {
            let doc = format!(
                " The options of `{}` that every account begins with.",
                field.name
            );
            Some(quote! {
                #[doc = #doc]
                const #name: &[&str] = &[#(#options),*];
            })
        }
        _ => None,
    }
}

fn encode(vertical: &PlanVertical, entity: &PlanEntity) -> TokenStream {
    let Some(PlanTypeKind::Struct(members)) = type_kind(vertical, &entity.record) else {
        return TokenStream::new();
    };
    let losers = losers(entity, members);
    // What is told of a record that was merged away stands in the one that it was merged into.
    let is_kept = |member: &PlanMember| {
        member.name == "id" || (losers.is_some() && is_required(member, entity))
    };
    let fields = members.iter().map(|member| {
        let write = write_member(vertical, entity, member);
        if !is_required(member, entity) {
            return quote! { #write; };
        }
        if is_kept(member) {
            let variable = names::field(&member.name);
            quote! { let #variable = #write.required()?; }
        } else {
            quote! { #write.required()?; }
        }
    });
    let native = native_name(entity);
    let beside_lets = beside::lets(entity);
    let beside_name = names::ident(if entity.beside.is_empty() {
        "_beside"
    } else {
        "beside"
    });
    quote! {
        /// Native → unified.
        fn encode(scan: &mut Scan<'_>, #beside_name: &Beside, output: &mut Output) -> Result<(), Error> {
            let mut native = #native::default();
            let raw = scan.record(&mut native)?;
            #beside_lets
            let mut record = output.record();
            #(#fields)*
            record.end();
            #losers
            output.remember_last(&id);
            Ok(())
        }
    }
}

/// Whether a record cannot be told without the member.
fn is_required(member: &PlanMember, entity: &PlanEntity) -> bool {
    let field = entity.fields.iter().find(|field| field.name == member.name);
    member.ty != PlanMemberType::Open && field.is_some_and(|field| field.required)
}

/// The call that writes one member of the unified record.
fn write_member(vertical: &PlanVertical, entity: &PlanEntity, member: &PlanMember) -> TokenStream {
    let name = unified::field(&member.name);
    if member.ty == PlanMemberType::Open {
        return quote! { record.raw(#name, raw) };
    }
    let field = entity.fields.iter().find(|field| field.name == member.name);
    let Some(field) = field else {
        return quote! { record.null(#name) };
    };
    match &field.source {
        PlanSource::Constant(json) => quote! { record.json(#name, #json) },
        PlanSource::Join(from) => {
            let values = from.iter().map(value);
            quote! { record.join(#name, [#(#values),*]) }
        }
        PlanSource::Value {
            from,
            label: Some(label),
            ..
        } => {
            let (value, at) = (first_value(from), beside::constant(label));
            quote! { record.label(#name, beside, #at, #value) }
        }
        PlanSource::Value { from, convert, .. } => write_value(&field.name, from, convert),
        PlanSource::FirstTrue {
            ty,
            cases,
            otherwise,
        } => {
            let (ty, otherwise) = (names::ty(ty), names::ty(otherwise));
            let cases = cases.iter().map(|(unified, from)| {
                let (value, variant) = (value(from), names::ty(unified));
                let kind = names::ident(if from.ty == PlanNativeType::Boolean {
                    "Flag"
                } else {
                    "Text"
                });
                quote! { (Truth::#kind(#value), #ty::#variant.as_str()) }
            });
            quote! { record.first_true(#name, [#(#cases),*], #ty::#otherwise.as_str()) }
        }
        PlanSource::Losers { .. } => quote! { record.null(#name) },
        PlanSource::Group {
            entry,
            tag,
            tag_type,
            rows,
            ..
        } => {
            let rows = rows
                .iter()
                .map(|row| write_entry(vertical, entry, tag, tag_type, row));
            quote! { record.entries(#name, |entries| { #(#rows)* }) }
        }
    }
}

fn write_value(name: &str, from: &[PlanNativeRef], convert: &PlanConvert) -> TokenStream {
    let (field, value) = (unified::field(name), first_value(from));
    let method = match (convert, from[0].ty) {
        (PlanConvert::Values { ty, .. }, _) => {
            let (table, ty) = (names::constant(name), names::ty(ty));
            return quote! { record.value(#field, #table, #ty::as_str, #value) };
        }
        (
            PlanConvert::Same | PlanConvert::Integer | PlanConvert::Number,
            PlanNativeType::Number,
        ) => "number",
        (PlanConvert::Same | PlanConvert::Boolean, PlanNativeType::Boolean) => "flag",
        (PlanConvert::Integer | PlanConvert::Number, _) => "number_of_text",
        (PlanConvert::Boolean, _) => "flag_of_text",
        (PlanConvert::Timestamp, PlanNativeType::Number) => "timestamp_of_number",
        (PlanConvert::Timestamp, _) => "timestamp",
        (PlanConvert::Date, _) => "date",
        (PlanConvert::Not, _) => "not",
        (PlanConvert::HtmlBase64, _) => "html",
        (PlanConvert::DateAsTimestamp, _) => "date_as_timestamp",
        (PlanConvert::Same | PlanConvert::Option(_), _) => "text",
    };
    let method = names::ident(method);
    quote! { record.#method(#field, #value) }
}

/// The first present of several native fields, or the only one.
fn first_value(from: &[PlanNativeRef]) -> TokenStream {
    if let [only] = from {
        return value(only);
    }
    let values = from.iter().map(value);
    quote! { first([#(#values),*]) }
}

/// The call that writes an entry of a list that flat native fields make.
fn write_entry(
    vertical: &PlanVertical,
    entry: &str,
    tag: &str,
    tag_type: &str,
    row: &PlanGroupRow,
) -> TokenStream {
    let (tag_ty, variant) = (names::ty(tag_type), names::ty(&row.tag));
    let Some(PlanTypeKind::Struct(members)) = type_kind(vertical, entry) else {
        return TokenStream::new();
    };
    // A member that an entry must have decides whether there is an entry at all.
    let mut needed = Vec::new();
    let fields: Vec<TokenStream> = members
        .iter()
        .map(|member| {
            let name = unified::field(&member.name);
            if member.name == tag {
                return quote! { entry.tag(#name, #tag_ty::#variant.as_str()); };
            }
            let Some(mapped) = row.members.iter().find(|mapped| mapped.name == member.name) else {
                return quote! { entry.null(#name); };
            };
            let value = value(&mapped.from);
            let method = names::ident(match mapped.line {
                None => "text",
                Some(PlanLine::First) => "first_line",
                Some(PlanLine::Rest) => "rest_lines",
            });
            let write = quote! { entry.#method(#name, #value) };
            if unified::is_optional_answer(member) {
                return quote! { #write; };
            }
            let variable = names::field(&member.name);
            needed.push(variable.clone());
            quote! { let #variable = #write.is_set(); }
        })
        .collect();
    let is_there = if needed.is_empty() {
        quote! { entry.has_any() }
    } else {
        quote! { #(#needed)&&* }
    };
    quote! {
        entries.entry(|entry| {
            #(#fields)*
            #is_there
        });
    }
}

/// Tells the records that were merged into the one that was read, where the native record names them.
fn losers(entity: &PlanEntity, members: &[PlanMember]) -> Option<TokenStream> {
    let (field, from, flag) = entity.fields.iter().find_map(|field| match &field.source {
        PlanSource::Losers { from, flag } => Some((field, from, flag)),
        _ => None,
    })?;
    let list = value(from);
    let values = members.iter().map(|member| {
        let (name, variable) = (unified::field(&member.name), names::field(&member.name));
        if member.ty == PlanMemberType::Open {
            quote! { record.json(#name, "{}"); }
        } else if member.name == "id" {
            quote! { record.id(#name, loser); }
        } else if member.name == field.name {
            quote! { record.copy(#name, &id); }
        } else if Some(&member.name) == flag.as_ref() {
            quote! { record.json(#name, "true"); }
        } else if is_required(member, entity) {
            quote! { record.copy(#name, &#variable); }
        } else {
            quote! { record.null(#name); }
        }
    });
    Some(quote! {
        output.losers(#list, |record, loser| {
            #(#values)*
        })?;
    })
}

/// A record whose fields are the customer's own goes as it is.
fn write_any() -> TokenStream {
    quote! {
        /// Native fields by their own names.
        fn write(input: &InputObject, _warnings: &mut Warnings) -> Result<NativeObject, Error> {
            let mut record = NativeObject::new(&FORM);
            record.named("record", input)?;
            Ok(record)
        }
    }
}

fn write(
    vertical: &PlanVertical,
    provider_title: &str,
    entity: &PlanEntity,
    input: &str,
) -> TokenStream {
    let input_ty = names::ident(&unified::input_name(vertical, input));
    let writes = entity
        .fields
        .iter()
        .filter_map(|field| write_field(vertical, provider_title, entity, field));
    let dropped = entity
        .not_mapped
        .iter()
        .filter(|dropped| dropped.in_input)
        .map(|dropped| {
            let (name, field, reason) = (
                &dropped.field,
                names::field(&dropped.field),
                &dropped.reason,
            );
            quote! {
                if input.#field.value().is_some() {
                    warnings.not_written(#name, #reason);
                }
            }
        });
    let planned = vertical
        .types
        .iter()
        .find(|ty| ty.name == input)
        .map(|ty| &ty.kind);
    let passthrough = match planned {
        Some(PlanTypeKind::Struct(members)) => members
            .iter()
            .find(|member| member.ty == crate::plan::PlanMemberType::Open),
        _ => None,
    }
    .map(|member| {
        let (path, field) = (&member.name, names::field(&member.name));
        quote! { record.passthrough(#path, &input.#field)?; }
    });
    let titles = entity
        .defaults
        .iter()
        .filter_map(|(_, default)| match default {
            PlanDefault::TitleOf(field) => Some(field),
            _ => None,
        });
    let titles = titles.map(|name| {
        let field = names::field(name);
        quote! { record.input(#name, &input.#field); }
    });
    let inputs = entity.inputs.iter().map(|name| {
        let field = names::field(name);
        quote! { record.stated_input(#name, &input.#field)?; }
    });
    let body = quote! { #(#writes)* #(#dropped)* #(#inputs)* #(#titles)* #passthrough };
    let warnings = names::ident(if super::imports::mentions(&body, "warnings") {
        "warnings"
    } else {
        "_warnings"
    });
    quote! {
        /// Unified → native: only what the input has.
        fn write(input: &#input_ty, #warnings: &mut Warnings) -> Result<NativeObject, Error> {
            let mut record = NativeObject::new(&FORM);
            #body
            Ok(record)
        }
    }
}

fn write_field(
    vertical: &PlanVertical,
    provider_title: &str,
    entity: &PlanEntity,
    field: &PlanField,
) -> Option<TokenStream> {
    let path = &field.name;
    let ident = names::field(&field.name);
    match &field.source {
        PlanSource::Value {
            convert,
            write: Some(write),
            ..
        } => {
            let target = target(write);
            let table = names::constant(&field.name);
            let as_text = write.ty == PlanNativeType::Text;
            Some(match convert {
                PlanConvert::Option(_) => {
                    quote! { record.option(#path, #target, #table, &input.#ident)?; }
                }
                PlanConvert::Integer | PlanConvert::Number | PlanConvert::Boolean => {
                    let method = method(convert, as_text);
                    quote! { record.#method(#path, #target, &input.#ident)?; }
                }
                PlanConvert::Values { .. } => {
                    quote! { record.value(#path, #target, #table, &input.#ident)?; }
                }
                PlanConvert::HtmlBase64 => {
                    quote! { record.html_base64(#path, #target, &input.#ident)?; }
                }
                // Those that are read only have no write.
                PlanConvert::Same
                | PlanConvert::Timestamp
                | PlanConvert::DateAsTimestamp
                | PlanConvert::Date
                | PlanConvert::Not => match write.ty {
                    PlanNativeType::Text => {
                        quote! { record.text(#path, #target, &input.#ident)?; }
                    }
                    PlanNativeType::Number => {
                        quote! { record.number(#path, #target, &input.#ident)?; }
                    }
                    PlanNativeType::Boolean => {
                        quote! { record.flag(#path, #target, &input.#ident)?; }
                    }
                },
            })
        }
        PlanSource::Group {
            tag,
            tag_type,
            rows,
            writes: true,
            ..
        } => Some(write_group(
            vertical,
            provider_title,
            entity,
            field,
            tag,
            tag_type,
            rows,
        )),
        _ => None,
    }
}

/// The method that writes a converted value.
fn method(convert: &PlanConvert, as_text: bool) -> proc_macro2::Ident {
    let name = match convert {
        PlanConvert::Integer => "integer",
        PlanConvert::Boolean => "flag",
        _ => "number",
    };
    names::ident(&if as_text {
        format!("{name}_as_text")
    } else {
        name.to_owned()
    })
}

fn write_group(
    vertical: &PlanVertical,
    provider_title: &str,
    entity: &PlanEntity,
    field: &PlanField,
    tag: &str,
    tag_type: &str,
    rows: &[PlanGroupRow],
) -> TokenStream {
    let (ident, tag_field, tag_ty) = (
        names::field(&field.name),
        names::field(tag),
        names::ty(tag_type),
    );
    let path = &field.name;
    let unheld = format!("{}[{{index}}] ({{}})", field.name);
    let mut cleared: Vec<&str> = Vec::new();
    for member in rows.iter().flat_map(|row| &row.members) {
        if let Some(write) = &member.write
            && !cleared.contains(&write.name.as_str())
        {
            cleared.push(&write.name);
        }
    }
    let arms = rows.iter().map(|row| {
        let variant = names::ty(&row.tag);
        let writes = write_members(&row.members);
        let unplaced = unplaced_members(vertical, provider_title, field, tag, row);
        quote! { #tag_ty::#variant => { #(#writes)* #(#unplaced)* } }
    });
    let held: Vec<&str> = rows.iter().map(|row| row.tag.as_str()).collect();
    let reason = format!(
        "is of a type that {provider_title} has no place for on its {} records, which hold {}",
        entity.native,
        held.join(", ")
    );
    // Where every type has a place, there is no other one.
    let has_others = type_kind(vertical, tag_type).is_some_and(|kind| match kind {
        PlanTypeKind::Enum(values) => values.len() > rows.len(),
        PlanTypeKind::Struct(_) => false,
    });
    let others = has_others.then(|| {
        quote! { other => { warnings.not_written(&format!(#unheld, other.as_str()), #reason); } }
    });
    quote! {
        match &input.#ident {
            Patch::Absent => {}
            Patch::Null => { record.clear(#path, [#(#cleared),*]); }
            Patch::Value(entries) => {
                if entries.is_empty() {
                    warnings.empty_list(#path);
                }
                let mut tags = Tags::new(#path);
                for (index, entry) in entries.iter().enumerate() {
                    tags.once(index, entry.#tag_field.as_str())?;
                    let at = |member| At { list: #path, index, member };
                    match entry.#tag_field {
                        #(#arms)*
                        #others
                    }
                }
            }
        }
    }
}

/// The parts of an entry that its native fields have no place for: a value in one is told, never dropped in silence.
fn unplaced_members(
    vertical: &PlanVertical,
    provider_title: &str,
    field: &PlanField,
    tag: &str,
    row: &PlanGroupRow,
) -> Vec<TokenStream> {
    let PlanSource::Group { entry, .. } = &field.source else {
        return Vec::new();
    };
    let Some(PlanTypeKind::Struct(members)) = type_kind(vertical, entry) else {
        return Vec::new();
    };
    let is_written = |name: &str| {
        row.members.iter().any(|member| {
            let written_with_first = member.line == Some(PlanLine::Rest);
            member.name == name && (member.write.is_some() || written_with_first)
        })
    };
    members
        .iter()
        .filter(|member| member.name != tag && !is_written(&member.name))
        .map(|member| {
            let (ident, name) = (names::field(&member.name), &member.name);
            let reason = format!(
                "{provider_title} has no place for `{name}` in an entry of type {}",
                row.tag
            );
            quote! {
                if entry.#ident.is_some() {
                    warnings.not_written(&at(#name).to_string(), #reason);
                }
            }
        })
        .collect()
}

fn type_kind<'v>(vertical: &'v PlanVertical, name: &str) -> Option<&'v PlanTypeKind> {
    vertical
        .types
        .iter()
        .find(|ty| ty.name == name)
        .map(|ty| &ty.kind)
}

fn write_members(members: &[PlanGroupMember]) -> Vec<TokenStream> {
    let mut writes = Vec::new();
    for member in members {
        let Some(write) = &member.write else { continue };
        let target = target(write);
        let ident = names::field(&member.name);
        let place = &member.name;
        match member.line {
            None => writes.push(quote! {
                record.text(at(#place), #target, entry.#ident.as_deref())?;
            }),
            Some(PlanLine::First) => {
                let rest = members
                    .iter()
                    .find(|other| other.line == Some(PlanLine::Rest) && other.from == member.from);
                let rest = rest.map_or_else(
                    || quote! { None },
                    |rest| {
                        let ident = names::field(&rest.name);
                        quote! { entry.#ident.as_deref() }
                    },
                );
                writes.push(quote! {
                    record.lines(at(#place), #target, entry.#ident.as_deref(), #rest)?;
                });
            }
            // Written with the first line.
            Some(PlanLine::Rest) => {}
        }
    }
    writes
}

/// The constant of a native field that is written: `to::NAME`.
pub(super) fn target(write: &PlanWrite) -> TokenStream {
    let constant = names::constant(&write.name);
    quote! { to::#constant }
}

/// The constants of all native fields that are written.
fn targets(entity: &PlanEntity) -> TokenStream {
    let mut writes: Vec<&PlanWrite> = Vec::new();
    for field in &entity.fields {
        let of_field: Vec<&PlanWrite> = match &field.source {
            PlanSource::Value { write, .. } => write.iter().collect(),
            PlanSource::Group { rows, .. } => rows
                .iter()
                .flat_map(|row| &row.members)
                .filter_map(|member| member.write.as_ref())
                .collect(),
            PlanSource::Join(_)
            | PlanSource::Constant(_)
            | PlanSource::FirstTrue { .. }
            | PlanSource::Losers { .. } => Vec::new(),
        };
        for write in of_field {
            if !writes.iter().any(|known| known.name == write.name) {
                writes.push(write);
            }
        }
    }
    for operation in &entity.operations {
        if let PlanForm::Upsert(upsert) = &operation.form {
            for key in &upsert.keys {
                if !writes.iter().any(|known| known.name == key.set.name) {
                    writes.push(&key.set);
                }
            }
        }
    }
    let constants = writes.iter().map(|write| {
        let (constant, target) = (names::constant(&write.name), new_target(write));
        quote! { pub(super) const #constant: Target = #target; }
    });
    if writes.is_empty() {
        return TokenStream::new();
    }
    quote! {
        /// The native fields that are written.
        mod to {
            use crosswalk::translate::write::Target;
            #(#constants)*
        }
    }
}

/// A native field that can be written.
fn new_target(write: &PlanWrite) -> TokenStream {
    let name = &write.name;
    let max = write.max_length.map(|max| {
        let max = names::number(max);
        quote! { .at_most(#max) }
    });
    let nullable = (!write.nullable).then(|| quote! { .never_empty() });
    quote! { Target::new(#name) #max #nullable }
}
