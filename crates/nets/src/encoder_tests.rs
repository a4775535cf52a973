use subsel::{Context, Settings, Stream};
use subsel_images::{Encoder, Normalize, encode_all};

use super::*;

fn bytes(n: usize) -> Vec<u8> {
    let stream = Stream::new(1, "bytes");
    (0..n).map(|i| stream.bits(i as u64) as u8).collect()
}

fn untrained(name: &str, side: usize, seed: u64) -> NetEncoder {
    NetEncoder::untrained(name, side, Normalize::CIFAR10, seed, Device::Cpu).expect("an encoder")
}

#[test]
fn features_are_the_same_for_any_batch_and_any_number_of_threads() {
    let encoder = untrained("random-resnet18-imagenet", 16, 0);
    let (n, each) = (37, 3 * 16 * 16);
    let pictures = bytes(n * each);
    let dim = encoder.dim();
    let mut all = vec![0.0; n * dim];
    encoder.encode(&pictures, &mut all).expect("features");
    for (pictures, want) in pictures.chunks(5 * each).zip(all.chunks(5 * dim)) {
        let mut some = vec![0.0; want.len()];
        encoder.encode(pictures, &mut some).expect("features");
        assert!(some == want);
    }
    let rows: Vec<usize> = (0..n).rev().collect();
    for threads in [1, 2, 3] {
        let ctx = Context::new(&Settings { threads: Some(threads), ..Settings::default() }).expect("a context");
        let mut out = vec![0.0; n * dim];
        encode_all(&encoder, &rows, |row| &pictures[row * each..][..each], &mut out, &ctx).expect("features");
        for (row, out) in rows.iter().zip(out.chunks_exact(dim)) {
            assert!(out == &all[row * dim..][..dim], "{threads} threads");
        }
    }
}

#[test]
fn untrained_networks_scale_as_their_pictures() {
    for name in ["random-resnet18", "random-resnet18-imagenet"] {
        let encoder = untrained(name, 16, 3);
        let stream = Stream::new(2, "picture");
        let picture: Vec<f32> = (0..3 * 256).map(|i| stream.unit(i) as f32 - 0.5).collect();
        let one = encoder.run.features(16, picture.clone());
        let half = encoder.run.features(16, picture.iter().map(|v| 0.5 * v).collect());
        let odd = encoder.run.features(16, picture.iter().map(|v| 3.7 * v).collect());
        assert!(one.iter().any(|v| *v > 0.0) && one.iter().all(|v| *v >= 0.0));
        for ((one, half), odd) in one.iter().zip(&half).zip(&odd) {
            // A power of two costs no rounding at all.
            assert_eq!(0.5 * one, *half, "{name}");
            assert!((3.7 * one - odd).abs() <= 1e-4 * odd.abs() + 1e-6, "{name}: {one} and {odd}");
        }
    }
}

#[test]
fn fingerprints_tell_what_decides_the_values() {
    let prints = [
        untrained("random-resnet18", 16, 0).fingerprint(),
        untrained("random-resnet18", 16, 1).fingerprint(),
        untrained("random-resnet18", 8, 0).fingerprint(),
        untrained("random-resnet18-imagenet", 16, 0).fingerprint(),
        NetEncoder::untrained("random-resnet18", 16, Normalize::UNIT, 0, Device::Cpu).expect("one").fingerprint(),
    ];
    for (i, one) in prints.iter().enumerate() {
        assert!(prints[..i].iter().all(|other| other != one), "{i}");
    }
    assert_eq!(untrained("random-resnet18", 16, 0).fingerprint(), prints[0]);
}

#[test]
fn unknown_untrained_networks_are_refused_with_the_names_there_are() {
    let error =
        NetEncoder::untrained("random-resnet50", 32, Normalize::UNIT, 0, Device::Cpu).expect_err("no such network");
    assert_eq!(error.to_string(), "there is no untrained network `random-resnet50`");
    assert!(error.hint().expect("names").contains("random-resnet18-imagenet"));
}
