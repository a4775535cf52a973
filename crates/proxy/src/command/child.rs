//! A program under way: its log, its end, and how it is stopped.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use subsel::Context;

use crate::error::Error;

/// How long a program may take to end once it is asked to, before it is ended.
const GRACE: Duration = Duration::from_secs(5);

/// The longest that an end goes unnoticed.
const PAUSE: Duration = Duration::from_millis(100);

/// Bytes and lines of a log that are shown.
const TAIL: (u64, usize) = (4096, 15);

/// How a program ended.
pub(super) enum End {
    /// By itself, with status 0.
    Well,
    /// Otherwise, in words.
    Badly(String),
}

/// Runs a program to its end, or to that of the time or the patience of the user. What it says goes to `log`.
pub(super) fn run(
    words: &[String],
    env: &[(String, String)],
    log: &Path,
    timeout: Option<Duration>,
    ctx: &Context,
) -> Result<End, Error> {
    let file = File::create(log).map_err(|error| Error::io("write", log, error))?;
    let other = file.try_clone().map_err(|error| Error::io("write", log, error))?;
    let (program, args) = words.split_first().map_or(("", words), |(program, args)| (program.as_str(), args));
    let mut command = Command::new(program);
    command.args(args).envs(env.iter().cloned()).stdin(Stdio::null()).stdout(file).stderr(other);
    // A group of its own: Ctrl-C on the terminal comes to us alone, and we end the workers of the program too.
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    let child = command.spawn().map_err(|error| Error::Start { program: program.into(), error })?;
    let mut child = Running(child);
    let began = Instant::now();
    let mut pause = Duration::from_millis(2);
    let waited = |error| Error::Start { program: program.into(), error };
    loop {
        if let Some(status) = child.0.try_wait().map_err(waited)? {
            return Ok(end(status));
        }
        if let Err(interrupted) = ctx.go_on() {
            child.stop();
            return Err(interrupted.into());
        }
        if let Some(most) = timeout.filter(|most| began.elapsed() > *most) {
            child.stop();
            return Ok(End::Badly(format!(
                "took longer than {} and was ended",
                subsel::plan::secs_text(most.as_secs_f64())
            )));
        }
        std::thread::sleep(pause);
        pause = (pause * 2).min(PAUSE);
    }
}

fn end(status: ExitStatus) -> End {
    #[cfg(unix)]
    if let Some(signal) = std::os::unix::process::ExitStatusExt::signal(&status) {
        return End::Badly(format!("was ended by signal {signal}"));
    }
    match status.code() {
        Some(0) => End::Well,
        Some(code) => End::Badly(format!("exited with status {code}")),
        None => End::Badly("ended without a status".into()),
    }
}

/// A program that does not outlive what waits for it.
struct Running(Child);

impl Running {
    /// Asks the program and those it started to end, and ends what does not.
    fn stop(&mut self) {
        self.signal(false);
        let began = Instant::now();
        while began.elapsed() < GRACE {
            if !matches!(self.0.try_wait(), Ok(None)) {
                break;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        // Workers may be left even where the program itself has ended.
        self.signal(true);
        // It has ended, or is ending.
        let _ = self.0.wait();
    }

    #[cfg(unix)]
    fn signal(&mut self, at_once: bool) {
        use rustix::process::{Pid, Signal, kill_process_group};
        // A group that is gone need not be ended.
        let _ = kill_process_group(Pid::from_child(&self.0), if at_once { Signal::KILL } else { Signal::TERM });
    }

    #[cfg(not(unix))]
    fn signal(&mut self, _at_once: bool) {
        let _ = self.0.kill();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if matches!(self.0.try_wait(), Ok(None)) {
            self.stop();
        }
    }
}

/// The last lines of a log, indented; of a line that a progress bar wrote over itself, what stands last.
pub(super) fn tail(log: &Path) -> String {
    let mut bytes = Vec::new();
    let read = File::open(log).and_then(|mut file| {
        let len = file.metadata()?.len();
        file.seek(SeekFrom::Start(len.saturating_sub(TAIL.0)))?;
        file.read_to_end(&mut bytes)
    });
    if read.is_err() {
        return String::new();
    }
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<&str> = text
        .lines()
        .map(|line| line.trim_end().rsplit('\r').next().unwrap_or_default())
        .filter(|line| !line.trim().is_empty())
        .collect();
    let shown = &lines[lines.len().saturating_sub(TAIL.1)..];
    shown.iter().map(|line| format!("  {line}")).collect::<Vec<_>>().join("\n")
}
