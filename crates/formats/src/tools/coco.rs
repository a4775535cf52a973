//! COCO: one object with `images` (`id`, `file_name`), `annotations` (`image_id`, `category_id`) and `categories` (`id`,
//! `name`), and whatever else.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use serde::Deserialize;
use serde_json::{Map, Value};

use super::annotated::{Annotated, Found, Gathered};
use super::{json_of, name_of};
use crate::Error;
use crate::error::excerpt;
use crate::file::DataFile;

/// The question that annotations answer.
const LABEL: &str = "label";

/// Images that have annotations, and the categories of these.
pub(super) fn read(path: &Path, coco: &Map<String, Value>) -> Result<Annotated, Error> {
    let images = Images::of(path, coco)?;
    let mut categories = HashMap::new();
    for (place, category) in array(path, coco, "categories")?.iter().enumerate() {
        let (id, name) = (category.get("id").and_then(name_of), category.get("name").and_then(Value::as_str));
        let (Some(id), Some(name)) = (id, name) else {
            return Err(Error::damaged(path, format!("entry {} of `categories` has no `id` and `name`", place + 1)));
        };
        categories.insert(id, name);
    }
    let mut labels: Vec<Option<Vec<(String, String)>>> = vec![None; images.names.len()];
    for (place, annotation) in array(path, coco, "annotations")?.iter().enumerate() {
        let wrong = |what: String| Error::damaged(path, format!("entry {} of `annotations` {what}", place + 1));
        let image = annotation.get("image_id").and_then(name_of).ok_or_else(|| wrong("has no `image_id`".into()))?;
        let image = images
            .by_number
            .get(&image)
            .ok_or_else(|| wrong(format!("is of image {}, which is not among the images", excerpt(&image))))?;
        let labels = labels[*image].get_or_insert_default();
        // Captions have no category.
        if let Some(id) = annotation.get("category_id").filter(|id| !id.is_null()) {
            let name = name_of(id).and_then(|id| {
                categories.get(&id).copied().map(str::to_owned).or_else(|| {
                    // Results of a model come without categories.
                    categories.is_empty().then_some(id)
                })
            });
            let name = name.ok_or_else(|| wrong(format!("is of category {id}, which is not among the categories")))?;
            labels.push((LABEL.to_owned(), name));
        }
    }
    let mut gathered = Gathered::default();
    for ((file, labels), image) in images.names.into_iter().zip(labels).zip(array(path, coco, "images")?) {
        if let Some(labels) = labels {
            let (name, number) = (format!("image `{file}`"), image.get("id").and_then(Value::as_i64));
            gathered.push(Found { name, row: None, id: Some(file), number, labels });
        }
    }
    Ok(gathered.finish(path))
}

/// The images of a file: their names, and the places of their numbers.
#[derive(Debug)]
pub(super) struct Images {
    names: Vec<String>,
    by_number: HashMap<String, usize>,
}

/// An image as far as it has to be known.
#[derive(Deserialize)]
struct Image {
    id: Option<Value>,
    file_name: Option<String>,
}

impl Images {
    fn of(path: &Path, coco: &Map<String, Value>) -> Result<Self, Error> {
        Self::gather(
            path,
            array(path, coco, "images")?.iter().map(|image| Image {
                id: image.get("id").cloned(),
                file_name: image.get("file_name").and_then(Value::as_str).map(str::to_owned),
            }),
        )
    }

    fn gather(path: &Path, all: impl Iterator<Item = Image>) -> Result<Self, Error> {
        let mut images = Images { names: Vec::new(), by_number: HashMap::new() };
        for (place, image) in all.enumerate() {
            let wrong = |what: &str| Error::damaged(path, format!("entry {} of `images` {what}", place + 1));
            let number = image.id.as_ref().and_then(name_of).ok_or_else(|| wrong("has no `id`"))?;
            if images.by_number.insert(number, place).is_some() {
                return Err(wrong("has the id of an image before it"));
            }
            images.names.push(image.file_name.ok_or_else(|| wrong("has no `file_name`"))?);
        }
        Ok(images)
    }

    /// Refuses ids none of which is an image, which is known before there are picks.
    pub(super) fn check(&self, path: &Path, ids: &[&str]) -> Result<(), Error> {
        let names: HashSet<&str> = self.names.iter().map(String::as_str).collect();
        let known = ids.iter().any(|id| names.contains(id) || self.by_number.contains_key(*id));
        if known || ids.is_empty() { Ok(()) } else { self.find(path, ids).map(|_| ()) }
    }

