//! Settings of `plimsoll sign-blob`, `attest-blob`, `verify-blob` and `verify-blob-attestation`.

use std::path::PathBuf;

use plimsoll_core::{Digest, Kind, Limits};
use plimsoll_judge::PredicateForm;
use plimsoll_verify::PredicateType;

use super::attest::ContentSettings;
use super::signing::SigningSettings;
use super::verify::ResultSettings;
use super::{Context, Keys, TrustSettings, key_access};
use crate::args::blob::{AttestBlob, SignBlob, VerifyBlob, VerifyBlobAttestation};
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
    /// Whether it is signed even if the signature would also be one of something else.
    pub(crate) in_any_form: bool,
    pub(crate) limits: &'a Limits,
}

/// What is attested about a file, what signs it, and where the bundle goes.
pub(crate) struct AttestBlobSettings<'a> {
    /// The file, or `-` for standard input.
    pub(crate) file: PathBuf,
    pub(crate) content: ContentSettings,
    pub(crate) signing: SigningSettings,
    /// Where the bundle goes; nothing means standard output.
    pub(crate) bundle: Option<PathBuf>,
    pub(crate) limits: &'a Limits,
}

/// Which file must be signed, and by whom.
pub(crate) struct VerifyBlobSettings<'a> {
    /// The file, `-` for standard input, or what a digest names.
    pub(crate) file: PathBuf,
    pub(crate) signature: SignatureFile,
    pub(crate) trust: TrustSettings,
    pub(crate) result: ResultSettings,
    pub(crate) limits: &'a Limits,
}

/// The file that has a signature.
pub(crate) enum SignatureFile {
    /// As a bundle.
    Bundle(PathBuf),
    /// Alone.
    Detached(PathBuf),
}

/// What must be attested about a file, and by whom.
pub(crate) struct VerifyBlobAttestationSettings<'a> {
    pub(crate) artifact: BlobChoice,
    /// The file with the attestation.
    pub(crate) bundle: PathBuf,
    pub(crate) kind: PredicateType,
    pub(crate) form: PredicateForm,
    pub(crate) trust: TrustSettings,
    pub(crate) result: ResultSettings,
    pub(crate) limits: &'a Limits,
}

/// By what a file is named.
pub(crate) enum BlobChoice {
    /// Its digest.
    Digest(Digest),
    /// Its path, `-` for standard input, or what a digest names.
    File(PathBuf),
}

impl<'a> SignBlobSettings<'a> {
    pub(crate) fn resolve(arguments: &SignBlob, context: &Context<'a>) -> Result<Self, Failure> {
        let keys = Keys::resolve(&arguments.network, context)?;
        Ok(Self {
            file: arguments.file.clone(),
            signing: SigningSettings::resolve(&arguments.signing, keys, context)?,
            bundle: arguments.bundle.clone(),
            signature: arguments.output_signature.clone(),
            in_any_form: arguments.allow_signed_form,
            limits: context.limits,
        })
    }
}

impl<'a> AttestBlobSettings<'a> {
    pub(crate) fn resolve(arguments: &AttestBlob, context: &Context<'a>) -> Result<Self, Failure> {
        let keys = Keys::resolve(&arguments.network, context)?;
        Ok(Self {
            file: arguments.file.clone(),
            content: ContentSettings::resolve(&arguments.statement, context)?,
            signing: SigningSettings::resolve(&arguments.signing, keys, context)?,
            bundle: arguments.bundle.clone(),
            limits: context.limits,
        })
    }
}

impl<'a> VerifyBlobSettings<'a> {
    pub(crate) fn resolve(arguments: &VerifyBlob, context: &Context<'a>) -> Result<Self, Failure> {
        let access = key_access(&arguments.network, context)?;
        let trust = TrustSettings::new(&arguments.trust, &access, context)?;
        let signature = match (&arguments.bundle, &arguments.signature) {
            (Some(path), _) => SignatureFile::Bundle(path.clone()),
            (None, Some(path)) => SignatureFile::Detached(path.clone()),
            (None, None) => {
                return Err(
                    Failure::new(Kind::Usage, "no signature to verify").with_hint("pass --bundle FILE")
                );
            }
        };
        Ok(Self {
            file: arguments.file.clone(),
            signature,
            trust,
            result: ResultSettings::printed(arguments.output.into(), arguments.explain),
            limits: context.limits,
        })
    }
}

impl<'a> VerifyBlobAttestationSettings<'a> {
    pub(crate) fn resolve(arguments: &VerifyBlobAttestation, context: &Context<'a>) -> Result<Self, Failure> {
        let access = key_access(&arguments.network, context)?;
        let trust = TrustSettings::new(&arguments.trust, &access, context)?;
        // An envelope is recognised by its form, under either name.
        let bundle = arguments.bundle.as_ref().or(arguments.signature.as_ref()).ok_or_else(|| {
            Failure::new(Kind::Usage, "no attestation to verify").with_hint("pass --bundle FILE")
        })?;
        Ok(Self {
            artifact: BlobChoice::resolve(arguments)?,
            bundle: bundle.clone(),
            kind: arguments.kind.clone(),
            form: PredicateForm::load(arguments.schema.as_deref(), context.limits)?,
            trust,
            result: ResultSettings::printed(arguments.output.into(), arguments.explain),
            limits: context.limits,
        })
    }
}

impl BlobChoice {
    fn resolve(arguments: &VerifyBlobAttestation) -> Result<Self, Failure> {
        match (&arguments.digest, &arguments.file) {
            (Some(hex), _) => {
                let algorithm = &arguments.digest_alg;
                Digest::parse_any(&format!("{algorithm}:{hex}")).map(Self::Digest).map_err(|error| {
                    Failure::new(Kind::Usage, format!("--digest with --digest-alg {algorithm}: {error}"))
                })
            }
            (None, Some(path)) => Ok(Self::File(path.clone())),
            (None, None) => Err(Failure::new(Kind::Usage, "neither a file nor --digest")),
        }
    }
}
