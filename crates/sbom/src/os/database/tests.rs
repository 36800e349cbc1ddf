//! The layer in which a package of a database was installed.

use plimsoll_core::Limits;
use plimsoll_core::rootfs::{EarlierFile, FileSet};

use crate::catalogers::select;

/// The packages of a database that each layer rewrote, as `name version layer`.
fn layers(release: &str, path: &str, versions: &[String]) -> Vec<String> {
    let mut set = FileSet::default();
    set.add(select(), "etc/os-release", Some(0), release.as_bytes());
    for (layer, content) in versions.iter().enumerate() {
        let before = set.files.remove(path);
        set.add(select(), path, Some(layer), content.as_bytes());
        let file = set.files.get_mut(path).unwrap();
        if let Some(before) = before {
            let old = EarlierFile { layer: before.layer.unwrap(), facts: before.facts };
            file.earlier = [vec![old], before.earlier].concat();
        }
    }
    let found = crate::catalog(&set, &Limits::default());
    let line =
        |it: &crate::Component| format!("{} {} {}", it.name, it.version, it.locations[0].layer.unwrap());
    found.components.iter().map(line).collect()
}

type Write<'a> = &'a dyn Fn(&str, &str) -> String;

#[test]
fn a_package_belongs_to_the_layer_that_installed_it_although_others_rewrite_the_database() {
    let apk = |name: &str, version: &str| format!("P:{name}\nV:{version}\nA:x86_64\n\n");
    let dpkg = |name: &str, version: &str| {
        format!("Package: {name}\nStatus: install ok installed\nArchitecture: amd64\nVersion: {version}\n\n")
    };
    let rpm =
        |name: &str, version: &str| format!("{name}\t{version}\t1\t1\tV\t0\t1\tx86_64\t0\t{name}.src.rpm\n");
    let opkg = |name: &str, version: &str| {
        format!("Package: {name}\nVersion: {version}\nStatus: install user installed\nArchitecture: all\n\n")
    };
    let kinds: [(&str, &str, Write<'_>); 4] = [
        ("ID=alpine\nVERSION_ID=3.20.1\n", "lib/apk/db/installed", &apk),
        ("ID=debian\nVERSION_ID=\"12\"\n", "var/lib/dpkg/status", &dpkg),
        ("ID=azurelinux\nVERSION_ID=\"3.0\"\n", "var/lib/rpmmanifest/container-manifest-2", &rpm),
        ("ID=openwrt\nVERSION_ID=\"23.05\"\n", "usr/lib/opkg/status", &opkg),
    ];
    for (release, path, write) in kinds {
        let version =
            |packages: &[(&str, &str)]| packages.iter().map(|(n, v)| write(n, v)).collect::<String>();
        let versions = [
            version(&[("kept", "1-r0"), ("upgraded", "1-r0"), ("back", "1-r0"), ("twice", "1-r0")]),
            version(&[("kept", "1-r0"), ("upgraded", "1-r0"), ("twice", "2-r0")]),
            version(&[
                ("kept", "1-r0"),
                ("upgraded", "2-r0"),
                ("back", "1-r0"),
                ("new", "1-r0"),
                ("twice", "1-r0"),
            ]),
        ];
        let expected = ["back 1-r0 2", "kept 1-r0 0", "new 1-r0 2", "twice 1-r0 2", "upgraded 2-r0 2"];
        assert_eq!(layers(release, path, &versions), expected, "{path}");
        assert_eq!(layers(release, path, &versions[..1])[1], "kept 1-r0 0", "{path}");
    }
}

#[test]
fn an_earlier_database_that_lists_nothing_makes_everything_new() {
    let package = "P:a\nV:1-r0\nA:x86_64\n\n".to_owned();
    let release = "ID=alpine\nVERSION_ID=3.20.1\n";
    let versions = [package.clone(), "garbage\n".to_owned(), package];
    assert_eq!(layers(release, "lib/apk/db/installed", &versions), ["a 1-r0 2"]);
}
