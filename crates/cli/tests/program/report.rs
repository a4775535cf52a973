//! `subsel report`: the page, what it refuses, and in a browser, where there is one, a click on its map.

use std::path::PathBuf;
use std::process::Command;

use base64::Engine;
use serde_json::Value;

use crate::support::Dir;

/// A pool of 30 rows on a plane, row 17 far from all others.
fn plane() -> Dir {
    let dir = Dir::new();
    let mut values: Vec<f32> = (0..30).flat_map(|i| [(i % 6) as f32, (i / 6) as f32 * 0.7]).collect();
    values[34..36].copy_from_slice(&[12.0, 1.0]);
    dir.write_npy("pool.npy", &values, 2);
    dir.ok("select pool.npy -n 4 -m k-means-pp --seed 3");
    dir
}

fn data(page: &str) -> Value {
    let (_, rest) = page.split_once("id=\"data\">").expect("the page has data");
    let (text, _) = rest.split_once("</script>").expect("that end");
    serde_json::from_str(text).expect("and are JSON")
}

/// A picture of one color.
fn png(color: u8) -> Vec<u8> {
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, 4, 4);
    encoder.set_color(png::ColorType::Grayscale);
    let mut writer = encoder.write_header().expect("a header");
    writer.write_image_data(&[color; 16]).expect("pixels");
    writer.finish().expect("an end");
    file
}

#[test]
fn a_page_shows_picks_coverage_and_figures_and_needs_nothing_from_elsewhere() {
    let dir = Dir::with_pool(300, 6);
    dir.ok("select pool.npy -n 12 -m k-center --seed 5");
    let run = dir.ok("report picks.csv");
    assert!(run.stderr.starts_with("12 picks of 300 rows shown in report.html ("), "{}", run.stderr);
    let page = dir.read("report.html");
    for part in [
        "12 rows picked by k-center",
        "--seed 5",
        "subsel verify picks.manifest.json",
        "coverage radius",
        "its nearest earlier pick",
        "<svg",
        "Vendi score",
    ] {
        assert!(page.contains(part), "{part}");
    }
    assert!(!page.contains("http:") && !page.contains("https:"), "the page needs nothing from elsewhere");
    let data = data(&page);
    let rows: Vec<String> = data["picks"].as_array().expect("picks").iter().map(|pick| pick[0].to_string()).collect();
    assert_eq!(rows, dir.column("picks.csv", "row"));
    dir.refuses("report picks.csv", 1, "error: report.html exists already\nhint: `--force` overwrites it\n");
    dir.ok("report picks.csv --force --no-metrics --plots plots");
    for name in ["coverage.svg", "coverage.png", "norms.svg", "norms.png"] {
        assert!(dir.path("plots").join(name).is_file(), "{name}");
    }
}

#[test]
fn picks_of_another_pool_are_refused() {
    let dir = Dir::with_pool(40, 4);
    dir.ok("select pool.npy -n 3 -m random");
    dir.write_npy("other.npy", &crate::support::rows(41, 4)[4..], 4);
    let run = dir.run("report picks.csv --pool other.npy");
    assert_eq!(run.code, Some(1));
    assert!(
        run.stderr.starts_with("error: picks.csv was not picked from this pool: its fingerprint is "),
        "{}",
        run.stderr
    );
    assert!(run.stderr.contains("\nhint: the picks were made from pool.npy; "), "{}", run.stderr);
    dir.write_npy("short.npy", &crate::support::rows(20, 4), 4);
    dir.refuses(
        "report picks.csv --pool short.npy",
        1,
        "error: picks.csv was not picked from this pool: it has 20 rows of 4 values, theirs had 40 of 4\n\
         hint: the picks were made from pool.npy; a copy of them without picks.manifest.json beside it is taken as rows of any pool\n",
    );
    dir.write("picks.csv", "rank,row\n1,5\n");
    dir.refuses(
        "report picks.csv",
        1,
        "error: picks.csv does not hold the picks of picks.manifest.json: it was changed or written by another run\n\
         hint: select again, or move the manifest away to take the rows as they are\n",
    );
}

#[test]
fn rows_without_a_manifest_are_shown_with_a_warning() {
    let dir = Dir::with_pool(40, 4);
    dir.write("mine.txt", "3\n17\n0\n");
    dir.refuses(
        "report mine.txt",
        2,
        "error: there is no mine.manifest.json to say which pool mine.txt is of\nhint: `--pool FILE` names it\n",
    );
    dir.ok("report mine.txt --pool pool.npy --no-metrics");
    assert!(dir.read("report.html").contains("There is no manifest beside the picks"));
    dir.write("mine.txt", "3\n40\n");
    dir.refuses(
        "report mine.txt --pool pool.npy -o two.html",
        1,
        "error: entry 2 of mine.txt is row 40, which the pool does not have; rows are 0 to 39\n",
    );
    dir.write("mine.txt", "3\n3\n");
    dir.refuses(
        "report mine.txt --pool pool.npy -o two.html",
        1,
        "error: mine.txt names row 3 twice\nhint: picks for several budgets are told apart by a column `budget`\n",
    );
}

