//! Opening a subject: finding the place it names, and following it to its images by digest.

use std::fs::File;
use std::path::{Path, PathBuf};

use plimsoll_core::{Digest, Limits, Platform, Reference, read};
use plimsoll_http::Client;
use plimsoll_oci::Source;
use plimsoll_oci::archive::Archive;
use plimsoll_oci::auth::Credentials;
use plimsoll_oci::image::{self, Artifact, Image};
use plimsoll_oci::layout::Layout;
use plimsoll_oci::registry::Registry;
use plimsoll_sbom::ReadDocument;

use crate::{Error, Subject};

/// What opening needs beside the subject.
#[derive(Debug, Clone)]
pub struct Access {
    /// The HTTP client is made from this when a registry is first needed.
    pub http: plimsoll_http::Settings,
    /// Bounds for everything that is read.
    pub limits: Limits,
}

/// A subject whose place was found and whose images are known by digest.
pub enum Opened {
    /// One image or an index of images.
    Image {
        /// Where its objects come from.
        source: Box<dyn Source>,
        /// What it turned out to be.
        artifact: Box<Artifact>,
        /// The subject.
        subject: Subject,
        /// Whether the manifest was made from a docker-archive, which has none. Its digest is the same each time, and is
        /// not the one that the image has in a registry.
        synthesised: bool,
    },
    /// A root file system.
    RootDir(PathBuf),
    /// An SBOM, read.
    Sbom {
        /// The file.
        path: PathBuf,
        /// What it says.
        document: Box<ReadDocument>,
        /// The digest of its bytes.
        digest: Digest,
    },
}

/// Opens `subject`. A tag is resolved here, once; everything after goes by digest.
pub fn open(subject: &Subject, access: &Access) -> Result<Opened, Error> {
    let limits = access.limits.clone();
    let mut synthesised = false;
    let source: Box<dyn Source> = match subject {
        Subject::Registry(reference) => Box::new(open_registry(reference, access)?),
        Subject::Layout(dir, selector) => Box::new(Layout::open(dir, selector.as_deref(), limits)?),
        Subject::Archive(file, selector) => {
            let archive = Archive::open(file, selector.as_deref(), limits)?;
            synthesised = archive.is_synthesised();
            Box::new(archive)
        }
        Subject::RootDir(dir) => return open_root(dir),
        Subject::Sbom(path) => return open_sbom(path, &limits),
    };
    let top = source.resolve()?;
    let artifact = Box::new(image::load(source.as_ref(), &top, &access.limits)?);
    Ok(Opened::Image { source, artifact, subject: subject.clone(), synthesised })
}

/// The registry that `reference` names, with the credentials that the user has for it.
pub fn open_registry(reference: &Reference, access: &Access) -> Result<Registry, Error> {
    let client = Client::new(access.http.clone())?;
    let credentials = Credentials::for_registry(reference)?;
    Ok(Registry::new(client, reference, credentials, access.limits.clone())?)
}

fn open_root(dir: &Path) -> Result<Opened, Error> {
    match std::fs::metadata(dir) {
        Ok(metadata) if metadata.is_dir() => Ok(Opened::RootDir(dir.to_owned())),
        Ok(_) => Err(Error::WrongKind {
            subject: format!("dir:{}", dir.display()),
            kind: "a file",
            expected: "a folder that is the root of a file system",
        }),
        Err(source) => Err(Error::Unreadable { path: dir.to_owned(), source }),
    }
}

fn open_sbom(path: &Path, limits: &Limits) -> Result<Opened, Error> {
    let unreadable = |source| Error::Unreadable { path: path.to_owned(), source };
    let file = File::open(path).map_err(unreadable)?;
    let bytes = read::to_end(file, limits.sbom_bytes, "sbom_bytes", &path.display().to_string()).map_err(
        |error| match error {
            read::Error::Limit(limit) => Error::Limit(limit),
            read::Error::Io { source, .. } => unreadable(source),
            other => unreadable(std::io::Error::other(other)),
        },
    )?;
    let document = plimsoll_sbom::read_document(&bytes, limits)
        .map_err(|source| Error::Sbom { path: path.to_owned(), source })?;
    Ok(Opened::Sbom { path: path.to_owned(), document: Box::new(document), digest: Digest::sha256(&bytes) })
}

impl Opened {
    /// The one image that a command about a single image means: that of `platform`; without one the only image there
    /// is, else that of this machine's platform.
    pub fn one_image(&self, platform: Option<&Platform>) -> Result<Option<&Image>, Error> {
        let Self::Image { artifact, subject, .. } = self else { return Ok(None) };
        let images = artifact.select(platform)?;
        let host = Platform::host();
        match images.as_slice() {
            [image] => Ok(Some(image)),
            several => match several.iter().find(|image| image.platform.satisfies(&host)) {
                Some(image) => Ok(Some(image)),
                None => Err(Error::ChoosePlatform {
                    subject: subject.to_string(),
                    available: several.iter().map(|image| image.platform.to_string()).collect(),
                }),
            },
        }
    }

    /// Something about the subject that its verdict or document does not show, and that its reader should know.
    pub fn remark(&self) -> Option<&'static str> {
        match self {
            Self::Image { synthesised: true, .. } => Some(
                "a docker-archive has no manifest: the digest shown is of one made from it, not the registry's",
            ),
            _ => None,
        }
    }
}
