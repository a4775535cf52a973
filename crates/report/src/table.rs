//! Tables of a page, sorted by a click on a heading.

use crate::Error;

/// Whether a difference is one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// Said in green.
    Better,
    /// Said in red.
    Worse,
    /// Said in gray: nothing can be told yet.
    Unclear,
}

impl Tone {
    fn name(self) -> &'static str {
        match self {
            Tone::Better => "better",
            Tone::Worse => "worse",
            Tone::Unclear => "unclear",
        }
    }
}

/// A cell of a table.
#[derive(Clone, Debug, PartialEq)]
pub struct Cell {
    /// What is read.
    pub text: String,
    /// What it is sorted by; `None` sorts by the text. NaN comes last either way.
    pub value: Option<f64>,
    /// How it is colored.
    pub tone: Option<Tone>,
}

impl Cell {
    /// Words.
    pub fn text(text: impl Into<String>) -> Self {
        Cell { text: text.into(), value: None, tone: None }
    }

    /// A number with so many decimals; one that is not finite is a dash.
    pub fn number(value: f64, decimals: usize) -> Self {
        let text = if value.is_finite() { crate::plot::number(value, decimals) } else { "–".into() };
        Cell { text, value: Some(value), tone: None }
    }

    /// A number and half the width of what it may be off by: `0.812 ± 0.004`.
    pub fn estimate(value: f64, half_width: f64, decimals: usize) -> Self {
        let mut cell = Cell::number(value, decimals);
        if value.is_finite() && half_width.is_finite() {
            cell.text = format!("{} ± {}", cell.text, crate::plot::number(half_width, decimals));
        }
        cell
    }

    /// A number and its interval: `33 (27 to 41)`.
    pub fn interval(value: f64, low: f64, high: f64, decimals: usize) -> Self {
        let mut cell = Cell::number(value, decimals);
        if value.is_finite() && low.is_finite() && high.is_finite() {
            let (low, high) = (crate::plot::number(low, decimals), crate::plot::number(high, decimals));
            cell.text = format!("{} ({low} to {high})", cell.text);
        }
        cell
    }

    /// Words that say better, worse, or that nothing can be told.
    pub fn verdict(text: impl Into<String>, tone: Tone) -> Self {
        Cell { text: text.into(), value: None, tone: Some(tone) }
    }

    /// The same in the color of a verdict.
    pub fn toned(self, tone: Tone) -> Self {
        Cell { tone: Some(tone), ..self }
    }

    fn sort_key(&self) -> String {
        match self.value {
            Some(value) if value.is_finite() => format!("{value:?}"),
            Some(_) => String::new(),
            None => self.text.clone(),
        }
    }
}

/// A table: a heading and rows of as many cells.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Table {
    /// Names of the columns, units included.
    pub columns: Vec<String>,
    /// Rows of cells, `columns.len()` each.
    pub rows: Vec<Vec<Cell>>,
}

impl Table {
    /// A table without rows.
    pub fn new(columns: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Table { columns: columns.into_iter().map(Into::into).collect(), rows: Vec::new() }
    }

    /// Adds a row.
    pub fn push(&mut self, row: Vec<Cell>) {
        self.rows.push(row);
    }

    /// The table as a template takes it.
    ///
    /// # Errors
    /// [`Error::Table`] for a row of another length than the heading.
    pub(crate) fn view(&self) -> Result<minijinja::Value, Error> {
        let expected = self.columns.len();
        if let Some((row, cells)) = self.rows.iter().enumerate().find(|(_, cells)| cells.len() != expected) {
            return Err(Error::Table { row, expected, found: cells.len() });
        }
        let is_number = |column: usize| self.rows.iter().any(|row| row[column].value.is_some());
        let columns: Vec<_> = self
            .columns
            .iter()
            .enumerate()
            .map(|(i, name)| minijinja::context! { name => name.as_str(), number => is_number(i) })
            .collect();
        let cell = |cell: &Cell| {
            let tone = cell.tone.map(Tone::name);
            let (text, key) = (cell.text.as_str(), cell.sort_key());
            minijinja::context! { text => text, key => key, tone => tone, number => cell.value.is_some() }
        };
        let rows: Vec<Vec<_>> = self.rows.iter().map(|row| row.iter().map(cell).collect()).collect();
        Ok(minijinja::context! { columns => columns, rows => rows })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_say_how_sure_they_are() {
        assert_eq!(Cell::estimate(0.8123, 0.0041, 3).text, "0.812 ± 0.004");
        assert_eq!(Cell::interval(33.0, 27.2, 41.0, 0).text, "33 (27 to 41)");
        assert_eq!(Cell::estimate(f64::NAN, 0.1, 3).text, "–");
        assert_eq!(Cell::interval(33.0, f64::NAN, 41.0, 0).text, "33");
    }

    #[test]
    fn a_row_of_another_length_is_refused() {
        let mut table = Table::new(["a", "b"]);
        table.push(vec![Cell::text("x")]);
        assert!(matches!(table.view(), Err(Error::Table { row: 0, expected: 2, found: 1 })));
    }
}
