//! A report for people: as Markdown, and as lines for a terminal.

use super::{Report, Told};
use crate::score::Score;
use crate::setting::Task;

/// A table: its rows, the first of which is the heading.
pub type Table = Vec<Vec<String>>;

impl Report {
    /// Digits that accuracies in percent are told with: as many as the test set, or the spread of the seeds, allows.
    fn decimals(&self) -> usize {
        let of = |told: &Option<Told>| told.as_ref().map(|told| (told.mean, told.sd / (told.n as f64).sqrt()));
        let known = self.budgets.iter().filter_map(|budget| of(&budget.target)).next_back();
        let Some((p, spread)) = known else { return 1 };
        let sampling = self.test_rows.map_or(0.005, |m| (p * (1.0 - p) / m as f64).sqrt().max(0.5 / m as f64));
        let error = 100.0 * if spread.is_finite() { spread.max(sampling) } else { sampling };
        (-error.log10().floor()).clamp(0.0, 3.0) as usize
    }

    /// Half the 95 % interval of an accuracy on so many test rows, in points.
    fn test_error(&self) -> Option<f64> {
        let p = self.budgets.iter().filter_map(|budget| budget.target).next_back()?.mean;
        // 1.959964 standard deviations: the normal quantile of 95 %.
        Some(100.0 * 1.959_964 * (p * (1.0 - p) / self.test_rows? as f64).sqrt())
    }

    fn percent(&self, told: &Option<Told>) -> String {
        told.as_ref().map_or_else(String::new, |told| format!("{:.*} %", self.decimals(), 100.0 * told.mean))
    }

    fn points(&self, told: &Option<Told>) -> String {
        told.as_ref().map_or_else(String::new, |told| {
            let digits = self.decimals();
            // Rounding must not leave a sign on nothing.
            let round = |value: f64| {
                let scale = 10f64.powi(digits as i32);
                (100.0 * value * scale).round() / scale + 0.0
            };
            match told.low.is_finite() {
                true => format!(
                    "{:+.digits$} [{:+.digits$}, {:+.digits$}]",
                    round(told.mean),
                    round(told.low),
                    round(told.high)
                ),
                false => format!("{:+.digits$}", round(told.mean)),
            }
        })
    }

    /// What the target came to, budget by budget.
    pub fn budget_table(&self) -> Table {
        let mut table = vec![["rows", "target", "random rows", "over random", ""].map(String::from).to_vec()];
        let has_full = self.full.is_some();
        if has_full {
            table[0].push("error over all rows".into());
        }
        for budget in &self.budgets {
            let mut row = vec![
                format!("{} ({})", grouped(budget.rows), budget.budget),
                self.percent(&budget.target),
                self.percent(&budget.random),
                self.points(&budget.over_random),
                budget.verdict.map(|verdict| verdict.to_string()).unwrap_or_default(),
            ];
            if budget.budget == budget.rows.to_string() {
                row[0] = grouped(budget.rows);
            }
            if has_full {
                row.push(self.points(&budget.error_over_full));
            }
            table.push(row);
        }
        if has_full {
            table.push(vec![format!("{} (all)", grouped(self.n)), self.percent(&self.full)]);
        }
        table
    }

    /// What choosing took and how alike the models rank, round by round.
    pub fn round_table(&self) -> Table {
        let is_compared = self.rounds.iter().any(|round| round.overlap.is_some());
        let has_target = self.rounds.iter().any(|round| round.target.is_some());
        let has_best = self.rounds.iter().any(|round| round.proxy_best.is_some());
        let mut table = vec![["trained on", "chose", "proxy"].map(String::from).to_vec()];
        let add = |table: &mut Table, is: bool, names: &[&str]| {
            if is {
                table[0].extend(names.iter().map(|name| (*name).to_owned()));
            }
        };
        add(&mut table, has_best, &["its best epoch"]);
        add(&mut table, has_target, &["target"]);
        add(&mut table, true, &["choosing took"]);
        add(&mut table, is_compared, &["with target", "Spearman", "of entropy", "held out", "same picks"]);
        for round in &self.rounds {
            let mut row = vec![grouped(round.rows), grouped(round.picks), self.percent(&round.proxy)];
            if has_best {
                row.push(self.percent(&round.proxy_best));
            }
            if has_target {
                row.push(self.percent(&round.target));
            }
            row.push(secs(&round.proxy_secs));
            if is_compared {
                row.push(secs(&round.target_secs));
                row.extend([&round.spearman, &round.entropy, &round.entropy_held_out].map(correlation));
                row.push(round.overlap.map(|told| format!("{:.0} %", 100.0 * told.mean)).unwrap_or_default());
            }
            table.push(row);
        }
        table
    }

