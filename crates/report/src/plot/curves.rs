//! Lines with bands of error.

use plotters::element::{Circle, DashedPathElement, PathElement, Polygon};
use plotters::prelude::DrawingBackend;
use plotters::style::text_anchor::{HPos, VPos};
use plotters::style::{Color, ShapeStyle};

use super::axis::Axis;
use super::frame::{Chart, Frame, Root, beside_width, values_width};
use super::sheet::failed;
use super::style::{Look, SOFT, TEXT, looks, width};
use super::{Curves, Mark, Point, Series};
use crate::Error;

/// Most points of a line that are marked by dots.
const DOTS: usize = 16;

impl Curves {
    pub(super) fn draw<B: DrawingBackend>(&self, root: &Root<B>) -> Result<(), Error> {
        let points = || self.series.iter().flat_map(|series| &series.points).filter(|point| point.mean.is_finite());
        let nothing = || Error::NothingToDraw { title: self.title.clone() };
        let x = Axis::of_budgets(points().map(|point| point.x)).ok_or_else(nothing)?;
        let heights = points().flat_map(|point| [point.mean, point.low, point.high]);
        let y = Axis::linear(heights).ok_or_else(nothing)?;
        // A single line is named by the title.
        let has_names = self.series.len() > 1;
        let names = self.series.iter().map(|series| series.name.as_str());
        let right = if has_names { beside_width(names.clone()) } else { 24 };
        let frame = Frame {
            title: &self.title,
            x_label: &self.x_label,
            y_label: &self.y_label,
            left: values_width(&y),
            right,
            has_y_values: true,
            x: &x,
            y: &y,
        };
        let mut chart = root.chart(&frame)?;
        let looks = looks(names);
        for (series, look) in self.series.iter().zip(&looks) {
            draw_bands(&mut chart, &x, series, *look)?;
        }
        // The first series lies on top.
        for (series, look) in self.series.iter().zip(&looks).rev() {
            draw_line(&mut chart, &x, series, *look, root.unit)?;
        }
        for mark in &self.marks {
            self.draw_mark(root, &mut chart, &x, mark)?;
        }
        if has_names {
            let end = |series: &Series| series.points.iter().rfind(|point| point.mean.is_finite()).copied();
            let ends: Vec<(String, Look, i32)> = self
                .series
                .iter()
                .zip(&looks)
                .filter_map(|(series, look)| {
                    let point = end(series)?;
                    let (_, height) = chart.backend_coord(&(x.position(point.x), point.mean));
                    Some((series.name.clone(), *look, height))
                })
                .collect();
            root.names_beside(&frame, &ends)?;
        }
        Ok(())
    }

    fn draw_mark<B: DrawingBackend>(
        &self,
        root: &Root<B>,
        chart: &mut Chart<'_, B>,
        x: &Axis,
        mark: &Mark,
    ) -> Result<(), Error> {
        let at = x.position(mark.x);
        if !(x.low..=x.high).contains(&at) {
            return Ok(());
        }
        let (low, high) = (chart.y_range().start, chart.y_range().end);
        let unit = root.unit;
        let line = DashedPathElement::new([(at, low), (at, high)], 3 * unit, 4 * unit, stroke(SOFT, unit));
        chart.draw_series([line]).map_err(failed)?;
        let (place, top) = chart.backend_coord(&(at, high));
        // On the side where there is room.
        let has_room = place + (width(&mark.label) + 12) * unit < (root.width - 12) * unit;
        let (place, side) = if has_room { (place + 6 * unit, HPos::Left) } else { (place - 6 * unit, HPos::Right) };
        root.write_at(&mark.label, (place, top + 8 * unit), TEXT, SOFT, (side, VPos::Center))
    }
}

fn stroke(color: impl Color, width: i32) -> ShapeStyle {
    color.stroke_width(width as u32)
}

/// The stretches of a series without a gap.
fn stretches(series: &Series) -> impl Iterator<Item = &[Point]> {
    series.points.split(|point| !point.mean.is_finite()).filter(|points| !points.is_empty())
}

fn draw_bands<B: DrawingBackend>(chart: &mut Chart<'_, B>, x: &Axis, series: &Series, look: Look) -> Result<(), Error> {
    let has_band = |point: &Point| point.mean.is_finite() && point.low.is_finite() && point.high.is_finite();
    for points in series.points.split(|point| !has_band(point)).filter(|points| points.len() > 1) {
        let upper = points.iter().map(|point| (x.position(point.x), point.high));
        let lower = points.iter().rev().map(|point| (x.position(point.x), point.low));
        let outline: Vec<(f64, f64)> = upper.chain(lower).collect();
        chart.draw_series([Polygon::new(outline, look.color.mix(0.14).filled())]).map_err(failed)?;
    }
    Ok(())
}

fn draw_line<B: DrawingBackend>(
    chart: &mut Chart<'_, B>,
    x: &Axis,
    series: &Series,
    look: Look,
    unit: i32,
) -> Result<(), Error> {
    let style = stroke(look.color, 2 * unit);
    for points in stretches(series) {
        let line: Vec<(f64, f64)> = points.iter().map(|point| (x.position(point.x), point.mean)).collect();
        if look.is_dashed {
            let dashes = DashedPathElement::new(line.clone(), 6 * unit, 5 * unit, style);
            chart.draw_series([dashes]).map_err(failed)?;
        } else {
            chart.draw_series([PathElement::new(line.clone(), style)]).map_err(failed)?;
        }
        if series.points.len() <= DOTS {
            let dots = line.into_iter().map(|at| Circle::new(at, 3 * unit, look.color.filled()));
            chart.draw_series(dots).map_err(failed)?;
        }
        // An interval alone is a stroke: there is nothing to band it with.
        if let [point] = points
            && point.low.is_finite()
            && point.high.is_finite()
        {
            let at = x.position(point.x);
            let whisker = PathElement::new(vec![(at, point.low), (at, point.high)], stroke(look.color, unit));
            chart.draw_series([whisker]).map_err(failed)?;
        }
    }
    Ok(())
}
