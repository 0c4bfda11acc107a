//! Native records and pages of every entity: the generated translators refuse what the plain version of their mapping
//! refuses, and answer what it answers, to the byte.
//!
//! The first byte chooses the entity, the second one what the rest is: a record, a record that is told with those that
//! were merged into it, a page of the list, or choices of which a record is made.
#![no_main]

use std::{path::Path, sync::LazyLock};

use crosswalk::{generated::API, translate::entity::Entity, upstream::provider::Provider};
use crosswalk_reference::{
    Reference, Told, agreement, page,
    random::{self, Choices, Wildness},
};
use libfuzzer_sys::{Corpus, fuzz_target};

static REFERENCE: LazyLock<Reference> =
    LazyLock::new(|| Reference::load(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")));

static ENTITIES: LazyLock<Vec<(&'static Provider, &'static Entity)>> = LazyLock::new(|| {
    let providers = API.providers.iter().zip(API.records);
    let all =
        providers.flat_map(|(provider, entities)| entities.iter().map(move |it| (*provider, *it)));
    all.collect()
});

fuzz_target!(|input: &[u8]| -> Corpus {
    let [entity, what, rest @ ..] = input else {
        return Corpus::Reject;
    };
    let (provider, entity) = ENTITIES[usize::from(*entity) % ENTITIES.len()];
    let mapped = REFERENCE
        .entity(provider.name, entity.name)
        .expect("what is generated is planned");
    let besides = random::besides(mapped, &mut Choices::new(&[]));
    let agreed = match what % 4 {
        0 | 1 => agreement::record(
            mapped,
            entity,
            rest,
            &besides,
            Told {
                losers: what % 4 == 1,
                raw: *what < 128,
            },
        ),
        2 if mapped.entity.objects.is_some() || page::list(mapped).is_none() => {
            return Corpus::Reject;
        }
        2 => agreement::list(&API, provider, mapped, rest, 2, *what < 128),
        _ => {
            let mut choices = Choices::new(rest);
            let native = random::record(mapped, Wildness::Wild, &mut choices);
            let besides = random::besides(mapped, &mut choices);
            agreement::record(
                mapped,
                entity,
                native.as_bytes(),
                &besides,
                Told {
                    losers: true,
                    raw: true,
                },
            )
        }
    };
    if let Err(difference) = agreed {
        panic!("{} {}: {difference}", provider.name, entity.name);
    }
    Corpus::Keep
});
