//! Everything the program says: results to stdout, all else to stderr.

use std::io::{self, IsTerminal, Write};

use crate::failure::{Failure, without_number};

const RED: &str = "1;31";
const YELLOW: &str = "1;33";
const CYAN: &str = "1;36";

/// Says why the program stops, and what to do.
pub(crate) fn error(failure: &Failure) {
    labeled("error", RED, &failure.message);
    if let Some(text) = &failure.hint {
        hint(text);
    }
}

/// Says what to do.
pub(crate) fn hint(text: &str) {
    labeled("hint", CYAN, text);
}

/// Says what a user should read before trusting the result.
pub(crate) fn warning(text: &str) {
    labeled("warning", YELLOW, text);
}

/// Says what a user may want to know.
pub(crate) fn note(text: &str) {
    labeled("note", CYAN, text);
}

/// What says such things, unless nobody wants to hear them.
pub(crate) fn notes_unless(quiet: bool) -> impl Fn(&str) {
    move |text| {
        if !quiet {
            note(text);
        }
    }
}

/// Says something about the work, on stderr.
pub(crate) fn say(text: &str) {
    // Nobody is left to tell if stderr is closed.
    let _ = writeln!(io::stderr().lock(), "{text}");
}

fn labeled(label: &str, color: &str, text: &str) {
    if in_color() {
        say(&format!("\x1b[{color}m{label}:\x1b[0m {text}"));
    } else {
        say(&format!("{label}: {text}"));
    }
}

fn in_color() -> bool {
    io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// Prints a result to stdout. A reader that has read enough (`subsel methods | head`) is no failure.
pub(crate) fn print(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    match writeln!(out, "{}", text.trim_end()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            let reason = without_number(&error.to_string());
            Err(Failure::new(format!("cannot write to standard output: {reason}")))
        }
        _ => Ok(()),
    }
}

/// Prints a result to stdout as JSON.
pub(crate) fn print_json(value: &impl serde::Serialize) -> Result<(), Failure> {
    match serde_json::to_string_pretty(value) {
        Ok(text) => print(&text),
        Err(error) => Err(Failure::new(format!("cannot write JSON: {error}"))),
    }
}

/// A count with its thousands apart: 50,000.
pub(crate) fn count(value: usize) -> String {
    let digits = value.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A count and its noun: `1 row`, `2 rows`, `2 entries`.
pub(crate) fn counted(value: usize, noun: &str) -> String {
    match (value, noun.strip_suffix('y')) {
        (1, _) => format!("1 {noun}"),
        (_, Some(stem)) => format!("{} {stem}ies", count(value)),
        (_, None) => format!("{} {noun}s", count(value)),
    }
}

/// A word of a command line as a shell takes it.
pub(crate) fn shell_word(word: &str) -> String {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "-_./:=,+%@".contains(letter);
    if !word.is_empty() && word.chars().all(is_plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}

/// Rows of cells under each other, two blanks apart; the last column is not padded.
pub(crate) fn table(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width =
        |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|c| c.chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut text = String::new();
    for row in rows {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(&widths) {
            line.push_str(&format!("{cell:<width$}  ", width = *width));
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// Text broken into lines of at most `width` characters, each after the first indented.
pub(crate) fn wrapped(text: &str, indent: usize, width: usize) -> String {
    let mut out = String::new();
    let mut at = indent;
    for word in text.split_whitespace() {
        let len = word.chars().count();
        if at > indent && at + 1 + len > width {
            out.push_str(&format!("\n{:indent$}", ""));
            at = indent;
        } else if at > indent {
            out.push(' ');
            at += 1;
        }
        out.push_str(word);
        at += len;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_stand_apart() {
        for (value, text) in [(0, "0"), (999, "999"), (1000, "1,000"), (50_000, "50,000"), (1_234_567, "1,234,567")] {
            assert_eq!(count(value), text);
        }
        assert_eq!((counted(1, "row"), counted(2, "row")), ("1 row".into(), "2 rows".into()));
    }

    #[test]
    fn words_are_wrapped_and_indented() {
        assert_eq!(wrapped("one two three", 2, 9), "one two\n  three");
    }

    #[test]
    fn words_are_quoted_where_a_shell_would_part_them() {
        assert_eq!(shell_word("a/b.npy"), "a/b.npy");
        assert_eq!(shell_word("my file's"), "'my file'\\''s'");
        assert_eq!(shell_word(""), "''");
    }

    #[test]
    fn columns_stand_under_each_other() {
        let rows = [vec!["a".into(), "long".into()], vec!["bcd".into(), "e".into()]];
        assert_eq!(table(&rows), "a    long\nbcd  e\n");
    }
}
