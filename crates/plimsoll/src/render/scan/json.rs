//! Everything, for programs: as one document, or as one for each subject in a line. Its schema is `schemas/scan.json`.

use std::io::{self, Write};

use super::{Compared, ScanFormat, Style};
use crate::render::for_terminals::ForTerminals;
use crate::report::scan::Report;

pub(super) struct Json;

impl ScanFormat for Json {
    fn name(&self) -> &'static str {
        "json"
    }

    fn about(&self) -> &'static str {
        "For programs; it has a schemaVersion"
    }

    fn compared(&self) -> Compared {
        Compared::Marked
    }

    fn write(&self, report: &Report, _: &Style<'_>, out: &mut dyn Write) -> io::Result<()> {
        super::write_json(report, out)
    }
}

pub(super) struct JsonLines;

impl ScanFormat for JsonLines {
    fn name(&self) -> &'static str {
        "jsonl"
    }

    fn about(&self) -> &'static str {
        "The JSON of each subject in a line, as soon as it is scanned"
    }

    fn is_streamed(&self) -> bool {
        true
    }

    fn compared(&self) -> Compared {
        Compared::Marked
    }

    /// One line.
    fn write(&self, report: &Report, _: &Style<'_>, out: &mut dyn Write) -> io::Result<()> {
        serde_json::to_writer(ForTerminals(out), report)?;
        out.write_all(b"\n")
    }
}
