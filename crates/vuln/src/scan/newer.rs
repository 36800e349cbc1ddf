//! Packages from a newer suite in an older release: from backports or from unstable.
//!
//! A tracker that lists releases says `open` for a release that will not get the fix. The version that fixes
//! it in unstable also fixes it in every later version, in whichever release that is installed: trackers
//! compute the state of each release by the same comparison. A backport's suffix (`~bpo12+1`) sorts it before
//! the version that it was made from, so the comparison must ignore the suffix.

use std::collections::BTreeMap;

use plimsoll_core::Ecosystem;

use super::Suppression;
use crate::Error;
use crate::affected::{Affected, End, Status};
use crate::database::{Advisories, key};

/// The suite where a distribution's fixes arrive first, if its feed covers that suite.
fn unstable(ecosystem: Ecosystem) -> Option<&'static str> {
    (ecosystem == Ecosystem::Debian).then_some("sid")
}

/// For each vulnerability that `is_open` selects, by its identifier: why the installed `version` of `package`
/// has the fix, if it has it.
pub(super) fn fixed(
    advisories: &Advisories,
    release: &str,
    package: &str,
    version: &str,
    is_open: impl Fn(&str) -> bool,
) -> Result<BTreeMap<String, Suppression>, Error> {
    let Some(unstable) = unstable(advisories.ecosystem()).filter(|unstable| *unstable != release) else {
        return Ok(BTreeMap::new());
    };
    let Some(record) = advisories.package(&key(Some(unstable), package.into()))? else {
        return Ok(BTreeMap::new());
    };
    let version = without_backport(version);
    // The last fix of each vulnerability; none if one of several entries leaves the version affected or
    // undecided.
    let mut fixes: BTreeMap<String, Option<String>> = BTreeMap::new();
    advisories.visit(&record, |entry| {
        if is_open(entry.id) {
            let unaffected = !entry.is_conditional()
                && advisories.order().status(&entry.affected, version) == Status::NotAffected;
            let fix = last_fix(&entry.affected).filter(|_| unaffected).map(str::to_owned);
            let known = fixes.entry(entry.id.to_owned()).or_insert_with(|| fix.clone());
            *known = known.take().and(fix);
        }
        Ok(())
    })?;
    let reason = |version| Suppression::FixedInNewerRelease { release: unstable.to_owned(), version };
    Ok(fixes.into_iter().filter_map(|(id, fix)| Some((id, reason(fix?)))).collect())
}

/// The version that fixes the last of the intervals, if all of them have one. Without a fix, a version
/// outside of the intervals is not evidence of one.
fn last_fix<'a>(affected: &Affected<'a>) -> Option<&'a str> {
    let fixes = affected.intervals.iter().map(|interval| match interval.end {
        End::Before(fix) => Some(fix),
        End::Open | End::Through(_) | End::Around(_) => None,
    });
    fixes.collect::<Option<Vec<&str>>>().filter(|_| affected.versions.is_empty())?.last().copied()
}

fn without_backport(version: &str) -> &str {
    version.rfind("~bpo").and_then(|at| version.get(..at)).unwrap_or(version)
}
