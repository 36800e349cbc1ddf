//! `go.mod`: the required modules, and replacements for some. Since Go 1.17 it names all that are needed.
//!
//! ```text
//! require (
//!     golang.org/x/net v0.17.0
//!     golang.org/x/sys v0.13.0 // indirect
//! )
//! replace golang.org/x/net v0.17.0 => example.org/fork/net v1.4.5
//! replace golang.org/x/sys => ../sys
//! ```
//!
//! A replacement by a folder is only known by the module that it replaces.

use std::collections::HashMap;

use super::Locked;

pub(super) fn read(text: &str) -> Result<Vec<Locked>, String> {
    let (mut required, mut replaced) = (Vec::new(), HashMap::new());
    let (mut block, mut has_module) = (None::<&str>, false);
    for line in text.lines() {
        let (line, comment) = line.split_once("//").unwrap_or((line, ""));
        let line = line.trim();
        let (directive, rest) = match (block, line) {
            (_, "") => continue,
            (Some(_), ")") => {
                block = None;
                continue;
            }
            (Some(block), entry) => (block, entry),
            (None, line) => line.split_once(char::is_whitespace).unwrap_or((line, "")),
        };
        let rest = rest.trim();
        if block.is_none() && (rest == "(" || line.ends_with('(')) {
            block = Some(directive.trim_end_matches('('));
            continue;
        }
        let mut words = rest.split_whitespace().map(|word| word.trim_matches(['"', '`']));
        match directive {
            "module" => has_module = true,
            "require" => {
                let (Some(path), Some(version)) = (words.next(), words.next()) else {
                    return Err(format!("requires something without a version: {}", shortened(rest)));
                };
                let is_direct = !comment.trim_start().starts_with("indirect");
                required.push(Locked::new(path, version).direct(is_direct));
            }
            "replace" => {
                let (from, to) =
                    rest.split_once("=>").ok_or_else(|| format!("replaces nothing: {}", shortened(rest)))?;
                let mut from = from.split_whitespace();
                let mut to = to.split_whitespace();
                let key = (from.next().unwrap_or_default(), from.next());
                replaced.insert(key, to.next().zip(to.next()));
            }
            _ => {}
        }
    }
    if !has_module && required.is_empty() {
        return Err("is not a go.mod: it does not name a module".to_owned());
    }
    for it in &mut required {
        let exact = replaced.get(&(it.name.as_str(), Some(it.version.as_deref().unwrap_or_default())));
        let by = exact.or_else(|| replaced.get(&(it.name.as_str(), None)));
        if let Some(Some((path, version))) = by.copied() {
            *it = Locked { declared: it.declared, ..Locked::new(path, version) };
        }
    }
    Ok(required)
}

/// `go.work`: the folders of several modules, each with its own `go.mod`. Its replacements apply to all of them.
pub(super) fn work(text: &str) -> Result<Vec<Locked>, String> {
    let is_work = |line: &str| ["go ", "use", "toolchain "].iter().any(|word| line.starts_with(word));
    if !text.lines().any(|line| is_work(line.trim())) {
        return Err("is not a go.work: it does not use a module".to_owned());
    }
    let replaced = text.lines().filter_map(|line| {
        let (_, to) = line.split_once("//").map_or(line, |(line, _)| line).split_once("=>")?;
        let mut words = to.split_whitespace();
        Some(Locked::new(words.next()?, words.next()?))
    });
    Ok(replaced.collect())
}

fn shortened(text: &str) -> String {
    plimsoll_core::text::shortened(text)
}
