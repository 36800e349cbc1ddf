//! The files from before `os-release`: they contain a version, a sentence, or the fields of the Linux Standard Base.
//!
//! ```text
//! 7.11                                                      etc/debian_version
//! CentOS release 6.10 (Final)                               etc/centos-release
//! DISTRIB_ID=Ubuntu                                         etc/lsb-release
//! DISTRIB_RELEASE=14.04
//! DISTRIB_CODENAME=trusty
//! ```

use super::value::{MAX_VALUE, unquoted};
use crate::context::System;
use crate::inventory::OsRelease;

/// Files that contain a version. The distribution is in their names.
pub(super) const VERSIONS: [&str; 2] = ["etc/debian_version", ALPINE];
pub(super) const ALPINE: &str = "etc/alpine-release";
/// Files that contain a sentence. Those of derivatives come first, because these keep Red Hat's file too.
pub(super) const SENTENCES: [&str; 6] = [
    "etc/centos-release",
    "etc/oracle-release",
    "etc/fedora-release",
    "etc/mariner-release",
    "etc/redhat-release",
    "etc/system-release",
];
/// The file of the Linux Standard Base.
pub(super) const LSB: &str = "etc/lsb-release";

/// How a sentence starts, and the `ID` that the distribution has now.
const NAMES: [(&str, &str); 10] = [
    ("AlmaLinux", "almalinux"),
    ("Amazon Linux", "amzn"),
    ("CBL-Mariner", "mariner"),
    ("CentOS", "centos"),
    ("Fedora", "fedora"),
    ("Oracle Linux", "ol"),
    ("Red Hat Enterprise Linux", "rhel"),
    ("Rocky Linux", "rocky"),
    ("Scientific Linux", "scientific"),
    ("VMware Photon", "photon"),
];

/// The file in which a distribution keeps its version in addition to `os-release`.
pub(super) fn version_file(id: &str) -> Option<&'static str> {
    let [debian, alpine] = VERSIONS;
    match id {
        "debian" => Some(debian),
        "alpine" => Some(alpine),
        _ => None,
    }
}

/// The system of a file with a version. `None` if the content is not a version, as in `trixie/sid`.
pub(super) fn of_version(path: &str, said: &str) -> Option<System> {
    let id = ["debian", "alpine"].into_iter().find(|id| version_file(id) == Some(path))?;
    // `os-release` itself has Debian's without the point release.
    let version = if id == "debian" { said.split('.').next().unwrap_or_default() } else { said };
    let numbers = |text: &str| text.split('.').all(|part| part.parse::<u16>().is_ok());
    numbers(version).then(|| system(id, version, None))
}

/// The system of a sentence.
pub(super) fn of_sentence(said: &str) -> Option<System> {
    let (_, id) = NAMES.iter().find(|(name, _)| said.starts_with(name))?;
    // Oracle, CentOS and others write `release 6.10`, Azure Linux and Photon only the number.
    let mut words =
        said.split_whitespace().skip_while(|word| !word.starts_with(|c: char| c.is_ascii_digit()));
    let version = words.next()?;
    let is_version = version.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    is_version.then(|| system(id, version, Some(said)))
}

/// The system of `lsb-release`, if it is one that has no other file.
pub(super) fn of_lsb(text: &str) -> Option<System> {
    let value = |key: &str| {
        let value = text.lines().find_map(|line| line.trim().strip_prefix(key)?.strip_prefix('='));
        value.map(unquoted).filter(|value| (1..=MAX_VALUE).contains(&value.len()))
    };
    let plain = |text: &String| text.bytes().all(|b| b.is_ascii_graphic());
    let id = value("DISTRIB_ID").filter(|id| id == "Ubuntu")?.to_ascii_lowercase();
    let version = value("DISTRIB_RELEASE").filter(plain)?;
    let mut system = system(&id, &version, value("DISTRIB_DESCRIPTION").as_deref());
    system.release.codename = value("DISTRIB_CODENAME").filter(plain);
    Some(system)
}

fn system(id: &str, version: &str, name: Option<&str>) -> System {
    let release = OsRelease {
        id: id.to_owned(),
        version_id: Some(version.to_owned()),
        codename: None,
        pretty_name: name.filter(|name| !name.chars().any(char::is_control)).map(str::to_owned),
    };
    System { release, like: Vec::new() }
}

#[cfg(test)]
mod tests {
    use plimsoll_core::Limits;
    use plimsoll_core::rootfs::FileSet;

    use crate::catalogers::select;

    /// The system that the files name together.
    fn distro(files: &[(&str, &str)]) -> Option<String> {
        let mut set = FileSet::default();
        for (path, content) in files {
            set.add(select(), path, None, content.as_bytes());
        }
        crate::catalog(&set, &Limits::default()).os.map(|os| os.distro())
    }

    #[test]
    fn systems_from_before_os_release_are_known() {
        let trusty = "DISTRIB_ID=Ubuntu\nDISTRIB_RELEASE=14.04\nDISTRIB_CODENAME=trusty\nDISTRIB_DESCRIPTION=\"Ubuntu\"\n";
        for (files, expected) in [
            (
                &[("etc/centos-release", "CentOS release 6.10 (Final)\n"), ("etc/redhat-release", "x")][..],
                Some("centos-6.10"),
            ),
            (
                &[("etc/redhat-release", "Red Hat Enterprise Linux Server release 6.9 (Santiago)")],
                Some("rhel-6.9"),
            ),
            (
                &[
                    ("etc/oracle-release", "Oracle Linux Server release 6.10"),
                    ("etc/redhat-release", "Red Hat Enterprise Linux Server release 6.10 (Santiago)"),
                ],
                Some("ol-6.10"),
            ),
            (
                &[("etc/mariner-release", "CBL-Mariner 2.0.20220226\nMARINER_BUILD_NUMBER=1")],
                Some("mariner-2.0.20220226"),
            ),
            (&[("etc/debian_version", "7.11\n")], Some("debian-7")),
            (&[("etc/alpine-release", "3.4.6\n")], Some("alpine-3.4.6")),
            (&[("etc/debian_version", "jessie/sid\n"), ("etc/lsb-release", trusty)], Some("ubuntu-14.04")),
            // It is unknown which of the two it is, or which derivative.
            (&[("etc/debian_version", "trixie/sid\n")], None),
            (&[("etc/redhat-release", "Some Linux release 6\n")], None),
            (&[("etc/lsb-release", "DISTRIB_ID=Other\nDISTRIB_RELEASE=1\n")], None),
            // os-release counts, even if it names nothing or the other file contradicts it.
            (
                &[
                    ("etc/os-release", "ID=rhel\nVERSION_ID=9.4\n"),
                    ("etc/centos-release", "CentOS release 6.10"),
                ],
                Some("rhel-9.4"),
            ),
            (&[("etc/os-release", "garbage"), ("etc/centos-release", "CentOS release 6.10")], None),
        ] {
            assert_eq!(distro(files).as_deref(), expected, "{files:?}");
        }
    }
}
