//! `os-release(5)`: which release of which operating system this is.
//!
//! ```text
//! PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"
//! VERSION_ID="12"
//! VERSION_CODENAME=bookworm
//! ID=debian
//! ```
//!
//! Values are quoted as in a shell, but no expansion happens. As in a shell, the last of two equal keys counts. Systems
//! from before 2012 have no such file; [`older`] reads the files that they have.

pub(crate) mod contradiction;
mod older;
mod value;

use std::sync::Arc;

use plimsoll_core::rootfs::{Bound, Fact, Footprint};
use plimsoll_core::text::shortened;
use serde::{Deserialize, Serialize};

use crate::cataloger::{Cataloger, Coverage, File, Selection};
use crate::context::{Context, System};
use crate::fact::FactKind;
use crate::inventory::{OsRelease, ProblemCode};
use value::{MAX_VALUE, unquoted};

/// The paths of `os-release(5)`. The first is usually a link to the second.
pub(crate) const OS_RELEASE: [&str; 2] = ["etc/os-release", "usr/lib/os-release"];

const FILE: u16 = 0;
const VERSION: u16 = 1;
const SENTENCE: u16 = 2;
const LSB: u16 = 3;

const SELECTIONS: &[Selection] = &[
    Selection::whole(&OS_RELEASE, Bound::Metadata),
    Selection::whole(&older::VERSIONS, Bound::Metadata),
    Selection::whole(&older::SENTENCES, Bound::Metadata),
    Selection::whole(&[older::LSB], Bound::Metadata),
];

/// Words of `ID_LIKE`. Real ones have two.
const MAX_LIKE: usize = 16;

/// Finds the operating system's release.
pub(crate) struct OsReleaseFile;

/// The system that a file names. `None` if it has no usable ID.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct ReleaseFact(Option<System>);

/// The content of one of the older files.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Version(String);

impl Footprint for Version {
    fn footprint(&self) -> usize {
        size_of::<Self>() + self.0.len()
    }
}

impl Footprint for ReleaseFact {
    fn footprint(&self) -> usize {
        // A name, a version, a codename, the name for people, and `ID_LIKE`.
        (4 + MAX_LIKE) * MAX_VALUE
    }
}

impl Cataloger for OsReleaseFile {
    fn id(&self) -> &'static str {
        "os-release"
    }

    fn version(&self) -> u32 {
        3
    }

    fn coverage(&self) -> Coverage {
        Coverage::OperatingSystem
    }

    fn purl_types(&self) -> &'static [&'static str] {
        &[]
    }

    fn selections(&self) -> &'static [Selection] {
        SELECTIONS
    }

    fn facts(&self) -> &'static [FactKind] {
        const { &[FactKind::for_type::<ReleaseFact>(), FactKind::for_type::<Version>()] }
    }

    fn extract(&self, selection: u16, file: &File<'_>) -> Option<Arc<dyn Fact>> {
        let text = String::from_utf8_lossy(file.content);
        let first =
            |text: &str| text.lines().next().map(|line| line.trim().chars().take(MAX_VALUE).collect());
        Some(match selection {
            VERSION => Arc::new(Version(first(&text)?)),
            SENTENCE => Arc::new(ReleaseFact(older::of_sentence(&first(&text)?))),
            LSB => Arc::new(ReleaseFact(older::of_lsb(&text))),
            _ => Arc::new(ReleaseFact(parse(&text))),
        })
    }

    /// Whether a missing file is a problem is decided elsewhere, unless an older file exists.
    fn finish(&self, context: &mut Context<'_, '_>) {
        for path in OS_RELEASE {
            let unread = context.unread(FILE).find(|unread| unread.path == path);
            let said = context.facts::<ReleaseFact>(FILE).find(|(file, _)| file.path == path);
            let problem = match (unread, said) {
                (Some(unread), _) => unread.why.to_string(),
                (None, Some((_, ReleaseFact(Some(system))))) => {
                    let release = compared(context, path, &system.release);
                    contradicted(context, path, &system.release);
                    context.found.system = Some(System { release, like: system.like.clone() });
                    return;
                }
                (None, Some(_)) => "has no usable ID".to_owned(),
                (None, None) => continue,
            };
            context.problem(ProblemCode::UnknownOs, path, problem);
            return;
        }
        context.found.system = before_os_release(context);
    }
}

