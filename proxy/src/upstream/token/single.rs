//! The decisions of a single flight: who asks for a newer token takes the one that is there, joins the flight that
//! fetches one, hears of the last failure, or begins a flight.
//!
//! Pure, so that a model can run it under every schedule: time comes in, and what a token, a flight and a failure are
//! is the caller's business.

/// A value that is replaced by newer ones, each fetched by one flight. `I` are moments.
#[derive(Debug)]
#[repr(C)]
pub(super) struct Single<T, F, E, I> {
    /// First, as it is what every call asks for.
    current: Option<(u64, T)>,
    /// Counts the values; that of the newest, be it in use or not.
    generation: u64,
    flight: Option<F>,
    /// The last failure, and until when it counts.
    failure: Option<(I, E)>,
}

/// What there is for one who asks.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Asked<T, F, E> {
    There(T),
    UnderWay(F),
    Failed(E),
    /// Nobody fetches it: begin a flight.
    Nobody,
}

impl<T, F, E, I> Default for Single<T, F, E, I> {
    fn default() -> Self {
        Self {
            current: None,
            generation: 0,
            flight: None,
            failure: None,
        }
    }
}

impl<T: Clone, F: Clone, E: Clone, I: PartialOrd> Single<T, F, E, I> {
    pub(super) fn current(&self) -> Option<&T> {
        self.current.as_ref().map(|(_, value)| value)
    }

    pub(super) fn generation(&self) -> u64 {
        self.generation
    }

    /// A value newer than a generation. `forced`: the last failure does not count. A flight that `flies` no more has
    /// gone without landing, and is none.
    pub(super) fn ask(
        &self,
        newer_than: u64,
        now: &I,
        forced: bool,
        flies: impl FnOnce(&F) -> bool,
    ) -> Asked<T, F, E> {
        if let Some((generation, value)) = &self.current
            && *generation > newer_than
        {
            return Asked::There(value.clone());
        }
        if let Some((until, failure)) = &self.failure
            && now < until
            && !forced
        {
            return Asked::Failed(failure.clone());
        }
        match &self.flight {
            Some(flight) if flies(flight) => Asked::UnderWay(flight.clone()),
            _ => Asked::Nobody,
        }
    }

    /// A flight has begun, after [`Self::ask`] said that there was none, under the same lock.
    pub(super) fn began(&mut self, flight: F) {
        self.flight = Some(flight);
    }

    /// A new value is in use from now on; it is made for its generation.
    pub(super) fn install<X>(&mut self, make: impl FnOnce(u64) -> Result<T, X>) -> Result<T, X> {
        let generation = self.generation + 1;
        let value = make(generation)?;
        self.generation = generation;
        self.current = Some((generation, value.clone()));
        Ok(value)
    }

    /// The value of a generation is not used again; a newer one is.
    pub(super) fn refuse(&mut self, generation: u64) {
        if self.generation == generation {
            self.current = None;
        }
    }

    /// Somebody else knows better: neither the value nor the last failure counts.
    pub(super) fn forget(&mut self) {
        self.current = None;
        self.failure = None;
    }

    /// The flight has ended: well, or with a failure that counts until a moment.
    pub(super) fn landed(&mut self, failure: Option<(I, E)>) {
        self.flight = None;
        self.failure = failure;
    }
}
