//! Settings of `plimsoll check`.

use std::path::PathBuf;
use std::sync::Arc;

use plimsoll_core::{Platform, Timestamp};
use plimsoll_gather::Access;
use plimsoll_judge::Roots;

use super::updating::UpdatingSettings;
use super::{Context, EvidenceRepository, reading_access, roots};
use crate::args::check::Check;
use crate::failure::Failure;

pub(crate) use crate::args::check::Format;

/// What is judged, by which policy, and how the verdict is shown.
pub(crate) struct CheckSettings {
    /// The subjects, as they were written.
    pub(crate) subjects: Vec<String>,
    /// The one platform of an index that is judged; `None` means every one.
    pub(crate) platform: Option<Platform>,
    pub(crate) evidence_repository: EvidenceRepository,
    pub(crate) access: Access,
    /// A policy file or folder; `None` means the built-in policy.
    pub(crate) policy: Option<PathBuf>,
    /// Waivers, or folders of them.
    pub(crate) waivers: Vec<PathBuf>,
    /// Deny lists beside those of the policy.
    pub(crate) deny_lists: Vec<PathBuf>,
    /// What certificates are verified with under policies without a root of their own.
    pub(crate) roots: Arc<Roots>,
    /// Folder of the advisory database.
    pub(crate) database: PathBuf,
    /// How it is updated if it lacks something.
    pub(crate) updating: Option<UpdatingSettings>,
    /// The instant that the verdict is about.
    pub(crate) now: Timestamp,
    pub(crate) explain: bool,
    pub(crate) format: Format,
    /// Where the result goes; nothing means standard output.
    pub(crate) file: Option<PathBuf>,
}

impl CheckSettings {
    pub(crate) fn resolve(arguments: &Check, context: &Context<'_>) -> Result<Self, Failure> {
        let access = reading_access(&arguments.reading, context)?;
        Ok(Self {
            subjects: arguments.subjects.clone(),
            platform: arguments.reading.platform.platform.clone(),
            evidence_repository: EvidenceRepository::resolve(&arguments.repository, context),
            policy: arguments.policy.clone(),
            waivers: arguments.waivers.clone(),
            deny_lists: arguments.deny_list.clone(),
            roots: Arc::new(roots(&arguments.root, access.http(), context)?),
            database: context.database_folder(&arguments.db)?,
            updating: UpdatingSettings::resolve(&arguments.updating, &access, context)?,
            now: context.now(&arguments.instant),
            explain: arguments.explain,
            format: arguments.output,
            file: arguments.reading.file.output_file.clone(),
            access,
        })
    }
}
