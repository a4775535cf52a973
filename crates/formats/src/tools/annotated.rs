//! What was labeled, whatever the tool: a line for each item, with its row, its id and its labels.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use crate::side::{texts_or_ints, typed};
use crate::{Error, SideColumn, SideFile, SideOptions};

/// Names of questions that are taken for the label of an item where several were asked: those of the templates of Label
/// Studio for boxes and for classes, and CVAT's tags.
const USUAL: [&str; 3] = ["label", "choice", "tag"];

/// The column of COCO's numbers.
const NUMBER: &str = "image_id";

/// Items that were labeled, in the order of the file, each once.
///
/// Tools ask one question or several (Label Studio's `from_name`; CVAT has tags and shapes): each is a column of labels of
/// its own name, and `label` is the only one, or the one that is usually meant.
#[derive(Clone, Debug)]
pub struct Annotated {
    path: PathBuf,
    /// The rows that the items were written for, where all of them say so.
    pub rows: Option<Vec<i64>>,
    /// Their ids, where all have one: file names, or what stands under the key of a task.
    pub ids: Option<Vec<String>>,
    /// The numbers that COCO gives its images, which a pool may have for its ids.
    pub numbers: Option<Vec<i64>>,
    items: Vec<Item>,
    questions: Vec<String>,
}

#[derive(Clone, Debug)]
struct Item {
    /// What messages call it.
    name: String,
    /// Questions by number, and answers.
    labels: Vec<(usize, String)>,
}

/// An item as a reader finds it.
pub(super) struct Found {
    /// What messages call it: ``image `a.jpg` ``.
    pub(super) name: String,
    pub(super) row: Option<i64>,
    pub(super) id: Option<String>,
    pub(super) number: Option<i64>,
    /// Questions and answers.
    pub(super) labels: Vec<(String, String)>,
}

/// Gathers items; what several annotators or files say of one comes together.
#[derive(Default)]
pub(super) struct Gathered {
    items: Vec<Item>,
    rows: Vec<Option<i64>>,
    ids: Vec<Option<String>>,
    numbers: Vec<Option<i64>>,
    questions: Vec<String>,
    known: HashMap<(Option<i64>, Option<String>), usize>,
}

impl Gathered {
    pub(super) fn push(&mut self, found: Found) {
        let key = (found.row, found.id);
        let nameless = key == (None, None);
        let place = match self.known.get(&key) {
            Some(place) if !nameless => *place,
            _ => {
                self.items.push(Item { name: found.name, labels: Vec::new() });
                self.rows.push(key.0);
                self.ids.push(key.1.clone());
                self.numbers.push(found.number);
                self.known.insert(key, self.items.len() - 1);
                self.items.len() - 1
            }
        };
        for (question, label) in found.labels {
            let number = self.questions.iter().position(|known| *known == question).unwrap_or_else(|| {
                self.questions.push(question);
                self.questions.len() - 1
            });
            self.items[place].labels.push((number, label));
        }
    }

    pub(super) fn finish(self, path: &Path) -> Annotated {
        Annotated {
            path: path.to_owned(),
            rows: self.rows.into_iter().collect(),
            ids: self.ids.into_iter().collect(),
            numbers: self.numbers.into_iter().collect::<Option<Vec<i64>>>().filter(|numbers| !numbers.is_empty()),
            items: self.items,
            questions: self.questions,
        }
    }
}

impl Annotated {
    /// How many items.
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// Whether nothing was labeled.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// The label of each item, `None` where it has none; of the question `column`, or of the one usually meant.
    ///
    /// # Errors
    /// [`Error::NoSuchColumn`] and [`Error::AmbiguousColumn`] for the question; [`Error::Conflict`] for an item with two
    /// labels.
    pub fn labels(&self, column: Option<&str>) -> Result<Vec<Option<String>>, Error> {
        let Some(question) = self.question(column)? else { return Ok(vec![None; self.len()]) };
        let label = |item: &Item| {
            let mut labels = item.labels.iter().filter(|(of, _)| *of == question).map(|(_, label)| label);
            let Some(first) = labels.next() else { return Ok(None) };
            match labels.find(|label| *label != first) {
                None => Ok(Some(first.clone())),
                Some(second) => Err(Error::Conflict {
                    path: self.path.clone(),
                    item: item.name.clone(),
                    first: first.clone(),
                    second: second.clone(),
                }),
            }
        };
        self.items.iter().map(label).collect()
    }

    /// The question that is meant; `None` if none was asked and none is named.
    fn question(&self, column: Option<&str>) -> Result<Option<usize>, Error> {
        let place = |name: &str| self.questions.iter().position(|known| known == name);
        if let Some(place) = column.and_then(place) {
            return Ok(Some(place));
        }
        if let Some(name) = column.filter(|name| *name != "label") {
            return Err(self.no_such(name));
        }
        let usual: Vec<usize> = USUAL.iter().copied().filter_map(place).collect();
        match (usual.as_slice(), self.questions.len()) {
            (_, 0) => Ok(None),
            (_, 1) => Ok(Some(0)),
            ([only], _) => Ok(Some(*only)),
            _ => Err(Error::AmbiguousColumn {
                path: self.path.clone(),
                kind: "column",
                candidates: self.questions.clone(),
            }),
        }
    }

    /// One column, as of any side file.
    pub(crate) fn column(&self, options: &SideOptions) -> Result<SideFile, Error> {
        let names = self.columns();
        let name = match &options.column {
            Some(name) => names.contains(name).then_some(name).ok_or_else(|| self.no_such(name))?,
            // A label is never taken for a row because rows are not there: nothing but a name that was asked for will do.
            None => {
                options.prefer.iter().find(|name| names.contains(name)).ok_or_else(|| match options.prefer.first() {
                    Some(wanted) => self.no_such(wanted),
                    None => {
                        Error::AmbiguousColumn { path: self.path.clone(), kind: "column", candidates: names.clone() }
                    }
                })?
            }
        };
        let values = match (name.as_str(), &self.rows, &self.ids, &self.numbers) {
            ("row", Some(rows), ..) => SideColumn::Ints(rows.clone()),
            ("id", _, Some(ids), _) => texts_or_ints(ids.clone()),
            (NUMBER, .., Some(numbers)) => SideColumn::Ints(numbers.clone()),
            _ => typed(self.every_label(name)?),
        };
        Ok(SideFile { column: Some(name.clone()), values })
    }

    fn columns(&self) -> Vec<String> {
        let mut names = Vec::new();
        names.extend(self.rows.as_ref().map(|_| "row".to_owned()));
        names.extend(self.ids.as_ref().map(|_| "id".to_owned()));
        names.extend(self.numbers.as_ref().map(|_| NUMBER.to_owned()));
        if self.is_empty() || !self.questions.is_empty() {
            names.push("label".to_owned());
        }
        for question in &self.questions {
            if !names.contains(question) {
                names.push(question.clone());
            }
        }
        names
    }

    fn every_label(&self, column: &str) -> Result<Vec<String>, Error> {
        let labels = self.labels(Some(column))?;
        if let Some(place) = labels.iter().position(Option::is_none) {
            let what = format!("{} is annotated but has no `{column}`", self.items[place].name);
            return Err(Error::unsupported(&self.path, what, "give each item a label, or leave it out of the export"));
        }
        Ok(labels.into_iter().flatten().collect())
    }

    fn no_such(&self, name: &str) -> Error {
        let candidates = self.columns();
        Error::NoSuchColumn { path: self.path.clone(), kind: "column", name: name.to_owned(), candidates }
    }
}
