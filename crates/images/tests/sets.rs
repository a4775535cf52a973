//! What sets of images are read from, and what is refused.

mod common;

use std::path::{Path, PathBuf};

use common::{context, cut, jpeg, picture, png, set, write};
use subsel_formats::Ids;
use subsel_images::{Broken, By, Error, Fit, Image, ImageSet, OnBroken, Pixels, SetOptions};

fn texts(ids: &Ids) -> Vec<String> {
    (0..ids.len()).map(|row| ids.text(row)).collect()
}

fn all(set: &ImageSet) -> Vec<Result<Image, Broken>> {
    set.read(0..set.len(), &context(2)).expect("read")
}

/// Two classes, one image a level deeper, a hidden file and two others.
fn tree(dir: &Path) {
    write(dir, "dogs/b.png", &png(&picture(4, 3, 1)));
    write(dir, "dogs/more/a.PNG", &png(&picture(5, 5, 2)));
    write(dir, "cats/2.jpg", &jpeg(&picture(8, 8, 3)));
    write(dir, "cats/10.jpg", &jpeg(&picture(8, 9, 4)));
    write(dir, "cats/.hidden.png", b"no image");
    write(dir, ".git/x.png", b"no image");
    write(dir, "README.txt", b"text");
    write(dir, "cats/notes", b"text");
}

#[test]
fn folders_are_classes_and_paths_are_ids() {
    let dir = tempfile::tempdir().expect("a directory");
    tree(dir.path());
    let found = set(&[dir.path().to_owned()]);
    assert_eq!(texts(found.ids()), ["cats/10.jpg", "cats/2.jpg", "dogs/b.png", "dogs/more/a.PNG"]);
    let labels = found.labels().expect("classes");
    assert_eq!((&labels.codes[..], &labels.names[..]), (&[0, 0, 1, 1][..], &["cats".to_owned(), "dogs".into()][..]));
    assert_eq!(found.parts().len(), 1);
    assert_eq!(found.parts()[0].n_rows, 4);
    assert!(found.notes()[0].starts_with("2 files are passed over: .txt, no extension"), "{:?}", found.notes());
    assert!(found.notes()[1].contains("of the first level: 2"), "{:?}", found.notes());
    let images = all(&found);
    assert_eq!(images[2].as_ref().expect("a picture"), &picture(4, 3, 1));
    assert_eq!(images[0].as_ref().map(|image| (image.width(), image.height())), Ok((8, 9)));
}

#[test]
fn classes_are_named_by_all_folders_or_by_none() {
    let dir = tempfile::tempdir().expect("a directory");
    tree(dir.path());
    let by = |classes| ImageSet::open(&[dir.path().to_owned()], &SetOptions { classes, ..SetOptions::default() });
    assert!(by(By::None).expect("a set").labels().is_none());
    assert!(by(By::Folder).expect("a set").labels().is_some());
    write(dir.path(), "loose.png", &png(&picture(2, 2, 0)));
    assert!(by(By::Auto).expect("a set").labels().is_none());
    let error = by(By::Folder).expect_err("an image in no folder");
    assert!(error.to_string().ends_with("`loose.png` lies in no folder that could name its class"), "{error}");
}

#[test]
fn files_and_globs_are_sets_too() {
    let dir = tempfile::tempdir().expect("a directory");
    tree(dir.path());
    let found = set(&[dir.path().join("cats/*.jpg")]);
    assert_eq!(
        texts(found.ids()),
        [dir.path().join("cats/10.jpg"), dir.path().join("cats/2.jpg")].map(|p| p.display().to_string())
    );
    assert_eq!(found.parts().len(), 2);
    let two = set(&[dir.path().join("cats"), dir.path().join("dogs/")]);
    assert_eq!(two.len(), 4);
    assert_eq!(texts(two.ids())[2], dir.path().join("dogs/b.png").display().to_string());
}

#[cfg(unix)]
#[test]
fn links_in_a_circle_are_walked_once() {
    let dir = tempfile::tempdir().expect("a directory");
    tree(dir.path());
    std::os::unix::fs::symlink(dir.path(), dir.path().join("dogs/again")).expect("a link");
    assert_eq!(set(&[dir.path().to_owned()]).len(), 4);
}

