//! From the bytes of an image file to a picture.

use std::io::Cursor;
use std::panic::{AssertUnwindSafe, catch_unwind};

use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits};

use crate::Image;

/// Most bytes that decoding one picture may take.
const MAX_DECODED: u64 = 512 << 20;

/// Most pixels along a side. Formats declare up to 2^32 before anything shows that the pixels are there.
const MAX_SIDE: u32 = 1 << 16;

/// The picture in a file: JPEG, PNG, WebP or BMP, told by its first bytes; `Err` says what is wrong with it.
///
/// As Pillow's `convert("RGB")` would have it, so that embeddings agree with those made in Python: grey is put on all
/// three channels, palettes are resolved, alpha is *dropped* and not blended with any background, CMYK is multiplied out.
/// Two differences: the picture is turned as its EXIF orientation says (Pillow leaves that to `exif_transpose`), and of
/// 16 bits the upper 8 are kept whatever the number of channels. The values of a JPEG may differ from those of another
/// decoder by a few levels.
///
/// A JPEG that does not reach its end marker is an error, not a picture with made-up pixels. At most 512 MiB are taken; a
/// panic of a decoder is an error.
pub fn decode(file: &[u8]) -> Result<Image, String> {
    if file.is_empty() {
        return Err("is empty (0 bytes)".into());
    }
    // What the decoder was changing when it panicked is dropped with it.
    catch_unwind(AssertUnwindSafe(|| decode_unguarded(file))).unwrap_or_else(|panic| {
        let said = panic.downcast_ref::<&str>().copied().map(str::to_owned);
        let said = said.or_else(|| panic.downcast_ref::<String>().cloned());
        Err(format!("its decoder gave up: {}", said.unwrap_or_else(|| "no reason given".into())))
    })
}

fn decode_unguarded(file: &[u8]) -> Result<Image, String> {
    let said = |error: image::ImageError| error.to_string();
    let mut reader = ImageReader::new(Cursor::new(file)).with_guessed_format().map_err(|error| error.to_string())?;
    match reader.format() {
        // Its decoder would make up the pixels that are missing.
        Some(ImageFormat::Jpeg) if !jpeg_ends(file) => return Err("is a JPEG that is cut off: no end marker".into()),
        Some(ImageFormat::Jpeg | ImageFormat::Png | ImageFormat::WebP | ImageFormat::Bmp) => {}
        Some(other) => return Err(format!("is {other:?}; JPEG, PNG, WebP and BMP are read")),
        None => return Err("is no JPEG, PNG, WebP or BMP by its first bytes".into()),
    }
    let mut limits = Limits::default();
    limits.max_alloc = Some(MAX_DECODED);
    (limits.max_image_width, limits.max_image_height) = (Some(MAX_SIDE), Some(MAX_SIDE));
    reader.limits(limits);
    let mut decoder = reader.into_decoder().map_err(said)?;
    let (width, height) = decoder.dimensions();
    if decoder.total_bytes() > MAX_DECODED {
        return Err(format!("declares {width} x {height} pixels, more than {} MiB", MAX_DECODED >> 20));
    }
    // A broken EXIF block says nothing about the pixels.
    let orientation = decoder.orientation().unwrap_or(image::metadata::Orientation::NoTransforms);
    let mut picture = DynamicImage::from_decoder(decoder).map_err(said)?;
    picture.apply_orientation(orientation);
    let (width, height) = (picture.width() as usize, picture.height() as usize);
    Image::new(width, height, rgb(picture)).map_err(|error| error.to_string())
}

/// Whether a JPEG reaches its end marker: segments by their lengths, between them coded pixels, in which a marker is
/// known by what follows its first byte. What lies behind the end does not matter.
fn jpeg_ends(file: &[u8]) -> bool {
    const COMPLETE: u8 = 0xD9;
    // Markers without a length: a stuffed 0xFF, TEM, restarts, the start.
    let stands_alone = |marker: u8| matches!(marker, 0x00 | 0x01 | 0xD0..=0xD8);
    let mut rest = file;
    while let Some(at) = rest.iter().position(|byte| *byte == 0xFF) {
        rest = &rest[at + 1..];
        match rest {
            [COMPLETE, ..] => return true,
            // 0xFF may be repeated before a marker.
            [0xFF, ..] => {}
            [marker, ..] if stands_alone(*marker) => rest = &rest[1..],
            [_, high, low, ..] => {
                let end = 1 + usize::from(u16::from_be_bytes([*high, *low]));
                let Some(behind) = rest.get(end..) else { return false };
                rest = behind;
            }
            _ => return false,
        }
    }
    false
}

