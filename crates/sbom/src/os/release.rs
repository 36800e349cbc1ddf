//! `os-release(5)`: which release of which operating system this is.
//!
//! ```text
//! PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"
//! VERSION_ID="12"
//! VERSION_CODENAME=bookworm
//! ID=debian
//! ```
//!
//! Values are quoted as in a shell, which never runs: no expansion happens. As in a shell, the last of two equal keys
//! counts.

pub(crate) mod contradiction;

use std::sync::Arc;

use plimsoll_core::rootfs::{Bound, Fact, Footprint};
use plimsoll_core::text::shortened;

use crate::cataloger::{Cataloger, File, Room, Selection};
use crate::context::{Context, System};
use crate::inventory::{OsRelease, ProblemCode};

/// Where `os-release(5)` lies; the first is usually a link to the second.
pub(crate) const OS_RELEASE: [&str; 2] = ["etc/os-release", "usr/lib/os-release"];

/// What Debian and Alpine had before there was `os-release`, by the `ID` of their distributions.
const OLDER: [(&str, &str); 2] = [("debian", "etc/debian_version"), ("alpine", "etc/alpine-release")];

const FILE: u16 = 0;
const VERSION: u16 = 1;

const SELECTIONS: &[Selection] = &[
    Selection::whole(&OS_RELEASE, Bound::Metadata),
    Selection::whole(&["etc/debian_version", "etc/alpine-release"], Bound::Metadata),
];

/// Bytes of a value. The name becomes part of each package URL, so that one without a bound would cost as much for each package.
const MAX_VALUE: usize = 256;
/// Words of `ID_LIKE`. Real ones have two.
const MAX_LIKE: usize = 16;

/// Finds the operating system's release.
pub(crate) struct OsReleaseFile;

/// What a file says; none when it has no usable ID.
#[derive(Debug, PartialEq)]
struct Said(Option<System>);

/// What one of the older files says.
#[derive(Debug, PartialEq)]
struct Version(String);

impl Footprint for Version {
    fn footprint(&self) -> usize {
        size_of::<Self>() + self.0.len()
    }
}

impl Footprint for Said {
    fn footprint(&self) -> usize {
        // A name, a version, a codename, what is shown to people, and what it is like.
        (4 + MAX_LIKE) * MAX_VALUE
    }
}

impl Cataloger for OsReleaseFile {
    fn id(&self) -> &'static str {
        "os-release"
    }

    fn version(&self) -> u32 {
        2
    }

    fn room(&self) -> Room {
        Room::OperatingSystem
    }

    fn purl_types(&self) -> &'static [&'static str] {
        &[]
    }

    fn selections(&self) -> &'static [Selection] {
        SELECTIONS
    }

    fn extract(&self, selection: u16, file: &File<'_>) -> Option<Arc<dyn Fact>> {
        let text = String::from_utf8_lossy(file.content);
        Some(match selection {
            VERSION => Arc::new(Version(text.lines().next()?.trim().chars().take(MAX_VALUE).collect())),
            _ => Arc::new(Said(parse(&text))),
        })
    }

    /// No file at all is for others to judge.
    fn finish(&self, context: &mut Context<'_, '_>) {
        for path in OS_RELEASE {
            let unread = context.unread(FILE).find(|unread| unread.path == path);
            let said = context.facts::<Said>(FILE).find(|(file, _)| file.path == path);
            let problem = match (unread, said) {
                (Some(unread), _) => unread.why.to_string(),
                (None, Some((_, Said(Some(system))))) => {
                    let release = compared(context, path, &system.release);
                    context.found.system = Some(System { release, like: system.like.clone() });
                    return;
                }
                (None, Some(_)) => "has no usable ID".to_owned(),
                (None, None) => continue,
            };
            context.problem(ProblemCode::UnknownOs, path, problem);
            return;
        }
    }
}

/// The release as the older file beside completes it: without it, an image that only says `ID=debian` is of no release. One
/// that says something else is a problem.
fn compared(context: &mut Context<'_, '_>, path: &str, release: &OsRelease) -> OsRelease {
    let Some((_, older)) = OLDER.iter().find(|(id, _)| *id == release.id) else { return release.clone() };
    let said = context.facts::<Version>(VERSION).find(|(file, _)| file.path == *older);
    let Some((_, Version(said))) = said else { return release.clone() };
    if let Some(detail) = contradiction::of_file(release, said) {
        let detail = format!("says {}, and {older} {detail}", release.distro());
        context.problem(ProblemCode::UnknownOs, path, shortened(&detail));
    }
    if release.version_id.is_some() || release.codename.is_some() {
        return release.clone();
    }
    let numbers = |text: &str| text.split('.').all(|part| part.parse::<u16>().is_ok());
    // `os-release` itself has Debian's without the point release.
    let version = if release.id == "debian" { said.split('.').next().unwrap_or_default() } else { said };
    OsRelease { version_id: Some(version.to_owned()).filter(|version| numbers(version)), ..release.clone() }
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
    // The ID becomes part of package URLs and names of feeds; the manual page allows no other characters.
    let id = id.filter(|id: &String| {
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

fn unquoted(value: &str) -> String {
    let inner = |quote| value.strip_prefix(quote).and_then(|v| v.strip_suffix(quote));
    if let Some(single) = inner('\'') {
        return single.to_owned();
    }
    let value = inner('"').unwrap_or(value);
    let mut plain = String::with_capacity(value.len());
    let mut chars = value.chars();
    while let Some(c) = chars.next() {
        if c == '\\' { plain.extend(chars.next()) } else { plain.push(c) }
    }
    plain
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
    fn what_is_too_long_for_a_package_url_is_no_name() {
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
    fn refuses_an_id_that_could_pass_for_something_else() {
        for bad in
            ["", "ID=\n", "ID=\"\"\n", "ID=Debian\n", "ID=\"debian 12\"\n", "ID=debian/..\n", "NAME=x\n"]
        {
            assert!(parse(bad).is_none(), "{bad}");
        }
    }
}
