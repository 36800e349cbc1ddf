//! Where Amazon serves its repositories: a list of mirrors names the repository as it is now, whose `repomd.xml` names the file with
//! the advisories. Repositories of x86-64 have the advisories for all architectures.
//!
//! ```text
//! 2/core/latest/x86_64/mirror.list              https://cdn.amazonlinux.com/2/core/2.0/x86_64/4f5a…
//! al2023/core/mirrors/latest/x86_64/mirror.list https://cdn.amazonlinux.com/al2023/core/guids/46ff…/x86_64/
//! 2/extras-catalog-x86_64.json
//! 2/extras/golang1.19/latest/x86_64/mirror.list
//! ```
//!
//! Mirrors on other servers are not followed: the address of the publisher is a setting.

use super::super::{Announced, Location};
use super::repositories::{CATALOGUE, LIST, List, catalogue};
use crate::error::DocumentProblem;

const MIRRORS: &str = "mirror.list";

/// The core repository of Amazon Linux 2, and the catalogue of the others.
pub(super) fn two() -> Vec<Location> {
    vec![
        Location::new(format!("amazon/2/core/{MIRRORS}"), format!("2/core/latest/x86_64/{MIRRORS}")).index(),
        Location::new(format!("amazon/2/{CATALOGUE}"), format!("2/{CATALOGUE}")).index(),
    ]
}

/// The repository of a later release.
pub(super) fn by_year(year: &str) -> Vec<Location> {
    let path = format!("al{year}/core/mirrors/latest/x86_64/{MIRRORS}");
    vec![Location::new(format!("amazon/{year}/core/{MIRRORS}"), path).index()]
}

pub(super) fn follow(
    index: &Location,
    content: &[u8],
    address: &str,
) -> Result<Vec<Location>, DocumentProblem> {
    let (folder, name) = index.file.rsplit_once('/').unwrap_or_default();
    match name {
        CATALOGUE => {
            let of_extra = |extra: &String| {
                let path = format!("2/extras/{extra}/latest/x86_64/{MIRRORS}");
                Location::new(format!("amazon/2/extras/{extra}/{MIRRORS}"), path).index()
            };
            Ok(catalogue(content)?.iter().map(of_extra).collect())
        }
        MIRRORS => {
            let text = std::str::from_utf8(content).map_err(|_| DocumentProblem::Name { field: MIRRORS })?;
            // The lists of other repositories are for all architectures.
            let mirror = text.lines().map(|line| line.trim().replace("$basearch", "x86_64"));
            let repository = mirror
                .filter_map(|mirror| Some(mirror.strip_prefix(address)?.trim_end_matches('/').to_owned()))
                .find(|repository| is_below(repository))
                .ok_or(DocumentProblem::Name { field: MIRRORS })?;
            let path = format!("{repository}/repodata/{LIST}");
            Ok(vec![Location::new(format!("{folder}/{LIST}"), path).index().note(repository)])
        }
        _ => {
            let list = List::parse(content)?;
            if !list.has_updates() {
                return Ok(Vec::new());
            }
            let place = list.location.filter(|place| is_below(place));
            let place = place.ok_or(DocumentProblem::Name { field: "location" })?;
            let is_compressed = place.strip_suffix(".gz").is_some();
            let ending = if is_compressed { ".gz" } else { "" };
            let announced =
                list.stored.map(Announced::Stored).or(list.uncompressed.map(Announced::Uncompressed));
            let location =
                Location::new(format!("{folder}/updateinfo.xml{ending}"), format!("{}/{place}", index.note));
            Ok(vec![Location { announced, ..location }])
        }
    }
}

/// Whether a text is a path that stays below where it begins.
fn is_below(path: &str) -> bool {
    let is_part = |part: &str| {
        !matches!(part, "" | "." | "..")
            && part.bytes().all(|b| b.is_ascii_alphanumeric() || b".-_+~".contains(&b))
    };
    path.len() < 1_000 && path.split('/').all(is_part)
}
