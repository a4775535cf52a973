//! Pools of images: embedded by command or on the way, under their names.

use crate::support::Dir;

/// A directory `photos` of stripes: 12 in each of two classes, by the direction in which they run.
pub(crate) fn photos() -> Dir {
    let dir = Dir::new();
    for class in ["tall", "wide"] {
        std::fs::create_dir_all(dir.path(&format!("photos/{class}"))).expect("a directory");
        for i in 0..12_usize {
            let pixel = |x: usize, y: usize| {
                let at = if class == "tall" { x } else { y };
                let level = if (at + i) / (2 + i % 3) % 2 == 0 { 40 } else { 200 };
                [level, level / 2 + i as u8, 255 - level]
            };
            let pixels: Vec<u8> = (0..20).flat_map(|y| (0..24).flat_map(move |x| pixel(x, y))).collect();
            dir.write(&format!("photos/{class}/{i:02}.png"), png(24, 20, &pixels));
        }
    }
    dir
}

fn png(width: u32, height: u32, pixels: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut encoder = png::Encoder::new(&mut out, width, height);
    encoder.set_color(png::ColorType::Rgb);
    encoder.write_header().and_then(|mut writer| writer.write_image_data(pixels)).expect("a picture");
    out
}

#[test]
fn images_are_picked_by_name_and_embedded_once() {
    let dir = photos();
    let first = dir.ok("select photos -n 4 -m k-center -o first.csv");
    assert!(first.stderr.contains("embedded 24 images by `patches`: 24 values each, kept in"), "{}", first.stderr);
    assert!(first.stderr.contains("a pretrained encoder tells more of content"), "{}", first.stderr);
    let ids = dir.column("first.csv", "id");
    assert!(ids.iter().all(|id| dir.path(&format!("photos/{id}")).is_file()), "{ids:?}");
    assert!(ids.iter().any(|id| id.starts_with("tall/")) && ids.iter().any(|id| id.starts_with("wide/")), "{ids:?}");

    let again = dir.ok("select photos -n 4 -m k-center -o again.csv --threads 3");
    assert!(again.stderr.contains("24 values each, as an earlier run did"), "{}", again.stderr);
    assert_eq!(dir.read("again.csv"), dir.read("first.csv"));
    let verdict = dir.json("verify first.manifest.json --json");
    assert_eq!(verdict["same"], true, "{verdict}");

    // What was labeled is known by its name.
    dir.write("done.txt", format!("{}\n", ids[0]));
    dir.ok("select photos -n 23 -m k-center --labeled done.txt -o rest.csv");
    assert!(!dir.column("rest.csv", "id").contains(&ids[0]));
    let pixels = dir.ok("select photos -n 2 -m random --model rgb:side=4 -o pixels.csv");
    assert!(pixels.stderr.contains("by `rgb:side=4`: 48 values each"), "{}", pixels.stderr);
    assert!(!pixels.stderr.contains("pretrained"), "{}", pixels.stderr);
}

#[test]
fn embeddings_come_with_names_classes_and_the_model() {
    let dir = photos();
    let summary = dir.json("embed photos --model patches:centers=20,dim=16 -o train.npy --json");
    assert_eq!((&summary["n"], &summary["d"]), (&24.into(), &16.into()), "{summary}");
    assert_eq!(
        dir.names(),
        ["photos", "train.ids.txt", "train.labels.txt", "train.manifest.json", "train.model.safetensors", "train.npy"]
    );
    assert_eq!(dir.read("train.ids.txt").lines().nth(13), Some("wide/01.png"));
    assert_eq!(dir.read("train.labels.txt").lines().nth(13), Some("wide"));
    let picked = dir.ok("select train.npy --ids train.ids.txt --labels train.labels.txt -n 4 -m stratified");
    assert_eq!(picked.code, Some(0));

    // Other images get the same features from the file, and these images the same rows.
    dir.ok("embed photos --model train.model.safetensors -o same.npy --threads 1");
    let bytes = |name: &str| std::fs::read(dir.path(name)).expect("there");
    assert_eq!(bytes("same.npy"), bytes("train.npy"));
    dir.ok("embed photos/wide --model train.model.safetensors -o some.npy");
    assert_eq!(bytes("some.npy")[128..], bytes("train.npy")[128 + 12 * 16 * 4..]);

    dir.ok("embed photos --model train.model.safetensors -o rows.parquet --dtype f16");
    let inspected = dir.json("inspect rows.parquet --id-column id --json");
    assert_eq!((&inspected["n"], &inspected["dtype"]), (&24.into(), &"f16".into()), "{inspected}");
    let again = dir.run("embed photos --model rgb -o train.npy");
    assert!(again.code == Some(1) && again.stderr.contains("train.npy"), "{}", again.stderr);
}

#[test]
fn images_that_cannot_be_read_are_named_or_left_out() {
    let dir = photos();
    let whole = std::fs::read(dir.path("photos/tall/03.png")).expect("there");
    dir.write("photos/tall/03.png", &whole[..60]);
    let run = dir.run("embed photos --model rgb -o rows.npy");
    assert_eq!(run.code, Some(1));
    assert!(run.stderr.contains("tall/03.png") && run.stderr.contains("`--skip-broken`"), "{}", run.stderr);
    let run = dir.ok("embed photos --model rgb -o rows.npy --skip-broken");
    assert!(run.stderr.contains("1 image could not be read and was left out"), "{}", run.stderr);
    assert_eq!(dir.read("rows.ids.txt").lines().count(), 23);
    dir.ok("select photos -n 23 -m random --skip-broken");
    assert!(!dir.column("picks.csv", "id").contains(&"tall/03.png".to_owned()));
    assert_eq!(dir.json("verify picks.manifest.json --json")["same"], true);
}

#[test]
fn models_that_are_none_are_refused() {
    let dir = photos();
    for (model, code, part) in [
        ("clip", 2, "`clip` is no model: known are patches, rgb"),
        ("patches:dim=0", 2, "`dim` of `patches` must be at least 1, got 0"),
        ("patches:size=3", 2, "unknown field `size`"),
        ("absent.safetensors", 1, "absent.safetensors: cannot be read"),
    ] {
        for command in ["embed photos -o rows.npy", "select photos -n 3"] {
            let run = dir.run(&format!("{command} --model {model}"));
            assert_eq!(run.code, Some(code), "{}", run.stderr);
            assert!(run.stderr.contains(part), "{}", run.stderr);
        }
    }
    let run = dir.run("embed photos -o rows.tsv2");
    assert!(run.code == Some(2) && run.stderr.contains("known extensions"), "{}", run.stderr);
    std::fs::create_dir(dir.path("empty")).expect("a directory");
    let run = dir.run("select empty -n 3");
    assert!(run.code == Some(1) && run.stderr.contains("empty"), "{}", run.stderr);
}
