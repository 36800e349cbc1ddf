//! Distributions: one row for each operating system whose packages are distinguished, and how its releases are named.
//!
//! Owns the way from what an image says about itself (`os-release(5)`, the `distro` qualifier of a package URL) and from
//! what publishers write (`Debian:12`, `Alpine:v3.20`, `Ubuntu:22.04:LTS`) to one name for a release, so that both meet
//! in the database. It reads no files.
//!
//! | `ID` | `VERSION_ID` | at OSV | release |
//! | --- | --- | --- | --- |
//! | `debian` | `12` | `Debian:12` | `bookworm` |
//! | `alpine` | `3.20.1` | `Alpine:v3.20` | `v3.20` |
//! | `alpine` | `3.21_alpha20240807` | | `edge` |
//! | `ubuntu` | `22.04` | `Ubuntu:22.04:LTS` | `22.04` |
//! | `almalinux` | `9.4` | `AlmaLinux:9` | `9` |
//! | `wolfi` | `20230201` | `Wolfi` | `rolling` |
//! | `amzn` | `2018.03` | | `1` |
//! | `sles` | `15.5` | `SUSE:Linux Enterprise Module for Basesystem 15 SP5` | `15.5` |
//!
//! Some distributions build packages for a release a second time, for a product of their own, and number these builds
//! differently: Ubuntu's validated builds (`1.1.1f-1ubuntu2.fips.22`), the service packs of openEuler (`…oe2403sp1`), Oracle's
//! builds for Ksplice, Red Hat's layered products (`….el8sat`). They are a release of their own,
//! `20.04-fips`: [`Distribution::release_of_build`] tells them by their version.
//!
//! A name that matches none of these stays as it is. No feed knows it, so a scan reports a gap.

mod osv;

use crate::Ecosystem;

/// The release of distributions that have only one, which is always the newest.
pub const ROLLING: &str = "rolling";

/// One distribution.
#[derive(Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Distribution {
    /// `ID` in `os-release`: `debian`, `rhel`, `opensuse-leap`.
    pub id: &'static str,
    /// The namespaces of its package URLs; the first is the one to write. Tools differ: some write `redhat`
    /// for Red Hat, others `rhel`.
    pub namespaces: &'static [&'static str],
    /// The ecosystem of its advisories. If it publishes none, the row for its package type.
    pub ecosystem: Ecosystem,
    releases: Releases,
    /// Numbers and code names of its releases.
    codenames: &'static [(&'static str, &'static str)],
}

/// What names a release.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Releases {
    /// Its code name.
    Codename,
    /// The first numbers of its version.
    Numbers {
        /// How many.
        count: usize,
        /// The text in front of them.
        prefix: &'static str,
        /// The name of the unreleased version, whose `VERSION_ID` contains `_alpha`.
        development: Option<&'static str>,
    },
    /// The first number of its version. Years up to 2018 are those of Amazon Linux 1, which was one release that was always the
    /// newest.
    Amazon,
    /// Nothing: it has only one release.
    Rolling,
}

/// The last year of Amazon Linux 1. The next release is 2.
const LAST_YEAR_OF_ONE: u32 = 2018;

const fn numbers(count: usize) -> Releases {
    Releases::Numbers { count, prefix: "", development: None }
}

const fn row(
    id: &'static str,
    namespaces: &'static [&'static str],
    ecosystem: Ecosystem,
    releases: Releases,
) -> Distribution {
    Distribution { id, namespaces, ecosystem, releases, codenames: &[] }
}

const DEBIAN: &[(&str, &str)] = &[
    ("7", "wheezy"),
    ("8", "jessie"),
    ("9", "stretch"),
    ("10", "buster"),
    ("11", "bullseye"),
    ("12", "bookworm"),
    ("13", "trixie"),
    ("14", "forky"),
    ("15", "duke"),
];

const UBUNTU: &[(&str, &str)] = &[
    ("14.04", "trusty"),
    ("16.04", "xenial"),
    ("18.04", "bionic"),
    ("20.04", "focal"),
    ("22.04", "jammy"),
    ("24.04", "noble"),
    ("24.10", "oracular"),
    ("25.04", "plucky"),
    ("25.10", "questing"),
    ("26.04", "resolute"),
];

/// Releases by year, and one that is always the newest.
const BELLSOFT: Releases = Releases::Numbers { count: 1, prefix: "", development: Some("stream") };

