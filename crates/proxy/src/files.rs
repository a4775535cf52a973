//! What a training leaves in its directory, read back and checked: the same for programs of the user's and for ours.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use subsel::training::{Tracker, TrainingScore};
use subsel::{OutputKind, Outputs};
use subsel_formats::{
    Block, Column, Dtype, Listed, NpyWriter, OpenOptions, PicksTable, PicksWriter, RowSource, Rows, SideColumn,
    SideOptions, open, read_column,
};
use subsel_kernels::Kernels;

use crate::error::Error;
use crate::learner::{Features, Wants};

/// Outputs of the pool before softmax, and after.
const OUTPUTS: [(&str, OutputKind); 2] = [("logits.npy", OutputKind::Logits), ("probs.npy", OutputKind::Probabilities)];

/// The same of the test rows.
const TEST_OUTPUTS: [(&str, OutputKind); 2] =
    [("test_logits.npy", OutputKind::Logits), ("test_probs.npy", OutputKind::Probabilities)];

const FEATURES: &str = "features.npy";
const SCORES: &str = "scores.npy";
const TRACKER: &str = "tracker.json";
const METRICS: &str = "metrics.json";
const PICKS: &str = "picked_rows.npy";
const RANKING: &str = "ranking.npy";

/// The rows to learn from, as `npy` and as lines of text.
pub(crate) const ROWS: [&str; 2] = ["rows.npy", "rows.txt"];

/// What a training says of itself in `metrics.json`.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
pub(crate) struct Metrics {
    pub(crate) test_accuracy: Option<f64>,
    pub(crate) best_test_accuracy: Option<f64>,
    pub(crate) test_rows: Option<usize>,
    pub(crate) inference_seconds: Option<f64>,
}

/// The directory of a training of a pool of `n` rows.
#[derive(Clone, Debug)]
pub(crate) struct Left {
    pub(crate) dir: PathBuf,
    pub(crate) n: usize,
}

impl Left {
    /// Takes away what an earlier training left, so that nothing old is taken for new; what else it wrote stays.
    pub(crate) fn clear(&self) -> Result<(), Error> {
        let outputs = OUTPUTS.iter().chain(&TEST_OUTPUTS).map(|(name, _)| *name);
        for name in outputs.chain([FEATURES, SCORES, TRACKER, METRICS, PICKS, RANKING]) {
            let path = self.dir.join(name);
            match fs::remove_file(&path) {
                Err(error) if error.kind() != ErrorKind::NotFound => return Err(Error::io("remove", &path, error)),
                _ => {}
            }
        }
        Ok(())
    }

    /// Whether all that is wanted is there, unread.
    pub(crate) fn has(&self, wants: Wants, features_are_input: bool) -> bool {
        let is = |name: &str| self.dir.join(name).is_file();
        let any = |names: &[(&str, OutputKind)]| names.iter().any(|(name, _)| is(name));
        (!wants.logits || any(&OUTPUTS))
            && (!wants.features || features_are_input || is(FEATURES))
            && (wants.dynamics.is_none() || is(SCORES) || is(TRACKER))
    }

    /// Reads all that is wanted, to refuse what is not as it should be. `rows` were learned from.
    pub(crate) fn check(&self, wants: Wants, features_are_input: bool, rows: &[usize]) -> Result<(), Error> {
        if wants.logits {
            self.outputs()?;
        }
        if wants.features && !features_are_input {
            self.features()?;
        }
        if let Some(score) = wants.dynamics {
            self.scores(score, rows)?;
        }
        Ok(())
    }

    /// Outputs of the pool.
    pub(crate) fn outputs(&self) -> Result<Outputs, Error> {
        let found = self.either(&OUTPUTS, self.n, "rows of the pool")?;
        found.ok_or_else(|| self.absent(OUTPUTS[0].0, "(n, classes), one row per row of the pool, or probs.npy"))
    }

    /// Outputs of `m` test rows, if they are there.
    pub(crate) fn test_outputs(&self, m: usize) -> Result<Option<Outputs>, Error> {
        self.either(&TEST_OUTPUTS, m, "test rows")
    }

    /// Outputs of the pool, if they are there.
    pub(crate) fn outputs_if_there(&self) -> Result<Option<Outputs>, Error> {
        self.either(&OUTPUTS, self.n, "rows of the pool")
    }

