//! Arrow IPC, in its file form (`ARROW1` at both ends) and its stream form: a column of lists as a pool.
//!
//! ```text
//! message   ff ff ff ff, length of the metadata: u32, metadata (flatbuffer), body
//! stream    messages: schema, then dictionaries and batches; then the end mark ff ff ff ff 00 00 00 00
//! file      'ARROW1', zeros, a stream, the footer (flatbuffer), its length: i32, 'ARROW1'
//! ```
//! Messages are cut out here, their lengths and the sizes that compressed buffers declare checked against the file
//! before memory is reserved; the arrow-ipc crate decodes them behind a fence against panics. Refused, beside what
//! Parquet refuses: a stream without its end mark, bytes after it, a file whose footer counts other batches than it
//! holds. Batches do not say how many rows will follow, so that a pool is copied to a scratch file while it is opened.

use std::collections::VecDeque;

use arrow_array::RecordBatch;
use arrow_ipc::reader::StreamDecoder;
use arrow_ipc::{MessageHeader, RecordBatch as BatchHeader};
use arrow_schema::{ArrowError, SchemaRef};
use subsel_kernels::Block;

use crate::Error;
use crate::columnar::{Lists, cell_columns, cells, ids, list_column, place};
use crate::file::DataFile;
use crate::guard::guarded;
use crate::matrix::{NARROWED, Scalar, taken_as};
use crate::open::{OpenOptions, Single};
use crate::side::{SideColumn, SideOptions, only_column};
use crate::spool::{RowStream, drain};

const FILE_MAGIC: &[u8] = b"ARROW1";

/// The mark before the length of a message.
const CONTINUATION: [u8; 4] = [0xff; 4];

/// Neither LZ4 (255 to 1) nor zstd (128 KiB in 4 bytes) packs tighter; a larger declared size is a lie.
const MAX_RATIO: u64 = 1 << 16;

/// Opens the column of embeddings.
pub(crate) fn open(file: DataFile, options: &OpenOptions) -> Result<Single, Error> {
    let path = file.path().to_owned();
    let mut batches = Batches::open(file)?;
    let (at, scalar) = list_column(&path, &batches.schema, options.column.as_deref())?;
    let scalar = taken_as(&path, scalar, options.dtype)?;
    let id_at = match &options.id_column {
        Some(name) => Some(place(&path, &batches.schema, name, || cell_columns(&batches.schema))?),
        None => None,
    };
    let first = batches.next()?.ok_or_else(|| Error::Empty { path: path.clone() })?;
    let name = batches.schema.field(at).name().clone();
    let lists = guarded(&path, || Lists::new(&path, &name, scalar, first.column(at)))?;
    batches.ahead.push_front(first);
    let dim = lists.dim();
    let mut stream = IpcStream { batches, lists, at, id_at, ids: None, next_row: 0 };
    let matrix = drain(&path, dim, scalar.dtype(), &mut stream, options.scratch_dir.as_deref())?;
    let mut single = Single::matrix(matrix);
    if let (Some(at), Some(values)) = (id_at, stream.ids) {
        single.ids = Some(ids(&path, stream.batches.schema.field(at).name(), values)?);
    }
    if scalar == Scalar::F64 {
        single.notes.push(NARROWED.to_owned());
    }
    Ok(single)
}

/// A column of a side file.
pub(crate) fn read_column(file: DataFile, options: &SideOptions) -> Result<(String, SideColumn), Error> {
    let path = file.path().to_owned();
    let mut batches = Batches::open(file)?;
    let name = only_column(&path, &cell_columns(&batches.schema), options)?;
    let at = place(&path, &batches.schema, &name, || cell_columns(&batches.schema))?;
    let mut all: Option<SideColumn> = None;
    while let Some(batch) = batches.next()? {
        let row = all.as_ref().map_or(0, SideColumn::len);
        let values = guarded(&path, || cells(&path, &name, batch.column(at), row))?;
        all = Some(match all {
            None => values,
            Some(all) => SideColumn::appended(all, values),
        });
    }
    Ok((name, all.unwrap_or(SideColumn::Ints(Vec::new()))))
}

struct IpcStream {
    batches: Batches,
    lists: Lists,
    at: usize,
    id_at: Option<usize>,
    ids: Option<SideColumn>,
    next_row: usize,
}

