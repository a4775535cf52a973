//! What all plots have in common: title, axes, grid, names of the series.

use plotters::chart::{ChartBuilder, ChartContext, LabelAreaPosition};
use plotters::coord::Shift;
use plotters::drawing::DrawingArea;
use plotters::element::{PathElement, Text};
use plotters::prelude::{Cartesian2d, DrawingBackend};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{Color, IntoTextStyle, RGBColor, TRANSPARENT};

use super::axis::Axis;
use super::sheet::failed;
use super::style::{FAMILY, GRAY, GRID, INK, Look, PAPER, SOFT, TEXT, TITLE, short, width};
use crate::Error;

/// What is drawn on, and its unit in whole steps of the backend.
pub(super) struct Root<B: DrawingBackend> {
    pub(super) area: DrawingArea<B, Shift>,
    pub(super) unit: i32,
    pub(super) width: i32,
    pub(super) height: i32,
}

/// A chart whose axes are written where we say.
pub(super) type Chart<'a, B> = ChartContext<'a, B, Cartesian2d<Axis, Axis>>;

/// Everything around the data.
pub(super) struct Frame<'a> {
    pub(super) title: &'a str,
    pub(super) x_label: &'a str,
    /// Stands above the y axis, so that nobody turns their head.
    pub(super) y_label: &'a str,
    pub(super) x: &'a Axis,
    pub(super) y: &'a Axis,
    /// Units left of the axis, for what is written there.
    pub(super) left: i32,
    /// Units right of the data, for names of lines.
    pub(super) right: i32,
    /// Whether the values of the y axis are written and lined.
    pub(super) has_y_values: bool,
}

/// Units above the data.
pub(super) const TOP: i32 = 74;

/// Units below the data for the values of the x axis.
const BOTTOM: i32 = 30;

/// Units below that for its label.
const X_LABEL: i32 = 28;

/// Units at the outer edges.
const EDGE: i32 = 12;

/// Most letters of a name beside a plot.
const NAME: usize = 26;

/// Least distance of names under each other.
const LINE: i32 = 17;

impl<B: DrawingBackend> Root<B> {
    /// Writes a text at a place in units.
    pub(super) fn write(
        &self,
        text: &str,
        at: (i32, i32),
        size: i32,
        color: RGBColor,
        anchor: (HPos, VPos),
    ) -> Result<(), Error> {
        self.write_at(text, (at.0 * self.unit, at.1 * self.unit), size, color, anchor)
    }

    /// Writes a text at a place in steps of the backend.
    pub(super) fn write_at(
        &self,
        text: &str,
        at: (i32, i32),
        size: i32,
        color: RGBColor,
        (h, v): (HPos, VPos),
    ) -> Result<(), Error> {
        let style = (FAMILY, size * self.unit).into_text_style(&self.area).color(&color).pos(Pos::new(h, v));
        self.area.draw(&Text::new(text.to_owned(), at, style)).map_err(failed)
    }

