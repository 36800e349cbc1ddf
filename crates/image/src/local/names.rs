//! Finding an image of a store by name.
//!
//! First, a name is compared as written: in full, with `latest` if it has no tag, with the defaults of short names
//! (`debian` is `docker.io/library/debian:latest`). Only if no image has it, it is compared with the ends of names
//! (`app:1` finds `localhost/team/app:1`), and with IDs of at least twelve digits. A name that matches several images
//! is an error.

use plimsoll_core::text::shown;
use plimsoll_core::{Digest, Reference};

use crate::Error;

/// One image of a store.
#[derive(Debug, Clone)]
pub(super) struct NamedImage {
    /// Its full names.
    pub(super) names: Vec<String>,
    /// The digest that is equal for records of the same image.
    pub(super) identity: Digest,
    /// All of its digests: manifest, index, configuration.
    pub(super) digests: Vec<Digest>,
}

/// The fewest digits of a shortened ID; `images` commands print this many.
const SHORT: usize = 12;
/// Names that an error lists.
const SIMILAR: usize = 5;

/// The position of the one image that matches `wanted`.
pub(super) fn choose(images: &[NamedImage], wanted: &str, place: &str) -> Result<usize, Error> {
    let (name, digest) = match wanted.rsplit_once('@') {
        Some((name, digest)) => match digest.parse::<Digest>() {
            Ok(digest) => (Some(name), Some(digest)),
            Err(_) => (Some(wanted), None),
        },
        None => match wanted.parse::<Digest>() {
            Ok(digest) => (None, Some(digest)),
            Err(_) => (Some(wanted), None),
        },
    };
    for rule in [Rule::Exact, Rule::End, Rule::Short] {
        let is_meant = |image: &NamedImage| {
            digest.is_none_or(|digest| image.identity == digest || image.digests.contains(&digest))
                && name.is_none_or(|name| rule.holds(image, name, digest.is_some()))
        };
        let found: Vec<usize> =
            images.iter().enumerate().filter(|(_, image)| is_meant(image)).map(|(at, _)| at).collect();
        let Some(first) = found.first().copied() else { continue };
        let identity = images.get(first).map(|image| image.identity);
        if found.iter().all(|at| images.get(*at).map(|image| image.identity) == identity) {
            return Ok(first);
        }
        let listed = found.iter().filter_map(|at| images.get(*at)).map(label).take(SIMILAR).collect();
        return Err(Error::AmbiguousName { place: place.to_owned(), wanted: shown(wanted), names: listed });
    }
    Err(Error::NoSuchImage { place: place.to_owned(), wanted: shown(wanted), refs: similar(images, wanted) })
}

#[derive(Clone, Copy)]
enum Rule {
    Exact,
    End,
    Short,
}

impl Rule {
    fn holds(self, image: &NamedImage, wanted: &str, by_digest: bool) -> bool {
        // With a digest, only the repository's name must match, because its tag may have moved.
        let of = |name: &str| if by_digest { untagged(name).to_owned() } else { tagged(name) };
        let whole = of(wanted);
        match self {
            Self::Exact => {
                let normal = wanted.parse::<Reference>().ok().map(|reference| {
                    if by_digest { reference.name() } else { tagged(&reference.to_string()) }
                });
                image.names.iter().any(|name| {
                    let name = name.split('@').next().unwrap_or_default();
                    of(name) == whole || Some(of(name)) == normal || name == wanted
                })
            }
            Self::End => image.names.iter().any(|name| {
                let name = of(name.split('@').next().unwrap_or_default());
                name.strip_suffix(&whole).is_some_and(|start| start.ends_with('/'))
            }),
            Self::Short => {
                wanted.len() >= SHORT
                    && wanted.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
                    && [&image.identity]
                        .into_iter()
                        .chain(&image.digests)
                        .any(|d| d.hex().starts_with(wanted))
            }
        }
    }
}

