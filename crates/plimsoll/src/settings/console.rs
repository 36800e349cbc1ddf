//! What the user sees, and how much of it.

use std::ffi::OsString;

use super::context::process_environment;
use crate::args::Global;
use crate::args::shared::Color;

/// Settings of [`crate::output::Console`].
#[derive(Debug, Clone, Copy)]
pub(crate) struct ConsoleSettings {
    /// Nothing but errors.
    pub(crate) quiet: bool,
    /// How often `--verbose` was given.
    pub(crate) verbose: u8,
    pub(crate) colors: Colors,
    /// Whether a progress bar may be drawn.
    pub(crate) progress: bool,
    /// The width of the page that the user asks for, by `COLUMNS`.
    pub(crate) columns: Option<usize>,
}

/// A `COLUMNS` below is a mistake: nothing could be read in it.
const NARROWEST: usize = 20;

/// Where colours are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Colors {
    Always,
    OnTerminals,
    Never,
}

impl ConsoleSettings {
    pub(crate) fn resolve(global: &Global) -> Self {
        Self {
            quiet: global.quiet,
            verbose: global.verbose,
            colors: match global.color {
                Color::Always => Colors::Always,
                Color::Auto => Colors::by_environment(),
                Color::Never => Colors::Never,
            },
            progress: !global.quiet && global.color != Color::Never && !is_dumb(process_environment("TERM")),
            columns: columns(),
        }
    }

    /// Before the arguments are known.
    pub(crate) fn without_arguments() -> Self {
        Self {
            quiet: false,
            verbose: 0,
            colors: Colors::by_environment(),
            progress: !is_dumb(process_environment("TERM")),
            columns: columns(),
        }
    }
}

fn columns() -> Option<usize> {
    process_environment("COLUMNS")?.to_str()?.parse().ok().filter(|columns| *columns >= NARROWEST)
}

/// Whether the terminal can do nothing but show text, line after line.
fn is_dumb(term: Option<OsString>) -> bool {
    term.is_none_or(|term| term.is_empty() || term == "dumb")
}

impl Colors {
    fn by_environment() -> Self {
        Self::by(process_environment)
    }

    /// By the variables that most programs agree on: `NO_COLOR` comes first, then `FORCE_COLOR` and `CLICOLOR_FORCE`, which
    /// give colours to pipes too, then `CLICOLOR=0` and a `TERM` that has no colours.
    fn by(variable: impl Fn(&str) -> Option<OsString>) -> Self {
        let set = |name: &str| variable(name).filter(|value| !value.is_empty());
        let is_no = |value: &OsString| value == "0" || value == "false";
        if set("NO_COLOR").is_some() {
            return Self::Never;
        }
        for name in ["FORCE_COLOR", "CLICOLOR_FORCE"] {
            match set(name) {
                Some(value) if !is_no(&value) => return Self::Always,
                Some(_) if name == "FORCE_COLOR" => return Self::Never,
                _ => {}
            }
        }
        if set("CLICOLOR").as_ref().is_some_and(is_no) || is_dumb(variable("TERM")) {
            return Self::Never;
        }
        Self::OnTerminals
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_variables_that_other_programs_obey_decide_about_colours() {
        let cases: [(&[(&str, &str)], Colors); 11] = [
            (&[("TERM", "xterm")], Colors::OnTerminals),
            (&[("TERM", "dumb")], Colors::Never),
            (&[], Colors::Never),
            (&[("TERM", "xterm"), ("NO_COLOR", "1")], Colors::Never),
            (&[("TERM", "xterm"), ("NO_COLOR", "")], Colors::OnTerminals),
            (&[("FORCE_COLOR", "1")], Colors::Always),
            (&[("TERM", "dumb"), ("CLICOLOR_FORCE", "1")], Colors::Always),
            (&[("FORCE_COLOR", "1"), ("NO_COLOR", "1")], Colors::Never),
            (&[("TERM", "xterm"), ("FORCE_COLOR", "0")], Colors::Never),
            (&[("TERM", "xterm"), ("CLICOLOR_FORCE", "0")], Colors::OnTerminals),
            (&[("TERM", "xterm"), ("CLICOLOR", "0")], Colors::Never),
        ];
        for (variables, expected) in cases {
            let variable = |name: &str| {
                variables.iter().find(|(known, _)| *known == name).map(|(_, value)| OsString::from(value))
            };
            assert_eq!(Colors::by(variable), expected, "{variables:?}");
        }
    }
}
