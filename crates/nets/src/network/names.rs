//! Networks by name.

use super::Network;
use super::build::{OF_18, OF_34, Stem, resnet_after, resnet_before, resnet_wide, wide_resnet};
use crate::Error;

/// The networks there are: name, and what it is in one line. `wrn-28-K` and `wrn-28-K-usb` take any `K` from 1.
pub const NETWORKS: [(&str, &str); 15] = [
    ("resnet8", "pre-activation ResNet of 8 layers, 64 features: the cheapest proxy"),
    ("resnet14", "the same of 14 layers"),
    ("resnet20", "the same of 20 layers: the proxy of Selection via Proxy"),
    ("resnet56", "the same of 56 layers"),
    ("resnet110", "the same of 110 layers"),
    (
        "resnet164",
        "pre-activation ResNet of 164 layers in bottlenecks, 256 features: the target of Selection via Proxy",
    ),
    ("resnet20-post", "ResNet of 20 layers, activation after the sum, 64 features"),
    ("resnet18", "ResNet-18 for pictures of 32 pixels, 512 features: SCAN, CCS, DeepCore"),
    (
        "resnet18-pooled",
        "the same with a max-pool after the stem, four times cheaper: TypiClust, ProbCover and NGS, supervised",
    ),
    ("resnet18-imagenet", "ResNet-18 with the stem of ImageNet, torchvision's"),
    ("resnet34", "ResNet-34 for pictures of 32 pixels, 512 features"),
    ("resnet34-imagenet", "ResNet-34 with the stem of ImageNet: CCS on ImageNet"),
    ("wrn-28-2", "WRN-28-2 with leaky ReLUs, 128 features: FlexMatch, SimMatch"),
    ("wrn-28-8", "the same, four times as wide"),
    ("wrn-28-2-usb", "WRN-28-2 exactly as the code of USB computes it"),
];

impl Network {
    /// The network of this name, for so many classes.
    ///
    /// # Errors
    /// [`Error::Unknown`]; [`Error::Setting`] for no class.
    pub fn named(name: &str, classes: usize) -> Result<Self, Error> {
        if classes == 0 {
            return Err(Error::Setting { name: "classes", rule: "at least 1".into(), got: "0".into() });
        }
        Ok(match name {
            "resnet8" => resnet_before(name, classes, 1, false),
            "resnet14" => resnet_before(name, classes, 2, false),
            "resnet20" => resnet_before(name, classes, 3, false),
            "resnet56" => resnet_before(name, classes, 9, false),
            "resnet110" => resnet_before(name, classes, 18, false),
            "resnet164" => resnet_before(name, classes, 18, true),
            "resnet20-post" => resnet_after(name, classes, 3),
            "resnet18" => resnet_wide(name, classes, OF_18, Stem::Cifar),
            "resnet18-pooled" => resnet_wide(name, classes, OF_18, Stem::Pooled),
            "resnet18-imagenet" => resnet_wide(name, classes, OF_18, Stem::ImageNet),
            "resnet34" => resnet_wide(name, classes, OF_34, Stem::Cifar),
            "resnet34-imagenet" => resnet_wide(name, classes, OF_34, Stem::ImageNet),
            _ => match wide(name) {
                Some((wider, quirk)) => wide_resnet(name, classes, wider, quirk),
                None => return Err(unknown(name)),
            },
        })
    }
}

/// The width of a `wrn-28-K`, and whether as USB computes it.
fn wide(name: &str) -> Option<(usize, bool)> {
    let rest = name.strip_prefix("wrn-28-")?;
    let (wider, quirk) = match rest.strip_suffix("-usb") {
        Some(wider) => (wider, true),
        None => (rest, false),
    };
    let wider = wider.parse().ok().filter(|wider| (1..=64).contains(wider))?;
    Some((wider, quirk))
}

fn unknown(name: &str) -> Error {
    let known = NETWORKS.iter().map(|network| network.0).collect::<Vec<_>>().join(", ");
    Error::Unknown { what: "network", name: name.into(), known }
}
