//! Nix packages: the folders of its store, whose names contain hash, name, version and output.
//!
//! ```text
//! nix/store/3n58xw4373jp0ljirf06d8077j15pc4j-glibc-2.37-8/
//! nix/store/0wmbpyg7b8jr4yhmlg9sk4bf8f3i6p8k-openssl-3.0.12-bin/
//! ```
//!
//! Follows the Nix manual, "Store Path" and `builtins.parseDrvName`: the version starts after the first hyphen that is
//! not followed by a letter. Folders without one are wrappers, sources and configurations. The store's database is
//! missing from most images, and contains nothing more.

use plimsoll_core::rootfs::Need;

use super::by_path::ByPath;
use super::shown::Package;
use crate::cataloger::{Mode, Selection};
use crate::inventory::Component;

/// Finds packages of the store.
pub(crate) const NIX: ByPath = ByPath {
    id: "nix",
    version: 1,
    purl_types: &["nix"],
    selections: &[Selection { paths: &["**/nix/store/*/"], mode: Mode::Any, min_size: 0, need: Need::Name }],
    read,
};

/// Characters of the hash.
const HASH: usize = 32;

/// Whether a folder can belong to the store: the hash in Nix's base 32, a hyphen, a name.
pub(crate) fn is_store_name(name: &[u8]) -> bool {
    let is_digit = |byte: &u8| {
        byte.is_ascii_digit() || byte.is_ascii_lowercase() && !matches!(byte, b'e' | b'o' | b't' | b'u')
    };
    name.split_at_checked(HASH)
        .is_some_and(|(hash, rest)| rest.len() > 1 && rest.starts_with(b"-") && hash.iter().all(is_digit))
}

/// The names of outputs of packages.
const OUTPUTS: [&str; 12] =
    ["bin", "data", "debug", "dev", "devdoc", "doc", "info", "lib", "libgcc", "man", "out", "static"];

fn read(path: &str) -> Option<Component> {
    let folder =
        path.trim_end_matches('/').rsplit('/').next().filter(|name| is_store_name(name.as_bytes()))?;
    let (hash, name) = folder.split_at_checked(HASH)?;
    let name = name.strip_prefix('-')?;
    let at = name.match_indices('-').map(|(at, _)| at).find(|at| {
        name.get(at + 1..).is_some_and(|rest| rest.starts_with(|c: char| !c.is_ascii_alphabetic()))
    })?;
    let (name, version) = (name.get(..at)?, name.get(at + 1..)?);
    let (version, output) = match version.rsplit_once('-') {
        Some((version, output)) if OUTPUTS.contains(&output) => (version, output),
        _ => (version, ""),
    };
    let qualifiers = [("output", output.to_owned()), ("outputhash", hash.to_owned())];
    let (version, namespace, subpath) = (Some(version), "", "");
    Package { purl_type: "nix", namespace, name, version, qualifiers: &qualifiers, subpath }.component().ok()
}

#[cfg(test)]
mod tests {
    use plimsoll_core::Limits;
    use plimsoll_core::rootfs::FileSet;

    use super::*;
    use crate::catalogers::select;

    #[test]
    fn names_of_the_store_are_split_as_nix_does() {
        let hash = "3n58xw4373jp0ljirf06d8077j15pc4j";
        for (name, expected) in [
            ("glibc-2.37-8", Some("pkg:nix/glibc@2.37-8?outputhash=")),
            ("openssl-3.0.12-bin", Some("pkg:nix/openssl@3.0.12?output=bin&outputhash=")),
            ("gcc-12.3.0-libgcc", Some("pkg:nix/gcc@12.3.0?output=libgcc&outputhash=")),
            ("python3.11-idna-3.4", Some("pkg:nix/python3.11-idna@3.4?outputhash=")),
            ("curl-unstable-2023-01-01", Some("pkg:nix/curl-unstable@2023-01-01?outputhash=")),
            ("user-environment", None),
            ("source", None),
        ] {
            let found = read(&format!("nix/store/{hash}-{name}/"));
            let expected = expected.map(|purl| format!("{purl}{hash}"));
            assert_eq!(found.map(|it| it.purl.to_string()), expected, "{name}");
        }
        assert!(read("nix/store/short-1.0/").is_none());
        assert!(
            read("nix/store/3n58xw4373jp0ljirf06d8077j15pcej-a-1/").is_none(),
            "`e` is not a digit in Nix's base 32"
        );
    }

    #[test]
    fn folders_of_the_store_are_wanted_and_others_are_not() {
        let folder = "3n58xw4373jp0ljirf06d8077j15pc4j-glibc-2.37-8";
        assert!(select().may_want_folder(folder.as_bytes()));
        assert!(!select().may_want_folder(b"usr"));
        let mut set = FileSet::default();
        set.add_folder(select(), &format!("nix/store/{folder}"), None);
        let found = crate::catalog(&set, &Limits::default());
        assert_eq!(found.components.iter().map(|it| it.name.as_str()).collect::<Vec<_>>(), ["glibc"]);
    }
}
