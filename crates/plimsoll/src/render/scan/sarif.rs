//! SARIF 2.1.0. How a log is made is in `render/sarif.rs`, because verdicts are written as SARIF, too.

use std::io::{self, Write};

use super::{Compared, ScanFormat, Style};
use crate::render::sarif::Log;
use crate::report::scan::Report;

pub(super) struct Sarif;

impl ScanFormat for Sarif {
    fn name(&self) -> &'static str {
        "sarif"
    }

    fn about(&self) -> &'static str {
        "For code scanning services (SARIF 2.1.0)"
    }

    fn compared(&self) -> Compared {
        Compared::Marked
    }

    fn write(&self, report: &Report, _: &Style<'_>, out: &mut dyn Write) -> io::Result<()> {
        let mut log = Log::default();
        for result in &report.results {
            log.scan(&result.name(), &result.scan, result.changes.as_ref());
        }
        for unscanned in &report.errors {
            log.failure(&unscanned.subject, &unscanned.error.message);
        }
        super::write_json(&log.finish(), out)
    }
}
