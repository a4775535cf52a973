//! npz as MedMNIST has it, and plain npy.

use std::path::{Path, PathBuf};

use rayon::prelude::*;
use subsel::Classes;
use subsel_formats::{Arrays, ByteRows, Ids, Part};

use super::{Each, ImageSet, SetOptions, Store, locate};
use crate::{Error, Image};

/// What members of a split end in.
const IMAGES: &str = "_images";

/// The split where none is named.
const TRAIN: &str = "train";

struct Pictures {
    paths: Vec<PathBuf>,
    arrays: Vec<ByteRows>,
    lens: Vec<usize>,
}

impl Store for Pictures {
    fn each(&self, rows: &[usize], each: &Each<'_>) -> Result<(), Error> {
        rows.par_iter().enumerate().try_for_each(|(place, row)| {
            let (file, row) = locate(&self.lens, *row);
            let array = &self.arrays[file];
            let mut bytes = vec![0; array.row_bytes()];
            array.read(row, &mut bytes)?;
            let (height, width) = (array.shape()[1], array.shape()[2]);
            if array.shape().len() == 3 {
                bytes = bytes.iter().flat_map(|value| [*value; 3]).collect();
            }
            each(place, Image::new(width, height, bytes).map_err(|error| error.to_string()));
            Ok(())
        })
    }

    fn name(&self, row: usize) -> String {
        let (file, row) = locate(&self.lens, row);
        format!("{}, row {row}", self.paths[file].display())
    }

    fn files(&self) -> Vec<PathBuf> {
        self.paths.clone()
    }
}

/// Opens npz and npy files.
pub(super) fn open(paths: &[PathBuf], options: &SetOptions) -> Result<ImageSet, Error> {
    let (mut arrays, mut labels, mut notes, mut salt) = (Vec::new(), Vec::new(), Vec::new(), String::new());
    for path in paths {
        let file = Arrays::open(path)?;
        let name = member(path, &file, options, &mut notes)?;
        let array = file.bytes(&name)?;
        if !matches!(array.shape()[1..], [_, _] | [_, _, 3]) || array.row_bytes() == 0 {
            let what = format!("its images are of shape {:?}", array.shape());
            let hint = Some("images are (n, height, width) or (n, height, width, 3)".into());
            return Err(Error::Set { path: path.clone(), what, hint });
        }
        if array.n_rows() == 0 {
            return Err(subsel_formats::Error::Empty { path: path.clone() }.into());
        }
        labels.push(labels_of(path, &file, &name, array.n_rows(), &mut notes)?);
        arrays.push(array);
        salt = name;
    }
    let labels: Option<Vec<Vec<i64>>> = labels.into_iter().collect();
    let labels = labels.map(|labels| {
        let texts: Vec<String> = labels.concat().iter().map(i64::to_string).collect();
        Classes::from_names(&texts)
    });
    let lens: Vec<usize> = arrays.iter().map(ByteRows::n_rows).collect();
    let parts = paths.iter().zip(&lens).map(|(path, len)| Part { path: path.display().to_string(), n_rows: *len });
    let parts = parts.collect();
    let ids = Ids::Int((0..lens.iter().sum::<usize>() as i64).collect());
    notes.dedup();
    Ok(ImageSet { store: Box::new(Pictures { paths: paths.to_vec(), arrays, lens }), ids, labels, parts, notes, salt })
}

/// The array of images that is meant.
fn member(path: &Path, file: &Arrays, options: &SetOptions, notes: &mut Vec<String>) -> Result<String, Error> {
    if file.infos().any(|info| info.name.is_empty()) {
        return Ok(String::new());
    }
    let splits: Vec<String> =
        file.infos().filter_map(|info| info.name.strip_suffix(IMAGES)).map(str::to_owned).collect();
    if splits.is_empty() {
        let members: Vec<&str> = file.infos().map(|info| info.name.as_str()).collect();
        let what = format!("no member ends in `{IMAGES}`; there are: {}", members.join(", "));
        let hint = Some("np.savez(file, train_images=images, train_labels=labels)".into());
        return Err(Error::Set { path: path.to_owned(), what, hint });
    }
    let wanted = options.split.as_deref().unwrap_or(TRAIN);
    if !splits.iter().any(|split| split == wanted) {
        let what = format!("no split `{wanted}`");
        return Err(Error::Set {
            path: path.to_owned(),
            what,
            hint: Some(format!("there are: {}", splits.join(", "))),
        });
    }
    if options.split.is_none() && splits.len() > 1 {
        notes.push(format!("the split is `{wanted}`, of {}", splits.join(", ")));
    }
    Ok(format!("{wanted}{IMAGES}"))
}

/// One class per image, where the file has that.
fn labels_of(
    path: &Path,
    file: &Arrays,
    images: &str,
    n_rows: usize,
    notes: &mut Vec<String>,
) -> Result<Option<Vec<i64>>, Error> {
    let Some(split) = images.strip_suffix(IMAGES) else { return Ok(None) };
    let name = format!("{split}_labels");
    let Some(info) = file.infos().find(|info| info.name == name) else { return Ok(None) };
    match info.shape[..] {
        [n] | [n, 1] if n == n_rows as u64 => Ok(Some(file.ints(&name)?)),
        [n, several] if n == n_rows as u64 => {
            notes.push(format!("`{name}` gives {several} labels per image, which are no classes"));
            Ok(None)
        }
        _ => {
            let what = format!("`{name}` is of shape {:?}, and there are {n_rows} images", info.shape);
            Err(Error::Set { path: path.to_owned(), what, hint: None })
        }
    }
}
