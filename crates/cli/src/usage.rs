//! The step between what was typed and what it means: budgets and methods.

use subsel::{Budget, Selector, parse_method};

use crate::args::OtherTools;
use crate::failure::Failure;

/// The budgets asked for.
pub(crate) fn budgets(n: Option<&str>, other: &OtherTools) -> Result<Vec<Budget>, Failure> {
    other.refuse()?;
    let Some(n) = n else {
        return Err(Failure::usage("how many rows to pick is not said")
            .hint("`-n 1000`, `-n 5%`, or a list such as `-n 100,200,400`"));
    };
    Ok(Budget::parse_list(n)?)
}

impl OtherTools {
    /// Answers the names that other tools have for the budget.
    fn refuse(&self) -> Result<(), Failure> {
        let given = [
            ("--budget", &self.budget, Meaning::Count),
            ("--fraction", &self.fraction, Meaning::Keep),
            ("--keep", &self.keep, Meaning::Keep),
            ("--prune-rate", &self.prune_rate, Meaning::Prune),
        ];
        match given.into_iter().find_map(|(flag, value, meaning)| Some((flag, value.as_ref()?, meaning))) {
            None => Ok(()),
            Some((flag, value, meaning)) => {
                let here = value.as_deref().and_then(|value| meaning.here(value));
                let hint = match here {
                    Some(here) => format!("here it is `-n {here}`"),
                    None => "`-n 1000` picks so many rows, `-n 5%` that share of them".into(),
                };
                Err(Failure::usage(format!("there is no `{flag}`")).hint(hint))
            }
        }
    }
}

/// What another tool's number says.
#[derive(Clone, Copy)]
enum Meaning {
    Count,
    Keep,
    Prune,
}

impl Meaning {
    /// The same budget as it is written here.
    fn here(self, value: &str) -> Option<String> {
        let number: f64 = value.trim_end_matches('%').parse().ok()?;
        let share = if value.ends_with('%') { number / 100.0 } else { number };
        let keep = match self {
            Meaning::Count => return Budget::parse_list(value).is_ok().then(|| value.into()),
            Meaning::Keep if share >= 1.0 => return Budget::parse_list(value).is_ok().then(|| value.into()),
            Meaning::Keep => share,
            Meaning::Prune => 1.0 - share,
        };
        let percent = (keep * 1e8).round() / 1e6;
        (percent > 0.0 && percent <= 100.0).then(|| format!("{percent}%"))
    }
}

/// A method, and why if nobody named it.
#[derive(Debug)]
pub(crate) struct Chosen {
    pub(crate) selector: Box<dyn Selector>,
    pub(crate) default_reason: Option<String>,
    /// Peak bytes of choosing it.
    pub(crate) bytes: u64,
}

impl Chosen {
    /// The method named.
    pub(crate) fn named(text: &str) -> Result<Self, Failure> {
        Ok(Chosen { selector: method(text)?, default_reason: None, bytes: 0 })
    }
}

/// The method named.
pub(crate) fn method(text: &str) -> Result<Box<dyn Selector>, Failure> {
    let selector = parse_method(text).map_err(subsel::Error::from)?;
    selector.check()?;
    Ok(selector)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn budgets_of_other_tools_are_translated() {
        assert_eq!(Meaning::Prune.here("0.7").as_deref(), Some("30%"));
        assert_eq!(Meaning::Keep.here("0.05").as_deref(), Some("5%"));
        assert_eq!(Meaning::Keep.here("30%").as_deref(), Some("30%"));
        assert_eq!(Meaning::Keep.here("500").as_deref(), Some("500"));
        assert_eq!(Meaning::Count.here("500").as_deref(), Some("500"));
        assert_eq!(Meaning::Prune.here("1.5"), None);
        assert_eq!(Meaning::Count.here("many"), None);
    }
}
