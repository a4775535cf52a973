//! The page of a comparison.

use subsel_metrics::compare::{Arranged, Column};
use subsel_metrics::compare::{Draw, Entry, Given, Journal, NORMS, Place, RANDOM, Recipe, Summary, Verdict};
use subsel_report::{
    Bar, Bars, Cell, Cloud, ComparisonPage, Curves, Figure, Histograms, Plot, Point, Sample, Scatter, Section, Series,
    Table, Tone, View,
};

use crate::failure::Failure;
use crate::messages::{count, counted, shell_word};

/// Everything a page is made of.
pub(super) struct Report<'a> {
    pub(super) recipe: &'a Recipe,
    pub(super) arranged: &'a Arranged,
    pub(super) given: &'a Given<'a>,
    pub(super) journal: &'a Journal,
    pub(super) summary: &'a Summary,
}

impl Report<'_> {
    /// The page.
    pub(super) fn page(&self, took: &str) -> Result<ComparisonPage, Failure> {
        let mut sections = Vec::new();
        for draw in &self.recipe.draw {
            sections.extend(match draw {
                Draw::Curves => self.curves(),
                Draw::Differences => self.differences(),
                Draw::LabelsSaved => self.labels_saved(),
                Draw::Correlation(metric) => self.correlation(metric),
                Draw::Norms => self.norms(),
                Draw::Table => self.table(),
            });
        }
        let command = std::env::args().skip(1).map(|arg| shell_word(&arg)).collect::<Vec<_>>().join(" ");
        Ok(ComparisonPage {
            title: self.recipe.title.clone(),
            subtitle: self.subtitle(),
            figures: self.figures(),
            notes: self.recipe.notes.clone(),
            sections,
            config: Recipe { compare: self.arranged.comparison.clone(), ..self.recipe.clone() }.text()?,
            command: format!("subsel {command}"),
            facts: vec![
                ("version".into(), env!("CARGO_PKG_VERSION").into()),
                ("seeds".into(), self.summary.seeds.to_string()),
                ("pool".into(), self.given.pool.facts().fingerprint.clone()),
                ("this run took".into(), took.to_owned()),
            ],
        })
    }

    fn subtitle(&self) -> String {
        let comparison = &self.arranged.comparison;
        let n = self.given.pool.len();
        let pool = match comparison.pool_size {
            Some(size) if size < n => format!("samples of {} of {} rows", count(size), count(n)),
            _ => format!("a pool of {} rows", count(n)),
        };
        let initial = match comparison.initial {
            0 => String::new(),
            rows => format!(", {} labeled before", counted(rows, "random row")),
        };
        let about = if self.recipe.about.is_empty() { String::new() } else { format!("{} ", self.recipe.about) };
        format!(
            "{about}{} on {pool}{initial}; methods of a seed see the same sample.",
            counted(self.summary.seeds, "seed")
        )
    }

    /// Labels saved by the best method of the first evaluator.
    fn figures(&self) -> Vec<Figure> {
        let Some(judge) = self.summary.columns.iter().find(|column| column.is_accuracy) else { return Vec::new() };
        let entries = self.summary.entries.iter().filter(|entry| entry.column == judge.name && entry.budget.is_none());
        let gain = |entry: &Entry| entry.difference.map_or(f64::NEG_INFINITY, |difference| difference.mean);
        let Some(best) = entries.filter(|e| e.method != RANDOM).max_by(|a, b| gain(a).total_cmp(&gain(b))) else {
            return Vec::new();
        };
        let mut figures = Vec::new();
        if let Some(difference) = best.difference {
            let (low, high) = difference.interval();
            figures.push(Figure {
                value: format!("{:+.1} points ({:+.1} to {:+.1})", 100.0 * difference.mean, 100.0 * low, 100.0 * high),
                label: format!("{} over random, {}, mean of all budgets", best.method, judge.name),
            });
        }
        let of_best =
            self.summary.budgets.iter().filter_map(|b| self.summary.entry(&judge.name, &best.method, Some(b)));
        if let Some(saved) = of_best.filter_map(|entry| entry.saved).next_back() {
            let labels = |value| super::tell::labels(value, &saved);
            figures.push(Figure {
                value: format!("{} ({} to {})", labels(saved.random), labels(saved.low), labels(saved.high)),
                label: format!("random labels do the work of {:.0} by {}", saved.labels, best.method),
            });
        }
        figures
    }

    fn x(&self, entry: &Entry) -> f64 {
        (entry.picks + self.arranged.comparison.initial) as f64
    }

    fn curves(&self) -> Option<Section> {
        let views = self.summary.columns.iter().map(|judge| {
            let scale = judge.scale();
            let series = self.summary.methods.iter().map(|method| {
                let budgets = self.summary.budgets.iter();
                let mut points: Vec<Point> = budgets
                    .filter_map(|budget| self.summary.entry(&judge.name, method, Some(budget)))
                    .map(|entry| {
                        let (mean, error) = (entry.value.mean * scale, entry.value.error() * scale);
                        Point { x: self.x(entry), mean, low: mean - error, high: mean + error }
                    })
                    .collect();
                points.sort_by(|a, b| a.x.total_cmp(&b.x));
                Series { name: method.clone(), points }
            });
            let curves = Curves {
                title: format!("{} by labels", judge.name),
                x_label: "labels".into(),
                y_label: label(judge),
                series: series.collect(),
                marks: Vec::new(),
            };
            View { name: judge.name.clone(), plot: Some(Plot::Curves(curves)), table: None }
        });
        Some(Section {
            heading: "By budget".into(),
            text:
                "Means over the seeds; bands are a standard error to each side. Bands of two methods may overlap where \
                   their paired difference is clear: see below."
                    .into(),
            views: views.collect(),
        })
    }

    fn differences(&self) -> Option<Section> {
        let views = self.summary.columns.iter().map(|judge| {
            let scale = judge.scale();
            let of = |method: &String| {
                let budget = if self.summary.budgets.len() > 1 { None } else { self.summary.budgets.first() };
                let difference = self.summary.entry(&judge.name, method, budget.map(String::as_str))?.difference?;
                let (low, high) = difference.interval();
                Some(Bar { name: method.clone(), value: difference.mean * scale, low: low * scale, high: high * scale })
            };
            let bars = Bars {
                title: format!("{} over random", judge.name),
                x_label: format!("{} over random", label(judge)),
                lower_is_better: judge.higher_is_better == Some(false),
                bars: self.summary.methods.iter().filter_map(of).collect(),
            };
            let plot = (!bars.bars.is_empty()).then_some(Plot::Bars(bars));
            View { name: judge.name.clone(), plot, table: None }
        });
        (self.summary.methods.len() > 1).then(|| Section {
            heading: "Over random".into(),
            text: "Differences to random on the same samples, mean of all budgets, with 95 % intervals. Of twenty intervals \
                   one misses its truth by chance."
                .into(),
            views: views.collect(),
        })
    }

    fn labels_saved(&self) -> Option<Section> {
        let judges = self.summary.columns.iter().filter(|column| column.is_accuracy);
        let views: Vec<View> = judges
            .map(|judge| {
                let mut table = Table::new(["method", "labels", "random labels that do the same", "times"]);
                let mut series = Vec::new();
                for method in self.summary.methods.iter().filter(|method| *method != RANDOM) {
                    let mut points = Vec::new();
                    for budget in &self.summary.budgets {
                        let Some(saved) = self.summary.entry(&judge.name, method, Some(budget)).and_then(|e| e.saved)
                        else {
                            continue;
                        };
                        let labels = |value| super::tell::labels(value, &saved);
                        let text =
                            format!("{} ({} to {})", labels(saved.random), labels(saved.low), labels(saved.high));
                        table.push(vec![
                            Cell::text(method.clone()),
                            Cell::number(saved.labels, 0),
                            Cell { text, value: Some(saved.random), tone: None },
                            Cell::number(saved.random / saved.labels, 2),
                        ]);
                        let high = saved.high.min(saved.most);
                        points.push(Point { x: saved.labels, mean: saved.random, low: saved.low.min(high), high });
                    }
                    points.sort_by(|a, b| a.x.total_cmp(&b.x));
                    if points.iter().any(|point| point.mean.is_finite()) {
                        series.push(Series { name: method.clone(), points });
                    }
                }
                let labels = self.summary.budgets.iter();
                let labels = labels.filter_map(|b| self.summary.entry(&judge.name, RANDOM, Some(b)).map(|e| self.x(e)));
                let mut own: Vec<Point> = labels.map(|x| Point::exact(x, x)).collect();
                own.sort_by(|a, b| a.x.total_cmp(&b.x));
                series.insert(0, Series { name: RANDOM.into(), points: own });
                let plot = Plot::Curves(Curves {
                    title: format!("Random labels that do the same, {}", judge.name),
                    x_label: "labels".into(),
                    y_label: "random labels that do the same".into(),
                    series,
                    marks: Vec::new(),
                });
                View { name: judge.name.clone(), plot: Some(plot), table: Some(table) }
            })
            .collect();
        (!views.is_empty()).then(|| Section {
            heading: "Labels saved".into(),
            text: "How many random labels give the accuracy that a method gives, read off the curve of random; intervals hold \
                   95 % of resampled seeds. A line that ends reaches further than any number of random labels tried."
                .into(),
            views,
        })
    }

    fn correlation(&self, metric: &str) -> Option<Section> {
        let judge = self.summary.columns.iter().find(|column| column.is_accuracy)?;
        let views = self.summary.budgets.iter().map(|budget| {
            let (pairs, found) = self.summary.correlation(self.journal, RANDOM, budget, metric, &judge.name);
            let points = pairs.iter().map(|(x, y)| (*x, 100.0 * y)).collect();
            let plot = Plot::Scatter(Scatter {
                title: format!("{} random sets of {budget}", pairs.len()),
                x_label: metric.into(),
                y_label: label(judge),
                clouds: vec![Cloud { name: RANDOM.into(), points }],
            });
            let mut table = Table::new(["sets", "r", "95 % interval", "points of accuracy per unit"]);
            table.push(vec![
                Cell::number(found.n as f64, 0),
                Cell::number(found.r, 3),
                Cell::text(format!("{:.3} to {:.3}", found.low, found.high)),
                Cell::number(100.0 * found.slope, 2),
            ]);
            View { name: budget.clone(), plot: Some(plot), table: Some(table) }
        });
        Some(Section {
            heading: format!("Does {metric} tell accuracy?"),
            text: "Every point is a random set of rows.".into(),
            views: views.collect(),
        })
    }

    fn norms(&self) -> Option<Section> {
        let pool: Vec<f64> = self.given.pool.sq_norms().iter().map(|sq| sq.sqrt()).collect();
        let views = self.summary.budgets.iter().map(|budget| {
            let mut samples = vec![Sample { name: "pool".into(), values: pool.clone() }];
            for method in &self.summary.methods {
                let mut values = Vec::new();
                for seed in 0..self.arranged.comparison.seeds as u64 {
                    let place = Place { method: method.clone(), budget: budget.clone(), seed };
                    let norms = self.journal.get(&place).and_then(|cell| cell.values.get(NORMS)?.as_array());
                    values.extend(norms.into_iter().flatten().filter_map(serde_json::Value::as_f64));
                }
                samples.push(Sample { name: method.clone(), values });
            }
            let plot = Plot::Histograms(Histograms {
                title: format!("Norms of the pool and of {budget} picks"),
                x_label: "Euclidean norm".into(),
                samples,
            });
            View { name: budget.clone(), plot: Some(plot), table: None }
        });
        Some(Section {
            heading: "Norms".into(),
            text: "The pool as an area, the picks of all seeds as lines.".into(),
            views: views.collect(),
        })
    }

    fn table(&self) -> Option<Section> {
        let views = self.summary.columns.iter().map(|judge| {
            let scale = judge.scale();
            let decimals = if scale > 1.0 { 1 } else { 4 };
            let mut table =
                Table::new(["method".into(), "labels".into(), label(judge), "over random".into(), "verdict".into()]);
            for entry in self.summary.entries.iter().filter(|entry| entry.column == judge.name) {
                let (over, verdict) = match (&entry.difference, entry.verdict) {
                    (Some(difference), verdict) => {
                        let (low, high) = difference.interval();
                        let over = Cell::interval(difference.mean * scale, low * scale, high * scale, decimals);
                        (
                            over,
                            verdict.map_or(Cell::text(""), |verdict| Cell::verdict(verdict.to_string(), tone(verdict))),
                        )
                    }
                    (None, _) => (Cell::text(""), Cell::text("")),
                };
                let labels = match &entry.budget {
                    Some(_) => Cell::number(self.x(entry), 0),
                    None => Cell { text: "mean of all".into(), value: Some(f64::INFINITY), tone: None },
                };
                table.push(vec![
                    Cell::text(entry.method.clone()),
                    labels,
                    Cell::estimate(entry.value.mean * scale, entry.value.error() * scale, decimals),
                    over,
                    verdict,
                ]);
            }
            View { name: judge.name.clone(), plot: None, table: Some(table) }
        });
        Some(Section {
            heading: "All values".into(),
            text: "Means ± standard error; differences to random with 95 % intervals.".into(),
            views: views.collect(),
        })
    }
}

fn tone(verdict: Verdict) -> Tone {
    match verdict {
        Verdict::Better => Tone::Better,
        Verdict::Worse => Tone::Worse,
        Verdict::Same | Verdict::CannotTell { .. } => Tone::Unclear,
    }
}

fn label(judge: &Column) -> String {
    match judge.name.as_str() {
        "ceiling" => "test rows of a class picked, %".into(),
        name if judge.is_accuracy => format!("accuracy of {name}, %"),
        name => name.into(),
    }
}
