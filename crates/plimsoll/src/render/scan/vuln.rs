//! cosign's predicate for the result of a scan, <https://cosign.sigstore.dev/attestation/vuln/v1>, for `attest --type vuln`.

use std::io::{self, Write};

use super::{ScanFormat, Style};
use crate::report::scan::{Predicate, Report};

pub(super) struct Vuln;

impl ScanFormat for Vuln {
    fn name(&self) -> &'static str {
        "vuln"
    }

    fn about(&self) -> &'static str {
        "Predicate for `attest --type vuln`: the JSON in cosign's form"
    }

    fn about_one(&self) -> Option<&'static str> {
        Some("an attestation")
    }

    fn write(&self, report: &Report, _: &Style<'_>, out: &mut dyn Write) -> io::Result<()> {
        super::write_json(&Predicate::from(report), out)
    }
}
