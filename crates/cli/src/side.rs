//! What is known of the rows: lists of rows, labels, groups, scores and ids, from files or from memory, checked against the
//! pool they belong to.

use std::collections::HashMap;
use std::fs::File;
use std::hash::Hash;
use std::io::Read;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use subsel::{Classes, OutputKind, Outputs};
use subsel_formats::{Ids, OpenOptions, RowSource, SideColumn, SideFile, SideOptions, open, read_column};
use subsel_kernels::{Block, Kernels};
use xxhash_rust::xxh3::Xxh3;

use crate::args::LabeledBy;
use crate::failure::Failure;
use crate::messages::{count, counted};

/// What a side file tells of the rows; each is an option of the same name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Rows labeled already.
    Labeled,
    /// A class per row.
    Labels,
    /// A group per row.
    Groups,
    /// A number per row.
    Scores,
    /// A cost per row.
    Costs,
    /// The probability of every class, per row.
    Probs,
    /// The same before softmax.
    Logits,
    /// Rows never to be picked.
    Exclude,
    /// A name per row.
    Ids,
}

impl Role {
    /// All there are.
    pub const ALL: [Role; 9] = [
        Role::Labeled,
        Role::Labels,
        Role::Groups,
        Role::Scores,
        Role::Costs,
        Role::Probs,
        Role::Logits,
        Role::Exclude,
        Role::Ids,
    ];

    /// The name of the option.
    pub fn name(self) -> &'static str {
        match self {
            Role::Labeled => "labeled",
            Role::Labels => "labels",
            Role::Groups => "groups",
            Role::Scores => "scores",
            Role::Costs => "costs",
            Role::Probs => "probs",
            Role::Logits => "logits",
            Role::Exclude => "exclude",
            Role::Ids => "ids",
        }
    }
}

/// Where something is known from.
pub enum Given {
    /// A file.
    File(PathBuf),
    /// Values in memory: one per row, or a list of rows by number or id.
    Column(SideColumn),
    /// Rows in memory that can only be meant by number.
    Rows(Vec<i64>),
    /// A matrix in memory, one row per row of the pool.
    Matrix(Box<dyn RowSource>),
}

impl Given {
    /// What messages call it: its file, or what it is.
    pub(crate) fn name(&self, what: &str) -> String {
        match self {
            Given::File(path) => path.display().to_string(),
            Given::Column(_) | Given::Rows(_) | Given::Matrix(_) => what.into(),
        }
    }

    /// Its file, if it has one.
    pub(crate) fn path(&self) -> Option<&Path> {
        match self {
            Given::File(path) => Some(path),
            Given::Column(_) | Given::Rows(_) | Given::Matrix(_) => None,
        }
    }

    /// A column, by preference one of these names.
    fn column(&self, what: &str, named: Option<&str>, prefer: &[&str]) -> Result<SideFile, Failure> {
        match self {
            Given::File(path) => {
                let prefer = named.into_iter().chain(prefer.iter().copied()).map(str::to_owned).collect();
                Ok(read_column(path, &SideOptions { column: None, prefer })?)
            }
            Given::Column(values) => Ok(SideFile { column: None, values: values.clone() }),
            // The name says what they are.
            Given::Rows(rows) => Ok(SideFile { column: Some("row".into()), values: SideColumn::Ints(rows.clone()) }),
            Given::Matrix(_) => Err(Failure::usage(format!("{what} must have one axis"))),
        }
    }
}

/// What is known, in the order in which it is read.
#[derive(Default)]
pub(crate) struct Sides(Vec<(Role, Given)>);

impl Sides {
    /// The files that are there.
    pub(crate) fn files(all: impl IntoIterator<Item = (Role, Option<PathBuf>)>) -> Self {
        Sides(all.into_iter().filter_map(|(role, path)| Some((role, Given::File(path?)))).collect())
    }

