//! What tests share: pictures, files of them, contexts.
#![allow(dead_code, reason = "each test file uses some of it")]

use std::io::Cursor;
use std::path::{Path, PathBuf};

use subsel::{Context, Settings};
use subsel_images::{Image, ImageSet, SetOptions};

/// A picture that differs from that of another number.
pub(crate) fn picture(width: usize, height: usize, number: usize) -> Image {
    let value = |at: usize| ((at * 37 + (at / 3) * 11 + number * 53) % 251) as u8;
    Image::new(width, height, (0..3 * width * height).map(value).collect()).expect("a picture")
}

fn encoded(image: &Image, format: image::ImageFormat) -> Vec<u8> {
    let (width, height) = (image.width() as u32, image.height() as u32);
    let raw = image::RgbImage::from_raw(width, height, image.pixels().to_vec()).expect("a picture");
    let mut out = Vec::new();
    raw.write_to(&mut Cursor::new(&mut out), format).expect("encoded");
    out
}

pub(crate) fn png(image: &Image) -> Vec<u8> {
    encoded(image, image::ImageFormat::Png)
}

pub(crate) fn jpeg(image: &Image) -> Vec<u8> {
    encoded(image, image::ImageFormat::Jpeg)
}

/// A file without its last bytes.
pub(crate) fn cut(mut file: Vec<u8>, missing: usize) -> Vec<u8> {
    file.truncate(file.len() - missing);
    file
}

/// Writes a file and the directories it lies in.
pub(crate) fn write(dir: &Path, name: &str, content: &[u8]) -> PathBuf {
    let path = dir.join(name);
    std::fs::create_dir_all(path.parent().expect("a directory")).expect("directories");
    std::fs::write(&path, content).expect("written");
    path
}

pub(crate) fn context(threads: usize) -> Context {
    Context::new(&Settings { threads: Some(threads), ..Settings::default() }).expect("a context")
}

/// Opens a set with the defaults.
pub(crate) fn set(paths: &[PathBuf]) -> ImageSet {
    ImageSet::open(paths, &SetOptions::default()).unwrap_or_else(|error| panic!("{error}"))
}
