//! Any order of events: everybody is told exactly once, nobody waits for nothing, and nothing is too large.

use std::collections::{BTreeMap, BTreeSet};

use http::Method;
use proptest::prelude::*;

use super::*;
use crate::upstream::provider::{Content, Effect};

static READ: NativeOperation = NativeOperation {
    id: "read",
    method: Method::GET,
    effect: Effect::Read,
    content: Content::Json,
};

const MAX: usize = 4;

fn target(group: u8, id: u8) -> String {
    let (before, after) = [("cats", "a"), ("dogs", "a"), ("cats", "b")][usize::from(group)];
    format!("/{before}/{id}?fields={after}")
}

/// What is around the id.
fn group_of(target: &str) -> (&str, &str) {
    (&target[..6], target.split('?').next_back().unwrap())
}

struct Ask {
    target: String,
    id: String,
    behalf: Behalf,
    renewed: bool,
    gathers: bool,
    deadline: Instant,
}

impl Ask {
    fn new(group: u8, id: u8, now: Instant) -> Self {
        Self {
            target: target(group, id),
            id: id.to_string(),
            behalf: Behalf::proxy(),
            renewed: false,
            gathers: true,
            deadline: now + Duration::from_mins(1),
        }
    }

    fn wanted(&self) -> Wanted<'_> {
        let start = 6;
        Wanted {
            operation: &READ,
            target: &self.target,
            body: None,
            place: Some(Place {
                join: 0,
                max: MAX,
                at: start..start + self.id.len(),
                id: Cow::Borrowed(&self.id),
                gathers: self.gathers,
            }),
            deadline: self.deadline,
            behalf: &self.behalf,
            renewed: self.renewed,
        }
    }
}

type Played = Core<u32, u64>;

fn ask(core: &mut Played, ask: &Ask, who: u32, now: Instant) -> Asked<u32, u64> {
    core.ask(&ask.wanted(), now, || (who, who))
}

#[test]
fn a_lone_read_goes_at_once() {
    let now = Instant::now();
    let mut core = Played::default();
    let first = ask(&mut core, &Ask::new(0, 1, now), 1, now);
    assert!(matches!(first, Asked::Lead(_)));
    // Of another group.
    let other = ask(&mut core, &Ask::new(1, 2, now), 2, now);
    assert!(matches!(other, Asked::Lead(_)));
}

#[test]
fn identical_reads_follow_the_one_under_way() {
    let now = Instant::now();
    let mut core = Played::default();
    let Asked::Lead(flight) = ask(&mut core, &Ask::new(0, 1, now), 1, now) else {
        panic!("the first leads");
    };
    let second = ask(&mut core, &Ask::new(0, 1, now), 2, now);
    assert!(
        matches!(second, Asked::Wait { flight: it, gathers: Gathers::Nothing, .. } if it == flight)
    );
    let after = core.ended(flight, now, true);
    let told: Vec<u32> = after.waiting.iter().map(|it| it.told).collect();
    assert_eq!(told, [2]);
}

#[test]
fn nobody_follows_a_read_that_began_before_a_write_ended() {
    let now = Instant::now();
    let mut core = Played::default();
    let mut it = Ask::new(0, 1, now);
    it.gathers = false;
    assert!(matches!(ask(&mut core, &it, 1, now), Asked::Lead(_)));
    core.wrote();
    assert!(matches!(ask(&mut core, &it, 2, now), Asked::Lead(_)));
    // The newer one is followed.
    assert!(matches!(ask(&mut core, &it, 3, now), Asked::Wait { .. }));
    // A batch that began before is not joined by one who knows of the write.
    let mut core = Played::default();
    assert!(matches!(
        ask(&mut core, &Ask::new(0, 9, now), 1, now),
        Asked::Lead(_)
    ));
    let Asked::Wait { flight, .. } = ask(&mut core, &Ask::new(0, 1, now), 2, now) else {
        panic!("the second gathers");
    };
    assert!(matches!(
        ask(&mut core, &Ask::new(0, 2, now), 3, now),
        Asked::Wait { .. }
    ));
    assert!(matches!(core.depart(flight, now), Departed::Batch(_)));
    let follows = ask(&mut core, &Ask::new(0, 2, now), 4, now);
    assert!(matches!(follows, Asked::Wait { flight: it, .. } if it == flight));
    core.wrote();
    let late = ask(&mut core, &Ask::new(0, 2, now), 5, now);
    assert!(matches!(late, Asked::Wait { flight: it, .. } if it != flight));
}