fn rgb(picture: DynamicImage) -> Vec<u8> {
    let upper = |value: u16| (value >> 8) as u8;
    match picture {
        DynamicImage::ImageRgb8(picture) => picture.into_raw(),
        DynamicImage::ImageLuma8(picture) => picture.as_raw().iter().flat_map(|v| [*v; 3]).collect(),
        DynamicImage::ImageLumaA8(picture) => picture.pixels().flat_map(|p| [p.0[0]; 3]).collect(),
        DynamicImage::ImageRgba8(picture) => picture.pixels().flat_map(|p| [p.0[0], p.0[1], p.0[2]]).collect(),
        DynamicImage::ImageLuma16(picture) => picture.as_raw().iter().flat_map(|v| [upper(*v); 3]).collect(),
        DynamicImage::ImageLumaA16(picture) => picture.pixels().flat_map(|p| [upper(p.0[0]); 3]).collect(),
        DynamicImage::ImageRgb16(picture) => picture.as_raw().iter().map(|v| upper(*v)).collect(),
        DynamicImage::ImageRgba16(picture) => {
            picture.pixels().flat_map(|p| [upper(p.0[0]), upper(p.0[1]), upper(p.0[2])]).collect()
        }
        other => other.into_rgb8().into_raw(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{bytes, farthest, golden, int};

    #[test]
    fn files_are_read_as_pillow_reads_them() {
        for case in golden("files") {
            let image = decode(&bytes(&case, "file")).unwrap_or_else(|why| panic!("{}: {why}", case["name"]));
            assert_eq!(
                (image.width(), image.height()),
                (int(&case, "width"), int(&case, "height")),
                "{}",
                case["name"]
            );
            let off = farthest(image.pixels(), &bytes(&case, "pixels"));
            assert!(usize::from(off) <= int(&case, "tolerance"), "{}: off by {off}", case["name"]);
        }
    }

    fn file(name: &str) -> Vec<u8> {
        let case = golden("files").into_iter().find(|case| case["name"] == name).expect("a case");
        bytes(&case, "file")
    }

    #[test]
    fn what_is_no_picture_is_told() {
        assert_eq!(decode(b""), Err("is empty (0 bytes)".into()));
        assert!(decode(b"a text with the name of a picture").is_err_and(|why| why.contains("by its first bytes")));
        assert!(decode(b"GIF89a..........").is_err_and(|why| why.contains("Gif")));
    }

    #[test]
    fn cut_off_files_are_broken_and_never_a_panic() {
        for name in ["rgb.png", "smooth.jpg", "progressive.jpg", "lossless.webp", "rgb.bmp"] {
            let whole = file(name);
            for len in 0..whole.len() {
                // A PNG without the chunk that ends it has all its pixels.
                let spared = if name == "rgb.png" { 12 } else { 0 };
                let why = decode(&whole[..len]).err();
                assert!(why.is_some() || len >= whole.len() - spared, "{name} cut to {len} of {}", whole.len());
            }
        }
    }

    #[test]
    fn bytes_gone_wrong_are_no_panic() {
        for name in ["rgb.png", "palette.png", "smooth.jpg", "cmyk.jpg", "orientation 6.jpg", "lossy.webp", "rgb.bmp"] {
            let whole = file(name);
            for at in 0..whole.len() {
                let mut bent = whole.clone();
                bent[at] ^= 0x55;
                if let Ok(image) = decode(&bent) {
                    assert!(!image.pixels().is_empty());
                }
            }
        }
    }

    #[test]
    fn declared_sizes_are_not_believed() {
        let mut bomb = file("rgb.png");
        // Width and height of the first chunk, and its checksum.
        bomb[16..20].copy_from_slice(&60_000u32.to_be_bytes());
        bomb[20..24].copy_from_slice(&60_000u32.to_be_bytes());
        let crc = {
            let mut crc = !0u32;
            for byte in &bomb[12..29] {
                crc ^= u32::from(*byte);
                (0..8).for_each(|_| crc = if crc & 1 == 1 { (crc >> 1) ^ 0xEDB8_8320 } else { crc >> 1 });
            }
            !crc
        };
        bomb[29..33].copy_from_slice(&crc.to_be_bytes());
        let why = decode(&bomb).expect_err("a bomb");
        assert!(why.contains("60000 x 60000") || why.to_lowercase().contains("limit"), "{why}");
    }
}
