//! `plimsoll conformance`: the client protocol of the Sigstore conformance suite.

use plimsoll_cloud::{Cloud, Mode};
use plimsoll_core::{Kind, Limits, clock};
use plimsoll_keys::FileDigests;
use plimsoll_keys::KeyAccess;
use plimsoll_verify::{
    Artifact, Check, Error, Identity, Requirements, Text, Trusted, TrustedKey, TrustedRoot, verify,
    verify_message,
};

use crate::args::conformance::{Command, Conformance, VerifyBundle};
use crate::commands::blob::{Blob, bundle};
use crate::failure::{Exit, Failure};
use crate::output::Console;
use crate::settings::{cannot_read, public_key, trusted_root};

/// The protocol knows one code for everything that is not success.
const NOT_VERIFIED: Exit = Exit::Code(1);

pub(super) fn run(arguments: &Conformance, limits: &Limits, console: Console) -> Exit {
    let outcome = match &arguments.command {
        Command::VerifyBundle(arguments) => verify_bundle(arguments, limits),
        Command::SignBundle(_) => {
            Err(Failure::new(Kind::Failed, "signing with a certificate is not supported yet")
                .with_hint("plimsoll sign-blob signs with a key"))
        }
    };
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

fn verify_bundle(arguments: &VerifyBundle, limits: &Limits) -> Result<(), Failure> {
    let root = match (&arguments.trusted_root, arguments.staging) {
        (Some(path), _) => trusted_root(path)?,
        (None, true) => TrustedRoot::staging()?,
        (None, false) => TrustedRoot::public_good()?,
    };
    let (keys, identities): (Vec<TrustedKey>, Vec<Identity>) =
        match (&arguments.key, &arguments.certificate_identity, &arguments.certificate_oidc_issuer) {
            (Some(key), ..) => {
                let access =
                    KeyAccess::of_process(plimsoll_http::Settings::default(), Cloud::of_process(Mode::Off));
                (vec![public_key(key, &access)?.into()], Vec::new())
            }
            (None, Some(subject), Some(issuer)) => {
                let (issuer, subject) = (Text::Exact(issuer.clone()), Text::Exact(subject.clone()));
                (Vec::new(), vec![Identity { issuer, subject, claims: Vec::new() }])
            }
            _ => return Err(Failure::new(Kind::Usage, "neither a key nor an identity with its issuer")),
        };
    let trusted = if keys.is_empty() { Trusted::Identities(&identities) } else { Trusted::Keys(&keys) };
    let check =
        Check { trusted, root: Some(&root), requirements: Requirements::default(), now: clock::now() };
    let bundle = bundle(&arguments.bundle, limits)?;
    let path = &arguments.artifact;
    if bundle.signs_message() {
        match Blob::open(path)? {
            Blob::Digest(digest) => verify_message(&bundle, Artifact::Digest(digest), &check)?,
            Blob::Bytes(mut reader) => verify_message(&bundle, Artifact::Reader(reader.as_mut()), &check)?,
        };
        return Ok(());
    }
    let digests = match Blob::open(path)? {
        Blob::Digest(digest) => vec![digest],
        Blob::Bytes(reader) => {
            let digests = FileDigests::read(reader).map_err(|error| cannot_read(path, &error))?;
            vec![digests.sha256, digests.sha512]
        }
    };
    let named = digests.iter().map(|digest| verify(&bundle, Some(digest), &check));
    let outcome = named.reduce(|first, second| if first.is_ok() { first } else { second.or(first) });
    outcome.unwrap_or(Err(Error::StatementDigest)).map(|_| ()).map_err(Failure::from)
}