#[test]
fn what_leaves_or_begins_anew_after_a_write_is_followed() {
    let now = Instant::now();
    let mut core = Played::default();
    let Asked::Lead(first) = ask(&mut core, &Ask::new(0, 9, now), 1, now) else {
        panic!("the first leads");
    };
    let follower = ask(&mut core, &Ask::new(0, 9, now), 2, now);
    assert!(matches!(follower, Asked::Wait { flight, .. } if flight == first));
    let Asked::Wait { flight: batch, .. } = ask(&mut core, &Ask::new(0, 1, now), 3, now) else {
        panic!("the third gathers");
    };
    ask(&mut core, &Ask::new(0, 2, now), 4, now);
    core.wrote();
    let after = core.abandoned(first, now);
    assert_eq!((after.leader, after.waiting.len()), (Some(2), 0));
    assert!(matches!(core.depart(batch, now), Departed::Batch(_)));
    for (id, flight) in [(9, first), (1, batch)] {
        let late = ask(&mut core, &Ask::new(0, id, now), 5, now);
        assert!(matches!(late, Asked::Wait { flight: it, .. } if it == flight));
    }
}

#[test]
fn what_is_renewed_follows_nothing_that_has_begun() {
    let now = Instant::now();
    let mut core = Played::default();
    let mut it = Ask::new(0, 1, now);
    it.gathers = false;
    assert!(matches!(ask(&mut core, &it, 1, now), Asked::Lead(_)));
    it.renewed = true;
    assert!(matches!(ask(&mut core, &it, 2, now), Asked::Lead(_)));
}

#[test]
fn the_urgent_do_not_wait_for_a_pipelines_turn() {
    let now = Instant::now();
    let mut core = Played::default();
    let mut it = Ask::new(0, 1, now);
    it.gathers = false;
    it.behalf.urgency = Urgency::Background;
    assert!(matches!(ask(&mut core, &it, 1, now), Asked::Lead(_)));
    it.behalf.urgency = Urgency::Interactive;
    assert!(matches!(ask(&mut core, &it, 2, now), Asked::Lead(_)));
    it.behalf.urgency = Urgency::Background;
    assert!(matches!(ask(&mut core, &it, 3, now), Asked::Wait { .. }));
}

#[test]
fn a_batch_is_as_urgent_and_as_patient_as_any_in_it() {
    let now = Instant::now();
    let mut core = Played::default();
    assert!(matches!(
        ask(&mut core, &Ask::new(0, 9, now), 1, now),
        Asked::Lead(_)
    ));
    let mut slow = Ask::new(0, 1, now);
    slow.behalf = Behalf::new("pipeline", Urgency::Background);
    slow.deadline = now + Duration::from_secs(90);
    let Asked::Wait { flight, .. } = ask(&mut core, &slow, 2, now) else {
        panic!("the second gathers");
    };
    let mut urgent = Ask::new(0, 2, now);
    urgent.behalf = Behalf::new("app", Urgency::Interactive);
    assert!(matches!(
        ask(&mut core, &urgent, 3, now),
        Asked::Wait { .. }
    ));
    let Departed::Batch(batch) = core.depart(flight, now) else {
        panic!("there are two");
    };
    assert_eq!(batch.ids, ["1", "2"]);
    assert_eq!(batch.behalf, urgent.behalf);
    assert_eq!(batch.deadline, slow.deadline);
}