/// `name` with `:latest` if it has no tag.
fn tagged(name: &str) -> String {
    if untagged(name).len() == name.len() { format!("{name}:latest") } else { name.to_owned() }
}

/// `name` without its tag; a port is not a tag.
fn untagged(name: &str) -> &str {
    match name.rsplit_once(':') {
        Some((start, tag)) if !tag.contains('/') => start,
        _ => name,
    }
}

fn label(image: &NamedImage) -> String {
    match image.names.first() {
        Some(name) => shown(name),
        None => image.identity.to_string(),
    }
}

/// Names with the same last part of the repository, then the most similar ones; at most five.
fn similar(images: &[NamedImage], wanted: &str) -> Vec<String> {
    let last = |name: &str| {
        let name = name.split('@').next().unwrap_or_default();
        untagged(name).rsplit('/').next().unwrap_or_default().to_owned()
    };
    let key = last(wanted);
    let mut names: Vec<(usize, String)> = images
        .iter()
        .flat_map(|image| &image.names)
        .map(|name| {
            let other = last(name);
            let rank = match () {
                () if other == key => 0,
                () if other.contains(&key) || key.contains(&other) => 1,
                () => 2,
            };
            (rank, shown(name))
        })
        .collect();
    names.sort();
    names.dedup();
    names.into_iter().map(|(_, name)| name).take(SIMILAR).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(id: &[u8], names: &[&str]) -> NamedImage {
        let names = names.iter().map(|name| (*name).to_owned()).collect();
        NamedImage {
            names,
            identity: Digest::sha256(id),
            digests: vec![Digest::sha256(&[id, b"m"].concat())],
        }
    }

    fn store() -> Vec<NamedImage> {
        vec![
            image(b"a", &["docker.io/library/debian:12", "docker.io/library/debian:latest"]),
            image(b"b", &["localhost/team/app:1"]),
            image(b"c", &["registry.example:5000/app:1"]),
            image(b"d", &["docker.io/library/app:2"]),
            image(b"e", &[]),
        ]
    }

    #[test]
    fn a_name_means_one_image() {
        let images = store();
        let id = Digest::sha256(b"e");
        let manifest = Digest::sha256(b"am");
        for (wanted, expected) in [
            ("debian", 0),
            ("debian:12", 0),
            ("docker.io/library/debian:12", 0),
            ("team/app:1", 1),
            ("localhost/team/app:1", 1),
            ("registry.example:5000/app:1", 2),
            ("app:2", 3),
            (&id.to_string(), 4),
            (&id.hex()[..12], 4),
            (&manifest.to_string(), 0),
            (&format!("debian@{manifest}"), 0),
            (&format!("docker.io/library/debian:other@{manifest}"), 0),
        ] {
            assert_eq!(choose(&images, wanted, "store").unwrap(), expected, "{wanted}");
        }
    }

    #[test]
    fn a_name_of_several_images_is_refused() {
        let error = choose(&store(), "app:1", "store").unwrap_err();
        assert!(matches!(&error, Error::AmbiguousName { names, .. } if names.len() == 2), "{error}");
    }

    #[test]
    fn a_name_of_no_image_lists_similar_ones() {
        let missing = |wanted: &str| match choose(&store(), wanted, "store").unwrap_err() {
            Error::NoSuchImage { refs, .. } => refs,
            other => panic!("{other}"),
        };
        assert_eq!(
            missing("app:9")[..3],
            ["docker.io/library/app:2", "localhost/team/app:1", "registry.example:5000/app:1"]
        );
        assert_eq!(missing("nothing").len(), 5);
        // An ID that is too short, a digest under another repository's name, and a part of a name do not match.
        assert!(!missing(&Digest::sha256(b"e").hex()[..11]).is_empty());
        assert!(!missing(&format!("app@{}", Digest::sha256(b"am"))).is_empty());
        assert!(!missing("bian:12").is_empty());
    }
}
