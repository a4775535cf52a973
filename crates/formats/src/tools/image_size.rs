//! How large a picture is, from the header of its file.

use std::path::Path;

use crate::Error;
use crate::file::DataFile;

/// Width and height of a PNG or JPEG file as it is shown: turned as its Exif orientation says, which is how labeling tools
/// count. Nothing is decoded.
///
/// # Errors
/// [`Error::Unsupported`] for files of other formats; [`Error::Damaged`]; [`Error::Io`].
pub fn image_size(path: &Path) -> Result<(u32, u32), Error> {
    let file = DataFile::open(path)?;
    let head = file.head(24)?;
    match head.as_slice() {
        [0xff, 0xd8, ..] => jpeg(&file),
        [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', _, _, _, _, b'I', b'H', b'D', b'R', size @ ..] => {
            let number =
                |at: usize| size.get(at..at + 4).and_then(|bytes| bytes.try_into().ok()).map(u32::from_be_bytes);
            match (number(0), number(4)) {
                (Some(width @ 1..), Some(height @ 1..)) => Ok((width, height)),
                _ => Err(Error::damaged(path, "is a PNG image without a width and height")),
            }
        }
        _ => Err(Error::unsupported(path, "no PNG or JPEG image", "the size of other images has to be given")),
    }
}

/// Segments follow each other until the one that tells the size; Exif comes before it.
fn jpeg(file: &DataFile) -> Result<(u32, u32), Error> {
    let broken = || Error::damaged(file.path(), "is a JPEG image that breaks off or has no size");
    let bytes = |at: u64, len: u64| {
        file.read_vec(at, len).map_err(|e| match e {
            Error::Damaged { .. } => broken(),
            other => other,
        })
    };
    let mut turned = false;
    let mut at = 2;
    loop {
        let head = bytes(at, 4)?;
        let len = u64::from(u16::from_be_bytes([head[2], head[3]]));
        match (head[0], head[1]) {
            // Markers may be preceded by any number of these bytes.
            (0xff, 0xff) => at += 1,
            // Markers that stand alone.
            (0xff, 0x01 | 0xd0..=0xd7) => at += 2,
            (0xff, 0xc4 | 0xc8 | 0xcc) => at += 2 + len.max(2),
            (0xff, 0xc0..=0xcf) => {
                let size = bytes(at + 4, 5)?;
                let [height, width] = [1, 3].map(|i| u32::from(u16::from_be_bytes([size[i], size[i + 1]])));
                return match (width, height) {
                    (0, _) | (_, 0) => Err(broken()),
                    _ if turned => Ok((height, width)),
                    _ => Ok((width, height)),
                };
            }
            (0xff, 0xe1) => {
                turned |= orientation(&bytes(at + 4, len.max(2) - 2)?).is_some_and(|value| value > 4);
                at += 2 + len.max(2);
            }
            // The picture itself, or its end.
            (0xff, 0xd9 | 0xda) => return Err(broken()),
            (0xff, _) => at += 2 + len.max(2),
            _ => return Err(broken()),
        }
    }
}

/// Exif's orientation, 1 to 8; from 5 on width and height change places.
fn orientation(segment: &[u8]) -> Option<u16> {
    let tiff = segment.strip_prefix(b"Exif\0\0")?;
    let little = match tiff.get(..2)? {
        b"II" => true,
        b"MM" => false,
        _ => return None,
    };
    let short = |at: usize| {
        let bytes: [u8; 2] = tiff.get(at..at.checked_add(2)?)?.try_into().ok()?;
        Some(if little { u16::from_le_bytes(bytes) } else { u16::from_be_bytes(bytes) })
    };
    let long = |at: usize| {
        let bytes: [u8; 4] = tiff.get(at..at.checked_add(4)?)?.try_into().ok()?;
        Some(if little { u32::from_le_bytes(bytes) } else { u32::from_be_bytes(bytes) })
    };
    let directory = usize::try_from(long(4)?).ok()?;
    let entries = usize::from(short(directory)?);
    let entry = |i: usize| directory.checked_add(2 + 12 * i);
    let found = (0..entries).map_while(entry).find(|at| short(*at) == Some(0x0112))?;
    short(found.checked_add(8)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn size_of(bytes: &[u8]) -> Result<(u32, u32), Error> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), bytes).unwrap();
        image_size(file.path())
    }

    fn png(width: u32, height: u32) -> Vec<u8> {
        let mut bytes = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR".to_vec();
        bytes.extend([width.to_be_bytes(), height.to_be_bytes()].concat());
        bytes.extend(b"\x08\x02\0\0\0");
        bytes
    }

    /// A JPEG of 6 by 4 pixels up to its size, with an Exif orientation.
    fn jpeg(orientation: u8, little: bool) -> Vec<u8> {
        let mut tiff = match little {
            true => b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0".to_vec(),
            false => b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01".to_vec(),
        };
        tiff.extend(if little { [orientation, 0, 0, 0] } else { [0, orientation, 0, 0] });
        tiff.extend([0; 4]);
        let exif = [b"Exif\0\0".as_slice(), &tiff].concat();
        let mut bytes = b"\xff\xd8\xff\xe0\0\x10JFIF\0\x01\x01\0\0\x01\0\x01\0\0\xff\xe1".to_vec();
        bytes.extend((exif.len() as u16 + 2).to_be_bytes());
        bytes.extend(exif);
        bytes.extend(b"\xff\xc4\0\x03\0\xff\xff\xc2\0\x11\x08\0\x04\0\x06\x03\x01\x22\0\x02\x11\x01\x03\x11\x01");
        bytes
    }

    #[test]
    fn sizes_are_those_of_the_picture_as_it_is_shown() {
        assert_eq!(size_of(&png(640, 480)).unwrap(), (640, 480));
        for little in [true, false] {
            assert_eq!(size_of(&jpeg(1, little)).unwrap(), (6, 4));
            assert_eq!(size_of(&jpeg(3, little)).unwrap(), (6, 4));
            assert_eq!(size_of(&jpeg(6, little)).unwrap(), (4, 6));
        }
    }

    #[test]
    fn headers_that_break_off_are_refused() {
        for whole in [png(3, 2), jpeg(6, true)] {
            for len in 0..24.min(whole.len()) {
                assert!(size_of(&whole[..len]).is_err(), "{len}");
            }
        }
        let whole = jpeg(6, true);
        for len in 0..whole.len() - 10 {
            assert!(size_of(&whole[..len]).is_err(), "{len}");
        }
        assert!(size_of(&png(0, 2)).is_err());
        assert!(matches!(size_of(b"GIF89a"), Err(Error::Unsupported { .. })));
    }

    #[test]
    fn no_flipped_byte_crashes() {
        for whole in [png(3, 2), jpeg(6, true), jpeg(8, false)] {
            for place in 0..whole.len() {
                for flip in [0x01, 0x80, 0xff] {
                    let mut bytes = whole.clone();
                    bytes[place] ^= flip;
                    let _ = size_of(&bytes);
                }
            }
        }
    }
}
