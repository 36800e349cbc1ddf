//! What the user named: a registry reference, a layout, an archive, an image of a local engine, a root file system, a
//! file or an SBOM.
//!
//! A name means one thing, whatever the working directory contains: somebody who can add a file to a checkout must not
//! decide what a gate examines.
//!
//! 1. A scheme in front decides ([`scheme`]). A digest after `@` is always compared.
//! 2. Text with a tag, a digest or a registry in it is an image reference and never a path.
//! 3. Text that starts with `/`, `.` or `~`, or that cannot be a reference, is a path.
//! 4. Of the rest, a text that ends like an archive or a document (`app.tar`, `app.spdx.json`) is a path, and
//!    everything else is an image of the default registry. If a path of that name exists too, the text is refused, with
//!    both spellings.
//!
//! An image of a local engine always needs its scheme. The image `docker:24` of a registry is
//! `docker.io/library/docker:24`.
//!
//! ```text
//! registry.example/team/app:1.4          docker://debian
//! oci:DIR  oci:DIR:1.4  oci:DIR@sha256:…  archive:app.tar  dir:/  file:app.jar  sbom:app.spdx.json
//! sbom:-    (an SBOM from standard input)
//! docker:app:1.4  podman:app:1.4  containerd:registry.example/team/app:1.4
//! ```

mod scheme;

use std::fmt;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use plimsoll_core::{Digest, Reference};
use plimsoll_image::local::folder::Folder;

use crate::Error;

/// The path that means standard input. A file of this name is `./-`.
pub(crate) const STDIN: &str = "-";

/// A recognised subject.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// An image in a registry.
    Registry(Reference),
    /// An OCI image layout, and which of its images: a tag or a digest.
    Layout(PathBuf, Option<String>),
    /// A docker-archive or OCI layout in a tar file, and which of its images: a tag or a digest.
    Archive(PathBuf, Option<String>),
    /// An image in a folder of the `dir:` transport, as `skopeo copy … dir:PATH` writes it.
    Folder(PathBuf),
    /// An image that an engine of this machine keeps, by name, identifier or digest.
    Local(Engine, String),
    /// A root file system.
    RootDir(PathBuf),
    /// A single file, of whatever kind.
    File(PathBuf),
    /// An SPDX or CycloneDX document.
    Sbom(PathBuf),
}

/// A container engine with images on this machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    /// Docker, through its socket.
    Docker,
    /// Podman, and other tools that share its store.
    Podman,
    /// containerd.
    Containerd,
}

impl Engine {
    /// The scheme: `docker`, `podman`, `containerd`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Docker => "docker",
            Self::Podman => "podman",
            Self::Containerd => "containerd",
        }
    }
}

/// How the names of documents alone end.
const DOCUMENT_ENDINGS: &[&str] = &["cdx", "json", "jsonl", "spdx", "xml"];

/// Enough of a file to see the `ustar` magic at offset 257.
const HEAD: usize = 512;

/// How the names of archives and documents end. An image of the default registry whose name ends like this needs its
/// registry in front.
const FILE_ENDINGS: &[&str] = &[
    "bz2", "cdx", "gz", "jar", "json", "jsonl", "sif", "spdx", "tar", "tgz", "txz", "tzst", "xml", "xz",
    "zip", "zst",
];

impl Subject {
    /// Recognises `text`. Uses the file system, but not the network.
    pub fn parse(text: &str) -> Result<Self, Error> {
        match scheme::parse(text)? {
            Some(subject) => Ok(subject),
            None => without_scheme(text),
        }
    }

    /// Whether `text` names an image by tag, digest or registry, so that it never means a path.
    pub fn is_reference(text: &str) -> bool {
        !starts_like_a_path(text)
            && text.parse::<Reference>().is_ok_and(|image| says_more_than_a_name(text, &image))
    }
}