#[test]
fn what_gathers_waits_a_small_part_of_what_calls_take() {
    let mut now = Instant::now();
    let mut core = Played::default();
    let opened = |core: &mut Played, id: u8, now: Instant| match ask(
        core,
        &Ask::new(0, id, now),
        id.into(),
        now,
    ) {
        Asked::Wait {
            gathers: Gathers::Opened(leaves),
            flight,
            ..
        } => (leaves - now, flight),
        other => panic!("{other:?}"),
    };
    // A call that takes 80 milliseconds.
    let Asked::Lead(first) = ask(&mut core, &Ask::new(0, 0, now), 0, now) else {
        panic!("the first leads");
    };
    now += Duration::from_millis(80);
    core.ended(first, now, true);
    assert!(matches!(
        ask(&mut core, &Ask::new(0, 0, now), 0, now),
        Asked::Lead(_)
    ));
    for (id, waits) in [(1, 5), (2, 20), (3, 250), (4, 250)] {
        let (patience, flight) = opened(&mut core, id, now);
        assert_eq!(patience, Duration::from_millis(waits), "{id}");
        assert!(matches!(core.depart(flight, now), Departed::Single(_)));
    }
    // What was never answered says nothing of how long answers take.
    let mut core = Played::default();
    let Asked::Lead(first) = ask(&mut core, &Ask::new(0, 0, now), 0, now) else {
        panic!("the first leads");
    };
    core.ended(first, now + Duration::from_mins(1), false);
    assert_eq!(core.pace(0), UNKNOWN_PACE);
    // Of slow calls it is not the sixteenth part.
    let mut core = Played::default();
    let Asked::Lead(first) = ask(&mut core, &Ask::new(0, 0, now), 0, now) else {
        panic!("the first leads");
    };
    now += Duration::from_secs(8);
    core.ended(first, now, true);
    assert!(matches!(
        ask(&mut core, &Ask::new(0, 0, now), 0, now),
        Asked::Lead(_)
    ));
    assert_eq!(opened(&mut core, 1, now).0, LONGEST_PART);
    // The calls were fast, and the one under way is not.
    let mut core = Played::default();
    let Asked::Lead(first) = ask(&mut core, &Ask::new(0, 0, now), 0, now) else {
        panic!("the first leads");
    };
    now += Duration::from_millis(1);
    core.ended(first, now, true);
    assert!(matches!(
        ask(&mut core, &Ask::new(0, 0, now), 0, now),
        Asked::Lead(_)
    ));
    let (patience, flight) = opened(&mut core, 1, now);
    assert_eq!(patience, SHORTEST_PART);
    assert!(matches!(core.depart(flight, now), Departed::Single(_)));
    now += Duration::from_millis(32);
    assert_eq!(opened(&mut core, 2, now).0, Duration::from_millis(8));
}

#[test]
fn no_more_flights_are_known_than_allowed() {
    let now = Instant::now();
    let mut core = Played::default();
    for number in 0..MOST_FLIGHTS {
        let target = format!("/list?{number}");
        let wanted = Wanted {
            target: &target,
            place: None,
            ..Ask::new(0, 0, now).wanted_of_nothing()
        };
        assert!(matches!(core.ask(&wanted, now, || (0, 0)), Asked::Lead(_)));
    }
    assert!(matches!(
        ask(&mut core, &Ask::new(0, 1, now), 1, now),
        Asked::Alone
    ));
}

impl Ask {
    fn wanted_of_nothing(&self) -> Wanted<'static> {
        static BEHALF: std::sync::LazyLock<Behalf> = std::sync::LazyLock::new(Behalf::proxy);
        Wanted {
            operation: &READ,
            target: "",
            body: None,
            place: None,
            deadline: self.deadline,
            behalf: &BEHALF,
            renewed: false,
        }
    }
}

/// Something that happens; numbers choose among those whom it can happen to.
#[derive(Debug, Clone, Copy)]
enum Event {
    Asks {
        group: u8,
        id: u8,
        background: bool,
        renewed: bool,
        gathers: bool,
    },
    /// A native call ends, one that a caller makes himself.
    Ends(usize, bool),
    /// One who makes a call hangs up.
    Abandons(usize),
    /// One who waits hangs up.
    Leaves(usize),
    /// A conductor's time is up, or it is woken.
    Departs(usize),
    /// A call for many ends.
    BatchEnds(usize, bool),
    Writes,
    TimePasses(u8),
}

fn event() -> impl Strategy<Value = Event> {
    let ask = (
        0..3_u8,
        0..9_u8,
        prop::bool::weighted(0.2),
        prop::bool::weighted(0.1),
        prop::bool::weighted(0.9),
    );
    prop_oneof![
        8 => ask.prop_map(|(group, id, background, renewed, gathers)| Event::Asks { group, id, background, renewed, gathers }),
        2 => (any::<usize>(), any::<bool>()).prop_map(|(at, answered)| Event::Ends(at, answered)),
        1 => any::<usize>().prop_map(Event::Abandons),
        2 => any::<usize>().prop_map(Event::Leaves),
        2 => any::<usize>().prop_map(Event::Departs),
        2 => (any::<usize>(), any::<bool>()).prop_map(|(at, answered)| Event::BatchEnds(at, answered)),
        1 => Just(Event::Writes),
        1 => any::<u8>().prop_map(Event::TimePasses),
    ]
}

