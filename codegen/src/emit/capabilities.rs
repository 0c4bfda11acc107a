//! What a provider has of the unified API, as tables that the proxy answers from.

use proc_macro2::TokenStream;
use quote::quote;

use crate::{
    names,
    offer::{self, OfferField, READ_ONLY, WRITE_ONLY},
    plan::{Plan, PlanEntity, PlanForm, PlanObjects, PlanProvider, PlanTold, PlanVertical},
};

pub(super) fn module(plan: &Plan, provider: &PlanProvider) -> TokenStream {
    let name = &provider.name;
    let verticals = plan.verticals.iter();
    let operations: Vec<&str> = verticals
        .flat_map(|vertical| offer::operations(vertical, provider))
        .collect();
    let entities = provider.entities.iter().map(|planned| {
        let mut verticals = plan.verticals.iter();
        let vertical = verticals
            .find(|vertical| vertical.name == planned.vertical)
            .expect("the plan has the vertical of each of its entities");
        entity(vertical, provider, planned)
    });
    let objects = native_objects(provider);
    let objects = objects.iter().map(|(name, called)| {
        quote! { NativeObjectName { name: #name, called: &[#(#called),*] } }
    });
    let looks_up = all_objects(provider).any(|objects| objects.listed.is_some());
    let doc = format!(" What {} has of the unified API.", provider.title);
    quote! {
        #![doc = #doc]
        use crosswalk::capability::{
            BatchTable, Capabilities, EntityTable, Field, ListTable, NativeObjectName, READ_ONLY, RefusedKey, Told, UpsertTable, WRITE_ONLY,
        };

        #[doc = #doc]
        pub static CAPABILITIES: Capabilities = Capabilities {
            provider: #name,
            operations: &[#(#operations),*],
            entities: &[#(#entities),*],
            native_objects: &[#(#objects),*],
            looks_up_objects: #looks_up,
        };
    }
}

fn entity(vertical: &PlanVertical, provider: &PlanProvider, entity: &PlanEntity) -> TokenStream {
    let name = format!("{}.{}", entity.vertical, entity.name);
    let native = &entity.native;
    let fields = offer::fields(vertical, provider, entity);
    let fields = fields.iter().map(field);
    let list = optional(list(entity));
    let batch = optional(entity.operations.iter().find_map(|operation| {
        let PlanForm::Batch(batch) = &operation.form else {
            return None;
        };
        let max = names::number(batch.max);
        Some(quote! { BatchTable { ids_per_native_call: #max } })
    }));
    let upsert = optional(entity.operations.iter().find_map(|operation| {
        let PlanForm::Upsert(upsert) = &operation.form else {
            return None;
        };
        let keys = upsert.keys.iter().map(|key| &key.name);
        let refused = upsert.refused.iter().map(|(key, reason)| {
            quote! { RefusedKey { key: #key, reason: #reason } }
        });
        Some(quote! { UpsertTable { keys: &[#(#keys),*], refused_keys: &[#(#refused),*] } })
    }));
    quote! {
        EntityTable {
            name: #name,
            native_object: #native,
            fields: &[#(#fields),*],
            list: #list,
            batch_read: #batch,
            upsert: #upsert,
        }
    }
}

fn field(offer: &OfferField) -> TokenStream {
    let (name, native) = (&offer.name, &offer.native);
    let read = offer.read.then(|| quote! { .read() });
    let create = offer.create.then(|| quote! { .create() });
    let update = offer.update.then(|| quote! { .update() });
    let entries = (!offer.entries.is_empty()).then(|| {
        let entries = &offer.entries;
        quote! { .entries(&[#(#entries),*]) }
    });
    let merged = offer.of_merged.then(|| quote! { .only_of_merged() });
    let because = offer.reason.as_ref().map(|reason| {
        let reason = match reason.as_str() {
            READ_ONLY => quote! { READ_ONLY },
            WRITE_ONLY => quote! { WRITE_ONLY },
            own => quote! { #own },
        };
        quote! { .because(#reason) }
    });
    quote! { Field::of(#name, &[#(#native),*]) #read #create #update #entries #merged #because }
}

fn list(entity: &PlanEntity) -> Option<TokenStream> {
    let (list, gone) = (offer::list(entity)?, entity.gone.as_ref()?);
    let (default, max) = (
        names::number(list.default_size),
        names::number(list.max_size),
    );
    let incremental = !list.changes.is_empty();
    let overlap = names::number(list.overlap_seconds);
    let (deleted, merged) = (told(&gone.deleted), told(&gone.merged));
    Some(quote! {
        ListTable {
            page_size_default: #default,
            page_size_max: #max,
            incremental: #incremental,
            overlap_seconds: #overlap,
            deleted: #deleted,
            merged: #merged,
        }
    })
}

fn told(told: &PlanTold) -> TokenStream {
    match told {
        PlanTold::By { field, except } => {
            let except = except.as_ref().map(|except| quote! { .except(#except) });
            quote! { Told::by(#field) #except }
        }
        PlanTold::Not(reason) => quote! { Told::not(#reason) },
    }
}

fn all_objects(provider: &PlanProvider) -> impl Iterator<Item = &PlanObjects> {
    let entities = provider.entities.iter().map(|entity| &entity.objects);
    let scripts = provider.scripts.iter().map(|scripts| &scripts.objects);
    entities.chain(scripts).flatten()
}

/// The objects that calls may name, each with its names; where they name none, those of the entities.
fn native_objects(provider: &PlanProvider) -> Vec<(String, Vec<String>)> {
    let named = all_objects(provider).flat_map(|objects| &objects.names);
    let mut pairs: Vec<(String, String)> = named.cloned().collect();
    if pairs.is_empty() {
        let entities = provider.entities.iter();
        pairs.extend(entities.map(|entity| (entity.name.clone(), entity.native.clone())));
    }
    let mut objects: Vec<(String, Vec<String>)> = Vec::new();
    for (called, native) in pairs {
        let known = objects.iter_mut().find(|(name, _)| *name == native);
        match known {
            Some((_, known)) if known.contains(&called) => {}
            Some((_, known)) => known.push(called),
            None => objects.push((native, vec![called])),
        }
    }
    objects
}

fn optional(tokens: Option<TokenStream>) -> TokenStream {
    tokens.map_or_else(|| quote! { None }, |tokens| quote! { Some(#tokens) })
}
