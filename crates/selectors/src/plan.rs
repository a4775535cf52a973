//! What a run will cost, told before it starts: passes, time, peak memory.

use serde::Serialize;
use subsel_kernels::CodeWidth;

use crate::context::{CHUNK_ROWS, Context};
use crate::method::Selector;
use crate::outputs::Outputs;
use crate::pool::Pool;

/// The sizes that a cost depends on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Shape {
    /// Rows.
    pub n: usize,
    /// Values per row.
    pub dim: usize,
    /// Bytes per value as stored.
    pub value_bytes: usize,
    /// Labeled rows.
    pub labeled: usize,
    /// Classes of the model outputs; 0 where there are none.
    pub classes: usize,
    /// Worker threads.
    pub threads: usize,
    /// Rows a worker reads at once.
    pub block_rows: usize,
    /// Bytes in which a method may keep what it would otherwise work out again.
    pub cache_bytes: u64,
    /// Whether the rows lie in memory as `f32` already.
    pub lies_in_memory: bool,
    /// The codes that the processor multiplies faster than `f32`, if any.
    pub fast_codes: Option<CodeWidth>,
}

impl Shape {
    /// The shape of a pool under a context.
    pub fn of(pool: &Pool<'_>, ctx: &Context) -> Self {
        let dim = pool.source.dim();
        Shape {
            n: pool.source.n_rows(),
            dim,
            value_bytes: pool.source.dtype().size(),
            labeled: pool.labeled.len(),
            classes: pool.known.outputs.as_ref().map_or(0, Outputs::classes),
            threads: ctx.threads().current_num_threads(),
            block_rows: ctx.block_rows(dim),
            cache_bytes: ctx.cache_bytes(),
            lies_in_memory: pool.source.lies_in_memory(),
            fast_codes: ctx.kernels().fast_codes(),
        }
    }

    /// The same for a pool of `n` rows of it.
    pub fn with_rows(self, n: usize) -> Self {
        Shape { n, ..self }
    }

    /// Bytes of one block as stored and as `f32`, for every worker.
    pub fn block_bytes(&self) -> u64 {
        let workers = self.threads.min(self.n.div_ceil(CHUNK_ROWS)) as u64;
        workers * (self.block_rows.min(self.n) * self.dim * (self.value_bytes + 4)) as u64
    }
}

/// The work of a method beyond checking the pool.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Work {
    /// Passes over the rows.
    pub passes: f64,
    /// Rows read one by one.
    pub gathered: f64,
    /// Multiply-adds in panel products (`f32`).
    pub panel_ops: f64,
    /// Multiply-adds in canonical sums (`f64`).
    pub canonical_ops: f64,
    /// Peak bytes held beyond the checked pool and one block per worker.
    pub bytes: u64,
}

/// What a run will cost.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Plan {
    /// The method, as text.
    pub method: String,
    /// Rows, values per row.
    pub shape: (usize, usize),
    /// Picks.
    pub budget: usize,
    /// Passes over the data, the checking pass included.
    pub passes: f64,
    /// Estimated seconds on this machine.
    pub secs: f64,
    /// Peak anonymous memory in bytes; never exceeded, and at most twice the truth plus 16 MiB.
    pub peak_bytes: u64,
}

/// What the program holds before it has read anything, threads' stacks included.
pub(crate) const PROGRAM_BYTES: u64 = 6 << 20;

/// Passes that checking the pool costs as much as.
const CHECKING: f64 = 8.0;

/// Bytes of a pick and of its line in an output table.
const PICK_BYTES: u64 = 400;

/// Plans a run of `selector` on a pool of this shape.
pub fn plan(selector: &dyn Selector, shape: &Shape, budget: usize, rates: &Rates) -> Plan {
    plan_work(selector.text(), selector.plan(shape, budget), shape, budget, rates)
}

/// What this work on a pool of this shape, and so many picks, will cost; `method` names it.
pub fn plan_work(method: String, work: Work, shape: &Shape, budget: usize, rates: &Rates) -> Plan {
    let n = shape.n as f64;
    let values = n * shape.dim as f64;
    let passes = 1.0 + work.passes;
    let threads = shape.threads as f64;
    // Checking (norms, hashes, duplicates, values that are no numbers) costs what so many passes do.
    let secs = (CHECKING + work.passes) * values / (rates.values_per_sec * threads)
        + work.panel_ops / (rates.panel_ops_per_sec * threads)
        + work.canonical_ops / rates.canonical_ops_per_sec
        + work.gathered * rates.gather_secs;
    // Norms and the candidate mark of each row, the labeled list, hashes of one chunk per worker.
    let pool_bytes = 9 * shape.n + 8 * shape.labeled + shape.threads * CHUNK_ROWS * 32;
    Plan {
        method,
        shape: (shape.n, shape.dim),
        budget,
        passes,
        secs,
        peak_bytes: PROGRAM_BYTES + pool_bytes as u64 + shape.block_bytes() + work.bytes + budget as u64 * PICK_BYTES,
    }
}

/// What one core of this machine does, measured in a few milliseconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rates {
    /// Values read, widened and summed per second.
    pub values_per_sec: f64,
    /// Multiply-adds of panel products per second.
    pub panel_ops_per_sec: f64,
    /// Multiply-adds of canonical sums per second.
    pub canonical_ops_per_sec: f64,
    /// Seconds to read one row on its own.
    pub gather_secs: f64,
}

impl Rates {
    /// Measures the kernels of a context on small blocks.
    pub fn measure(ctx: &Context) -> Self {
        const DIM: usize = 512;
        const ROWS: usize = 256;
        let kernels = ctx.kernels();
        let wide = vec![0.5f32; ROWS * DIM];
        let mut out = vec![0.0f32; ROWS * ROWS];
        let panel = best_secs(|| kernels.panel_dots(&wide, &wide, DIM, &mut out));
        let (x, panel64, mut dots) = (vec![0.5f64; DIM], vec![0.5f64; DIM * ROWS], vec![0.0; ROWS]);
        let canonical = best_secs(|| kernels.dots(&x, &panel64, &mut dots));
        let rows = subsel_kernels::Rows::from_f32(&wide, DIM);
        let sums = best_secs(|| kernels.sq_norms(rows, &mut dots));
        Rates {
            // Reading and hashing cost about as much again as converting and summing.
            values_per_sec: (ROWS * DIM) as f64 / sums / 3.0,
            panel_ops_per_sec: (ROWS * ROWS * DIM) as f64 / panel,
            canonical_ops_per_sec: (ROWS * DIM) as f64 / canonical,
            gather_secs: 1.0e-6,
        }
    }
}

fn best_secs(mut work: impl FnMut()) -> f64 {
    let mut best = f64::INFINITY;
    for _ in 0..4 {
        let start = std::time::Instant::now();
        work();
        best = best.min(start.elapsed().as_secs_f64());
    }
    best.max(1e-9)
}

/// A number of bytes as a person reads it.
pub fn bytes_text(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut value = bytes as f64;
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    if unit == 0 { format!("{bytes} B") } else { format!("{value:.1} {}", UNITS[unit]) }
}

/// A duration as a person reads it.
pub fn secs_text(secs: f64) -> String {
    match secs {
        s if s < 0.001 => "under 1 ms".into(),
        s if s < 1.0 => format!("{:.0} ms", s * 1e3),
        s if s < 90.0 => format!("{s:.1} s"),
        s if s < 5400.0 => format!("{:.0} min", s / 60.0),
        s => format!("{:.1} h", s / 3600.0),
    }
}