fn without_scheme(text: &str) -> Result<Subject, Error> {
    let path = Path::new(text);
    if starts_like_a_path(text) {
        return recognise(path);
    }
    if text == STDIN {
        let meanings = "sbom:- for an SBOM from standard input, or ./- for a path".to_owned();
        return Err(Error::TwoMeanings { text: text.to_owned(), meanings });
    }
    if text.parse::<Digest>().is_ok() {
        return Err(Error::DigestAlone { text: text.to_owned() });
    }
    // A dangling link exists as well.
    let exists = path.symlink_metadata().is_ok();
    let image: Reference = match text.parse() {
        Ok(image) => image,
        Err(_) if exists => return recognise(path),
        Err(source) => {
            return Err(
                scheme::unknown(text).unwrap_or_else(|| Error::NotASubject { text: text.to_owned(), source })
            );
        }
    };
    if has_tag_or_digest(text) {
        return scheme::mistyped(text).map_or(Ok(Subject::Registry(image)), Err);
    }
    let is_file = ends_like_a_file(text) && !has_registry(text, &image);
    match (exists, is_file) {
        (true, true) => recognise(path),
        (true, false) => Err(Error::Ambiguous { text: text.to_owned(), image: image.name() }),
        (false, true) => Err(Error::NoSuchFile { path: path.to_owned(), image: image.name() }),
        (false, false) => Ok(Subject::Registry(image)),
    }
}

fn starts_like_a_path(text: &str) -> bool {
    text.starts_with(['/', '.', '~'])
}

fn says_more_than_a_name(text: &str, image: &Reference) -> bool {
    has_tag_or_digest(text) || has_registry(text, image)
}

/// Whether a text that is a reference has a tag or digest.
fn has_tag_or_digest(text: &str) -> bool {
    text.contains('@') || text.rsplit('/').next().is_some_and(|last| last.contains(':'))
}

/// Whether a text that is a reference names its registry.
fn has_registry(text: &str, image: &Reference) -> bool {
    text.strip_prefix(image.registry()).is_some_and(|rest| rest.starts_with('/'))
}

fn ends_like_a_file(text: &str) -> bool {
    let ending = Path::new(text).extension().and_then(|ending| ending.to_str());
    ending.is_some_and(|ending| FILE_ENDINGS.contains(&ending))
}

/// Whether a path is named like a document: `app.json`, `app.spdx`, `app.spdx.yaml`.
pub(crate) fn ends_like_a_document(path: &Path) -> bool {
    let ends = |path: &Path, endings: &[&str]| {
        path.extension().and_then(|ending| ending.to_str()).is_some_and(|ending| endings.contains(&ending))
    };
    let stem = path.file_stem().map(Path::new);
    ends(path, DOCUMENT_ENDINGS) || stem.is_some_and(|stem| ends(stem, &["cdx", "spdx"]))
}

/// Recognises a path by its content.
fn recognise(path: &Path) -> Result<Subject, Error> {
    match std::fs::metadata(path) {
        Ok(metadata) if metadata.is_dir() && path.join("oci-layout").is_file() => {
            Ok(Subject::Layout(path.to_owned(), None))
        }
        Ok(metadata) if metadata.is_dir() => Ok(recognise_folder(path)),
        Ok(metadata) if metadata.is_file() => recognise_file(path),
        Ok(_) => Err(Error::Pipe { path: path.to_owned() }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Err(Error::NoSuchPath { path: path.to_owned() })
        }
        Err(source) => Err(Error::Unreadable { path: path.to_owned(), source }),
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, path, selector) = match self {
            Self::Registry(reference) => return reference.fmt(f),
            Self::Layout(path, selector) => ("oci", path, selector.as_deref()),
            Self::Archive(path, selector) => ("archive", path, selector.as_deref()),
            Self::Local(engine, name) => return write!(f, "{}:{name}", engine.name()),
            Self::RootDir(path) | Self::Folder(path) => ("dir", path, None),
            Self::File(path) => ("file", path, None),
            Self::Sbom(path) => ("sbom", path, None),
        };
        write!(f, "{scheme}:{}", path.display())?;
        match selector {
            Some(digest) if digest.parse::<Digest>().is_ok() => write!(f, "@{digest}"),
            Some(tag) => write!(f, ":{tag}"),
            None => Ok(()),
        }
    }
}

