use serde_json::Value;
use subsel::{Draws, Stream};

use super::geometry::Affine;
use super::ops::Op;
use super::*;
use crate::testing::{bytes, farthest, golden, int, picture};

fn op(name: &str) -> Option<Op> {
    Op::ALL.into_iter().find(|op| {
        let spelled: String = format!("{op:?}")
            .chars()
            .flat_map(|c| match c.is_uppercase() {
                true => vec!['-', c.to_ascii_lowercase()],
                false => vec![c],
            })
            .collect();
        spelled.trim_start_matches('-') == name
    })
}

#[test]
fn operations_are_those_of_pillow() {
    let mut seen = Vec::new();
    for case in golden("ops") {
        let (side, value) = (int(&case, "side"), case["value"].as_f64().expect("a number"));
        let name = case["op"].as_str().expect("a name");
        let (mut now, mut next) = (picture(side, side, 30, 190).pixels().to_vec(), Vec::new());
        match op(name) {
            Some(op) => op.apply(value, side, &mut now, &mut next),
            None => color::to_grey(&mut now),
        }
        assert_eq!(farthest(&now, &bytes(&case, "pixels")), 0, "{name} at {value}, side {side}");
        seen.push(name.to_owned());
    }
    seen.dedup();
    // All but the identity, and grey.
    assert_eq!(seen.len(), Op::ALL.len());
}

#[test]
fn resized_crops_are_those_of_pillow() {
    for case in golden("crops") {
        let side = int(&case, "side");
        let edges: Vec<usize> =
            case["box"].as_array().expect("edges").iter().filter_map(Value::as_u64).map(|v| v as usize).collect();
        let part = crop::Part { corner: (edges[0], edges[1]), size: (edges[2] - edges[0], edges[3] - edges[1]) };
        let mut out = Vec::new();
        crop::resized(picture(side, side, 0, 255).pixels(), &mut out, side, part, &mut Resampler::default());
        assert_eq!(out, bytes(&case, "pixels"), "{part:?} of {side}");
    }
}

/// The definition in `f64`.
fn turned(pixel: [u8; 3], turn: f64) -> [f64; 3] {
    let [r, g, b] = pixel.map(|v| f64::from(v) / 255.0);
    let (most, least) = (r.max(g).max(b), r.min(g).min(b));
    let (value, spread) = (most, most - least);
    let saturation = if most > 0.0 { spread / most } else { 0.0 };
    let hue = match () {
        () if spread == 0.0 => 0.0,
        () if most == r => ((g - b) / spread).rem_euclid(6.0),
        () if most == g => 2.0 + (b - r) / spread,
        () => 4.0 + (r - g) / spread,
    };
    let hue = (hue / 6.0 + turn).rem_euclid(1.0) * 6.0;
    let (sector, part) = (hue.floor(), hue - hue.floor());
    let (p, q) = (value * (1.0 - saturation), value * (1.0 - saturation * part));
    let t = value * (1.0 - saturation * (1.0 - part));
    let rgb = match sector as u32 % 6 {
        0 => [value, t, p],
        1 => [q, value, p],
        2 => [p, value, t],
        3 => [p, q, value],
        4 => [t, p, value],
        _ => [value, p, q],
    };
    rgb.map(|v| v * 255.0)
}

#[test]
fn hues_turn_as_defined() {
    for turn in [-0.5, -0.1, 0.0, 0.03, 0.25, 0.5] {
        let image = picture(40, 40, 0, 255);
        let mut pixels = image.pixels().to_vec();
        hue::turn(&mut pixels, turn as f32);
        for (got, from) in pixels.as_chunks::<3>().0.iter().zip(image.pixels().as_chunks::<3>().0) {
            let wanted = turned(*from, turn);
            let off = (0..3).map(|i| (f64::from(got[i]) - wanted[i]).abs()).fold(0.0, f64::max);
            assert!(off <= 0.501, "{from:?} by {turn}: {got:?}, not {wanted:?}");
        }
    }
    // A third of the circle: red becomes green.
    let mut pixels = vec![255, 0, 0, 0, 0, 200, 7, 7, 7];
    hue::turn(&mut pixels, 1.0 / 3.0);
    assert_eq!(pixels, [0, 255, 0, 200, 0, 0, 7, 7, 7]);
}