/// The system that the older files name. A file that names its distribution comes first, because Debian's derivatives
/// keep the version of Debian.
fn before_os_release(context: &Context<'_, '_>) -> Option<System> {
    let said = |selection, paths: &[&str]| {
        let of = |path: &&str| {
            let (_, ReleaseFact(said)) =
                context.facts::<ReleaseFact>(selection).find(|(file, _)| file.path == **path)?;
            said.clone()
        };
        paths.iter().find_map(of)
    };
    let version = || {
        older::VERSIONS.iter().find_map(|path| {
            let (_, Version(said)) =
                context.facts::<Version>(VERSION).find(|(file, _)| file.path == *path)?;
            older::of_version(path, said)
        })
    };
    said(LSB, &[older::LSB]).or_else(|| said(SENTENCE, &older::SENTENCES)).or_else(version)
}

/// The release, completed from the older file: without it, an image that only says `ID=debian` has no release. If the
/// two contradict each other, this is a problem.
fn compared(context: &mut Context<'_, '_>, path: &str, release: &OsRelease) -> OsRelease {
    let Some(older) = older::version_file(&release.id) else { return release.clone() };
    let said = context.facts::<Version>(VERSION).find(|(file, _)| file.path == older);
    let Some((_, Version(said))) = said else { return release.clone() };
    if let Some(detail) = contradiction::of_file(release, said) {
        let detail = format!("says {}, and {older} {detail}", release.distro());
        context.problem(ProblemCode::UnknownOs, path, shortened(&detail));
    }
    if release.version_id.is_some() || release.codename.is_some() {
        return release.clone();
    }
    let version_id = older::of_version(older, said).and_then(|system| system.release.version_id);
    OsRelease { version_id, ..release.clone() }
}

/// Reports which of the other files that name a release names a different one.
fn contradicted(context: &mut Context<'_, '_>, path: &str, release: &OsRelease) {
    let said = |selection| {
        context
            .facts::<ReleaseFact>(selection)
            .filter_map(|(file, ReleaseFact(said))| Some((&*file.path, &said.as_ref()?.release)))
    };
    let others = said(FILE).filter(|(other, _)| *other != path);
    let sentences = older::SENTENCES.iter().find_map(|path| said(SENTENCE).find(|(file, _)| file == path));
    let mut named = others.chain(said(LSB)).chain(sentences);
    let other = named.find(|(_, other)| contradiction::of_release(release, other));
    let of_alpine = || {
        let (file, _) = context.facts::<Version>(VERSION).find(|(file, _)| file.path == older::ALPINE)?;
        contradiction::of_alpine(release).then_some((&*file.path, "is Alpine's".to_owned()))
    };
    let found = other.map(|(file, other)| (file, format!("says {}", other.distro()))).or_else(of_alpine);
    if let Some((file, what)) = found {
        let detail = format!("says {}, and {file} {what}", release.distro());
        context.problem(ProblemCode::UnknownOs, path, shortened(&detail));
    }
}

