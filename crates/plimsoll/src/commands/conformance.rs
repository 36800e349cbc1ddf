//! `plimsoll conformance`: the client protocol of the Sigstore conformance suite.

use std::slice;

use plimsoll_core::Kind;
use plimsoll_verify::{
    Artifact, Check, Requirements, Trusted, TrustedKey, TrustedRoot, verify_message, verify_one_of,
};

use crate::commands::blob::{Blob, bundle};
use crate::failure::{Exit, Failure};
use crate::output::Console;
use crate::settings::conformance::{ConformanceSettings, ExpectedSigner, Root, VerifyBundleSettings};
use crate::settings::trusted_root;

/// The protocol knows one code for everything that is not success.
const NOT_VERIFIED: Exit = Exit::Code(1);

pub(super) fn run(settings: Result<ConformanceSettings<'_>, Failure>, console: Console) -> Exit {
    let outcome = settings.and_then(|settings| match settings {
        ConformanceSettings::VerifyBundle(settings) => verify_bundle(&settings),
        ConformanceSettings::SignBundle => {
            Err(Failure::new(Kind::Failed, "signing with a certificate is not supported yet")
                .with_hint("plimsoll sign-blob signs with a key"))
        }
    });
    match outcome {
        Ok(()) => {
            console.say("verified");
            Exit::Done
        }
        Err(failure) => {
            console.report(&failure);
            NOT_VERIFIED
        }
    }
}

fn verify_bundle(settings: &VerifyBundleSettings<'_>) -> Result<(), Failure> {
    let root = match &settings.root {
        Root::File(path) => trusted_root(path)?,
        Root::Staging => TrustedRoot::staging()?,
        Root::PublicGood => TrustedRoot::public_good()?,
    };
    let key: [TrustedKey; 1];
    let trusted = match &settings.signer {
        ExpectedSigner::Key(reference, access) => {
            key = [plimsoll_keys::open_public(reference, access)?.into()];
            Trusted::Keys(&key)
        }
        ExpectedSigner::Identity(identity) => Trusted::Identities(slice::from_ref(identity)),
    };
    let check =
        Check { trusted, root: Some(&root), requirements: Requirements::default(), now: settings.now };
    let bundle = bundle(&settings.bundle, settings.limits)?;
    let path = &settings.artifact;
    if bundle.signs_message() {
        match Blob::open(path)? {
            Blob::Digest(digest) => verify_message(&bundle, Artifact::Digest(digest), &check)?,
            Blob::Bytes(mut reader) => verify_message(&bundle, Artifact::Reader(reader.as_mut()), &check)?,
        };
        return Ok(());
    }
    verify_one_of(&bundle, &Blob::open(path)?.digests(path)?, &check)?;
    Ok(())
}
