//! Every entity of every provider, the invented one included: generated translators against the plain version, on
//! records and pages that are made of the entity's own members and of all that may be odd about them.

#[path = "../../../codegen/tests/invented/proxy/src/generated/mod.rs"]
#[rustfmt::skip]
#[expect(
    unreachable_pub,
    dead_code,
    reason = "generated for a library, and this is a test"
)]
mod invented;

use std::{collections::BTreeMap, path::Path, sync::LazyLock};

use crosswalk::{
    generated,
    route::Api,
    translate::{entity::Entity, page::PageForm},
};
use crosswalk_reference::{
    Mapped, Reference, Told,
    agreement::{self, Agreed},
    page,
    random::{self, Choices, Wildness},
};
use proptest::{collection::vec, prelude::*, test_runner::Config};

static REAL: LazyLock<Reference> =
    LazyLock::new(|| Reference::load(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")));
static INVENTED: LazyLock<Reference> = LazyLock::new(|| {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    Reference::load(&root.join("../../codegen/tests/invented"))
});

/// An entity both ways.
#[derive(Debug, Clone, Copy)]
struct Both {
    api: &'static Api,
    provider: usize,
    entity: &'static Entity,
    mapped: Mapped<'static>,
}

static ALL: LazyLock<Vec<Both>> = LazyLock::new(|| {
    let mut all = Vec::new();
    for (api, reference) in [(&generated::API, &*REAL), (&invented::API, &*INVENTED)] {
        for (provider, entities) in api.records.iter().enumerate() {
            let name = api.providers[provider].name;
            for entity in *entities {
                let mapped = reference.entity(name, entity.name);
                all.push(Both {
                    api,
                    provider,
                    entity,
                    mapped: mapped.expect("what is generated is in the plan"),
                });
            }
        }
        let planned = reference.entities().count();
        let generated: usize = api.records.iter().map(|entities| entities.len()).sum();
        assert_eq!(planned, generated, "every entity is generated");
    }
    all
});

/// The lists whose records are written while they come.
static FORMS: LazyLock<Vec<(Both, PageForm)>> = LazyLock::new(|| {
    let forms = ALL.iter().map(|both| (*both, agreement::form(both.mapped)));
    forms
        .filter_map(|(both, form)| Some((both, form?)))
        .collect()
});

fn choices() -> impl Strategy<Value = Vec<u8>> {
    vec(any::<u8>(), 0..600)
}

/// Many, since each is one of many entities. `PROPTEST_CASES` asks for more.
fn config() -> Config {
    let default = Config::default();
    Config {
        cases: default.cases.max(2000),
        failure_persistence: None,
        ..default
    }
}

fn agree(entity: usize, native: &[u8], choices: &mut Choices<'_>) -> Result<Agreed, TestCaseError> {
    let both = &ALL[entity % ALL.len()];
    let besides = random::besides(both.mapped, choices);
    let told = Told {
        losers: choices.below(2) == 1,
        raw: choices.below(4) != 3,
    };
    agreement::record(both.mapped, both.entity, native, &besides, told).map_err(|difference| {
        let (provider, entity) = (&both.mapped.provider.name, both.entity.name);
        let native = String::from_utf8_lossy(native);
        TestCaseError::fail(format!(
            "{provider} {entity}\n{native}\n{besides:?}\n{difference}"
        ))
    })
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn a_record_is_what_the_plain_version_makes_of_it(
        entity in 0..1000_usize,
        choices in choices(),
    ) {
        let mut choices = Choices::new(&choices);
        let native = random::record(ALL[entity % ALL.len()].mapped, Wildness::Tame, &mut choices);
        agree(entity, native.as_bytes(), &mut choices)?;
    }

    #[test]
    fn a_record_with_members_given_twice_is_what_the_plain_version_makes_of_it(
        entity in 0..1000_usize,
        choices in choices(),
    ) {
        let mut choices = Choices::new(&choices);
        let native = random::record(ALL[entity % ALL.len()].mapped, Wildness::Wild, &mut choices);
        agree(entity, native.as_bytes(), &mut choices)?;
    }

    #[test]
    fn a_spoiled_record_is_refused_by_both_or_read_by_both(
        entity in 0..1000_usize,
        choices in choices(),
        changes in vec(any::<u8>(), 1..16),
    ) {
        let mut choices = Choices::new(&choices);
        let native = random::record(ALL[entity % ALL.len()].mapped, Wildness::Wild, &mut choices);
        let mut native = native.into_bytes();
        random::spoil(&mut native, &mut Choices::new(&changes));
        agree(entity, &native, &mut choices)?;
    }

    #[test]
    fn a_page_is_what_the_plain_version_makes_of_it(
        entity in 0..1000_usize,
        size in 1..6_usize,
        is_wild in any::<bool>(),
        raw in any::<bool>(),
        choices in vec(any::<u8>(), 0..1500),
        changes in vec(any::<u8>(), 0..8),
    ) {
        let lists: Vec<&Both> = ALL
            .iter()
            .filter(|both| both.mapped.entity.objects.is_none() && page::list(both.mapped).is_some())
            .collect();
        let both = lists[entity % lists.len()];
        let wildness = if is_wild { Wildness::Wild } else { Wildness::Tame };
        let mut choices = Choices::new(&choices);
        let mut body = random::answer(both.mapped, wildness, &mut choices).into_bytes();
        if is_wild && changes.len() > 4 {
            random::spoil(&mut body, &mut Choices::new(&changes));
        }
        let provider = both.api.providers[both.provider];
        agreement::list(both.api, provider, both.mapped, &body, size, raw).map_err(|difference| {
            let body = String::from_utf8_lossy(&body);
            TestCaseError::fail(format!("{} {} {size}\n{body}\n{difference}", provider.name, both.entity.name))
        })?;
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn a_page_in_pieces_is_the_page(
        entity in 0..1000_usize,
        size in 1..6_usize,
        is_wild in any::<bool>(),
        choices in vec(any::<u8>(), 0..1500),
        changes in vec(any::<u8>(), 0..8),
        cuts in vec(any::<u8>(), 0..400),
    ) {
        let (both, form) = FORMS[entity % FORMS.len()];
        let wildness = if is_wild { Wildness::Wild } else { Wildness::Tame };
        let mut body = random::answer(both.mapped, wildness, &mut Choices::new(&choices)).into_bytes();
        if is_wild && changes.len() > 4 {
            random::spoil(&mut body, &mut Choices::new(&changes));
        }
        let form = PageForm {
            size: if form.next.is_some() { usize::MAX } else { size },
            ..form
        };
        let mut cuts = Choices::new(&cuts);
        agreement::pieces(both.mapped, both.entity, form, &body, &mut cuts).map_err(|difference| {
            let body = String::from_utf8_lossy(&body);
            TestCaseError::fail(format!("{} {size}\n{body}\n{difference}", both.entity.name))
        })?;
    }
}

/// A test on records that are all refused, or never, would show little.
#[test]
fn the_records_are_neither_all_refused_nor_all_answered() {
    let mut counts: BTreeMap<String, (u32, u32)> = BTreeMap::new();
    for (index, both) in ALL.iter().enumerate() {
        for seed in 0..200_u32 {
            let mut state = u64::from(seed);
            let bytes: Vec<u8> = (0..600)
                .map(|_| {
                    state = state
                        .wrapping_mul(6_364_136_223_846_793_005)
                        .wrapping_add(1_442_695_040_888_963_407);
                    state.to_le_bytes()[5]
                })
                .collect();
            let mut choices = Choices::new(&bytes);
            let native = random::record(both.mapped, Wildness::Wild, &mut choices);
            let agreed = agree(index, native.as_bytes(), &mut choices).expect("both agree");
            let name = format!("{} {}", both.mapped.provider.name, both.entity.name);
            let count = counts.entry(name).or_default();
            match agreed {
                Agreed::Answered => count.0 += 1,
                Agreed::Refused => count.1 += 1,
            }
        }
    }
    for (name, (answered, refused)) in counts {
        assert!(
            answered > 10 && refused > 10,
            "{name}: {answered} and {refused}"
        );
    }
}

#[test]
fn rows_that_are_given_twice_are_those_of_the_last_list() {
    let row = |id: u32, fields: &str| {
        format!(
            r#"{{"id":"{id}","updatedAt":"2024-01-31T12:34:56.789Z","properties":{{{fields}}}}}"#
        )
    };
    let (whole, bare) = (row(1, r#""email":"a""#), row(2, r#""phone":"1""#));
    let body = format!(r#"{{"results":[{whole},{whole}],"results":[{bare}]}}"#);
    for both in ALL
        .iter()
        .filter(|both| both.mapped.provider.fields_in.is_some())
    {
        if both.mapped.entity.objects.is_some() || page::list(both.mapped).is_none() {
            continue;
        }
        let provider = both.api.providers[both.provider];
        let agreed = agreement::list(both.api, provider, both.mapped, body.as_bytes(), 2, true);
        assert_eq!(agreed, Ok(Agreed::Answered), "{}", both.entity.name);
    }
}
