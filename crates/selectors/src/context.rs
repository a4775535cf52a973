//! What a run needs besides method and pool: seed, threads, instruction set, progress, cancellation. Nothing is global.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::Value;
use subsel_kernels::{Isa, Kernels};

use crate::Error;
use crate::constraints::Rules;
use crate::memo::Memo;
use crate::pool::CheckedPool;
use crate::random::Stream;

/// Rows of a chunk: sums that decide anything run over chunks of this many rows, whatever the block.
pub const CHUNK_ROWS: usize = 4096;

/// Settings of a run. None of them changes the picks, except `seed`.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// Seed of every random decision.
    pub seed: u64,
    /// Worker threads; `None` takes as many as the machine has.
    pub threads: Option<usize>,
    /// Instruction set; `None` takes the best of this processor.
    pub isa: Option<Isa>,
    /// Rows read at once by a worker, up to [`CHUNK_ROWS`]; `None` chooses by row size.
    pub block_rows: Option<usize>,
    /// Bytes in which what would have to be worked out again may be kept, such as the similarities of all pairs of rows;
    /// `None` is [`CACHE_BYTES`]. They count toward the plan where they are used.
    pub cache_bytes: Option<u64>,
}

/// [`Settings::cache_bytes`] where nothing is said: 1 GiB.
pub const CACHE_BYTES: u64 = 1 << 30;

/// Receives progress of a run.
pub trait Progress: Send + Sync {
    /// A stage begins: its name and how many steps it has.
    fn begin(&self, stage: &str, steps: u64);
    /// So many steps of the stage are done.
    fn at(&self, steps: u64);
    /// Within the current step, so many of the chunks of a pass over the rows are done.
    fn pass(&self, _done: u64, _chunks: u64) {}
}

/// Progress that nobody watches.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Progress for Silent {
    fn begin(&self, _stage: &str, _steps: u64) {}
    fn at(&self, _steps: u64) {}
}

/// Carries what a run needs and collects what it has to tell.
pub struct Context {
    seed: u64,
    kernels: Kernels,
    threads: rayon::ThreadPool,
    block_rows: Option<usize>,
    cache_bytes: u64,
    progress: Arc<dyn Progress>,
    cancel: Arc<AtomicBool>,
    rules: Option<Rules>,
    memo: Memo,
    warnings: Vec<String>,
    events: serde_json::Map<String, Value>,
}

impl Context {
    /// A context with these settings, silent and never cancelled.
    ///
    /// # Errors
    /// [`Error::Settings`] for an instruction set this processor lacks, a block of 0 rows, or threads that cannot start.
    pub fn new(settings: &Settings) -> Result<Self, Error> {
        let isa = settings.isa.unwrap_or_else(Isa::best);
        let kernels =
            Kernels::new(isa).ok_or_else(|| Error::Settings(format!("this processor has no {}", isa.name())))?;
        if settings.block_rows == Some(0) {
            return Err(Error::Settings("a block must have at least 1 row, got 0".into()));
        }
        if settings.threads == Some(0) {
            return Err(Error::Settings("at least 1 thread is needed, got 0".into()));
        }
        let threads = rayon::ThreadPoolBuilder::new()
            .num_threads(settings.threads.unwrap_or(0))
            .thread_name(|i| format!("subsel-{i}"))
            .build()
            .map_err(|error| Error::Settings(format!("threads cannot start: {error}")))?;
        Ok(Context {
            seed: settings.seed,
            kernels,
            threads,
            block_rows: settings.block_rows,
            cache_bytes: settings.cache_bytes.unwrap_or(CACHE_BYTES),
            progress: Arc::new(Silent),
            cancel: Arc::default(),
            rules: None,
            memo: Memo::default(),
            warnings: Vec::new(),
            events: serde_json::Map::new(),
        })
    }

    /// From now on remembers clusterings and graphs of neighbors, and forgets those remembered before: for several runs on
    /// one pool. What is remembered is not in any plan.
    pub fn remember(&mut self) {
        self.memo = Memo::remembering();
    }

