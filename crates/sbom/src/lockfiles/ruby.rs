//! Bundler's `Gemfile.lock`: gems below the `specs` of a source, indented by four blanks, their dependencies by six.
//!
//! ```text
//! GEM
//!   remote: https://rubygems.org/
//!   specs:
//!     nokogiri (1.16.2-x86_64-linux)
//!       racc (~> 1.4)
//! PATH
//!   remote: .
//!   specs:
//!     app (0.1.0)
//! DEPENDENCIES
//!   nokogiri (~> 1.16)!
//! ```
//!
//! Groups are only stated in the `Gemfile`.

use std::collections::BTreeSet;

use super::Locked;

pub(super) fn read(text: &str) -> Result<Vec<Locked>, String> {
    let (mut locked, mut asked_for) = (Vec::new(), BTreeSet::new());
    let (mut section, mut sections) = ("", 0_usize);
    for line in text.lines() {
        if !line.starts_with(' ') {
            section = line.trim_end();
            sections += usize::from(matches!(section, "GEM" | "GIT" | "PATH"));
            continue;
        }
        if let Some(gem) = line.strip_prefix("  ").filter(|_| section == "DEPENDENCIES") {
            asked_for.insert(gem.split([' ', '!']).next().unwrap_or(gem));
            continue;
        }
        // Folders belong to the project itself.
        let Some(gem) = line.strip_prefix("    ").filter(|_| matches!(section, "GEM" | "GIT")) else {
            continue;
        };
        if gem.starts_with(' ') {
            continue;
        }
        let (name, version) =
            gem.split_once(" (").ok_or_else(|| format!("has a gem without a version: {}", shortened(gem)))?;
        let version = version.trim_end().trim_end_matches(')');
        // A version contains no hyphen; a platform follows it.
        let version = version.split_once('-').map_or(version, |(version, _)| version);
        locked.push((name, version));
    }
    if sections == 0 {
        return Err("is not a lock file: it has none of GEM, GIT and PATH".to_owned());
    }
    Ok(locked
        .into_iter()
        .map(|(name, version)| Locked::new(name, version).direct(asked_for.contains(name)))
        .collect())
}

fn shortened(text: &str) -> String {
    plimsoll_core::text::shortened(text.trim())
}
