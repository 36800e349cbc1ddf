//! What can keep evidence from being gathered.

use std::io;
use std::path::PathBuf;

use plimsoll_core::{Classify, Kind, reference};

/// Why a subject could not be opened or read completely.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The text is neither a path that exists nor an image reference.
    #[error("`{text}` is neither an existing path nor an image reference: {source}")]
    NotASubject {
        /// What was typed.
        text: String,
        /// Why it is not a reference.
        #[source]
        source: reference::ParseError,
    },
    /// The text looks like a path, but nothing exists there.
    #[error("{} does not exist", path.display())]
    NoSuchPath {
        /// The path.
        path: PathBuf,
    },
    /// A name that ends like an archive or a document, but no such file exists.
    #[error("{} does not exist", path.display())]
    NoSuchFile {
        /// The path.
        path: PathBuf,
        /// The image of that name.
        image: String,
    },
    /// The text is the name of an existing path, and of an image.
    #[error("`{text}` is an existing path and can also be the image {image}")]
    Ambiguous {
        /// What was typed.
        text: String,
        /// The image of that name.
        image: String,
    },
    /// The text can be read in two ways.
    #[error("`{text}` can mean two things")]
    TwoMeanings {
        /// What was typed.
        text: String,
        /// Both, each with a spelling that means nothing else.
        meanings: String,
    },
    /// A digest without a place.
    #[error("`{text}` is a digest and does not say where the image is")]
    DigestAlone {
        /// What was typed.
        text: String,
    },
    /// An unknown scheme.
    #[error("there is no scheme `{scheme}:`")]
    NoSuchScheme {
        /// What was typed.
        scheme: String,
        /// The known scheme that is nearest to it.
        nearest: Option<String>,
    },
    /// A scheme of other tools, whose subjects are not supported.
    #[error("`{scheme}` is not read")]
    NotRead {
        /// The scheme.
        scheme: String,
        /// What to do instead.
        hint: &'static str,
    },
    /// The address of a web page.
    #[error("`{text}` is a URL, expected the name of an image")]
    Url {
        /// What was typed.
        text: String,
        /// The same without its scheme.
        rest: String,
    },
    /// A scheme with nothing after it.
    #[error("`{text}` does not name an image")]
    NoName {
        /// What was typed.
        text: String,
    },
    /// The file is of a kind that cannot be judged.
    #[error("{} is neither a tar archive nor a JSON document", path.display())]
    UnknownFile {
        /// The file.
        path: PathBuf,
    },
    /// The file cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// `sbom:-`, but nothing is piped in.
    #[error("standard input is empty, expected an SBOM or a list of subjects")]
    NoStandardInput,
    /// A list of subjects is not text.
    #[error("{} is not valid UTF-8, expected one subject a line", path.display())]
    NotAList {
        /// The file.
        path: PathBuf,
    },
    /// A folder without a document.
    #[error("{} has no SBOM in it", path.display())]
    NoDocuments {
        /// The folder.
        path: PathBuf,
    },
    /// A pipe or device. Reading it to find out what it contains would consume it.
    #[error("{} is a pipe or device, expected a file or folder", path.display())]
    Pipe {
        /// The path.
        path: PathBuf,
    },
    /// The SBOM is larger than the limit.
    #[error(transparent)]
    Limit(#[from] plimsoll_core::LimitExceeded),
    /// Docker has no image with this name on this machine.
    #[error("{source}")]
    NotLocal {
        /// The name.
        name: String,
        /// What Docker said.
        source: plimsoll_image::Error,
    },
    /// The caller no longer waits.
    #[error(transparent)]
    Stopped(#[from] plimsoll_core::Stopped),
    /// The image cannot be read completely.
    #[error(transparent)]
    Image(#[from] plimsoll_image::Error),
    /// The request to the registry failed.
    #[error(transparent)]
    Registry(#[from] plimsoll_registry::Error),
    /// The search for attachments failed.
    #[error(transparent)]
    Attached(#[from] plimsoll_attach::Error),
    /// The HTTP client cannot be set up.
    #[error(transparent)]
    Http(#[from] plimsoll_http::Error),
    /// The SBOM cannot be read.
    #[error("{}: {source}", path.display())]
    Sbom {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: plimsoll_sbom::Error,
    },
    /// This command cannot use this kind of subject.
    #[error("{subject} is {kind}, expected {expected}")]
    WrongKind {
        /// The subject.
        subject: String,
        /// What it is.
        kind: &'static str,
        /// What the command can use.
        expected: &'static str,
    },
    /// An index has images for several platforms, and one must be chosen.
    #[error("{subject} has images for {}; none of them is this machine's platform", available.join(", "))]
    ChoosePlatform {
        /// The subject.
        subject: String,
        /// The platforms of the index.
        available: Vec<String>,
    },
    /// An index has several images for one platform.
    #[error("{subject} has several images for {platform}, and the engine decides which one runs: {}", digests.join(", "))]
    SeveralForPlatform {
        /// The subject.
        subject: String,
        /// The requested platform, or this machine's.
        platform: String,
        /// The images.
        digests: Vec<String>,
    },
}

impl Classify for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::NotASubject { .. }
            | Self::Ambiguous { .. }
            | Self::TwoMeanings { .. }
            | Self::DigestAlone { .. }
            | Self::NoSuchScheme { .. }
            | Self::NotRead { .. }
            | Self::Url { .. }
            | Self::UnknownFile { .. }
            | Self::NoStandardInput
            | Self::NotAList { .. }
            | Self::Pipe { .. }
            | Self::NoName { .. }
            | Self::WrongKind { .. }
            | Self::ChoosePlatform { .. }
            | Self::SeveralForPlatform { .. } => Kind::Usage,
            Self::NoSuchPath { .. } | Self::NoSuchFile { .. } | Self::NoDocuments { .. } => Kind::NotFound,
            Self::Unreadable { source, .. } => Kind::of_reading(source),
            Self::Limit(_) => Kind::Failed,
            Self::Image(error) | Self::NotLocal { source: error, .. } => error.kind(),
            Self::Registry(error) => error.kind(),
            Self::Stopped(stopped) => stopped.kind(),
            Self::Attached(error) => error.kind(),
            Self::Http(error) => error.kind(),
            Self::Sbom { source, .. } => source.kind(),
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Stopped(stopped) => stopped.hint(),
            Self::UnknownFile { .. } => {
                Some("put the kind in front: archive:FILE, sbom:FILE, oci:DIR, dir:PATH, or file:FILE for any file".to_owned())
            }
            Self::NoStandardInput => {
                Some("pipe it in, `syft IMAGE -o spdx-json | plimsoll scan sbom:-`, or name the file: sbom:FILE".to_owned())
            }
            Self::NoDocuments { path } => {
                Some(format!("for a folder with software in it, name its kind: dir:{}", path.display()))
            }
            Self::Pipe { path } => Some(format!("for an SBOM, name its kind: sbom:{}", path.display())),
            Self::Ambiguous { text, image } => {
                Some(format!("write ./{text} for the path, or {image} with its tag or digest for the image"))
            }
            Self::TwoMeanings { meanings, .. } => Some(format!("write {meanings}")),
            Self::NoSuchFile { image, .. } => {
                Some(format!("if an image is meant, write its name with the registry: {image}"))
            }
            Self::DigestAlone { text } => {
                Some(format!("name the repository or the layout as well: registry.example/app@{text}, oci:DIR@{text}"))
            }
            Self::NoSuchScheme { nearest: Some(nearest), .. } => Some(format!("write {nearest}:…")),
            Self::NoSuchScheme { nearest: None, .. } => Some(
                "schemes are oci:, archive:, dir:, file:, sbom:, docker:, podman:, containerd:; an image in a registry needs none"
                    .to_owned(),
            ),
            Self::NotRead { hint, .. } => Some((*hint).to_owned()),
            Self::Url { rest, .. } => Some(format!("name the image alone: {rest}")),
            Self::ChoosePlatform { available, .. } => {
                available.first().map(|p| format!("pass --platform {p}"))
            }
            Self::SeveralForPlatform { digests, .. } => {
                digests.first().map(|digest| format!("name one of them by its digest: …@{digest}"))
            }
            Self::NotLocal { name, source } => {
                let registry = format!("the registry's image `docker:{name}` is docker.io/library/docker:{name}");
                Some(match source.hint() {
                    Some(hint) => format!("{hint}; {registry}"),
                    None => registry,
                })
            }
            Self::Image(error) => error.hint(),
            Self::Registry(error) => error.hint(),
            Self::Attached(error) => error.hint(),
            Self::Http(error) => error.hint(),
            Self::Sbom { source, .. } => source.hint(),
            _ => None,
        }
    }
}
