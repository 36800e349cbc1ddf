//! From any error to one message, one hint and one exit code.

use std::fmt;
use std::process::ExitCode;

use plimsoll_core::{Classify, Kind};

/// How a command ended with a result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Done; if there was a verdict, it is allow.
    Done,
    /// Done, with a result that is not success.
    Kind(Kind),
    /// The same, with the exit codes of another program.
    Code(u8),
}

impl Exit {
    /// The exit code for several results: the gravest verdict, or else the first failure. A denial matters more than
    /// the reason why something else could not be judged.
    pub(crate) fn and(self, other: Self) -> Self {
        fn gravity(exit: Exit) -> u8 {
            match exit {
                Exit::Done => 0,
                Exit::Kind(Kind::Indeterminate) => 2,
                Exit::Kind(Kind::Denied) => 3,
                Exit::Kind(_) | Exit::Code(_) => 1,
            }
        }
        if gravity(other) > gravity(self) { other } else { self }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        match exit {
            Exit::Done => Self::SUCCESS,
            Exit::Kind(kind) => Self::from(kind.exit_code()),
            Exit::Code(code) => Self::from(code),
        }
    }
}

/// An error for the user.
#[derive(Debug, Clone)]
pub(crate) struct Failure {
    kind: Kind,
    message: String,
    hint: Option<String>,
}

impl Failure {
    /// An error that arises in the binary itself.
    pub(crate) fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), hint: None }
    }

    /// The same with a hint.
    #[must_use]
    pub(crate) fn with_hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }

    /// The same for a part of a command's work.
    #[must_use]
    pub(crate) fn of_part(self, part: impl fmt::Display) -> Self {
        Self { message: format!("{part}: {}", self.message), ..self }
    }

    /// The same for one of several subjects: the message names it.
    #[must_use]
    pub(crate) fn of_one(self, subject: &str, subjects: &[String]) -> Self {
        self.of_one_of(subject, subjects.len() > 1)
    }

    /// The same, where the caller knows whether there are several.
    pub(crate) fn of_one_of(self, subject: &str, several: bool) -> Self {
        if several && !self.message.contains(subject) { self.of_part(subject) } else { self }
    }

    pub(crate) fn kind(&self) -> Kind {
        self.kind
    }

    pub(crate) fn hint(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    /// For a failure that is shown together with others of the same hint.
    pub(crate) fn drop_hint(&mut self) {
        self.hint = None;
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl<E: Classify> From<E> for Failure {
    fn from(error: E) -> Self {
        let mut message = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source {
            let text = cause.to_string();
            // Some messages of lower layers contain their source, others leave it to the chain.
            if !message.contains(&text) {
                message.push_str(": ");
                message.push_str(&text);
            }
            source = cause.source();
        }
        Self { kind: error.kind(), message, hint: error.hint() }
    }
}

/// Reports the argument parser's message; `--help` and `--version` are not errors.
pub(crate) fn usage(error: &clap::Error) -> ExitCode {
    let printed = error.print();
    if !error.use_stderr() && printed.is_ok() {
        return ExitCode::SUCCESS;
    }
    Exit::Kind(Kind::Usage).into()
}

/// Runs `work` so that a panic ends as an internal error, exit code 7, never as success.
pub(crate) fn guarded(work: impl FnOnce() -> Exit + std::panic::UnwindSafe) -> Exit {
    std::panic::set_hook(Box::new(|panic| {
        use std::io::Write as _;
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        let what = panic.payload_as_str().unwrap_or("no message");
        let what = plimsoll_core::text::terminal(what);
        // If standard error is closed, nothing can be reported.
        let _ = writeln!(
            std::io::stderr(),
            "error: internal error at {place}: {what}\nhint: this is a defect of plimsoll; please report it with the command line"
        );
    }));
    std::panic::catch_unwind(work).unwrap_or(Exit::Kind(Kind::Internal))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_an_internal_error() {
        assert_eq!(guarded(|| panic!("boom")), Exit::Kind(Kind::Internal));
        assert_eq!(guarded(|| Exit::Done), Exit::Done);
    }

    #[test]
    fn the_gravest_result_decides() {
        let (done, failed) = (Exit::Done, Exit::Kind(Kind::NotFound));
        let (unknown, denied) = (Exit::Kind(Kind::Indeterminate), Exit::Kind(Kind::Denied));
        assert_eq!(done.and(failed).and(unknown).and(done), unknown);
        assert_eq!(denied.and(unknown), denied);
        assert_eq!(unknown.and(denied).and(failed), denied);
        assert_eq!(done.and(done), done);
    }
}
