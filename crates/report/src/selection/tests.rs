use super::*;
use crate::{Cell, Covered, Neighbor, Tone};

fn look(n: usize, picks: &[usize]) -> Look {
    Look {
        rows: (0..n).collect(),
        places: (0..n).map(|i| [i as f32 / n as f32, (i * i % n) as f32 / n as f32]).collect(),
        axes: "two directions".into(),
        nearest_pick: vec![0; n],
        distances: (0..n).map(|i| i as f32).collect(),
        norms: (0..n).map(|i| 2.0 + (i % 7) as f32).collect(),
        pick_norms: vec![2.0; picks.len()],
        coverage: (1..=picks.len())
            .map(|k| Covered { picks: k, mean: 9.0 / k as f64, radius: 20.0 / k as f64 })
            .collect(),
        neighbors: picks.iter().map(|row| vec![Neighbor { row: (row + 1) % n, distance: 0.51234 }]).collect(),
        notes: vec!["the map shows some".into()],
    }
}

fn page<'a>(look: &'a Look, picks: &[usize], ids: Option<&'a Ids>) -> SelectionPage<'a> {
    let mut metrics = Table::new(["metric", "picks"]);
    metrics.push(vec![Cell::text("coverage radius"), Cell::number(3.0, 1).toned(Tone::Better)]);
    SelectionPage {
        title: "Picks <of> mine".into(),
        warnings: vec!["norms hardly vary".into()],
        picks: picks
            .iter()
            .map(|row| ShownPick { row: *row, score: Some(*row as f64 / 3.0), reason: "far & away".into() })
            .collect(),
        look: Some(look),
        n: look.rows.len(),
        dim: 4,
        ids,
        pictures: BTreeMap::from([(picks[0], "data:image/png;base64,AAAA".into())]),
        texts: BTreeMap::from([(picks[0], "</script><b>bold</b>".into())]),
        metrics: Some(metrics),
        command: "subsel select pool.npy -n 3".into(),
        facts: vec![("fingerprint".into(), "00ff".into())],
        manifest: "{\"seed\": 0}".into(),
        ..SelectionPage::default()
    }
}

fn data(html: &str) -> Value {
    let (_, rest) = html.split_once("id=\"data\">").expect("the page has data");
    let (text, _) = rest.split_once("</script>").expect("that end");
    serde_json::from_str(text).expect("and are JSON")
}

#[test]
fn the_page_holds_everything_and_needs_nothing_from_elsewhere() {
    let (picks, ids) = ([7, 3, 11, 19, 2], Ids::Text((0..20).map(|i| format!("img-{i}")).collect()));
    let look = look(20, &picks);
    let html = page(&look, &picks, Some(&ids)).html().expect("a page");
    for part in [
        "Picks &lt;of&gt; mine",
        "norms hardly vary",
        "picks, 25 % of 20 rows",
        "img-7",
        "far &amp; away",
        "two directions",
        "the map shows some",
        "&lt;b&gt;bold",
        "coverage radius",
        "subsel select pool.npy -n 3",
        "00ff",
        "<canvas",
    ] {
        assert!(html.contains(part), "{part}");
    }
    assert!(!html.contains("http:") && !html.contains("https:") && !html.contains("src=\"//"));
    assert_eq!(html.matches("<svg").count(), 2, "coverage and norms");
    let data = data(&html);
    assert_eq!(data["texts"]["7"], "</script><b>bold</b>");
    assert_eq!(data["picks"][0][3], json!([[8, "0.5123"]]));
    let places = STANDARD.decode(data["places"].as_str().expect("packed")).expect("base64");
    assert_eq!(places.len(), 20 * 4);
    assert_eq!(data["rows"], Value::Null, "all rows are drawn, so their numbers need not be told");
}

#[test]
fn a_large_pool_makes_a_small_page() {
    let picks: Vec<usize> = (0..60).map(|i| i * 1000).collect();
    let look = look(100_000, &picks);
    let html = page(&look, &picks, None).html().expect("a page");
    assert!(html.len() < 2 << 20, "{} bytes", html.len());
}

#[test]
fn only_the_first_picks_are_shown_one_by_one() {
    let picks: Vec<usize> = (0..SHOWN + 100).collect();
    let look = look(1000, &picks);
    let html = page(&look, &picks, None).html().expect("a page");
    assert_eq!(html.matches("<tr data-row=").count(), SHOWN);
    assert!(html.contains("The first 500 of 600."));
    assert_eq!(data(&html)["picks"].as_array().map(Vec::len), Some(600), "all are on the map");
}

#[test]
fn ids_of_all_rows_are_told_only_where_they_are_short() {
    let picks = [5];
    let look = look(40_000, &picks);
    let long = Ids::Text((0..40_000).map(|i| format!("{i:0>80}")).collect());
    let page = page(&look, &picks, Some(&long));
    let ids = page.id_data(&look);
    assert_eq!(ids.keys().copied().collect::<Vec<_>>(), [5, 6], "a pick and its neighbor");
    let short = Ids::Int((0..40_000).collect());
    let page = SelectionPage { ids: Some(&short), ..page };
    assert_eq!(page.id_data(&look).len(), 40_000);
}

#[test]
fn rows_of_one_length_have_no_histogram_of_norms() {
    let look = Look { norms: vec![1.0; 20], ..look(20, &[3, 4, 5]) };
    let page = page(&look, &[3, 4, 5], None);
    assert_eq!(page.plots().iter().map(|(name, _)| *name).collect::<Vec<_>>(), ["coverage"]);
    assert!(page.html().is_ok_and(|html| html.contains("nearly the same norm")));
}

#[test]
fn numbers_are_told_to_four_digits() {
    let texts = [0.0, 0.51234, 12.3456, 1234.6, 5e-9, f64::NAN, -3.25, f64::MAX].map(significant);
    assert_eq!(texts, ["0.000", "0.5123", "12.35", "1,235", "5.000e-9", "–", "−3.250", "∞"]);
}