    /// What was asked, in a sentence.
    pub fn heading(&self) -> String {
        format!(
            "{} by {} of {} rows; proxy {}, target {}",
            capital(self.task.name()),
            self.score,
            grouped(self.n),
            self.proxy,
            self.target
        )
    }

    /// What is to be known of the numbers.
    pub fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        let seeds = if self.complete == 1 { "1 seed".to_owned() } else { format!("{} seeds", self.complete) };
        let mut first = format!("{seeds}; accuracies are those of the last epoch on the test rows");
        if let (Some(rows), Some(error)) = (self.test_rows, self.test_error()) {
            let digits = self.decimals();
            first.push_str(&format!(", of which {} tell them to ±{error:.digits$} points (95 %)", grouped(rows)));
        }
        notes.push(first);
        if self.complete < self.seeds {
            notes.push(format!("stopped: {} of {} seeds are complete", self.complete, self.seeds));
        }
        if self.complete < 2 {
            notes.push("one seed has no interval: `--seeds 3` or more tells what chance does".into());
        } else {
            notes.push("differences are paired by seed, with 95 % intervals over the seeds".into());
        }
        if self.score != Score::Random
            && let Some(proxy) = &self.proxy_secs
        {
            let mut text = format!("choosing took {} with the proxy", secs(&Some(*proxy)));
            if let Some(target) = &self.target_secs {
                text.push_str(&format!(
                    ", {} with the target: {} times as fast (trainings, telling the pool and ranking; not the last training of the target)",
                    secs(&self.target_secs),
                    two_digits(target.mean / proxy.mean)
                ));
            }
            notes.push(text);
        }
        notes
    }

    /// All of it as Markdown.
    pub fn markdown(&self, command: &str) -> String {
        let mut text = format!("# Selection via proxy\n\n{}.\n\n", self.heading());
        self.notes().iter().for_each(|note| text.push_str(&format!("- {note}\n")));
        text.push_str(&format!(
            "\n```\n{command}\n```\n\n## What the target learned\n\n{}",
            markdown(&self.budget_table())
        ));
        if !self.rounds.is_empty() {
            let heading = if self.task == Task::CoreSet { "The proxy" } else { "Round by round" };
            text.push_str(&format!("\n## {heading}\n\n{}", markdown(&self.round_table())));
        }
        if !self.acceptance.is_empty() {
            text.push_str(&format!("\n## Held against its rules\n\n{}", markdown(&self.acceptance_table())));
        }
        text
    }

    /// The numbers by which selection via proxy is judged.
    pub fn acceptance_table(&self) -> Table {
        let mut table = vec![["", "of", "is", "should be", "is it"].map(String::from).to_vec()];
        for each in &self.acceptance {
            let digits = if each.name == "entropy-spearman" { 2 } else { self.decimals() };
            let told = &each.value;
            let value = match told.low.is_finite() {
                true => format!("{:.digits$} [{:.digits$}, {:.digits$}]", told.mean, told.low, told.high),
                false => format!("{:.digits$}", told.mean),
            };
            let holds = match each.holds {
                Some(true) => "yes",
                Some(false) => "no",
                None => "cannot tell",
            };
            table.push(vec![each.name.into(), each.of.clone(), value, each.rule.clone(), holds.into()]);
        }
        table
    }
}

fn markdown(table: &Table) -> String {
    let width = table.first().map_or(0, Vec::len);
    let mut text = String::new();
    for (i, row) in table.iter().enumerate() {
        let cells = (0..width).map(|column| row.get(column).map_or("", String::as_str));
        text.push_str(&format!("| {} |\n", cells.collect::<Vec<_>>().join(" | ")));
        if i == 0 {
            text.push_str(&format!("|{}\n", "---|".repeat(width)));
        }
    }
    text
}

fn secs(told: &Option<Told>) -> String {
    told.as_ref().map_or_else(String::new, |told| subsel::plan::secs_text(told.mean))
}

fn correlation(told: &Option<Told>) -> String {
    told.as_ref().map_or_else(String::new, |told| format!("{:.2}", told.mean))
}

fn two_digits(value: f64) -> String {
    let decimals = (1.0 - value.abs().max(1e-9).log10().floor()).clamp(0.0, 2.0) as usize;
    format!("{value:.decimals$}")
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// A count with its thousands apart.
pub(super) fn grouped(value: usize) -> String {
    let digits = value.to_string();
    let letters = digits.chars().enumerate();
    letters.fold(String::new(), |mut text, (i, digit)| {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
        text
    })
}
