use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

use subsel::Settings;
use subsel_formats::{Dtype, OpenOptions, Values, open};

use super::*;
use crate::{Fit, ImageSet, OnBroken, SetOptions};

/// The mean of each channel; fails, or asks to stop, after so many pictures.
#[derive(Debug)]
struct Means {
    left: AtomicUsize,
    fingerprint: u64,
}

impl Means {
    fn new(left: usize) -> Self {
        Means { left: AtomicUsize::new(left), fingerprint: 7 }
    }
}

impl Encoder for Means {
    fn name(&self) -> &str {
        "means"
    }

    fn dim(&self) -> usize {
        3
    }

    fn fit(&self) -> Fit {
        Fit::to(64)
    }

    fn batch(&self) -> usize {
        2
    }

    fn fingerprint(&self) -> u64 {
        self.fingerprint
    }

    fn encode(&self, pixels: &[u8], out: &mut [f32]) -> Result<(), Error> {
        for (picture, out) in pixels.chunks(3 * 64 * 64).zip(out.chunks_mut(3)) {
            if self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_err() {
                return Err(Error::Encoder { encoder: "means".into(), detail: "has had enough".into() });
            }
            for (channel, out) in out.iter_mut().enumerate() {
                let sum: u64 = picture.iter().skip(channel).step_by(3).map(|value| u64::from(*value)).sum();
                *out = sum as f32 / 4096.0;
            }
        }
        Ok(())
    }
}

/// A directory of flat pictures, the last of which cannot be read.
fn pictures(n: usize) -> tempfile::TempDir {
    let dir = tempfile::tempdir().expect("a directory");
    for i in 0..n {
        let path = dir.path().join(format!("{i:04}.png"));
        let shade = [i as u8, (2 * i) as u8, 9];
        image::RgbImage::from_pixel(3, 4, image::Rgb(shade)).save(&path).expect("written");
        if i + 1 == n {
            let bytes = std::fs::read(&path).expect("there");
            std::fs::write(&path, &bytes[..bytes.len() / 2]).expect("written");
        }
    }
    dir
}

fn set(dir: &tempfile::TempDir) -> ImageSet {
    ImageSet::open(&[dir.path().to_owned()], &SetOptions::default()).unwrap_or_else(|error| panic!("{error}"))
}

fn context() -> Context {
    Context::new(&Settings { threads: Some(2), ..Settings::default() }).unwrap_or_else(|error| panic!("{error}"))
}

fn rows(path: &PathBuf) -> Vec<f32> {
    let opened = open(std::slice::from_ref(path), &OpenOptions::default()).unwrap_or_else(|error| panic!("{error}"));
    let mut scratch = subsel_formats::Block::default();
    let n = opened.source.n_rows();
    match opened.source.rows(0..n, &mut scratch).unwrap_or_else(|error| panic!("{error}")).values() {
        Values::F32(values) => values.to_vec(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn goes_on_where_it_was_stopped_and_gives_the_same() {
    let (dir, ctx) = (pictures(11), context());
    let (set, out) = (set(&dir), dir.path().join("rows.npy"));
    let job = |encoder| Job {
        set: &set,
        fingerprint: 1,
        encoder,
        on_broken: OnBroken::Skip,
        dtype: Dtype::F32,
        block: Some(4),
    };
    let tired = Means::new(6);
    let stopped = job(&tired).run(&out, false, &ctx);
    assert!(matches!(stopped, Err(Error::Encoder { .. })), "{stopped:?}");
    assert!(!out.exists() && Job::partial(&out).exists());
    // As if the machine had stopped in the middle of a block.
    let partial = Job::partial(&out);
    let mut bytes = std::fs::read(&partial).expect("there");
    bytes.extend([1, 2, 3, 4, 5, 6, 7, 8, 9]);
    std::fs::write(&partial, bytes).expect("written");

    let fresh = Means::new(6);
    let found = job(&fresh).run(&out, false, &ctx).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!((found.rows, found.dim, found.continued_from), (10, 3, 4));
    assert_eq!(found.skipped.len(), 1);
    assert_eq!((found.skipped[0].row, found.skipped[0].name.ends_with("0010.png")), (10, true), "{found:?}");
    assert!(!partial.exists());
    let expected: Vec<f32> = (0..10).flat_map(|i| [i as f32, 2.0 * i as f32, 9.0]).collect();
    assert_eq!(rows(&out), expected);
    assert!(matches!(job(&fresh).run(&out, false, &ctx), Err(Error::Format(subsel_formats::Error::Exists { .. }))));
}

#[test]
fn rows_of_another_encoder_are_not_continued() {
    let (dir, ctx) = (pictures(7), context());
    let (set, out) = (set(&dir), dir.path().join("rows.npy"));
    let job = |encoder| Job {
        set: &set,
        fingerprint: 1,
        encoder,
        on_broken: OnBroken::Skip,
        dtype: Dtype::F16,
        block: Some(2),
    };
    let tired = Means::new(4);
    assert!(job(&tired).run(&out, false, &ctx).is_err());
    let other = Means { fingerprint: 8, ..Means::new(100) };
    let found = job(&other).run(&out, false, &ctx).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!((found.rows, found.continued_from), (6, 0));
}

#[test]
fn a_picture_that_cannot_be_read_is_named_or_left_out() {
    let (dir, ctx) = (pictures(3), context());
    let (set, out) = (set(&dir), dir.path().join("rows.npy"));
    let means = Means::new(100);
    let job =
        Job { set: &set, fingerprint: 1, encoder: &means, on_broken: OnBroken::Stop, dtype: Dtype::F32, block: None };
    match job.run(&out, false, &ctx) {
        Err(Error::Broken(broken)) => assert!(broken.row == 2 && broken.name.ends_with("0002.png"), "{broken:?}"),
        other => panic!("{other:?}"),
    }
    assert!(!out.exists());
    let only = pictures(1);
    let set = ImageSet::open(&[only.path().to_owned()], &SetOptions::default()).unwrap_or_else(|e| panic!("{e}"));
    let job = Job { set: &set, on_broken: OnBroken::Skip, ..job };
    assert!(matches!(job.run(&only.path().join("rows.npy"), false, &ctx), Err(Error::Broken(_))), "nothing is left");
}
