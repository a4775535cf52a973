use super::*;
use crate::plot::style::looks;

fn curves() -> Curves {
    let series = |name: &str, lift: f64| Series {
        name: name.into(),
        points: [10.0, 20.0, 40.0, 60.0]
            .map(|x| Point { x, mean: lift + x / 100.0, low: lift + x / 100.0 - 0.05, high: lift + x / 100.0 + 0.05 })
            .to_vec(),
    };
    Curves {
        title: "Accuracy & <labels>".into(),
        x_label: "labels".into(),
        y_label: "accuracy".into(),
        series: vec![series("random", 0.1), series("typiclust", 0.2), series("k-center", 0.15)],
        marks: vec![Mark { x: 40.0, label: "knee at 40".into() }],
    }
}

fn all() -> Vec<Plot> {
    let values = |shift: f64| (0..200).map(|i| shift + f64::from(i % 17)).collect::<Vec<_>>();
    let points = (0..50).map(|i| (f64::from(i), 2.0 * f64::from(i) + f64::from(i % 3))).collect();
    vec![
        Plot::Curves(curves()),
        Plot::Scatter(Scatter {
            title: "Norm and accuracy".into(),
            clouds: vec![Cloud { name: "runs".into(), points }],
            ..Scatter::default()
        }),
        Plot::Histograms(Histograms {
            title: "Norms".into(),
            x_label: "norm".into(),
            samples: vec![
                Sample { name: "pool".into(), values: values(0.0) },
                Sample { name: "picks".into(), values: values(4.0) },
            ],
        }),
        Plot::Bars(Bars {
            title: "Over random".into(),
            x_label: "points".into(),
            bars: vec![
                Bar { name: "typiclust".into(), value: 2.0, low: 1.0, high: 3.0 },
                Bar { name: "norm".into(), value: -1.0, low: -2.0, high: -0.5 },
                Bar { name: "k-center".into(), value: 0.2, low: -0.5, high: 0.9 },
            ],
            ..Bars::default()
        }),
    ]
}

fn svg(plot: &Plot) -> String {
    plot.svg().unwrap_or_else(|error| panic!("{}: {error}", plot.title()))
}

#[test]
fn every_plot_is_written_as_svg_and_as_png_of_the_same_shape() {
    for plot in all() {
        let text = svg(&plot);
        assert!(text.starts_with("<svg xmlns=") && text.trim_end().ends_with("</svg>"), "{}", plot.title());
        let png = plot.png().unwrap_or_else(|error| panic!("{}: {error}", plot.title()));
        let decoder = png::Decoder::new(std::io::Cursor::new(&png));
        let mut reader = decoder.read_info().expect("a PNG");
        let mut pixels = vec![0; reader.output_buffer_size().expect("a size")];
        let info = reader.next_frame(&mut pixels).expect("its pixels");
        let size = format!("width=\"{}\" height=\"{}\"", info.width / 2, info.height / 2);
        assert!(text.contains(&size), "{size} of {}", plot.title());
        let inked = pixels.chunks_exact(3).filter(|pixel| **pixel != [255, 255, 255]).count();
        assert!(inked > 5000, "{} has {inked} pixels that are not ground", plot.title());
    }
}

#[test]
fn a_plot_in_a_page_names_itself_and_no_address() {
    let text = Plot::Curves(curves()).inline().expect("it draws");
    assert!(text.contains("aria-label=\"Accuracy &amp; &lt;labels&gt;\""));
    assert!(!text.contains("http"));
}

#[test]
fn curves_have_a_band_a_line_and_a_name_each_and_random_is_dashed() {
    let text = svg(&Plot::Curves(curves()));
    assert_eq!(text.matches("<polygon").count(), 3);
    for name in ["random", "typiclust", "k-center", "knee at 40"] {
        assert!(text.contains(&format!(">\n{name}\n</text>")), "{name}");
    }
    assert!(text.contains("#0072B2") && text.contains("#D55E00") && text.contains("#7D8491"));
}

