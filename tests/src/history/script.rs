//! What the clients of one history do: drawn from numbers, the same for the same numbers.

use std::time::Duration;

use crate::{
    chance::Chance,
    injector::{Speaks, Weather},
};

/// A kind of record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Entity {
    Account,
    Contact,
    Note,
}

impl Entity {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Account => "account",
            Self::Contact => "contact",
            Self::Note => "note",
        }
    }

    /// The two fields that updates write. Of a note none is ever written again.
    pub(super) fn fields(self) -> [&'static str; 2] {
        match self {
            Self::Account => ["name", "description"],
            Self::Contact => ["last_name", "first_name"],
            Self::Note => ["", ""],
        }
    }
}

/// Which of the two fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fields {
    First,
    Second,
    Both,
}

impl Fields {
    pub(super) fn has(self, index: usize) -> bool {
        matches!(
            (self, index),
            (Self::Both, _) | (Self::First, 0) | (Self::Second, 1)
        )
    }
}

/// One call. A record is picked among those that are known by then.
#[derive(Debug, Clone, Copy)]
pub enum Doing {
    Create(Entity),
    Upsert(Entity, u64),
    Update(Entity, usize, Fields),
    Get(Entity, usize),
    List(Entity),
    BatchRead(Entity),
}

impl Doing {
    pub(super) fn is_write(self) -> bool {
        matches!(self, Self::Create(_) | Self::Upsert(..) | Self::Update(..))
    }

    pub(super) fn entity(self) -> Entity {
        let (Self::Create(entity)
        | Self::Upsert(entity, _)
        | Self::Update(entity, ..)
        | Self::Get(entity, _)
        | Self::List(entity)
        | Self::BatchRead(entity)) = self;
        entity
    }
}

/// A call with all that its client makes of it.
#[derive(Debug, Clone, Copy)]
pub struct Step {
    pub doing: Doing,
    /// The client thinks for so long first.
    pub pause: Duration,
    /// The client is gone after so long.
    pub hangs_up: Option<Duration>,
    /// What the client says it will wait.
    pub timeout: Option<Duration>,
    /// The write has an `Idempotency-Key`, and is repeated with it so often where it ends in an error.
    pub keyed: Option<u32>,
}

impl Step {
    /// The call, and nothing else.
    pub(super) fn simple(doing: Doing) -> Self {
        Self {
            doing,
            pause: Duration::ZERO,
            hangs_up: None,
            timeout: None,
            keyed: None,
        }
    }
}

/// A whole history before it happens.
#[derive(Debug, Clone)]
pub struct Script {
    pub seed: u64,
    pub number: u64,
    pub provider: Speaks,
    pub weather: Weather,
    pub clients: Vec<Vec<Step>>,
}

/// Draws a history.
pub fn script(seed: u64, number: u64) -> Script {
    let mut chance = Chance::of(&[seed, number, u64::MAX]);
    let weather = match chance.below(6) {
        0 => Weather::Steady(3),
        1 | 2 => Weather::Steady(10),
        3 => Weather::Steady(35),
        _ => Weather::Gusty,
    };
    let clients = 2 + chance.below(3);
    let steps = 6 + chance.below(7);
    let mut all = vec![Vec::new(); usize::try_from(clients).unwrap_or(2)];
    // Two keys for each kind: they collide.
    for step in 0..steps {
        let drawn = step_of(&mut chance);
        let client = usize::try_from(step % clients).unwrap_or_default();
        all[client].push(drawn);
    }
    Script {
        seed,
        number,
        provider: if number.is_multiple_of(2) {
            Speaks::HubSpot
        } else {
            Speaks::Salesforce
        },
        weather,
        clients: all,
    }
}

/// The step of a client that goes on and on.
pub(super) fn step(seed: u64, client: u64, number: u64) -> Step {
    step_of(&mut Chance::of(&[seed, client, number, u64::MAX]))
}

fn step_of(chance: &mut Chance) -> Step {
    let entity = chance.one(&[Entity::Account, Entity::Contact]);
    let pick = usize::try_from(chance.below(3)).unwrap_or_default();
    let fields = chance.one(&[Fields::First, Fields::Second, Fields::Both]);
    let doing = match chance.below(20) {
        0..=2 => Doing::Create(entity),
        3 => Doing::Create(Entity::Note),
        4..=7 => Doing::Upsert(entity, chance.below(2)),
        8..=11 => Doing::Update(entity, pick, fields),
        12..=15 => Doing::Get(entity, pick),
        16..=17 => Doing::List(entity),
        _ => Doing::BatchRead(entity),
    };
    let pause = Duration::from_millis(if chance.hits(50) { 0 } else { chance.below(40) });
    let hangs_up = chance
        .hits(6)
        .then(|| Duration::from_millis(chance.below(80)));
    let timeout = chance
        .hits(10)
        .then(|| Duration::from_millis(50 + chance.below(1_500)));
    let keyed = (doing.is_write() && chance.hits(35))
        .then(|| u32::try_from(1 + chance.below(3)).unwrap_or(1));
    Step {
        doing,
        pause,
        hangs_up,
        timeout,
        keyed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_history_is_drawn_the_same_from_the_same_numbers() {
        let text = |number| format!("{:?}", script(1, number));
        assert_eq!(text(5), text(5));
        assert_ne!(text(5), text(7));
    }

    #[test]
    fn histories_have_a_few_clients_with_a_few_calls() {
        for number in 0..500 {
            let script = script(1, number);
            assert!((2..=4).contains(&script.clients.len()));
            let steps: usize = script.clients.iter().map(Vec::len).sum();
            assert!((6..=12).contains(&steps));
        }
    }
}
