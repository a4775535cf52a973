//! Augmentations by name, as the papers have them.

use super::{Augment, OpRanges, Padding, Step};
use crate::Error;

/// Pixels of padding for a side of 32, in every paper here; in proportion at other sides.
const PAD_OF_32: usize = 4;

impl Augment {
    /// The names that [`Augment::named`] knows.
    pub const NAMES: [&str; 9] =
        ["none", "svp", "ngs-supervised", "ccs", "deepcore", "imagenet", "simclr", "usb-weak", "usb-strong"];

    /// The augmentation of this name, for pictures of this side.
    ///
    /// - `none`: pictures as they are.
    /// - `svp`, `ngs-supervised`: crop with 4 black pixels of padding at 32, and flip.
    /// - `ccs`, `deepcore`, `usb-weak`: the same with reflected padding.
    /// - `imagenet`: resized crop of 0.08 to 1 of the area, and flip.
    /// - `simclr`: SCAN's, which TypiClust, ProbCover and NGS train with: resized crop of 0.2 to 1 of the area, flip, jitter
    ///   (0.4, 0.4, 0.4, 0.1) with probability 0.8, grey with 0.2.
    /// - `usb-strong`: `usb-weak`, then RandAugment of 3 operations and Cutout, as FlexMatch and SimMatch have it in USB.
    ///
    /// # Errors
    /// [`Error::UnknownAugment`].
    pub fn named(name: &str, side: usize) -> Result<Self, Error> {
        let pad = side * PAD_OF_32 / 32;
        let shifted = |padding| vec![Step::Crop { pad, padding }, Step::Flip { p: 0.5 }];
        let steps = match name {
            "none" => Vec::new(),
            "svp" | "ngs-supervised" => shifted(Padding::Zero),
            "ccs" | "deepcore" | "usb-weak" => shifted(Padding::Reflect),
            "imagenet" => {
                vec![Step::ResizedCrop { scale: (0.08, 1.0), ratio: (3.0 / 4.0, 4.0 / 3.0) }, Step::Flip { p: 0.5 }]
            }
            "simclr" => vec![
                Step::ResizedCrop { scale: (0.2, 1.0), ratio: (3.0 / 4.0, 4.0 / 3.0) },
                Step::Flip { p: 0.5 },
                Step::Jitter { p: 0.8, brightness: 0.4, contrast: 0.4, saturation: 0.4, hue: 0.1 },
                Step::Grey { p: 0.2 },
            ],
            "usb-strong" => {
                let mut steps = shifted(Padding::Reflect);
                steps.push(Step::RandAugment { ops: 3, ranges: OpRanges::Usb });
                steps.push(Step::Cutout { share: 0.5, fill: [125, 123, 114] });
                steps
            }
            _ => return Err(Error::UnknownAugment { name: name.to_owned() }),
        };
        Ok(Augment { steps })
    }
}
