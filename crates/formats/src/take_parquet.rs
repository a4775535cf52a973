//! Chosen rows of a Parquet file with all their columns, row group by row group.

use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::RowSelection;
use parquet::file::metadata::{KeyValue, ParquetMetaData};
use parquet::file::properties::WriterProperties;

use crate::file::DataFile;
use crate::guard::guarded;
use crate::parquet::{Batches, ParquetFile, parquet_error};
use crate::{AtomicFile, Error};

/// Rows held in memory at a time, whatever their columns: a row with an image in it may be large.
const BATCH_ROWS: usize = 256;

/// The key under which the writer itself stores the Arrow schema.
const ARROW_SCHEMA_KEY: &str = "ARROW:schema";

/// Writes the rows `rows`, which are sorted, to `out`. Schema, metadata, compression and the largest number of rows in
/// a row group are those of the source.
pub(crate) fn take(file: DataFile, rows: &[usize], out: &mut AtomicFile) -> Result<(), Error> {
    let parquet = ParquetFile::open(file, true)?;
    let n_rows = parquet.n_rows()?;
    let path = parquet.file.path();
    if rows.last().is_some_and(|last| *last >= n_rows) {
        return Err(Error::damaged(path, "has fewer rows than when it was counted"));
    }
    let runs = rows.chunk_by(|a, b| *b == *a + 1).map(|run| run[0]..run[0] + run.len());
    let selection = RowSelection::from_consecutive_ranges(runs, n_rows);
    let builder = parquet.builder(None).with_batch_size(BATCH_ROWS).with_row_selection(selection);
    let schema = builder.schema().clone();
    let reader = guarded(path, || builder.build().map_err(|e| parquet_error(path, e)))?;
    let mut batches = Batches::new(parquet.file.clone(), reader);

    let target = out.path().to_owned();
    let failed = |e| parquet_error(&target, e);
    let properties = properties(parquet.metadata.metadata());
    let mut writer = ArrowWriter::try_new(out, schema, Some(properties)).map_err(failed)?;
    let mut written = 0;
    while let Some(batch) = batches.next()? {
        written += batch.num_rows();
        writer.write(&batch).map_err(failed)?;
    }
    if written != rows.len() {
        return Err(Error::damaged(path, format!("gave {written} rows of the {} asked for", rows.len())));
    }
    writer.close().map_err(failed)?;
    Ok(())
}

fn properties(metadata: &ParquetMetaData) -> WriterProperties {
    let group_rows = metadata.row_groups().iter().map(|group| group.num_rows()).max().unwrap_or(0);
    let group_rows = usize::try_from(group_rows).unwrap_or(0).max(1);
    let kept: Vec<KeyValue> = metadata
        .file_metadata()
        .key_value_metadata()
        .into_iter()
        .flatten()
        .filter(|pair| pair.key != ARROW_SCHEMA_KEY)
        .cloned()
        .collect();
    let mut properties = WriterProperties::builder()
        .set_max_row_group_row_count(Some(group_rows))
        .set_key_value_metadata((!kept.is_empty()).then_some(kept));
    if let Some(group) = metadata.row_groups().first() {
        for column in group.columns() {
            properties = properties.set_column_compression(column.column_path().clone(), column.compression());
        }
    }
    properties.build()
}