    /// The image of each id: by file name or by number, whichever all of them are.
    fn find(&self, path: &Path, ids: &[&str]) -> Result<Vec<usize>, Error> {
        let mut by_name: HashMap<&str, Vec<usize>> = HashMap::new();
        for (place, name) in self.names.iter().enumerate() {
            by_name.entry(name.as_str()).or_default().push(place);
        }
        let named: Vec<Option<usize>> = ids.iter().map(|id| by_name.get(id).map(|places| places[0])).collect();
        let numbered: Vec<Option<usize>> = ids.iter().map(|id| self.by_number.get(*id).copied()).collect();
        let missing = |found: &[Option<usize>]| found.iter().filter(|place| place.is_none()).count();
        let (found, what) = match (missing(&named), missing(&numbered)) {
            (0, 0) if named != numbered => {
                let hint = "give rows the file names of their images as ids";
                let what = "every id is the file name of one image and the number of another";
                return Err(Error::unsupported(path, what, hint));
            }
            (by_name, by_number) if by_name <= by_number => (named, "file name"),
            _ => (numbered, "number"),
        };
        let absent: Vec<&str> =
            ids.iter().zip(&found).filter(|(_, place)| place.is_none()).map(|(id, _)| *id).collect();
        if let Some(first) = absent.first() {
            let (bad, all) = (absent.len(), ids.len());
            let what = match bad == all {
                true => format!("none of the {all} ids is an image of it, the first is `{}`", excerpt(first)),
                false => format!("{bad} of {all} ids name no image by {what}, the first is `{}`", excerpt(first)),
            };
            let hint = self.names.first().map(|name| format!("file names look like `{}`", excerpt(name)));
            return Err(Error::Unsupported { path: path.to_owned(), what, hint });
        }
        if let (Some(id), "file name") = (ids.iter().find(|id| by_name.get(*id).is_some_and(|of| of.len() > 1)), what) {
            return Err(Error::damaged(path, format!("several images have the file name `{}`", excerpt(id))));
        }
        Ok(found.into_iter().flatten().collect())
    }
}

/// An array of objects; an absent one is empty.
fn array<'a>(path: &Path, coco: &'a Map<String, Value>, name: &str) -> Result<&'a [Value], Error> {
    match coco.get(name) {
        None | Some(Value::Null) => Ok(&[]),
        Some(Value::Array(entries)) => Ok(entries),
        Some(_) => Err(Error::damaged(path, format!("`{name}` is no array"))),
    }
}

/// Looks through a file whose images will be picked, so that one that cannot be is refused before the work.
pub(super) fn images_of(path: &Path) -> Result<Images, Error> {
    #[derive(Deserialize)]
    struct Outline {
        images: Vec<Image>,
    }
    let file = DataFile::open(path)?;
    let outline: Result<Outline, _> = serde_json::from_reader(std::io::BufReader::new(file.cursor()));
    let outline = outline.map_err(|e| Error::damaged(path, format!("is no COCO file: {e}")))?;
    Images::gather(path, outline.images.into_iter())
}

/// The file less the images that were not picked and their annotations; the images are in the order of `ids`.
pub(super) fn picked(path: &Path, ids: &[&str]) -> Result<Value, Error> {
    let file = DataFile::open(path)?;
    let Value::Object(mut coco) = json_of(&file)? else {
        return Err(Error::damaged(path, "is no COCO file: no JSON object"));
    };
    let images = Images::of(path, &coco)?;
    let places = images.find(path, ids)?;
    let mut kept = vec![false; images.names.len()];
    places.iter().for_each(|place| kept[*place] = true);
    let all = array(path, &coco, "images")?;
    let picked: Vec<Value> = places.iter().map(|place| all[*place].clone()).collect();
    let is_kept = |annotation: &Value| {
        let image = annotation.get("image_id").and_then(name_of);
        image.and_then(|image| images.by_number.get(&image)).is_some_and(|image| kept[*image])
    };
    let annotations: Vec<Value> = array(path, &coco, "annotations")?.iter().filter(|a| is_kept(a)).cloned().collect();
    coco.insert("images".into(), picked.into());
    if coco.contains_key("annotations") {
        coco.insert("annotations".into(), annotations.into());
    }
    Ok(coco.into())
}
