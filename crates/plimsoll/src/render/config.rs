//! Settings and limits for people.

use std::io::{self, Write};

use super::table::{columns, safe};
use crate::report::config::{ConfigFile, LimitRow, SettingRow, Value};

/// Writes a line for each place where a file was searched for.
pub(crate) fn places(files: &[ConfigFile], out: &mut dyn Write) -> io::Result<()> {
    files.iter().try_for_each(|file| {
        writeln!(out, "{}{}", safe(&file.path), if file.read { "" } else { " (missing)" })
    })
}

/// Writes one row per setting, then one per limit.
pub(crate) fn write(settings: &[SettingRow], limits: &[LimitRow], out: &mut dyn Write) -> io::Result<()> {
    let rows: Vec<_> = settings
        .iter()
        .map(|row| {
            let value = match &row.value {
                Value::Unset(()) => "-".to_owned(),
                Value::One(value) => safe(value).into_owned(),
                Value::Several(values) if values.is_empty() => "(empty list)".to_owned(),
                Value::Several(values) => safe(&values.join(", ")).into_owned(),
            };
            let commands = row.commands.join(", ");
            [row.name.clone(), value, safe(&row.origin.to_string()).into_owned(), commands]
        })
        .collect();
    columns(out, "", Some(["SETTING", "VALUE", "FROM", "ONLY FOR"]), &rows)?;
    writeln!(out)?;
    let rows: Vec<_> = limits
        .iter()
        .map(|row| {
            let origin = safe(&row.origin.to_string()).into_owned();
            [row.name.to_owned(), row.shown.clone(), origin, row.meaning.to_owned()]
        })
        .collect();
    columns(out, "", Some(["LIMIT", "VALUE", "FROM", "BOUNDS"]), &rows)
}