#[test]
fn looks_go_by_order_and_not_by_name() {
    let looks = looks(["a", "random", "b", "c", "d", "e", "f", "g", "h"].into_iter());
    assert!(looks[1].is_dashed && looks[1].color == style::GRAY);
    assert!(looks[8].is_dashed && looks[8].color == looks[0].color, "after seven the colors come again, dashed");
    let mut colors: Vec<_> = looks[..8].iter().map(|look| (look.color.0, look.color.1, look.color.2)).collect();
    colors.sort_unstable();
    colors.dedup();
    assert_eq!(colors.len(), 8);
}

#[test]
fn a_difference_is_colored_only_where_its_interval_leaves_zero_out() {
    let Some(bars @ Plot::Bars(_)) = all().pop() else { panic!("bars are last") };
    let text = svg(&bars);
    for color in ["#009E73", "#D55E00", "#7D8491"] {
        assert!(text.contains("<circle cx=") && text.contains(color), "{color}");
    }
}

#[test]
fn a_regression_is_that_of_the_textbook() {
    // Anscombe's first set.
    let x = [10.0, 8.0, 13.0, 9.0, 11.0, 14.0, 6.0, 4.0, 12.0, 7.0, 5.0];
    let y = [8.04, 6.95, 7.58, 8.81, 8.33, 9.96, 7.24, 4.26, 10.84, 4.82, 5.68];
    let line = Regression::of(x.into_iter().zip(y)).expect("a line");
    assert!((line.slope - 0.5001).abs() < 1e-4 && (line.intercept - 3.0001).abs() < 1e-4, "{line:?}");
    assert!((line.r - 0.8164).abs() < 1e-4 && line.n == 11);
    assert_eq!(Regression::of([(1.0, 2.0), (1.0, 3.0)].into_iter()), None);
}

#[test]
fn shares_of_a_histogram_add_up() {
    let Plot::Histograms(plot) = all().remove(2) else { panic!("histograms are third") };
    let binned = plot.binned().expect("there are values");
    for shares in &binned.shares {
        assert!((shares.iter().sum::<f64>() - 1.0).abs() < 1e-12);
    }
    let one = Histograms { samples: vec![Sample { name: "one".into(), values: vec![3.0] }], ..plot };
    assert!(one.binned().is_some_and(|binned| binned.shares[0].iter().sum::<f64>() == 1.0));
}

#[test]
fn nothing_finite_is_nothing_to_draw() {
    let nan = Series { name: "a".into(), points: vec![Point::exact(1.0, f64::NAN)] };
    let empty = [
        Plot::Curves(Curves { title: "t".into(), series: vec![nan], ..Curves::default() }),
        Plot::Scatter(Scatter { title: "t".into(), ..Scatter::default() }),
        Plot::Histograms(Histograms { title: "t".into(), ..Histograms::default() }),
        Plot::Bars(Bars { title: "t".into(), ..Bars::default() }),
    ];
    for plot in empty {
        let error = plot.svg().expect_err("nothing to draw").to_string();
        assert_eq!(error, "nothing to draw in the plot \"t\": it has no finite value");
    }
}

#[test]
fn a_gap_breaks_a_line_and_a_single_point_is_drawn() {
    let mut plot = curves();
    plot.series.truncate(1);
    plot.series[0].name = "a".into();
    plot.series[0].points[1].mean = f64::NAN;
    let text = svg(&Plot::Curves(plot));
    assert_eq!(text.matches("<circle").count(), 3);
    assert_eq!(text.matches("<polygon").count(), 1, "the stretch after the gap has a band, the point before it none");
}

#[test]
fn files_are_named_for_what_they_are() {
    let dir = std::env::temp_dir().join(format!("subsel-plots-{}", std::process::id()));
    std::fs::create_dir_all(&dir).expect("a directory");
    let plot = Plot::Curves(curves());
    plot.write(&dir.join("a.svg"), false).expect("svg");
    plot.write(&dir.join("a.png"), false).expect("png");
    assert!(matches!(plot.write(&dir.join("a.svg"), false), Err(Error::File(subsel_formats::Error::Exists { .. }))));
    assert!(matches!(plot.write(&dir.join("a.pdf"), false), Err(Error::PlotFormat { .. })));
    assert!(std::fs::read(dir.join("a.png")).expect("the file").starts_with(b"\x89PNG"));
    std::fs::remove_dir_all(&dir).expect("the directory goes");
}
