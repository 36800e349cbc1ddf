//! JSON that is harmless on a terminal, written as it is made.

use std::io::{self, Write};

use plimsoll_core::text;

/// Passes JSON on as it is written, so that a large document is never in memory as a whole. Strings may contain control sequences of
/// terminals; JSON itself escapes only the C0 controls.
pub(crate) struct ForTerminals<'a>(pub(crate) &'a mut dyn Write);

impl Write for ForTerminals<'_> {
    /// `serde_json` writes whole texts between those characters that it escapes itself, which are ASCII.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let part = str::from_utf8(bytes).map_err(io::Error::other)?;
        self.0.write_all(text::terminal_json(part).as_bytes())?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}
