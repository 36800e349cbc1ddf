//! Settings of `plimsoll evidence`.

use std::path::{Path, PathBuf};

use plimsoll_core::{Kind, Limits, Platform, Timestamp};
use plimsoll_gather::{Access, Subject};
use plimsoll_verify::PredicateType;

use super::{Context, EvidenceRepository, Format, access};
use crate::args::evidence::{Attach, Command, Copy, Download, Evidence, Inspect, Load, Save, Tree, Upgrade};
use crate::args::shared;
use crate::failure::Failure;

pub(crate) use crate::args::evidence::DownloadFormat;

/// Settings of `plimsoll evidence`.
pub(crate) enum EvidenceSettings<'a> {
    Tree(Box<TreeSettings>),
    Attach(Box<AttachSettings>),
    Download(Box<DownloadSettings>),
    /// An image is copied, saved or loaded with its evidence.
    Transfer(Box<TransferSettings>),
    Inspect(InspectSettings<'a>),
    Upgrade(UpgradeSettings<'a>),
}

/// An image, and what is needed to get at it and its evidence.
pub(crate) struct PlaceSettings {
    /// The subject, as it was written.
    pub(crate) subject: String,
    pub(crate) evidence_repository: EvidenceRepository,
    pub(crate) access: Access,
}

/// Of which image the evidence is listed.
pub(crate) struct TreeSettings {
    pub(crate) place: PlaceSettings,
    pub(crate) format: Format,
    /// Where the result goes; nothing means standard output.
    pub(crate) file: Option<PathBuf>,
}

/// Which file is attached to which image.
pub(crate) struct AttachSettings {
    pub(crate) place: PlaceSettings,
    /// The one image of an index, instead of the index.
    pub(crate) platform: Option<Platform>,
    /// The file that is attached.
    pub(crate) path: PathBuf,
    /// The file's media type, where a flag gives it.
    pub(crate) media_type: Option<String>,
    /// When it is attached.
    pub(crate) now: Timestamp,
}

/// What is downloaded from which image.
pub(crate) struct DownloadSettings {
    pub(crate) place: PlaceSettings,
    /// The one image of an index, instead of the index.
    pub(crate) platform: Option<Platform>,
    pub(crate) what: DownloadFormat,
    /// The predicate type that it has to claim.
    pub(crate) kind: Option<PredicateType>,
    /// The folder that it is written to; nothing means standard output.
    pub(crate) folder: Option<PathBuf>,
}

/// From where to where an image goes with its evidence.
pub(crate) struct TransferSettings {
    pub(crate) from: PlaceSettings,
    pub(crate) to: Subject,
}

/// Which bundle is shown.
pub(crate) struct InspectSettings<'a> {
    pub(crate) path: PathBuf,
    pub(crate) format: Format,
    pub(crate) limits: &'a Limits,
}

/// Which bundle is upgraded.
pub(crate) struct UpgradeSettings<'a> {
    pub(crate) path: PathBuf,
    /// Where the result goes; nothing means standard output.
    pub(crate) file: Option<PathBuf>,
    pub(crate) limits: &'a Limits,
}

impl<'a> EvidenceSettings<'a> {
    pub(crate) fn resolve(arguments: &Evidence, context: &Context<'a>) -> Result<Self, Failure> {
        Ok(match &arguments.command {
            Command::Tree(arguments) => Self::Tree(Box::new(TreeSettings::resolve(arguments, context)?)),
            Command::Attach(arguments) => {
                Self::Attach(Box::new(AttachSettings::resolve(arguments, context)?))
            }
            Command::Download(arguments) => {
                Self::Download(Box::new(DownloadSettings::resolve(arguments, context)?))
            }
            Command::Copy(arguments) => Self::Transfer(Box::new(TransferSettings::copy(arguments, context)?)),
            Command::Save(arguments) => Self::Transfer(Box::new(TransferSettings::save(arguments, context)?)),
            Command::Load(arguments) => Self::Transfer(Box::new(TransferSettings::load(arguments, context)?)),
            Command::Inspect(arguments) => Self::Inspect(InspectSettings::resolve(arguments, context)),
            Command::Upgrade(arguments) => Self::Upgrade(UpgradeSettings::resolve(arguments, context)),
        })
    }
}

