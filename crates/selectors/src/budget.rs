//! How many rows to pick.

use std::fmt;
use std::str::FromStr;

use crate::Error;

/// A budget: a count, or a share of the candidates.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Budget {
    /// So many rows.
    Count(usize),
    /// So much of the candidates, from 0 to 1; rounded, at least one row.
    Fraction(f64),
}

impl Budget {
    /// The number of rows out of so many candidates.
    ///
    /// # Errors
    /// [`Error::Budget`] for 0 rows or more than there are.
    pub fn resolve(self, candidates: usize) -> Result<usize, Error> {
        let budget = match self {
            Budget::Count(count) => count,
            Budget::Fraction(fraction) => ((fraction * candidates as f64).round() as usize).max(1),
        };
        if budget == 0 || budget > candidates { Err(Error::Budget { budget, candidates }) } else { Ok(budget) }
    }

    /// Reads a list such as `100,200,5%`.
    ///
    /// # Errors
    /// [`Error::BudgetText`].
    pub fn parse_list(text: &str) -> Result<Vec<Budget>, Error> {
        text.split(',').map(str::parse).collect()
    }
}

impl FromStr for Budget {
    type Err = Error;

    fn from_str(text: &str) -> Result<Budget, Error> {
        let wrong = |detail: &str| Error::BudgetText { text: text.into(), detail: detail.into() };
        let trimmed = text.trim();
        if let Some(percent) = trimmed.strip_suffix('%') {
            let percent: f64 = percent.trim().parse().map_err(|_| wrong("the percentage is not a number"))?;
            if !(percent > 0.0 && percent <= 100.0) {
                return Err(wrong("a percentage must be above 0 and at most 100"));
            }
            return Ok(Budget::Fraction(percent / 100.0));
        }
        match trimmed.parse::<usize>() {
            Ok(0) => Err(wrong("at least 1 row must be picked")),
            Ok(count) => Ok(Budget::Count(count)),
            Err(_) if trimmed.parse::<f64>().is_ok_and(|v| v > 0.0 && v < 1.0) => {
                Err(wrong("for a share of the candidates write a percentage, such as 5%"))
            }
            Err(_) => Err(wrong("write a count such as 100, or a percentage such as 5%")),
        }
    }
}

impl fmt::Display for Budget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Budget::Count(count) => write!(f, "{count}"),
            Budget::Fraction(fraction) => write!(f, "{}%", fraction * 100.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_counts_percentages_and_lists() {
        let list = Budget::parse_list("10, 5%,100%").unwrap_or_default();
        assert_eq!(list, [Budget::Count(10), Budget::Fraction(0.05), Budget::Fraction(1.0)]);
        assert_eq!(Budget::Fraction(0.05).resolve(30).ok(), Some(2), "1.5 rounds to 2");
        assert_eq!(Budget::Fraction(0.001).resolve(30).ok(), Some(1), "at least one");
    }

    #[test]
    fn refuses_what_is_no_budget() {
        for text in ["0", "", "-3", "x", "0.5", "0%", "101%", "nan%", "1,,2"] {
            assert!(Budget::parse_list(text).is_err(), "{text} was taken");
        }
        assert!(Budget::Count(31).resolve(30).is_err());
        assert!(Budget::Count(1).resolve(0).is_err());
    }
}
