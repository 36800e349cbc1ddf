//! Names inside an archive: always relative to its root, never out of it.

/// Writes `raw` to `out` without leading `/` and `./`, doubled slashes and `.` components. False if a
/// component is `..` or the name has a NUL: no writer of images makes such names, and every unpacker that
/// accepted them got a CVE for it.
pub(crate) fn normalise(raw: &[u8], out: &mut Vec<u8>) -> bool {
    if raw.contains(&0) {
        return false;
    }
    for component in raw.split(|byte| *byte == b'/') {
        match component {
            b"" | b"." => {}
            b".." => return false,
            name => {
                if !out.is_empty() {
                    out.push(b'/');
                }
                out.extend_from_slice(name);
            }
        }
    }
    true
}

/// The meaning of a hard link's target inside the root: `..` goes up, but not beyond the root, as runtimes
/// interpret it.
pub(crate) fn clean_link(raw: &[u8]) -> Vec<u8> {
    let mut components: Vec<&[u8]> = Vec::new();
    for component in raw.split(|byte| *byte == b'/') {
        match component {
            b"" | b"." => {}
            b".." => {
                components.pop();
            }
            name => components.push(name),
        }
    }
    components.join(&b'/')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(raw: &str) -> Option<String> {
        let mut out = Vec::new();
        normalise(raw.as_bytes(), &mut out).then(|| String::from_utf8(out).unwrap())
    }

    #[test]
    fn names_are_relative_and_never_climb() {
        assert_eq!(name("./etc//passwd").as_deref(), Some("etc/passwd"));
        assert_eq!(name("/etc/./passwd/").as_deref(), Some("etc/passwd"));
        assert_eq!(name("./").as_deref(), Some(""));
        assert_eq!(name("a/..b/...").as_deref(), Some("a/..b/..."));
        for bad in ["..", "../x", "a/../b", "a/..", "a\0b"] {
            assert_eq!(name(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn link_targets_stop_at_the_root() {
        assert_eq!(clean_link(b"../../etc/passwd"), b"etc/passwd");
        assert_eq!(clean_link(b"/usr/./lib/../bin/x"), b"usr/bin/x");
    }
}
