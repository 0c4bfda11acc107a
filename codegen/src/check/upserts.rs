//! Upserts: the keys that records are found by, and the steps for what was found.

use super::{
    answers::{self, Wanted},
    calls::{self, Calls},
    chosen,
    natives::{Native, Natives},
    slots::Scope,
    steps::{self, Known, Steps},
};
use crate::{
    diagnostic::{Diagnostic, listed},
    mapping::{
        call::MappingCall,
        operation::{MappingDirect, MappingFind, MappingKey, MappingUpsert},
    },
    plan::{
        PlanCall, PlanDirect, PlanField, PlanFind, PlanKey, PlanNormalize, PlanPath, PlanSlot,
        PlanSource, PlanUpsert,
    },
    source::{Span, Text},
};

/// How much spelled text one call takes, where the mapping does not say: what any server's address line holds.
const DEFAULT_SPLIT: usize = 4000;

/// What an upsert is checked against.
#[derive(Debug, Clone, Copy)]
pub(super) struct Upserts<'a> {
    pub(super) calls: Calls<'a>,
    pub(super) steps: Steps<'a>,
    pub(super) natives: Natives<'a>,
    pub(super) fields: &'a [PlanField],
    /// The values of the unified operation's key.
    pub(super) keys: &'a [String],
}

pub(super) fn check(
    upsert: &MappingUpsert,
    name: &Text,
    upserts: &Upserts<'_>,
) -> Option<PlanUpsert> {
    upserts.check_keys(upsert, name);
    let keys: Vec<Option<PlanKey>> = upsert
        .keys
        .iter()
        .map(|(_, key)| upserts.key(key.as_ref()?, upsert.recent.as_ref(), name))
        .collect();
    let by_key = |key: &PlanKey| key.matches.iter().map(|it| it.path.clone()).collect();
    let matched = keys.iter().flatten().map(by_key);
    let matched: Vec<PlanPath> = matched.flat_map(|paths: Vec<PlanPath>| paths).collect();
    let recent = upsert.recent.as_ref().map(|recent| {
        let scope = Scope::new(
            "a read of what was written a moment ago",
            &["fields", "recent.id"],
        );
        let (call, answer) = upserts.calls.reading(recent, &scope)?;
        answers::record(answer, recent.operation.span, upserts.calls.sink);
        chosen::check_needed(recent, answer, &matched, upserts.natives);
        Some(call)
    });
    let steps = upserts.plan_steps(upsert);
    let keys: Option<Vec<PlanKey>> = keys.into_iter().collect();
    Some(PlanUpsert {
        keys: keys?,
        refused: upsert
            .refused_keys
            .iter()
            .map(|(key, why)| (key.value.clone(), why.value.clone()))
            .collect(),
        recent: match recent {
            Some(recent) => Some(recent?),
            None => None,
        },
        none: upsert.none.value.clone(),
        one: upsert.one.value.clone(),
        steps: steps?,
    })
}

