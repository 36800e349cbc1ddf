//! Settings of `plimsoll config`.

use super::{Context, Format};
use crate::args::config::{Command, Config as Arguments};
use crate::config::Config;

/// What is shown of the configuration.
pub(crate) struct ConfigSettings<'a> {
    pub(crate) config: &'a Config,
    pub(crate) shown: Shown,
}

/// What of it.
pub(crate) enum Shown {
    /// Every setting and limit.
    Settings(Format),
    /// The places where files are looked for.
    Places,
}

impl<'a> ConfigSettings<'a> {
    pub(crate) fn resolve(arguments: &Arguments, context: &Context<'a>) -> Self {
        let shown = match &arguments.command {
            Command::Show(arguments) => Shown::Settings(arguments.output),
            Command::Path(_) => Shown::Places,
        };
        Self { config: context.config, shown }
    }
}