    /// What was found for several runs.
    pub(crate) fn memo(&self) -> &Memo {
        &self.memo
    }

    /// Reports progress to `progress` from now on.
    pub fn set_progress(&mut self, progress: Arc<dyn Progress>) {
        self.progress = progress;
    }

    /// The flag that stops the run as soon as it is set, from any thread or a signal handler.
    pub fn cancel_flag(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.cancel)
    }

    /// The kernels of the chosen instruction set.
    pub fn kernels(&self) -> Kernels {
        self.kernels
    }

    /// The seed.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// The same context under another seed, to run again with other draws.
    pub fn set_seed(&mut self, seed: u64) {
        self.seed = seed;
    }

    /// A named stream of this run's seed.
    pub fn stream(&self, name: &str) -> Stream {
        Stream::new(self.seed, name)
    }

    /// The thread pool.
    pub fn threads(&self) -> &rayon::ThreadPool {
        &self.threads
    }

    /// Rows a worker reads at once at `dim` values per row.
    pub fn block_rows(&self, dim: usize) -> usize {
        // 2 MiB of f32: panel products reach their best rate at about 1,024 rows of 512 values.
        self.block_rows.unwrap_or((512 << 10) / dim).clamp(1, CHUNK_ROWS)
    }

    /// Bytes in which a method may keep what it would otherwise work out again.
    pub fn cache_bytes(&self) -> u64 {
        self.cache_bytes
    }

    /// Sets these bytes for the next run.
    pub fn set_cache_bytes(&mut self, bytes: u64) {
        self.cache_bytes = bytes;
    }

    /// The progress receiver.
    pub fn progress(&self) -> &dyn Progress {
        &*self.progress
    }

    /// Tells whether the run is to stop.
    ///
    /// # Errors
    /// [`Error::Interrupted`] if so.
    pub fn go_on(&self) -> Result<(), Error> {
        if self.cancel.load(Ordering::Relaxed) { Err(Error::Interrupted) } else { Ok(()) }
    }

    /// Asks the rules of the run whether a row may be picked; if so, it counts as picked. A method that
    /// [asks](crate::Asks::BeforeEach) does so for every row it is about to pick.
    ///
    /// # Errors
    /// Reading.
    pub(crate) fn take(&mut self, pool: &CheckedPool<'_>, row: usize) -> Result<bool, Error> {
        let Some(mut rules) = self.rules.take() else { return Ok(true) };
        let taken = rules.take(pool, row, self);
        self.rules = Some(rules);
        taken
    }

    /// Whether the run has rules.
    pub(crate) fn has_rules(&self) -> bool {
        self.rules.is_some()
    }

    /// Sets the rules of the run and gives those before.
    pub(crate) fn set_rules(&mut self, rules: Option<Rules>) -> Option<Rules> {
        std::mem::replace(&mut self.rules, rules)
    }

    /// Warns the user; shown in the summary and kept in the manifest.
    pub fn warn(&mut self, warning: impl Into<String>) {
        let warning = warning.into();
        if !self.warnings.contains(&warning) {
            self.warnings.push(warning);
        }
    }

    /// Warns by `what` and `detail`, unless a warning that begins with `what` was given before.
    pub(crate) fn warn_once(&mut self, what: &str, detail: impl std::fmt::Display) {
        if !self.warnings.iter().any(|warning| warning.starts_with(what)) {
            self.warnings.push(format!("{what} {detail}"));
        }
    }

    /// Records a fact of the run for the manifest, such as where Gram-Schmidt restarted.
    pub fn record(&mut self, key: &str, value: impl Into<Value>) {
        self.events.insert(key.into(), value.into());
    }

    /// Takes the warnings and facts collected so far.
    pub fn take_notes(&mut self) -> (Vec<String>, serde_json::Map<String, Value>) {
        (std::mem::take(&mut self.warnings), std::mem::take(&mut self.events))
    }
}
