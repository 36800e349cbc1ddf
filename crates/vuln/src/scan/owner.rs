//! When the distribution's advisories about its package also decide about the files that the package
//! installed.
//!
//! An ecosystem's advisory does not know the distribution's backports, so the distribution's own advisories
//! are better, if there are any. But only the image itself says which package installed a file, and an image
//! must not improve its verdict by its own claims: one line in a package's file list, or a vendor's own
//! package, would be enough. So the owner must be a package that the distribution's feed knows, must have installed
//! the component where distributions install files, with the digests that the package manager recorded, and must have
//! the same name and version. Only the parts of Python's standard library have other names and versions than Python.

use plimsoll_core::Ecosystem;
use plimsoll_sbom::{Component, Owner, OwnerEvidence, is_of_distributions};

use super::gap::Uncovered;
use super::source;
use super::target::{Target, Targets};
use crate::database::{Advisories, key};
use crate::error::Error;
use crate::order;

/// Whether the advisories about `owner` decide about `component`: the package manager's digests prove that
/// the files belong to it, and the distribution's feed exists, is fresh and knows the package.
pub(super) fn decides(targets: &Targets<'_>, component: &Component, owner: Owner<'_>) -> Result<bool, Error> {
    let Owner { package, evidence: OwnerEvidence::DigestsMatch } = owner else { return Ok(false) };
    if component.ecosystem.is_os() || !is_plausible(component, package) {
        return Ok(false);
    }
    match targets.target(package) {
        Target::Covered { advisories, stale: None, .. } if advisories.ecosystem() == Ecosystem::Debian => {
            knows(advisories, package)
        }
        _ => Ok(false),
    }
}

/// How well a distribution's feed covers a package, and so the files that it installed and no cataloger reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Coverage {
    /// The feed has advisories about it.
    Known,
    /// It was looked up in a fresh feed of its release, which never named it.
    LookedUp,
    /// There is no fresh feed of its release.
    None,
}

/// How well the distribution's feed covers `package`.
pub(super) fn coverage(targets: &Targets<'_>, package: &Component) -> Result<Coverage, Error> {
    Ok(match targets.target(package) {
        _ if !package.ecosystem.is_os() => Coverage::None,
        Target::Covered { advisories, stale: None, .. } if knows(advisories, package)? => Coverage::Known,
        Target::Covered { stale: None, .. } => Coverage::LookedUp,
        _ => Coverage::None,
    })
}

/// Why the distribution's feed does not cover `package`, if it is a package of one.
pub(super) fn uncovered(targets: &Targets<'_>, package: &Component) -> Option<Uncovered> {
    let (owner, reason) = match targets.target(package) {
        _ if !package.ecosystem.is_os() => return None,
        Target::Covered { advisories, stale: Some(stale), .. } => {
            (advisories.ecosystem().name().to_owned(), stale)
        }
        Target::Covered { .. } => return None,
        Target::Gap(owner, reason) => (owner, reason),
    };
    Some(Uncovered { owner, why: reason.to_string() })
}

/// The package whose distribution covers a component of an ecosystem without advisories, because the package installed it: as
/// for files that no cataloger reads, which such components were before one did.
pub(super) fn covering<'a>(
    targets: &Targets<'_>,
    component: &Component,
    owner: Option<Owner<'a>>,
) -> Result<Option<&'a Component>, Error> {
    let Some(Owner { package, evidence: OwnerEvidence::DigestsMatch }) = owner else { return Ok(None) };
    let is_candidate = order::of_ecosystem(component.ecosystem).is_none() && is_in_place(component);
    let is_covered = is_candidate && coverage(targets, package)? == Coverage::Known;
    Ok(is_covered.then_some(package))
}

