//! The header of an npy file.
//!
//! ```text
//! 0..6    93 'N' 'U' 'M' 'P' 'Y'
//! 6, 7    version: 1.0, 2.0 or 3.0
//! 8..     length of the text: u16 (version 1) or u32 (2 and 3), little endian
//! ..      a Python dictionary literal, padded with spaces, ended by a newline:
//!         {'descr': '<f2', 'fortran_order': False, 'shape': (50000, 512), }
//! ..      the values
//! ```
//! Refused: other versions, a text beyond [`MAX_TEXT`], anything but exactly these three keys.

use std::io::{self, Read};
use std::path::Path;

use crate::Error;

/// The first six bytes.
pub(crate) const MAGIC: &[u8] = b"\x93NUMPY";

/// Longest header text read. NumPy refuses beyond 10,000; the room is for padded ones.
const MAX_TEXT: usize = 1 << 16;

/// Deepest nesting of a literal; a plain array needs 2.
const MAX_DEPTH: usize = 8;

/// What the header says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) descr: Descr,
    /// The type as the file spells it.
    pub(crate) descr_text: String,
    pub(crate) fortran_order: bool,
    pub(crate) shape: Vec<u64>,
    /// Bytes before the values.
    pub(crate) len: u64,
}

/// A type as NumPy spells it, such as `<f2`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Descr {
    pub(crate) big_endian: bool,
    /// `f`, `i`, `u`, `b`, `V`, `c`, `O`, `U`, `S`, `M`, `m`.
    pub(crate) kind: char,
    /// Bytes, or characters for texts.
    pub(crate) size: usize,
}

impl Descr {
    /// Bytes per value, or `None` beyond what this machine can address.
    pub(crate) fn item_bytes(self) -> Option<usize> {
        if self.kind == 'U' { self.size.checked_mul(4) } else { Some(self.size) }
    }
}

impl Header {
    /// Checks that exactly `available` bytes of values follow the header.
    pub(crate) fn check_len(&self, path: &Path, available: u64) -> Result<(), Error> {
        let values = self.shape.iter().try_fold(1u64, |all, len| all.checked_mul(*len));
        let declared = values.zip(self.descr.item_bytes()).and_then(|(values, size)| values.checked_mul(size as u64));
        if declared == Some(available) {
            return Ok(());
        }
        let shape = shape_text(&self.shape);
        Err(Error::damaged(path, format!("the header declares {shape} values, but {available} bytes follow it")))
    }
}

/// A shape as NumPy prints it.
pub(crate) fn shape_text(shape: &[u64]) -> String {
    let axes: Vec<String> = shape.iter().map(u64::to_string).collect();
    format!("({})", axes.join(", "))
}

/// Reads the header from the start of an array.
pub(crate) fn read(path: &Path, from: &mut dyn Read) -> Result<Header, Error> {
    let mut fill = |out: &mut [u8]| {
        from.read_exact(out).map_err(|e| match e.kind() {
            io::ErrorKind::UnexpectedEof => Error::damaged(path, "ends inside the npy header"),
            _ => Error::io("read", path, e),
        })
    };
    let mut fixed = [0; 8];
    fill(&mut fixed)?;
    if &fixed[..6] != MAGIC {
        return Err(Error::damaged(path, "does not begin as an npy array does"));
    }
    let (text_len, before) = match (fixed[6], fixed[7]) {
        (1, 0) => {
            let mut len = [0; 2];
            fill(&mut len)?;
            (usize::from(u16::from_le_bytes(len)), 10)
        }
        (2 | 3, 0) => {
            let mut len = [0; 4];
            fill(&mut len)?;
            (u32::from_le_bytes(len) as usize, 12)
        }
        (major, minor) => {
            let detail = format!("npy version {major}.{minor}, known are 1.0, 2.0 and 3.0");
            return Err(Error::damaged(path, detail));
        }
    };
    if text_len > MAX_TEXT {
        return Err(Error::damaged(path, format!("npy header of {text_len} bytes, at most {MAX_TEXT} are read")));
    }
    let mut text = vec![0; text_len];
    fill(&mut text)?;
    let text = String::from_utf8(text).map_err(|_| Error::damaged(path, "the npy header is not text"))?;
    let literal = Parser { rest: &text }.whole().ok_or_else(|| Error::damaged(path, "the npy header is malformed"))?;
    interpret(path, literal, before + text_len as u64)
}

