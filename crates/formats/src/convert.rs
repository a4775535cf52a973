//! Writing a pool to another format, block by block.

use std::path::Path;

use half::{bf16, f16};
use subsel_kernels::{Block, Dtype, Element, Rows, with_values};

use crate::format::Format;
use crate::spool::block_rows;
use crate::{Error, Ids, NpyWriter, Opened, safetensors};

/// Extensions that a pool can be written to, for messages.
const EXTENSIONS: &str = ".npy .parquet .arrow .safetensors .csv";

/// How to write a pool.
#[derive(Clone, Debug, Default)]
pub struct ConvertOptions {
    /// The type to store. By default the type of the source, or f32 where the format lacks it.
    pub dtype: Option<Dtype>,
    /// Whether an existing file is overwritten.
    pub force: bool,
    /// Rows in a row group (Parquet) or batch (Arrow). By default as many as make about 64 MiB.
    pub row_group_rows: Option<usize>,
}

/// Writes `opened` to `out`, in the format of its extension, and gives back what was lost or changed, one sentence each.
///
/// Parquet and Arrow get a column `embedding` of fixed-size lists, and `id` where there are ids; safetensors a tensor
/// `embeddings`; csv the columns `x0`, `x1`, ..., after `id`.
///
/// # Errors
/// [`Error::UnknownFormat`] for an extension that is none of these; [`Error::OutOfRange`] for a value that the type
/// cannot hold; whatever keeps the source from being read or the output from being written.
pub fn convert(opened: &Opened, out: &Path, options: &ConvertOptions) -> Result<Vec<String>, Error> {
    let format = Format::of_name(out).ok_or_else(|| unknown(out))?;
    let source = opened.source.as_ref();
    let mut notes = Vec::new();
    let dtype = stored_type(out, format, source.dtype(), options.dtype, &mut notes)?;
    let shape = (source.n_rows(), source.dim());
    let mut sink = Sink::create(out, format, dtype, shape, opened.ids.as_ref(), options)?;
    if opened.ids.is_some() && matches!(format, Format::Npy | Format::Safetensors) {
        notes.push("the ids are left out: the format has no place for them".to_owned());
    }
    let (mut scratch, mut cast) = (Block::default(), Block::default());
    let step = block_rows(source.dim(), source.dtype());
    for start in (0..source.n_rows()).step_by(step) {
        let end = (start + step).min(source.n_rows());
        let rows = source.rows(start..end, &mut scratch)?;
        let rows = cast_rows(rows, dtype, &mut cast, start, out)?;
        sink.push(rows, start, opened.ids.as_ref())?;
    }
    sink.finish()?;
    Ok(notes)
}

fn unknown(out: &Path) -> Error {
    Error::UnknownFormat { path: out.to_owned(), known: EXTENSIONS }
}

/// The type that will be stored.
fn stored_type(
    out: &Path,
    format: Format,
    source: Dtype,
    wanted: Option<Dtype>,
    notes: &mut Vec<String>,
) -> Result<Dtype, Error> {
    let dtype = wanted.unwrap_or(source);
    if dtype != source && matches!(dtype, Dtype::I8 | Dtype::U8) {
        let what = format!("{} is not turned into {}", source.name(), dtype.name());
        return Err(Error::unsupported(out, what, "scale and round the values first: how is a choice of yours"));
    }
    let lacks = match format {
        Format::Parquet | Format::Ipc => dtype == Dtype::Bf16,
        Format::Csv => dtype != Dtype::F32,
        _ => false,
    };
    if !lacks {
        return Ok(dtype);
    }
    if wanted.is_some() {
        let what = format!("the format has no {}", dtype.name());
        return Err(Error::unsupported(out, what, "`--dtype f32` holds every value exactly"));
    }
    notes.push(format!(
        "{} is stored as f32, which holds it exactly: the format has no {}",
        dtype.name(),
        dtype.name()
    ));
    Ok(Dtype::F32)
}

