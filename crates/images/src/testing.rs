//! What tests share: pictures by formula, and what Pillow makes of them.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::Image;

/// The picture that `tests/golden/make.py` makes too, with values from `low` to `high`.
pub(crate) fn picture(width: usize, height: usize, low: usize, high: usize) -> Image {
    let mut values = Vec::new();
    for y in 0..height {
        for x in 0..width {
            for c in 0..3 {
                let value = (31 * x + 17 * y + 59 * c + 7 * x * y + (x * x * c) % 23) % 256;
                values.push((low + value * (high - low) / 255) as u8);
            }
        }
    }
    Image::new(width, height, values).expect("a picture")
}

/// The cases of one kind in `tests/golden/pillow.json`.
pub(crate) fn golden(kind: &str) -> Vec<Value> {
    let all: Value = serde_json::from_str(include_str!("../tests/golden/pillow.json")).expect("JSON");
    let cases = all[kind].as_array().expect("cases").clone();
    assert!(!cases.is_empty());
    cases
}

/// The bytes of a field of a case.
pub(crate) fn bytes(case: &Value, field: &str) -> Vec<u8> {
    STANDARD.decode(case[field].as_str().expect("a text")).expect("base64")
}

/// A whole number of a case.
pub(crate) fn int(case: &Value, field: &str) -> usize {
    case[field].as_u64().expect("a number") as usize
}

/// The greatest difference of two values at one place.
pub(crate) fn farthest(a: &[u8], b: &[u8]) -> u8 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| a.abs_diff(*b)).max().unwrap_or(0)
}
