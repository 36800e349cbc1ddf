//! Opening a subject: finding the place it names, and following it to its images by digest.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, IsTerminal as _, Read};
use std::path::{Path, PathBuf};
use std::time::Instant;
use std::{panic, thread};

use plimsoll_cloud::Cloud;
use plimsoll_core::text::shown;
use plimsoll_core::{Algorithm, Cancel, Digest, Hasher, LimitExceeded, Limits, Platform, Reference, read};
use plimsoll_image::Source;
use plimsoll_image::Stoppable;
use plimsoll_image::archive::Archive;
use plimsoll_image::artifact::{self, Absent, Artifact, Image};
use plimsoll_image::layers::cache::LayerCache;
use plimsoll_image::layout::Layout;
use plimsoll_image::local::folder::Folder;
use plimsoll_registry::Clients;
use plimsoll_registry::Registry;
use plimsoll_registry::auth::{Credentials, Keyring};
use plimsoll_registry::{Cache, Plan};
use plimsoll_sbom::{Envelope, ReadDocument};

use crate::subject::STDIN;
use crate::{Error, Registries, Subject, local};

const NO_MANIFEST: &str =
    "a docker-archive has no manifest: the digest shown is of a manifest made from it, not the registry's";

/// Looks up an environment variable.
pub type Environment = fn(&str) -> Option<OsString>;

/// Everything that opening a subject needs.
#[derive(Debug, Clone)]
pub struct Access {
    /// The HTTP clients; each is made when a registry first needs it.
    pub clients: Clients,
    /// Mirrors, and certificates of single hosts.
    pub registries: Registries,
    /// The cloud identities for clouds' registries without a login.
    pub cloud: Cloud,
    /// The cache of registry answers, if one is used.
    pub cache: Option<Cache>,
    /// The cache of what was read of layers, if one is used.
    pub layer_cache: Option<LayerCache>,
    /// The environment, which says where credentials and the stores of engines are.
    pub environment: Environment,
    /// Bounds for everything that is read.
    pub limits: Limits,
    /// Stops everything that is read.
    pub cancel: Cancel,
    /// What `sbom:-` reads.
    pub stdin: StandardInput,
}

impl Access {
    /// The settings of its HTTP clients.
    pub fn http(&self) -> &plimsoll_http::Settings {
        self.clients.settings()
    }

    /// The same for one subject. All its work must finish within the timeout of the HTTP client's settings.
    #[must_use]
    pub fn for_one_subject(&self) -> Self {
        let deadline = Instant::now().checked_add(self.http().timeout);
        deadline.map_or_else(|| self.clone(), |deadline| self.under(&self.cancel.until(deadline)))
    }

    /// The same for work that `cancel` stops. Caches and connections stay shared.
    #[must_use]
    pub fn under(&self, cancel: &Cancel) -> Self {
        Self { clients: self.clients.under(cancel), cancel: cancel.clone(), ..self.clone() }
    }
}

/// Whether a subject may be read from the standard input of this process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StandardInput {
    /// The user's own: what is piped in may be read.
    OfUser,
    /// The one of a service, whose subjects are named by others.
    Closed,
}

/// A subject whose place was found and whose images are known by digest.
pub enum OpenedSubject {
    /// One image or an index of images.
    Image {
        /// Where its objects come from.
        source: Box<dyn Source>,
        /// What it contains.
        artifact: Box<Artifact>,
        /// The subject.
        subject: Subject,
        /// Something that the user should know and that no verdict shows.
        remark: Option<String>,
    },
    /// A root file system.
    RootDir(PathBuf),
    /// A single file.
    File {
        /// Where it is.
        path: PathBuf,
        /// The digest of its bytes.
        digest: Digest,
        /// How many there are.
        size: u64,
    },
    /// A parsed SBOM.
    Sbom {
        /// The file.
        path: PathBuf,
        /// Its content.
        document: Box<ReadDocument>,
        /// The digest of its bytes.
        digest: Digest,
    },
}

