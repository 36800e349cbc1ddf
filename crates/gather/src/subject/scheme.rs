//! Schemes: the word before the first colon that says what kind of subject follows. The schemes of skopeo and syft are
//! understood as well.

use std::path::{Path, PathBuf};

use plimsoll_core::{Digest, nearest, slip_of};

use super::{Engine, STDIN, Subject, ends_like_a_file, recognise_folder};
use crate::Error;

/// What follows a scheme.
#[derive(Clone, Copy)]
enum Scheme {
    /// The folder of an OCI layout, and which of its images.
    Layout,
    /// An archive, and which of its images.
    Archive,
    /// A folder that is the root of a file system, or an image of the `dir:` transport.
    Folder,
    File,
    Sbom,
    /// An image that an engine keeps.
    Local(Engine),
    /// An image in a registry. `registry:2` is an image too, and refused.
    Registry,
    /// A scheme of another tool that is not supported, with what to do instead.
    NotRead(&'static str),
}

/// All schemes. The first eight are Plimsoll's own.
const SCHEMES: &[(&str, Scheme)] = &[
    ("oci", Scheme::Layout),
    ("archive", Scheme::Archive),
    ("dir", Scheme::Folder),
    ("file", Scheme::File),
    ("sbom", Scheme::Sbom),
    ("docker", Scheme::Local(Engine::Docker)),
    ("podman", Scheme::Local(Engine::Podman)),
    ("containerd", Scheme::Local(Engine::Containerd)),
    ("containers-storage", Scheme::Local(Engine::Podman)),
    ("docker-archive", Scheme::Archive),
    ("docker-daemon", Scheme::Local(Engine::Docker)),
    ("oci-archive", Scheme::Archive),
    ("oci-dir", Scheme::Layout),
    ("registry", Scheme::Registry),
    ("ostree", Scheme::NotRead(AS_LAYOUT)),
    ("sif", Scheme::NotRead(AS_LAYOUT)),
    ("singularity", Scheme::NotRead(AS_LAYOUT)),
    ("snap", Scheme::NotRead("unpack it, and name the folder: dir:PATH")),
    ("tarball", Scheme::NotRead("unpack it, and name the folder: dir:PATH")),
];

/// Archives and folders are read more than once.
const ONLY_SBOM: &str =
    "only an SBOM is read from standard input, as sbom:-; write everything else to a file first";

const AS_LAYOUT: &str = "copy the image into an OCI layout, and name that: oci:DIR";

/// Reads `text` by its scheme. `None` if it does not start with a known one.
pub(super) fn parse(text: &str) -> Result<Option<Subject>, Error> {
    let Some((word, rest)) = text.split_once(':') else { return Ok(None) };
    let Some((_, scheme)) = SCHEMES.iter().find(|(name, _)| *name == word) else { return Ok(None) };
    if rest.is_empty() {
        return Err(Error::NoName { text: text.to_owned() });
    }
    if rest == STDIN && !matches!(scheme, Scheme::Sbom) {
        return Err(Error::NotRead { scheme: text.to_owned(), hint: ONLY_SBOM });
    }
    let in_registry = rest.strip_prefix("//");
    Ok(Some(match scheme {
        Scheme::Layout | Scheme::Archive if in_registry.is_some_and(|rest| !rest.starts_with('/')) => {
            // What helm and flux call an image in a registry.
            return Err(Error::TwoMeanings {
                text: text.to_owned(),
                meanings: format!(
                    "docker:{rest} for an image in a registry, or {word}:/{} for a path",
                    rest.trim_start_matches('/')
                ),
            });
        }
        Scheme::Layout => with_selector(rest, Subject::Layout),
        Scheme::Archive => with_selector(rest, Subject::Archive),
        Scheme::Folder => recognise_folder(Path::new(rest)),
        Scheme::File => Subject::File(rest.into()),
        Scheme::Sbom => Subject::Sbom(rest.into()),
        Scheme::Local(Engine::Docker) if in_registry.is_some() => image(text, in_registry.unwrap_or(rest))?,
        Scheme::Local(_) if rest.starts_with('[') => {
            return Err(Error::NotRead {
                scheme: format!("{word}:[…]"),
                hint: "name the image alone; the store is that of storage.conf",
            });
        }
        Scheme::Local(engine) => Subject::Local(*engine, rest.to_owned()),
        Scheme::Registry if text.parse::<plimsoll_core::Reference>().is_ok() => {
            return Err(Error::TwoMeanings {
                text: text.to_owned(),
                meanings: format!(
                    "docker://{rest} for the image {rest}, or docker://{text} for the image {word}"
                ),
            });
        }
        Scheme::Registry => image(text, in_registry.unwrap_or(rest))?,
        Scheme::NotRead(hint) => return Err(Error::NotRead { scheme: format!("{word}:"), hint }),
    }))
}

/// The error if a text that is neither a reference nor a path starts with an unknown scheme.
pub(super) fn unknown(text: &str) -> Option<Error> {
    let (word, rest) = text.split_once(':')?;
    let may_be_in_it =
        |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_' | b'.');
    // Of an image whose name has capitals, the reader of references says more.
    let is_word =
        !word.is_empty() && word.bytes().all(may_be_in_it) || slip(&word.to_ascii_lowercase()).is_some();
    if word == "http" || word == "https" {
        let rest = rest.trim_start_matches('/');
        return Some(Error::Url { text: text.to_owned(), rest: rest.to_owned() });
    }
    let is_registry = rest.split('/').next().is_some_and(|port| port.parse::<u16>().is_ok());
    (is_word && !is_registry).then(|| no_such_scheme(word))
}

/// The error if a text could be an image, but the word before its tag is a scheme with a slip in it; or almost one, and the
/// tag is a file. Whoever mistypes a scheme must not get an image of the default registry, which somebody else pushed.
pub(super) fn mistyped(text: &str) -> Option<Error> {
    let (word, rest) = text.split_once(':')?;
    let is_file = ends_like_a_file(rest) || Path::new(rest).symlink_metadata().is_ok();
    // In a reference, only a port is followed by a slash.
    let is_port = rest.contains('/');
    let near = match slip(word) {
        Some(near) if !is_port => near,
        _ if is_file => nearest(word, names())?,
        _ => return None,
    };
    Some(Error::TwoMeanings {
        text: text.to_owned(),
        meanings: format!("{near}:{rest} for the scheme, or docker://{text} for an image of a registry"),
    })
}

fn names() -> impl Iterator<Item = &'static str> {
    SCHEMES.iter().map(|(name, _)| *name)
}

