//! The list as a whole.

use std::collections::BTreeSet;

use super::*;

#[test]
fn every_member_has_a_unique_name_and_selections() {
    let ids: BTreeSet<&str> = LIST.iter().map(|member| member.id()).collect();
    assert_eq!(ids.len(), LIST.len());
    for member in LIST {
        assert!(!member.selections().is_empty(), "{}", member.id());
        assert!(member.version() > 0, "{}", member.id());
    }
}

#[test]
fn selects_files_that_show_packages_and_nothing_else() {
    for path in [
        "etc/os-release",
        "usr/lib/os-release",
        "var/lib/dpkg/status",
        "var/lib/dpkg/status.d/base",
        "var/lib/dpkg/status.d/python3.11-minimal.md5sums",
        "var/lib/dpkg/info/libc6:amd64.md5sums",
        "var/lib/dpkg/info/python3-yaml.list",
        "usr/lib/python3/dist-packages/PyYAML-6.0.egg-info/PKG-INFO",
        "usr/local/lib/python3.12/site-packages/requests-2.32.0.dist-info/METADATA",
        "opt/app/eggs/x-1.0-py3.12.egg/EGG-INFO/PKG-INFO",
        "usr/lib/python2.7/argparse.egg-info",
        "usr/lib/python3/dist-packages/x-1.DIST-INFO/METADATA",
        "usr/lib/python3/dist-packages/x-1.Egg-Info",
        "usr/lib/python3/dist-packages/x.dist-info/RECORD",
        "usr/lib/python3/dist-packages/x-1-py3.12.egg",
    ] {
        assert_eq!(select().want(path, None).len(), 1, "{path}");
    }
    for path in [
        "etc/passwd",
        "var/lib/dpkg/status-old",
        "var/lib/dpkg/status.d/a/b",
        "var/lib/dpkg/info/libc6:amd64.list",
        "var/lib/dpkg/info/libc6:amd64.postinst",
        "usr/lib/python3/dist-packages/x.dist-info/notes.txt",
        "srv/METADATA",
        "srv/PKG-INFO",
    ] {
        assert_eq!(select().want(path, None), [], "{path}");
    }
}

#[test]
fn well_known_paths_have_one_purpose() {
    // If one is a link to the other, both have the same facts.
    // Any Windows library may be a .NET assembly, and none of the other paths leads to one.
    for path in select().fixed_paths().iter().filter(|path| !path.contains("Windows/System32/")) {
        // A copyright file is also a trace of the system; all of them have the same purposes.
        let purposes = if path.ends_with("/copyright") { 2 } else { 1 };
        assert_eq!(select().want(path, None).len(), purposes, "{path}");
    }
    let [etc, usr] = OS_RELEASE;
    assert_eq!(select().want(etc, None), select().want(usr, None));
}

#[test]
fn no_pattern_causes_a_look_up_for_every_path() {
    for matcher in [&ALL.matcher, &ALL.shown, &ALL.unread] {
        assert!(matcher.is_selective());
    }
}