#[test]
fn hues_are_near_those_of_pillow() {
    for case in golden("hues") {
        let mut pixels = picture(13, 13, 0, 255).pixels().to_vec();
        hue::turn(&mut pixels, case["turn"].as_f64().expect("a number") as f32);
        let expected = bytes(&case, "pixels");
        let mean =
            pixels.iter().zip(&expected).map(|(a, b)| f64::from(a.abs_diff(*b))).sum::<f64>() / pixels.len() as f64;
        // Pillow's hue and saturation have 256 steps: 6 levels of a fully saturated color, and a few more.
        let most = farthest(&pixels, &expected);
        assert!(most <= 10 && mean < 1.5, "{most}, {mean} in the mean");
    }
}

/// A picture whose red is the number of the pixel, from 1.
fn numbered(side: usize) -> Vec<u8> {
    (1..=side * side).flat_map(|at| [at as u8, 0, 0]).collect()
}

fn reds(pixels: &[u8]) -> Vec<u8> {
    pixels.iter().step_by(3).copied().collect()
}

#[test]
fn crops_show_what_padding_puts_there() {
    let from = numbered(3);
    let cut = |corner, pad, padding| {
        let mut out = Vec::new();
        crop::padded(&from, &mut out, 3, corner, pad, padding);
        reds(&out)
    };
    assert_eq!(cut((1, 1), 1, Padding::Zero), [1, 2, 3, 4, 5, 6, 7, 8, 9]);
    assert_eq!(cut((0, 0), 1, Padding::Zero), [0, 0, 0, 0, 1, 2, 0, 4, 5]);
    assert_eq!(cut((2, 1), 1, Padding::Zero), [2, 3, 0, 5, 6, 0, 8, 9, 0]);
    // 3 2 1 2 3 2 1 in each direction.
    assert_eq!(cut((0, 0), 2, Padding::Reflect), [9, 8, 7, 6, 5, 4, 3, 2, 1]);
    assert_eq!(cut((4, 2), 2, Padding::Reflect), [3, 2, 1, 6, 5, 4, 9, 8, 7]);
    assert_eq!(cut((6, 0), 3, Padding::Zero), [0; 9]);
}

#[test]
fn crops_agree_with_a_padded_picture_cut() {
    let side = 7;
    let image = picture(side, side, 0, 255);
    for (padding, pad) in [(Padding::Zero, 2), (Padding::Reflect, 2), (Padding::Reflect, 6)] {
        for (left, top) in (0..=2 * pad).flat_map(|left| (0..=2 * pad).map(move |top| (left, top))) {
            let mut out = Vec::new();
            crop::padded(image.pixels(), &mut out, side, (left, top), pad, padding);
            let mirrored = |at: isize| {
                let last = side as isize - 1;
                let at = at.abs();
                (if at > last { 2 * last - at } else { at }) as usize
            };
            for (x, y) in (0..side).flat_map(|x| (0..side).map(move |y| (x, y))) {
                let (u, v) = ((x + left) as isize - pad as isize, (y + top) as isize - pad as isize);
                let inside = (0..side as isize).contains(&u) && (0..side as isize).contains(&v);
                let wanted = match padding {
                    Padding::Zero if !inside => [0; 3],
                    _ => image.at(mirrored(u), mirrored(v)),
                };
                assert_eq!(out[3 * (y * side + x)..][..3], wanted);
            }
        }
    }
}

#[test]
fn flips_are_their_own_inverse() {
    let mut pixels = numbered(3);
    crop::flip(&mut pixels, 3);
    assert_eq!(reds(&pixels), [3, 2, 1, 6, 5, 4, 9, 8, 7]);
    crop::flip(&mut pixels, 3);
    assert_eq!(pixels, numbered(3));
}