/// Opens `subject`. A tag is resolved here, once; everything after that uses digests.
pub fn open(subject: &Subject, access: &Access) -> Result<OpenedSubject, Error> {
    let limits = access.limits.clone();
    let mut remark = None;
    let source: Box<dyn Source> = match subject {
        Subject::Registry(reference) => {
            Box::new(open_plan(access.registries.get()?.plan(reference)?, access)?)
        }
        Subject::Layout(dir, selector) => {
            Box::new(Layout::open_until(dir, selector.as_deref(), limits, &access.cancel)?)
        }
        Subject::Archive(file, selector) => {
            let archive = Archive::open_until(file, selector.as_deref(), limits, &access.cancel)?;
            remark = archive.is_synthesised().then(|| NO_MANIFEST.to_owned());
            Box::new(archive)
        }
        Subject::Folder(dir) => Box::new(Folder::open(dir, limits)?),
        Subject::Local(engine, name) => {
            let (image, found) = local::open(*engine, name, &access.environment, limits, &access.cancel)?;
            remark = found;
            image
        }
        Subject::RootDir(dir) => return open_root(dir),
        Subject::File(path) => return open_file(path, access),
        Subject::Sbom(path) => return open_sbom(path, access),
    };
    let source = Box::new(Stoppable::new(source, &access.cancel));
    let top = source.resolve()?;
    let artifact = Box::new(artifact::load(source.as_ref(), &top, &access.limits)?);
    remark = remark.or_else(|| partial(&artifact));
    Ok(OpenedSubject::Image { source, artifact, subject: subject.clone(), remark })
}

/// The remark that only a part of an index is present.
fn partial(artifact: &Artifact) -> Option<String> {
    const MOST: usize = 10;
    let absent: Vec<String> =
        artifact.absent.iter().take(MOST).map(|one| shown(&one.platform().to_string())).collect();
    let more = artifact.absent.len().saturating_sub(MOST);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    (!absent.is_empty()).then(|| {
        format!(
            "only a part of the index {} is present: without {}{more}",
            artifact.top.digest,
            absent.join(", ")
        )
    })
}

/// The registry that `reference` names, and not a mirror: for writing, and for reads that must not be stale. It uses
/// the user's credentials for it.
pub fn open_registry(reference: &Reference, access: &Access) -> Result<Registry, Error> {
    open_plan(access.registries.get()?.plan(reference)?.at_origin(), access)
}

/// The places of a plan, each with the user's credentials for it.
fn open_plan(plan: Plan, access: &Access) -> Result<Registry, Error> {
    let client = access.clients.client(&plan)?;
    let keyring = Keyring::from_env(access.environment).under(&access.cancel);
    let credentials = |reference: &Reference| Credentials::find(reference, &keyring, &access.cloud);
    let registry = Registry::planned(&client, plan, credentials, &access.limits)?;
    Ok(match &access.cache {
        Some(cache) => registry.with_cache(cache),
        None => registry,
    })
}

fn open_root(dir: &Path) -> Result<OpenedSubject, Error> {
    match std::fs::metadata(dir) {
        Ok(metadata) if metadata.is_dir() => Ok(OpenedSubject::RootDir(dir.to_owned())),
        Ok(_) => Err(Error::WrongKind {
            subject: format!("dir:{}", dir.display()),
            kind: "a file",
            expected: "a folder that is the root of a file system",
        }),
        Err(source) => Err(Error::Unreadable { path: dir.to_owned(), source }),
    }
}

/// The file as one artifact, of which only the digest is known.
fn open_file(path: &Path, access: &Access) -> Result<OpenedSubject, Error> {
    let limits = &access.limits;
    let unreadable = |source| Error::Unreadable { path: path.to_owned(), source };
    let metadata = std::fs::metadata(path).map_err(unreadable)?;
    if !metadata.is_file() {
        return Err(Error::WrongKind {
            subject: format!("file:{}", path.display()),
            kind: if metadata.is_dir() { "a folder" } else { "not a regular file" },
            expected: "a file",
        });
    }
    let mut file = File::open(path).map_err(unreadable)?.take(limits.layer_bytes.saturating_add(1));
    let mut hasher = Hasher::new(Algorithm::Sha256);
    let mut buffer = vec![0; 256 * 1024];
    let mut size = 0_u64;
    loop {
        access.cancel.check()?;
        let count = match file.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(source) => return Err(unreadable(source)),
        };
        size += count as u64;
        hasher.update(buffer.get(..count).unwrap_or_default());
    }
    if size > limits.layer_bytes {
        let what = path.display().to_string();
        return Err(LimitExceeded::new("layer_bytes", limits.layer_bytes, what).into());
    }
    Ok(OpenedSubject::File { path: path.to_owned(), digest: hasher.finish(), size })
}

/// The bytes of an SBOM: a file, or standard input for `-`.
pub fn sbom_bytes(
    path: &Path,
    limits: &Limits,
    stdin: StandardInput,
    cancel: &Cancel,
) -> Result<Vec<u8>, Error> {
    bytes_within(path, (limits.sbom_bytes, "sbom_bytes"), stdin, cancel)
}