    /// The same with what is known from memory.
    pub(crate) fn with(mut self, more: Vec<(Role, Given)>) -> Self {
        self.0.extend(more);
        // Ids first, since lists of rows may go by them.
        self.0.sort_by_key(|(role, _)| *role != Role::Ids);
        self
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (Role, &Given)> {
        self.0.iter().map(|(role, given)| (*role, given))
    }

    /// The files.
    pub(crate) fn paths(&self) -> impl Iterator<Item = (Role, &Path)> {
        self.iter().filter_map(|(role, given)| Some((role, given.path()?)))
    }
}

/// A side file as the manifest keeps it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SideRecord {
    /// What it is.
    pub(crate) role: Role,
    /// Its path as given.
    pub(crate) path: String,
    /// Its entries.
    pub(crate) entries: usize,
    /// XXH3 (128 bits) of its bytes; empty for what was given in memory.
    pub(crate) xxh3: String,
}

/// What stands for the path of what was given in memory.
pub(crate) const IN_MEMORY: &str = "(memory)";

/// What tells how a list of rows is to be read.
pub(crate) struct Rows<'a> {
    /// Rows of the pool.
    pub(crate) n: usize,
    /// Names of the rows.
    pub(crate) ids: Option<&'a Ids>,
    /// What the user said that entries are.
    pub(crate) by: Option<LabeledBy>,
    /// The column the user named.
    pub(crate) column: Option<&'a str>,
}

/// Reads one label or group per row.
pub(crate) fn classes(role: Role, given: &Given, named: Option<&str>, n: usize) -> Result<Classes, Failure> {
    let prefer: &[&str] = match role {
        Role::Groups => &["group", "groups"],
        _ => LABELS,
    };
    let values = given.column(role.name(), named, prefer)?.values;
    expect_length(role, given, values.len(), n)?;
    Ok(Classes::from_names(&texts(values)))
}

/// Reads one label per row from a file that goes on beyond the rows of the pool.
pub(crate) fn first_classes(path: &Path, named: Option<&str>, n: usize) -> Result<Classes, Failure> {
    let given = Given::File(path.to_owned());
    let mut names = texts(given.column(Role::Labels.name(), named, LABELS)?.values);
    if names.len() < n {
        expect_length(Role::Labels, &given, names.len(), n)?;
    }
    names.truncate(n);
    Ok(Classes::from_names(&names))
}

/// Reads a column of labels, however long.
pub(crate) fn column(path: &Path, named: Option<&str>) -> Result<SideColumn, Failure> {
    Ok(Given::File(path.to_owned()).column(Role::Labels.name(), named, LABELS)?.values)
}

/// Names that columns of labels go by.
const LABELS: &[&str] = &["label", "labels", "class", "y"];

/// Reads one number per row.
pub(crate) fn numbers(role: Role, given: &Given, named: Option<&str>, n: usize) -> Result<Vec<f64>, Failure> {
    let prefer: &[&str] = match role {
        Role::Costs => &["cost", "costs"],
        _ => &["score", "scores", "value"],
    };
    let values = given.column(role.name(), named, prefer)?.values;
    expect_length(role, given, values.len(), n)?;
    match values {
        SideColumn::Floats(values) => Ok(values),
        SideColumn::Ints(values) => Ok(values.into_iter().map(|value| value as f64).collect()),
        SideColumn::Texts(values) => {
            let row = values.iter().position(|text| text.trim().parse::<f64>().is_err()).unwrap_or(0);
            let message = format!(
                "{}: {} must be numbers, that of row {row} is `{}`",
                given.name(role.name()),
                role.name(),
                values[row]
            );
            Err(Failure::new(message))
        }
    }
}

/// Reads what a model says of each row: a matrix, in any format of embeddings.
pub(crate) fn outputs(
    role: Role,
    given: &Given,
    named: Option<&str>,
    n: usize,
    scratch: Option<&Path>,
) -> Result<Outputs, Failure> {
    let opened;
    let source = match given {
        Given::File(path) => {
            opened = open_matrix(role, path, named, scratch)?;
            &*opened
        }
        Given::Matrix(source) => &**source,
        Given::Column(_) | Given::Rows(_) => {
            return Err(Failure::usage(format!("{} must have two axes", role.name())));
        }
    };
    expect_length(role, given, source.n_rows(), n)?;
    let kind = if role == Role::Logits { OutputKind::Logits } else { OutputKind::Probabilities };
    let (mut block, classes) = (Block::default(), source.dim());
    let mut values = vec![0.0; n * classes];
    let at_once = (1 << 20) / classes.clamp(1, 1 << 20);
    for (part, out) in values.chunks_mut(at_once * classes).enumerate() {
        let first = part * at_once;
        let rows = source.rows(first..first + out.len() / classes, &mut block)?;
        Kernels::best().widen(rows, out);
    }
    Ok(Outputs::new(kind, values, classes))
}

