//! Whatever callers do and whenever.

use std::collections::{BTreeMap, HashMap};

use super::*;

/// What happens at one moment.
#[derive(Debug, Clone)]
enum Event {
    Ask {
        caller: u8,
        is_background: bool,
        is_search: bool,
        patience_ms: u64,
    },
    /// The nth call that is waiting or under way leaves, before it was made.
    Leave(usize),
    /// The nth call under way ends.
    Answer(usize),
    Lose(usize),
    Pass(u64),
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        6 => (0..5u8, any::<bool>(), any::<bool>(), 0..30_000u64).prop_map(
            |(caller, is_background, is_search, patience_ms)| Event::Ask {
                caller,
                is_background,
                is_search,
                patience_ms,
            }
        ),
        1 => any::<usize>().prop_map(Event::Leave),
        3 => any::<usize>().prop_map(Event::Answer),
        1 => any::<usize>().prop_map(Event::Lose),
        4 => (0..3_000u64).prop_map(Event::Pass),
    ]
}

/// Drives a core as the shell does, with a timer, and notes what it lets go.
#[derive(Debug)]
struct World {
    core: Core,
    now: Moment,
    waiting: BTreeMap<Id, (bool, Moment)>,
    open: BTreeMap<Id, (bool, Moment)>,
    /// The calls that were made: when they started, and whether they are searches.
    made: HashMap<Id, (Moment, bool)>,
}

const BURST: u32 = 10;
const SEARCH: u32 = 2;

impl World {
    fn new() -> Self {
        let gauges = vec![
            Gauge::new("burst", counted(BURST, 10), Some(BURST)),
            Gauge::new("search", counted(SEARCH, 1), Some(SEARCH)),
            Gauge::pause(),
        ];
        Self {
            core: Core::new(gauges, 50),
            now: ms(0),
            waiting: BTreeMap::new(),
            open: BTreeMap::new(),
            made: HashMap::new(),
        }
    }

    fn hear(&mut self, news: Vec<News>) {
        for News { id, refused } in news {
            let (is_search, latest) = self.waiting.remove(&id).expect("it waits");
            if refused.is_none() {
                assert!(self.now <= latest, "it went after its caller had gone");
                self.goes(id, is_search);
            }
        }
    }

    fn goes(&mut self, id: Id, is_search: bool) {
        self.open.insert(id, (is_search, self.now));
        self.made.insert(id, (self.now, is_search));
    }

    /// Lets time pass, with the timer.
    fn pass(&mut self, until: Moment) {
        while let Some(next) = self.core.next(self.now).filter(|next| *next <= until) {
            assert!(next >= self.now);
            let was = (self.now, self.core.waiting());
            self.now = next;
            let news = self.core.pump(self.now);
            self.hear(news);
            assert!(
                was != (self.now, self.core.waiting()),
                "the timer stands still"
            );
        }
        self.now = until;
        let news = self.core.pump(self.now);
        self.hear(news);
    }

    fn step(&mut self, event: &Event) {
        let nth = |map: &BTreeMap<Id, _>, at: usize| map.keys().nth(at % map.len().max(1)).copied();
        match *event {
            Event::Ask {
                caller,
                is_background,
                is_search,
                patience_ms,
            } => {
                let urgency = if is_background {
                    Urgency::Background
                } else {
                    Urgency::Interactive
                };
                let mask = if is_search { 0b111 } else { 0b101 };
                let latest = self.now + ms(patience_ms);
                let caller = Arc::from(caller.to_string());
                let (asked, news) = self.core.ask(mask, &caller, urgency, latest, self.now);
                self.hear(news);
                match asked {
                    Asked::Goes(id) => self.goes(id, is_search),
                    Asked::Waits(id) => {
                        self.waiting.insert(id, (is_search, latest));
                    }
                    Asked::Refused(refusal) => {
                        assert!(refusal.is_full || self.now + refusal.after > latest);
                    }
                }
            }
            Event::Leave(at) => {
                let gone = nth(&self.waiting, at).or_else(|| nth(&self.open, at));
                if let Some(id) = gone {
                    self.waiting.remove(&id);
                    if self.open.remove(&id).is_some() {
                        self.made.remove(&id);
                    }
                    let news = self.core.leaves(id, self.now);
                    self.hear(news);
                }
            }
            Event::Answer(at) | Event::Lose(at) => {
                if let Some(id) = nth(&self.open, at) {
                    self.open.remove(&id);
                    let end = match event {
                        Event::Answer(_) => End::Answered,
                        _ => End::Unanswered,
                    };
                    let news = self.core.ends(id, end, &[], self.now);
                    self.hear(news);
                }
            }
            Event::Pass(milliseconds) => self.pass(self.now + ms(milliseconds)),
        }
    }

