//! Why the program stops: what is wrong, what to do about it, and the exit code.

/// Exit code of a command that did its work.
pub(crate) const DONE: u8 = 0;

/// Exit code of a command that did not do its work.
pub(crate) const FAILED: u8 = 1;

/// Exit code of a command line that cannot be understood.
const USAGE: u8 = 2;

/// Exit code after an interruption, as shells have it for SIGINT.
pub(crate) const INTERRUPTED: u8 = 130;

/// Why the program stops.
#[derive(Debug)]
pub struct Failure {
    /// What is wrong and where: lower case, no full stop.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
    /// What kind of trouble it is.
    pub kind: Kind,
    code: u8,
}

/// Kinds of trouble, for callers that tell them apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Something given breaks a rule.
    Value,
    /// The operating system refuses a file, with its number for that.
    File(Option<i32>),
    /// The work needs more memory than it may take.
    Memory,
    /// Stopped from outside.
    Interrupted,
}

impl Failure {
    /// The work cannot be done.
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Failure { message: message.into(), hint: None, kind: Kind::Value, code: FAILED }
    }

    /// The command line cannot be understood.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Failure { message: message.into(), hint: None, kind: Kind::Value, code: USAGE }
    }

    /// The operating system refuses to do something (`open`, `write`) with a file.
    pub fn io(action: &str, path: &std::path::Path, error: &std::io::Error) -> Self {
        let message = format!("cannot {action} {}: {}", path.display(), without_number(&error.to_string()));
        Failure { kind: Kind::File(error.raw_os_error()), ..Failure::new(message) }
    }

    /// The same with a remedy.
    pub(crate) fn hint(self, hint: impl Into<String>) -> Self {
        Failure { hint: Some(hint.into()), ..self }
    }

    /// The same with a remedy where there is none.
    pub(crate) fn or_hint(self, hint: &str) -> Self {
        Failure { hint: self.hint.or_else(|| Some(hint.into())), ..self }
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
    pub(crate) fn exit_code(&self) -> u8 {
        self.code
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
        let kind = match error {
            subsel::Error::Interrupted => Kind::Interrupted,
            subsel::Error::Memory { .. } => Kind::Memory,
            _ => kind(&error),
        };
        Failure { message: with_causes(&error), hint: error.hint(), kind, code }
    }
}

impl From<subsel_formats::Error> for Failure {
    fn from(error: subsel_formats::Error) -> Self {
        let code = if matches!(error, subsel_formats::Error::UnknownTool { .. }) { USAGE } else { FAILED };
        Failure { message: with_causes(&error), hint: error.hint(), kind: kind(&error), code }
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
                Failure { message: error.to_string(), hint: error.hint(), kind: kind(&error), code }
            }
        }
    }
}

impl From<subsel_images::Error> for Failure {
    fn from(error: subsel_images::Error) -> Self {
        use subsel_images::Error as Imaging;
        match error {
            Imaging::Subsel(error) => error.into(),
            Imaging::Format(error) => error.into(),
            error => {
                let code = match error {
                    Imaging::Setting { .. } | Imaging::ModelText { .. } => USAGE,
                    _ => FAILED,
                };
                let broken =
                    matches!(error, Imaging::Broken(_)).then(|| "`--skip-broken` leaves such images out".into());
                Failure {
                    message: without_number(&error.to_string()),
                    hint: error.hint().or(broken),
                    kind: kind(&error),
                    code,
                }
            }
        }
    }
}

impl From<subsel_proxy::Error> for Failure {
    fn from(error: subsel_proxy::Error) -> Self {
        use subsel_proxy::Error as Proxy;
        match error {
            Proxy::Subsel(error) => error.into(),
            error => {
                let code = match error {
                    Proxy::Unknown { .. }
                    | Proxy::Incomplete { .. }
                    | Proxy::Setting { .. }
                    | Proxy::Template { .. } => USAGE,
                    _ => FAILED,
                };
                // Not with its causes: the end of a log is the end of the message.
                Failure { message: without_number(&error.to_string()), hint: error.hint(), kind: kind(&error), code }
            }
        }
    }
}

impl From<subsel_nets::Error> for Failure {
    fn from(error: subsel_nets::Error) -> Self {
        use subsel_nets::Error as Nets;
        match error {
            Nets::Subsel(error) => error.into(),
            Nets::Images(error) => error.into(),
            error => {
                let code = if matches!(error, Nets::Unknown { .. } | Nets::Setting { .. }) { USAGE } else { FAILED };
                Failure { message: without_number(&error.to_string()), hint: error.hint(), kind: kind(&error), code }
            }
        }
    }
}

impl From<subsel_onnx::OnnxError> for Failure {
    fn from(error: subsel_onnx::OnnxError) -> Self {
        let code = if matches!(error, subsel_onnx::OnnxError::Option { .. }) { USAGE } else { FAILED };
        Failure { message: without_number(&error.to_string()), hint: error.hint(), kind: kind(&error), code }
    }
}

impl From<subsel_report::Error> for Failure {
    fn from(error: subsel_report::Error) -> Self {
        match error {
            subsel_report::Error::Pool(error) => error.into(),
            subsel_report::Error::File(error) => error.into(),
            error => Failure { message: with_causes(&error), hint: error.hint(), kind: kind(&error), code: FAILED },
        }
    }
}

/// Trouble with a file, if the operating system is among the causes.
fn kind(error: &(dyn std::error::Error + 'static)) -> Kind {
    const EXISTS: i32 = 17;
    if let Some(subsel_formats::Error::Exists { .. }) = error.downcast_ref() {
        return Kind::File(Some(EXISTS));
    }
    let mut causes = std::iter::successors(Some(error), |error| error.source());
    let system = causes.find_map(|error| error.downcast_ref::<std::io::Error>());
    system.map_or(Kind::Value, |error| Kind::File(error.raw_os_error()))
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