impl RowStream for IpcStream {
    fn next_block(&mut self, out: &mut Block) -> Result<bool, Error> {
        let Some(batch) = self.batches.next()? else {
            return Ok(false);
        };
        let path = self.batches.file.path().to_owned();
        guarded(&path, || self.lists.read(batch.column(self.at), out))?;
        if let Some(at) = self.id_at {
            let name = self.batches.schema.field(at).name().clone();
            let values = guarded(&path, || cells(&path, &name, batch.column(at), self.next_row))?;
            self.ids = Some(match self.ids.take() {
                None => values,
                Some(all) => SideColumn::appended(all, values),
            });
        }
        self.next_row += batch.num_rows();
        Ok(true)
    }
}

/// The batches of a file or stream.
struct Batches {
    file: DataFile,
    schema: SchemaRef,
    decoder: StreamDecoder,
    /// Batches decoded but not handed out yet.
    ahead: VecDeque<RecordBatch>,
    position: u64,
    /// Where messages must have ended.
    end: u64,
    /// Whether an end mark is required: files have a footer instead.
    is_stream: bool,
    /// Batches that the footer of a file counts and that are still to come.
    batches_left: Option<usize>,
    ended: bool,
}

impl Batches {
    fn open(file: DataFile) -> Result<Self, Error> {
        let is_stream = !file.head(6)?.starts_with(FILE_MAGIC);
        let mut batches = Batches {
            schema: SchemaRef::new(arrow_schema::Schema::empty()),
            decoder: StreamDecoder::new(),
            ahead: VecDeque::new(),
            position: 0,
            end: file.len(),
            is_stream,
            batches_left: None,
            ended: false,
            file,
        };
        if !is_stream {
            batches.read_footer()?;
        }
        // Batches follow the schema, so that the decoder has it before the first of them.
        while batches.decoder.schema().is_none() && !batches.ended {
            batches.feed()?;
        }
        let schema = batches.decoder.schema();
        batches.schema = schema.ok_or_else(|| Error::damaged(batches.file.path(), "holds no schema"))?;
        Ok(batches)
    }

    fn damaged(&self, detail: impl Into<String>) -> Error {
        Error::damaged(self.file.path(), detail)
    }

    /// Finds where the messages of a file end and how many batches it should hold.
    fn read_footer(&mut self) -> Result<(), Error> {
        let len = self.file.len();
        let tail_at = len.checked_sub(10).filter(|at| *at >= 8);
        let tail_at = tail_at.ok_or_else(|| self.damaged("is too short for an Arrow file"))?;
        let tail = self.file.read_vec(tail_at, 10)?;
        if &tail[4..] != FILE_MAGIC {
            return Err(self.damaged("does not end as an Arrow file does: it is truncated"));
        }
        let footer_len = i32::from_le_bytes([tail[0], tail[1], tail[2], tail[3]]);
        let footer_at = u64::try_from(footer_len).ok().and_then(|len| tail_at.checked_sub(len)).filter(|at| *at >= 8);
        let footer_at = footer_at.ok_or_else(|| self.damaged(format!("declares a footer of {footer_len} bytes")))?;
        let footer = self.file.read_vec(footer_at, tail_at - footer_at)?;
        let count = guarded(self.file.path(), || {
            let footer = arrow_ipc::root_as_footer(&footer);
            let footer = footer.map_err(|e| self.damaged(format!("its footer is malformed: {e}")))?;
            Ok(footer.recordBatches().map_or(0, |blocks| blocks.len()))
        })?;
        (self.position, self.end, self.batches_left) = (self.after_padding(footer_at)?, footer_at, Some(count));
        Ok(())
    }

    /// Where the first message of a file begins: the format pads the magic to 8 bytes, some writers to 64.
    fn after_padding(&self, footer_at: u64) -> Result<u64, Error> {
        let start = self.file.read_vec(0, footer_at.min(64))?;
        let words = start.chunks_exact(8).skip(1).take_while(|word| *word == [0; 8]);
        Ok(8 + 8 * words.count() as u64)
    }

    /// The next batch with rows in it.
    fn next(&mut self) -> Result<Option<RecordBatch>, Error> {
        loop {
            match self.ahead.pop_front() {
                Some(batch) if batch.num_rows() > 0 => return Ok(Some(batch)),
                Some(_) => {}
                None if self.ended => return Ok(None),
                None => self.feed()?,
            }
        }
    }

    /// Gives the decoder one more message, or notices the end.
    fn feed(&mut self) -> Result<(), Error> {
        let Some(message) = self.next_message()? else {
            self.ended = true;
            return match self.batches_left {
                Some(left) if left > 0 => {
                    Err(self.damaged(format!("its footer counts {left} batches more than it holds")))
                }
                _ => Ok(()),
            };
        };
        let path = self.file.path().to_owned();
        let (decoder, ahead) = (&mut self.decoder, &mut self.ahead);
        let before = ahead.len();
        guarded(&path, || {
            let mut bytes = arrow_buffer::Buffer::from_vec(message);
            while !bytes.is_empty() {
                if let Some(batch) = decoder.decode(&mut bytes).map_err(|e| decode_error(&path, e))? {
                    ahead.push_back(batch);
                }
            }
            Ok(())
        })?;
        let decoded = ahead.len() - before;
        if let Some(left) = &mut self.batches_left {
            let rest = left.checked_sub(decoded);
            *left = rest.ok_or_else(|| Error::damaged(&path, "its footer counts fewer batches than it holds"))?;
        }
        Ok(())
    }