/// The only matrix of a file, or else the one of a name that fits.
fn open_matrix(
    role: Role,
    path: &Path,
    named: Option<&str>,
    scratch: Option<&Path>,
) -> Result<Box<dyn RowSource>, Failure> {
    let names = match role {
        Role::Logits => ["logits"].as_slice(),
        _ => ["probs", "probabilities"].as_slice(),
    };
    let try_open = |column: Option<&str>| {
        let options = OpenOptions {
            column: column.map(str::to_owned),
            scratch_dir: scratch.map(Path::to_owned),
            ..OpenOptions::default()
        };
        open(&[path.to_owned()], &options)
    };
    match try_open(None) {
        Err(error @ subsel_formats::Error::AmbiguousColumn { .. }) => {
            let mut named = named.into_iter().chain(names.iter().copied());
            Ok(named.find_map(|name| try_open(Some(name)).ok()).ok_or(error)?.source)
        }
        opened => Ok(opened?.source),
    }
}

/// Reads one id per row.
pub(crate) fn ids(given: &Given, named: Option<&str>, n: usize) -> Result<Ids, Failure> {
    let values = given.column(Role::Ids.name(), named, &["id", "ids", "name"])?.values;
    expect_length(Role::Ids, given, values.len(), n)?;
    Ok(match values {
        SideColumn::Ints(ids) => Ids::Int(ids),
        other => Ids::Text(texts(other)),
    })
}

fn expect_length(role: Role, given: &Given, got: usize, n: usize) -> Result<(), Failure> {
    if got == n {
        return Ok(());
    }
    let place = given.path().map(|path| format!(" in {}", path.display())).unwrap_or_default();
    let message = format!("{} {}{place} for a pool of {} rows", count(got), role.name(), count(n));
    let header = "a first line that is no header in a csv counts as one; a txt has no header";
    Err(Failure::new(message).hint(if got + 1 == n && given.path().is_some() {
        header
    } else {
        "there must be one for each row, in the order of the rows"
    }))
}

/// The values as texts.
pub(crate) fn texts(values: SideColumn) -> Vec<String> {
    match values {
        SideColumn::Ints(values) => values.iter().map(i64::to_string).collect(),
        SideColumn::Floats(values) => values.iter().map(f64::to_string).collect(),
        SideColumn::Texts(values) => values,
    }
}

impl Rows<'_> {
    /// Reads a list of rows: row numbers or ids. `what` they are, for messages.
    pub(crate) fn read(&self, what: &str, given: &Given) -> Result<Vec<usize>, Failure> {
        let prefer = match (self.by, self.ids) {
            (Some(LabeledBy::Row), _) | (None, None) => ["row", "id"],
            (Some(LabeledBy::Id), _) | (None, Some(_)) => ["id", "row"],
        };
        let file = given.column(what, self.column, &prefer)?;
        if file.values.is_empty() {
            return Ok(Vec::new());
        }
        let name = given.name(what);
        let list = List { name: &name, values: &file.values, rows: self };
        let said = match file.column.as_deref() {
            Some("row") => Some(LabeledBy::Row),
            Some("id") => Some(LabeledBy::Id),
            _ => None,
        };
        // What can only be meant by number is, whatever was said of other lists.
        let by = if matches!(given, Given::Rows(_)) { said } else { self.by.or(said) };
        match (by, self.ids) {
            (Some(LabeledBy::Row), _) => list.as_rows(),
            (Some(LabeledBy::Id), Some(ids)) => list.as_ids(ids),
            (Some(LabeledBy::Id), None) => {
                Err(Failure::new(format!("{name} names rows by id, and the pool has no ids"))
                    .hint("`--ids FILE` or `--id-column NAME` gives them"))
            }
            (None, None) => list.as_rows(),
            (None, Some(ids)) => list.as_either(ids),
        }
    }
}

/// A list of rows being understood.
struct List<'a> {
    name: &'a str,
    values: &'a SideColumn,
    rows: &'a Rows<'a>,
}

