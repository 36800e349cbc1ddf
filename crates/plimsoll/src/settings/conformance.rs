//! Settings of `plimsoll conformance`. The suite's protocol reads no configuration and asks no cloud.

use std::path::PathBuf;

use plimsoll_cloud::{Cloud, Mode};
use plimsoll_core::{Kind, Limits, Timestamp};
use plimsoll_keys::KeyAccess;
use plimsoll_verify::{Identity, Text};

use super::Context;
use crate::args::conformance::{Command, Conformance, VerifyBundle};
use crate::failure::Failure;

/// What the suite asks for.
pub(crate) enum ConformanceSettings<'a> {
    VerifyBundle(Box<VerifyBundleSettings<'a>>),
    SignBundle,
}

/// Which bundle is verified, and against what.
pub(crate) struct VerifyBundleSettings<'a> {
    /// The artifact, or its digest.
    pub(crate) artifact: PathBuf,
    pub(crate) bundle: PathBuf,
    pub(crate) signer: ExpectedSigner,
    pub(crate) root: Root,
    pub(crate) now: Timestamp,
    pub(crate) limits: &'a Limits,
}

/// Who has to have signed.
pub(crate) enum ExpectedSigner {
    /// The holder of the key that the reference names.
    Key(String, KeyAccess),
    Identity(Identity),
}

/// The authorities and logs.
pub(crate) enum Root {
    File(PathBuf),
    Staging,
    PublicGood,
}

impl<'a> ConformanceSettings<'a> {
    pub(crate) fn resolve(arguments: &Conformance, context: &Context<'a>) -> Result<Self, Failure> {
        match &arguments.command {
            Command::VerifyBundle(arguments) => {
                Ok(Self::VerifyBundle(Box::new(VerifyBundleSettings::resolve(arguments, context)?)))
            }
            Command::SignBundle(_) => Ok(Self::SignBundle),
        }
    }
}

impl<'a> VerifyBundleSettings<'a> {
    fn resolve(arguments: &VerifyBundle, context: &Context<'a>) -> Result<Self, Failure> {
        let signer =
            match (&arguments.key, &arguments.certificate_identity, &arguments.certificate_oidc_issuer) {
                (Some(key), ..) => {
                    let environment = context.environment();
                    let cloud = Cloud::from_env(Mode::Off, environment, context.clock());
                    let access = KeyAccess::from_env(plimsoll_http::Settings::default(), cloud, environment);
                    ExpectedSigner::Key(key.as_str().to_owned(), access)
                }
                (None, Some(subject), Some(issuer)) => ExpectedSigner::Identity(Identity {
                    issuer: Text::Exact(issuer.clone()),
                    subject: Text::Exact(subject.clone()),
                    claims: Vec::new(),
                }),
                _ => return Err(Failure::new(Kind::Usage, "neither a key nor an identity with its issuer")),
            };
        let root = match (&arguments.trusted_root, arguments.staging) {
            (Some(path), _) => Root::File(path.clone()),
            (None, true) => Root::Staging,
            (None, false) => Root::PublicGood,
        };
        Ok(Self {
            artifact: arguments.artifact.clone(),
            bundle: arguments.bundle.clone(),
            signer,
            root,
            now: context.clock()(),
            limits: context.limits,
        })
    }
}