    /// Draws ground, title and axes.
    pub(super) fn chart(&self, frame: &Frame<'_>) -> Result<Chart<'_, B>, Error> {
        let unit = self.unit;
        let units = |units: i32| units * unit;
        self.area.fill(&PAPER).map_err(failed)?;
        let left = (HPos::Left, VPos::Center);
        self.write(frame.title, (EDGE, 20), TITLE, INK, left)?;
        self.write(frame.y_label, (EDGE, TOP - 24), TEXT, SOFT, left)?;
        let (x, y) = (frame.x, frame.y);
        let mut chart = ChartBuilder::on(&self.area)
            .margin_top(units(TOP))
            .margin_bottom(units(X_LABEL))
            .margin_left(units(EDGE))
            .margin_right(units(frame.right))
            .set_label_area_size(LabelAreaPosition::Left, units(frame.left))
            .set_label_area_size(LabelAreaPosition::Bottom, units(BOTTOM))
            .build_cartesian_2d(x.clone(), y.clone())
            .map_err(failed)?;
        let style = (FAMILY, units(TEXT)).into_text_style(&self.area).color(&SOFT);
        let mut mesh = chart.configure_mesh();
        mesh.disable_x_mesh()
            .x_labels(x.ticks.len())
            .y_labels(if frame.has_y_values { y.ticks.len() } else { 0 })
            .label_style(style)
            .axis_style(GRAY.stroke_width(unit as u32))
            .bold_line_style(GRID.stroke_width(unit as u32))
            .light_line_style(TRANSPARENT)
            .set_all_tick_mark_size(units(4));
        if !frame.has_y_values {
            mesh.disable_y_mesh().disable_y_axis();
        }
        mesh.draw().map_err(failed)?;
        let middle = (EDGE + frame.left + self.width - frame.right) / 2;
        self.write(frame.x_label, (middle, self.height - 18), TEXT, SOFT, (HPos::Center, VPos::Center))?;
        Ok(chart)
    }

    /// Writes names right of the data at these heights (in steps of the backend), moved apart where they would meet.
    pub(super) fn names_beside(&self, frame: &Frame<'_>, ends: &[(String, Look, i32)]) -> Result<(), Error> {
        let x = (self.width - frame.right + 14) * self.unit;
        let heights: Vec<i32> = ends.iter().map(|(_, _, height)| *height).collect();
        let (top, bottom) = (TOP * self.unit, (self.height - BOTTOM - X_LABEL) * self.unit);
        for ((name, look, _), height) in ends.iter().zip(apart(&heights, LINE * self.unit, top, bottom)) {
            self.write_at(&short(name, NAME), (x, height), TEXT, look.color, (HPos::Left, VPos::Center))?;
        }
        Ok(())
    }

    /// Writes names in a line above the data, each after a stroke of its look.
    pub(super) fn names_above(&self, names: &[(String, Look)]) -> Result<(), Error> {
        let total: i32 = names.iter().map(|(name, _)| above_width(name)).sum();
        let mut x = self.width - EDGE - total;
        for (name, look) in names {
            let y = TOP - 24;
            let stroke = look.color.stroke_width(3 * self.unit as u32);
            let ends = [(x * self.unit, y * self.unit), ((x + 18) * self.unit, y * self.unit)];
            self.area.draw(&PathElement::new(ends.to_vec(), stroke)).map_err(failed)?;
            self.write(&short(name, NAME), (x + 24, y), TEXT, INK, (HPos::Left, VPos::Center))?;
            x += above_width(name);
        }
        Ok(())
    }
}

fn above_width(name: &str) -> i32 {
    width(&short(name, NAME)) + 44
}

/// Units that the names beside a plot take.
pub(super) fn beside_width<'a>(names: impl Iterator<Item = &'a str>) -> i32 {
    names.map(|name| width(&short(name, NAME))).max().unwrap_or(0) + 30
}

/// Units that the values of a y axis take.
pub(super) fn values_width(axis: &Axis) -> i32 {
    axis.ticks.iter().map(|tick| width(&axis.text(*tick))).max().unwrap_or(0) + 12
}

/// Heights near to those given, at least `gap` apart and between `top` and `bottom` as far as they fit.
fn apart(heights: &[i32], gap: i32, top: i32, bottom: i32) -> Vec<i32> {
    let mut order: Vec<usize> = (0..heights.len()).collect();
    order.sort_by_key(|i| (heights[*i], *i));
    let gap = gap.min((bottom - top) / (heights.len().max(2) as i32 - 1));
    let mut placed = heights.to_vec();
    let mut least = top;
    for &i in &order {
        placed[i] = placed[i].max(least);
        least = placed[i] + gap;
    }
    let mut most = bottom;
    for &i in order.iter().rev() {
        placed[i] = placed[i].min(most);
        most = placed[i] - gap;
    }
    placed
}

#[cfg(test)]
mod tests {
    use super::apart;

    #[test]
    fn names_are_moved_apart_and_stay_inside() {
        assert_eq!(apart(&[50, 20], 10, 0, 100), [50, 20], "what is apart stays");
        assert_eq!(apart(&[50, 50, 52], 10, 0, 100), [50, 60, 70]);
        assert_eq!(apart(&[99, 98, 97], 10, 0, 100), [100, 90, 80], "pushed up from the bottom, order kept");
        let crowd = apart(&[5; 30], 10, 0, 100);
        assert!(crowd.windows(2).all(|pair| pair[0] < pair[1]) && crowd[29] <= 100, "closer where there is no room");
    }
}
