//! Axes: which values get a tick, and where a value lies.

/// A linear scale from zero or a logarithmic one.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Axis {
    /// The values that get a tick and a line, in order; the first and the last bound the axis.
    pub(crate) ticks: Vec<f64>,
    logarithmic: bool,
}

impl Axis {
    /// From zero to a round number not below `max`, with about `count` intervals between ticks
    /// whose distance is 1, 2 or 5 times a power of ten.
    pub(crate) fn linear(max: f64, count: usize) -> Self {
        let max = if max > 0.0 { max } else { 1.0 };
        let step = round_up(max / count as f64);
        let last = (max / step - 1e-9).ceil().max(1.0) as usize;
        Self {
            ticks: (0..=last).map(|tick| tick as f64 * step).collect(),
            logarithmic: false,
        }
    }

    /// A logarithmic axis around `min` and `max`, both above zero: ticks at 1, 2 and 5 times the
    /// powers of ten, or at the powers alone where those would be more than seven.
    pub(crate) fn logarithmic(min: f64, max: f64) -> Self {
        let mut ticks = vec![round_down(min)];
        while ticks.last().is_some_and(|last| *last < max) || ticks.len() < 2 {
            let last = ticks[ticks.len() - 1];
            ticks.push(round_up(last * 1.5));
        }
        if ticks.len() > 7 {
            let first = 10_f64.powf(min.log10().floor());
            ticks = vec![first];
            while ticks[ticks.len() - 1] < max {
                ticks.push(round_up(ticks[ticks.len() - 1] * 9.0));
            }
        }
        Self {
            ticks,
            logarithmic: true,
        }
    }

    /// Where `value` lies: 0 at the first tick, 1 at the last.
    pub(crate) fn place(&self, value: f64) -> f64 {
        let (first, last) = (self.ticks[0], self.ticks[self.ticks.len() - 1]);
        if self.logarithmic {
            return (value / first).ln() / (last / first).ln();
        }
        (value - first) / (last - first)
    }
}

/// The ticks of a time axis that ends at `end` seconds: at most `count` intervals of a length that
/// people count in.
pub(crate) fn time_ticks(end: f64, count: usize) -> Vec<f64> {
    const STEPS: [f64; 13] = [
        0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0,
    ];
    let least = end / count as f64;
    let known = STEPS.into_iter().find(|step| *step >= least);
    let step = known.unwrap_or_else(|| (least / 1_800.0).ceil() * 1_800.0);
    let last = (end / step + 1e-9).floor() as usize;
    (0..=last).map(|tick| tick as f64 * step).collect()
}

/// A tick of a time axis in words: `0.5 s`, `45 s`, `1:30 min`, `2:05 h`.
pub(crate) fn time_label(seconds: f64) -> String {
    let whole = seconds.round() as u64;
    match whole {
        _ if seconds < 10.0 => format!("{} s", (seconds * 10.0).round() / 10.0),
        0..60 => format!("{whole} s"),
        60..3_600 if whole.is_multiple_of(60) => format!("{} min", whole / 60),
        60..3_600 => format!("{}:{:02} min", whole / 60, whole % 60),
        _ => format!("{}:{:02} h", whole / 3_600, whole / 60 % 60),
    }
}

/// The steps 1, 2 and 5 of every power of ten.
const STEPS: [f64; 4] = [1.0, 2.0, 5.0, 10.0];

fn round_up(value: f64) -> f64 {
    let power = 10_f64.powf(value.log10().floor());
    let step = STEPS
        .into_iter()
        .find(|step| step * power >= value * (1.0 - 1e-9));
    step.unwrap_or(10.0) * power
}

fn round_down(value: f64) -> f64 {
    let power = 10_f64.powf(value.log10().floor());
    let mut steps = STEPS.into_iter().rev();
    let step = steps.find(|step| step * power <= value * (1.0 + 1e-9));
    step.unwrap_or(1.0) * power
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(found: &[f64], expected: &[f64]) -> bool {
        found.len() == expected.len()
            && found
                .iter()
                .zip(expected)
                .all(|(a, b)| (a - b).abs() <= b.abs() * 1e-9)
    }

    /// Ticks are round, begin at zero and reach the largest value.
    #[test]
    fn linear_ticks_are_round_and_cover_the_values() {
        let cases: [(f64, &[f64]); 4] = [
            (3.2e6, &[0.0, 1e6, 2e6, 3e6, 4e6]),
            (4.0, &[0.0, 1.0, 2.0, 3.0, 4.0]),
            (0.0, &[0.0, 0.5, 1.0]),
            (950.0, &[0.0, 500.0, 1_000.0]),
        ];
        for (max, expected) in cases {
            let axis = Axis::linear(max, 4);
            assert!(close(&axis.ticks, expected), "{max}: {:?}", axis.ticks);
            assert!((0.0..=1.0).contains(&axis.place(max)));
        }
    }

    /// Narrow ranges get ticks in between, wide ones the powers of ten, and equal ends a range.
    #[test]
    fn logarithmic_ticks_suit_the_range() {
        let cases: [(f64, f64, &[f64]); 4] = [
            (2.3, 2.9, &[2.0, 5.0]),
            (1.0, 1.0, &[1.0, 2.0]),
            (3.0, 60.0, &[2.0, 5.0, 10.0, 20.0, 50.0, 100.0]),
            (0.3, 4_000.0, &[0.1, 1.0, 10.0, 100.0, 1_000.0, 10_000.0]),
        ];
        for (min, max, expected) in cases {
            let axis = Axis::logarithmic(min, max);
            assert!(
                close(&axis.ticks, expected),
                "{min} to {max}: {:?}",
                axis.ticks
            );
            let (low, high) = (axis.place(min), axis.place(max));
            assert!(-1e-9 <= low && low <= high && high <= 1.0 + 1e-9);
        }
    }

    /// A run of any length has some ticks, but no crowd.
    #[test]
    fn time_ticks_are_few_and_in_units_of_people() {
        for end in [0.3, 1.0, 7.0, 61.0, 600.0, 3_600.0, 90_000.0, 1e6] {
            let ticks = time_ticks(end, 10);
            assert!((2..=11).contains(&ticks.len()), "{end}: {ticks:?}");
            assert!(ticks[ticks.len() - 1] <= end + 1e-6);
        }
        let labels = [0.0, 0.5, 7.0, 45.0, 90.0, 120.0, 7_500.0].map(time_label);
        assert_eq!(
            labels.join(", "),
            "0 s, 0.5 s, 7 s, 45 s, 1:30 min, 2 min, 2:05 h"
        );
    }
}
