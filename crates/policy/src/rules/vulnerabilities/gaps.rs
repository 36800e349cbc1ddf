//! The gaps of a scan, with the age of feeds computed again.

use jiff::{SignedDuration, Timestamp};
use plimsoll_core::{Ecosystem, clock};
use plimsoll_sbom::ProblemCode;
use plimsoll_vuln::{FeedStatus, GapReason, Scan};

use crate::detail::Detail;
use crate::policy::Policy;
use crate::setting::span;

/// A gap in the scan.
pub(super) struct CoverageGap {
    pub(super) text: String,
    pub(super) detail: Detail,
    pub(super) fresh_feed_helps: bool,
}

impl CoverageGap {
    fn new(
        ecosystem: &str,
        files: Option<String>,
        components: usize,
        reason: String,
        fresh_feed_helps: bool,
    ) -> Self {
        let shown = files.as_ref().map(|files| format!(" ({files})")).unwrap_or_default();
        Self {
            text: format!("{ecosystem}{shown}: {reason}"),
            detail: Detail::Gap { ecosystem: ecosystem.to_owned(), files, components, reason },
            fresh_feed_helps,
        }
    }
}

/// The scan's own gaps, with the age of feeds computed again: time and policy may differ from those of the scan.
/// Layers whose digest was not computed are a gap only to a policy that does not allow them.
pub(super) fn gaps(scan: &Scan, policy: &Policy, now: Timestamp) -> Vec<CoverageGap> {
    let max_age = policy.vulnerabilities.max_database_age.0;
    let mut uncovered = Vec::new();
    let mut not_read = Vec::new();
    let mut push = |ecosystem: &str, components: usize, reason: String, fresh_feed_helps: bool| {
        uncovered.push(CoverageGap::new(ecosystem, None, components, reason, fresh_feed_helps));
    };
    for gap in &scan.gaps {
        match &gap.reason {
            GapReason::Incomplete { problem: ProblemCode::LayerDigestNotComputed, .. }
                if policy.allows_unhashed_layers() => {}
            GapReason::Stale { as_of, .. } => {
                if let Some(reason) = staleness(*as_of, max_age, now) {
                    push(&gap.ecosystem, gap.components, reason, true);
                }
            }
            reason @ (GapReason::NotRead { files, .. } | GapReason::OwnerNotCovered { files, .. }) => {
                let helps = matches!(reason, GapReason::OwnerNotCovered { .. });
                let (files, reason) = (Some(files.clone()), reason.to_string());
                not_read.push(CoverageGap::new(&gap.ecosystem, files, 0, reason, helps));
            }
            reason => {
                let helps = matches!(reason, GapReason::NoFeed | GapReason::ReleaseNotCovered(_));
                push(&gap.ecosystem, gap.components, reason.to_string(), helps);
            }
        }
    }
    for feed in &scan.database {
        let reported = |gap: &plimsoll_vuln::Gap| {
            gap.ecosystem == feed.ecosystem && matches!(gap.reason, GapReason::Stale { .. })
        };
        if let Some(reason) = staleness(feed.as_of, max_age, now)
            && !scan.gaps.iter().any(reported)
            && was_used(feed, scan)
        {
            push(&feed.ecosystem, 0, reason, true);
        }
    }
    // A gap that prevents every lookup comes first.
    uncovered.append(&mut not_read);
    uncovered
}

/// Why data of this age does not count now.
fn staleness(as_of: Timestamp, max_age: SignedDuration, now: Timestamp) -> Option<String> {
    let age = now.duration_since(as_of);
    if age < -clock::SKEW {
        return Some(format!("feed as of {as_of} is from the future"));
    }
    (age > max_age)
        .then(|| format!("feed as of {as_of} is {} old, at most {} allowed", span(age), span(max_age)))
}

/// Whether findings show that the feed was used. A feed that was fresh at the scan and gave no findings cannot be
/// distinguished from one that was not needed; the earlier verdict's `valid_until` covers that case.
fn was_used(feed: &FeedStatus, scan: &Scan) -> bool {
    let purl_types = Ecosystem::from_name(&feed.ecosystem).map_or(&[][..], Ecosystem::purl_types);
    let suppressed = scan.suppressed.iter().map(|suppressed| &suppressed.finding);
    scan.findings
        .iter()
        .chain(&scan.informational)
        .chain(suppressed)
        .any(|finding| purl_types.contains(&finding.component.package_type()))
}
