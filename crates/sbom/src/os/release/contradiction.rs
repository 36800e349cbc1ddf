//! Whether the rest of the image agrees with `os-release` about its release.
//!
//! Advisories are looked up by the release that `os-release` names, so whoever changes a line of it changes the
//! findings. Other places name the release too: the second `os-release`, the older files, the version of the package
//! that contains both, and the releases in versions of packages (`+deb12u3`, `.el9`).

use std::collections::BTreeMap;

use plimsoll_core::quantity::count;
use plimsoll_core::{Distribution, Ecosystem};

use crate::inventory::{Component, OsRelease};

/// What the packages say, if it contradicts the release.
pub(crate) fn of_packages(os: &OsRelease, components: &[Component]) -> Option<String> {
    let named = |name: &str| components.iter().find(|it| it.ecosystem.is_os() && it.name == name);
    let version = |name: &str| named(name).map(|component| component.version.as_str());
    let detail = match os.id.as_str() {
        "debian" => {
            let base = version("base-files");
            base.and_then(|base| of_base_files(os, base)).or_else(|| of_updates(os, components))?
        }
        "ubuntu" => {
            let base = version("base-files").filter(|version| !version.contains("ubuntu"))?;
            format!("base-files {base} is not Ubuntu's")
        }
        "alpine" => {
            let package = version("alpine-release")?;
            let package = package.split_once("-r").map_or(package, |(version, _)| version);
            let detail = of_file(os, package)?;
            format!("the package alpine-release {detail}")
        }
        id if of_alpine(os) => {
            let version = version("alpine-release")?;
            format!("has alpine-release {version}, which {id} does not have")
        }
        _ => of_builds(os, components)?,
    };
    Some(detail)
}

/// Whether something else names another distribution, or another release of the same. Unknown distributions, and
/// releases without names, contradict nothing.
pub(super) fn of_release(os: &OsRelease, other: &OsRelease) -> bool {
    let (Some(own), Some(others)) = (Distribution::by_id(&os.id), Distribution::by_id(&other.id)) else {
        return false;
    };
    let release =
        |it: &Distribution, of: &OsRelease| it.release(of.version_id.as_deref(), of.codename.as_deref());
    match (release(own, os), release(others, other)) {
        _ if os.id != other.id => true,
        (Some(own), Some(others)) => own != others,
        _ => false,
    }
}

/// Whether Alpine's own packages do not belong into a system with apk.
pub(super) fn of_alpine(os: &OsRelease) -> bool {
    os.id != "alpine" && Distribution::by_id(&os.id).is_some_and(|it| it.package_type() == "apk")
}

/// The releases in the versions of rpm packages, for which they were built: `.el9_4`, `.fc40`, `.amzn2023`. A few
/// packages for other releases are normal.
fn of_builds(os: &OsRelease, components: &[Component]) -> Option<String> {
    let own = match os.id.as_str() {
        "almalinux" | "centos" | "ol" | "rhel" | "rocky" => "el",
        "fedora" => "fc",
        "amzn" => "amzn",
        _ => return None,
    };
    let release = major(os.version_id.as_deref()?)?;
    let mut builds: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for component in components.iter().filter(|it| it.purl.package_type() == "rpm") {
        let build = component.version.rsplit('.').find_map(|part| {
            let tag = ["el", "fc", "amzn"].into_iter().find(|tag| part.starts_with(tag))?;
            Some((tag, major(part.strip_prefix(tag)?)?))
        });
        if let Some(build) = build {
            *builds.entry(build).or_default() += 1;
        }
    }
    let ((tag, number), most) = builds.into_iter().max_by_key(|(_, number)| *number)?;
    ((tag, number) != (own, release))
        .then(|| format!("builds for {tag}{number} are in {}", count(most, "package")))
}

/// The content of the distribution's own file, if it contradicts `os-release`: `12.4`, `trixie/sid`, `3.20.1`.
pub(crate) fn of_file(os: &OsRelease, said: &str) -> Option<String> {
    let distribution = Distribution::by_id(&os.id)?;
    let known = distribution.release(os.version_id.as_deref(), os.codename.as_deref())?;
    let said = said.trim();
    let is_number = |text: &str| text.starts_with(|c: char| c.is_ascii_digit());
    let other = if is_number(said) {
        match os.version_id.as_deref() {
            Some(version) if os.id == "debian" && major(version) == major(said) => return None,
            _ => distribution.release(Some(said), None)?,
        }
    } else if let Some((codename, "sid")) = said.split_once('/') {
        // Testing and unstable both write both names.
        return (known != codename && known != "sid").then(|| format!("says {said}"));
    } else {
        return None;
    };
    // A number without a known code name contradicts nothing. Unstable has the numbers of testing.
    let is_unknown = os.id == "debian" && (known == "sid" || os.version_id.is_none() && is_number(&other));
    (known != other && !is_unknown).then(|| format!("says {said}"))
}