    fn either(&self, names: &[(&str, OutputKind)], n: usize, what: &str) -> Result<Option<Outputs>, Error> {
        for (name, kind) in names {
            let path = self.dir.join(name);
            if path.is_file() {
                let (values, classes) = matrix(&path, n, what)?;
                let outputs = Outputs::new(*kind, values, classes);
                outputs.check(n).map_err(|error| Error::output(&path, error.to_string(), None))?;
                return Ok(Some(outputs));
            }
        }
        Ok(None)
    }

    /// Penultimate features of the pool, to be read by blocks.
    pub(crate) fn features(&self) -> Result<Box<dyn RowSource>, Error> {
        let path = self.dir.join(FEATURES);
        if !path.is_file() {
            return Err(self.absent(FEATURES, "(n, h), one row per row of the pool: the input of the last layer"));
        }
        let source = open(std::slice::from_ref(&path), &OpenOptions::default())?.source;
        expect_rows(&path, source.n_rows(), self.n, "rows of the pool")?;
        Ok(source)
    }

    /// What the training says of each row, higher being harder; `rows` were learned from and must have a number.
    pub(crate) fn scores(&self, score: TrainingScore, rows: &[usize]) -> Result<Vec<f64>, Error> {
        let path = self.dir.join(SCORES);
        let (path, scores) = match path.is_file() {
            true => {
                let values = read_column(&path, &SideOptions::default())?.values;
                let scores = match values {
                    SideColumn::Floats(values) => values,
                    SideColumn::Ints(values) => values.into_iter().map(|value| value as f64).collect(),
                    SideColumn::Texts(_) => return Err(Error::output(&path, "must hold numbers", None)),
                };
                (path, scores)
            }
            false => {
                let path = self.dir.join(TRACKER);
                let Some(text) = text_of(&path)? else {
                    return Err(self.absent(SCORES, "(n,), one number per row of the pool, or tracker.json"));
                };
                let tracker: Tracker =
                    serde_json::from_str(&text).map_err(|error| Error::output(&path, error.to_string(), None))?;
                let scores = tracker.scores(score);
                (path, scores)
            }
        };
        expect_rows(&path, scores.len(), self.n, "rows of the pool")?;
        match rows.iter().find(|row| scores[**row].is_nan()) {
            Some(row) => Err(Error::output(
                &path,
                format!("row {row}, which was learned from, has no {} score", score.name()),
                Some("every row must be seen in the epochs that count"),
            )),
            None => Ok(scores),
        }
    }

    /// What the training says of itself.
    pub(crate) fn metrics(&self) -> Result<Metrics, Error> {
        let path = self.dir.join(METRICS);
        let Some(text) = text_of(&path)? else { return Ok(Metrics::default()) };
        let metrics: Metrics =
            serde_json::from_str(&text).map_err(|error| Error::output(&path, error.to_string(), None))?;
        for (name, value) in
            [("test_accuracy", metrics.test_accuracy), ("best_test_accuracy", metrics.best_test_accuracy)]
        {
            if let Some(value) = value.filter(|value| !(0.0..=1.0).contains(value)) {
                let hint = "it is a share of the test rows: 0.93 for 93 %";
                return Err(Error::output(&path, format!("`{name}` must be from 0 to 1, got {value}"), Some(hint)));
            }
        }
        Ok(metrics)
    }

    /// That nothing tells an accuracy.
    pub(crate) fn no_accuracy(&self) -> Error {
        self.absent(
            METRICS,
            "{\"test_accuracy\": 0.93}, or test_logits.npy (m, classes) where `--test-labels` is given",
        )
    }

    fn absent(&self, name: &str, wanted: &str) -> Error {
        let detail = format!("is not there; wanted: {wanted}");
        Error::output(&self.dir.join(name), detail, Some("docs/proxy.md tells what a training writes, and where"))
    }

    /// Writes outputs of the pool, unless the learner left them.
    pub(crate) fn keep_outputs(&self, outputs: &Outputs) -> Result<(), Error> {
        self.keep_either(&OUTPUTS, outputs)
    }

    /// Writes outputs of the test rows, unless the learner left them.
    pub(crate) fn keep_test_outputs(&self, outputs: &Outputs) -> Result<(), Error> {
        self.keep_either(&TEST_OUTPUTS, outputs)
    }

    fn keep_either(&self, names: &[(&str, OutputKind)], outputs: &Outputs) -> Result<(), Error> {
        if names.iter().any(|(name, _)| self.dir.join(name).is_file()) {
            return Ok(());
        }
        let name = names.iter().find(|(_, kind)| *kind == outputs.kind()).map_or(names[0].0, |(name, _)| *name);
        write_matrix(&self.dir.join(name), outputs.values(), outputs.classes())
    }

