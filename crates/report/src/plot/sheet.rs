//! From a plot to a file: the same drawing as SVG and as pixels.

use plotters::backend::{BitMapBackend, SVGBackend};
use plotters::drawing::IntoDrawingArea;

use super::Plot;
use super::frame::Root;
use super::style;
use crate::Error;

/// Units across a plot.
pub(super) const WIDTH: i32 = 760;

/// The plotting crate rounds to whole units, so that an SVG is drawn with four to the unit.
const FINE: i32 = 4;

/// Pixels to the unit of a PNG.
const PIXELS: i32 = 2;

impl Plot {
    fn height(&self) -> i32 {
        match self {
            Plot::Bars(bars) => bars.height(),
            _ => 420,
        }
    }

    fn draw<B: plotters::backend::DrawingBackend>(&self, root: &Root<B>) -> Result<(), Error> {
        match self {
            Plot::Curves(plot) => plot.draw(root),
            Plot::Scatter(plot) => plot.draw(root),
            Plot::Histograms(plot) => plot.draw(root),
            Plot::Bars(plot) => plot.draw(root),
        }?;
        root.area.present().map_err(failed)
    }
}

/// What the plotting crate says.
pub(super) fn failed(error: impl std::fmt::Display) -> Error {
    Error::Draw(error.to_string())
}

pub(super) fn svg(plot: &Plot) -> Result<String, Error> {
    let (width, height) = (WIDTH, plot.height());
    let text = fine_svg(plot)?;
    let (_, rest) = text.split_once('>').ok_or_else(|| failed("an SVG without a root"))?;
    let (w, h) = (width * FINE, height * FINE);
    let root = "<svg xmlns=\"http://www.w3.org/2000/svg\"";
    Ok(format!("{root} width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {w} {h}\">{rest}"))
}

pub(super) fn inline(plot: &Plot) -> Result<String, Error> {
    let text = fine_svg(plot)?;
    let (_, rest) = text.split_once('>').ok_or_else(|| failed("an SVG without a root"))?;
    let (w, h) = (WIDTH * FINE, plot.height() * FINE);
    let name = crate::html::escaped(plot.title());
    Ok(format!("<svg class=\"plot\" role=\"img\" aria-label=\"{name}\" viewBox=\"0 0 {w} {h}\">{rest}"))
}

fn fine_svg(plot: &Plot) -> Result<String, Error> {
    style::letters();
    let size = ((WIDTH * FINE) as u32, (plot.height() * FINE) as u32);
    let mut text = String::new();
    let area = SVGBackend::with_string(&mut text, size).into_drawing_area();
    plot.draw(&Root { area, unit: FINE, width: WIDTH, height: plot.height() })?;
    Ok(text)
}

pub(super) fn png(plot: &Plot) -> Result<Vec<u8>, Error> {
    style::letters();
    let (width, height) = ((WIDTH * PIXELS) as u32, (plot.height() * PIXELS) as u32);
    let mut pixels = vec![255; (width * height * 3) as usize];
    let area = BitMapBackend::with_buffer(&mut pixels, (width, height)).into_drawing_area();
    plot.draw(&Root { area, unit: PIXELS, width: WIDTH, height: plot.height() })?;
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, width, height);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    let mut writer = encoder.write_header().map_err(failed)?;
    writer.write_image_data(&pixels).map_err(failed)?;
    writer.finish().map_err(failed)?;
    Ok(file)
}
