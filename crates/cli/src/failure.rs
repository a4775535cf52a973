//! Why the program stops: what is wrong, what to do about it, and the exit code.

use std::process::ExitCode;

/// Exit code of a command that did not do its work.
const FAILED: u8 = 1;

/// Exit code of a command line that cannot be understood.
const USAGE: u8 = 2;

/// Exit code after an interruption, as shells have it for SIGINT.
pub(crate) const INTERRUPTED: u8 = 130;

/// Why the program stops.
#[derive(Debug)]
pub(crate) struct Failure {
    /// What is wrong and where: lower case, no full stop.
    pub(crate) message: String,
    /// What to do about it.
    pub(crate) hint: Option<String>,
    code: u8,
}

impl Failure {
    /// The work cannot be done.
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Failure { message: message.into(), hint: None, code: FAILED }
    }

    /// The command line cannot be understood.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Failure { message: message.into(), hint: None, code: USAGE }
    }

    /// The same with a remedy.
    pub(crate) fn hint(self, hint: impl Into<String>) -> Self {
        Failure { hint: Some(hint.into()), ..self }
    }

    /// The same message after the name of a file.
    pub(crate) fn about(self, what: &str) -> Self {
        Failure { message: format!("{what}: {}", self.message), ..self }
    }

    /// The same message with more at its end.
    pub(crate) fn and(self, more: &str) -> Self {
        Failure { message: self.message + more, ..self }
    }

    /// What the process exits with.
    pub(crate) fn exit_code(&self) -> ExitCode {
        ExitCode::from(self.code)
    }
}

impl From<subsel::Error> for Failure {
    fn from(error: subsel::Error) -> Self {
        let code = match error {
            subsel::Error::Grammar(_)
            | subsel::Error::Param { .. }
            | subsel::Error::BudgetText { .. }
            | subsel::Error::Settings(_) => USAGE,
            subsel::Error::Interrupted => INTERRUPTED,
            _ => FAILED,
        };
        Failure { message: with_causes(&error), hint: error.hint(), code }
    }
}

impl From<subsel_formats::Error> for Failure {
    fn from(error: subsel_formats::Error) -> Self {
        Failure { message: with_causes(&error), hint: error.hint(), code: FAILED }
    }
}

impl From<subsel_metrics::Error> for Failure {
    fn from(error: subsel_metrics::Error) -> Self {
        use subsel_metrics::Error as Judging;
        match error {
            Judging::Subsel(error) => error.into(),
            error => {
                let code = match error {
                    Judging::Unknown { .. } | Judging::Incomplete { .. } | Judging::Setting { .. } => USAGE,
                    _ => FAILED,
                };
                Failure { message: error.to_string(), hint: error.hint(), code }
            }
        }
    }
}

impl From<subsel_report::Error> for Failure {
    fn from(error: subsel_report::Error) -> Self {
        match error {
            // As the libraries' own, exit code and hint included.
            subsel_report::Error::Pool(error) => error.into(),
            subsel_report::Error::File(error) => error.into(),
            other => Failure { message: with_causes(&other), hint: other.hint(), code: FAILED },
        }
    }
}

/// The message and those of its causes, each once.
fn with_causes(error: &dyn std::error::Error) -> String {
    let mut message = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let text = without_number(&error.to_string());
        if !message.ends_with(&text) {
            message = format!("{message}: {text}");
        }
        cause = error.source();
    }
    message
}

/// What the system says, without its number: `No such file or directory`, not `... (os error 2)`.
pub(crate) fn without_number(text: &str) -> String {
    match text.find(" (os error ") {
        Some(at) => text[..at].into(),
        None => text.into(),
    }
}

/// A failure of the operating system about a file.
pub(crate) fn io(action: &str, path: &std::path::Path, error: &std::io::Error) -> Failure {
    Failure::new(format!("cannot {action} {}: {}", path.display(), without_number(&error.to_string())))
}