const ALPINE: Releases = Releases::Numbers { count: 2, prefix: "v", development: Some("edge") };

/// All rows. A distribution without a row still gets its package type from `ID_LIKE`.
static ALL: [Distribution; 40] = [
    Distribution { codenames: DEBIAN, ..row("debian", &["debian"], Ecosystem::Debian, Releases::Codename) },
    Distribution { codenames: UBUNTU, ..row("ubuntu", &["ubuntu"], Ecosystem::Ubuntu, numbers(2)) },
    row("alpine", &["alpine"], Ecosystem::Alpine, ALPINE),
    row("wolfi", &["wolfi"], Ecosystem::Wolfi, Releases::Rolling),
    row("chainguard", &["chainguard"], Ecosystem::Chainguard, Releases::Rolling),
    row("minimos", &["minimos"], Ecosystem::MinimOs, Releases::Rolling),
    row("alpaquita", &["alpaquita"], Ecosystem::Alpaquita, BELLSOFT),
    row("bellsoft-hardened-containers", &["bellsoft-hardened-containers"], Ecosystem::BellSoft, BELLSOFT),
    row("cleanstart", &["cleanstart"], Ecosystem::CleanStart, Releases::Rolling),
    row("clnstrt", &["clnstrt"], Ecosystem::CleanStart, Releases::Rolling),
    row("echo", &["echo"], Ecosystem::Echo, Releases::Rolling),
    row("rhel", &["redhat", "rhel"], Ecosystem::RedHat, numbers(1)),
    row("almalinux", &["almalinux", "alma"], Ecosystem::AlmaLinux, numbers(1)),
    row("rocky", &["rocky", "rockylinux"], Ecosystem::RockyLinux, numbers(1)),
    row("ol", &["oracle", "ol", "oraclelinux"], Ecosystem::OracleLinux, numbers(1)),
    row("sles", &["suse", "sles"], Ecosystem::Suse, numbers(2)),
    row("sled", &["sled"], Ecosystem::Suse, numbers(2)),
    row("sle-micro", &["sle-micro"], Ecosystem::Suse, numbers(2)),
    row("sl-micro", &["sl-micro"], Ecosystem::Suse, numbers(2)),
    row("opensuse-leap", &["opensuse", "opensuse-leap", "opensuse.leap"], Ecosystem::OpenSuse, numbers(2)),
    row(
        "opensuse-tumbleweed",
        &["opensuse-tumbleweed", "opensuse.tumbleweed"],
        Ecosystem::OpenSuse,
        Releases::Rolling,
    ),
    row("amzn", &["amazon", "amzn", "amazonlinux"], Ecosystem::AmazonLinux, Releases::Amazon),
    row("photon", &["photon"], Ecosystem::PhotonOs, numbers(2)),
    row("azurelinux", &["azurelinux"], Ecosystem::AzureLinux, numbers(1)),
    row("mariner", &["mariner", "cbl-mariner"], Ecosystem::AzureLinux, numbers(1)),
    row("mageia", &["mageia"], Ecosystem::Mageia, numbers(1)),
    row("openeuler", &["openeuler"], Ecosystem::OpenEuler, numbers(2)),
    row("fedora", &["fedora"], Ecosystem::Rpm, numbers(1)),
    row("centos", &["centos"], Ecosystem::Rpm, numbers(1)),
    row("suse", &[], Ecosystem::Rpm, numbers(2)),
    row("bottlerocket", &["bottlerocket"], Ecosystem::Rpm, numbers(2)),
    row("altlinux", &["altlinux", "alt"], Ecosystem::Rpm, numbers(1)),
    row("opencloudos", &["opencloudos"], Ecosystem::Rpm, numbers(1)),
    row("hce", &["hce"], Ecosystem::Rpm, numbers(2)),
    row("deepin", &["deepin"], Ecosystem::Deb, numbers(1)),
    row("adelie", &["adelie"], Ecosystem::Apk, numbers(2)),
    row("openwrt", &["openwrt"], Ecosystem::Opkg, numbers(2)),
    row("arch", &["arch", "archlinux"], Ecosystem::Alpm, Releases::Rolling),
    row("artix", &["artix"], Ecosystem::Alpm, Releases::Rolling),
    row("gentoo", &["gentoo"], Ecosystem::Ebuild, Releases::Rolling),
];