impl Upserts<'_> {
    /// Each key of the unified operation is there once, as a key or with a reason.
    fn check_keys(&self, upsert: &MappingUpsert, name: &Text) {
        let sink = self.calls.sink;
        let given = || {
            upsert
                .keys
                .iter()
                .map(|(name, _)| name)
                .chain(upsert.refused_keys.iter().map(|(key, _)| key))
        };
        for key in given().filter(|key| !self.keys.contains(&key.value)) {
            let message = format!("the unified operation has no key `{}`", key.value);
            let known = self.keys.iter().map(String::as_str);
            sink.push(
                Diagnostic::new("unknown-upsert-key", message, key.span).nearest(&key.value, known),
            );
        }
        for missing in self
            .keys
            .iter()
            .filter(|key| !given().any(|given| given.value == **key))
        {
            let message = format!("the key `{missing}` is neither in `keys` nor in `refused_keys`");
            sink.push(
                Diagnostic::new("unmapped-key", message, name.span)
                    .help(format!("the unified operation has {}", listed(self.keys))),
            );
        }
        for (name, _) in &upsert.keys {
            if let Some((refused, _)) = upsert
                .refused_keys
                .iter()
                .find(|(refused, _)| refused.value == name.value)
            {
                let message = format!("`{}` is in `keys` and in `refused_keys`", refused.value);
                sink.push(
                    Diagnostic::new("mapped-twice", message, refused.span)
                        .other(name.span, "it is a key here"),
                );
            }
        }
    }

    fn plan_steps(&self, upsert: &MappingUpsert) -> Option<Vec<crate::plan::PlanStep>> {
        let direct = upsert
            .keys
            .iter()
            .filter_map(|(_, key)| key.as_ref()?.direct.as_ref());
        let starts = [&upsert.none, &upsert.one];
        for start in starts
            .into_iter()
            .chain(direct.clone().map(|direct| &direct.step))
        {
            self.steps.check_target(&upsert.steps, start);
        }
        let mut entries = vec![
            (
                upsert.none.as_str(),
                Known {
                    record_id: false,
                    key_value: false,
                },
            ),
            (
                upsert.one.as_str(),
                Known {
                    record_id: true,
                    key_value: false,
                },
            ),
        ];
        entries.extend(direct.map(|direct| {
            (
                direct.step.as_str(),
                Known {
                    record_id: false,
                    key_value: true,
                },
            )
        }));
        steps::check(&upsert.steps, &entries, self.steps)
    }

    fn key(&self, key: &MappingKey, recent: Option<&MappingCall>, name: &Text) -> Option<PlanKey> {
        let set = self
            .natives
            .own(&key.set)
            .and_then(|native| self.natives.target(&native));
        let matches: Vec<Native> = key
            .matches
            .iter()
            .filter_map(|path| self.natives.own(path))
            .collect();
        let find = self.find(&key.find, &matches, name.span);
        if let (Some(stale), None) = (key.find.stale, recent) {
            let message = "the rows of this search may be old, and nothing says how to read a record by its id";
            let help = "say `recent:` beside `keys`; the record that fits is read by it before it is written";
            self.calls
                .sink
                .push(Diagnostic::new("missing-key", message, stale).help(help));
        }
        Some(PlanKey {
            name: key.name.value.clone(),
            normalize: match key.normalize {
                "host" => PlanNormalize::Host,
                "website" => PlanNormalize::Website,
                "email" => PlanNormalize::Email,
                _ => PlanNormalize::Exact,
            },
            set: set?,
            omit_from_changes: key.omit_from_changes,
            matches: matches.iter().map(Native::reference).collect(),
            find: find?,
            direct: key.direct.as_ref().map(direct),
        })
    }

    fn find(&self, find: &MappingFind, matches: &[Native], at: Span) -> Option<PlanFind> {
        let slots = ["fields", "key.spellings", "key.hosts", "page.token"];
        let scope = Scope::new("a search by key", &slots);
        let (call, answer): (PlanCall, _) = self.calls.reading(&find.call, &scope)?;
        if ![PlanSlot::KeySpellings, PlanSlot::KeySpellingsEach]
            .iter()
            .any(|slot| scope.uses(slot))
        {
            let message = "the call is given no `key.spellings`: it would find anything";
            self.calls.sink.push(Diagnostic::new(
                "unbound-parameter",
                message,
                find.call.operation.span,
            ));
        }
        let next = match &find.next {
            Some(path) => answers::path(answer, path, Wanted::Text, self.calls.sink).map(Some),
            None => Some(None),
        };
        if scope.uses(&PlanSlot::PageToken) != find.next.is_some() {
            let message = if find.next.is_some() {
                "`next` says where the next page's token is, and the call does not use `page.token`"
            } else {
                "the call uses `page.token`, and `next` does not say where an answer has it"
            };
            self.calls.sink.push(Diagnostic::new(
                "no-next-page",
                message,
                find.call.operation.span,
            ));
        }
        let rows = answers::rows(
            answer,
            find.rows.as_ref(),
            find.call.operation.span,
            self.calls.sink,
        );
        let id = match &find.id {
            Some(id) => self.natives.own(id).map(|native| native.path),
            None => self.record_id(at),
        };
        let needed = id.iter().chain(matches.iter().map(|native| &native.path));
        chosen::check_needed(&find.call, answer, needed, self.natives);
        Some(PlanFind {
            call,
            rows: rows?,
            next: next?,
            stale: find.stale.is_some(),
            id: id?,
            split: find.split.as_ref().map_or(DEFAULT_SPLIT, |split| {
                calls::at_least_one(split, self.calls.sink)
            }),
            max: find
                .max
                .as_ref()
                .map(|max| calls::at_least_one(max, self.calls.sink)),
        })
    }

    /// Where a row has its id: where the unified `id` comes from.
    fn record_id(&self, at: Span) -> Option<PlanPath> {
        let id = self
            .fields
            .iter()
            .find(|field| field.name == "id")
            .and_then(|field| match &field.source {
                PlanSource::Value { from, .. } => from.first(),
                _ => None,
            });
        if id.is_none() {
            let message = "nothing says where a row has its id: `id` is not mapped";
            self.calls
                .sink
                .push(Diagnostic::new("missing-key", message, at).help("say `id:` in `find`"));
        }
        id.map(|id| id.path.clone())
    }
}

fn direct(direct: &MappingDirect) -> PlanDirect {
    PlanDirect {
        step: direct.step.value.clone(),
        plain_value: direct.plain_value,
        record_keeps_key: direct.record_keeps_key,
    }
}
