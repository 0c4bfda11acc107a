//! When a delivery that was not taken is tried again.

use std::time::Duration;

/// The pauses after each attempt that came to nothing, as Standard Webhooks proposes: a receiver that restarts has the
/// event in seconds, and one that is away for a weekend has it on Monday. With the last one three days have passed.
const PAUSES: [Duration; 9] = [
    Duration::from_secs(5),
    Duration::from_mins(5),
    Duration::from_mins(30),
    Duration::from_hours(2),
    Duration::from_hours(5),
    Duration::from_hours(10),
    Duration::from_hours(14),
    Duration::from_hours(20),
    Duration::from_hours(24),
];
/// The longest that a receiver can ask for.
const LONGEST: Duration = Duration::from_hours(24);

/// The pause after the attempt with this number, 1 for the first; none after the last. `chance` is from 0 to 1: it makes
/// a pause up to a fifth shorter or longer, so that what failed together does not come back together. A receiver that
/// asks for more time is given it.
pub(super) fn pause(attempt: i64, asked_for: Option<Duration>, chance: f64) -> Option<Duration> {
    let index = usize::try_from(attempt.max(1) - 1).ok()?;
    let pause = PAUSES
        .get(index)?
        .mul_f64(0.8 + 0.4 * chance.clamp(0.0, 1.0));
    Some(pause.max(asked_for.unwrap_or_default().min(LONGEST)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_tried_for_three_days_and_then_given_up() {
        let all: Vec<Duration> = (1..).map_while(|it| pause(it, None, 0.5)).collect();
        assert_eq!(all.len(), 9);
        assert!(all.is_sorted());
        assert_eq!(all[0], Duration::from_secs(5));
        let days = all.iter().sum::<Duration>().as_secs_f64() / 86_400.0;
        assert!((3.0..3.5).contains(&days), "{days}");
        for number in [10, 11, i64::MAX] {
            assert_eq!(pause(number, Some(LONGEST), 0.5), None);
        }
    }

    #[test]
    fn chance_moves_a_pause_by_a_fifth_and_a_receiver_can_make_it_longer() {
        let (least, most) = (pause(1, None, 0.0).unwrap(), pause(1, None, 1.0).unwrap());
        assert_eq!((least.as_millis(), most.as_millis()), (4000, 6000));
        let minute = Duration::from_mins(1);
        assert_eq!(pause(1, Some(minute), 0.5), Some(minute));
        assert_eq!(pause(2, Some(minute), 0.5), Some(Duration::from_mins(5)));
        assert_eq!(pause(1, Some(minute * 100_000), 0.5), Some(LONGEST));
    }
}