fn slip(word: &str) -> Option<&'static str> {
    slip_of(word, names())
}

fn no_such_scheme(word: &str) -> Error {
    let near = slip(&word.to_ascii_lowercase()).or_else(|| nearest(word, names()));
    Error::NoSuchScheme { scheme: word.to_owned(), nearest: near.map(str::to_owned) }
}

fn image(text: &str, name: &str) -> Result<Subject, Error> {
    name.parse().map(Subject::Registry).map_err(|source| Error::NotASubject { text: text.to_owned(), source })
}

/// Splits `PATH[:tag|@digest]`. A digest is always split off. Otherwise the shortest path that exists ends before the
/// tag, so that nobody can replace it by adding a longer one. A path with a colon in its name is found if no shorter
/// one exists.
fn with_selector(rest: &str, subject: impl Fn(PathBuf, Option<String>) -> Subject) -> Subject {
    if let Some((path, digest)) = rest.rsplit_once('@')
        && !path.is_empty()
        && digest.parse::<Digest>().is_ok()
    {
        return subject(path.into(), Some(digest.to_owned()));
    }
    let colons = rest.match_indices(':').filter_map(|(at, _)| Some((rest.get(..at)?, rest.get(at + 1..)?)));
    let mut splits = colons.filter(|(path, tag)| !path.is_empty() && !tag.is_empty());
    let there = splits.clone().find(|(path, _)| Path::new(path).symlink_metadata().is_ok());
    if there.is_none() && Path::new(rest).symlink_metadata().is_ok() {
        return subject(rest.into(), None);
    }
    match there.or_else(|| splits.rfind(|(_, tag)| !tag.contains('/'))) {
        Some((path, tag)) => subject(path.into(), Some(tag.to_owned())),
        None => subject(rest.into(), None),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{HashMap, HashSet};

    use plimsoll_core::Classify as _;

    use super::*;

    /// Some of each kind that a name of an image may have, and those of which most schemes consist.
    const LETTERS: &str = "acdeiorsz0-_.";

    /// `word` with one letter inserted, left out, replaced, or swapped with the next.
    fn slips(word: &str, new_letters: &str) -> Vec<String> {
        let letters: Vec<char> = word.chars().collect();
        let mut slips: Vec<String> = Vec::new();
        for at in 0..=letters.len() {
            let (before, after) = letters.split_at(at);
            let joined = |middle: &[char], after: &[char]| [before, middle, after].concat().iter().collect();
            for letter in new_letters.chars() {
                slips.push(joined(&[letter], after));
                slips.extend(after.split_first().map(|(_, rest)| joined(&[letter], rest)));
            }
            slips.extend(after.split_first().map(|(_, rest)| joined(&[], rest)));
            if let [first, second, rest @ ..] = after {
                slips.push(joined(&[*second, *first], rest));
            }
        }
        // One that starts like a path is a path.
        slips.retain(|slip| !names().any(|name| name == slip) && !slip.starts_with('.') && !slip.is_empty());
        slips
    }

    #[test]
    fn a_slip_in_any_scheme_is_an_error_that_names_the_scheme() {
        let digest = Digest::sha256(b"x");
        let pinned = format!("x@{digest}");
        let all: HashMap<&str, HashSet<String>> =
            names().map(|name| (name, slips(name, LETTERS).into_iter().collect())).collect();
        for slips in all.values() {
            for slip in slips {
                for rest in ["x", "x:1", "app.tar", "a/b", "./a", "/a", &pinned] {
                    let text = format!("{slip}:{rest}");
                    let error = Subject::parse(&text).expect_err(&text);
                    assert!(
                        matches!(error, Error::TwoMeanings { .. } | Error::NoSuchScheme { .. }),
                        "{text}: {error}"
                    );
                    let hint = error.hint().unwrap();
                    // Of two that are as near, either; the letter that differs may be one of its own.
                    let named = names().find(|name| hint.contains(&format!("write {name}:"))).expect(&text);
                    assert!(self::slips(named, slip).contains(slip), "{text}: {hint}");
                }
                // A port, and the name of a host.
                if slip.chars().all(|c| c.is_ascii_alphanumeric()) {
                    for text in [format!("{slip}:5000/x"), format!("{slip}:5000/x:1")] {
                        let read = Subject::parse(&text);
                        assert!(matches!(read, Ok(Subject::Registry(_))), "{text}: {read:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn names_with_a_tag_stay_images() {
        // Official images, of which some are almost schemes.
        for name in [
            "alpine",
            "api",
            "app",
            "bash",
            "busybox",
            "caddy",
            "dart",
            "debian",
            "drupal",
            "fedora",
            "flink",
            "gcc",
            "ghost",
            "golang",
            "httpd",
            "irssi",
            "jetty",
            "julia",
            "kong",
            "mariadb",
            "mongo",
            "mysql",
            "nats",
            "nginx",
            "node",
            "notary",
            "odoo",
            "perl",
            "php",
            "postgres",
            "pypy",
            "python",
            "r-base",
            "rabbitmq",
            "redis",
            "redmine",
            "ros",
            "ruby",
            "rust",
            "sl",
            "solr",
            "sonarqube",
            "spark",
            "storm",
            "swift",
            "swipl",
            "tomcat",
            "tomee",
            "traefik",
            "ubuntu",
            "unit",
            "vault",
            "znc",
        ] {
            let text = format!("{name}:1");
            assert!(matches!(Subject::parse(&text), Ok(Subject::Registry(_))), "{text}");
        }
        for text in
            ["localhost:5000/x", "registry.example:443/team/app", "team/oc:1", "registry.example/dockr:1"]
        {
            assert!(matches!(Subject::parse(text), Ok(Subject::Registry(_))), "{text}");
        }
    }
}
