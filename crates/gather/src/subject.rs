//! What the user named: a registry reference, a layout, an archive, an image of a local engine, a root file system, a
//! file or an SBOM.
//!
//! A scheme in front decides. Without one, an existing path is recognised by what it is, and everything else is read
//! as an image reference: an image of a local engine is never meant without its scheme, because the name alone may mean
//! another image in the registry. The image `docker:24` of a registry is `docker.io/library/docker:24`.
//!
//! ```text
//! registry.example/team/app:1.4          docker://debian
//! oci:DIR  oci:DIR:1.4  oci:DIR@sha256:…  archive:app.tar  dir:/  file:app.jar  sbom:app.spdx.json
//! docker:app:1.4  podman:app:1.4  containerd:registry.example/team/app:1.4
//! ```

use std::fmt;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use plimsoll_core::{Digest, Reference};
use plimsoll_image::local::folder::Folder;

use crate::Error;

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
    /// Podman and what else shares its store.
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

/// Enough of a file to see the `ustar` magic at offset 257.
const HEAD: usize = 512;

impl Subject {
    /// Recognises `text`. Looks at the file system, not at the network.
    pub fn parse(text: &str) -> Result<Self, Error> {
        if let Some((scheme, rest)) = text.split_once(':') {
            match scheme {
                "oci" => return Ok(with_selector(rest, Self::Layout)),
                "archive" => return Ok(with_selector(rest, Self::Archive)),
                "dir" => return Ok(recognise_folder(Path::new(rest))),
                "file" => return Ok(Self::File(rest.into())),
                "sbom" => return Ok(Self::Sbom(rest.into())),
                "docker" => {
                    if let Some(name) = rest.strip_prefix("//") {
                        return reference(text, name);
                    }
                    return local(Engine::Docker, rest, text);
                }
                "podman" => return local(Engine::Podman, rest, text),
                "containerd" => return local(Engine::Containerd, rest, text),
                _ => {}
            }
        }
        let path = Path::new(text);
        match std::fs::metadata(path) {
            Ok(metadata) if metadata.is_dir() && path.join("oci-layout").is_file() => {
                Ok(Self::Layout(path.to_owned(), None))
            }
            Ok(metadata) if metadata.is_dir() => Ok(recognise_folder(path)),
            Ok(_) => recognise_file(path),
            // What starts like a path is not silently taken for an image of the default registry.
            Err(_) if text.starts_with(['/', '.', '~']) => Err(Error::NoSuchPath { path: path.to_owned() }),
            Err(_) => reference(text, text),
        }
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

fn reference(text: &str, name: &str) -> Result<Subject, Error> {
    name.parse().map(Subject::Registry).map_err(|source| Error::NotASubject { text: text.to_owned(), source })
}

fn local(engine: Engine, name: &str, text: &str) -> Result<Subject, Error> {
    if name.is_empty() {
        return Err(Error::NoName { text: text.to_owned() });
    }
    Ok(Subject::Local(engine, name.to_owned()))
}

/// An image in a folder says so in its file `version`; everything else is a root file system.
fn recognise_folder(path: &Path) -> Subject {
    if Folder::is_one(path) { Subject::Folder(path.to_owned()) } else { Subject::RootDir(path.to_owned()) }
}

/// Splits `PATH[:tag|@digest]`. A path that exists as it stands has no selector, whatever characters it holds.
fn with_selector(rest: &str, subject: impl Fn(PathBuf, Option<String>) -> Subject) -> Subject {
    if Path::new(rest).exists() {
        return subject(rest.into(), None);
    }
    if let Some((path, digest)) = rest.rsplit_once('@')
        && digest.parse::<Digest>().is_ok()
    {
        return subject(path.into(), Some(digest.to_owned()));
    }
    match rest.rsplit_once(':') {
        Some((path, tag)) if !path.is_empty() && !tag.is_empty() && !tag.contains('/') => {
            subject(path.into(), Some(tag.to_owned()))
        }
        _ => subject(rest.into(), None),
    }
}

fn recognise_file(path: &Path) -> Result<Subject, Error> {
    let unreadable = |source| Error::Unreadable { path: path.to_owned(), source };
    let mut head = Vec::with_capacity(HEAD);
    File::open(path).and_then(|file| file.take(HEAD as u64).read_to_end(&mut head)).map_err(unreadable)?;
    let is_tar = head.get(257..262) == Some(b"ustar".as_slice());
    let is_compressed =
        [&[0x1f, 0x8b][..], &[0x28, 0xb5, 0x2f, 0xfd][..]].iter().any(|magic| head.starts_with(magic));
    if is_tar || is_compressed {
        return Ok(Subject::Archive(path.to_owned(), None));
    }
    match head.iter().find(|b| !b.is_ascii_whitespace()) {
        Some(b'{') => Ok(Subject::Sbom(path.to_owned())),
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
    fn what_is_neither_path_nor_reference_is_refused() {
        assert!(matches!(Subject::parse("Not A Reference"), Err(Error::NotASubject { .. })));
        assert!(matches!(Subject::parse("./gone.tar"), Err(Error::NoSuchPath { .. })));
        assert!(matches!(Subject::parse("podman:"), Err(Error::NoName { .. })));
    }
}
