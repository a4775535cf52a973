//! What a run by proxy says on the terminal.

use std::time::Instant;

use subsel::plan::secs_text;
use subsel_proxy::{Header, Journal, Of, Place, Plan, Report, Role, Trained, Watch, dir_of};

use crate::args::ProxyArgs;
use crate::messages::{self, count, counted, table};

/// What will be done.
pub(super) fn beginning(plan: &Plan, header: &Header, journal: &Journal) -> String {
    let (proxy, target) = plan.trainings();
    let known = match journal.len() {
        0 => String::new(),
        known => format!("; {} known already", counted(known, "training")),
    };
    format!(
        "{} by {} of {}: {} of the proxy and {} of the target, {}{known}\nproxy   {}\ntarget  {}",
        plan.setting.task.name(),
        plan.score,
        counted(plan.n, "row"),
        counted(proxy, "training"),
        count(target),
        if plan.setting.seeds == 1 { "once".into() } else { format!("{} times", plan.setting.seeds) },
        header.proxy,
        header.target,
    )
}

/// What came of it.
pub(super) fn results(report: &Report) -> String {
    let mut text = format!("\n{}", table(&report.budget_table()));
    if !report.rounds.is_empty() {
        text.push_str(&format!("\n{}", table(&report.round_table())));
    }
    if !report.acceptance.is_empty() {
        text.push_str(&format!("\n{}", table(&report.acceptance_table())));
    }
    text.push('\n');
    report.notes().iter().for_each(|note| text.push_str(&format!("- {}\n", messages::wrapped(note, 2, 98))));
    text
}

/// A line for each training.
pub(super) struct Tell<'a> {
    args: &'a ProxyArgs,
    began: Instant,
    known: usize,
    found: usize,
}

impl<'a> Tell<'a> {
    pub(super) fn new(args: &'a ProxyArgs, known: usize) -> Self {
        Tell { args, began: Instant::now(), known, found: 0 }
    }

    fn what(&self, place: &Place) -> String {
        let on = match place.of {
            Of::Round => counted(place.rows, "row"),
            Of::Picks => format!("{} chosen", counted(place.rows, "row")),
            Of::Random => format!("{} random rows", count(place.rows)),
            Of::All => format!("all {}", counted(place.rows, "row")),
        };
        let seed = if self.args.seeds > 1 { format!("seed {}: ", place.seed) } else { String::new() };
        format!("{seed}{} on {on}", place.role)
    }
}

impl Watch for Tell<'_> {
    fn begins(&mut self, place: &Place, _round: usize) {
        let own = if place.role == Role::Proxy { &self.args.proxy_cmd } else { &self.args.target_cmd };
        // A program takes its time, and whoever waits wants to see what it says.
        if !self.args.say.quiet && (own.is_some() || self.args.train_cmd.is_some()) {
            let log = dir_of(&self.args.output, place).join("log.txt");
            messages::say(&format!("{}: begins; its log is {}", self.what(place), log.display()));
        }
    }

    fn trained(&mut self, trained: &Trained, done: usize, all: usize) {
        self.found += 1;
        if self.args.say.quiet {
            return;
        }
        let accuracy = trained.accuracy.map_or_else(String::new, |share| format!("{:.1} % right, ", 100.0 * share));
        let took = secs_text(trained.seconds.train + trained.seconds.infer);
        let per = self.began.elapsed().as_secs_f64() / self.found as f64;
        let left = match all - done.min(all) {
            0 => String::new(),
            // The first after those that were known tells little of the rest, and seconds are not worth a word.
            _ if self.known > 0 && self.found < 2 => String::new(),
            left if per * (left as f64) < 10.0 => String::new(),
            left => format!("; about {} left", secs_text(per * left as f64)),
        };
        messages::say(&format!("{}: {accuracy}{took} ({done} of {all}{left})", self.what(&trained.place)));
    }
}