#[test]
fn what_holds_no_images_is_named_with_what_is_there() {
    let dir = tempfile::tempdir().expect("a directory");
    let refused = |path: &Path| ImageSet::open(&[path.to_owned()], &SetOptions::default()).expect_err("no images");
    assert!(refused(dir.path()).to_string().ends_with("holds no files"));
    write(dir.path(), "a.parquet", b"x");
    write(dir.path(), "b.parquet", b"x");
    let error = refused(dir.path());
    assert!(error.to_string().ends_with("holds no images: 2 x .parquet"), "{error}");
    assert!(error.hint().is_some_and(|hint| hint.contains("Parquet with a column of images")));
    let text = refused(&write(dir.path(), "a.txt", b"x"));
    assert!(
        matches!(&text, Error::NoImages { .. }) && text.to_string().ends_with("a .txt file holds no images"),
        "{text}"
    );
    assert!(matches!(refused(&dir.path().join("nothing.png")), Error::Format(_)));
    let mixed = [dir.path().join("a.parquet"), write(dir.path(), "c.png", b"x")];
    let error = ImageSet::open(&mixed, &SetOptions::default()).expect_err("two kinds");
    assert!(error.to_string().ends_with("one is Parquet, the other images or directories of them"), "{error}");
    let split = SetOptions { split: Some("test".into()), ..SetOptions::default() };
    let error = ImageSet::open(&mixed[1..], &split).expect_err("an option without effect");
    assert!(error.to_string().contains("a split cannot be named of images"), "{error}");
}

#[test]
fn broken_pictures_are_told_by_name() {
    let dir = tempfile::tempdir().expect("a directory");
    write(dir.path(), "0.png", &png(&picture(6, 6, 0)));
    write(dir.path(), "1.png", b"");
    write(dir.path(), "2.jpg", b"only a text");
    write(dir.path(), "3.jpg", &cut(jpeg(&picture(40, 40, 1)), 200));
    write(dir.path(), "4.png", &cut(png(&picture(40, 40, 1)), 200));
    write(dir.path(), "5.png", &png(&picture(1, 1, 7)));
    write(dir.path(), "6.png", &png(&picture(1, 5000, 7)));
    let found = set(&[dir.path().to_owned()]);
    let images = all(&found);
    let whys: Vec<Option<String>> =
        images.iter().map(|image| image.as_ref().err().map(|broken| broken.why.clone())).collect();
    assert_eq!(whys[1].as_deref(), Some("is empty (0 bytes)"));
    assert!(whys[2].as_ref().is_some_and(|why| why.contains("no JPEG, PNG")), "{whys:?}");
    assert!(whys[3].as_ref().is_some_and(|why| why.contains("cut off")), "{whys:?}");
    assert!(whys[4].is_some() && [0, 5, 6].iter().all(|row| whys[*row].is_none()), "{whys:?}");
    let (pixels, broken) = Pixels::load(&found, None, Fit::to(6), OnBroken::Skip, &context(2)).expect("pixels");
    assert_eq!(pixels.rows(), [0, 5, 6]);
    assert_eq!(pixels.image(0), picture(6, 6, 0).pixels());
    // One pixel becomes 36 of its color.
    assert!(pixels.image(1).chunks(3).all(|pixel| pixel == picture(1, 1, 7).pixels()));
    assert_eq!(broken.iter().map(|one| one.row).collect::<Vec<_>>(), [1, 2, 3, 4]);
    let error = Pixels::load(&found, None, Fit::to(6), OnBroken::Stop, &context(2)).expect_err("a broken picture");
    assert_eq!(error.to_string(), format!("{}: is empty (0 bytes)", dir.path().join("1.png").display()));
    // One that vanishes after the set was opened.
    std::fs::remove_file(dir.path().join("0.png")).expect("removed");
    let gone = found.gather(&[0], &context(1)).expect("read").remove(0).expect_err("gone");
    assert!(gone.why.contains("cannot open"), "{gone}");
}

#[test]
fn rows_come_in_the_order_asked_for_on_any_number_of_threads() {
    let dir = tempfile::tempdir().expect("a directory");
    for at in 0..9 {
        write(dir.path(), &format!("{at}.png"), &png(&picture(3 + at, 4, at)));
    }
    let found = set(&[dir.path().to_owned()]);
    for threads in [1, 3] {
        let images = found.gather(&[7, 2, 7, 0], &context(threads)).expect("read");
        let wanted = [7, 2, 7, 0].map(|at| picture(3 + at, 4, at));
        assert!(images.iter().zip(&wanted).all(|(got, wanted)| got.as_ref() == Ok(wanted)));
        let rows = [7, 2, 7, 0];
        let (pixels, _) =
            Pixels::load(&found, Some(&rows), Fit::to(4), OnBroken::Stop, &context(threads)).expect("pixels");
        assert_eq!(pixels.rows(), rows);
        for (at, image) in wanted.iter().enumerate() {
            assert_eq!(pixels.image(at), subsel_images::fit(image, Fit::to(4)));
        }
    }
    assert_eq!(Pixels::bytes_needed(50_000, 32), 3072 * (50_000 + 1024));
    let stopped = context(1);
    stopped.cancel_flag().store(true, std::sync::atomic::Ordering::Relaxed);
    assert!(matches!(found.read(0..2, &stopped), Err(Error::Subsel(subsel::Error::Interrupted))));
}

