//! What a comparison is made on: test rows, and classes numbered alike in pool and test.

use std::path::Path;

use subsel::{Classes, Pool};
use subsel_formats::{OpenOptions, Opened, open};
use subsel_kernels::{Block, Kernels};

use crate::args::{CompareArgs, ReadArgs};
use crate::failure::Failure;
use crate::messages::counted;
use crate::side::{self, Given, Role};

/// Judges without labels where nobody names one.
pub(super) const USUAL_METRICS: &[&str] = &["mean-distance", "coverage-radius", "frechet", "largest-cosine"];

/// Test rows, and what is worth knowing of them.
pub(crate) struct Examples {
    pub(crate) test: Option<subsel_metrics::Examples>,
    pub(crate) notes: Vec<String>,
    classes: usize,
}

impl Examples {
    /// Those of a comparison, if it has any.
    pub(super) fn read(
        args: &CompareArgs,
        test: Option<(Opened, Given)>,
        pool: &mut Pool<'_>,
    ) -> Result<Self, Failure> {
        if let Some((features, labels)) = test {
            return Self::of("the test rows", features, &labels, None, pool);
        }
        let (Some(features), Some(labels)) = (&args.test_features, &args.test_labels) else {
            if args.test_features.is_some() || args.test_labels.is_some() {
                return Err(Failure::usage("`--test-features` and `--test-labels` go together"));
            }
            return Ok(Examples { test: None, notes: Vec::new(), classes: 0 });
        };
        Self::open(features, labels, &args.read, pool)
    }

    /// Reads test rows as the pool is read, and numbers the classes of pool and test alike.
    pub(crate) fn open(features: &Path, labels: &Path, read: &ReadArgs, pool: &mut Pool<'_>) -> Result<Self, Failure> {
        let options = OpenOptions {
            column: read.column.clone(),
            id_column: read.id_column.clone(),
            dtype: read.dtype.map(|dtype| dtype.dtype()),
            scratch_dir: read.scratch.clone(),
            join: read.join.join(),
        };
        let opened = open(&[features.to_owned()], &options)?;
        let labels = Given::File(labels.to_owned());
        Self::of(&features.display().to_string(), opened, &labels, read.column.as_deref(), pool)
    }

    /// Test rows that are open, of this name, and their classes, numbered as those of the pool.
    pub(crate) fn of(
        name: &str,
        opened: Opened,
        labels: &Given,
        column: Option<&str>,
        pool: &mut Pool<'_>,
    ) -> Result<Self, Failure> {
        let (n, dim) = (opened.source.n_rows(), opened.source.dim());
        let classes = side::classes(Role::Labels, labels, column, n)?;
        let mut values = vec![0.0; n * dim];
        let mut scratch = Block::new(opened.source.dtype());
        const AT_ONCE: usize = 4096;
        for first in (0..n).step_by(AT_ONCE) {
            let rows = opened.source.rows(first..(first + AT_ONCE).min(n), &mut scratch)?;
            if let Some(bad) = Kernels::best().non_finite(rows) {
                let (row, column) = (first + bad.first.0, bad.first.1);
                return Err(Failure::new(format!("{name}: the value of row {row}, column {column} is not finite")));
            }
            let end = first + rows.len();
            Kernels::best().widen(rows, &mut values[first * dim..end * dim]);
        }
        let (classes, notes) = match &mut pool.known.labels {
            Some(of_pool) => join(of_pool, &classes),
            None => (classes.clone(), Vec::new()),
        };
        let count = classes.names.len();
        let test = subsel_metrics::Examples::new(&values, dim, classes.codes)?;
        Ok(Examples { test: Some(test), notes, classes: count })
    }

    /// Bytes of the test rows.
    pub(crate) fn bytes(&self) -> u64 {
        self.test.as_ref().map_or(0, |test| 4 * (test.width() as u64 + 1) * test.len() as u64)
    }

    /// Numbers that telling the test rows takes.
    pub(crate) fn logits(&self) -> u64 {
        self.test.as_ref().map_or(0, |test| (test.len() * (self.classes + 4)) as u64)
    }
}

/// Numbers the classes of test rows as those of the pool, those only one of them has included; and tells which they are.
pub(crate) fn join(pool: &mut Classes, test: &Classes) -> (Classes, Vec<String>) {
    let mut notes = Vec::new();
    let missing = |names: &[String], others: &[String]| -> Vec<String> {
        names.iter().filter(|name| !others.contains(name)).cloned().collect()
    };
    let absent = missing(&pool.names, &test.names);
    if !absent.is_empty() {
        notes.push(format!("no test row is of {}: what is known of them counts for nothing", listed(&absent)));
    }
    let unknown = missing(&test.names, &pool.names);
    if !unknown.is_empty() {
        notes.push(format!("no row of the pool is of {}: their test rows cannot be told rightly", listed(&unknown)));
    }
    let all: Vec<String> = pool.names.iter().chain(&test.names).cloned().collect();
    let joined = Classes::from_names(&all);
    let (of_pool, of_test) = joined.codes.split_at(pool.names.len());
    pool.codes.iter_mut().for_each(|code| *code = of_pool[*code as usize]);
    pool.names.clone_from(&joined.names);
    let codes = test.codes.iter().map(|code| of_test[*code as usize]).collect();
    (Classes { codes, names: joined.names }, notes)
}

fn listed(names: &[String]) -> String {
    const SHOWN: usize = 5;
    let some = names.iter().take(SHOWN).map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    match names.len() {
        n if n <= SHOWN => format!("{} {some}", if n == 1 { "class" } else { "the classes" }),
        n => format!("{} such as {some}", counted(n, "class")),
    }
}

/// Methods of a list: a comma parts two methods unless a parameter follows it.
pub(super) fn methods(text: &str) -> Vec<String> {
    let mut methods: Vec<String> = Vec::new();
    for part in text.split(',') {
        let is_parameter = part.split_once('=').is_some_and(|(name, _)| !name.contains([':', '+']));
        match methods.last_mut() {
            Some(last) if is_parameter => {
                last.push(',');
                last.push_str(part);
            }
            _ => methods.push(part.trim().to_owned()),
        }
    }
    methods
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commas_part_methods_and_parameters() {
        assert_eq!(
            methods("random,prob-cover:delta=0.6,closed=true+norm:norm=l1,pick=largest,k-center"),
            ["random", "prob-cover:delta=0.6,closed=true+norm:norm=l1,pick=largest", "k-center"]
        );
        assert_eq!(methods("norm, typiclust:k=3"), ["norm", "typiclust:k=3"]);
    }

    #[test]
    fn classes_are_numbered_alike() {
        let names = |names: &[&str]| Classes::from_names(&names.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>());
        let mut pool = names(&["b", "a", "d"]);
        let (test, notes) = join(&mut pool, &names(&["c", "b", "b"]));
        assert_eq!((pool.codes, pool.names), (vec![1, 0, 3], ["a", "b", "c", "d"].map(String::from).to_vec()));
        assert_eq!(test.codes, [2, 1, 1]);
        assert_eq!(notes.len(), 2, "{notes:?}");
        assert!(notes[0].contains("the classes `a`, `d`") && notes[1].contains("class `c`"), "{notes:?}");
    }
}
