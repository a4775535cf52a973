//! Differences as bars with intervals.

use plotters::element::{Circle, PathElement, Rectangle};
use plotters::prelude::DrawingBackend;
use plotters::style::Color;
use plotters::style::text_anchor::{HPos, VPos};

use super::axis::Axis;
use super::frame::{Frame, Root, TOP, beside_width};
use super::sheet::failed;
use super::style::{BETTER, GRAY, INK, TEXT, WORSE, short};
use super::{Bar, Bars};
use crate::Error;

/// Units of height for each bar.
const EACH: i32 = 30;

impl Bars {
    pub(super) fn height(&self) -> i32 {
        TOP + 60 + EACH * self.bars.len().max(2) as i32
    }

    pub(super) fn draw<B: DrawingBackend>(&self, root: &Root<B>) -> Result<(), Error> {
        let ends = self.bars.iter().filter(|bar| bar.value.is_finite()).flat_map(|bar| [bar.value, bar.low, bar.high]);
        let nothing = || Error::NothingToDraw { title: self.title.clone() };
        if !ends.clone().any(f64::is_finite) {
            return Err(nothing());
        }
        // Zero is what differences are read from.
        let x = Axis::linear(ends.chain([0.0])).ok_or_else(nothing)?;
        let y = Axis { ticks: Vec::new(), ..Axis::between(0.0, self.bars.len().max(2) as f64) };
        let left = beside_width(self.bars.iter().map(|bar| bar.name.as_str()));
        let (title, x_label) = (&self.title, &self.x_label);
        let frame = Frame { title, x_label, y_label: "", x: &x, y: &y, left, right: 24, has_y_values: false };
        let mut chart = root.chart(&frame)?;
        let unit = root.unit;
        for (i, bar) in self.bars.iter().enumerate() {
            let middle = y.high - i as f64 - 0.5;
            let (_, height) = chart.backend_coord(&(x.low, middle));
            let place = ((left + 4) * unit, height);
            root.write_at(&short(&bar.name, 26), place, TEXT, INK, (HPos::Right, VPos::Center))?;
            if !bar.value.is_finite() {
                continue;
            }
            let color = self.color(bar);
            let area = Rectangle::new([(0.0, middle - 0.3), (bar.value, middle + 0.3)], color.mix(0.35).filled());
            chart.draw_series([area]).map_err(failed)?;
            if bar.low.is_finite() && bar.high.is_finite() {
                let line = vec![(bar.low, middle), (bar.high, middle)];
                let stroke = color.stroke_width(2 * unit as u32);
                chart.draw_series([PathElement::new(line, stroke)]).map_err(failed)?;
            }
            chart.draw_series([Circle::new((bar.value, middle), 4 * unit, color.filled())]).map_err(failed)?;
        }
        let zero = PathElement::new(vec![(0.0, y.low), (0.0, y.high)], INK.stroke_width(unit as u32));
        chart.draw_series([zero]).map_err(failed)?;
        Ok(())
    }

    fn color(&self, bar: &Bar) -> plotters::style::RGBColor {
        let (up, down) = if self.lower_is_better { (WORSE, BETTER) } else { (BETTER, WORSE) };
        match (bar.low, bar.high) {
            (low, _) if low > 0.0 => up,
            (_, high) if high < 0.0 => down,
            _ => GRAY,
        }
    }
}
