//! `plimsoll schema`.

use clap::Args;

/// Print the JSON Schema of a document or a JSON output; without NAME, list them
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  plimsoll schema
  plimsoll schema scan > scan.schema.json")]
pub(crate) struct Schema {
    /// Its name in the list
    #[arg(value_name = "NAME")]
    pub(crate) name: Option<String>,
}