impl List<'_> {
    fn as_rows(&self) -> Result<Vec<usize>, Failure> {
        let name = self.name;
        let SideColumn::Ints(entries) = self.values else {
            let hint = match self.rows.ids {
                Some(_) => "`--labeled-by id` reads entries as ids",
                None => "`--ids FILE` or `--id-column NAME` gives the pool ids that entries can name",
            };
            let first = texts(self.values.clone()).swap_remove(0);
            return Err(Failure::new(format!("{name}: entries must be row numbers, the first is `{first}`")).hint(hint));
        };
        if entries.len() == self.rows.n && self.rows.n > 2 && entries.iter().all(|entry| matches!(entry, 0 | 1)) {
            return Err(Failure::new(format!("{name}: one 0 or 1 for each row is a mask, and row numbers are needed"))
                .hint("save the numbers of its rows, such as numpy.flatnonzero(mask)"));
        }
        let row = |entry: &i64| usize::try_from(*entry).ok().filter(|row| *row < self.rows.n);
        let bad: Vec<usize> = (0..entries.len()).filter(|&i| row(&entries[i]).is_none()).collect();
        if let Some(first) = bad.first() {
            let entry = entries[*first];
            let which = self.which(bad.len(), *first, &format!("row {entry}"));
            return Err(Failure::new(format!("{which}; rows are 0 to {}", self.rows.n - 1)));
        }
        Ok(entries.iter().filter_map(row).collect())
    }

    fn as_ids(&self, ids: &Ids) -> Result<Vec<usize>, Failure> {
        let found = self.look_up(ids)?;
        let missing: Vec<usize> = (0..found.len()).filter(|&i| found[i].is_none()).collect();
        let Some(&first) = missing.first() else { return Ok(found.into_iter().flatten().collect()) };
        let id = texts(self.values.clone()).swap_remove(first);
        let failure = Failure::new(self.which(missing.len(), first, &format!("id `{id}`")));
        Err(match self.as_rows() {
            Ok(_) => failure.hint("`--labeled-by row` reads entries as row numbers"),
            Err(_) => failure.hint(format!("ids look like `{}`", ids.text(0))),
        })
    }

    /// By id, unless every entry is both an id and a row number, and of different rows.
    fn as_either(&self, ids: &Ids) -> Result<Vec<usize>, Failure> {
        let by_id = self.as_ids(ids)?;
        match self.as_rows() {
            Ok(by_row) if by_row != by_id => {
                Err(Failure::new(format!("{}: every entry is the id of one row and the number of another", self.name))
                    .hint("`--labeled-by id` or `--labeled-by row` says which is meant"))
            }
            _ => Ok(by_id),
        }
    }

    /// `2 of 40 entries of done.txt are not in the pool, the first (entry 3) is row 60000`.
    fn which(&self, bad: usize, first: usize, what: &str) -> String {
        let (all, name) = (self.values.len(), self.name);
        match bad {
            1 => format!("entry {} of {name} is {what}, which the pool does not have", count(first + 1)),
            _ => format!(
                "{} of {} of {name} are not in the pool, the first (entry {}) is {what}",
                count(bad),
                counted(all, "entry"),
                count(first + 1)
            ),
        }
    }

    fn look_up(&self, ids: &Ids) -> Result<Vec<Option<usize>>, Failure> {
        match ids {
            Ids::Int(ids) => {
                // A text that is no number is no id; no pool has all 2^64 numbers, but the check below needs a key.
                let wanted: Vec<Option<i64>> = match self.values {
                    SideColumn::Ints(values) => values.iter().copied().map(Some).collect(),
                    other => texts(other.clone()).iter().map(|text| text.parse().ok()).collect(),
                };
                self.find(&wanted, ids.iter().copied())
            }
            Ids::Text(ids) => {
                let texts = texts(self.values.clone());
                let wanted: Vec<Option<&str>> = texts.iter().map(|text| Some(text.as_str())).collect();
                self.find(&wanted, ids.iter().map(String::as_str))
            }
        }
    }

    /// The row of each wanted id. One pass over the ids: memory for the list, not for the pool.
    fn find<K: Hash + Eq + Copy + std::fmt::Display>(
        &self,
        wanted: &[Option<K>],
        ids: impl Iterator<Item = K>,
    ) -> Result<Vec<Option<usize>>, Failure> {
        let mut rows: HashMap<K, Option<usize>> = wanted.iter().flatten().map(|key| (*key, None)).collect();
        for (row, id) in ids.enumerate() {
            if let Some(found) = rows.get_mut(&id)
                && let Some(earlier) = found.replace(row)
            {
                let message = format!("{} names id `{id}`, which rows {earlier} and {row} both have", self.name);
                return Err(Failure::new(message).hint("`--labeled-by row` with row numbers is unambiguous"));
            }
        }
        Ok(wanted.iter().map(|key| key.and_then(|key| rows[&key])).collect())
    }
}

