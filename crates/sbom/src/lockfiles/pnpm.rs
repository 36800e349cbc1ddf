//! `pnpm-lock.yaml`, as pnpm writes it: below `packages`, a key for each package, in the spelling of its version.
//!
//! ```text
//! packages:
//!   /@babel/runtime/7.18.3:            # 5, with `_peers` behind the version
//!   /js-tokens@4.0.0(peer@1.0.0):      # 6
//!   js-tokens@4.0.0:                   # 9
//!     dev: true                        # 5 and 6
//! ```
//!
//! The file is read by lines: pnpm's layout is fixed, and what is laid out otherwise is told.

use super::Locked;

/// A key below `packages`.
#[derive(Default)]
struct Entry<'a> {
    name: &'a str,
    /// Empty where it is an address.
    version: &'a str,
    for_development: bool,
}

pub(super) fn read(text: &str) -> Result<Vec<Locked>, String> {
    let mut entries: Vec<Entry<'_>> = Vec::new();
    let (mut inside, mut has_version) = (false, false);
    for line in text.lines() {
        if line.trim().is_empty() || line.trim_start().starts_with('#') {
            continue;
        }
        if !line.starts_with(' ') {
            has_version |= line.starts_with("lockfileVersion:");
            let key = line.trim_end();
            if key.starts_with("packages:") && !matches!(key, "packages:" | "packages: {}") {
                return Err(OTHERWISE.to_owned());
            }
            inside = key == "packages:";
            // What stands in front are the tools of pnpm itself.
            if key == "---" {
                entries.clear();
            }
            continue;
        }
        let Some(entry) = line.strip_prefix("  ").filter(|_| inside) else { continue };
        match (entry.strip_prefix("  ").filter(|field| !field.starts_with(' ')), entries.last_mut()) {
            (Some("dev: true"), Some(last)) => last.for_development = true,
            (Some(field), Some(last)) if last.version.is_empty() => {
                last.version = field.strip_prefix("version: ").unwrap_or_default();
            }
            (Some(_), _) => {}
            (None, _) if entry.starts_with(' ') => {}
            (None, _) => {
                let (key, _) = entry.trim_end().rsplit_once(':').ok_or(OTHERWISE)?;
                entries.push(Entry::new(key.trim_matches(['\'', '"'])));
            }
        }
    }
    if !has_version {
        return Err("is no lock file: it has no lockfileVersion".to_owned());
    }
    // What comes from git or a folder has no version.
    let counts = |it: &&Entry<'_>| !it.for_development && !it.version.is_empty();
    Ok(entries.iter().filter(counts).map(|it| Locked::new(it.name, it.version)).collect())
}

const OTHERWISE: &str = "is not laid out as pnpm does it";

impl<'a> Entry<'a> {
    fn new(key: &'a str) -> Self {
        let key = key.split_once('(').map_or(key, |(key, _)| key);
        let own = |name, version: &'a str| {
            let version = version.split_once('_').map_or(version, |(version, _)| version);
            let is_version = version.starts_with(|c: char| c.is_ascii_digit());
            Entry { name, version: if is_version { version } else { "" }, for_development: false }
        };
        // The newer spelling, also with an address for a version.
        let key = key.strip_prefix('/').unwrap_or(key);
        if let Some(at) = key.get(1..).and_then(|rest| rest.find('@')).map(|at| at + 1) {
            let (name, version) = (key.get(..at).unwrap_or_default(), key.get(at + 1..).unwrap_or_default());
            if !name.contains('_') && name.matches('/').count() == usize::from(name.starts_with('@')) {
                return own(name, version);
            }
        }
        // The older one, which may begin with a registry.
        let key = match key.split_once('/') {
            Some((host, rest)) if host.contains('.') && !host.starts_with('@') => rest,
            _ => key,
        };
        let end = key.split_once('_').map_or(key, |(key, _)| key);
        end.rsplit_once('/').map_or_else(Self::default, |(name, version)| own(name, version))
    }
}
