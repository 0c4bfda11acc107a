//! Medians, percentiles and ratios.

/// The one in the middle; with an even number the mean of the two. NaN of none.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => f64::NAN,
        odd if odd % 2 == 1 => values[middle],
        _ => f64::midpoint(values[middle - 1], values[middle]),
    }
}

/// The value that so many of 1,000 do not exceed (the nearest rank). NaN of none.
pub(crate) fn within(values: &mut [f64], thousandths: usize) -> f64 {
    values.sort_by(f64::total_cmp);
    let rank = (values.len() * thousandths).div_ceil(1_000).max(1);
    values.get(rank - 1).copied().unwrap_or(f64::NAN)
}

/// Figures of two that were taken in turns, one pair a round.
#[derive(Debug, Default, Clone)]
pub(crate) struct Pairs {
    ours: Vec<f64>,
    theirs: Vec<f64>,
}

impl Pairs {
    pub(crate) fn add(&mut self, ours: f64, theirs: f64) {
        self.ours.push(ours);
        self.theirs.push(theirs);
    }

    pub(crate) fn ours(&self) -> f64 {
        median(self.ours.clone())
    }

    pub(crate) fn theirs(&self) -> f64 {
        median(self.theirs.clone())
    }

    /// The median of the rounds' ratios, which is not that of the medians: what slows a round slows both of it.
    pub(crate) fn ratio(&self) -> f64 {
        median(self.ratios())
    }

    /// The least and the greatest ratio of a round.
    pub(crate) fn spread(&self) -> (f64, f64) {
        let ratios = self.ratios();
        let least = ratios.iter().copied().fold(f64::INFINITY, f64::min);
        (least, ratios.iter().copied().fold(0.0, f64::max))
    }

    fn ratios(&self) -> Vec<f64> {
        let pairs = self.ours.iter().zip(&self.theirs);
        pairs.map(|(ours, theirs)| ours / theirs).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_median_is_the_one_in_the_middle_whatever_their_order() {
        assert!((median(vec![9.0, 1.0, 5.0]) - 5.0).abs() < 1e-9);
        assert!((median(vec![4.0, 1.0, 2.0, 100.0]) - 3.0).abs() < 1e-9);
        assert!(median(Vec::new()).is_nan());
    }

    #[test]
    fn a_percentile_is_a_value_that_was_there() {
        let mut values: Vec<f64> = (1..=1_000).map(f64::from).collect();
        assert!((within(&mut values, 500) - 500.0).abs() < 1e-9);
        assert!((within(&mut values, 990) - 990.0).abs() < 1e-9);
        assert!((within(&mut [7.0], 990) - 7.0).abs() < 1e-9);
        assert!(within(&mut [], 500).is_nan());
    }

    #[test]
    fn a_ratio_is_taken_round_by_round() {
        let mut pairs = Pairs::default();
        // The machine is twice as slow in the second round, and ten times in the third.
        pairs.add(12.0, 10.0);
        pairs.add(24.0, 20.0);
        pairs.add(150.0, 100.0);
        assert!((pairs.ratio() - 1.2).abs() < 1e-9);
        assert!((pairs.spread().1 - 1.5).abs() < 1e-9);
        assert!((pairs.ours() - 24.0).abs() < 1e-9);
    }
}