#[test]
fn texts_and_pictures_stand_beside_their_rows() {
    let dir = plane();
    let lines: String = (0..30).map(|i| format!("{{\"text\": \"words of {i} <b>\", \"label\": 1}}\n")).collect();
    dir.write("texts.jsonl", lines);
    dir.ok("report picks.csv --texts texts.jsonl --no-metrics");
    let texts = data(&dir.read("report.html"))["texts"].clone();
    assert_eq!(texts["17"], "words of 17 <b>");
    assert_eq!(texts.as_object().map(serde_json::Map::len), Some(30), "short texts of a small pool are all there");
    dir.write("short.txt", "one\ntwo\n");
    dir.refuses(
        "report picks.csv --texts short.txt -o two.html",
        1,
        "error: short.txt holds 2 entries but the pool has 30 rows\n",
    );

    std::fs::create_dir(dir.path("images")).expect("a directory");
    for i in 0..30 {
        dir.write(&format!("images/{i:02}.png"), png(i));
    }
    dir.ok("report picks.csv --images images --no-metrics --force");
    let pictures = data(&dir.read("report.html"))["pictures"].clone();
    let first = dir.column("picks.csv", "row")[0].clone();
    let address = pictures[&first].as_str().expect("the picture of a pick");
    let bytes = base64::engine::general_purpose::STANDARD
        .decode(address.strip_prefix("data:image/png;base64,").expect("as it is"));
    assert_eq!(bytes.expect("base64"), png(first.parse().expect("a row")));
    std::fs::remove_file(dir.path("images/29.png")).expect("one goes");
    let run = dir.run("report picks.csv --images images -o two.html");
    assert!(run.stderr.starts_with("error: images holds 29 pictures but the pool has 30 rows\n"), "{}", run.stderr);
}

#[test]
fn every_format_of_picks_is_read() {
    let dir = Dir::with_pool(50, 4);
    for name in ["picks.csv", "picks.parquet", "picks.jsonl", "picks.npy", "picks.txt"] {
        dir.ok(&format!("select pool.npy -n 4 -m k-center -o {name} --force"));
        dir.ok(&format!("report {name} --no-metrics --force"));
        let data = data(&dir.read("report.html"));
        assert_eq!(data["picks"].as_array().map(Vec::len), Some(4), "{name}");
        if name.ends_with("csv") || name.ends_with("jsonl") {
            assert!(
                data["picks"][1][2].as_str().is_some_and(|reason| reason.contains("its nearest earlier pick")),
                "{name}"
            );
        }
    }
}

/// A browser that draws without a screen, where this machine has one.
fn browser() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let names = ["chromium", "chromium-browser", "google-chrome"];
    std::env::split_paths(&path).flat_map(|dir| names.map(|name| dir.join(name))).find(|path| path.is_file())
}

/// The page as it stands after its scripts have run.
fn opened(browser: &PathBuf, dir: &Dir, page: &str) -> String {
    let mut command = Command::new(browser);
    command.args(["--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--window-size=1400,2400"]);
    command.args(["--virtual-time-budget=5000", "--dump-dom"]);
    command.arg(format!("--user-data-dir={}", dir.path("browser").display()));
    let output = command.arg(format!("file://{}", dir.path(page).display())).output().expect("the browser starts");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
#[allow(clippy::print_stderr, reason = "says that it was skipped, and why")]
fn the_map_draws_and_a_click_on_a_point_shows_its_row() {
    let Some(browser) = browser() else {
        eprintln!("skipped: no chromium, chromium-browser or google-chrome on the path");
        return;
    };
    let dir = plane();
    dir.ok("report picks.csv --no-metrics");
    // A click as a person makes it: on whatever lies on top where row 17 is drawn.
    let click = "<script>{
        canvas.scrollIntoView();
        const [x, y] = spot(frame(), 17), box = canvas.getBoundingClientRect();
        const at = { clientX: box.left + x, clientY: box.top + y, bubbles: true, cancelable: true };
        const hit = document.elementFromPoint(at.clientX, at.clientY), told = document.body.dataset;
        told.before = detail.dataset.row;
        for (const kind of ['mousedown', 'mouseup', 'click']) hit.dispatchEvent(new MouseEvent(kind, at));
        told.after = detail.dataset.row;
        told.said = detail.querySelector('h2').textContent;
    }</script></body>";
    dir.write("clicked.html", dir.read("report.html").replace("</body>", click));
    let page = opened(&browser, &dir, "clicked.html");
    assert!(page.contains("data-drawn=\"30\""), "all points are drawn: {}", page.len());
    assert!(page.contains("data-picks=\"4\""), "and all picks");
    let first = &dir.column("picks.csv", "row")[0];
    assert_ne!(first, "17", "the click must change what is shown");
    assert!(page.contains(&format!("data-before=\"{first}\"")), "the first pick is shown at first");
    assert!(page.contains("data-after=\"17\""), "the row that was clicked is shown");
    let rank = dir.column("picks.csv", "row").iter().position(|row| row == "17");
    let said = rank.map_or("Row 17".into(), |rank| format!("Pick {}", rank + 1));
    assert!(page.contains(&format!("data-said=\"{said}\"")), "{said}");
}
