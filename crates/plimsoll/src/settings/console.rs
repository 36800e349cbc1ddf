//! What the user sees, and how much of it.

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
}

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
            progress: !global.quiet && global.color != Color::Never,
        }
    }

    /// Before the arguments are known.
    pub(crate) fn without_arguments() -> Self {
        Self { quiet: false, verbose: 0, colors: Colors::by_environment(), progress: true }
    }
}

impl Colors {
    /// On terminals, unless `NO_COLOR` is set.
    fn by_environment() -> Self {
        match process_environment("NO_COLOR") {
            Some(value) if !value.is_empty() => Self::Never,
            _ => Self::OnTerminals,
        }
    }
}
