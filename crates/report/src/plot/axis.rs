//! Axes: where they begin and end, and the values written at them.

use std::ops::Range;

use plotters::coord::ranged1d::{KeyPointHint, NoDefaultFormatting, Ranged, ValueFormatter};

/// An axis. Positions on it are values, or their logarithms to base 10.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Axis {
    pub(super) is_log: bool,
    /// First and last position.
    pub(super) low: f64,
    pub(super) high: f64,
    /// Positions that are written out, ascending.
    pub(super) ticks: Vec<f64>,
    /// Decimals of what is written.
    pub(super) decimals: usize,
}

/// About how many values are written at an axis.
const TICKS: f64 = 6.0;

/// The least distance of written values, as a share of a logarithmic axis.
const APART: f64 = 0.07;

impl Axis {
    /// An axis for these finite values, with a little room at both ends. `None` where there is no value.
    pub(super) fn linear(values: impl Iterator<Item = f64>) -> Option<Self> {
        let (low, high) = extremes(values)?;
        // A single value gets an axis about it.
        let span = if high > low { high - low } else { low.abs().max(1.0) * 0.1 };
        let (low, high) = (low - 0.04 * span, high + 0.04 * span);
        Some(Self::between(low, high))
    }

    /// An axis from `low` to `high` exactly.
    pub(super) fn between(low: f64, high: f64) -> Self {
        let step = nice_step((high - low) / TICKS);
        let first = (low / step).ceil() as i64;
        let last = (high / step).floor() as i64;
        let ticks = (first..=last).map(|i| i as f64 * step).collect();
        let decimals = (-step.log10().floor()).clamp(0.0, 12.0) as usize;
        Axis { is_log: false, low, high, ticks, decimals }
    }

    /// A logarithmic axis where the values span more than a decade, else a linear one. What is written is the values
    /// themselves as far as they stand apart.
    pub(super) fn of_budgets(values: impl Iterator<Item = f64> + Clone) -> Option<Self> {
        let (low, high) = extremes(values.clone())?;
        if !(low > 0.0 && high > 10.0 * low) {
            return Self::linear(values);
        }
        let (low, high) = (low.log10(), high.log10());
        let room = 0.03 * (high - low);
        let mut distinct: Vec<f64> = values.filter(|value| value.is_finite()).map(f64::log10).collect();
        distinct.sort_unstable_by(f64::total_cmp);
        distinct.dedup();
        // Many values are a curve, not budgets someone chose.
        if distinct.len() > 16 {
            distinct = round_logs(low, high);
        }
        let mut ticks: Vec<f64> = Vec::new();
        for at in distinct {
            if ticks.last().is_none_or(|last| at - last >= APART * (high - low)) {
                ticks.push(at);
            }
        }
        let decimals = if low >= 0.0 { 0 } else { (-low.floor()) as usize };
        Some(Axis { is_log: true, low: low - room, high: high + room, ticks, decimals })
    }

    /// Where a value stands.
    pub(super) fn position(&self, value: f64) -> f64 {
        if self.is_log { value.log10() } else { value }
    }

    /// What is written at a position.
    pub(super) fn text(&self, position: f64) -> String {
        let value = if self.is_log { 10f64.powf(position) } else { position };
        // Minus zero is zero.
        number(if value == 0.0 { 0.0 } else { value }, self.decimals)
    }
}

impl Ranged for Axis {
    type FormatOption = NoDefaultFormatting;
    type ValueType = f64;

    fn map(&self, position: &f64, (first, last): (i32, i32)) -> i32 {
        let share = (position - self.low) / (self.high - self.low);
        first + (share * f64::from(last - first)).round() as i32
    }

    fn key_points<Hint: KeyPointHint>(&self, _: Hint) -> Vec<f64> {
        self.ticks.clone()
    }

    fn range(&self) -> Range<f64> {
        self.low..self.high
    }
}

impl ValueFormatter<f64> for Axis {
    fn format_ext(&self, position: &f64) -> String {
        self.text(*position)
    }
}

/// 1, 2 and 5 times powers of ten within the decades.
fn round_logs(low: f64, high: f64) -> Vec<f64> {
    let decades = low.floor() as i32..=high.ceil() as i32;
    decades
        .flat_map(|decade| [1.0_f64, 2.0, 5.0].map(|factor| factor.log10() + f64::from(decade)))
        .filter(|at| (low..=high).contains(at))
        .collect()
}

/// The least and greatest finite value.
pub(super) fn extremes(values: impl Iterator<Item = f64>) -> Option<(f64, f64)> {
    values.filter(|value| value.is_finite()).fold(None, |range, value| match range {
        None => Some((value, value)),
        Some((low, high)) => Some((f64::min(low, value), f64::max(high, value))),
    })
}

/// 1, 2 or 5 times a power of ten, not below `least`.
fn nice_step(least: f64) -> f64 {
    let power = 10f64.powf(least.log10().floor());
    [1.0, 2.0, 5.0, 10.0].into_iter().map(|factor| factor * power).find(|step| *step >= least * 0.999).unwrap_or(power)
}

/// A number with its thousands apart.
pub(crate) fn number(value: f64, decimals: usize) -> String {
    let text = format!("{:.decimals$}", value.abs());
    let (whole, rest) = text.split_at(text.find('.').unwrap_or(text.len()));
    let mut out = String::new();
    if value < 0.0 && text.bytes().any(|byte| (b'1'..=b'9').contains(&byte)) {
        out.push('−');
    }
    for (i, digit) in whole.chars().enumerate() {
        if i > 0 && (whole.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_round_and_inside() {
        let axis = Axis::linear([0.512, 0.83].into_iter()).expect("there are values");
        assert_eq!(axis.ticks.iter().map(|tick| axis.text(*tick)).collect::<Vec<_>>(), ["0.5", "0.6", "0.7", "0.8"]);
        let axis = Axis::linear([-1500.0, 12_000.0].into_iter()).expect("there are values");
        assert_eq!(axis.ticks.first().map(|tick| axis.text(*tick)).as_deref(), Some("0"));
        assert!(axis.ticks.iter().all(|tick| (axis.low..=axis.high).contains(tick)));
    }

    #[test]
    fn budgets_over_more_than_a_decade_are_logarithmic_and_written_as_they_are() {
        let axis = Axis::of_budgets([10.0, 20.0, 60.0, 500.0].into_iter()).expect("there are values");
        assert!(axis.is_log);
        assert_eq!(axis.ticks.iter().map(|tick| axis.text(*tick)).collect::<Vec<_>>(), ["10", "20", "60", "500"]);
        assert!(!Axis::of_budgets([10.0, 60.0].into_iter()).expect("there are values").is_log);
        assert!(!Axis::of_budgets([0.0, 60.0].into_iter()).expect("there are values").is_log);
    }

    #[test]
    fn one_value_has_an_axis_about_it_and_none_has_no_axis() {
        let axis = Axis::linear([5.0].into_iter()).expect("there is a value");
        assert!(axis.low < 5.0 && axis.high > 5.0 && !axis.ticks.is_empty());
        assert_eq!(Axis::linear([f64::NAN].into_iter()), None);
    }

    #[test]
    fn numbers_are_written_for_people() {
        assert_eq!(number(-1234.5, 1), "−1,234.5");
        assert_eq!(number(-0.001, 2), "0.00");
        assert_eq!(number(50_000.0, 0), "50,000");
    }
}