impl Distribution {
    /// All of them.
    pub fn all() -> &'static [Self] {
        &ALL
    }

    /// The distribution with this `ID`.
    pub fn by_id(id: &str) -> Option<&'static Self> {
        ALL.iter().find(|distribution| distribution.id == id)
    }

    /// The distribution whose packages have this type and namespace in their package URLs.
    pub fn by_namespace(package_type: &str, namespace: &str) -> Option<&'static Self> {
        ALL.iter().find(|distribution| {
            distribution.namespaces.contains(&namespace) && distribution.package_type() == package_type
        })
    }

    /// The first distribution whose advisories are those of `ecosystem`.
    pub fn by_ecosystem(ecosystem: Ecosystem) -> Option<&'static Self> {
        ALL.iter().find(|distribution| distribution.ecosystem == ecosystem)
    }

    /// The package type of an operating system: from its own row, otherwise from the first known `ID` in
    /// `ID_LIKE`. Nothing else follows from `ID_LIKE`: Debian's advisories say nothing about packages that
    /// somebody else built.
    pub fn package_type_of<'a>(id: &'a str, like: impl IntoIterator<Item = &'a str>) -> Option<&'static str> {
        std::iter::once(id).chain(like).find_map(Self::by_id).map(Self::package_type)
    }

    /// The type of its package URLs: `deb`, `apk`, `rpm`.
    pub fn package_type(&self) -> &'static str {
        self.ecosystem.purl_types().first().copied().unwrap_or_default()
    }

    /// The release that `VERSION_ID` and `VERSION_CODENAME` name; `None` if both are missing.
    ///
    /// If the two name different releases, the result is a name that no feed knows: the file was tampered
    /// with, and either half could hide findings.
    pub fn release(&self, version_id: Option<&str>, codename: Option<&str>) -> Option<String> {
        let by_version = version_id.and_then(|version| self.release_of_version(version));
        let by_codename = codename.and_then(|codename| self.release_of_codename(codename));
        match (by_version, by_codename) {
            (Some(a), Some(b)) if a != b => {
                let (codename, version) = (codename.unwrap_or_default(), version_id.unwrap_or_default());
                Some(format!("{codename} (VERSION_ID {version})"))
            }
            (_, Some(release)) | (Some(release), None) => Some(release),
            (None, None) if self.releases == Releases::Rolling => Some(ROLLING.to_owned()),
            (None, None) => version_id.or(codename).map(str::to_owned),
        }
    }

    /// The release in the rest of a `distro` qualifier, after its [`Self::id`] and a dash: `12.5`, `trixie`, `edge`.
    pub fn release_in_qualifier(&self, rest: &str) -> Option<String> {
        if rest.starts_with(|c: char| c.is_ascii_digit()) {
            self.release(Some(rest), None)
        } else {
            self.release(None, Some(rest))
        }
    }

    /// The release that a `VERSION_ID` names, if it has the form that this distribution uses.
    fn release_of_version(&self, version: &str) -> Option<String> {
        match self.releases {
            Releases::Rolling => None,
            Releases::Codename => self.codename_of(version.split('.').next()?).map(str::to_owned),
            Releases::Amazon => {
                let number = digits_of(version)?;
                let is_of_one = (2011..=LAST_YEAR_OF_ONE).contains(&number.parse().ok()?);
                Some(if is_of_one { "1" } else { number }.to_owned())
            }
            Releases::Numbers { development: Some(release), .. } if version.contains("_alpha") => {
                Some(release.to_owned())
            }
            Releases::Numbers { count, prefix, .. } => {
                let mut release = prefix.to_owned();
                let mut parts = version.split('.');
                for index in 0..count {
                    // The last may carry a suffix, `3.20_rc1`, which does not belong to the release.
                    let digits = digits_of(parts.next()?)?;
                    release.push_str(if index == 0 { "" } else { "." });
                    release.push_str(digits);
                }
                Some(release)
            }
        }
    }

    /// The release that a code name stands for. Debian's code name is the release, even when the table does not know it
    /// yet.
    fn release_of_codename(&self, codename: &str) -> Option<String> {
        match self.releases {
            Releases::Rolling | Releases::Amazon => None,
            Releases::Codename => Some(codename.to_owned()),
            Releases::Numbers { development, .. } if development == Some(codename) => {
                Some(codename.to_owned())
            }
            Releases::Numbers { prefix, .. } => {
                self.number_of(codename).map(|number| format!("{prefix}{number}"))
            }
        }
    }

    fn codename_of(&self, number: &str) -> Option<&'static str> {
        self.codenames.iter().find(|(known, _)| *known == number).map(|(_, codename)| *codename)
    }

    fn number_of(&self, codename: &str) -> Option<&'static str> {
        self.codenames.iter().find(|(_, known)| *known == codename).map(|(number, _)| *number)
    }
}

