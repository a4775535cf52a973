//! What can go wrong between a pool and a selection.

/// Why a selection could not be made. Facts only; [`Error::hint`] has the remedy where one is known.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Reading the pool failed.
    #[error(transparent)]
    Format(#[from] subsel_formats::Error),
    /// A parameter breaks its rule.
    #[error("`{param}` of `{method}` must be {rule}, got {got}")]
    Param {
        /// The method's name.
        method: &'static str,
        /// The parameter's name.
        param: &'static str,
        /// What is required.
        rule: String,
        /// What was given.
        got: String,
    },
    /// The method text cannot be read.
    #[error("{0}")]
    Grammar(#[from] crate::grammar::GrammarError),
    /// The pool has no rows.
    #[error("the pool has no rows")]
    EmptyPool,
    /// NaN or infinite values.
    #[error("embeddings hold {count} non-finite values, the first ({value}) at row {row}, column {column}")]
    NonFinite {
        /// How many values.
        count: usize,
        /// Row of the first, from 0.
        row: usize,
        /// Column of the first, from 0.
        column: usize,
        /// The first.
        value: f32,
    },
    /// A budget that cannot be met.
    #[error("cannot pick {budget} of {candidates} candidate rows")]
    Budget {
        /// Picks asked for.
        budget: usize,
        /// Rows that may be picked.
        candidates: usize,
    },
    /// A budget text that is no budget.
    #[error("budget `{text}` is neither a count, nor a percentage, nor a list of them: {detail}")]
    BudgetText {
        /// What was given.
        text: String,
        /// What is wrong with it.
        detail: String,
    },
    /// A list with one entry per row has another length.
    #[error("{what} have {got} entries but the embeddings have {n} rows")]
    Length {
        /// Which list.
        what: &'static str,
        /// Its entries.
        got: usize,
        /// The pool's rows.
        n: usize,
    },
    /// A list of numbers with one that breaks its rule.
    #[error("{what} must be {rule}, and that of row {row} is {value}")]
    Number {
        /// Which list.
        what: &'static str,
        /// What is required.
        rule: &'static str,
        /// The row.
        row: usize,
        /// What it has.
        value: f64,
    },
    /// Probabilities of a row that are none.
    #[error("probabilities must sum to 1 in every row, and those of row {row} sum to {sum:.6}")]
    ProbabilitySum {
        /// The row.
        row: usize,
        /// What its probabilities sum to.
        sum: f64,
    },
    /// Model outputs of too few classes.
    #[error("{what} must be of at least 2 classes, got {got} per row")]
    Classes {
        /// Which outputs.
        what: &'static str,
        /// Classes they have.
        got: usize,
    },
    /// Labels that are not those of the model's classes.
    #[error("the {names} different labels, such as `{name}`, do not name the {classes} classes of the model outputs")]
    Labels {
        /// How many different labels there are.
        names: usize,
        /// One of them.
        name: String,
        /// Classes of the outputs.
        classes: usize,
    },
    /// A row whose class is not known, for a score that goes by it.
    #[error("`{method}` goes by the class of every row, and that of row {row} is not known: it is labeled `{label}`")]
    ClassUnknown {
        /// The score.
        method: &'static str,
        /// The row.
        row: usize,
        /// Its label.
        label: String,
    },
    /// What a training handed over cannot be tracked.
    #[error(transparent)]
    Training(#[from] crate::training::TrainingError),
    /// A row number beyond the pool.
    #[error("{what} names row {row}, but the pool has rows 0 to {last}")]
    RowOutOfRange {
        /// Which list.
        what: &'static str,
        /// The number.
        row: String,
        /// The last row.
        last: usize,
    },
    /// A row that may not be picked was named for picking.
    #[error("{what} names row {row}, which is labeled, excluded or not in this pool")]
    NotCandidate {
        /// Which setting.
        what: &'static str,
        /// The row.
        row: usize,
    },
    /// Rows that cannot be judged as picks.
    #[error("these rows cannot be judged: {0}")]
    Judged(String),
    /// A method that needs something the pool lacks.
    #[error("`{method}` needs {what}, and the pool has none")]
    Missing {
        /// The method.
        method: &'static str,
        /// What it needs.
        what: &'static str,
        /// How to give it.
        hint: &'static str,
    },
    /// A rule for the picks that cannot be kept.
    #[error("`{rule}`: {detail}")]
    Rule {
        /// The rule as it is written.
        rule: String,
        /// What is wrong.
        detail: String,
        /// What to do.
        hint: String,
    },
    /// Gram-Schmidt ran out of directions and was told to fail then.
    #[error("the first {rank} picks and labeled rows span every row left, so {budget} picks are beyond the rank")]
    Rank {
        /// Dimension of the span.
        rank: usize,
        /// Picks asked for.
        budget: usize,
    },
    /// The plan needs more memory than allowed.
    #[error("this needs about {need} of memory, and {allowed} are allowed", need = crate::plan::bytes_text(*.need), allowed = crate::plan::bytes_text(*.allowed))]
    Memory {
        /// Bytes needed.
        need: u64,
        /// Bytes allowed.
        allowed: u64,
    },
    /// Settings of the run itself, such as threads or the instruction set.
    #[error("{0}")]
    Settings(String),
    /// Stopped from outside.
    #[error("interrupted")]
    Interrupted,
}

impl Error {
    /// What to do about it, where that is known.
    pub fn hint(&self) -> Option<String> {
        match self {
            Error::NonFinite { .. } => Some("`--drop-nonfinite` leaves such rows out of the pool".into()),
            Error::Budget { budget: 0, .. } => Some("ask for at least 1 pick, such as `-n 100` or `-n 5%`".into()),
            Error::Budget { candidates, .. } => {
                Some(format!("`-n {candidates}` or `-n 100%` ranks all of them; labeled and excluded rows are no candidates"))
            }
            Error::ProbabilitySum { .. } | Error::Number { what: "probabilities", .. } => {
                Some("`--logits FILE` takes what a model says before softmax".into())
            }
            Error::Labels { .. } => {
                Some("labels are the numbers of the outputs' columns, from 0 (-1 where the class is not known), or as many names as there are columns, in ascending order".into())
            }
            Error::Missing { hint, .. } => Some((*hint).into()),
            Error::Rule { hint, .. } => Some(hint.clone()),
            Error::Memory { .. } => {
                Some("raise `--max-memory`, use fewer threads, or choose a method that keeps less (`subsel plan` compares them)".into())
            }
            Error::ClassUnknown { .. } => Some("score a pool of just the rows whose class is known".into()),
            Error::Training(error) => error.hint(),
            Error::Format(error) => error.hint(),
            Error::Grammar(error) => error.hint(),
            _ => None,
        }
    }
}