/// The world around a core: who waits, who makes calls, who conducts.
#[derive(Default)]
struct World {
    core: Played,
    asked: u32,
    /// By caller: flight, waiter, the writes that he may know of, what he asked for.
    waits: BTreeMap<u32, Wait>,
    /// By caller: the flight that he leads.
    leads: BTreeMap<u32, u64>,
    /// Those of them who have waited before, and have not seen yet that they lead.
    promoted: BTreeMap<u32, u64>,
    /// Flights that have a conductor and have not left.
    gatherings: BTreeSet<u64>,
    /// Flights of calls for many, with their ids and the writes that had ended when they left.
    batches: BTreeMap<u64, (Vec<String>, u64)>,
    /// When single flights began, in writes.
    began: BTreeMap<u64, u64>,
    writes: u64,
    told: BTreeSet<u32>,
}

struct Wait {
    flight: u64,
    waiter: u64,
    knows: u64,
    target: String,
    id: String,
}

fn pick<K: Copy, V>(from: &BTreeMap<K, V>, at: usize) -> Option<K> {
    (!from.is_empty()).then(|| *from.keys().nth(at % from.len()).unwrap())
}

impl World {
    fn after(&mut self, flight: u64, after: After<u32, u64>) {
        for waiting in after.waiting {
            let wait = self.waits.remove(&waiting.told).expect("he waits");
            assert!(self.told.insert(waiting.told), "told once");
            assert_eq!(wait.flight, flight);
            // Whoever is told was not answered by what began before a write that he may know of.
            let (ids, began) = self
                .batches
                .get(&flight)
                .cloned()
                .unwrap_or_else(|| (Vec::new(), self.began[&flight]));
            assert!(began >= wait.knows, "read-your-writes");
            if !ids.is_empty() {
                assert_eq!(waiting.id.as_deref(), Some(wait.id.as_str()));
                assert!(ids.contains(&wait.id), "his record is asked for");
            }
        }
        if let Some(leader) = after.leader {
            let wait = self.waits.remove(&leader).expect("he waits");
            assert_eq!(wait.flight, flight);
            self.promoted.insert(leader, wait.waiter);
            self.leads.insert(leader, flight);
            self.began.insert(flight, self.writes);
        }
        for conductor in after.conductors {
            // One that gathers leaves when its conductor comes to it: see `Departs`.
            if self.batches.contains_key(&conductor) && !self.core.is_wanted(conductor) {
                self.batches.remove(&conductor);
            }
        }
    }

    fn departs(&mut self, flight: u64) {
        assert!(self.gatherings.remove(&flight));
        match self.core.depart(flight, Instant::now()) {
            Departed::Gone => {}
            Departed::Single(leader) => {
                let wait = self.waits.remove(&leader).expect("he waits");
                assert_eq!(wait.flight, flight);
                self.promoted.insert(leader, wait.waiter);
                self.leads.insert(leader, flight);
                self.began.insert(flight, self.writes);
            }
            Departed::Batch(batch) => {
                assert!(
                    batch.ids.len() <= MAX && batch.ids.len() > 1,
                    "{:?}",
                    batch.ids
                );
                let unique: BTreeSet<&String> = batch.ids.iter().collect();
                assert_eq!(unique.len(), batch.ids.len());
                let group = group_of(&batch.target);
                for wait in self.waits.values().filter(|it| it.flight == flight) {
                    assert!(batch.ids.contains(&wait.id));
                    assert!(group_of(&wait.target) == group, "groups are not mixed");
                }
                self.batches.insert(flight, (batch.ids, self.writes));
            }
        }
    }