/// The same values in another type, in `out`, rounded to the nearest. `first_row` and `path` are for the message.
///
/// # Errors
/// [`Error::OutOfRange`] for a value that becomes infinite.
///
/// # Panics
/// If the type is i8 or u8, and not that of the rows.
pub fn cast_rows<'a>(
    rows: Rows<'a>,
    dtype: Dtype,
    out: &'a mut Block,
    first_row: usize,
    path: &Path,
) -> Result<Rows<'a>, Error> {
    if rows.dtype() == dtype {
        return Ok(rows);
    }
    let dim = rows.dim();
    let bytes = out.bytes_mut(dtype, rows.len() * dim);
    let overflow = match dtype {
        Dtype::F16 => cast_values(rows, bytemuck::cast_slice_mut(bytes), f16::from_f32),
        Dtype::Bf16 => cast_values(rows, bytemuck::cast_slice_mut(bytes), bf16::from_f32),
        Dtype::F32 => cast_values(rows, bytemuck::cast_slice_mut::<u8, f32>(bytes), |value| value),
        Dtype::I8 | Dtype::U8 => panic!("how floats become bytes is no cast"),
    };
    match overflow {
        None => Ok(out.rows(dim)),
        Some((place, value)) => Err(Error::OutOfRange {
            path: path.to_owned(),
            row: first_row + place / dim,
            column: place % dim,
            value: f64::from(value),
            dtype: dtype.name(),
        }),
    }
}

/// Casts every value; gives the place and value of the first that was finite and is no longer.
fn cast_values<T: Element>(rows: Rows<'_>, out: &mut [T], cast: impl Fn(f32) -> T) -> Option<(usize, f32)> {
    with_values!(rows.values(), values => {
        for (place, (out, value)) in out.iter_mut().zip(values).enumerate() {
            let value = Element::to_f32(*value);
            *out = cast(value);
            if value.is_finite() && !out.to_f32().is_finite() {
                return Some((place, value));
            }
        }
    });
    None
}

/// A file being written.
enum Sink {
    Npy(NpyWriter),
    Safetensors(safetensors::Writer),
    #[cfg(feature = "csv")]
    Csv(crate::convert_csv::Writer),
    #[cfg(feature = "parquet")]
    Columnar(crate::convert_arrow::Writer),
}

impl Sink {
    fn create(
        out: &Path,
        format: Format,
        dtype: Dtype,
        (n_rows, dim): (usize, usize),
        ids: Option<&Ids>,
        options: &ConvertOptions,
    ) -> Result<Self, Error> {
        let force = options.force;
        let _ = ids;
        match format {
            Format::Npy => NpyWriter::create(out, dtype, n_rows, dim, force).map(Sink::Npy),
            Format::Safetensors => safetensors::Writer::create(out, dtype, n_rows, dim, force).map(Sink::Safetensors),
            #[cfg(feature = "csv")]
            Format::Csv => crate::convert_csv::Writer::create(out, dim, ids, force).map(Sink::Csv),
            #[cfg(feature = "parquet")]
            Format::Parquet | Format::Ipc => {
                let is_parquet = format == Format::Parquet;
                let file = crate::AtomicFile::create(out, force)?;
                let rows = options.row_group_rows.unwrap_or_else(|| (64 << 20) / (dim * dtype.size()));
                crate::convert_arrow::Writer::new(file, is_parquet, dtype, dim, ids, rows.max(1)).map(Sink::Columnar)
            }
            #[cfg(not(feature = "csv"))]
            Format::Csv => Err(Error::NotBuilt { path: out.to_owned(), format: "CSV", feature: "csv" }),
            #[cfg(not(feature = "parquet"))]
            Format::Parquet | Format::Ipc => {
                Err(Error::NotBuilt { path: out.to_owned(), format: "Parquet and Arrow", feature: "parquet" })
            }
            Format::Npz | Format::Jsonl | Format::Text => Err(unknown(out)),
        }
    }

    fn push(&mut self, rows: Rows<'_>, first_row: usize, ids: Option<&Ids>) -> Result<(), Error> {
        let _ = (first_row, ids);
        match self {
            Sink::Npy(writer) => writer.push(rows),
            Sink::Safetensors(writer) => writer.push(rows),
            #[cfg(feature = "csv")]
            Sink::Csv(writer) => writer.push(rows, first_row, ids),
            #[cfg(feature = "parquet")]
            Sink::Columnar(writer) => writer.push(rows, first_row, ids),
        }
    }

    fn finish(self) -> Result<(), Error> {
        match self {
            Sink::Npy(writer) => writer.finish(),
            Sink::Safetensors(writer) => writer.finish(),
            #[cfg(feature = "csv")]
            Sink::Csv(writer) => writer.finish(),
            #[cfg(feature = "parquet")]
            Sink::Columnar(writer) => writer.finish(),
        }
    }
}
