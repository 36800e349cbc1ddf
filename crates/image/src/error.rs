//! Everything that can go wrong with an image, what kind of failure it is, and what to do about it.
//!
//! Messages name the object and the place. Foreign text in them (media types, member names, references) is escaped when
//! it is put into the error, so that it may be printed.

use std::fmt::Write as _;
use std::io;

#[cfg(test)]
use plimsoll_core::text::shown;
use plimsoll_core::{Classify, Digest, Kind, LimitExceeded, Platform, Stopped, json};

/// Why an image could not be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The file system, or a stream without a more specific error.
    #[error("{what}: {source}")]
    Io {
        /// What was read or written.
        what: String,
        /// The failure.
        #[source]
        source: io::Error,
    },
    /// A failure specific to this kind of place, such as a registry's answer or a network failure.
    #[error("{0}")]
    Place(Box<dyn PlaceError>),
    /// Foreign bytes exceed a limit.
    #[error(transparent)]
    Limit(#[from] LimitExceeded),
    /// The place answers, but does not have the object.
    #[error("{place} has no {what}")]
    NotFound {
        /// The object.
        what: String,
        /// The source's description of itself.
        place: String,
    },
    /// Bytes that do not match their digest.
    #[error("{what}: digest is {got}, expected {expected}")]
    DigestMismatch {
        /// The object.
        what: String,
        /// The digest of the bytes.
        got: Digest,
        /// The expected digest.
        expected: Digest,
    },
    /// More or fewer bytes than the descriptor says.
    #[error("{what}: got {got} bytes, expected {expected}")]
    SizeMismatch {
        /// The object.
        what: String,
        /// The number of bytes; for an object that is too long, those read until it was noticed.
        got: u64,
        /// The size in the descriptor.
        expected: u64,
    },
    /// A layer whose uncompressed bytes do not match the image's configuration.
    #[error("{what}: diff ID is {got}, expected {expected} as in the image's configuration")]
    DiffIdMismatch {
        /// The layer.
        what: String,
        /// The digest of the uncompressed bytes.
        got: Digest,
        /// The digest in the configuration.
        expected: Digest,
    },
    /// A document that is not strict JSON.
    #[error("{what}: {source}")]
    Json {
        /// The document.
        what: String,
        /// The failure.
        #[source]
        source: json::Error,
    },
    /// Body and descriptor (or `Content-Type`) disagree about what the object is.
    #[error("{what}: media type is {got}, expected {expected}")]
    MediaTypeMismatch {
        /// The object.
        what: String,
        /// The type in the body.
        got: String,
        /// The stated type.
        expected: String,
    },
    /// A manifest that could be read as an image and as an index (CVE-2021-41190).
    #[error("{what} has both manifests and layers, so readers disagree about what it is")]
    Ambiguous {
        /// The document.
        what: String,
    },
    /// Docker's manifest format from before 2016.
    #[error("{what} is a Docker schema 1 manifest, which is not supported")]
    Schema1 {
        /// The document.
        what: String,
    },
    /// A document of the right type whose content is wrong.
    #[error("{what}: {problem}")]
    Malformed {
        /// The document.
        what: String,
        /// What is wrong with it, "got X, expected Y".
        problem: String,
    },
    /// Something other than an image: a chart, a signature, a WebAssembly module.
    #[error("{what} is not a container image: {problem}")]
    NotAnImage {
        /// The object.
        what: String,
        /// Why it is not one.
        problem: String,
    },
    /// The index lists the image, but the place does not contain all of it.
    #[error("{missing}, so the image for {wanted} is missing; {}", there(.available))]
    AbsentPlatform {
        /// What is missing, and where.
        missing: String,
        /// The image's platform.
        wanted: String,
        /// The platforms of the existing images.
        available: Vec<String>,
    },
    /// The index has no image for the platform.
    #[error("{what} has no image for {wanted}; it has {}", listed(.available))]
    NoPlatform {
        /// The index.
        what: String,
        /// The requested platform.
        wanted: Platform,
        /// The platforms that the index has.
        available: Vec<String>,
    },
    /// There are several images, and the user did not select one.
    #[error("{place} contains several images: {}", listed(.refs))]
    SeveralImages {
        /// The layout or archive.
        place: String,
        /// Their references or digests.
        refs: Vec<String>,
    },
    /// No image has the reference.
    #[error("{place} has no image {wanted}; it has {}", listed(.refs))]
    NoSuchImage {
        /// The layout or archive.
        place: String,
        /// The requested image.
        wanted: String,
        /// The available references or digests.
        refs: Vec<String>,
    },
    /// The engine has no images on this machine, or they are stored elsewhere.
    #[error("there are no images of {store} here; looked in {}", listed(.looked))]
    NoStore {
        /// `podman`, `containerd`, `docker`.
        store: String,
        /// The places that were searched.
        looked: Vec<String>,
    },
    /// The store exists, but this user may not read it.
    #[error("no permission to read the images of {store}: {path}")]
    StoreDenied {
        /// `podman`, `containerd`, `docker`.
        store: String,
        /// What could not be opened.
        path: String,
    },
    /// A name that matches several images of a store.
    #[error("{place}: {wanted} may mean several images: {}", listed(.names))]
    AmbiguousName {
        /// The store.
        place: String,
        /// The requested name.
        wanted: String,
        /// Names of these images.
        names: Vec<String>,
    },
    /// An engine that does not listen on a socket of this machine.
    #[error(
        "got DOCKER_HOST={got}, expected unix:///PATH: images are read from engines of this machine only"
    )]
    RemoteEngine {
        /// The value of the variable.
        got: String,
    },
    /// Referrers were requested from a place that does not keep them.
    #[error("{place} has no signatures: they are with the image in its registry")]
    NoReferrers {
        /// The store.
        place: String,
    },
    /// A layer whose compression differs from its media type.
    #[error("{what}: the bytes have {got}, but the media type says {expected}")]
    CompressionMismatch {
        /// The layer.
        what: String,
        /// What the magic number shows.
        got: &'static str,
        /// What the media type says.
        expected: &'static str,
    },
    /// A gzip or zstd stream that is damaged, cut off, or followed by something else.
    #[error("{what}: cannot uncompress after {offset} bytes of output: {source}")]
    Inflate {
        /// The layer.
        what: String,
        /// How many bytes were decompressed before.
        offset: u64,
        /// The decoder's error.
        #[source]
        source: io::Error,
    },
    /// A tar that is damaged, truncated, or made to be read differently by different readers.
    #[error("{what}: tar header at byte {offset}: {problem}")]
    Tar {
        /// The archive.
        what: String,
        /// Where the offending header begins.
        offset: u64,
        /// What is wrong with it.
        problem: TarProblem,
    },
    /// A file that was named as an archive is compressed as a whole, with an unsupported compression.
    #[error("{file} is compressed with {compression}, expected a tar, plain or compressed with gzip or zstd")]
    CompressedArchive {
        /// The file.
        file: String,
        /// `xz`, `bzip2`.
        compression: &'static str,
    },
    /// Neither a layout nor an archive.
    #[error("{place} is not an image: {problem}")]
    UnknownFormat {
        /// The directory or file.
        place: String,
        /// What is missing.
        problem: String,
    },
    /// The caller no longer waits.
    #[error(transparent)]
    Stopped(#[from] Stopped),
    /// Reading stopped because another layer failed first. Never reported to the user.
    #[error("stopped, because reading another layer failed")]
    Cancelled,
}

