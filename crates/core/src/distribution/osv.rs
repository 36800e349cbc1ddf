//! The suffixes of OSV's ecosystems: `22.04:LTS` of `Ubuntu:22.04:LTS`.
//!
//! Most are a number or a code name. Some name a product that is sold for several releases:
//!
//! | suffix | release |
//! | --- | --- |
//! | `Ubuntu:Pro:18.04:LTS`, `Ubuntu:Pro:Realtime:22.04:LTS`, `Ubuntu:Nvidia-BlueField:22.04:LTS` | that of Ubuntu: systems without a subscription have the vulnerability as well, and the kernels have their own names |
//! | `Ubuntu:Pro:FIPS-updates:20.04:LTS` | `20.04-fips`, except for packages with `fips` in their name |
//! | `SUSE:Linux Enterprise Server 15 SP5-LTSS`, `SUSE:Linux Enterprise Module for Basesystem 15 SP5` | `15.5` |
//! | `SUSE:Linux Enterprise Module for Containers 12` | `12`, `12.1` … `12.5` |
//! | `openSUSE:Leap 15.5`, `openSUSE:Tumbleweed` | `15.5`, `rolling` |
//! | `openEuler:24.03-LTS-SP1` | `24.03-sp1` |
//! | `Red Hat:enterprise_linux:9::appstream` | `9` |
//! | `Azure Linux:3.0` | `3` |
//!
//! Any other product, such as `Red Hat:rhel_eus:9.2::appstream`, is not a release: its statements are left out and
//! counted.

use super::{Distribution, ROLLING, Releases};
use crate::Ecosystem;

/// The modules of SUSE Linux Enterprise 12 hold for each of its service packs; those of 15 have one each.
const SLE_WITHOUT_PACKS: &str = "12";
const SLE_PACKS: &[u8] = &[1, 2, 3, 4, 5];

impl Distribution {
    /// The release of `package` in the suffix of an OSV ecosystem: `bookworm` for `12` of `Debian:12`. `None` if it is not a
    /// release of this distribution, or is a product of its own.
    pub fn release_in_osv(&self, suffix: &str, package: &str) -> Option<String> {
        match self.ecosystem {
            Ecosystem::Ubuntu => self.ubuntu(suffix, package),
            Ecosystem::Suse => suse(suffix),
            Ecosystem::OpenSuse if suffix == "Tumbleweed" => Some(ROLLING.to_owned()),
            Ecosystem::OpenSuse => self.plain(suffix.strip_prefix("Leap ")?),
            Ecosystem::OpenEuler => self.open_euler(suffix),
            Ecosystem::RedHat => self.plain(suffix.strip_prefix("enterprise_linux:")?.split(':').next()?),
            Ecosystem::AzureLinux => self.plain(suffix.strip_suffix(".0").unwrap_or(suffix)),
            _ => self.plain(suffix),
        }
    }

    /// All releases that an OSV ecosystem is about: several for what is sold for every service pack of one.
    pub fn releases_in_osv(&self, suffix: &str, package: &str) -> Vec<String> {
        let Some(release) = self.release_in_osv(suffix, package) else { return Vec::new() };
        let is_for_all = self.ecosystem == Ecosystem::Suse
            && release == SLE_WITHOUT_PACKS
            && (suffix.contains("Module for ") || suffix.contains("Software Development Kit"));
        let packs = if is_for_all { SLE_PACKS } else { &[] };
        let each = packs.iter().map(|pack| format!("{release}.{pack}"));
        std::iter::once(release.clone()).chain(each).collect()
    }

    /// The release whose advisories cover this build of a package in an image of `release`, if it differs.
    pub fn release_of_build(&self, release: &str, package: &str, version: &str) -> Option<String> {
        match self.ecosystem {
            Ecosystem::Ubuntu if version.contains("fips") => fips(release, package),
            Ecosystem::OpenEuler => {
                let (_, tag) = version.rsplit_once(".oe")?;
                let pack = tag.trim_start_matches(|c: char| c.is_ascii_digit());
                let pack = pack.strip_prefix("sp").filter(|pack| is_number(pack))?;
                Some(format!("{release}-sp{pack}"))
            }
            Ecosystem::OracleLinux => {
                // Their versions are above all others, as if they had every fix.
                let product = ["ksplice", "fips"].into_iter().find(|product| version.contains(product))?;
                Some(format!("{release}-{product}"))
            }
            // Amazon marks each of its packages; others, such as EPEL's, have the numbers of somebody else.
            Ecosystem::AmazonLinux => {
                let (_, build) = version.rsplit_once('-')?;
                (!build.contains("amzn")).then(|| format!("{release}-other"))
            }
            Ecosystem::RedHat => Some(format!("{release}-{}", layered_product(version)?)),
            _ => None,
        }
    }

