//! Programs reduced to the text around their version.

use std::path::Path;
use std::process::Command;

use plimsoll_core::rootfs::FileSet;
use proptest::prelude::*;

use super::*;
use crate::catalogers::select;
use crate::inventory::Inventory;

fn program(text: &str) -> Vec<u8> {
    [b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x02\0".as_slice(), &[0; 100], text.as_bytes(), &[0; 100]]
        .concat()
}

fn catalog(files: &[(&str, &[u8])]) -> Inventory {
    let debian: [(&str, &[u8]); 2] = [
        ("etc/os-release", b"ID=debian\nVERSION_ID=12\n"),
        (
            "var/lib/dpkg/status",
            b"Package: nginx\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1.22.1-9\n",
        ),
    ];
    let mut set = FileSet::default();
    for (path, content) in debian.iter().chain(files) {
        set.add(select(), path, None, content);
    }
    crate::catalog(&set, &Limits::default())
}

fn found(inventory: &Inventory) -> Vec<String> {
    let generic = inventory.components.iter().filter(|it| it.purl.package_type() == "generic");
    generic.map(|it| format!("{} {}", it.purl, it.locations[0].path)).collect()
}

#[test]
fn programs_are_identified_by_the_versions_that_they_print() {
    let nginx = program("\0nginx version: nginx/1.25.3\0");
    let list = b"00000000000000000000000000000000  usr/sbin/nginx\n".as_slice();
    let inventory = catalog(&[
        ("opt/nginx/sbin/nginx", &nginx),
        ("usr/sbin/nginx", &program("\0nginx version: nginx/1.22.1\0")),
        ("var/lib/dpkg/info/nginx.md5sums", list),
        ("usr/local/lib/libpython3.12.so.1.0", &program("\x003.2.0\0x\x003.12.1rc1\0")),
        ("opt/mariadb/bin/mariadbd", &program("\x0010.11.6-MariaDB\0 MariaDB 10.2.2")),
        // Not a program, and not named like one.
        ("srv/bash", b"#!/bin/sh\n# @(#)Bash version 5.2.15(1)\n"),
        ("srv/other", &nginx),
    ]);
    assert_eq!(
        found(&inventory),
        [
            "pkg:generic/mariadb@10.11.6 opt/mariadb/bin/mariadbd",
            "pkg:generic/nginx@1.25.3 opt/nginx/sbin/nginx",
            "pkg:generic/python@3.12.1rc1 usr/local/lib/libpython3.12.so.1.0",
        ]
    );
}

#[test]
fn programs_with_contradicting_versions_are_not_listed() {
    for text in [
        "",
        "nginx version: nginx/",
        "nginx version: nginx/unknown",
        "nginx version: nginx/1.25.3 nginx version: nginx/1.25.4",
        &format!("nginx version: nginx/1.{}", "0".repeat(100)),
    ] {
        assert_eq!(found(&catalog(&[("opt/nginx", &program(text))])), Vec::<String>::new(), "{text}");
    }
}

proptest! {
    #[test]
    fn pieces_of_any_size_give_the_same_result(
        before in proptest::collection::vec(any::<u8>(), 0..300),
        chunk in 1_usize..400,
    ) {
        let file = [&program(""), before.as_slice(), b"\0nginx version: nginx/1.25.3 (x)\0"].concat();
        let rule = RULES.iter().find(|rule| rule.name == "nginx").unwrap();
        let mut search = Search::new(&rule.patterns);
        for piece in file.chunks(chunk) {
            search.take(piece);
        }
        let found = search.finish();
        prop_assert_eq!(found.as_deref(), Some("1.25.3"));
    }
}

/// What stands around the versions in the programs of Debian 12, and for the last two in those of their projects.
#[test]
fn each_program_is_identified_by_what_real_ones_contain() {
    for (file, text, expected) in [
        ("bird", "\0--version\0BIRD version 2.0.12\n\0--help\0", "bird@2.0.12"),
        ("cabal", "/x86_64-linux-ghc-9.0.2/cabal-install-3.4.1.0\0cabal_install", "cabal@3.4.1.0"),
        ("catatonit", "https://bugs.opensuse.org/\x000.1.7\0tini version", "catatonit@0.1.7"),
        ("chronyd", "ony.conf\0--help\0--version\x004.3\x0046df:F:hl:L:m", "chrony@4.3"),
        ("conmon", "\0\0conmon version 2.1.6\ncommit: unknown\n\0", "conmon@2.1.6"),
        ("crun", "\0please specify a command\x001.8.1\0%s version %s\n\0", "crun@1.8.1"),
        ("dumb-init", "\0\0\x001.2.5\n\0.shstrtab\0", "dumb-init@1.2.5"),
        ("libavcodec.so.59", "later\0\0FFmpeg version 5.1.9-0+deb12u1\0", "ffmpeg@5.1.9-0%2Bdeb12u1"),
        ("bgpd", "dummy\0bgpd\x008.4.4\0bgpd daemon\0", "frr@8.4.4"),
        ("xtables-nft-multi", "table '%s' does not exist\x001.8.9 (nf_tables)\0", "iptables@1.8.9"),
        ("keepalived", "\0\0Keepalived v2.2.7 (01/16,2022)\0", "keepalived@2.2.7"),
        ("libmbedcrypto.so.7", "failed (ignored)\0\0mbed TLS 2.28.3\0MBEDTLS_HAVE_", "mbedtls@2.28.3"),
        ("mono-sgen", "-all,%s\0--version=number\x006.8.0.105\0--version\0", "mono@6.8.0.105"),
        ("mutt", "/usr/bin/editor\0muttrc-2.2.12\0", "mutt@2.2.12"),
        ("nano", "Unicode Input: %s\0GNU nano 7.2\0", "nano@7.2"),
        ("smtpd", "\0version: OpenSMTPD 6.8.0p2\0filters", "opensmtpd@6.8.0p2"),
        ("ovs-vswitchd", "vs-lldp.c:473\0openvswitch 3.1.0\0../lib/", "openvswitch@3.1.0"),
        ("privoxy", "\0Privoxy version 3.0.34\0Privoxy version 3.0.34 (https", "privoxy@3.0.34"),
        ("libQt5Core.so.5", "\0QtCore library version Qt 5.15.8 (x86_64-littl", "qtbase@5.15.8"),
        ("stack", "/x86_64-linux-ghc-9.0.2/stack-2.7.5\0stack_libexec", "stack@2.7.5"),
        ("charon", "charon daemon (strongSwan 5.9.8, %s %s, %s)\0", "strongswan@5.9.8"),
        ("tarantool", "format string '%s'\x002.6.0-0-g47aa4e01e\0", "tarantool@2.6.0"),
        ("tinyproxy", "Proxy-agent: tinyproxy/1.11.1\0%s\r\n", "tinyproxy@1.11.1"),
        ("tmux", "%s: duplicate path: %s\x003.3a\0en_US.UTF-8\0", "tmux@3.3a"),
        ("wg", "-v\0--version\x001.0.20210914\0-h\0--help", "wireguard-tools@1.0.20210914"),
        // As Syft's tests have them.
        ("mongod", "\x007.0.28\0heap_size\0", "mongodb@7.0.28"),
        ("ndbd", "/mysql-cluster-gpl-8.0.34/storage/", "mysql-cluster@8.0.34"),
    ] {
        let inventory = catalog(&[(&format!("opt/{file}"), &program(text))]);
        let expected =
            if expected.is_empty() { vec![] } else { vec![format!("pkg:generic/{expected} opt/{file}")] };
        assert_eq!(found(&inventory), expected, "{file}");
    }
}

/// Programs from this machine's Debian packages have the versions of these packages.
#[test]
fn programs_of_this_machine_have_the_versions_of_their_packages() {
    if !Path::new("/var/lib/dpkg/status").exists() {
        return;
    }
    for (path, package) in [
        ("/bin/bash", "bash"),
        ("/usr/bin/perl", "perl-base"),
        ("/usr/bin/openssl", "openssl"),
        ("/usr/bin/git", "git"),
        ("/usr/bin/curl", "curl"),
        ("/usr/bin/python3.11", "python3.11-minimal"),
        ("/usr/bin/ssh", "openssh-client"),
        ("/usr/bin/xz", "xz-utils"),
        ("/usr/bin/gpg", "gpg"),
        ("/usr/bin/jq", "jq"),
        ("/usr/bin/getopt", "util-linux"),
        ("/usr/bin/gawk", "gawk"),
        ("/usr/bin/rsync", "rsync"),
    ] {
        let Ok(content) = std::fs::read(path) else { continue };
        let shown =
            Command::new("dpkg-query").args(["-W", "-f", "${source:Upstream-Version}", package]).output();
        let Ok(expected) = shown.map(|it| String::from_utf8(it.stdout).unwrap()) else { continue };
        if expected.is_empty() {
            continue;
        }
        let elsewhere = format!("opt{path}");
        let inventory = catalog(&[(&elsewhere, &content)]);
        let versions: Vec<&str> = inventory
            .components
            .iter()
            .filter(|it| it.purl.package_type() == "generic")
            .map(|it| it.version.as_str())
            .collect();
        assert_eq!(versions, [expected.as_str()], "{path}");
    }
}
