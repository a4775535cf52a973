//! Pictures small enough for a page.

use std::io::Cursor;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use image::codecs::jpeg::JpegEncoder;
use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits};

/// Pixels along the longer side of a picture on a page.
const SIDE: u32 = 144;

/// A file of at most so many bytes and no more pixels than these is taken as it is.
const AS_IS: usize = 8 << 10;

/// Quality of the pictures that are made smaller.
const QUALITY: u8 = 82;

/// Most bytes that decoding one picture may take.
const DECODED: u64 = 512 << 20;

/// Extensions of pictures that can be shown.
pub const PICTURE_EXTENSIONS: [&str; 3] = ["jpg", "jpeg", "png"];

/// A picture as an address that holds it: JPEG or PNG of at most 144 pixels a side. `Err` says what is wrong with it.
pub fn thumbnail(file: &[u8]) -> Result<String, String> {
    let reader = ImageReader::new(Cursor::new(file)).with_guessed_format().map_err(|error| error.to_string())?;
    let format = reader.format().ok_or("neither JPEG nor PNG")?;
    let mime = match format {
        ImageFormat::Jpeg => "image/jpeg",
        ImageFormat::Png => "image/png",
        _ => return Err("neither JPEG nor PNG".into()),
    };
    let (orientation, image) = decode(reader).map_err(|error| error.to_string())?;
    let is_small = image.width().max(image.height()) <= SIDE;
    // Browsers turn it as its file says.
    if is_small && file.len() <= AS_IS {
        return Ok(address(mime, file));
    }
    let mut image = if is_small { image } else { image.thumbnail(SIDE, SIDE) };
    image.apply_orientation(orientation);
    let mut out = Vec::new();
    image.to_rgb8().write_with_encoder(JpegEncoder::new_with_quality(&mut out, QUALITY)).map_err(|e| e.to_string())?;
    Ok(address("image/jpeg", &out))
}

fn decode(mut reader: ImageReader<Cursor<&[u8]>>) -> image::ImageResult<(image::metadata::Orientation, DynamicImage)> {
    let mut limits = Limits::default();
    limits.max_alloc = Some(DECODED);
    reader.limits(limits);
    let mut decoder = reader.into_decoder()?;
    let orientation = decoder.orientation()?;
    Ok((orientation, DynamicImage::from_decoder(decoder)?))
}

fn address(mime: &str, bytes: &[u8]) -> String {
    format!("data:{mime};base64,{}", STANDARD.encode(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn png(side: u32) -> Vec<u8> {
        let image = image::RgbImage::from_fn(side, side / 2, |x, y| image::Rgb([x as u8, y as u8, (x * y) as u8]));
        let mut out = Vec::new();
        image.write_to(&mut Cursor::new(&mut out), ImageFormat::Png).unwrap_or_else(|error| panic!("{error}"));
        out
    }

    fn size(address: &str) -> (u32, u32) {
        let (_, text) = address.split_once("base64,").expect("an address");
        let bytes = STANDARD.decode(text).expect("base64");
        let image = image::load_from_memory(&bytes).expect("a picture");
        (image.width(), image.height())
    }

    #[test]
    fn small_pictures_are_taken_as_they_are_and_large_ones_made_smaller() {
        let small = png(16);
        assert_eq!(thumbnail(&small), Ok(address("image/png", &small)));
        let large = thumbnail(&png(900)).expect("a picture");
        assert!(large.starts_with("data:image/jpeg;base64,"));
        assert_eq!(size(&large), (144, 72));
    }

    #[test]
    fn what_is_no_picture_is_said_to_be_none() {
        assert_eq!(thumbnail(b"GIF89a......"), Err("neither JPEG nor PNG".into()));
        assert!(thumbnail(b"").is_err());
        let broken = png(300);
        assert!(thumbnail(&broken[..broken.len() / 2]).is_err());
    }
}
