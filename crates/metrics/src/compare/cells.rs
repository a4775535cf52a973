//! What was found for each method, budget and seed, kept in a file so that nothing is found twice.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::Map;

use super::setting::RowsAs;
use crate::error::Error;
use crate::lines::Lines;

/// Where a result stands.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Place {
    /// The method's text.
    pub method: String,
    /// The budget's text.
    pub budget: String,
    /// The seed.
    pub seed: u64,
}

/// What was found in one place.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Cell {
    /// Where.
    #[serde(flatten)]
    pub place: Place,
    /// Rows picked.
    pub picks: usize,
    /// Hash of the picks in order.
    pub hash: String,
    /// Seconds of the selection; for nested methods, of the largest budget's.
    pub select_secs: f64,
    /// What the judges say: accuracies by the evaluator's name, `ceiling`, metrics by theirs. A value that is none is null.
    pub values: Map<String, serde_json::Value>,
}

impl Cell {
    /// What a judge says; NaN where it says nothing.
    pub fn value(&self, column: &str) -> f64 {
        self.values.get(column).and_then(serde_json::Value::as_f64).unwrap_or(f64::NAN)
    }

    /// Whether all these judges were asked.
    pub(crate) fn has(&self, columns: &[String]) -> bool {
        columns.iter().all(|column| self.values.contains_key(column))
    }
}

/// What results depend on beside their place. A file of results begins with it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Header {
    /// Version of what was run.
    pub version: String,
    /// Fingerprint of the pool.
    pub pool: String,
    /// Fingerprint of labels and test rows; empty without.
    pub examples: String,
    /// Rows of a sample.
    pub pool_size: Option<usize>,
    /// Rows labeled before.
    pub initial: usize,
    /// How methods are given rows.
    pub rows: RowsAs,
    /// Whether methods see labels.
    pub show_labels: bool,
    /// What each evaluator does, by name.
    pub evaluators: BTreeMap<String, String>,
}

impl Header {
    /// What is not the same, in words; evaluators may be added.
    fn difference(&self, other: &Header) -> Option<String> {
        let told = |what: &str, ours: &dyn std::fmt::Debug, theirs: &dyn std::fmt::Debug| {
            (format!("{ours:?}") != format!("{theirs:?}")).then(|| format!("{what} (there {theirs:?}, here {ours:?})"))
        };
        told("the program's version", &self.version, &other.version)
            .or_else(|| told("the fingerprint of the pool", &self.pool, &other.pool))
            .or_else(|| told("the fingerprint of labels and test rows", &self.examples, &other.examples))
            .or_else(|| told("the pool size", &self.pool_size, &other.pool_size))
            .or_else(|| told("the initial rows", &self.initial, &other.initial))
            .or_else(|| told("the scaling of rows", &self.rows, &other.rows))
            .or_else(|| told("what methods see of labels", &self.show_labels, &other.show_labels))
            .or_else(|| {
                let mut known = self.evaluators.iter();
                known.find_map(|(name, ours)| other.evaluators.get(name).and_then(|theirs| told(name, ours, theirs)))
            })
    }
}

/// All results so far; each is on disk before the next is sought, if there is a file.
#[derive(Debug, Default)]
pub struct Journal {
    cells: HashMap<Place, Cell>,
    lines: Option<Lines>,
}

impl Journal {
    /// Results that are kept in memory only.
    pub fn in_memory() -> Self {
        Journal::default()
    }

    /// Opens the file of results of this comparison, or begins it. A last line that a killed run left unfinished is cut
    /// off.
    ///
    /// # Errors
    /// [`Error::OtherComparison`], and what reading and writing meet.
    pub fn open(path: &Path, header: &Header) -> Result<Self, Error> {
        let failed = |error| Error::Results { path: path.into(), error };
        let check = |theirs: &Header| match header.difference(theirs) {
            Some(what) => Err(Error::OtherComparison { path: path.into(), what }),
            None => Ok(()),
        };
        let mut cells = HashMap::new();
        let keep = |cell: Cell| drop(cells.insert(cell.place.clone(), cell));
        let lines = Lines::open(path, header, check, keep, failed)?;
        Ok(Journal { cells, lines: Some(lines) })
    }

    /// The result in a place, if it is known.
    pub fn get(&self, place: &Place) -> Option<&Cell> {
        self.cells.get(place)
    }

    /// How many results there are.
    pub fn len(&self) -> usize {
        self.cells.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.cells.is_empty()
    }

    /// Adds a result, or what more was found where one is.
    ///
    /// # Errors
    /// [`Error::Results`].
    pub fn add(&mut self, cell: Cell) -> Result<(), Error> {
        let mut cell = cell;
        if let Some(known) = self.cells.get(&cell.place)
            && known.hash == cell.hash
        {
            let mut values = known.values.clone();
            values.extend(std::mem::take(&mut cell.values));
            cell.values = values;
        }
        self.write(&cell)?;
        self.cells.insert(cell.place.clone(), cell);
        Ok(())
    }

    fn write(&mut self, line: &impl Serialize) -> Result<(), Error> {
        let Some(lines) = &mut self.lines else { return Ok(()) };
        lines.add(line).map_err(|error| Error::Results { path: lines.path().into(), error })
    }
}