    /// A code name, or as many numbers as releases have.
    fn plain(&self, suffix: &str) -> Option<String> {
        match self.releases {
            Releases::Amazon => is_number(suffix).then(|| suffix.to_owned()),
            Releases::Rolling => suffix.is_empty().then(|| ROLLING.to_owned()),
            Releases::Codename => self.codename_of(suffix).map(str::to_owned),
            Releases::Numbers { development, .. } if development == Some(suffix) => Some(suffix.to_owned()),
            Releases::Numbers { count, prefix, .. } => {
                let plain = suffix.strip_prefix(prefix)?;
                let fits = plain.split('.').count() == count && plain.split('.').all(is_number);
                fits.then(|| suffix.to_owned())
            }
        }
    }

    fn ubuntu(&self, suffix: &str, package: &str) -> Option<String> {
        let suffix = suffix.strip_suffix(":LTS").unwrap_or(suffix);
        let (product, release) = match suffix.rsplit_once(':') {
            Some((product, release)) => (product, release),
            None => ("", suffix),
        };
        let release = self.plain(release)?;
        match product {
            "" | "Pro" | "Pro:Realtime" | "Nvidia-BlueField" | "Pro:Nvidia-BlueField" => Some(release),
            _ if product.starts_with("Pro:FIPS") => Some(fips(&release, package).unwrap_or(release)),
            _ => None,
        }
    }

    fn open_euler(&self, suffix: &str) -> Option<String> {
        let (release, kind) = suffix.split_once('-').unwrap_or((suffix, ""));
        let release = self.plain(release)?;
        match kind.strip_prefix("LTS").unwrap_or(kind) {
            "" => Some(release),
            pack => {
                let pack = pack.strip_prefix("-SP").filter(|pack| is_number(pack))?;
                Some(format!("{release}-sp{pack}"))
            }
        }
    }
}

/// The release of validated builds, whose versions cannot be compared with those of others. Packages with `fips` in
/// their name have no other builds.
fn fips(release: &str, package: &str) -> Option<String> {
    (!package.contains("fips")).then(|| format!("{release}-fips"))
}

