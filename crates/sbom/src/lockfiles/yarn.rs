//! `yarn.lock` in both forms: blocks of lines, each under the ranges that one package satisfies.
//!
//! ```text
//! "alias@npm:ansi-regex@^5.0.0", ansi-regex@^5.0.1:        # Yarn 1
//!   version "5.0.1"
//! "ms@npm:2.1.2":                                          # Yarn 2 and later
//!   version: 2.1.2
//!   resolution: "ms@npm:2.1.2"
//! "app@workspace:.":
//!   resolution: "app@workspace:."
//! ```

use super::Locked;
use crate::inventory::Checksum;

pub(super) fn read(text: &str) -> Result<Vec<Locked>, String> {
    let mut blocks: Vec<Block<'_>> = Vec::new();
    for line in text.lines() {
        if line.starts_with('#') || line.trim().is_empty() {
            continue;
        }
        if !line.starts_with(' ') {
            let ranges = line.trim_end().strip_suffix(':').ok_or_else(|| no_block(line))?;
            blocks.push(Block {
                first: unquoted(ranges.split(", ").next().unwrap_or(ranges)),
                ..Block::default()
            });
            continue;
        }
        let Some(field) = line.strip_prefix("  ").filter(|field| !field.starts_with(' ')) else { continue };
        let Some(block) = blocks.last_mut() else { return Err(no_block(line)) };
        let (name, value) = field.split_once(' ').unwrap_or((field, ""));
        match name.trim_end_matches(':') {
            "version" => block.version = unquoted(value),
            "resolution" => block.resolution = unquoted(value),
            "integrity" => block.integrity = unquoted(value),
            _ => {}
        }
    }
    let is_package = |it: &&Block<'_>| it.first != "__metadata" && !it.is_own();
    blocks.iter().filter(is_package).map(Block::locked).collect()
}

#[derive(Default)]
struct Block<'a> {
    first: &'a str,
    version: &'a str,
    resolution: &'a str,
    /// Only in the first form. The checksums of the second are of yarn's own archives.
    integrity: &'a str,
}

impl Block<'_> {
    /// Whether it is a folder of the project.
    fn is_own(&self) -> bool {
        ["@workspace:", "@link:", "@portal:"].iter().any(|kind| self.resolution.contains(kind))
    }

    fn locked(&self) -> Result<Locked, String> {
        let named = if self.resolution.is_empty() { self.first } else { self.resolution };
        let (mut name, range) = package(named).ok_or_else(|| no_block(named))?;
        // An alias.
        if self.resolution.is_empty()
            && let Some((real, _)) = range.strip_prefix("npm:").and_then(package)
        {
            name = real;
        }
        if self.version.is_empty() {
            return Err(format!("states no version of {}", plimsoll_core::text::shortened(name)));
        }
        Ok(Locked::new(name, self.version).checksums(Checksum::of_integrity(self.integrity)))
    }
}

/// Name and range of `@scope/name@range`.
fn package(text: &str) -> Option<(&str, &str)> {
    let at = text.get(1..)?.find('@')? + 1;
    Some((text.get(..at)?, text.get(at + 1..)?))
}

fn unquoted(text: &str) -> &str {
    text.trim().trim_matches('"')
}

fn no_block(line: &str) -> String {
    format!(
        "has a line that does not belong into a lock file: {}",
        plimsoll_core::text::shortened(line.trim())
    )
}