#[test]
fn cutouts_slide_at_one_edge_and_are_cut_at_the_other() {
    let covered = |(x, y), length| {
        let mut pixels = vec![0; 3 * 64];
        crop::cutout(&mut pixels, 8, (x, y), length, [125, 123, 114]);
        let (columns, rows): (Vec<usize>, Vec<usize>) =
            (0..64).filter(|at| pixels[3 * at..][..3] == [125, 123, 114]).map(|at| (at % 8, at / 8)).unzip();
        let span = |of: &[usize]| of.iter().min().copied().zip(of.iter().max().copied());
        span(&columns).zip(span(&rows))
    };
    // Columns 3 - 1.5 to 1 + 3, both included; rows slide to the edge and keep their length.
    assert_eq!(covered((3.0, 0.5), 3.0), Some(((1, 4), (0, 3))));
    // From 6 on only two are left.
    assert_eq!(covered((7.9, 7.5), 3.0), Some(((6, 7), (6, 7))));
    assert_eq!(covered((4.0, 4.0), 0.0), None);
}

#[test]
fn parts_keep_to_scale_and_ratio() {
    let (scale, ratio) = ((0.2, 1.0), (0.75, 4.0 / 3.0));
    let mut draws = Draws::new(Stream::new(1, "parts"));
    let mut areas = 0.0;
    for _ in 0..2000 {
        let crop::Part { corner, size } = crop::draw_part(32, scale, ratio, &mut draws);
        assert!(corner.0 + size.0 <= 32 && corner.1 + size.1 <= 32);
        let (area, shape) = ((size.0 * size.1) as f64 / 1024.0, size.0 as f64 / size.1 as f64);
        // Sides are rounded to whole pixels.
        assert!((0.17..=1.0).contains(&area) && (0.68..=1.47).contains(&shape), "{size:?}");
        areas += area / 2000.0;
    }
    // Uniform from 0.2 to 1, less what does not fit near 1.
    assert!((0.5..0.62).contains(&areas), "{areas}");
    // Nothing of this shape fits: the largest in the middle.
    let wide = crop::draw_part(32, (1.0, 1.0), (2.0, 2.0), &mut draws);
    assert_eq!(wide, crop::Part { corner: (0, 8), size: (32, 16) });
}

#[test]
fn quarter_turns_are_exact() {
    let mut out = Vec::new();
    Affine::rotate(90.0, 3).apply(&numbered(3), &mut out, 3);
    assert_eq!(reds(&out), [3, 6, 9, 2, 5, 8, 1, 4, 7]);
}

#[test]
fn enhancements_are_worked_examples() {
    let mut pixels = vec![10, 20, 30, 200, 100, 0];
    color::brightness(&mut pixels, 0.5);
    assert_eq!(pixels, [5, 10, 15, 100, 50, 0]);
    // Greys 9.74 -> 10 and 65.85... of the pixels: 0.299 * 5 + 0.587 * 10 + 0.114 * 15 = 9.075 and 59.25; mean 34.
    color::contrast(&mut pixels, 0.0);
    assert_eq!(pixels, [34; 6]);
    let mut pixels = vec![100, 0, 0];
    color::saturation(&mut pixels, 0.5);
    // Grey 30: halfway from each value, cut.
    assert_eq!(pixels, [65, 15, 15]);
    let mut pixels = vec![0b1010_1111, 127, 128];
    color::posterize(&mut pixels, 4);
    assert_eq!(pixels, [0b1010_0000, 112, 128]);
    color::solarize(&mut pixels, 128.0);
    assert_eq!(pixels, [0b0101_1111, 112, 127]);
}