#[test]
fn fingerprints_are_of_content() {
    let (here, there) = (tempfile::tempdir().expect("a directory"), tempfile::tempdir().expect("a directory"));
    let hash = |dir: &Path, threads| set(&[dir.to_owned()]).fingerprint(&context(threads)).expect("a hash");
    [&here, &there].iter().for_each(|dir| tree(dir.path()));
    let first = hash(here.path(), 1);
    assert_eq!(first, hash(here.path(), 3));
    assert_eq!(first, hash(there.path(), 2));
    write(there.path(), "README.txt", b"another text");
    assert_eq!(first, hash(there.path(), 1));
    write(there.path(), "dogs/b.png", &png(&picture(4, 3, 9)));
    assert_ne!(first, hash(there.path(), 1));
    write(there.path(), "dogs/b.png", &png(&picture(4, 3, 1)));
    assert_eq!(first, hash(there.path(), 1));
    std::fs::rename(there.path().join("dogs/b.png"), there.path().join("dogs/c.png")).expect("renamed");
    assert_ne!(first, hash(there.path(), 1));
}

/// The pool that `SUBSEL_DATA` has, or nothing, visibly.
fn data(name: &str) -> Option<PathBuf> {
    let root = std::env::var_os("SUBSEL_DATA").map(PathBuf::from);
    let root = root.unwrap_or_else(|| PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data")));
    let path = root.join(name);
    if !path.exists() {
        #[expect(clippy::print_stderr, reason = "a skipped test says so")]
        {
            eprintln!("skipped: {} is not there", path.display());
        }
        return None;
    }
    Some(path)
}

#[test]
fn cifar_10_is_50_000_pictures_with_its_classes() {
    let Some(root) = data("cifar10") else { return };
    let found = set(&[root.join("train-*.parquet")]);
    assert_eq!((found.len(), found.parts().len()), (50_000, 2));
    let labels = found.labels().expect("classes");
    assert_eq!(labels.names[..3], ["airplane", "automobile", "bird"]);
    let side = subsel_formats::read_column(&root.join("labels-train.npy"), &subsel_formats::SideOptions::default());
    let subsel_formats::SideColumn::Ints(expected) = side.expect("labels").values else { panic!("whole numbers") };
    assert!(labels.codes.iter().map(|code| i64::from(*code)).eq(expected));
    let ctx = context(2);
    // Across the border of the files, from front to back and out of order.
    let border = found.parts()[0].n_rows;
    let pass: Vec<_> = (border - 300..border + 300)
        .step_by(100)
        .flat_map(|at| found.read(at..at + 100, &ctx).expect("read"))
        .collect();
    assert!(pass.iter().all(|image| image.as_ref().is_ok_and(|image| (image.width(), image.height()) == (32, 32))));
    let some = found.gather(&[border + 250, border - 300, border], &ctx).expect("read");
    assert_eq!([&some[0], &some[1], &some[2]], [&pass[550], &pass[0], &pass[300]]);
}

#[test]
fn pneumoniamnist_is_read_split_by_split() {
    let Some(path) = data("pneumoniamnist/pneumoniamnist.npz") else { return };
    for (split, n) in [("val", 524), ("test", 624)] {
        let options = SetOptions { split: Some(split.into()), ..SetOptions::default() };
        let found = ImageSet::open(std::slice::from_ref(&path), &options).expect("a set");
        assert_eq!((found.len(), found.labels().map(|labels| labels.codes.len())), (n, Some(n)));
    }
    let train = set(&[path]);
    assert_eq!((train.len(), train.labels().map(|labels| labels.names.len())), (3_882, Some(2)));
    assert_eq!(train.notes(), ["the split is `train`, of train, val, test"]);
    let (pixels, _) = Pixels::load(&train, None, Fit::to(28), OnBroken::Stop, &context(2)).expect("pixels");
    assert_eq!((pixels.len(), pixels.side()), (3_882, 28));
    assert!(pixels.bytes().as_chunks::<3>().0.iter().all(|[r, g, b]| r == g && g == b));
}