    /// In no window are there more starts than it allows.
    fn must_keep(&self, calls: u32, window: Duration, is_about: impl Fn(bool) -> bool) {
        let made = self
            .made
            .values()
            .filter(|(_, is_search)| is_about(*is_search));
        let mut starts: Vec<Moment> = made.map(|(start, _)| *start).collect();
        starts.sort();
        for pair in starts.windows(calls as usize + 1) {
            let length = pair[calls as usize].saturating_sub(pair[0]);
            assert!(length >= window, "{} starts in {length:?}", calls + 1);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    /// Covers: budget-kept
    #[test]
    fn no_window_ever_has_more_starts_than_it_allows(events in prop::collection::vec(event(), 1..120)) {
        let mut world = World::new();
        for event in &events {
            world.step(event);
        }
        world.must_keep(BURST, Duration::from_secs(10), |_| true);
        world.must_keep(SEARCH, Duration::from_secs(1), |is_search| is_search);
    }

    #[test]
    fn every_call_hears_within_its_patience(events in prop::collection::vec(event(), 1..120)) {
        let mut world = World::new();
        for event in &events {
            world.step(event);
            for (_, latest) in world.waiting.values() {
                prop_assert!(*latest >= world.now);
            }
        }
        world.pass(world.now + ms(40_000));
        prop_assert!(world.waiting.is_empty());
        prop_assert_eq!(world.core.waiting(), 0);
    }

    /// Nobody waits while there is room for him.
    #[test]
    fn nobody_waits_for_nothing(events in prop::collection::vec(event(), 1..120)) {
        let mut world = World::new();
        for event in &events {
            world.step(event);
            prop_assert!(gone(&world.core.pump(world.now)).is_empty());
            if !world.waiting.is_empty() {
                prop_assert!(world.core.next(world.now).is_some_and(|next| next > world.now));
            }
        }
    }

    /// A caller with one call waits for at most one of each other's.
    #[test]
    fn callers_have_turns_in_every_round(backlog in prop::collection::vec(1..20usize, 1..6)) {
        let mut core = one(counted(1, 1));
        let first = goes(&mut core, ms(0));
        answered(&mut core, first, ms(0));
        for (caller, calls) in backlog.iter().enumerate() {
            for _ in 0..*calls {
                waits(&mut core, &caller.to_string(), ms(0));
            }
        }
        let late = waits(&mut core, "late", ms(0));
        let mut before = 0;
        let mut now = ms(0);
        loop {
            now = core.next(now).unwrap();
            let went = gone(&core.pump(now));
            prop_assert_eq!(went.len(), 1);
            answered(&mut core, went[0], now);
            if went[0] == late {
                break;
            }
            before += 1;
        }
        prop_assert!(before <= backlog.len());
    }

    /// A pipeline alone gets on at every limit.
    #[test]
    fn a_pipeline_alone_does_not_starve(calls in 1..50u32, seconds in 1..20u32) {
        let mut core = one(counted(calls, seconds));
        let mut went = 0;
        let mut now = ms(0);
        let window = Duration::from_secs(seconds.into());
        while now < window * 4 {
            let id = match ask(&mut core, "sync", Urgency::Background, now) {
                Asked::Goes(id) => id,
                Asked::Waits(_) => {
                    now = core.next(now).unwrap();
                    let news = gone(&core.pump(now));
                    prop_assert_eq!(news.len(), 1);
                    news[0]
                }
                Asked::Refused(refusal) => panic!("{refusal:?}"),
            };
            answered(&mut core, id, now);
            went += 1;
        }
        prop_assert!(went * 10 >= calls * 4 * 5, "{} of {}", went, calls * 4);
    }
}
