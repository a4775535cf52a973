//! The 14 operations of RandAugment as USB has them: no inversion, and enhancements that only weaken.

use super::geometry::Affine;
use super::{OpRanges, color};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Op {
    AutoContrast,
    Brightness,
    Color,
    Contrast,
    Equalize,
    Identity,
    Posterize,
    Rotate,
    Sharpness,
    ShearX,
    ShearY,
    Solarize,
    TranslateX,
    TranslateY,
}

impl Op {
    pub(super) const ALL: [Op; 14] = [
        Op::AutoContrast,
        Op::Brightness,
        Op::Color,
        Op::Contrast,
        Op::Equalize,
        Op::Identity,
        Op::Posterize,
        Op::Rotate,
        Op::Sharpness,
        Op::ShearX,
        Op::ShearY,
        Op::Solarize,
        Op::TranslateX,
        Op::TranslateY,
    ];

    /// From which range its magnitude is drawn.
    pub(super) fn range(self, ranges: OpRanges) -> (f64, f64) {
        let far = match ranges {
            OpRanges::Usb => 0.3,
            OpRanges::Scan => 0.1,
        };
        match self {
            Op::AutoContrast | Op::Equalize | Op::Identity => (0.0, 1.0),
            Op::Brightness | Op::Color | Op::Contrast | Op::Sharpness => (0.05, 0.95),
            Op::Posterize => (4.0, 8.0),
            Op::Rotate => (-30.0, 30.0),
            Op::ShearX | Op::ShearY | Op::TranslateX | Op::TranslateY => (-far, far),
            Op::Solarize => (0.0, 256.0),
        }
    }

    /// Changes the picture `now`; `next` is room.
    pub(super) fn apply(self, magnitude: f64, side: usize, now: &mut Vec<u8>, next: &mut Vec<u8>) {
        let affine = match self {
            Op::AutoContrast => return color::autocontrast(now),
            Op::Brightness => return color::brightness(now, magnitude),
            Op::Color => return color::saturation(now, magnitude),
            Op::Contrast => return color::contrast(now, magnitude),
            Op::Equalize => return color::equalize(now),
            Op::Identity => return,
            Op::Posterize => return color::posterize(now, magnitude as u32),
            Op::Sharpness => return color::sharpness(now, next, side, magnitude),
            Op::Solarize => return color::solarize(now, magnitude),
            Op::Rotate => Affine::rotate(magnitude, side),
            Op::ShearX => Affine::shear_x(magnitude),
            Op::ShearY => Affine::shear_y(magnitude),
            Op::TranslateX => Affine::translate(magnitude * side as f64, 0.0),
            Op::TranslateY => Affine::translate(0.0, magnitude * side as f64),
        };
        affine.apply(now, next, side);
        std::mem::swap(now, next);
    }
}
