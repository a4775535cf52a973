//! A file of JSON, a value a line, that is only ever added to: what journals are kept in.

use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;

/// Such a file. Its first line, the header, says what the others are of.
#[derive(Debug)]
pub struct Lines {
    path: PathBuf,
    file: File,
}

impl Lines {
    /// Opens the file at `path`, or begins it with `header`. `check` is given the header that is there, `keep` every other
    /// line. A last line that a killed run left unfinished is cut off.
    ///
    /// # Errors
    /// Those of `check`; what reading and writing meet, in words, as `failed` makes errors of it.
    pub fn open<H: Serialize + DeserializeOwned, L: DeserializeOwned, E>(
        path: &Path,
        header: &H,
        check: impl Fn(&H) -> Result<(), E>,
        mut keep: impl FnMut(L),
        failed: impl Fn(String) -> E,
    ) -> Result<Self, E> {
        let io = |error: std::io::Error| failed(error.to_string());
        let mut whole = 0;
        if path.exists() {
            let mut reader = BufReader::new(File::open(path).map_err(io)?);
            let mut line = String::new();
            let mut number = 0;
            while reader.read_line(&mut line).map_err(io)? > 0 {
                if !line.ends_with('\n') {
                    break;
                }
                number += 1;
                let refused = |error: serde_json::Error| failed(format!("line {number}: {error}"));
                if number == 1 {
                    check(&serde_json::from_str(&line).map_err(refused)?)?;
                } else {
                    keep(serde_json::from_str(&line).map_err(refused)?);
                }
                whole += line.len() as u64;
                line.clear();
            }
        }
        let file = OpenOptions::new().create(true).append(true).open(path).map_err(io)?;
        file.set_len(whole).map_err(io)?;
        let mut lines = Lines { path: path.into(), file };
        if whole == 0 {
            lines.add(header).map_err(failed)?;
        }
        Ok(lines)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Adds a line.
    ///
    /// # Errors
    /// What writing meets, in words.
    pub fn add(&mut self, line: &impl Serialize) -> Result<(), String> {
        let text = serde_json::to_string(line).map_err(|error| error.to_string())?;
        self.file.write_all(format!("{text}\n").as_bytes()).map_err(|error| error.to_string())
    }
}