/// The tag of a product of Red Hat's that is no release, such as `el7eap`, `el8sat`, or `rhaos4.16` (as `rhaos4`) in front of
/// `el9`. Releases have `el9`, `el9_3`.
fn layered_product(version: &str) -> Option<&str> {
    let (_, release) = version.rsplit_once('-')?;
    release.split(['.', '+']).find(|tag| {
        let of_release = tag.strip_prefix("el").filter(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
        tag.starts_with("rhaos") || of_release.is_some_and(|rest| !rest.split('_').all(is_number))
    })
}

/// The version of a product is that of its system: `15 SP5`, or `16.0`, or `5.3` for the small systems.
fn suse(suffix: &str) -> Option<String> {
    if !suffix.starts_with("Linux ") {
        return None;
    }
    let mut words = suffix.split(' ').skip_while(|word| !word.starts_with(|c: char| c.is_ascii_digit()));
    let (number, pack) = (first_part(words.next()?), words.next().unwrap_or_default());
    if !number.split('.').all(is_number) {
        return None;
    }
    let pack = first_part(pack).strip_prefix("SP").filter(|pack| is_number(pack));
    Some(match pack {
        Some(pack) => format!("{number}.{pack}"),
        None => number.to_owned(),
    })
}

/// `SP5` of `SP5-LTSS`.
fn first_part(word: &str) -> &str {
    word.split('-').next().unwrap_or_default()
}

fn is_number(part: &str) -> bool {
    !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_of_publishers_match_those_of_images() {
        for (id, suffix, expected) in [
            ("debian", "12", Some("bookworm")),
            ("debian", "99", None),
            ("debian", "", None),
            ("ubuntu", "22.04:LTS", Some("22.04")),
            ("ubuntu", "24.10", Some("24.10")),
            ("ubuntu", "Pro:18.04:LTS", Some("18.04")),
            ("ubuntu", "Pro:Realtime:22.04:LTS", Some("22.04")),
            ("ubuntu", "Nvidia-BlueField:22.04:LTS", Some("22.04")),
            ("ubuntu", "Pro:FIPS:20.04:LTS", Some("20.04-fips")),
            ("ubuntu", "Pro:FIPS-updates:20.04:LTS", Some("20.04-fips")),
            ("ubuntu", "Pro:Unheard-of:20.04:LTS", None),
            ("ubuntu", "Pro", None),
            ("ubuntu", "", None),
            ("alpine", "v3.20", Some("v3.20")),
            ("alpine", "edge", Some("edge")),
            ("alpine", "3.20", None),
            ("alpine", "", None),
            ("alpaquita", "23", Some("23")),
            ("alpaquita", "stream", Some("stream")),
            ("almalinux", "9", Some("9")),
            ("almalinux", "9.4", None),
            ("rocky", "8", Some("8")),
            ("rhel", "enterprise_linux:9::appstream", Some("9")),
            ("rhel", "enterprise_linux:8", Some("8")),
            ("rhel", "rhel_eus:9.2::appstream", None),
            ("rhel", "openshift:4.12::el8", None),
            ("sles", "Linux Enterprise Server 15 SP5-LTSS", Some("15.5")),
            ("sles", "Linux Enterprise Module for Basesystem 15 SP5", Some("15.5")),
            ("sles", "Linux Enterprise Server for SAP Applications 12 SP3", Some("12.3")),
            ("sles", "Linux Enterprise Server 15-LTSS", Some("15")),
            ("sles", "Linux Enterprise Server 16.0", Some("16.0")),
            ("sles", "Linux Enterprise Micro 5.3", Some("5.3")),
            ("sles", "Linux Micro 6.0", Some("6.0")),
            ("sles", "Manager Server 4.3", None),
            ("sles", "Linux Enterprise Server", None),
            ("sles", "Linux 1.x", None),
            ("opensuse-leap", "Leap 15.5", Some("15.5")),
            ("opensuse-leap", "Tumbleweed", Some("rolling")),
            ("opensuse-leap", "Leap Micro 5.5", None),
            ("openeuler", "22.03-LTS", Some("22.03")),
            ("openeuler", "24.03-LTS-SP1", Some("24.03-sp1")),
            ("openeuler", "24.03-LTS-SPx", None),
            ("azurelinux", "3", Some("3")),
            ("azurelinux", "3.0", Some("3")),
            ("photon", "4.0", Some("4.0")),
            ("mageia", "9", Some("9")),
            ("echo", "", Some("rolling")),
            ("echo", "PyPI", None),
            ("wolfi", "", Some("rolling")),
            ("wolfi", "1", None),
        ] {
            let distribution = Distribution::by_id(id).unwrap();
            assert_eq!(distribution.release_in_osv(suffix, "curl").as_deref(), expected, "{id}:{suffix}");
        }
    }

    #[test]
    fn builds_for_a_product_are_recognised_by_their_version() {
        for (id, release, package, version, expected) in [
            ("ubuntu", "20.04", "openssl", "1.1.1f-1ubuntu2.fips.22", Some("20.04-fips")),
            ("ubuntu", "20.04", "openssl", "1.1.1f-1ubuntu2.22", None),
            ("ubuntu", "20.04", "linux-fips", "5.4.0-1100.110+fips1", None),
            ("debian", "bookworm", "openssl", "3.0.11-1+fips", None),
            ("openeuler", "24.03", "curl", "8.4.0-9.oe2403sp1", Some("24.03-sp1")),
            ("openeuler", "24.03", "curl", "8.4.0-9.oe2403", None),
            ("openeuler", "20.03", "curl", "7.71.1-1.oe1", None),
            ("ol", "8", "glibc", "2:2.28-251.0.2.ksplice1.el8", Some("8-ksplice")),
            ("ol", "8", "openssl", "10:1.1.1k-12.el8_9_fips", Some("8-fips")),
            ("ol", "8", "openssl", "1:1.1.1k-12.el8_9", None),
            ("almalinux", "8", "openssl", "1.1.1k-12.el8_9_fips", None),
            ("rhel", "9", "curl", "7.76.1-26.el9_3.2", None),
            ("rhel", "9", "curl", "7.76.1-26.el9", None),
            ("rhel", "8", "ruby", "2.5.9-111.module+el8.9.0+19193+435404ae", None),
            ("rhel", "9", "gpg-pubkey", "fd431d51-4ae0493b", None),
            ("rhel", "7", "wildfly", "7.4.10-6.GA_redhat_00002.1.el7eap", Some("7-el7eap")),
            ("rhel", "8", "foreman", "3.5.1.17-1.el8sat", Some("8-el8sat")),
            ("rhel", "9", "cri-o", "1.29.5-7.rhaos4.16.git7db4ada.el9", Some("9-rhaos4")),
            ("rhel", "9", "openvswitch3.1", "3.1.0-104.el9fdp", Some("9-el9fdp")),
        ] {
            let distribution = Distribution::by_id(id).unwrap();
            let release = distribution.release_of_build(release, package, version);
            assert_eq!(release.as_deref(), expected, "{package} {version}");
        }
        let sles = |suffix| Distribution::by_id("sles").unwrap().releases_in_osv(suffix, "curl");
        let every = ["12", "12.1", "12.2", "12.3", "12.4", "12.5"];
        assert_eq!(sles("Linux Enterprise Module for Web and Scripting 12"), every);
        assert_eq!(sles("Linux Enterprise Software Development Kit 12"), every);
        assert_eq!(sles("Linux Enterprise Software Development Kit 12 SP5"), ["12.5"]);
        assert_eq!(sles("Linux Enterprise Server 12"), ["12"]);
        assert_eq!(sles("Linux Enterprise Module for Basesystem 15"), ["15"]);
        assert!(sles("Manager Server 4.3").is_empty());
        let ubuntu = Distribution::by_id("ubuntu").unwrap();
        let kernel = ubuntu.release_in_osv("Pro:FIPS:20.04:LTS", "linux-fips");
        assert_eq!(kernel.as_deref(), Some("20.04"), "the same release on both sides");
    }
}
