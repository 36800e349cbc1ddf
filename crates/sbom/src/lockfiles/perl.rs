//! Carton's `cpanfile.snapshot`: distributions with their place on CPAN, whose third folder is the author's.
//!
//! ```text
//! # carton snapshot format: version 1.0
//! DISTRIBUTIONS
//!   Moose-2.2015
//!     pathname: E/ET/ETHER/Moose-2.2015.tar.gz
//!     provides:
//!       Moose 2.2015
//! ```

use super::Locked;

pub(super) fn snapshot(text: &str) -> Result<Vec<Locked>, String> {
    let (mut locked, mut distribution, mut has_list) = (Vec::new(), None, false);
    for line in text.lines() {
        has_list |= line.trim_end() == "DISTRIBUTIONS";
        if let Some(path) = line.strip_prefix("    pathname:") {
            let Some((name, version)) = distribution.take() else { continue };
            let author = path.trim().split('/').nth(2).unwrap_or_default();
            locked.push(Locked::new(format!("{author}/{name}"), version));
        } else if let Some(name) = line.strip_prefix("  ").filter(|it| !it.starts_with(' ')) {
            distribution = Some(name.trim().rsplit_once('-').ok_or("has a distribution without a version")?);
        }
    }
    if has_list { Ok(locked) } else { Err("is not a snapshot: it has no DISTRIBUTIONS".to_owned()) }
}
