//! Histograms over each other.

use plotters::element::{PathElement, Polygon};
use plotters::prelude::DrawingBackend;
use plotters::style::Color;

use super::Histograms;
use super::axis::{Axis, extremes};
use super::frame::{Frame, Root, values_width};
use super::sheet::failed;
use super::style::{GRAY, Look, looks};
use crate::Error;

/// Fewest and most bins.
const BINS: (usize, usize) = (8, 30);

/// Common bins and the share of each sample that falls into each.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Binned {
    pub(super) low: f64,
    pub(super) width: f64,
    /// A row of shares for each sample; empty where it has no finite value.
    pub(super) shares: Vec<Vec<f64>>,
}

impl Histograms {
    /// Bins over the range of all samples: as many as the square root of the largest sample's values, within limits.
    pub(super) fn binned(&self) -> Option<Binned> {
        let (low, high) = extremes(self.samples.iter().flat_map(|sample| sample.values.iter().copied()))?;
        let most = self.samples.iter().map(|sample| sample.values.len()).max().unwrap_or(0);
        let bins = ((most as f64).sqrt() as usize).clamp(BINS.0, BINS.1);
        let (low, width) = if high > low { (low, (high - low) / bins as f64) } else { (low - 0.5, 1.0 / bins as f64) };
        let shares = |values: &[f64]| {
            let mut counts = vec![0.0; bins];
            let finite: Vec<f64> = values.iter().copied().filter(|value| value.is_finite()).collect();
            for value in &finite {
                counts[(((value - low) / width) as usize).min(bins - 1)] += 1.0 / finite.len() as f64;
            }
            if finite.is_empty() { Vec::new() } else { counts }
        };
        Some(Binned { low, width, shares: self.samples.iter().map(|sample| shares(&sample.values)).collect() })
    }

    pub(super) fn draw<B: DrawingBackend>(&self, root: &Root<B>) -> Result<(), Error> {
        let binned = self.binned().ok_or_else(|| Error::NothingToDraw { title: self.title.clone() })?;
        let bins = binned.shares.iter().map(Vec::len).max().unwrap_or(0);
        let x = Axis::between(binned.low, binned.low + binned.width * bins as f64);
        let percent = binned.shares.iter().flatten().map(|share| 100.0 * share);
        let top = extremes(percent).map_or(1.0, |(_, high)| high) * 1.06;
        let y = Axis::between(0.0, top);
        let frame = Frame {
            title: &self.title,
            x_label: &self.x_label,
            y_label: "% of the rows",
            left: values_width(&y),
            right: 24,
            has_y_values: true,
            x: &x,
            y: &y,
        };
        let mut chart = root.chart(&frame)?;
        let mut all = vec![Look { color: GRAY, is_dashed: false }];
        all.extend(looks(self.samples.iter().skip(1).map(|sample| sample.name.as_str())));
        for (i, (shares, look)) in binned.shares.iter().zip(&all).enumerate().filter(|(_, (s, _))| !s.is_empty()) {
            let outline = outline(&binned, shares);
            let fill = look.color.mix(if i == 0 { 0.30 } else { 0.10 });
            chart.draw_series([Polygon::new(outline.clone(), fill.filled())]).map_err(failed)?;
            let stroke = look.color.stroke_width(if i == 0 { 1 } else { 2 } * root.unit as u32);
            chart.draw_series([PathElement::new(outline, stroke)]).map_err(failed)?;
        }
        let names = self.samples.iter().zip(&all).map(|(sample, look)| (sample.name.clone(), *look));
        root.names_above(&names.collect::<Vec<_>>())
    }
}

/// The steps of a histogram in per cent, from the ground and back to it.
fn outline(binned: &Binned, shares: &[f64]) -> Vec<(f64, f64)> {
    let at = |edge: usize| binned.low + binned.width * edge as f64;
    let steps =
        shares.iter().enumerate().flat_map(|(bin, share)| [(at(bin), 100.0 * share), (at(bin + 1), 100.0 * share)]);
    std::iter::once((at(0), 0.0)).chain(steps).chain([(at(shares.len()), 0.0)]).collect()
}