/// What is wrong with a tar.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TarProblem {
    /// The stream ends within an entry or a header.
    #[error("the archive is cut off")]
    Truncated,
    /// The checksum is wrong: not a header at all.
    #[error("header checksum is {got}, expected {expected}")]
    Checksum {
        /// The sum of the header's bytes.
        got: u64,
        /// What the header says.
        expected: u64,
    },
    /// A numeric field that is neither octal nor base-256, or negative where that makes no sense.
    #[error("field `{field}` is not a valid number")]
    Number {
        /// The field.
        field: &'static str,
    },
    /// A zero block is followed by something that is not one.
    #[error("a single zero block is followed by data")]
    LoneZeroBlock,
    /// An extended (PAX) header that does not follow the format.
    #[error("malformed extended header: {0}")]
    Pax(&'static str),
    /// A sparse map that does not follow the format.
    #[error("malformed sparse map: {0}")]
    Sparse(&'static str),
    /// GNU and PAX name the same entry differently; readers disagree about which one counts.
    #[error("both a GNU long name and a PAX path for one entry")]
    TwoNames,
    /// A global header that moves or resizes entries: some readers apply it, others do not.
    #[error("global extended header sets `{0}`, which readers treat differently")]
    Global(String),
    /// A global header between an entry and the header that describes it; some readers then forget the
    /// description, but others do not.
    #[error("global extended header between an entry and the header that describes it")]
    MisplacedGlobal,
    /// An empty GNU long name or link target; some readers ignore it, others do not.
    #[error("a GNU long name is empty")]
    EmptyLongName,
    /// An empty name, a name with a NUL, or one that climbs out of the root (CVE-2025-5981).
    #[error("entry name `{0}` leaves the root")]
    Escapes(String),
    /// A whiteout of nothing, of the directory itself or of its parent.
    #[error("whiteout `{0}` names no entry")]
    Whiteout(String),
    /// An entry that only overlay file systems understand, and that only some engines pass on to them.
    #[error("extended attribute `{0}` tells an overlay file system what to show")]
    OverlayAttribute(String),
    /// A global header with the name of an entry. containerd then removes the entry, but others keep it.
    #[error("global extended header is called `{0}`, which is or may be an entry of the layer")]
    GlobalName(String),
    /// A whiteout of an earlier entry of the same layer. Engines refuse it; according to the specification,
    /// it only affects lower layers.
    #[error("whiteout of `{0}`, which the layer itself contains")]
    WhiteoutOfOwn(String),
    /// An entry below something that is not a directory. Engines refuse it.
    #[error("`{0}` is not a directory, but later entries are in it")]
    InTheWay(String),
    /// A device that replaces another entry. Engines without the right to create devices keep the other
    /// entry.
    #[error("device `{0}` replaces another entry of the layer")]
    DeviceOver(String),
    /// A device in a directory without an entry in the layer. Engines that omit the device do not create the
    /// directory either.
    #[error("device `{0}` is in a directory without an entry")]
    DeviceWithoutFolder(String),
    /// A path with more symbolic links than engines follow.
    #[error("more than {links} symbolic links lead to `{path}`")]
    TooManyLinks {
        /// The entry.
        path: String,
        /// How many are followed.
        links: usize,
    },
    /// Two members with the same name in an image archive.
    #[error("member `{0}` occurs twice")]
    Duplicate(String),
}

/// A failure specific to a kind of place, which classifies itself.
pub trait PlaceError: std::error::Error + Classify + Send + Sync + 'static {}

impl Error {
    /// Wraps a failure of reading or writing. If `source` wraps an [`Error`] (from a blob stream), that one is
    /// returned, so that kind and hint survive.
    pub fn io(what: impl Into<String>, source: io::Error) -> Self {
        if source.get_ref().is_some_and(<dyn std::error::Error + Send + Sync + 'static>::is::<Self>) {
            match source.into_inner().map(<dyn std::error::Error + Send + Sync + 'static>::downcast::<Self>) {
                Some(Ok(inner)) => return *inner,
                _ => return Self::Io { what: what.into(), source: io::ErrorKind::Other.into() },
            }
        }
        Self::Io { what: what.into(), source }
    }

    /// A document of the right type whose content is wrong.
    pub fn malformed(what: impl Into<String>, problem: impl Into<String>) -> Self {
        Self::Malformed { what: what.into(), problem: problem.into() }
    }
}

fn there(platforms: &[String]) -> String {
    if platforms.is_empty() { "no other is".to_owned() } else { format!("what is: {}", listed(platforms)) }
}

fn listed(names: &[String]) -> String {
    const MOST: usize = 10;
    if names.is_empty() {
        return "none".to_owned();
    }
    let mut list = names.iter().take(MOST).cloned().collect::<Vec<_>>().join(", ");
    if names.len() > MOST {
        // Writing to a String cannot fail.
        let _ = write!(list, " and {} more", names.len() - MOST);
    }
    list
}

impl Classify for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::Io { source, .. } => match source.kind() {
                io::ErrorKind::NotFound => Kind::NotFound,
                io::ErrorKind::TimedOut | io::ErrorKind::ConnectionReset | io::ErrorKind::Interrupted => {
                    Kind::Transient
                }
                _ => Kind::Failed,
            },
            Self::Place(source) => source.kind(),
            Self::Stopped(stopped) => stopped.kind(),
            Self::StoreDenied { .. } => Kind::Unauthorized,
            Self::NotFound { .. }
            | Self::NoPlatform { .. }
            | Self::AbsentPlatform { .. }
            | Self::NoSuchImage { .. }
            | Self::NoStore { .. } => Kind::NotFound,
            Self::DigestMismatch { .. } | Self::SizeMismatch { .. } | Self::DiffIdMismatch { .. } => {
                Kind::Denied
            }
            Self::SeveralImages { .. }
            | Self::AmbiguousName { .. }
            | Self::RemoteEngine { .. }
            | Self::CompressedArchive { .. } => Kind::Usage,
            Self::Cancelled => Kind::Internal,
            _ => Kind::Failed,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Place(source) => source.hint(),
            Self::Stopped(stopped) => stopped.hint(),
            Self::DigestMismatch { .. } | Self::SizeMismatch { .. } => Some(
                "the bytes were changed or damaged on the way or at rest; compare with another copy, and do not run this image"
                    .to_owned(),
            ),
            Self::DiffIdMismatch { .. } => {
                Some("the layer is not the one that the image was built with; rebuild or pull it again".to_owned())
            }
            Self::Schema1 { .. } => {
                Some("push the image again with a current docker, podman or crane; they write schema 2".to_owned())
            }
            Self::AbsentPlatform { available, .. } => Some(match available.first() {
                Some(platform) => format!("use --platform {platform}, or copy all platforms"),
                None => "copy the image again, completely".to_owned(),
            }),
            Self::NoPlatform { .. } => Some("name one of these platforms with --platform".to_owned()),
            Self::NoStore { store, .. } => Some(match store.as_str() {
                "podman" => "`podman info --format {{.Store.GraphRoot}}` says where it keeps them; CONTAINERS_STORAGE_CONF names a storage.conf with that graphroot".to_owned(),
                "containerd" => "set CONTAINERD_ROOT to the `root` of containerd's configuration".to_owned(),
                _ => "start it, or set DOCKER_HOST=unix:///PATH/TO/docker.sock".to_owned(),
            }),
            Self::StoreDenied { store, .. } => Some(match store.as_str() {
                "podman" => "for images of your own, run it as `podman unshare plimsoll …`; for the machine's, as root".to_owned(),
                "docker" => "run it as root, or as a user of the group that owns the socket (usually docker)".to_owned(),
                _ => "run it as root, who owns these files".to_owned(),
            }),
            Self::AmbiguousName { .. } => Some("name the image in full, or by its digest".to_owned()),
            Self::RemoteEngine { .. } => {
                Some("docker save IMAGE -o image.tar, then name archive:image.tar".to_owned())
            }
            Self::NoReferrers { .. } => Some("judge it there by its digest: plimsoll check REGISTRY/REPOSITORY@DIGEST".to_owned()),
            Self::SeveralImages { .. } => Some("name one of them after the path: …:REFERENCE".to_owned()),
            Self::CompressedArchive { file, compression } => {
                Some(format!("uncompress it first: {compression} -dk {file}"))
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_inside_a_stream_keeps_its_kind() {
        let inner = Error::NotFound { what: "blob".into(), place: "registry".into() };
        let error = Error::io("layer", io::Error::other(inner));
        assert_eq!(error.kind(), Kind::NotFound);
        let plain = Error::io("layer", io::ErrorKind::TimedOut.into());
        assert_eq!(plain.kind(), Kind::Transient);
    }

    #[test]
    fn foreign_text_is_cut_and_escaped() {
        assert_eq!(shown("a\x1b[2J"), "a\\u{1b}[2J");
        assert_eq!(shown(&"ü".repeat(200)).chars().count(), 101);
    }
}