    /// Writes features of the pool, unless the learner left them.
    pub(crate) fn keep_features(&self, features: &Features) -> Result<(), Error> {
        let path = self.dir.join(FEATURES);
        if path.is_file() { Ok(()) } else { write_matrix(&path, &features.values, features.dim) }
    }

    /// Writes what the training said of each row, unless the learner left it.
    pub(crate) fn keep_scores(&self, scores: &[f64]) -> Result<(), Error> {
        let path = self.dir.join(SCORES);
        if path.is_file() { Ok(()) } else { write_numbers(&path, scores) }
    }

    /// Writes the rows to learn from.
    pub(crate) fn write_rows(&self, rows: &[usize]) -> Result<(), Error> {
        ROWS.iter().try_for_each(|name| write_rows(&self.dir.join(name), rows))
    }

    /// Writes what was chosen, in order, and the scores it was chosen by.
    pub(crate) fn write_ranking(&self, picks: &[usize], scores: Option<&[f64]>) -> Result<(), Error> {
        if let Some(scores) = scores {
            write_numbers(&self.dir.join(RANKING), scores)?;
        }
        write_rows(&self.dir.join(PICKS), picks)
    }

    /// What was chosen, in order.
    pub(crate) fn picks(&self) -> Result<Vec<usize>, Error> {
        let path = self.dir.join(PICKS);
        match read_column(&path, &SideOptions::default())?.values {
            SideColumn::Ints(rows) => rows
                .into_iter()
                .map(|row| usize::try_from(row).ok().filter(|row| *row < self.n))
                .collect::<Option<Vec<usize>>>()
                .ok_or_else(|| Error::output(&path, "names a row beyond the pool", None)),
            _ => Err(Error::output(&path, "must hold row numbers", None)),
        }
    }

    /// The scores it was chosen by.
    pub(crate) fn ranking(&self) -> Result<Option<Vec<f64>>, Error> {
        let path = self.dir.join(RANKING);
        if !path.is_file() {
            return Ok(None);
        }
        match read_column(&path, &SideOptions::default())?.values {
            SideColumn::Floats(scores) if scores.len() == self.n => Ok(Some(scores)),
            _ => Err(Error::output(&path, "must hold a number per row of the pool", None)),
        }
    }
}

/// A file's text, if it is there.
fn text_of(path: &Path) -> Result<Option<String>, Error> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Error::io("read", path, error)),
    }
}

/// A matrix of `n` rows, and values per row.
fn matrix(path: &Path, n: usize, what: &str) -> Result<(Vec<f32>, usize), Error> {
    let source = open(&[path.to_owned()], &OpenOptions::default())?.source;
    expect_rows(path, source.n_rows(), n, what)?;
    let dim = source.dim();
    let mut values = vec![0.0; n * dim];
    let mut block = Block::new(source.dtype());
    let at_once = (1 << 20) / dim.clamp(1, 1 << 20);
    for (part, out) in values.chunks_mut(at_once * dim).enumerate() {
        let first = part * at_once;
        Kernels::best().widen(source.rows(first..first + out.len() / dim, &mut block)?, out);
    }
    Ok((values, dim))
}

fn expect_rows(path: &Path, got: usize, n: usize, what: &str) -> Result<(), Error> {
    if got == n {
        return Ok(());
    }
    let detail = format!("has {got} rows for {n} {what}");
    Err(Error::output(path, detail, Some("there must be one for each, in their order, whichever were learned from")))
}

fn write_matrix(path: &Path, values: &[f32], dim: usize) -> Result<(), Error> {
    let mut writer = NpyWriter::create(path, Dtype::F32, values.len() / dim, dim, true)?;
    writer.push(Rows::from_f32(values, dim))?;
    Ok(writer.finish()?)
}

fn write_numbers(path: &Path, values: &[f64]) -> Result<(), Error> {
    let columns = vec![("score".into(), Column::F64(values.to_vec()))];
    Ok(PicksWriter::create(path, true)?.write(&PicksTable { columns, listed: Listed::Scores })?)
}

/// Row numbers as int64 (`npy`) or a line each.
pub(crate) fn write_rows(path: &Path, rows: &[usize]) -> Result<(), Error> {
    let columns = vec![("row".into(), Column::U64(rows.iter().map(|row| *row as u64).collect()))];
    Ok(PicksWriter::create(path, true)?.write(&PicksTable { columns, listed: Listed::Rows })?)
}
