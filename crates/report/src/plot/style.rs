//! Colors, strokes and letters.

use std::sync::Once;

use plotters::style::{FontStyle, RGBColor, register_font};

/// Text and axes.
pub(super) const INK: RGBColor = RGBColor(28, 35, 48);
/// Text that comes second.
pub(super) const SOFT: RGBColor = RGBColor(102, 112, 133);
/// Lines of the grid.
pub(super) const GRID: RGBColor = RGBColor(227, 231, 238);
/// Random, the pool, and what cannot be told from zero.
pub(super) const GRAY: RGBColor = RGBColor(125, 132, 145);
/// The ground.
pub(super) const PAPER: RGBColor = RGBColor(255, 255, 255);
/// A difference for the better.
pub(super) const BETTER: RGBColor = RGBColor(0, 158, 115);
/// A difference for the worse.
pub(super) const WORSE: RGBColor = RGBColor(213, 94, 0);

/// Okabe and Ito's colors for series in their order, without the yellow, which white ground swallows.
const PALETTE: [RGBColor; 7] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(230, 159, 0),
    RGBColor(86, 180, 233),
    RGBColor(92, 75, 160),
];

/// The family that plots are lettered in. In an SVG a page's own sans-serif stands in.
pub(super) const FAMILY: &str = "sans-serif";
/// Height of ordinary letters.
pub(super) const TEXT: i32 = 16;
/// Height of the title.
pub(super) const TITLE: i32 = 21;

/// How a series is drawn.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Look {
    pub(super) color: RGBColor,
    pub(super) is_dashed: bool,
}

/// The look of each series by name: fixed by order, `random` apart. After seven the colors come again, dashed.
pub(super) fn looks<'a>(names: impl Iterator<Item = &'a str>) -> Vec<Look> {
    let mut next = 0;
    names
        .map(|name| {
            if name == "random" {
                return Look { color: GRAY, is_dashed: true };
            }
            let look = Look { color: PALETTE[next % PALETTE.len()], is_dashed: next >= PALETTE.len() };
            next += 1;
            look
        })
        .collect()
}

/// Registers the letters, once.
pub(super) fn letters() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // A font that cannot be read shows as a failure to draw.
        let _ = register_font(FAMILY, FontStyle::Normal, epaint_default_fonts::UBUNTU_LIGHT);
    });
}

/// About how wide a text of ordinary letters is.
pub(super) fn width(text: &str) -> i32 {
    (text.chars().count() as i32 * TEXT * 44).div_euclid(100)
}

/// A name short enough to stand beside a plot.
pub(super) fn short(name: &str, most: usize) -> String {
    if name.chars().count() <= most {
        return name.into();
    }
    name.chars().take(most - 1).chain(['…']).collect()
}
