//! A program of the user's that trains: told what to learn from on its command line, read by what it writes.

mod child;
mod template;

use std::path::Path;
use std::time::{Duration, Instant};

use subsel::Context;

use crate::error::Error;
use crate::files::{Left, ROWS};
use crate::learner::{Job, Learned, Learner, Role, Seconds};
use crate::score::Score;
use child::End;
use template::Template;

/// What a command is made from.
#[derive(Clone, Debug)]
pub struct CommandSettings {
    /// The option it was given by, for messages.
    pub option: String,
    /// The command as typed, split into words as a POSIX shell splits; no shell is run.
    pub command: String,
    /// Which of the two models it trains.
    pub role: Role,
    /// What `{model}` stands for.
    pub model: Option<String>,
    /// What `{epochs}` stands for.
    pub epochs: Option<usize>,
    /// How long one training may take.
    pub timeout: Option<Duration>,
    /// Rows of the pool.
    pub n: usize,
    /// What rows are chosen by.
    pub score: Score,
}

/// A program of the user's that is run for each training.
///
/// # Input
/// Its command line, in which `{rows}`, `{dir}` and others are filled in, and the same as variables of its environment
/// (`SUBSEL_ROWS`, `SUBSEL_DIR`, ..).
/// # Output
/// Files in `{dir}`: `logits.npy` `(n, C)` or `probs.npy`, `features.npy` `(n, h)`, `scores.npy` `(n,)` or `tracker.json`,
/// as `{wants}` says; `test_logits.npy` `(m, C)` or `metrics.json`. What it prints goes to `log.txt` there.
/// # Errors
/// A program that cannot be started, ends with another status than 0 or takes too long; files that are not as they should
/// be. After an interruption it is asked to end, with those it started, and ended 5 s later.
#[derive(Clone, Debug)]
pub struct Command {
    template: Template,
    settings: CommandSettings,
}

/// Its log, in the directory of the training.
const LOG: &str = "log.txt";

impl Command {
    /// Reads a command.
    ///
    /// # Errors
    /// [`Error::Template`] for one that cannot be split, places that do not exist, and `{model}` or `{epochs}` where
    /// nothing says what they stand for.
    pub fn new(settings: CommandSettings) -> Result<Self, Error> {
        let template = Template::parse(&settings.option, &settings.command)?;
        let absent = |place: &str, hint: String| Error::Template {
            option: settings.option.clone(),
            command: settings.command.clone(),
            detail: format!("nothing says what `{{{place}}}` stands for"),
            hint,
        };
        let role = settings.role;
        if template.has("model") && settings.model.is_none() {
            return Err(absent("model", format!("`--{role} NAME` does")));
        }
        if template.has("epochs") && settings.epochs.is_none() {
            return Err(absent("epochs", format!("`--{role}-epochs N` does")));
        }
        Ok(Command { template, settings })
    }

    /// What the places stand for.
    fn values(&self, job: &Job<'_>, dir: &Path) -> Vec<(&'static str, String)> {
        let file = |name: &str| dir.join(name).display().to_string();
        vec![
            ("rows", file(ROWS[0])),
            ("rows_txt", file(ROWS[1])),
            ("dir", dir.display().to_string()),
            ("seed", job.seed.to_string()),
            ("round", job.round.to_string()),
            ("count", job.rows.len().to_string()),
            ("n", self.settings.n.to_string()),
            ("role", self.settings.role.to_string()),
            ("model", self.settings.model.clone().unwrap_or_default()),
            ("epochs", self.settings.epochs.map(|epochs| epochs.to_string()).unwrap_or_default()),
            ("score", self.settings.score.to_string()),
            ("wants", job.wants.text()),
        ]
    }
}

impl Learner for Command {
    fn name(&self) -> String {
        self.settings.model.clone().unwrap_or_else(|| "command".into())
    }

    fn describe(&self) -> String {
        let mut text = self.settings.command.clone();
        if let Some(model) = &self.settings.model {
            text.push_str(&format!(" [model {model}]"));
        }
        if let Some(epochs) = self.settings.epochs {
            text.push_str(&format!(" [{epochs} epochs]"));
        }
        text
    }

    fn learn(&mut self, job: &Job<'_>, ctx: &Context) -> Result<Learned, Error> {
        let dir = std::path::absolute(job.dir).map_err(|error| Error::io("find", job.dir, error))?;
        let values = self.values(job, &dir);
        let words = self.template.filled(&values);
        let env: Vec<(String, String)> =
            values.into_iter().map(|(name, value)| (format!("SUBSEL_{}", name.to_uppercase()), value)).collect();
        let log = job.dir.join(LOG);
        let began = Instant::now();
        if let End::Badly(outcome) = child::run(&words, &env, &log, self.settings.timeout, ctx)? {
            let what = format!("{} (round {}, {} rows)", self.settings.role, job.round, job.rows.len());
            return Err(Error::Command { what, outcome, tail: child::tail(&log), log });
        }
        let secs = began.elapsed().as_secs_f64();
        let left = Left { dir: job.dir.to_owned(), n: self.settings.n };
        let metrics = left.metrics()?;
        let infer = metrics.inference_seconds.filter(|infer| (0.0..=secs).contains(infer)).unwrap_or(0.0);
        Ok(Learned {
            accuracy: metrics.test_accuracy,
            best_accuracy: metrics.best_test_accuracy,
            test_rows: metrics.test_rows,
            seconds: Seconds { train: secs - infer, infer },
            ..Learned::default()
        })
    }
}