#[test]
fn views_depend_on_stream_epoch_row_and_view_alone() {
    let augment = Augment::named("usb-strong", 32).expect("a name");
    let image = picture(32, 32, 0, 255);
    let view = |seed, epoch, row, view, scratch: &mut Scratch| {
        let mut draws = view_draws(Stream::new(seed, "augment"), epoch, row, view);
        augment.apply(image.pixels(), 32, &mut draws, scratch).to_vec()
    };
    let (mut used, mut fresh) = (Scratch::default(), Scratch::default());
    let first = view(1, 2, 3, 0, &mut used);
    assert_eq!(view(1, 2, 3, 1, &mut used).len(), first.len());
    assert_eq!(view(1, 2, 3, 0, &mut used), view(1, 2, 3, 0, &mut fresh));
    for other in [
        view(2, 2, 3, 0, &mut used),
        view(1, 3, 3, 0, &mut used),
        view(1, 2, 4, 0, &mut used),
        view(1, 2, 3, 1, &mut used),
    ] {
        assert_ne!(other, first);
    }
}

#[test]
fn no_steps_change_nothing() {
    let image = picture(5, 5, 0, 255);
    let none = Augment::named("none", 5).expect("a name");
    let mut draws = Draws::new(Stream::new(0, "x"));
    assert_eq!(none.apply(image.pixels(), 5, &mut draws, &mut Scratch::default()), image.pixels());
}

#[test]
fn probabilities_and_operations_come_as_often_as_they_should() {
    // A picture that shows how it was changed: flipped or not, grey or not.
    let image: Vec<u8> = [[200, 0, 0], [0, 0, 0], [200, 0, 0], [0, 0, 0]].concat();
    let augment = Augment { steps: vec![Step::Flip { p: 0.5 }, Step::Grey { p: 0.2 }] };
    let (mut flips, mut greys, mut scratch) = (0, 0, Scratch::default());
    for row in 0..10_000 {
        let mut draws = view_draws(Stream::new(5, "augment"), 0, row, 0);
        let out = augment.apply(&image, 2, &mut draws, &mut scratch);
        flips += u32::from(out[0] == 0);
        greys += u32::from(out[1] == out[0] && out[4] == out[3]);
    }
    // Five standard deviations: 250 and 200.
    assert!((4750..=5250).contains(&flips) && (1800..=2200).contains(&greys), "{flips} {greys}");
}

#[test]
fn every_name_is_an_augmentation_and_plain_data() {
    for name in Augment::NAMES {
        let augment = Augment::named(name, 32).expect("a name");
        augment.check(32).expect("sound");
        let text = serde_json::to_string(&augment).expect("JSON");
        assert_eq!(serde_json::from_str::<Augment>(&text).expect("the same"), augment, "{text}");
    }
    assert_eq!(Augment::named("svp", 64).expect("a name").steps[0], Step::Crop { pad: 8, padding: Padding::Zero });
    let unknown = Augment::named("autoaugment", 32).expect_err("no such name");
    assert!(unknown.hint().is_some_and(|hint| hint.contains("usb-strong")));
    assert!(serde_json::from_str::<Step>(r#"{"step": "flip", "p": 0.5, "q": 1}"#).is_err());
    assert!(serde_json::from_str::<Step>(r#"{"step": "flop"}"#).is_err());
}

#[test]
fn settings_out_of_range_are_named() {
    let wrong = [
        (Step::Flip { p: 1.5 }, "`p` must be from 0 to 1, got 1.5"),
        (Step::Grey { p: f64::NAN }, "got NaN"),
        (Step::Crop { pad: 8, padding: Padding::Reflect }, "less than the side 8"),
        (Step::ResizedCrop { scale: (0.0, 1.0), ratio: (1.0, 1.0) }, "`scale`"),
        (Step::ResizedCrop { scale: (0.5, 1.0), ratio: (2.0, 1.0) }, "`ratio`"),
        (
            Step::Jitter { p: 0.5, brightness: 0.1, contrast: 0.1, saturation: 0.1, hue: 0.6 },
            "`hue` must be from 0 to 0.5",
        ),
        (Step::Cutout { share: -0.1, fill: [0; 3] }, "`share`"),
    ];
    for (step, said) in wrong {
        let error = Augment { steps: vec![step] }.check(8).expect_err("a setting out of range").to_string();
        assert!(error.contains(said), "{error}");
    }
}
