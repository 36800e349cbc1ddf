//! Settings of `plimsoll sign`.

use std::collections::BTreeMap;

use plimsoll_core::Platform;
use plimsoll_gather::Access;

use super::signing::{SigningSettings, Upload};
use super::{Context, EvidenceRepository, Keys, access};
use crate::args::sign::Sign;
use crate::failure::Failure;

/// What is signed, what signs it, and where the signature goes.
pub(crate) struct SignSettings {
    /// The subjects, as they were written.
    pub(crate) subjects: Vec<String>,
    /// The one image of an index that is signed, instead of the index.
    pub(crate) platform: Option<Platform>,
    /// An index and each of its images.
    pub(crate) recursive: bool,
    /// The annotations that are signed with the digest.
    pub(crate) annotations: BTreeMap<String, String>,
    pub(crate) upload: Upload,
    pub(crate) evidence_repository: EvidenceRepository,
    pub(crate) access: Access,
    pub(crate) signing: SigningSettings,
}

impl SignSettings {
    pub(crate) fn resolve(arguments: &Sign, context: &Context<'_>) -> Result<Self, Failure> {
        let upload = Upload::resolve(&arguments.upload, arguments.subjects.len())?;
        let access = access(&arguments.network, context)?;
        let keys = Keys::beside(&access, context);
        Ok(Self {
            subjects: arguments.subjects.clone(),
            platform: arguments.platform.platform.clone(),
            recursive: arguments.recursive,
            annotations: arguments.annotation.iter().cloned().collect(),
            upload,
            evidence_repository: EvidenceRepository::resolve(&arguments.repository, context),
            signing: SigningSettings::resolve(&arguments.signing, keys, context)?,
            access,
        })
    }
}
