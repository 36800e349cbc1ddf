//! The results of `doctor`, for people.

use std::io::{self, Write};

use super::table::{Paint, Tone, safe};
use crate::report::doctor::{Check, Status};

/// Writes one line per check, and the hint below it.
pub(crate) fn write(checks: &[Check], paint: Paint, out: &mut dyn Write) -> io::Result<()> {
    for check in checks {
        let (tone, word) = match check.status {
            Status::Ok => (Tone::Good, "ok  "),
            Status::Warn => (Tone::Doubt, "warn"),
            Status::Fail => (Tone::Bad, "fail"),
            Status::Skip => (Tone::Quiet, "-   "),
        };
        let about = check.about.as_deref().map(|about| format!(" {}", safe(about))).unwrap_or_default();
        writeln!(out, "{}  {}{about}: {}", paint.paint(tone, word), check.name, safe(&check.message))?;
        if let Some(hint) = &check.hint {
            writeln!(out, "      hint: {}", safe(hint))?;
        }
    }
    Ok(())
}