fn interpret(path: &Path, literal: Literal, len: u64) -> Result<Header, Error> {
    let malformed = |what: &str| Error::damaged(path, format!("the npy header has {what}"));
    let Literal::Dict(entries) = literal else {
        return Err(malformed("no dictionary"));
    };
    let [mut descr, mut order, mut shape] = [None, None, None];
    for (key, value) in entries {
        let slot = match key.as_str() {
            "descr" => &mut descr,
            "fortran_order" => &mut order,
            "shape" => &mut shape,
            _ => return Err(malformed("an unknown key")),
        };
        if slot.replace(value).is_some() {
            return Err(malformed("a key twice"));
        }
    }
    let descr_text = match descr {
        Some(Literal::Text(text)) => text,
        Some(Literal::List(_)) => {
            let hint = "save one field of it: np.save(file, array['field'])";
            return Err(Error::unsupported(path, "a structured array (records with named fields)", hint));
        }
        _ => return Err(malformed("no `descr`")),
    };
    let descr = parse_descr(&descr_text).ok_or_else(|| malformed("an unknown type"))?;
    let Some(Literal::Bool(fortran_order)) = order else {
        return Err(malformed("no `fortran_order`"));
    };
    let Some(Literal::Tuple(axes)) = shape else {
        return Err(malformed("no `shape`"));
    };
    let shape = axes.into_iter().map(|axis| match axis {
        Literal::Int(len) => Some(len),
        _ => None,
    });
    let shape = shape.collect::<Option<_>>().ok_or_else(|| malformed("a `shape` that is not whole numbers"))?;
    Ok(Header { descr, descr_text, fortran_order, shape, len })
}

fn parse_descr(text: &str) -> Option<Descr> {
    let big_endian = match text.chars().next()? {
        '<' | '|' => false,
        '>' => true,
        _ => return None,
    };
    let kind = text[1..].chars().next().filter(char::is_ascii_alphabetic)?;
    let rest = &text[2..];
    let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    let size = if digits == 0 { 0 } else { rest[..digits].parse().ok()? };
    // Dates state their unit after the size: `M8[ns]`.
    let unit = &rest[digits..];
    let plain = unit.is_empty() || matches!(kind, 'M' | 'm') && unit.starts_with('[') && unit.ends_with(']');
    (plain && !unit.contains(['\'', '"'])).then_some(Descr { big_endian, kind, size })
}

/// The few Python literals that headers are made of.
#[derive(Debug, PartialEq)]
enum Literal {
    Text(String),
    Int(u64),
    Bool(bool),
    Tuple(Vec<Literal>),
    List(Vec<Literal>),
    Dict(Vec<(String, Literal)>),
}

struct Parser<'a> {
    rest: &'a str,
}

