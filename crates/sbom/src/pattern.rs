//! Patterns of paths, as catalogers declare them.
//!
//! A path relative to the root, in which `*` stands for any characters of one name and `?` for one of them. A leading
//! `**/` stands for any directories, or none. A `/` at the end means a folder, and `.#` at the end stands for a number:
//!
//! ```text
//! var/lib/dpkg/status          var/lib/dpkg/info/*.md5sums          **/*.dist-info/METADATA          **/*.so*.#
//! ```

/// A parsed pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pattern {
    text: &'static str,
    anywhere: bool,
}

/// The part of a pattern that a path must contain literally, by which the pattern is looked up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Key {
    /// The path itself.
    Path(&'static str),
    /// Its last name.
    Name(&'static str),
    /// Its directory.
    Directory(&'static str),
    /// What follows the last `.` of its last name.
    Extension(&'static str),
    /// What follows the last `.` of its last name is a number.
    Number,
    /// There is no such part, so the pattern must be tried on each file.
    Nothing,
}

impl Pattern {
    pub(crate) fn new(pattern: &'static str) -> Self {
        match pattern.strip_prefix("**/") {
            Some(text) => Self { text, anywhere: true },
            None => Self { text: pattern, anywhere: false },
        }
    }

    pub(crate) fn key(&self) -> Key {
        let (directory, name) = self.text.rsplit_once('/').unwrap_or(("", self.text));
        if name.ends_with(NUMBER) {
            return Key::Number;
        }
        if !has_wildcard(name) {
            return if self.anywhere || has_wildcard(directory) {
                Key::Name(name)
            } else {
                Key::Path(self.text)
            };
        }
        if !self.anywhere && !has_wildcard(directory) {
            return Key::Directory(directory);
        }
        let literal = name.rsplit(['*', '?']).next().unwrap_or_default();
        literal.rsplit_once('.').map_or(Key::Nothing, |(_, extension)| Key::Extension(extension))
    }

    /// The end of every path that matches.
    pub(crate) fn suffix(&self) -> &'static str {
        self.text.rsplit(['*', '?']).next().unwrap_or_default()
    }

    /// The end of the last name of every folder that matches.
    pub(crate) fn folder_ending(&self) -> &'static str {
        let folder = self.text.trim_end_matches('/');
        folder.rsplit(['*', '?', '/']).next().unwrap_or_default()
    }

    pub(crate) fn matches(&self, path: &str) -> bool {
        let (mut names, mut patterns) = (path.rsplit('/'), self.text.rsplit('/'));
        loop {
            match (patterns.next(), names.next()) {
                (Some(pattern), Some(name)) if fits(pattern.as_bytes(), name.as_bytes()) => {}
                (None, rest) => return self.anywhere || rest.is_none(),
                _ => return false,
            }
        }
    }
}

/// The end of a pattern whose last name ends with a number.
const NUMBER: &str = ".#";

fn has_wildcard(text: &str) -> bool {
    text.contains(['*', '?'])
}

/// Whether one name matches. It backtracks only to the last `*`, which is enough, and takes at most pattern times name
/// steps.
fn fits(pattern: &[u8], name: &[u8]) -> bool {
    let (mut p, mut n) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while let Some(byte) = name.get(n) {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p, n));
                p += 1;
            }
            Some(b'?') => (p, n) = (p + 1, n + 1),
            Some(b'#') if name.get(n..).is_some_and(|rest| rest.iter().all(u8::is_ascii_digit)) => {
                (p, n) = (p + 1, name.len());
            }
            Some(literal) if literal == byte => (p, n) = (p + 1, n + 1),
            _ => match &mut star {
                Some((at, from)) => {
                    *from += 1;
                    (p, n) = (*at + 1, *from);
                }
                None => return false,
            },
        }
    }
    pattern.get(p..).unwrap_or_default().iter().all(|byte| *byte == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_stay_within_a_name() {
        for (pattern, path, expected) in [
            ("var/lib/dpkg/status", "var/lib/dpkg/status", true),
            ("var/lib/dpkg/status", "x/var/lib/dpkg/status", false),
            ("var/lib/dpkg/info/*.md5sums", "var/lib/dpkg/info/libc6:amd64.md5sums", true),
            ("var/lib/dpkg/info/*.md5sums", "var/lib/dpkg/info/a/b.md5sums", false),
            ("var/lib/dpkg/info/python*.list", "var/lib/dpkg/info/python3-yaml.list", true),
            ("var/lib/dpkg/info/python*.list", "var/lib/dpkg/info/libc6.list", false),
            ("**/*.dist-info/METADATA", "usr/lib/x.dist-info/METADATA", true),
            ("**/*.dist-info/METADATA", "x.dist-info/METADATA", true),
            ("**/*.dist-info/METADATA", "x.dist-info/a/METADATA", false),
            ("**/?*.egg-info", "usr/x.egg-info", true),
            ("**/?*.egg-info", "usr/.egg-info", false),
            ("**/*a*b", "x/aab", true),
            ("**/*a*b", "x/aba", false),
            ("opt/*/release", "opt/app/release", true),
            ("**/*.dist-info/", "usr/lib/x.dist-info/", true),
            ("**/*.dist-info/", "usr/lib/x.dist-info", false),
            ("**/*.dist-info/", "x.dist-info/licenses/", false),
            ("**/*.so*.#", "usr/lib/libcap.so.2.66", true),
            ("**/*.so*.#", "usr/lib/libattr.so.1.1.2501", true),
            ("**/*.so*.#", "usr/lib/libssl.so.1.0.2k", false),
            ("**/*.so*.#", "usr/lib/libz.so.", false),
            ("**/*.so*.#", "usr/share/man/man1/ls.1", false),
        ] {
            assert_eq!(Pattern::new(pattern).matches(path), expected, "{pattern} {path}");
        }
    }

    #[test]
    fn every_matching_path_ends_with_the_text_after_the_last_wildcard() {
        for (pattern, suffix) in [
            ("etc/os-release", "etc/os-release"),
            ("**/go.mod", "go.mod"),
            ("**/*.spdx.json", ".spdx.json"),
            ("**/node_modules/*/package.json", "/package.json"),
            ("nix/store/*", ""),
        ] {
            assert_eq!(Pattern::new(pattern).suffix(), suffix, "{pattern}");
        }
    }

    #[test]
    fn a_pattern_is_found_by_its_rarest_literal_part() {
        for (pattern, key) in [
            ("etc/os-release", Key::Path("etc/os-release")),
            ("**/package-lock.json", Key::Name("package-lock.json")),
            ("opt/*/release", Key::Name("release")),
            ("var/lib/dpkg/info/*.md5sums", Key::Directory("var/lib/dpkg/info")),
            ("**/?*.egg-info", Key::Extension("egg-info")),
            ("**/*.so*.#", Key::Number),
            ("**/*lib*", Key::Nothing),
        ] {
            assert_eq!(Pattern::new(pattern).key(), key, "{pattern}");
        }
    }
}
