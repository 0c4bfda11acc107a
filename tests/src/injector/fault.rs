//! What may happen to a native call on its way, and how it is drawn.

use std::time::Duration;

use crate::chance::Chance;

/// What happens to one native call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It goes through.
    None,
    /// It is late at the provider.
    DelayBefore(Duration),
    /// Its answer is late.
    DelayAfter(Duration),
    /// The connection is reset; the provider has not seen it.
    ResetBefore,
    /// The provider has seen a part of it, then the connection is reset on both sides.
    ResetDuring,
    /// The provider has carried it out; the connection is reset without an answer.
    ResetAfter,
    /// The same, and the connection ends as if all were well.
    CloseAfter,
    /// So many hundredths of the answer's body, then the connection ends.
    Truncated(u64),
    /// A byte at so many hundredths of the answer's body is one that no JSON and no checksum lets through.
    Corrupt(u64),
    /// `content-length` is less than the body, of which the rest comes all the same.
    LengthShort,
    /// `content-length` is more than the body.
    LengthLong,
    /// The answer comes in small parts, which take so long together.
    Drip(Duration),
    /// Too many calls: nothing is carried out. With a `Retry-After` or without.
    Throttled(Option<u64>),
    /// An error of the provider's servers, before anything was carried out.
    ErrorBefore(u16),
    /// An error of the provider's servers, although it was carried out.
    ErrorAfter(u16),
    /// A gateway's page in place of an answer; carried out or not.
    Gateway { carried_out: bool },
    /// A gateway's page that says 200, where the call was carried out.
    Page,
    /// The token is refused; nothing is carried out.
    Unauthorized,
    /// All tokens are expired just before it.
    Expired,
    /// It is reset, and for so long nothing listens: further connections are refused.
    Deaf(Duration),
    /// It goes through, and the connection is closed by the provider's side a moment later, when it may be in use again.
    HalfClosed,
}

impl Fault {
    /// Whether the provider may have carried out a call that met this.
    pub fn may_be_carried_out(self) -> bool {
        !matches!(
            self,
            Self::ResetBefore
                | Self::ResetDuring
                | Self::Throttled(_)
                | Self::ErrorBefore(_)
                | Self::Gateway { carried_out: false }
                | Self::Unauthorized
                | Self::Deaf(_)
        )
    }
}

/// How often faults are met.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weather {
    /// So many of 100 calls meet a fault.
    Steady(u64),
    /// Most go through, but for stretches in which most meet the same fault.
    Gusty,
    /// So many of 100 calls, of many clients at once. None that holds up all of them: of a provider that asks for a pause
    /// now and then, or cannot be reached, only the pauses would be measured.
    Loaded(u64),
}

/// How many calls a stretch of bad weather lasts.
const GUST: u64 = 5;
/// The longest delay of a call under load.
const MOST_UNDER_LOAD: Duration = Duration::from_millis(200);

/// The fault of the call number `number` of a history: the same for the same numbers.
pub fn drawn(weather: Weather, seed: u64, history: u64, number: u64) -> Fault {
    let mut chance = Chance::of(&[seed, history, number]);
    match weather {
        Weather::Steady(percent) => {
            if chance.hits(percent) {
                any(&mut chance)
            } else {
                Fault::None
            }
        }
        Weather::Loaded(percent) => {
            if !chance.hits(percent) {
                return Fault::None;
            }
            match any(&mut chance) {
                Fault::Throttled(_) | Fault::Deaf(_) => Fault::ResetAfter,
                Fault::DelayBefore(by) | Fault::DelayAfter(by) if by > MOST_UNDER_LOAD => {
                    Fault::ErrorAfter(500)
                }
                fault => fault,
            }
        }
        Weather::Gusty => {
            let mut gust = Chance::of(&[seed, history, number / GUST, 1]);
            if gust.hits(30) && chance.hits(80) {
                in_gusts(&mut gust)
            } else if chance.hits(5) {
                any(&mut chance)
            } else {
                Fault::None
            }
        }
    }
}

fn in_gusts(chance: &mut Chance) -> Fault {
    match chance.below(6) {
        0 => Fault::Throttled(chance.one(&[None, None, Some(0), Some(1)])),
        1 => Fault::ErrorBefore(chance.one(&[500, 502, 503])),
        2 => Fault::ErrorAfter(chance.one(&[500, 503, 504])),
        3 => Fault::ResetAfter,
        4 => Fault::DelayAfter(Duration::from_millis(50 + chance.below(150))),
        _ => Fault::ResetBefore,
    }
}

fn any(chance: &mut Chance) -> Fault {
    let wait = |chance: &mut Chance, most: u64| Duration::from_millis(1 + chance.below(most));
    match chance.below(40) {
        0..=2 => Fault::DelayBefore(wait(chance, 150)),
        3..=5 => Fault::DelayAfter(wait(chance, 150)),
        // Longer than a native call may take.
        6 => Fault::DelayBefore(Duration::from_millis(1_300)),
        7 => Fault::DelayAfter(Duration::from_millis(1_300)),
        8..=9 => Fault::ResetBefore,
        10..=11 => Fault::ResetDuring,
        12..=14 => Fault::ResetAfter,
        15..=16 => Fault::CloseAfter,
        17..=18 => Fault::Truncated(chance.below(100)),
        19..=20 => Fault::Corrupt(chance.below(100)),
        21 => Fault::LengthShort,
        22 => Fault::LengthLong,
        23 => Fault::Drip(wait(chance, 200)),
        24..=25 => Fault::Throttled(chance.one(&[None, Some(0), Some(1)])),
        26..=27 => Fault::ErrorBefore(chance.one(&[500, 502, 503, 504])),
        28..=30 => Fault::ErrorAfter(chance.one(&[500, 502, 503, 504])),
        31 => Fault::Gateway { carried_out: false },
        32 => Fault::Gateway { carried_out: true },
        33 => Fault::Page,
        34..=35 => Fault::Unauthorized,
        36 => Fault::Expired,
        37 => Fault::Deaf(wait(chance, 200)),
        _ => Fault::HalfClosed,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn what_is_drawn_is_the_same_for_the_same_numbers() {
        for weather in [Weather::Steady(50), Weather::Gusty] {
            let all = |history| -> Vec<Fault> {
                (0..200)
                    .map(|number| drawn(weather, 1, history, number))
                    .collect()
            };
            assert_eq!(all(3), all(3));
            assert_ne!(all(3), all(4));
        }
    }

    #[test]
    fn every_kind_is_met() {
        let kinds: BTreeSet<String> = (0..2_000)
            .map(|number| format!("{:?}", drawn(Weather::Steady(100), 1, 1, number)))
            .map(|text| text.split(['(', ' ']).next().unwrap_or_default().to_owned())
            .collect();
        assert_eq!(kinds.len(), 20, "{kinds:?}");
    }

    #[test]
    fn gusts_bring_the_same_fault_to_neighbours() {
        let faults: Vec<Fault> = (0..4_000)
            .map(|number| drawn(Weather::Gusty, 1, 1, number))
            .collect();
        let throttled = |fault: &Fault| matches!(fault, Fault::Throttled(_));
        let pairs = faults.windows(2).filter(|pair| pair.iter().all(throttled));
        assert!(pairs.count() > 40);
        assert!(faults.iter().filter(|fault| **fault == Fault::None).count() > 2_000);
    }
}
