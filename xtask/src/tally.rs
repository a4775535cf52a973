//! Counts of tests, read from what cargo prints.

use std::ops::AddAssign;

/// How many tests ran, by outcome.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) passed: usize,
    pub(crate) failed: usize,
    pub(crate) ignored: usize,
}

impl Tally {
    /// Reads `test result: ok. 3 passed; 0 failed; 1 ignored; ...` of cargo, and `3 passed, 1 skipped in 0.12s` of pytest;
    /// other lines are `None`.
    pub(crate) fn from_line(line: &str) -> Option<Tally> {
        Self::of_cargo(line).or_else(|| Self::of_pytest(line))
    }

    fn of_cargo(line: &str) -> Option<Tally> {
        let counts = line.trim_start().strip_prefix("test result: ")?;
        let count = |word: &str| {
            counts.split([';', '.']).find_map(|part| part.trim().strip_suffix(word)?.trim_end().parse::<usize>().ok())
        };
        Some(Tally { passed: count("passed")?, failed: count("failed")?, ignored: count("ignored")? })
    }
}

impl Tally {
    fn of_pytest(line: &str) -> Option<Tally> {
        let (counts, time) = line.trim().trim_matches(['=', ' ']).rsplit_once(" in ")?;
        let mut tally = Tally::default();
        for part in counts.split(", ") {
            let (count, word) = part.split_once(' ')?;
            let count: usize = count.parse().ok()?;
            match word {
                "passed" => tally.passed += count,
                // One that was expected to fail and passed is a claim that no longer holds.
                "failed" | "error" | "errors" | "xpassed" => tally.failed += count,
                "skipped" | "deselected" | "xfailed" => tally.ignored += count,
                "warning" | "warnings" => {}
                _ => return None,
            }
        }
        // Such as `3.78s`, or `61.02s (0:01:01)`.
        time.split_once('s')?.0.parse::<f64>().ok().map(|_| tally)
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Tally) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.ignored += other.ignored;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_read_from_a_result_line() {
        let line = "test result: FAILED. 12 passed; 3 failed; 1 ignored; 0 measured; 4 filtered out; finished in 0.52s";
        assert_eq!(Tally::from_line(line), Some(Tally { passed: 12, failed: 3, ignored: 1 }));
    }

    #[test]
    fn counts_are_read_from_the_last_line_of_pytest() {
        for (line, passed, failed, ignored) in [
            ("6 failed, 27 passed, 1 warning in 3.78s", 27, 6, 0),
            ("======= 210 passed, 3 skipped, 1 error in 61.02s (0:01:01) =======", 210, 1, 3),
            ("5 passed, 2 xfailed, 1 xpassed in 0.1s", 5, 1, 2),
        ] {
            assert_eq!(Tally::from_line(line), Some(Tally { passed, failed, ignored }));
        }
        assert_eq!(Tally::from_line("picked 3 of 10 in 2s"), None);
    }

    #[test]
    fn other_lines_are_not_results() {
        assert_eq!(Tally::from_line("test picks_are_distinct ... ok"), None);
        assert_eq!(Tally::from_line("running 5 tests"), None);
    }
}
