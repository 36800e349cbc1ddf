//! Distributions of Perl that were installed from CPAN: what ExtUtils::Install and the installers leave of each.
//!
//! `cpanm` and `Module::Build` put `install.json` beside the metadata of the distribution ([CPAN::Meta::Spec]):
//!
//! ```json
//! {"name": "Try::Tiny", "version": "0.31", "dist": "Try-Tiny-0.31", "pathname": "E/ET/ETHER/Try-Tiny-0.31.tar.gz"}
//! ```
//!
//! [CPAN::Meta::Spec]: https://metacpan.org/pod/CPAN::Meta::Spec

use plimsoll_core::json;
use plimsoll_core::rootfs::Bound;
use serde::Deserialize;

use super::described::{Described, Packages};
use super::shown::component;
use crate::cataloger::{File, Selection};
use crate::inventory::Component;

/// Finds distributions of Perl.
pub(crate) const PERL: Described = Described {
    id: "perl",
    version: 1,
    purl_types: &["cpan"],
    selections: &[Selection::whole(&["**/.meta/*/install.json"], Bound::Metadata)],
    read,
};

#[derive(Deserialize)]
struct Installed {
    dist: Option<String>,
    pathname: Option<String>,
}

#[expect(clippy::unnecessary_wraps, reason = "every such file is one")]
fn read(file: &File<'_>) -> Packages {
    Some(distribution(file.content).map(|found| vec![found]))
}

fn distribution(content: &[u8]) -> Result<Component, String> {
    let Installed { dist, pathname } = json::from_slice(content, u64::MAX)
        .map_err(|error| format!("is no record of an installation: {error}"))?;
    let dist = dist.ok_or("names no distribution")?;
    // `Try-Tiny-0.31`, also `0.31-TRIAL`: the version is what follows the last dash in front of a digit.
    let end = dist.rmatch_indices('-').map(|(at, _)| at).find(|at| {
        let version = dist.get(at + 1..).unwrap_or_default();
        version.starts_with(|c: char| c.is_ascii_digit() || c == 'v')
    });
    let end = end.ok_or("names a distribution without version")?;
    let (name, version) = (dist.get(..end).unwrap_or_default(), dist.get(end + 1..).unwrap_or_default());
    let author = pathname.as_deref().and_then(|path| path.split('/').nth(2)).unwrap_or_default();
    component("cpan", author, name, version)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distributions_are_named_with_their_authors() {
        let shown = |content: &str| distribution(content.as_bytes()).map(|it| it.purl.to_string());
        let tiny =
            r#"{"name":"Try::Tiny","dist":"Try-Tiny-0.31","pathname":"E/ET/ETHER/Try-Tiny-0.31.tar.gz"}"#;
        assert_eq!(shown(tiny).unwrap(), "pkg:cpan/ETHER/Try-Tiny@0.31");
        assert_eq!(shown(r#"{"dist":"A-B-v1.2-TRIAL"}"#).unwrap(), "pkg:cpan/A-B@v1.2-TRIAL");
        assert_eq!(shown(r#"{"dist":"A-B"}"#).unwrap_err(), "names a distribution without version");
        assert_eq!(shown("{}").unwrap_err(), "names no distribution");
    }
}