/// The digits that a text starts with, if any.
fn digits_of(text: &str) -> Option<&str> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    text.get(..end).filter(|digits| !digits.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn distribution(id: &str) -> &'static Distribution {
        Distribution::by_id(id).unwrap()
    }

    fn release(id: &str, version: &str, codename: &str) -> String {
        let given = |text: &'static str| Some(text).filter(|text| !text.is_empty());
        let [version, codename]: [&'static str; 2] = [version, codename].map(|t| &*t.to_owned().leak());
        distribution(id).release(given(version), given(codename)).unwrap_or_default()
    }

    #[test]
    fn the_fields_of_an_image_name_one_release() {
        for (id, version, codename, expected) in [
            ("debian", "12", "", "bookworm"),
            ("debian", "12.5", "bookworm", "bookworm"),
            ("debian", "", "trixie", "trixie"),
            ("debian", "99", "", "99"),
            ("debian", "", "", ""),
            ("ubuntu", "22.04", "jammy", "22.04"),
            ("ubuntu", "", "noble", "24.04"),
            ("ubuntu", "30.04", "unheard-of", "30.04"),
            ("alpine", "3.20.1", "", "v3.20"),
            ("alpine", "3.20_rc1", "", "v3.20"),
            ("alpine", "3.21_alpha20240807", "", "edge"),
            ("alpine", "3", "", "3"),
            ("almalinux", "9.4", "", "9"),
            ("photon", "4.0", "", "4.0"),
            ("mariner", "2.0.20240609", "", "2"),
            ("wolfi", "20230201", "", "rolling"),
            ("wolfi", "", "", "rolling"),
            ("sles", "15.5", "", "15.5"),
            ("sles", "15", "", "15"),
            ("amzn", "2018.03", "", "1"),
            ("amzn", "2011.09", "", "1"),
            ("amzn", "2", "", "2"),
            ("amzn", "2023", "", "2023"),
            ("alpaquita", "23", "", "23"),
            ("alpaquita", "stream", "", "stream"),
        ] {
            assert_eq!(release(id, version, codename), expected, "{id} {version} {codename}");
        }
    }

    #[test]
    fn a_number_and_a_code_name_that_disagree_are_no_release() {
        assert_eq!(release("debian", "11", "bookworm"), "bookworm (VERSION_ID 11)");
        assert_eq!(release("debian", "12", "unheard-of"), "unheard-of (VERSION_ID 12)");
        assert_eq!(release("ubuntu", "22.04", "noble"), "noble (VERSION_ID 22.04)");
        assert_eq!(release("alpine", "3.20.1", "edge"), "edge (VERSION_ID 3.20.1)");
    }

    #[test]
    fn a_qualifier_says_it_by_number_or_by_name() {
        for (id, rest, expected) in [
            ("debian", "12", "bookworm"),
            ("debian", "12.5", "bookworm"),
            ("debian", "bookworm", "bookworm"),
            ("alpine", "3.20.1", "v3.20"),
            ("alpine", "edge", "edge"),
            ("ubuntu", "jammy", "22.04"),
        ] {
            assert_eq!(distribution(id).release_in_qualifier(rest).as_deref(), Some(expected), "{id}-{rest}");
        }
    }

    #[test]
    fn being_alike_says_how_packages_are_kept_and_nothing_of_advisories() {
        assert_eq!(Distribution::package_type_of("linuxmint", ["ubuntu", "debian"]), Some("deb"));
        assert_eq!(Distribution::package_type_of("amzn", ["centos", "rhel"]), Some("rpm"));
        assert_eq!(Distribution::package_type_of("nobody", ["knows"]), None);
        assert!(Distribution::by_id("linuxmint").is_none());
        assert!(Distribution::by_namespace("deb", "linuxmint").is_none());
    }

    #[test]
    fn each_identifier_and_namespace_names_one_distribution() {
        for row in Distribution::all() {
            assert_eq!(Distribution::by_id(row.id), Some(row));
            assert!(!row.package_type().is_empty(), "{}", row.id);
            for namespace in row.namespaces {
                assert_eq!(Distribution::by_namespace(row.package_type(), namespace), Some(row));
            }
        }
    }
}