fn parse(text: &str) -> Option<System> {
    let (mut id, mut version_id, mut codename, mut pretty_name, mut like) =
        (None, None, None, None, Vec::new());
    for line in text.lines() {
        let Some((key, value)) = line.trim().split_once('=') else { continue };
        let slot = match key {
            "ID" => &mut id,
            "VERSION_ID" => &mut version_id,
            "VERSION_CODENAME" => &mut codename,
            "PRETTY_NAME" => &mut pretty_name,
            "ID_LIKE" => {
                let words = unquoted(value);
                let words = words.split_whitespace().filter(|word| word.len() <= MAX_VALUE);
                like = words.take(MAX_LIKE).map(str::to_owned).collect();
                continue;
            }
            _ => continue,
        };
        *slot = Some(unquoted(value)).filter(|value| (1..=MAX_VALUE).contains(&value.len()));
    }
    // The ID becomes part of package URLs and names of feeds. The manual page allows no other characters, but openEuler
    // uses capitals.
    let id = id.map(|id: String| id.to_ascii_lowercase()).filter(|id| {
        id.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'.' | b'_' | b'-'))
    })?;
    let plain = |text: &String| !text.chars().any(|c| c.is_control() || c.is_whitespace());
    Some(System {
        release: OsRelease {
            id,
            version_id: version_id.filter(plain),
            codename: codename.filter(plain),
            pretty_name: pretty_name.filter(|name: &String| !name.chars().any(char::is_control)),
        },
        like,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_quotes_and_escapes() {
        let found =
            parse("ID=ubuntu\nID_LIKE='debian'\nVERSION_ID=\"22.04\"\nPRETTY_NAME=\"a \\\"b\\\" \\$c\"\n")
                .unwrap();
        assert_eq!(found.release.pretty_name.as_deref(), Some("a \"b\" $c"));
        assert_eq!(found.release.distro(), "ubuntu-22.04");
        assert_eq!(found.like, ["debian"]);
    }

    #[test]
    fn an_unreleased_debian_is_named_by_its_codename() {
        let found = parse("ID=debian\nVERSION_CODENAME=trixie\n").unwrap();
        assert_eq!(found.release.distro(), "debian-trixie");
    }

    #[test]
    fn a_value_that_is_too_long_for_a_package_url_is_not_used() {
        let long = "x".repeat(MAX_VALUE + 1);
        assert!(parse(&format!("ID={long}\n")).is_none());
        let found = parse(&format!(
            "ID=debian\nVERSION_ID={long}\nVERSION_CODENAME={long}\nPRETTY_NAME={long}\nID_LIKE='{long} a{}'\n",
            " b".repeat(1 << 20)
        ));
        let found = found.unwrap();
        assert_eq!(found.release.distro(), "debian");
        assert_eq!((found.release.pretty_name, found.like.len()), (None, MAX_LIKE));
    }

    #[test]
    fn refuses_an_id_that_could_be_mistaken_for_something_else() {
        for bad in
            ["", "ID=\n", "ID=\"\"\n", "ID=\"debian 12\"\n", "ID=debian/..\n", "ID=Débian\n", "NAME=x\n"]
        {
            assert!(parse(bad).is_none(), "{bad}");
        }
    }

    /// The files of published images, shortened to the fields that count.
    const PUBLISHED: &[(&str, &str, Option<&str>)] = &[
        ("ID=debian\nVERSION_ID=\"12\"\nVERSION_CODENAME=bookworm\n", "debian-12", Some("deb")),
        (
            "PRETTY_NAME=\"Debian GNU/Linux trixie/sid\"\nVERSION_CODENAME=trixie\nID=debian\n",
            "debian-trixie",
            Some("deb"),
        ),
        (
            "ID=ubuntu\nID_LIKE=debian\nVERSION_ID=\"24.04\"\nVERSION_CODENAME=noble\n",
            "ubuntu-24.04",
            Some("deb"),
        ),
        ("ID=raspbian\nID_LIKE=debian\nVERSION_ID=\"11\"\n", "raspbian-11", Some("deb")),
        ("ID=deepin\nVERSION_ID=\"20.9\"\nVERSION_CODENAME=apricot\n", "deepin-20.9", Some("deb")),
        (
            "ID=alpine\nVERSION_ID=3.22.0_alpha20250108\nPRETTY_NAME=\"Alpine Linux edge\"\n",
            "alpine-3.22.0_alpha20250108",
            Some("apk"),
        ),
        ("ID=wolfi\nVERSION_ID=\"20230201\"\n", "wolfi-20230201", Some("apk")),
        ("ID=chainguard\nVERSION_ID=\"20230214\"\n", "chainguard-20230214", Some("apk")),
        ("ID=\"rhel\"\nID_LIKE=\"fedora\"\nVERSION_ID=\"9.4\"\n", "rhel-9.4", Some("rpm")),
        ("ID=\"centos\"\nID_LIKE=\"rhel fedora\"\nVERSION_ID=\"9\"\n", "centos-9", Some("rpm")),
        ("ID=fedora\nVERSION_ID=42\nVERSION_CODENAME=\"\"\n", "fedora-42", Some("rpm")),
        ("ID=\"ol\"\nID_LIKE=\"fedora\"\nVERSION_ID=\"8.10\"\n", "ol-8.10", Some("rpm")),
        ("ID=\"amzn\"\nID_LIKE=\"fedora\"\nVERSION_ID=\"2023\"\n", "amzn-2023", Some("rpm")),
        ("ID=mariner\nVERSION_ID=\"2.0\"\n", "mariner-2.0", Some("rpm")),
        ("ID=azurelinux\nVERSION_ID=\"3.0\"\n", "azurelinux-3.0", Some("rpm")),
        ("ID=photon\nVERSION_ID=5.0\n", "photon-5.0", Some("rpm")),
        ("ID=\"openEuler\"\nVERSION_ID=\"24.03\"\n", "openeuler-24.03", Some("rpm")),
        ("ID=\"anolis\"\nID_LIKE=\"rhel fedora centos\"\nVERSION_ID=\"8.8\"\n", "anolis-8.8", Some("rpm")),
        ("ID=\"sles\"\nID_LIKE=\"suse\"\nVERSION_ID=\"15.6\"\n", "sles-15.6", Some("rpm")),
        (
            "ID=\"opensuse-leap\"\nID_LIKE=\"suse opensuse\"\nVERSION_ID=\"15.6\"\n",
            "opensuse-leap-15.6",
            Some("rpm"),
        ),
        (
            "ID=\"opensuse-tumbleweed\"\nID_LIKE=\"opensuse suse\"\nVERSION_ID=\"20250101\"\n",
            "opensuse-tumbleweed-20250101",
            Some("rpm"),
        ),
        ("ID=bottlerocket\nVERSION_ID=1.20.0\n", "bottlerocket-1.20.0", Some("rpm")),
        ("ID=arch\nBUILD_ID=rolling\nVERSION_ID=20250101.0.295102\n", "arch-20250101.0.295102", Some("alpm")),
        ("ID=manjaro\nID_LIKE=arch\nBUILD_ID=rolling\n", "manjaro", Some("alpm")),
        ("ID=gentoo\nVERSION_ID=\"2.15\"\n", "gentoo-2.15", Some("ebuild")),
        (
            "ID=\"openwrt\"\nID_LIKE=\"lede openwrt\"\nVERSION_ID=\"24.10.0\"\n",
            "openwrt-24.10.0",
            Some("opkg"),
        ),
        ("ID=\"void\"\nPRETTY_NAME=\"Void Linux\"\n", "void", None),
        ("ID=nixos\nVERSION_ID=\"24.11\"\nVERSION_CODENAME=vicuna\n", "nixos-24.11", None),
        ("ID=flatcar\nID_LIKE=coreos\nVERSION_ID=4081.2.1\n", "flatcar-4081.2.1", None),
    ];

    #[test]
    fn the_release_and_the_packages_of_published_images_are_known() {
        for (text, distro, package_type) in PUBLISHED {
            let System { release, like } = parse(text).unwrap();
            assert_eq!(release.distro(), *distro);
            let known =
                plimsoll_core::Distribution::package_type_of(&release.id, like.iter().map(String::as_str));
            assert_eq!(known, *package_type, "{distro}");
        }
    }
}