/// What the manifest keeps of what is known.
pub(crate) fn record(role: Role, given: &Given, entries: usize) -> Result<SideRecord, Failure> {
    let (path, xxh3) = match given.path() {
        Some(path) => (path.display().to_string(), hash(path)?),
        None => (IN_MEMORY.into(), String::new()),
    };
    Ok(SideRecord { role, path, entries, xxh3 })
}

/// XXH3 (128 bits) of a file's bytes, 32 hexadecimal digits.
pub(crate) fn hash(path: &Path) -> Result<String, Failure> {
    let failed = |error| Failure::io("read", path, &error);
    let mut file = File::open(path).map_err(failed)?;
    let (mut hasher, mut buffer) = (Xxh3::new(), vec![0; 1 << 16]);
    loop {
        match file.read(&mut buffer).map_err(failed)? {
            0 => return Ok(format!("{:032x}", hasher.digest128())),
            read => hasher.update(&buffer[..read]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(entries: &str, ids: Option<Ids>, by: Option<LabeledBy>) -> Result<Vec<usize>, String> {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let path = dir.path().join("list.txt");
        std::fs::write(&path, entries).expect("the list is written");
        let rows = Rows { n: 5, ids: ids.as_ref(), by, column: None };
        rows.read("labeled", &Given::File(path))
            .map_err(|failure| failure.message.replace(&format!("{}/", dir.path().display()), ""))
    }

    fn names() -> Option<Ids> {
        Some(Ids::Text(["a", "b", "c", "d", "d"].map(str::to_owned).to_vec()))
    }

    #[test]
    fn entries_are_ids_if_the_pool_has_ids_else_row_numbers() {
        assert_eq!(read("3\n0\n", None, None), Ok(vec![3, 0]));
        assert_eq!(read("c\na\n", names(), None), Ok(vec![2, 0]));
        assert_eq!(read("2\n", names(), Some(LabeledBy::Row)), Ok(vec![2]));
        assert_eq!(read("", names(), None), Ok(vec![]));
        assert_eq!(read("30\n10\n", Some(Ids::Int(vec![10, 20, 30, 40, 50])), None), Ok(vec![2, 0]));
    }

    #[test]
    fn entries_that_could_be_either_are_refused_unless_both_readings_agree() {
        let reversed = Some(Ids::Int(vec![4, 3, 2, 1, 0]));
        let refused = read("3\n0\n", reversed.clone(), None);
        assert_eq!(refused, Err("list.txt: every entry is the id of one row and the number of another".into()));
        assert_eq!(read("3\n0\n", reversed, Some(LabeledBy::Id)), Ok(vec![1, 4]));
        assert_eq!(read("3\n0\n", Some(Ids::Int(vec![0, 1, 2, 3, 4])), None), Ok(vec![3, 0]));
    }

    #[test]
    fn entries_that_are_not_there_are_counted_and_the_first_is_named() {
        let one = "entry 2 of list.txt is row 7, which the pool does not have; rows are 0 to 4";
        assert_eq!(read("1\n7\n", None, None), Err(one.into()));
        let two = "2 of 3 entries of list.txt are not in the pool, the first (entry 1) is row -1; rows are 0 to 4";
        assert_eq!(read("-1\n7\n2\n", None, None), Err(two.into()));
        assert_eq!(
            read("x\n", names(), None),
            Err("entry 1 of list.txt is id `x`, which the pool does not have".into())
        );
        assert_eq!(read("d\n", names(), None), Err("list.txt names id `d`, which rows 3 and 4 both have".into()));
        assert_eq!(
            read("0\n1\n0\n0\n1\n", None, None),
            Err("list.txt: one 0 or 1 for each row is a mask, and row numbers are needed".into())
        );
        assert_eq!(read("x\n", None, None), Err("list.txt: entries must be row numbers, the first is `x`".into()));
    }
}
