//! Packages of a newer suite in an older release: from backports, or from unstable.
//!
//! A tracker that speaks about releases says `open` of one that will not get the fix. The version that fixes it in
//! unstable holds for every version after it, wherever that is installed: trackers make the state of each release by the same
//! comparison. A backport's suffix (`~bpo12+1`) makes it older than the version that it was made from and changes nothing.

use std::collections::BTreeMap;

use plimsoll_core::Ecosystem;

use super::Suppression;
use crate::Error;
use crate::affected::End;
use crate::database::{Advisories, key};

/// Where a distribution's fixes arrive first, for those whose feed speaks about it.
fn unstable(ecosystem: Ecosystem) -> Option<&'static str> {
    (ecosystem == Ecosystem::Debian).then_some("sid")
}

/// For each vulnerability that `is_open`, by its identifier: why the installed `version` of `package` has the fix, if it has.
pub(super) fn fixed(
    advisories: &Advisories,
    release: &str,
    package: &str,
    version: &str,
    is_open: impl Fn(&str) -> bool,
) -> Result<BTreeMap<String, Suppression>, Error> {
    let mut reasons = BTreeMap::new();
    let Some(unstable) = unstable(advisories.ecosystem()).filter(|unstable| *unstable != release) else {
        return Ok(reasons);
    };
    let Some(record) = advisories.package(&key(Some(unstable), package.into()))? else { return Ok(reasons) };
    let version = without_backport(version);
    advisories.visit(&record, |entry| {
        if is_open(entry.id) && !entry.is_conditional() {
            let ends = entry.affected.intervals.iter().map(|interval| match interval.end {
                End::Before(fix) => Some(fix),
                _ => None,
            });
            // Every interval has to end, and before this version.
            let fixes: Option<Vec<&str>> = ends.collect();
            let last = fixes.unwrap_or_default().into_iter().map(|fix| {
                let order = advisories.order().compare(version, fix);
                order.is_ok_and(std::cmp::Ordering::is_ge).then_some(fix)
            });
            let clear = entry.affected.doubtful.is_empty() && entry.affected.versions.is_empty();
            if let Some(fixes) =
                last.collect::<Option<Vec<&str>>>().filter(|fixes| clear && !fixes.is_empty())
            {
                let fix = fixes.last().copied().unwrap_or_default().to_owned();
                let reason = Suppression::FixedInNewerRelease { release: unstable.to_owned(), version: fix };
                reasons.insert(entry.id.to_owned(), reason);
            }
        }
        Ok(())
    })?;
    Ok(reasons)
}

fn without_backport(version: &str) -> &str {
    version.rfind("~bpo").and_then(|at| version.get(..at)).unwrap_or(version)
}
