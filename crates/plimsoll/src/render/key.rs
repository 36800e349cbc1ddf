//! The report on a key, for people.

use std::io::{self, Write};

use crate::report::key::{REMOTE_KEY, Report};

/// Writes a line for each known property.
pub(crate) fn write(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    let locked = "unknown without the passphrase";
    writeln!(out, "kind       {} key", report.kind)?;
    writeln!(out, "format     {}", report.format)?;
    if report.format != REMOTE_KEY {
        writeln!(out, "encrypted  {}", if report.encrypted { "yes" } else { "no" })?;
    }
    match (report.algorithm, report.bits) {
        (Some("rsa"), Some(bits)) => writeln!(out, "algorithm  rsa, {bits} bits")?,
        (algorithm, _) => writeln!(out, "algorithm  {}", algorithm.unwrap_or(locked))?,
    }
    writeln!(out, "id         {}", report.id.map_or_else(|| locked.to_owned(), |id| id.to_string()))
}
