//! Compares what clients were told with what the provider holds.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    register::{self, Moment, Read, Write},
    script::Entity,
    told::{Event, Mark, Record, Told, What, unified},
};

/// Everything that must not be; nothing, for a history that is as it should be. `held` is what the provider had at the
/// moment `end`, when nothing was under way any more.
pub(super) fn faults(events: &[Event], held: &[Record], end: Moment) -> Vec<String> {
    let mut faults: Vec<String> = events.iter().filter_map(nonsense).collect();
    records(events, held, &mut faults);
    sights(events, &mut faults);
    fields(events, held, end, &mut faults);
    faults
}

/// What no answer may be, whatever was asked.
fn nonsense(event: &Event) -> Option<String> {
    let fault = match &event.told {
        Told::Nonsense(words) => words.clone(),
        Told::Unknown(_, body) | Told::Written(_, body) if !event.what.is_write() => {
            format!("a read was answered with an outcome: {body}")
        }
        // All that these clients ask for is right and there: only the way to the provider is bad.
        Told::Refused(status, body) | Told::Unknown(status, body) | Told::Written(status, body)
            if ![401, 409, 429, 502, 503, 504].contains(status) =>
        {
            format!("answered {status}: {body}")
        }
        _ => return None,
    };
    Some(format!("{}: {fault}", event.title))
}

/// Every acknowledged record is there once, every refused one is not, every other one at most once; and no other is.
fn records(events: &[Event], held: &[Record], faults: &mut Vec<String>) {
    let mut marks: BTreeMap<(Entity, &Mark), Vec<&Event>> = BTreeMap::new();
    for event in events {
        if let What::Create(mark, _) | What::Upsert(mark, _) = &event.what {
            marks.entry((event.entity, mark)).or_default().push(event);
        }
    }
    for record in held {
        if !marks.contains_key(&(record.entity, &record.mark)) {
            faults.push(format!("nobody asked for {record:?}"));
        }
    }
    for ((entity, mark), asked) in &marks {
        let there: Vec<&Record> = held
            .iter()
            .filter(|record| record.entity == *entity && record.mark == **mark)
            .collect();
        let must = asked
            .iter()
            .any(|event| matches!(event.told, Told::Done(_) | Told::Written(..)));
        let must_not = asked
            .iter()
            .all(|event| matches!(event.told, Told::Refused(..)));
        let titles: Vec<&str> = asked.iter().map(|event| event.title.as_str()).collect();
        if there.len() > 1 {
            faults.push(format!("{mark} is there {} times: {titles:?}", there.len()));
        }
        if must && there.is_empty() {
            faults.push(format!(
                "{mark} was acknowledged and is not there: {titles:?}"
            ));
        }
        if must_not && !there.is_empty() {
            faults.push(format!("{mark} was refused and is there: {titles:?}"));
        }
        for event in asked {
            let Told::Done(body) = &event.told else {
                continue;
            };
            let id = body["record"]["id"].as_str().unwrap_or_default();
            if there.iter().all(|record| record.id != id) {
                faults.push(format!(
                    "{}: told id {id:?}, there is {there:?}",
                    event.title
                ));
            }
        }
    }
}

/// What is known to be there is seen by whoever looks afterwards.
fn sights(events: &[Event], faults: &mut Vec<String>) {
    let known: Vec<(Entity, String, Moment)> = events
        .iter()
        .flat_map(|event| {
            seen(event)
                .into_iter()
                .map(|record| (event.entity, record.id, event.to))
        })
        .collect();
    for event in events {
        let is_asked = |id: &String| match &event.what {
            What::Get(one) | What::Update(one, _) => one == id,
            What::BatchRead(ids) => ids.contains(id),
            What::List => true,
            What::Create(..) | What::Upsert(..) => false,
        };
        let found: Option<BTreeSet<String>> = match (&event.told, &event.what) {
            (Told::Done(_), What::List | What::BatchRead(_) | What::Get(_)) => {
                Some(seen(event).into_iter().map(|record| record.id).collect())
            }
            (Told::Refused(404, _), _) => Some(BTreeSet::new()),
            _ => None,
        };
        let Some(found) = found else { continue };
        for (entity, id, since) in &known {
            let must = *entity == event.entity && is_asked(id) && *since < event.from;
            if must && !found.contains(id) {
                faults.push(format!(
                    "{}: does not see {id}, which was there",
                    event.title
                ));
            }
        }
    }
}

/// The records that a call's answer shows.
fn seen(event: &Event) -> Vec<Record> {
    let Told::Done(body) = &event.told else {
        return Vec::new();
    };
    let items = match &event.what {
        What::List => body["items"].as_array().cloned().unwrap_or_default(),
        What::BatchRead(_) => body.as_array().cloned().unwrap_or_default(),
        _ => vec![body["record"].clone()],
    };
    items
        .iter()
        .filter_map(|item| unified(event.entity, item))
        .collect()
}

/// Each field of each record is a register.
fn fields(events: &[Event], held: &[Record], end: Moment, faults: &mut Vec<String>) {
    // Ids of records that nobody was told of are found in what the provider holds.
    for record in held.iter().filter(|record| record.entity != Entity::Note) {
        for index in 0..2 {
            let mut writes = vec![Write {
                value: None,
                from: 0,
                to: Some(0),
            }];
            let mut reads = vec![Read {
                value: record.fields[index].clone(),
                from: end,
                to: end,
            }];
            for event in events.iter().filter(|event| event.entity == record.entity) {
                let written = match &event.what {
                    What::Create(mark, values) | What::Upsert(mark, values)
                        if *mark == record.mark =>
                    {
                        values[index].clone()
                    }
                    What::Update(id, values) if *id == record.id => values[index].clone(),
                    _ => None,
                };
                let to = match &event.told {
                    Told::Done(_) | Told::Written(..) => Some(Some(event.to)),
                    Told::Unknown(..) | Told::Nothing | Told::Nonsense(_) => Some(None),
                    Told::Refused(..) => None,
                };
                if let (Some(value), Some(to)) = (written, to) {
                    let value = Some(value);
                    writes.push(Write {
                        value,
                        from: event.from,
                        to,
                    });
                }
                for sight in seen(event)
                    .into_iter()
                    .filter(|sight| sight.id == record.id)
                {
                    reads.push(Read {
                        value: sight.fields[index].clone(),
                        from: event.from,
                        to: event.to,
                    });
                }
            }
            if let Some(fault) = register::fault(&writes, &reads) {
                let name = record.entity.fields()[index];
                faults.push(format!(
                    "{} of {} ({}): {fault}",
                    name, record.id, record.mark
                ));
            }
            echoes(events, record, index, &writes, faults);
        }
    }
}

/// What a write is answered with is not older than what it wrote.
fn echoes(
    events: &[Event],
    record: &Record,
    index: usize,
    writes: &[Write],
    faults: &mut Vec<String>,
) {
    for event in events.iter().filter(|event| event.entity == record.entity) {
        let (What::Create(_, values) | What::Upsert(_, values) | What::Update(_, values)) =
            &event.what
        else {
            continue;
        };
        let Some(own) = &values[index] else { continue };
        for sight in seen(event)
            .into_iter()
            .filter(|sight| sight.id == record.id)
        {
            let told = &sight.fields[index];
            let is_older = writes
                .iter()
                .find(|write| write.value == *told)
                .is_none_or(|write| write.to.is_some_and(|to| to < event.from));
            if told.as_ref() != Some(own) && is_older {
                faults.push(format!(
                    "{}: wrote {own:?}, was shown {told:?}",
                    event.title
                ));
            }
        }
    }
}

#[cfg(test)]
mod tests;