/// Whether there is an advisory about the package's source in any release. If no advisory ever named a
/// package, nothing shows that it is the distribution's.
pub(super) fn knows(advisories: &Advisories, package: &Component) -> Result<bool, Error> {
    let (name, _) = source(package);
    for status in advisories.status() {
        for release in &status.releases {
            let name = advisories.ecosystem().normalise(name);
            if advisories.package(&key(Some(release), name))?.is_some() {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

/// Whether a distribution's package can have installed the component.
fn is_plausible(component: &Component, owner: &Component) -> bool {
    let source = owner.source.as_ref();
    let names = [Some(&owner.name), source.map(|source| &source.name)];
    let is_part = || {
        STANDARD_LIBRARY.contains(&&*component.name)
            && component.ecosystem == Ecosystem::PyPI
            && names.into_iter().flatten().any(|name| is_interpreter(name))
    };
    let version = source.map_or(&owner.version, |source| &source.version);
    let same_name = names.into_iter().flatten().any(|name| is_alike(name, &component.name));
    is_in_place(component) && (is_part() || same_name && is_upstream(version, &component.version))
}

/// Whether the component is only where distributions install files. A component at no known place may be anywhere.
fn is_in_place(component: &Component) -> bool {
    let mut locations = component.locations.iter().peekable();
    locations.peek().is_some() && locations.all(|location| is_of_distributions(&location.path))
}

/// The parts of Python's standard library that have their own metadata, with other versions than Python's.
const STANDARD_LIBRARY: [&str; 3] = ["argparse", "distutils", "wsgiref"];

/// Whether it is a package of Python itself, which contains its standard library: `python3.11`,
/// `libpython2.7-stdlib`.
fn is_interpreter(name: &str) -> bool {
    let name = name.strip_prefix("lib").unwrap_or(name);
    let rest = name.strip_prefix("python").or_else(|| name.strip_prefix("pypy"));
    rest.is_some_and(|rest| {
        let rest = rest.split_once('-').map_or(rest, |(version, part)| match part {
            "stdlib" | "minimal" | "distutils" | "lib2to3" => version,
            _ => "none",
        });
        !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
    })
}

/// Whether one name contains the other, after removing what packagers add: `python3-yaml` and `pyyaml`.
fn is_alike(package: &str, component: &str) -> bool {
    let plain = |name: &str| -> String {
        name.bytes()
            .filter(u8::is_ascii_alphanumeric)
            .map(|byte| char::from(byte.to_ascii_lowercase()))
            .collect()
    };
    let strip = |name: &str| {
        let prefixes = ["python3-", "python-", "pypy3-", "pypy-", "py3-"];
        let name = prefixes.iter().find_map(|prefix| name.strip_prefix(prefix)).unwrap_or(name);
        plain(name.strip_suffix("-whl").unwrap_or(name))
    };
    let (package, component) = (strip(package), strip(component));
    let short = package.len().min(component.len());
    // Almost every name contains a given single letter.
    short >= 2 && (package.contains(&component) || component.contains(&package)) || package == component
}

/// Whether a package of this version was made from that upstream version: `1:6.0-3+b2` of `6.0`,
/// `2.0~rc1+dfsg-1` of `2.0rc1`.
fn is_upstream(package: &str, upstream: &str) -> bool {
    let version = package.split_once(':').map_or(package, |(_, rest)| rest);
    let version = version.rsplit_once('-').map_or(version, |(upstream, _)| upstream);
    let version = version.split("+really").last().unwrap_or(version);
    let (package, upstream) = (numbers(version), numbers(upstream));
    // `6` equals `6.0`, and repacked versions have a suffix.
    let length = package.len().max(upstream.len());
    let padded = |numbers: &[u64]| -> Vec<u64> {
        numbers.iter().copied().chain(std::iter::repeat(0)).take(length).collect()
    };
    !package.is_empty() && padded(&package) == padded(&upstream)
}

/// The leading numbers of a version: the numbers before the first letter.
fn numbers(version: &str) -> Vec<u64> {
    let numeric = version.trim_start_matches('v');
    let end = numeric.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(numeric.len());
    let numeric = numeric.get(..end).unwrap_or_default();
    numeric.split('.').filter(|number| !number.is_empty()).map_while(|number| number.parse().ok()).collect()
}
