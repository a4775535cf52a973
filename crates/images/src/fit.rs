//! Pictures of any size become squares of one.

use crate::resample::{Resampler, Source};
use crate::{Fit, Image};

/// The pixels `(side, side, 3)` that `fit` makes of a picture: the shorter side is scaled to `resize`, the longer one in
/// proportion (rounded down), and the middle is cut out, as torchvision's `Resize` and `CenterCrop` do with Pillow. A
/// picture that is `side` x `side` already, at `resize == side`, is left as it is. Only what is cut out is computed, so that
/// a sliver of a picture costs no more than others.
///
/// # Panics
/// If `side` is 0 or more than `resize`.
pub fn fit(image: &Image, fit: Fit) -> Vec<u8> {
    assert!(0 < fit.side && fit.side <= fit.resize, "{fit:?} cuts a square of a smaller one");
    let (width, height) = (image.width(), image.height());
    if (width, height) == (fit.side, fit.side) && fit.resize == fit.side {
        return image.pixels().to_vec();
    }
    let shorter = width.min(height);
    // Sides are at most 2^32 here and there.
    let scaled = |side: usize| (fit.resize as u128 * side as u128 / shorter as u128) as usize;
    let (new_width, new_height) = (scaled(width), scaled(height));
    let window = |len: usize| {
        let first = middle(len - fit.side);
        first..first + fit.side
    };
    let mut out = vec![0; 3 * fit.side * fit.side];
    let source = Source { pixels: image.pixels(), stride: width, corner: (0, 0), size: (width, height) };
    let windows = (window(new_width), window(new_height));
    Resampler::default().window(source, (new_width, new_height), windows, fit.filter, &mut out);
    out
}

/// Half of it; of two numbers as near, the even one, as Python rounds.
fn middle(rest: usize) -> usize {
    let half = rest / 2;
    if rest % 2 == 1 && half % 2 == 1 { half + 1 } else { half }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Filter;
    use crate::testing::{bytes, farthest, golden, int, picture};

    #[test]
    fn squares_are_those_of_pillow() {
        for case in golden("resizes") {
            let filter = if case["filter"] == "bicubic" { Filter::Bicubic } else { Filter::Bilinear };
            let image = picture(int(&case, "width"), int(&case, "height"), 0, 255);
            let asked = Fit { side: int(&case, "side"), resize: int(&case, "resize"), filter };
            let (got, wanted) = (fit(&image, asked), bytes(&case, "pixels"));
            assert_eq!(got, wanted, "{} x {}, {asked:?}", image.width(), image.height());
        }
    }

    #[test]
    fn a_square_of_the_right_side_is_left_as_it_is() {
        let image = picture(9, 9, 0, 255);
        assert_eq!(fit(&image, Fit::to(9)), image.pixels());
        // And through the filters too, whose weights beside the middle are 0 there.
        let cut = fit(&picture(11, 9, 0, 255), Fit { filter: Filter::Bicubic, ..Fit::to(9) });
        let expected: Vec<u8> =
            (0..9).flat_map(|y| (1..10).flat_map(move |x| picture(11, 9, 0, 255).at(x, y))).collect();
        assert_eq!(cut, expected);
    }

    #[test]
    fn a_mean_of_four_is_a_mean_of_four() {
        // 2 x 2 to 1: the triangle reaches 2 pixels far, so that all four weigh a quarter.
        let image = Image::new(2, 2, [[10u8; 3], [20; 3], [30; 3], [40; 3]].concat()).expect("a picture");
        assert_eq!(fit(&image, Fit::to(1)), [25; 3]);
    }

    #[test]
    fn slivers_cost_no_more_than_others() {
        let image = picture(1, 5000, 0, 255);
        let got = fit(&image, Fit::to(224));
        // Of 1,120,000 rows the middle 224: they lead from the middle of pixel 2499 to that of pixel 2500.
        assert!(farthest(&got[..3], &image.at(0, 2499)) <= 1);
        assert!(farthest(&got[got.len() - 3..], &image.at(0, 2500)) <= 1);
        assert_eq!(fit(&picture(5000, 1, 0, 255), Fit::to(3)).len(), 27);
    }

    #[test]
    fn middles_are_rounded_as_python_rounds() {
        assert_eq!([0, 1, 2, 3, 4, 5, 7].map(middle), [0, 0, 1, 2, 2, 2, 4]);
    }
}
