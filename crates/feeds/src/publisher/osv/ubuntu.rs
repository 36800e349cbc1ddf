//! The particularities of Ubuntu's documents.
//!
//! ```json
//! {"id": "UBUNTU-CVE-2025-0395", "upstream": ["CVE-2025-0395"], "related": ["USN-7259-1"],
//!  "severity": [{"type": "CVSS_V3", "score": "CVSS:3.1/…"}, {"type": "Ubuntu", "score": "medium"}],
//!  "affected": [{"package": {"ecosystem": "Ubuntu:Pro:18.04:LTS", "name": "glibc"},
//!                "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "2.27-3ubuntu1.6+esm4"}]}]}]}
//! ```
//!
//! Packages are source packages. A vulnerability that is only fixed for subscribers (`Ubuntu:Pro:…`, versions with
//! `esm`) is open for everybody else in the same release: both read one record, and the version of the fix shows that
//! it needs a subscription. If a document states both for one package, the fix counts; otherwise a machine with the fix
//! would keep the finding.
//!
//! There is a document for each vulnerability, and one for each notice (`USN-…`, and `LSN-…` for live patches of
//! kernels), which repeats the former. A notice counts only for vulnerabilities without their own document.

use std::collections::{BTreeMap, HashSet};

use super::Stated;
use crate::draft::Draft;
use crate::{FeedReport, Skip};

/// The text before the CVE in the identifier of a vulnerability's document.
const PREFIX: &str = "UBUNTU-";

/// Drops statements without a fix about packages for which there is one with a fix.
pub(super) fn prefer_fixed(stated: &mut Vec<Stated>) {
    let fixed: HashSet<String> =
        stated.iter().filter(|it| it.is_fixed).map(|it| it.statement.key.clone()).collect();
    stated.retain(|it| it.is_fixed || !fixed.contains(&it.statement.key));
}

/// Drops the statements of notices about vulnerabilities that have a document.
pub(super) fn drop_repeated(drafts: &mut Vec<Draft>, report: &mut FeedReport) {
    let own: HashSet<String> =
        drafts.iter().filter_map(|draft| draft.id.strip_prefix(PREFIX)).map(str::to_owned).collect();
    let is_repeated = |draft: &Draft| is_notice(&draft.origin) && own.contains(&draft.id);
    // By document: whether another statement of it remains.
    let mut remains: BTreeMap<String, bool> = BTreeMap::new();
    for draft in drafts.iter().filter(|draft| is_notice(&draft.origin)) {
        *remains.entry(draft.origin.clone()).or_default() |= !is_repeated(draft);
    }
    drafts.retain(|draft| !is_repeated(draft));
    for (origin, _) in remains.into_iter().filter(|(_, remains)| !remains) {
        report.kept = report.kept.saturating_sub(1);
        report.skip(Skip::Repeated, file_name(&origin));
    }
}

fn is_notice(origin: &str) -> bool {
    ["USN-", "LSN-"].iter().any(|kind| file_name(origin).starts_with(kind))
}

fn file_name(origin: &str) -> &str {
    origin.rsplit(['/', '\\']).next().unwrap_or_default()
}
