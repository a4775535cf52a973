//! Failures of the program as Python has them: options of the command line become keyword arguments.

use pyo3::exceptions::{PyKeyboardInterrupt, PyMemoryError, PyOSError, PyValueError};
use pyo3::prelude::*;
use subsel_cli::{Failure, Kind};

/// The exception of a failure, with its remedy.
pub(crate) fn raised(failure: Failure) -> PyErr {
    let mut text = in_python(&failure.message);
    if let Some(hint) = &failure.hint {
        text = format!("{text} ({})", in_python(hint));
    }
    match failure.kind {
        Kind::Value => PyValueError::new_err(text),
        Kind::Memory => PyMemoryError::new_err(text),
        Kind::Interrupted => PyKeyboardInterrupt::new_err(()),
        // With its number, Python makes it the subclass that fits, such as FileNotFoundError.
        Kind::File(Some(code)) => PyOSError::new_err((code, text)),
        Kind::File(None) => PyOSError::new_err(text),
    }
}

/// A message with options as keyword arguments: `--max-memory 8GB` is `max_memory=`, `-n` is `n=`, `subsel plan` is
/// `subsel.plan()`.
#[pyfunction]
pub(crate) fn in_python(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(['-', '`', '\'']) {
        let (before, from) = rest.split_at(at);
        out.push_str(before);
        let is_word_start = !out.ends_with(|c: char| c.is_alphanumeric() || c == '-');
        if let Some(command) = from.strip_prefix("`subsel ").filter(|command| !command.starts_with('-')) {
            let name: String = command.chars().take_while(char::is_ascii_lowercase).collect();
            let end = command.find('`').map_or(command.len(), |end| end + 1);
            out.push_str(&format!("`subsel.{name}()`"));
            rest = &command[end..];
        } else if let (Some(option), true) = (from.strip_prefix("--"), is_word_start) {
            let name: String = option.chars().take_while(|c| c.is_ascii_lowercase() || *c == '-').collect();
            if name.is_empty() {
                out.push_str("--");
                rest = option;
                continue;
            }
            rest = without_value(&option[name.len()..]);
            out.push_str(&format!("{}=", name.replace('-', "_")));
        } else if let (Some(option), true) = (from.strip_prefix("-n"), is_word_start)
            && !option.starts_with(|c: char| c.is_alphanumeric())
        {
            out.push_str("n=");
            rest = option.strip_prefix(' ').unwrap_or(option);
        } else {
            let first = from.chars().next().map_or(0, char::len_utf8);
            out.push_str(&from[..first]);
            rest = &from[first..];
        }
    }
    out.push_str(rest);
    out
}

/// What follows an option, less the names of its values: ` FILE`, ` <N>`, ` FEATURES LABELS`.
fn without_value(text: &str) -> &str {
    let mut rest = text;
    while let Some(value) = rest.strip_prefix(' ') {
        let bracketed = value.strip_prefix('<').and_then(|value| value.find('>').map(|end| &value[end + 1..]));
        let len = value.find(|c: char| !(c.is_ascii_uppercase() || c == '_')).unwrap_or(value.len());
        let ends = value[len..].chars().next().is_none_or(|c| !c.is_alphanumeric());
        rest = match bracketed {
            Some(after) => after,
            None if len > 1 && ends => &value[len..],
            // A value such as `id` or `8GB` stays, next to the sign; so do words that are no value.
            None if std::ptr::eq(rest, text) && value.starts_with(|c: char| c.is_ascii_alphanumeric()) => {
                return value;
            }
            None => return rest,
        };
    }
    rest
}