/// The bytes of a file, or of standard input for `-`, within a limit, which has a name.
pub(crate) fn bytes_within(
    path: &Path,
    (limit, limit_name): (u64, &'static str),
    stdin: StandardInput,
    cancel: &Cancel,
) -> Result<Vec<u8>, Error> {
    let unreadable = |source| Error::Unreadable { path: path.to_owned(), source };
    let name = path.display().to_string();
    let (reader, length): (Box<dyn Read>, u64) = if path == Path::new(STDIN) {
        let input = io::stdin();
        if stdin == StandardInput::Closed || input.is_terminal() {
            return Err(Error::NoStandardInput);
        }
        (Box::new(input.lock()), 0)
    } else {
        let file = File::open(path).map_err(unreadable)?;
        let length = file.metadata().map_err(unreadable)?.len();
        (Box::new(file), length)
    };
    let reader = Awaited { reader, cancel };
    let read = read::to_end_of(reader, length, limit, limit_name, &name);
    cancel.check()?;
    read.map_err(|error| match error {
        read::Error::Limit(limit) => Error::Limit(limit),
        read::Error::Io { source, .. } => unreadable(source),
        other => unreadable(io::Error::other(other)),
    })
}

fn open_sbom(path: &Path, access: &Access) -> Result<OpenedSubject, Error> {
    let limits = &access.limits;
    let bytes = sbom_bytes(path, limits, access.stdin, &access.cancel)?;
    let (document, digest) = thread::scope(|scope| {
        let digest = scope.spawn(|| Digest::sha256(&bytes));
        let document = plimsoll_sbom::read_document_until(&bytes, limits, &access.cancel);
        (document, digest.join().unwrap_or_else(|panic| panic::resume_unwind(panic)))
    });
    access.cancel.check()?;
    let document = document.map_err(|source| Error::Sbom { path: path.to_owned(), source })?;
    Ok(OpenedSubject::Sbom { path: path.to_owned(), document: Box::new(document), digest })
}

/// A reader that stops when the caller no longer waits: a pipe may bring a byte now and then.
struct Awaited<'a, R> {
    reader: R,
    cancel: &'a Cancel,
}

impl<R: Read> Read for Awaited<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.cancel.check().map_err(io::Error::other)?;
        self.reader.read(buffer)
    }
}

impl OpenedSubject {
    /// The image for a command about a single image: the one for `platform`; without a platform, the only image, or
    /// else the one for this machine's platform. If that image is missing, this is an error, whatever other images
    /// there are.
    pub fn one_image(&self, platform: Option<&Platform>) -> Result<Option<&Image>, Error> {
        let Self::Image { artifact, subject, .. } = self else { return Ok(None) };
        let images = artifact.select(platform)?;
        let host = Platform::host();
        let wanted = platform.unwrap_or(&host);
        let is_named = |absent: &&&Absent| absent.platform().normalised() == wanted.normalised();
        let absent = artifact.absent(Some(wanted));
        let exact = images.iter().any(|image| image.platform.normalised() == wanted.normalised());
        if let Some(absent) = absent.iter().find(is_named).or(absent.first().filter(|_| !exact)) {
            return Err(artifact.absence(absent).into());
        }
        let choose = || Error::ChoosePlatform {
            subject: subject.to_string(),
            available: images.iter().map(|image| image.platform.to_string()).collect(),
        };
        if let [image] = images.as_slice() {
            return Ok(Some(image));
        }
        // If two are for the same platform, the engine chooses which one runs.
        let only = |fits: &dyn Fn(&Image) -> bool| {
            let found: Vec<&Image> = images.iter().copied().filter(|image| fits(image)).collect();
            match found.as_slice() {
                [] => None,
                [image] => Some(Ok(Some(*image))),
                several => Some(Err(Error::SeveralForPlatform {
                    subject: subject.to_string(),
                    platform: wanted.to_string(),
                    digests: several.iter().map(|image| image.manifest.digest.to_string()).collect(),
                })),
            }
        };
        let is_it = |image: &Image| image.platform.normalised() == wanted.normalised();
        let may_be_it = |image: &Image| image.platform.satisfies(wanted);
        only(&is_it).or_else(|| only(&may_be_it)).unwrap_or_else(|| Err(choose()))
    }

    /// Something about the subject that the reader should know, but the verdict or document does not show.
    pub fn remark(&self) -> Option<&str> {
        match self {
            Self::Image { remark, .. } => remark.as_deref(),
            Self::File { .. } => Some("a single file is not examined: only its digest is known"),
            Self::Sbom { document, .. } => envelope_remark(document),
            Self::RootDir(_) => None,
        }
    }
}

/// The remark about an SBOM that was taken out of an attestation.
pub fn envelope_remark(document: &ReadDocument) -> Option<&'static str> {
    match document.envelopes.first()? {
        Envelope::Statement => Some("an in-toto statement without a signature: nobody vouches for it"),
        _ => Some("signature not verified here; plimsoll verify-attestation or verify-blob-attestation does"),
    }
}
