//! The picks measured beside random ones.

use subsel::plan::Shape;
use subsel::{CheckedPool, Context, Draws, Error, Stream};
use subsel_metrics::{Better, Judge, JudgeSettings, Metric};
use subsel_report::{Cell, Table, Tone};

/// Random selections that are measured too.
pub(super) const RANDOMS: u64 = 10;

/// Standard deviations of random selections from which on picks are called better or worse.
const CLEAR: f64 = 2.0;

/// What is measured: nothing that compares all pairs of rows.
const METRICS: [Metric; 9] = [
    Metric::CoverageRadius,
    Metric::Coverage95,
    Metric::MeanDistance,
    Metric::KernelCoverage,
    Metric::Mmd,
    Metric::ClusterEntropy,
    Metric::Vendi,
    Metric::LargestCosine,
    Metric::NormRatio,
];

/// How to read the table.
pub(super) fn text() -> String {
    format!(
        "Measured without labels; {RANDOMS} random selections of the same size beside it. Better and worse mean more than \
         {CLEAR} of their standard deviations from their mean. None of these says that a model learns more from the picks: \
         that takes labels."
    )
}

/// Bytes that measuring takes.
pub(super) fn bytes(shape: &Shape, picks: usize) -> u64 {
    let plan = Judge::plan(&METRICS, &JudgeSettings::default(), shape, picks, RANDOMS as usize + 1);
    plan.bytes + 16 * shape.n as u64
}

/// The table: a line for each metric.
pub(super) fn beside_random(pool: &CheckedPool<'_>, picks: &[usize], ctx: &mut Context) -> Result<Table, Error> {
    let judge = Judge::new(pool, &METRICS, &JudgeSettings::default(), ctx)?;
    let ours = judge.measure(picks, ctx)?;
    let mut random = Vec::new();
    ctx.progress().begin("measuring random picks", RANDOMS);
    for draw in 0..RANDOMS {
        let rows = drawn(pool, picks.len(), ctx.stream("report beside").child(draw));
        random.push(judge.measure(&rows, ctx)?);
        ctx.progress().at(draw + 1);
    }
    let mut table = Table::new(["measure", "what it is", "picks", "random ± sd", "verdict"]);
    for (i, metric) in METRICS.iter().enumerate() {
        let values: Vec<f64> = random.iter().map(|values| values[i]).collect();
        table.push(line(*metric, ours[i], &values));
    }
    Ok(table)
}

/// So many candidates (or of all rows, where fewer may be picked), by partial shuffling.
fn drawn(pool: &CheckedPool<'_>, count: usize, stream: Stream) -> Vec<usize> {
    let mut rows: Vec<usize> = pool.candidates().collect();
    if rows.len() < count {
        rows = (0..pool.len()).collect();
    }
    let mut draws = Draws::new(stream);
    for i in 0..count.min(rows.len()) {
        let other = i + draws.below((rows.len() - i) as u64) as usize;
        rows.swap(i, other);
    }
    rows.truncate(count);
    rows
}

fn line(metric: Metric, ours: f64, random: &[f64]) -> Vec<Cell> {
    let n = random.len() as f64;
    let mean = random.iter().sum::<f64>() / n;
    let sd = (random.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (n - 1.0)).sqrt();
    let decimals = decimals(mean.abs().max(ours.abs()));
    let gain = match metric.better() {
        Better::High => ours - mean,
        Better::Low => mean - ours,
        Better::Neither => f64::NAN,
    };
    let verdict = match gain {
        gain if gain > CLEAR * sd => Cell::verdict("better", Tone::Better),
        gain if gain < -CLEAR * sd => Cell::verdict("worse", Tone::Worse),
        gain if gain.is_nan() => Cell::text("–"),
        _ => Cell::verdict("like random", Tone::Unclear),
    };
    vec![
        Cell::text(metric.label()),
        Cell::text(metric.doc()),
        Cell::number(ours, decimals),
        Cell::estimate(mean, sd, decimals),
        verdict,
    ]
}

/// Decimals for about four digits.
fn decimals(value: f64) -> usize {
    match value.log10().floor() {
        power if power.is_finite() => (3.0 - power).clamp(0.0, 6.0) as usize,
        _ => 3,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_verdict_needs_two_standard_deviations_in_the_good_direction() {
        let random = [10.0, 11.0, 9.0, 10.5, 9.5];
        let verdict = |metric, ours| line(metric, ours, &random).pop().map(|cell| cell.text).unwrap_or_default();
        assert_eq!(verdict(Metric::CoverageRadius, 7.0), "better");
        assert_eq!(verdict(Metric::CoverageRadius, 13.0), "worse");
        assert_eq!(verdict(Metric::CoverageRadius, 9.2), "like random");
        assert_eq!(verdict(Metric::Vendi, 13.0), "better");
        assert_eq!(verdict(Metric::NormRatio, 13.0), "–");
        assert_eq!(verdict(Metric::Vendi, f64::NAN), "–");
    }
}