    /// The bytes of the next message, all lengths checked; `None` at the end.
    fn next_message(&mut self) -> Result<Option<Vec<u8>>, Error> {
        let left = self.end - self.position;
        if left == 0 && !self.is_stream {
            return Ok(None);
        }
        if left < 4 {
            return Err(self.damaged("ends without its end mark: it is truncated"));
        }
        let mut prefix = self.file.read_vec(self.position, left.min(8))?;
        // Before Arrow 0.15 there was no mark before the length.
        if prefix[..4] != CONTINUATION {
            prefix.truncate(4);
        } else if prefix.len() < 8 {
            return Err(self.damaged("ends inside a message: it is truncated"));
        }
        let len = prefix.last_chunk::<4>().map_or(0, |len| u32::from_le_bytes(*len));
        if len == 0 {
            let after = self.position + prefix.len() as u64;
            if self.is_stream && after != self.end {
                return Err(self.damaged(format!("{} bytes follow the end of the stream", self.end - after)));
            }
            return Ok(None);
        }
        let message_len = prefix.len() as u64 + u64::from(len);
        if message_len > left {
            return Err(self.damaged(format!("a message of {message_len} bytes, {left} are left: it is truncated")));
        }
        let head = self.file.read_vec(self.position, message_len)?;
        let body_len = self.body_len(&head[prefix.len()..], left - message_len)?;
        let whole = self.file.read_vec(self.position, message_len + body_len)?;
        self.check_body(&whole[prefix.len()..message_len as usize], &whole[message_len as usize..])?;
        self.position += whole.len() as u64;
        Ok(Some(whole))
    }

    /// The length of the body that follows this metadata.
    fn body_len(&self, metadata: &[u8], left: u64) -> Result<u64, Error> {
        guarded(self.file.path(), || {
            let message = arrow_ipc::root_as_message(metadata);
            let message = message.map_err(|e| self.damaged(format!("a message is malformed: {e}")))?;
            let len = message.bodyLength();
            u64::try_from(len).ok().filter(|len| *len <= left).ok_or_else(|| {
                self.damaged(format!("a message declares a body of {len} bytes, {left} are left: it is truncated"))
            })
        })
    }

    /// Compressed buffers say how long they will be; a size that no codec reaches is refused before it is reserved.
    fn check_body(&self, metadata: &[u8], body: &[u8]) -> Result<(), Error> {
        guarded(self.file.path(), || {
            let message = arrow_ipc::root_as_message(metadata);
            let message = message.map_err(|e| self.damaged(format!("a message is malformed: {e}")))?;
            let batch = match message.header_type() {
                MessageHeader::RecordBatch => message.header_as_record_batch(),
                MessageHeader::DictionaryBatch => message.header_as_dictionary_batch().and_then(|dict| dict.data()),
                _ => None,
            };
            match batch {
                Some(batch) if !compressed_sizes_are_possible(&batch, body) => {
                    Err(self.damaged("a compressed buffer declares a size that it cannot have"))
                }
                _ => Ok(()),
            }
        })
    }
}

fn compressed_sizes_are_possible(batch: &BatchHeader<'_>, body: &[u8]) -> bool {
    let (Some(_), Some(buffers)) = (batch.compression(), batch.buffers()) else {
        return true;
    };
    buffers.iter().all(|buffer| {
        let (Ok(start), Ok(len)) = (usize::try_from(buffer.offset()), usize::try_from(buffer.length())) else {
            return false;
        };
        let Some(packed) = start.checked_add(len).and_then(|end| body.get(start..end)) else {
            return false;
        };
        // An empty buffer has no size; -1 means that this one is not compressed.
        match packed.first_chunk::<8>().map(|size| i64::from_le_bytes(*size)) {
            None => len == 0,
            Some(-1) => true,
            Some(size) => u64::try_from(size).is_ok_and(|size| size <= (len as u64).saturating_mul(MAX_RATIO)),
        }
    })
}

fn decode_error(path: &std::path::Path, error: ArrowError) -> Error {
    Error::damaged(path, format!("Arrow: {error}"))
}