/// An image in a folder says so in its file `version`; everything else is a root file system.
fn recognise_folder(path: &Path) -> Subject {
    if Folder::is_one(path) { Subject::Folder(path.to_owned()) } else { Subject::RootDir(path.to_owned()) }
}

pub(crate) fn recognise_file(path: &Path) -> Result<Subject, Error> {
    let unreadable = |source| Error::Unreadable { path: path.to_owned(), source };
    let mut head = Vec::with_capacity(HEAD);
    File::open(path).and_then(|file| file.take(HEAD as u64).read_to_end(&mut head)).map_err(unreadable)?;
    let is_tar = head.get(257..262) == Some(b"ustar".as_slice());
    // gzip and zstd; the others are refused by name.
    let compressed = [&[0x1f, 0x8b][..], &[0x28, 0xb5, 0x2f, 0xfd], b"\xfd7zXZ\0", b"BZh"];
    let is_compressed = compressed.iter().any(|magic| head.starts_with(magic));
    if is_tar || is_compressed {
        return Ok(Subject::Archive(path.to_owned(), None));
    }
    // A byte order mark, as tools on Windows write it before a document.
    let marked = [&[0xef, 0xbb, 0xbf][..], &[0xff, 0xfe], &[0xfe, 0xff]];
    let text = marked.iter().find_map(|mark| head.strip_prefix(*mark)).unwrap_or(&head);
    match text.iter().find(|b| !b.is_ascii_whitespace() && **b != 0) {
        // Formats that are not supported are refused there by name.
        Some(b'{' | b'<') => Ok(Subject::Sbom(path.to_owned())),
        _ if text.starts_with(b"SPDXVersion:") => Ok(Subject::Sbom(path.to_owned())),
        _ => Err(Error::UnknownFile { path: path.to_owned() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schemes_decide() {
        let digest = Digest::sha256(b"x").to_string();
        for (text, expected) in [
            ("oci:no/dir", Subject::Layout("no/dir".into(), None)),
            ("oci:no/dir:1.4", Subject::Layout("no/dir".into(), Some("1.4".to_owned()))),
            (&format!("oci:no/dir@{digest}"), Subject::Layout("no/dir".into(), Some(digest.clone()))),
            ("archive:no.tar:a", Subject::Archive("no.tar".into(), Some("a".to_owned()))),
            ("dir:/", Subject::RootDir("/".into())),
            ("sbom:x.json", Subject::Sbom("x.json".into())),
            ("file:no.bin", Subject::File("no.bin".into())),
            ("docker:app:1", Subject::Local(Engine::Docker, "app:1".to_owned())),
            ("podman:localhost/app", Subject::Local(Engine::Podman, "localhost/app".to_owned())),
            ("containerd:app@x", Subject::Local(Engine::Containerd, "app@x".to_owned())),
            ("docker://registry:2", Subject::Registry("docker.io/library/registry:2".parse().unwrap())),
            ("registry.example/a:1", Subject::Registry("registry.example/a:1".parse().unwrap())),
            ("docker-daemon:app:1", Subject::Local(Engine::Docker, "app:1".to_owned())),
            ("containers-storage:app:1", Subject::Local(Engine::Podman, "app:1".to_owned())),
            ("docker-archive:no.tar:app:1", Subject::Archive("no.tar:app".into(), Some("1".to_owned()))),
            ("registry:a.example/a", Subject::Registry("a.example/a".parse().unwrap())),
        ] {
            assert_eq!(Subject::parse(text).unwrap(), expected, "{text}");
        }
    }

    #[test]
    fn existing_paths_are_recognised_by_what_they_are() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
        std::fs::create_dir_all(at("layout")).unwrap();
        std::fs::write(at("layout/oci-layout"), "{}").unwrap();
        let mut tar = vec![0; 1024];
        tar[257..262].copy_from_slice(b"ustar");
        std::fs::write(at("a.tar"), tar).unwrap();
        std::fs::write(at("b.json"), "\n {}").unwrap();
        std::fs::write(at("c.bin"), "\u{7f}ELF").unwrap();
        std::fs::write(at("e:1.tar"), "").unwrap();
        std::fs::create_dir_all(at("image")).unwrap();
        std::fs::write(at("image/version"), "Directory Transport Version: 1.1\n").unwrap();
        std::fs::write(at("image/manifest.json"), "{}").unwrap();
        assert_eq!(Subject::parse(&at("image")).unwrap(), Subject::Folder(at("image").into()));
        let named = format!("dir:{}", at("image"));
        assert_eq!(Subject::parse(&named).unwrap(), Subject::Folder(at("image").into()));
        assert_eq!(Subject::parse(&at("layout")).unwrap(), Subject::Layout(at("layout").into(), None));
        assert_eq!(Subject::parse(&at("")).unwrap(), Subject::RootDir(at("").into()));
        assert_eq!(Subject::parse(&at("a.tar")).unwrap(), Subject::Archive(at("a.tar").into(), None));
        assert_eq!(Subject::parse(&at("b.json")).unwrap(), Subject::Sbom(at("b.json").into()));
        assert!(matches!(Subject::parse(&at("c.bin")), Err(Error::UnknownFile { .. })));
        assert!(matches!(Subject::parse(&at("missing")), Err(Error::NoSuchPath { .. })));
        assert_eq!(
            Subject::parse(&format!("archive:{}", at("e:1.tar"))).unwrap(),
            Subject::Archive(at("e:1.tar").into(), None)
        );
    }

    #[test]
    fn text_that_is_neither_path_nor_reference_is_refused() {
        assert!(matches!(Subject::parse("Not A Reference"), Err(Error::NotASubject { .. })));
        assert!(matches!(Subject::parse("./gone.tar"), Err(Error::NoSuchPath { .. })));
        assert!(matches!(Subject::parse("-"), Err(Error::TwoMeanings { .. })));
        assert!(matches!(Subject::parse("archive:-"), Err(Error::NotRead { .. })));
        assert!(matches!(Subject::parse("/dev/null"), Err(Error::Pipe { .. })));
        assert_eq!(Subject::parse("sbom:-").unwrap(), Subject::Sbom("-".into()));
        assert!(matches!(Subject::parse("podman:"), Err(Error::NoName { .. })));
        assert!(matches!(Subject::parse("containers-storage:[overlay@/x]app"), Err(Error::NotRead { .. })));
    }

    #[test]
    fn text_with_tag_digest_or_registry_is_a_reference() {
        let digest = Digest::sha256(b"x");
        for text in
            ["a:1", "a.example/b", "localhost/b", "localhost:5000/b", "team/app:1", &format!("a@{digest}")]
        {
            assert!(Subject::is_reference(text), "{text}");
        }
        for text in ["a", "team/app", "./a:1", "/a.example/b", "A:1", "team.d", "app.tar"] {
            assert!(!Subject::is_reference(text), "{text}");
        }
    }

    #[test]
    fn a_subject_is_written_so_that_it_means_itself() {
        let digest = Digest::sha256(b"x");
        for text in [
            "a.example/b:1",
            "oci:no/dir:1",
            &format!("oci:no/dir@{digest}"),
            "archive:a.tar",
            "podman:a",
            "sbom:x",
        ] {
            let subject = Subject::parse(text).unwrap();
            assert_eq!(subject.to_string(), text);
            assert_eq!(Subject::parse(&subject.to_string()).unwrap(), subject);
        }
    }
}
