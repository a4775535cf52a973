//! The picks measured beside random ones.

use subsel::methods::random::draw_uniform;
use subsel::plan::Shape;
use subsel::{CheckedPool, Context, Error};
use subsel_metrics::{Judge, JudgeSettings, Metric};
use subsel_report::{Cell, Table, Tone};

use crate::judge::verdict::Line;

/// Random selections that are measured too.
const RANDOMS: u64 = 20;

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
        "Measured without labels, with {RANDOMS} random selections of the same size beside it, and judged as `subsel judge` \
         does: better or worse from 3 of their standard deviations on, perhaps so from 2. None of these says that a model \
         learns more from the picks: that takes labels."
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
    // Where fewer rows could have been picked than were, all are drawn from.
    let from = if pool.n_candidates() < picks.len() {
        (0..pool.len()).collect()
    } else {
        pool.candidates().collect::<Vec<_>>()
    };
    for draw in 0..RANDOMS {
        let drawn = draw_uniform(pool, ctx.stream("judge-random").child(draw), from.iter().copied(), picks.len());
        let rows: Vec<usize> = drawn.into_iter().map(|(_, row)| row).collect();
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

fn line(metric: Metric, ours: f64, random: &[f64]) -> Vec<Cell> {
    let Line { random_mean, random_sd, verdict, .. } =
        Line::new(metric.name(), metric.label(), metric.better(), ours, random);
    let decimals = decimals(random_mean.abs().max(ours.abs()));
    let tone = match verdict {
        "better" => Some(Tone::Better),
        "worse" => Some(Tone::Worse),
        "higher than random" | "lower than random" => None,
        _ => Some(Tone::Unclear),
    };
    let told = Cell::text(verdict);
    vec![
        Cell::text(metric.label()),
        Cell::text(metric.doc()),
        Cell::number(ours, decimals),
        Cell::estimate(random_mean, random_sd, decimals),
        tone.map_or(told.clone(), |tone| told.toned(tone)),
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
    fn verdicts_are_those_of_judge_and_colored_where_they_are_clear() {
        let random = [9.0, 10.0, 11.0];
        let last = |metric, ours| line(metric, ours, &random).pop().map(|cell| (cell.text, cell.tone));
        let told = |text: &str, tone| Some((text.to_owned(), tone));
        assert_eq!(last(Metric::CoverageRadius, 6.0), told("better", Some(Tone::Better)));
        assert_eq!(last(Metric::CoverageRadius, 14.0), told("worse", Some(Tone::Worse)));
        assert_eq!(last(Metric::CoverageRadius, 7.5), told("perhaps better", Some(Tone::Unclear)));
        assert_eq!(last(Metric::Vendi, 10.5), told("like random", Some(Tone::Unclear)));
        assert_eq!(last(Metric::NormRatio, 14.0), told("higher than random", None));
    }
}
