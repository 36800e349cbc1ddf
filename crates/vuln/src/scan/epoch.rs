//! rpm packages whose document does not state their epochs.
//!
//! A package URL has the epoch as a qualifier, `pkg:rpm/redhat/bind-libs@9.11-1?epoch=32`, and omits it if it is 0.
//! Some tools always omit it. Then `9.11-1` is below every fix `32:…`, and each of them would be a finding. If a
//! document states no epoch of any package, the epochs in advisories do not count for its packages either, and the scan
//! reports this: a fix that differs only in the epoch is not recognised.
//!
//! Packages that were read from an image have their epoch, including 0.

use plimsoll_sbom::Component;

use crate::affected::{Affected, End, Interval, Start};

/// Whether an rpm package states its epoch.
pub(super) fn is_named(component: &Component) -> bool {
    is_rpm(component) && (component.purl.qualifier("epoch").is_some() || split(&component.version).is_some())
}

/// Whether the epoch of a package is unknown, unless the document states other epochs.
pub(super) fn is_unknown(component: &Component) -> bool {
    is_rpm(component) && component.found_by.is_none() && !is_named(component)
}

/// The same versions without epochs. `None` if they contain no epochs.
pub(super) fn without<'a>(affected: &Affected<'a>) -> Option<Affected<'a>> {
    let mut found = false;
    let mut bare = |text: &'a str| match split(text) {
        Some((epoch, rest)) => {
            found |= epoch.bytes().any(|digit| digit != b'0');
            rest
        }
        None => text,
    };
    let mut interval = |it: &Interval<'a>| Interval {
        from: match it.from {
            Start::First => Start::First,
            Start::At(version) => Start::At(bare(version)),
            Start::After(version) => Start::After(bare(version)),
        },
        end: match it.end {
            End::Open => End::Open,
            End::Before(version) => End::Before(bare(version)),
            End::Through(version) => End::Through(bare(version)),
            End::Around(version) => End::Around(bare(version)),
        },
    };
    let intervals = affected.intervals.iter().map(&mut interval).collect();
    let doubtful = affected.doubtful.iter().map(&mut interval).collect();
    let versions = affected.versions.iter().map(|version| bare(version)).collect();
    let bare = Affected { intervals, doubtful, versions, fix_state: affected.fix_state };
    found.then_some(bare)
}

/// A fix as the advisory names it, with its epoch.
pub(super) fn whole<'a>(affected: &Affected<'a>, bare: &'a str) -> &'a str {
    let fixes = affected.intervals.iter().filter_map(|interval| match interval.end {
        End::Before(fix) => Some(fix),
        End::Open | End::Through(_) | End::Around(_) => None,
    });
    let is_same = |fix: &&str| split(fix).map_or(*fix, |(_, rest)| rest) == bare;
    fixes.into_iter().find(is_same).unwrap_or(bare)
}

fn is_rpm(component: &Component) -> bool {
    component.purl.package_type() == "rpm"
}

/// The epoch before a version, and the rest.
fn split(version: &str) -> Option<(&str, &str)> {
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    version.split_once(':').filter(|(epoch, _)| is_number(epoch))
}