    fn happens(&mut self, event: Event, now: &mut Instant) {
        match event {
            Event::Asks {
                group,
                id,
                background,
                renewed,
                gathers,
            } => {
                let who = self.asked;
                self.asked += 1;
                let mut wanted = Ask::new(group, id, *now);
                (wanted.renewed, wanted.gathers) = (renewed, gathers);
                if background {
                    wanted.behalf.urgency = Urgency::Background;
                }
                let of_group = self.calls_of(group);
                match ask(&mut self.core, &wanted, who, *now) {
                    Asked::Alone => {
                        self.told.insert(who);
                    }
                    Asked::Lead(flight) => {
                        self.leads.insert(who, flight);
                        self.began.insert(flight, self.writes);
                    }
                    Asked::Wait {
                        flight,
                        waiter,
                        gathers,
                        ..
                    } => {
                        assert!(
                            of_group > 0 || self.gatherings.contains(&flight),
                            "a lone read waits for nobody"
                        );
                        let knows = self.writes;
                        let wait = Wait {
                            flight,
                            waiter,
                            knows,
                            target: wanted.target,
                            id: wanted.id,
                        };
                        self.waits.insert(who, wait);
                        match gathers {
                            Gathers::Nothing => {}
                            Gathers::Opened(leaves) => {
                                assert!(leaves - *now <= LONGEST);
                                self.core.conduct(flight, flight);
                                self.gatherings.insert(flight);
                            }
                            Gathers::Full(conductor) => assert_eq!(conductor, Some(flight)),
                        }
                    }
                }
            }
            Event::Ends(at, answered) => {
                if let Some(who) = pick(&self.leads, at) {
                    let flight = self.leads.remove(&who).unwrap();
                    assert!(self.told.insert(who));
                    let after = self.core.ended(flight, *now, answered);
                    self.after(flight, after);
                }
            }
            Event::Abandons(at) => {
                if let Some(who) = pick(&self.leads, at) {
                    let flight = self.leads.remove(&who).unwrap();
                    self.told.insert(who);
                    let after = match self.promoted.remove(&who) {
                        Some(waiter) if at % 2 == 0 => self.core.left(flight, waiter, *now),
                        _ => self.core.abandoned(flight, *now),
                    };
                    assert!(
                        !self.leads_nobody(flight, &after),
                        "the call goes on, or nobody waits"
                    );
                    assert!(after.waiting.is_empty(), "one of them goes on");
                    self.after(flight, after);
                }
            }
            Event::Leaves(at) => {
                if let Some(who) = pick(&self.waits, at) {
                    let wait = self.waits.remove(&who).unwrap();
                    self.told.insert(who);
                    let after = self.core.left(wait.flight, wait.waiter, *now);
                    let is_single = self.leads.values().any(|flight| *flight == wait.flight);
                    let is_wanted = self.waits.values().any(|it| it.flight == wait.flight);
                    assert_eq!(self.core.is_wanted(wait.flight), is_single || is_wanted);
                    self.after(wait.flight, after);
                }
            }
            Event::Departs(at) => {
                let count = self.gatherings.len();
                let flight = self.gatherings.iter().nth(at % count.max(1)).copied();
                if let Some(flight) = flight {
                    self.departs(flight);
                }
            }
            Event::BatchEnds(at, answered) => {
                if let Some(flight) = pick(&self.batches, at) {
                    let after = self.core.ended(flight, *now, answered);
                    self.after(flight, after);
                    self.batches.remove(&flight);
                }
            }
            Event::Writes => {
                self.core.wrote();
                self.writes += 1;
            }
            Event::TimePasses(milliseconds) => *now += Duration::from_millis(milliseconds.into()),
        }
        self.looks_right();
    }

    /// Whether a flight stays, and nobody is told to make its call.
    fn leads_nobody(&self, flight: u64, after: &After<u32, u64>) -> bool {
        self.core.is_wanted(flight) && after.leader.is_none()
    }

    /// Native calls of a group that are under way.
    fn calls_of(&self, group: u8) -> usize {
        let target = target(group, 0);
        let flights = self.core.flights.iter();
        flights
            .filter(|it| {
                group_of(&it.target) == group_of(&target)
                    && !matches!(it.stage, Stage::Gathering { .. })
            })
            .count()
    }

    fn looks_right(&self) {
        assert_eq!(self.core.waiting, self.waits.len());
        for wait in self.waits.values() {
            let leads = self.leads.values().any(|flight| *flight == wait.flight);
            let conducted =
                self.gatherings.contains(&wait.flight) || self.batches.contains_key(&wait.flight);
            assert!(
                leads || conducted,
                "somebody makes the call that he waits for"
            );
        }
        for flight in &self.core.flights {
            if matches!(flight.stage, Stage::Gathering { is_due: false, .. }) {
                let group = group_of(&flight.target);
                let calls = self.core.flights.iter().filter(|it| {
                    group_of(&it.target) == group && !matches!(it.stage, Stage::Gathering { .. })
                });
                assert!(
                    calls.count() > 0,
                    "what has gathered leaves when nothing is under way"
                );
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]
    #[test]
    fn everybody_is_told_once_in_any_order_of_events(events in prop::collection::vec(event(), 0..80)) {
        let mut world = World::default();
        let mut now = Instant::now();
        for event in events {
            world.happens(event, &mut now);
        }
        // All that is under way comes to its end.
        for _ in 0..1000 {
            if world.leads.is_empty() && world.gatherings.is_empty() && world.batches.is_empty() {
                break;
            }
            for event in [Event::Ends(0, true), Event::Departs(0), Event::BatchEnds(0, true)] {
                world.happens(event, &mut now);
            }
        }
        prop_assert!(world.waits.is_empty());
        prop_assert_eq!(world.told.len(), usize::try_from(world.asked).unwrap());
        prop_assert!(world.core.flights.is_empty(), "nothing is kept when nothing is under way");
    }
}
