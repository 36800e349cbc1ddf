//! Settings of `plimsoll config`.

use super::{Context, Format};
use crate::args::config::{Command, Config as Arguments};
use crate::config::Config;

/// Settings of `plimsoll config`.
pub(crate) struct ConfigSettings<'a> {
    pub(crate) config: &'a Config,
    pub(crate) shown: ConfigView,
}

/// Which part of the configuration is shown.
pub(crate) enum ConfigView {
    /// Every setting and limit.
    Settings(Format),
    /// The places where files are searched for.
    Places,
}

impl<'a> ConfigSettings<'a> {
    pub(crate) fn resolve(arguments: &Arguments, context: &Context<'a>) -> Self {
        let shown = match &arguments.command {
            Command::Show(arguments) => ConfigView::Settings(arguments.output),
            Command::Path(_) => ConfigView::Places,
        };
        Self { config: context.config, shown }
    }
}
