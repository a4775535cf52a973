use super::*;
use crate::{Cell, Curves, Point, Series, Tone};

fn curves(title: &str) -> Plot {
    let series = Series { name: "random".into(), points: vec![Point::exact(10.0, 0.5), Point::exact(20.0, 0.6)] };
    Plot::Curves(Curves { title: title.into(), series: vec![series], ..Curves::default() })
}

fn page() -> ComparisonPage {
    let mut table = Table::new(["method", "over random", "verdict"]);
    table.push(vec![Cell::text("norm<1>"), Cell::interval(1.5, 0.5, 2.5, 1), Cell::verdict("better", Tone::Better)]);
    let view = |name: &str| View { name: name.into(), plot: Some(curves(name)), table: Some(table.clone()) };
    ComparisonPage {
        title: "Compared <here>".into(),
        subtitle: "10 seeds".into(),
        figures: vec![Figure { value: "33".into(), label: "labels do the work of 60".into() }],
        notes: vec!["a probe stands for a network".into()],
        sections: vec![
            Section { heading: "Accuracy".into(), text: String::new(), views: vec![view("probe"), view("20-NN")] },
            Section { heading: "Coverage radius".into(), text: "Lower is better.".into(), views: vec![view("")] },
        ],
        config: "seeds = 10".into(),
        command: "subsel compare a.npy".into(),
        facts: vec![("version".into(), "0.1.0".into())],
    }
}

#[test]
fn the_page_holds_what_it_was_given_and_needs_nothing_from_elsewhere() {
    let html = page().html().expect("a page");
    for part in [
        "<title>Compared &lt;here&gt;</title>",
        "labels do the work of 60",
        "a probe stands for a network",
        "norm&lt;1&gt;",
        "1.5 (0.5 to 2.5)",
        "class=\"better\"",
        "subsel compare a.npy",
        "seeds = 10",
        "<dt>version</dt><dd>0.1.0</dd>",
    ] {
        assert!(html.contains(part), "{part}");
    }
    assert!(!html.contains("http:") && !html.contains("https:") && !html.contains("//cdn"));
    assert_eq!(html.matches("<svg").count(), 3);
}

#[test]
fn several_views_have_a_switch_and_one_has_none() {
    let html = page().html().expect("a page");
    assert_eq!(html.matches("data-view=").count(), 2);
    assert_eq!(html.matches(" hidden>").count(), 1);
}

#[test]
fn what_is_empty_is_not_shown() {
    let html = ComparisonPage { title: "t".into(), ..ComparisonPage::default() }.html().expect("a page");
    for part in ["<section", "class=\"figures\"", "<ul", "<table"] {
        assert!(!html.contains(part), "{part}");
    }
}

#[test]
fn plots_have_names_for_files() {
    let page = page();
    let names: Vec<String> = page.plots().into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["accuracy-probe", "accuracy-20-nn", "coverage-radius"]);
}

#[test]
fn a_crooked_table_is_refused() {
    let mut page = page();
    if let Some(table) = &mut page.sections[0].views[0].table {
        table.push(vec![Cell::text("alone")]);
    }
    assert!(matches!(page.html(), Err(Error::Table { row: 1, .. })));
}
