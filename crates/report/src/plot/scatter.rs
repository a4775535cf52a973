//! Points with their regression line.

use plotters::element::{Circle, PathElement};
use plotters::prelude::DrawingBackend;
use plotters::style::Color;

use super::Scatter;
use super::axis::{Axis, extremes, number};
use super::frame::{Frame, Root, values_width};
use super::sheet::failed;
use super::style::{INK, looks};
use crate::Error;

/// Most points that are drawn.
const DRAWN: usize = 4000;

/// The least-squares line of y on x, and their correlation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Regression {
    /// Slope of the line.
    pub slope: f64,
    /// Its height at 0.
    pub intercept: f64,
    /// Pearson's correlation, -1 to 1.
    pub r: f64,
    /// Points it is of.
    pub n: usize,
}

impl Regression {
    /// The line through finite points. `None` where fewer than two differ in `x` or in `y`.
    pub fn of(points: impl Iterator<Item = (f64, f64)> + Clone) -> Option<Self> {
        let points = points.filter(|(x, y)| x.is_finite() && y.is_finite());
        let n = points.clone().count();
        let (sum_x, sum_y) = points.clone().fold((0.0, 0.0), |(a, b), (x, y)| (a + x, b + y));
        let (mean_x, mean_y) = (sum_x / n as f64, sum_y / n as f64);
        let (mut xx, mut yy, mut xy) = (0.0, 0.0, 0.0);
        for (x, y) in points {
            let (x, y) = (x - mean_x, y - mean_y);
            (xx, yy, xy) = (xx + x * x, yy + y * y, xy + x * y);
        }
        let slope = xy / xx;
        let is_line = n > 1 && xx > 0.0 && yy > 0.0;
        is_line.then(|| Regression { slope, intercept: mean_y - slope * mean_x, r: xy / (xx * yy).sqrt(), n })
    }
}

impl Scatter {
    /// The line through all points and their correlation.
    pub fn regression(&self) -> Option<Regression> {
        Regression::of(self.points())
    }

    fn points(&self) -> impl Iterator<Item = (f64, f64)> + Clone + '_ {
        self.clouds.iter().flat_map(|cloud| cloud.points.iter().copied())
    }

    pub(super) fn draw<B: DrawingBackend>(&self, root: &Root<B>) -> Result<(), Error> {
        let finite = || self.points().filter(|(x, y)| x.is_finite() && y.is_finite());
        let nothing = || Error::NothingToDraw { title: self.title.clone() };
        let x = Axis::linear(finite().map(|(x, _)| x)).ok_or_else(nothing)?;
        let y = Axis::linear(finite().map(|(_, y)| y)).ok_or_else(nothing)?;
        let line = self.regression();
        let title = match line {
            Some(line) => format!("{}  (r = {}, n = {})", self.title, number(line.r, 2), number(line.n as f64, 0)),
            None => self.title.clone(),
        };
        let (left, right) = (values_width(&y), 24);
        let (x_label, y_label) = (&self.x_label, &self.y_label);
        let frame = Frame { title: &title, x_label, y_label, x: &x, y: &y, left, right, has_y_values: true };
        let mut chart = root.chart(&frame)?;
        let looks = looks(self.clouds.iter().map(|cloud| cloud.name.as_str()));
        let stride = finite().count().div_ceil(DRAWN).max(1);
        let (size, alpha) = if finite().count() > 300 { (2, 0.5) } else { (4, 0.7) };
        for (cloud, look) in self.clouds.iter().zip(&looks) {
            let style = look.color.mix(alpha).filled();
            let drawn = cloud.points.iter().filter(|(x, y)| x.is_finite() && y.is_finite()).step_by(stride);
            chart.draw_series(drawn.map(|at| Circle::new(*at, size * root.unit, style))).map_err(failed)?;
        }
        if let (Some(line), Some((low, high))) = (line, extremes(finite().map(|(x, _)| x))) {
            let at = |x: f64| (x, (line.intercept + line.slope * x).clamp(y.low, y.high));
            let style = INK.stroke_width(2 * root.unit as u32);
            chart.draw_series([PathElement::new(vec![at(low), at(high)], style)]).map_err(failed)?;
        }
        if self.clouds.len() > 1 {
            let names = self.clouds.iter().zip(&looks).map(|(cloud, look)| (cloud.name.clone(), *look));
            root.names_above(&names.collect::<Vec<_>>())?;
        }
        Ok(())
    }
}
