//! Native records and pages of every entity: the generated translators refuse what the plain version of their mapping
//! refuses, and answer what it answers, to the byte.
//!
//! The first byte chooses the entity, the second one what the rest is: a record, a record that is told with those that
//! were merged into it, a page of the list, or choices of which a record is made.
#![no_main]

use std::{path::Path, sync::LazyLock};

use crosswalk::{
    generated::API,
    translate::{entity::Entity, page::PageForm},
    upstream::provider::Provider,
};
use crosswalk_reference::{
    Besides, Mapped, Reference, Told, agreement, page,
    random::{self, Choices, Wildness},
};
use libfuzzer_sys::{Corpus, fuzz_target};

static REFERENCE: LazyLock<Reference> =
    LazyLock::new(|| Reference::load(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")));

static ENTITIES: LazyLock<Vec<Both>> = LazyLock::new(|| {
    let providers = API.providers.iter().zip(API.records);
    let all = providers.flat_map(|(provider, entities)| {
        entities.iter().map(|entity| {
            let mapped = REFERENCE.entity(provider.name, entity.name);
            let mapped = mapped.expect("what is generated is planned");
            Both {
                provider,
                entity,
                mapped,
                besides: random::besides(mapped, &mut Choices::new(&[])),
                form: agreement::form(mapped),
            }
        })
    });
    all.collect()
});

/// An entity both ways.
struct Both {
    provider: &'static Provider,
    entity: &'static Entity,
    mapped: Mapped<'static>,
    besides: Besides,
    form: Option<PageForm>,
}

fuzz_target!(|input: &[u8]| -> Corpus {
    let [entity, what, rest @ ..] = input else {
        return Corpus::Reject;
    };
    let both = &ENTITIES[usize::from(*entity) % ENTITIES.len()];
    let (entity, mapped, raw) = (both.entity, both.mapped, *what < 128);
    let told = |losers| Told { losers, raw };
    let agreed = match what % 4 {
        0 => agreement::record(mapped, entity, rest, &both.besides, told(false)),
        1 => agreement::record(mapped, entity, rest, &both.besides, told(true)),
        2 if mapped.entity.objects.is_some() || page::list(mapped).is_none() => {
            return Corpus::Reject;
        }
        2 => agreement::list(&API, both.provider, mapped, rest, 2, raw).and_then(|agreed| {
            let Some(form) = both.form.filter(|form| form.next.is_some()) else {
                return Ok(agreed);
            };
            agreement::pieces(mapped, entity, form, rest, &mut Choices::new(rest))
        }),
        _ => {
            let mut choices = Choices::new(rest);
            let native = random::record(mapped, Wildness::Wild, &mut choices);
            let besides = random::besides(mapped, &mut choices);
            agreement::record(mapped, entity, native.as_bytes(), &besides, told(true))
        }
    };
    if let Err(difference) = agreed {
        panic!("{} {}: {difference}", both.provider.name, entity.name);
    }
    Corpus::Keep
});
