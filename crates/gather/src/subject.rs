//! What the user named: a registry reference, a layout, an archive, a root file system or an SBOM.
//!
//! A scheme in front decides. Without one, an existing path is recognised by what it is, and everything else is read
//! as an image reference.
//!
//! ```text
//! registry.example/team/app:1.4          docker://debian
//! oci:DIR  oci:DIR:1.4  oci:DIR@sha256:…  archive:app.tar  dir:/  sbom:app.spdx.json
//! ```

use std::fmt;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use plimsoll_core::{Digest, Reference};

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
    /// A root file system.
    RootDir(PathBuf),
    /// An SPDX or CycloneDX document.
    Sbom(PathBuf),
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
                "dir" => return Ok(Self::RootDir(rest.into())),
                "sbom" => return Ok(Self::Sbom(rest.into())),
                "docker" => {
                    if let Some(name) = rest.strip_prefix("//") {
                        return reference(text, name);
                    }
                }
                _ => {}
            }
        }
        let path = Path::new(text);
        match std::fs::metadata(path) {
            Ok(metadata) if metadata.is_dir() && path.join("oci-layout").is_file() => {
                Ok(Self::Layout(path.to_owned(), None))
            }
            Ok(metadata) if metadata.is_dir() => Ok(Self::RootDir(path.to_owned())),
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
            Self::RootDir(path) => ("dir", path, None),
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
    }
}
