//! Writing a pool as CSV: the columns `x0`, `x1`, ..., after `id` where there are ids.

use std::io::{self, Write};
use std::path::Path;

use subsel_kernels::{Element, Rows, with_values};

use crate::{AtomicFile, Error, Ids};

/// A table being written.
pub(crate) struct Writer {
    file: AtomicFile,
}

impl Writer {
    /// Starts a table. The names in its header begin with a letter, so that no reader takes them for numbers.
    pub(crate) fn create(path: &Path, dim: usize, ids: Option<&Ids>, force: bool) -> Result<Self, Error> {
        let mut file = AtomicFile::create(path, force)?;
        let names = ids.map(|_| "id".to_owned()).into_iter().chain((0..dim).map(|column| format!("x{column}")));
        let header = names.collect::<Vec<_>>().join(",");
        writeln!(file, "{header}").map_err(|e| Error::io("write", path, e))?;
        Ok(Writer { file })
    }

    /// Appends rows, the first of which is row `first_row` of the pool.
    pub(crate) fn push(&mut self, rows: Rows<'_>, first_row: usize, ids: Option<&Ids>) -> Result<(), Error> {
        write_rows(&mut self.file, rows, first_row, ids).map_err(|e| Error::io("write", self.file.path(), e))
    }

    /// Gives the file its name.
    pub(crate) fn finish(self) -> Result<(), Error> {
        self.file.commit()
    }
}

fn write_rows(file: &mut AtomicFile, rows: Rows<'_>, first_row: usize, ids: Option<&Ids>) -> io::Result<()> {
    let mut table = csv::Writer::from_writer(file);
    for row in 0..rows.len() {
        if let Some(ids) = ids {
            table.write_field(ids.text(first_row + row))?;
        }
        with_values!(rows.slice(row..row + 1).values(), values => {
            for value in values {
                // The shortest text that reads back as the same f32.
                table.write_field(format!("{:?}", Element::to_f32(*value)))?;
            }
        });
        table.write_record(None::<&[u8]>)?;
    }
    table.flush()
}