impl PlaceSettings {
    fn resolve(
        subject: &str,
        repository: &shared::EvidenceRepository,
        network: &shared::Network,
        context: &Context<'_>,
    ) -> Result<Self, Failure> {
        Ok(Self {
            subject: subject.to_owned(),
            evidence_repository: EvidenceRepository::resolve(repository, context),
            access: access(network, context)?,
        })
    }
}

impl TreeSettings {
    fn resolve(arguments: &Tree, context: &Context<'_>) -> Result<Self, Failure> {
        let (repository, network) = (&arguments.repository, &arguments.network);
        Ok(Self {
            place: PlaceSettings::resolve(&arguments.subject, repository, network, context)?,
            format: arguments.output,
            file: arguments.file.output_file.clone(),
        })
    }
}

impl AttachSettings {
    fn resolve(arguments: &Attach, context: &Context<'_>) -> Result<Self, Failure> {
        let (repository, network) = (&arguments.repository, &arguments.network);
        Ok(Self {
            place: PlaceSettings::resolve(&arguments.subject, repository, network, context)?,
            platform: arguments.platform.platform.clone(),
            path: arguments.path.clone(),
            media_type: arguments.media_type.clone(),
            now: context.clock()(),
        })
    }
}

impl DownloadSettings {
    fn resolve(arguments: &Download, context: &Context<'_>) -> Result<Self, Failure> {
        let (repository, network) = (&arguments.repository, &arguments.network);
        Ok(Self {
            place: PlaceSettings::resolve(&arguments.subject, repository, network, context)?,
            platform: arguments.platform.platform.clone(),
            what: arguments.what,
            kind: arguments.kind.clone(),
            folder: arguments.output_dir.clone(),
        })
    }
}

impl TransferSettings {
    fn copy(arguments: &Copy, context: &Context<'_>) -> Result<Self, Failure> {
        let to = Subject::parse(&arguments.destination)?;
        let (repository, network) = (&arguments.repository, &arguments.network);
        Ok(Self { from: PlaceSettings::resolve(&arguments.source, repository, network, context)?, to })
    }

    fn save(arguments: &Save, context: &Context<'_>) -> Result<Self, Failure> {
        let to = Subject::Layout(arguments.directory.clone(), None);
        let (repository, network) = (&arguments.repository, &arguments.network);
        Ok(Self { from: PlaceSettings::resolve(&arguments.subject, repository, network, context)?, to })
    }

    /// The evidence about an image in a layout is in the layout itself.
    fn load(arguments: &Load, context: &Context<'_>) -> Result<Self, Failure> {
        // It is a folder in any case, so that it needs no scheme.
        let layout = match arguments.layout.strip_prefix("oci:") {
            Some(_) => arguments.layout.clone(),
            None => format!("oci:{}", arguments.layout),
        };
        if !Path::new(&arguments.layout).is_dir() && layout != arguments.layout {
            return Err(Failure::new(Kind::Usage, format!("{} is not an OCI layout", arguments.layout))
                .with_hint("make one where the image is: plimsoll evidence save SUBJECT DIR"));
        }
        let to = Subject::parse(&arguments.destination)?;
        let from = PlaceSettings {
            subject: layout,
            evidence_repository: EvidenceRepository::default(),
            access: access(&arguments.network, context)?,
        };
        Ok(Self { from, to })
    }
}

impl<'a> InspectSettings<'a> {
    fn resolve(arguments: &Inspect, context: &Context<'a>) -> Self {
        Self { path: arguments.path.clone(), format: arguments.output, limits: context.limits }
    }
}

impl<'a> UpgradeSettings<'a> {
    fn resolve(arguments: &Upgrade, context: &Context<'a>) -> Self {
        let file = arguments.file.output_file.clone();
        Self { path: arguments.path.clone(), file, limits: context.limits }
    }
}