/// Debian's `base-files` has the number of its release: `12.4+deb12u11`.
fn of_base_files(os: &OsRelease, version: &str) -> Option<String> {
    if version.contains("ubuntu") {
        return Some(format!("base-files {version} is Ubuntu's"));
    }
    of_file(os, major(version)?).map(|_| format!("base-files {version} is of another release"))
}

/// The releases in the versions of security and point updates. A few packages of another release are normal, more than
/// of its own are not.
fn of_updates(os: &OsRelease, components: &[Component]) -> Option<String> {
    let mut updates: BTreeMap<&str, usize> = BTreeMap::new();
    for component in components.iter().filter(|component| component.ecosystem == Ecosystem::Debian) {
        let Some((_, suffix)) = component.version.rsplit_once("+deb") else { continue };
        if let Some((release, _)) = suffix.split_once('u') {
            *updates.entry(release).or_default() += 1;
        }
    }
    let (release, most) = updates.into_iter().max_by_key(|(_, number)| *number)?;
    of_file(os, release).map(|_| format!("updates of release {release} are in {}", count(most, "package")))
}

fn major(version: &str) -> Option<&str> {
    let end = version.find(|c: char| !c.is_ascii_digit()).unwrap_or(version.len());
    version.get(..end).filter(|major| !major.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn os(id: &str, version_id: &str, codename: &str) -> OsRelease {
        let given = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        OsRelease {
            id: id.to_owned(),
            version_id: given(version_id),
            codename: given(codename),
            pretty_name: None,
        }
    }

    fn packages(purls: &[&str]) -> Vec<Component> {
        purls.iter().map(|purl| Component::from_purl(purl.parse().unwrap())).collect()
    }

    #[test]
    fn packages_of_another_release_contradict() {
        let bookworm = os("debian", "12", "bookworm");
        for purls in [
            &["pkg:deb/debian/base-files@12.4%2Bdeb12u11"][..],
            &[
                "pkg:deb/debian/base-files@12.4",
                "pkg:deb/debian/a@1%2Bdeb11u1",
                "pkg:deb/debian/b@1%2Bdeb12u1",
            ],
            &["pkg:deb/debian/a@1"],
            &["pkg:deb/debian/a@1.0%2Bdebian-1"],
            &[],
        ] {
            assert_eq!(of_packages(&bookworm, &packages(purls)), None, "{purls:?}");
        }
        for purls in [
            &["pkg:deb/debian/base-files@11.1%2Bdeb11u9"][..],
            &["pkg:deb/debian/base-files@13ubuntu10"],
            &["pkg:deb/debian/a@1%2Bdeb11u1", "pkg:deb/debian/b@1%2Bdeb11u1", "pkg:deb/debian/c@1%2Bdeb12u1"],
        ] {
            assert!(of_packages(&bookworm, &packages(purls)).is_some(), "{purls:?}");
        }
        let trixie = os("debian", "", "trixie");
        assert_eq!(of_packages(&trixie, &packages(&["pkg:deb/debian/base-files@13.8"])), None);
        assert!(of_packages(&trixie, &packages(&["pkg:deb/debian/base-files@12.4"])).is_some());
        // No release is named, so there is nothing to contradict.
        assert_eq!(of_packages(&os("debian", "", ""), &packages(&["pkg:deb/debian/base-files@12.4"])), None);
        let ubuntu = os("ubuntu", "24.04", "noble");
        assert_eq!(of_packages(&ubuntu, &packages(&["pkg:deb/ubuntu/base-files@13ubuntu10.1"])), None);
        assert!(of_packages(&ubuntu, &packages(&["pkg:deb/ubuntu/base-files@12.4%2Bdeb12u1"])).is_some());
        let alpine = os("alpine", "3.20.1", "");
        assert_eq!(of_packages(&alpine, &packages(&["pkg:apk/alpine/alpine-release@3.20.3-r0"])), None);
        assert!(of_packages(&alpine, &packages(&["pkg:apk/alpine/alpine-release@3.17.0-r0"])).is_some());
        assert_eq!(
            of_packages(&os("kali", "2024.1", ""), &packages(&["pkg:deb/kali/base-files@1:2024.1"])),
            None
        );
    }

    #[test]
    fn builds_for_another_release_and_files_of_another_system_contradict() {
        let rocky = os("rocky", "9.4", "");
        for (purls, is_odd) in [
            (
                &["pkg:rpm/rocky/bash@5.1.8-9.el9", "pkg:rpm/rocky/zlib@1.2-1.el9_4", "pkg:rpm/x/y@1-1.el8"]
                    [..],
                false,
            ),
            (
                &["pkg:rpm/rocky/bash@4.4-1.el8", "pkg:rpm/rocky/zlib@1.2-1.el8_4.2", "pkg:rpm/x/y@1-1.el9"],
                true,
            ),
            (&["pkg:rpm/rocky/bash@5.2-1.fc40"], true),
            (&["pkg:rpm/rocky/bash@5.2-1"], false),
        ] {
            assert_eq!(of_packages(&rocky, &packages(purls)).is_some(), is_odd, "{purls:?}");
        }
        let amazon = os("amzn", "2023", "");
        assert_eq!(of_packages(&amazon, &packages(&["pkg:rpm/amzn/bash@5.2-1.amzn2023.0.1"])), None);
        assert!(of_packages(&amazon, &packages(&["pkg:rpm/amzn/bash@4.2-1.amzn2.0.1"])).is_some());
        let wolfi = os("wolfi", "20230201", "");
        assert!(of_packages(&wolfi, &packages(&["pkg:apk/wolfi/alpine-release@3.12.0-r0"])).is_some());
        assert_eq!(of_packages(&wolfi, &packages(&["pkg:apk/wolfi/wolfi-baselayout@1-r0"])), None);
    }

    #[test]
    fn every_other_file_that_names_a_release_is_compared() {
        let told = |files: &[(&str, &str)]| {
            let mut set = plimsoll_core::rootfs::FileSet::default();
            for (path, content) in files {
                set.add(crate::catalogers::select(), path, None, content.as_bytes());
            }
            let inventory = crate::catalog(&set, &plimsoll_core::Limits::default());
            inventory.problems.iter().any(|it| it.detail.starts_with("says "))
        };
        let noble = ("etc/os-release", "ID=ubuntu\nVERSION_ID=\"24.04\"\n");
        let focal = "DISTRIB_ID=Ubuntu\nDISTRIB_RELEASE=20.04\nDISTRIB_CODENAME=focal\n";
        let lsb = "DISTRIB_ID=Ubuntu\nDISTRIB_RELEASE=24.04\nDISTRIB_CODENAME=noble\n";
        let rhel = ("etc/os-release", "ID=rhel\nVERSION_ID=9.4\n");
        for (files, is_odd) in [
            ([noble, ("usr/lib/os-release", "ID=ubuntu\nVERSION_ID=\"20.04\"\n")], true),
            ([noble, ("usr/lib/os-release", "ID=ubuntu\nVERSION_ID=\"24.04\"\n")], false),
            ([noble, ("etc/lsb-release", focal)], true),
            ([noble, ("etc/lsb-release", lsb)], false),
            ([rhel, ("etc/redhat-release", "Red Hat Enterprise Linux release 9.4 (Plow)\n")], false),
            ([rhel, ("etc/redhat-release", "Red Hat Enterprise Linux release 8.10 (Ootpa)\n")], true),
            ([rhel, ("etc/redhat-release", "Rocky Linux release 9.4 (Blue Onyx)\n")], true),
            ([rhel, ("etc/redhat-release", "Some Linux release 6\n")], false),
            (
                [("etc/os-release", "ID=wolfi\nVERSION_ID=20230201\n"), ("etc/alpine-release", "3.12.0\n")],
                true,
            ),
            ([("etc/os-release", "ID=mint\nVERSION_ID=22\n"), ("etc/lsb-release", lsb)], false),
        ] {
            assert_eq!(told(&files), is_odd, "{files:?}");
        }
    }

    #[test]
    fn the_other_file_may_not_name_another_release() {
        let bookworm = os("debian", "12", "bookworm");
        for said in ["12.4", "12", " 12.4\n", "garbage", "", "bookworm/sid"] {
            assert_eq!(of_file(&bookworm, said), None, "{said}");
        }
        for said in ["11.9", "13.0", "trixie/sid", "99"] {
            assert!(of_file(&bookworm, said).is_some(), "{said}");
        }
        assert_eq!(of_file(&os("debian", "", "sid"), "forky/sid"), None);
        assert_eq!(of_file(&os("debian", "", "sid"), "13.1"), None);
        // Future releases.
        assert_eq!(of_file(&os("debian", "99", "unheard"), "99.1"), None);
        assert_eq!(of_file(&os("debian", "", "unheard"), "99.1"), None);
        assert!(of_file(&os("debian", "99", "unheard"), "98.1").is_some());
        assert!(of_file(&os("alpine", "3.20.1", ""), "3.17.9").is_some());
        assert_eq!(of_file(&os("alpine", "3.20.1", ""), "3.20.4"), None);
    }
}