impl Parser<'_> {
    fn whole(mut self) -> Option<Literal> {
        let value = self.value(MAX_DEPTH)?;
        self.rest.trim().is_empty().then_some(value)
    }

    fn value(&mut self, depth: usize) -> Option<Literal> {
        let depth = depth.checked_sub(1)?;
        match self.peek()? {
            '\'' | '"' => self.text().map(Literal::Text),
            '(' => self.items('(', ')', depth).map(Literal::Tuple),
            '[' => self.items('[', ']', depth).map(Literal::List),
            '{' => self.dict(depth).map(Literal::Dict),
            '0'..='9' => self.int().map(Literal::Int),
            _ => self.bool().map(Literal::Bool),
        }
    }

    fn peek(&mut self) -> Option<char> {
        self.rest = self.rest.trim_start();
        self.rest.chars().next()
    }

    fn eat(&mut self, wanted: char) -> bool {
        let found = self.peek() == Some(wanted);
        if found {
            self.rest = &self.rest[wanted.len_utf8()..];
        }
        found
    }

    fn text(&mut self) -> Option<String> {
        let quote = self.peek()?;
        let inner = &self.rest[1..];
        let end = inner.find(quote)?;
        // Names of plain types need no escapes; guessing at one would be reading another name than was written.
        let text = inner[..end].to_owned();
        self.rest = &inner[end + 1..];
        (!text.contains('\\')).then_some(text)
    }

    fn items(&mut self, open: char, close: char, depth: usize) -> Option<Vec<Literal>> {
        self.eat(open);
        let mut items = Vec::new();
        while !self.eat(close) {
            items.push(self.value(depth)?);
            if !self.eat(',') && self.peek() != Some(close) {
                return None;
            }
        }
        Some(items)
    }

    fn dict(&mut self, depth: usize) -> Option<Vec<(String, Literal)>> {
        self.eat('{');
        let mut entries = Vec::new();
        while !self.eat('}') {
            let key = match self.peek()? {
                '\'' | '"' => self.text()?,
                _ => return None,
            };
            if !self.eat(':') {
                return None;
            }
            entries.push((key, self.value(depth)?));
            if !self.eat(',') && self.peek() != Some('}') {
                return None;
            }
        }
        Some(entries)
    }

    fn int(&mut self) -> Option<u64> {
        let end = self.rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(self.rest.len());
        let value = self.rest[..end].parse().ok()?;
        // Python 2 wrote long integers as `3L`.
        self.rest = self.rest[end..].strip_prefix('L').unwrap_or(&self.rest[end..]);
        Some(value)
    }

    fn bool(&mut self) -> Option<bool> {
        for (word, value) in [("True", true), ("False", false)] {
            if let Some(rest) = self.rest.strip_prefix(word) {
                self.rest = rest;
                return Some(value);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(text: &str) -> Result<Header, Error> {
        let mut bytes = [MAGIC, &[1, 0], &(text.len() as u16).to_le_bytes()].concat();
        bytes.extend_from_slice(text.as_bytes());
        read(Path::new("x.npy"), &mut bytes.as_slice())
    }

    #[test]
    fn numpy_spellings_are_understood() {
        let plain = header("{'descr': '<f2', 'fortran_order': False, 'shape': (3, 4), }      \n").unwrap();
        assert_eq!(plain.descr, Descr { big_endian: false, kind: 'f', size: 2 });
        assert_eq!((plain.shape, plain.fortran_order), (vec![3, 4], false));
        let old = header("{\"shape\":(3L,),\"fortran_order\":True,\"descr\":\">V2\"}").unwrap();
        assert_eq!((old.shape, old.fortran_order, old.descr.big_endian), (vec![3], true, true));
        assert_eq!(header("{'descr': '|O', 'fortran_order': False, 'shape': ()}").unwrap().descr.kind, 'O');
    }

    #[test]
    fn malformed_headers_are_refused() {
        for text in [
            "",
            "{",
            "()",
            "{'descr': '<f2', 'fortran_order': False}",
            "{'descr': '<f2', 'fortran_order': False, 'shape': (3, -1)}",
            "{'descr': '<f2', 'fortran_order': False, 'shape': (3, 99999999999999999999999)}",
            "{'descr': '<f2', 'fortran_order': False, 'shape': (3 4)}",
            "{'descr': '<f2', 'fortran_order': False, 'shape': (3, 4)} + 1",
            "{'descr': '<f2', 'descr': '<f2', 'fortran_order': False, 'shape': (3, 4)}",
            "{'descr': [('a', '<f2')], 'fortran_order': False, 'shape': (3,)}",
            "{'descr': ((((((((((((1)))))))))))), 'fortran_order': False, 'shape': (3,)}",
            "{'descr': 'é', 'fortran_order': False, 'shape': (3,)}",
        ] {
            assert!(header(text).is_err(), "{text}");
        }
    }
}
