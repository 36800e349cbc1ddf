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

use plimsoll_core::rootfs::FileSet;

use crate::inventory::{OsRelease, Problem, ProblemCode};
use crate::wanted::OS_RELEASE;

/// The release and what it descends from.
pub(crate) struct Found {
    pub(crate) release: OsRelease,
    like: Vec<String>,
}

impl Found {
    /// Whether packages come through dpkg.
    pub(crate) fn is_debian_like(&self) -> bool {
        let family = |id: &str| matches!(id, "debian" | "ubuntu");
        family(&self.release.id) || self.like.iter().any(|id| family(id))
    }
}

/// Finds the release, or says why it is not known. No file at all is for the caller to judge.
pub(crate) fn find(files: &FileSet) -> Result<Option<Found>, Problem> {
    for path in OS_RELEASE {
        let problem = |detail| Problem { code: ProblemCode::UnknownOs, path: path.to_owned(), detail };
        if let Some((_, size)) = files.oversized.iter().find(|(p, _)| p == path) {
            return Err(problem(format!("{size} bytes are too large for an os-release file")));
        }
        if let Some((_, reason)) = files.unreadable.iter().find(|(p, _)| p == path) {
            return Err(problem(format!("cannot be read: {reason}")));
        }
        if let Some(file) = files.get(path) {
            let text = String::from_utf8_lossy(&file.content);
            return match parse(&text) {
                Some(found) => Ok(Some(found)),
                None => Err(problem("has no usable ID".to_owned())),
            };
        }
    }
    Ok(None)
}

fn parse(text: &str) -> Option<Found> {
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
                like = unquoted(value).split_whitespace().map(str::to_owned).collect();
                continue;
            }
            _ => continue,
        };
        *slot = Some(unquoted(value)).filter(|v| !v.is_empty());
    }
    // The ID becomes part of package URLs and names of feeds; the manual page allows no other characters.
    let id = id.filter(|id: &String| {
        id.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'.' | b'_' | b'-'))
    })?;
    let plain = |text: &String| !text.chars().any(|c| c.is_control() || c.is_whitespace());
    Some(Found {
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
        assert!(found.is_debian_like());
    }

    #[test]
    fn an_unreleased_debian_is_named_by_its_codename() {
        let found = parse("ID=debian\nVERSION_CODENAME=trixie\n").unwrap();
        assert_eq!(found.release.distro(), "debian-trixie");
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
