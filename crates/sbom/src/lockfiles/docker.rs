//! Dockerfiles: the images from which an image is built and files are copied, with tags and digests.
//!
//! ```text
//! ARG VERSION=12
//! FROM --platform=$BUILDPLATFORM debian:${VERSION}-slim@sha256:… AS build
//! FROM build
//! COPY --from=ghcr.io/astral-sh/uv:0.5 /uv /bin/
//! ```
//!
//! A name of an earlier stage refers to that stage. If a variable has no default, the name is unknown, which is
//! reported.

use std::collections::{BTreeMap, BTreeSet};

use plimsoll_core::Reference;

use super::Locked;

pub(super) fn read(text: &str) -> Result<Vec<Locked>, String> {
    let (mut locked, mut arguments, mut stages) = (Vec::new(), BTreeMap::new(), BTreeSet::new());
    let mut has_from = false;
    for line in text.lines().map(str::trim) {
        let (instruction, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
        match instruction.to_ascii_uppercase().as_str() {
            "ARG" if !has_from => {
                let mut given = rest.split_whitespace().filter_map(|word| word.split_once('='));
                arguments.extend(given.by_ref().map(|(name, value)| (name, value.trim_matches(['"', '\'']))));
            }
            "FROM" => {
                has_from = true;
                let mut words = rest.split_whitespace().filter(|word| !word.starts_with("--"));
                let Some(image) = words.next() else { continue };
                locked.extend(base(image, &arguments, &stages));
                if let (Some(word), Some(name)) = (words.next(), words.next())
                    && word.eq_ignore_ascii_case("as")
                {
                    stages.insert(name.to_lowercase());
                }
            }
            "COPY" => {
                let from = rest.split_whitespace().find_map(|word| word.strip_prefix("--from="));
                // A number refers to a stage.
                let image = from.filter(|image| image.parse::<u32>().is_err());
                locked.extend(image.and_then(|image| base(image, &arguments, &stages)));
            }
            _ => {}
        }
    }
    if has_from { Ok(locked) } else { Err("is not a Dockerfile: it has no FROM".to_owned()) }
}

fn base(image: &str, arguments: &BTreeMap<&str, &str>, stages: &BTreeSet<String>) -> Option<Locked> {
    if image.eq_ignore_ascii_case("scratch") || stages.contains(&image.to_lowercase()) {
        return None;
    }
    let image = substituted(image, arguments);
    let Ok(reference) = image.parse::<Reference>() else { return Some(Locked::new(image, "")) };
    let name = reference.repository().rsplit('/').next().unwrap_or_default().to_owned();
    let locked = match reference.digest() {
        Some(digest) => Locked::new(name, digest.to_string()),
        None => Locked::unpinned(name),
    };
    let place = format!("{}/{}", reference.registry(), reference.repository());
    Some(locked.qualifier("repository_url", place).qualifier("tag", reference.tag().unwrap_or_default()))
}

/// The text with the defaults of its variables: `$NAME`, `${NAME}`, `${NAME:-default}`. Variables without one stay, as
/// do those that would make the text longer than any name.
fn substituted(text: &str, arguments: &BTreeMap<&str, &str>) -> String {
    const MAX: usize = 1 << 10;
    let mut parts = text.split('$');
    let mut whole = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (name, default, rest) =
            if let Some((name, rest)) = part.strip_prefix('{').and_then(|it| it.split_once('}')) {
                let (name, default) = name.split_once(":-").map_or((name, None), |(n, d)| (n, Some(d)));
                (name, default, rest)
            } else {
                let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
                let end = part.find(|c| !is_name(c)).unwrap_or(part.len());
                let (name, rest) = part.split_at(end);
                (name, None, rest)
            };
        match arguments.get(name).copied().filter(|it| !it.is_empty()).or(default) {
            Some(value) if whole.len() + value.len() <= MAX => whole.push_str(value),
            _ => whole.push('$'),
        }
        whole.push_str(rest);
    }
    whole
}
