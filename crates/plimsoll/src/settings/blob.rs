//! Settings of `plimsoll sign-blob` and `plimsoll attest-blob`.

use std::path::PathBuf;

use plimsoll_core::Limits;

use super::attest::ContentSettings;
use super::signing::SigningSettings;
use super::{Context, Keys};
use crate::args::blob::{AttestBlob, SignBlob};
use crate::failure::Failure;

/// Which file is signed, with what, and where the signature goes.
pub(crate) struct SignBlobSettings<'a> {
    /// The file, or `-` for standard input.
    pub(crate) file: PathBuf,
    pub(crate) signing: SigningSettings,
    /// Where the bundle goes; nothing means standard output.
    pub(crate) bundle: Option<PathBuf>,
    /// Where the signature alone goes.
    pub(crate) signature: Option<PathBuf>,
    pub(crate) limits: &'a Limits,
}

/// What is attested of a file, with what it is signed, and where the bundle goes.
pub(crate) struct AttestBlobSettings<'a> {
    /// The file, or `-` for standard input.
    pub(crate) file: PathBuf,
    pub(crate) content: ContentSettings,
    pub(crate) signing: SigningSettings,
    /// Where the bundle goes; nothing means standard output.
    pub(crate) bundle: Option<PathBuf>,
    pub(crate) limits: &'a Limits,
}

impl<'a> SignBlobSettings<'a> {
    pub(crate) fn resolve(arguments: &SignBlob, context: &Context<'a>) -> Result<Self, Failure> {
        let keys = Keys::resolve(&arguments.network, context)?;
        Ok(Self {
            file: arguments.file.clone(),
            signing: SigningSettings::resolve(&arguments.signing, keys, context)?,
            bundle: arguments.bundle.clone(),
            signature: arguments.output_signature.clone(),
            limits: context.limits,
        })
    }
}

impl<'a> AttestBlobSettings<'a> {
    pub(crate) fn resolve(arguments: &AttestBlob, context: &Context<'a>) -> Result<Self, Failure> {
        let keys = Keys::resolve(&arguments.network, context)?;
        Ok(Self {
            file: arguments.file.clone(),
            content: ContentSettings::resolve(&arguments.said, context)?,
            signing: SigningSettings::resolve(&arguments.signing, keys, context)?,
            bundle: arguments.bundle.clone(),
            limits: context.limits,
        })
    }
}
