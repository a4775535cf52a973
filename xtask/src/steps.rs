//! Commands run one after another, each announced, timed and counted.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, ExitCode, Stdio};
use std::time::Instant;

use crate::tally::Tally;

/// What was run so far and how it went.
pub(crate) struct Steps {
    began: Instant,
    tally: Tally,
    failed: Vec<String>,
    skipped: Vec<String>,
}

impl Steps {
    pub(crate) fn new() -> Self {
        Steps { began: Instant::now(), tally: Tally::default(), failed: Vec::new(), skipped: Vec::new() }
    }

    /// Whether no step failed.
    pub(crate) fn all_passed(&self) -> bool {
        self.failed.is_empty()
    }

    /// Runs one command; what it prints is shown, and results of tests in it are counted. Tells whether it succeeded.
    pub(crate) fn run(&mut self, name: &str, command: &mut Command) -> bool {
        println!("==> {name}");
        let began = Instant::now();
        let before = self.tally;
        let outcome = self.watch(command, &mut std::io::stdout());
        let took = began.elapsed().as_secs_f64();
        match outcome {
            Ok(()) => {
                println!("    {name}: {took:.1} s");
                true
            }
            Err(why) => {
                println!("    {name}: {why} after {took:.1} s");
                // A step that fails without a failed test (it did not build, it crashed) counts as one.
                if self.tally.failed == before.failed {
                    self.tally.failed += 1;
                }
                self.failed.push(name.to_owned());
                false
            }
        }
    }

    /// Notes a step that cannot run here.
    pub(crate) fn skip(&mut self, name: &str, why: &str) {
        println!("==> {name}: SKIPPED, {why}");
        self.skipped.push(name.to_owned());
    }

    fn watch(&mut self, command: &mut Command, shown: &mut impl Write) -> Result<(), String> {
        let mut child = command.stdout(Stdio::piped()).spawn().map_err(|error| format!("could not start: {error}"))?;
        let output = child.stdout.take().expect("stdout is piped");
        for line in BufReader::new(output).split(b'\n') {
            let line = line.map_err(|error| format!("output lost: {error}"))?;
            // A closed stdout (`| head`) must not stop the count.
            let _ = shown.write_all(&line).and_then(|()| shown.write_all(b"\n"));
            if let Some(tally) = Tally::from_line(&String::from_utf8_lossy(&line)) {
                self.tally += tally;
            }
        }
        let status = child.wait().map_err(|error| format!("lost: {error}"))?;
        if status.success() { Ok(()) } else { Err(format!("FAILED ({status})")) }
    }

    /// Says what was skipped and what failed.
    pub(crate) fn finish(&self) -> ExitCode {
        println!();
        if !self.skipped.is_empty() {
            println!("skipped: {}", self.skipped.join(", "));
        }
        if !self.failed.is_empty() {
            println!("FAILED: {}", self.failed.join(", "));
        }
        println!("took {:.1} s", self.began.elapsed().as_secs_f64());
        if self.all_passed() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }

    /// As [`Steps::finish`], ending with the total of tests: `N passed, N failed`.
    pub(crate) fn finish_with_tally(&self) -> ExitCode {
        let code = self.finish();
        if self.tally.ignored > 0 {
            println!("{} ignored", self.tally.ignored);
        }
        println!("{} passed, {} failed", self.tally.passed, self.tally.failed);
        code
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command;

    #[test]
    fn results_of_several_programs_add_up() {
        let mut steps = Steps::new();
        let mut shown = Vec::new();
        let first = "test result: ok. 2 passed; 0 failed; 1 ignored;\n";
        let second = "x\ntest result: ok. 3 passed; 0 failed; 0 ignored;\n";
        for text in [first, second] {
            steps.watch(&mut command("printf", &[text]), &mut shown).expect("printf runs");
        }
        assert_eq!(steps.tally, Tally { passed: 5, failed: 0, ignored: 1 });
        assert_eq!(String::from_utf8(shown).expect("text"), [first, second].concat());
    }

    #[test]
    fn a_step_that_fails_without_a_test_counts_as_one_failure() {
        let mut steps = Steps::new();
        steps.run("does not exist", &mut command("subsel-no-such-program", &[]));
        steps.run("exits 1", &mut command("false", &[]));
        assert!(!steps.all_passed());
        assert_eq!(steps.tally, Tally { passed: 0, failed: 2, ignored: 0 });
    }
}
