//! `plimsoll sign-blob`, `verify-blob`, `attest-blob`, `verify-blob-attestation`.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use plimsoll_core::digest::ParseError;
use plimsoll_core::{Digest, Kind, Limits, quantity};
use plimsoll_keys::FileDigests;
use plimsoll_signing::Content;
use plimsoll_verify::{
    Artifact, Bundle, Error, Step, legacy, verify_detached, verify_message, verify_one_of,
};

use crate::commands::attest::statement;
use crate::commands::signer::Signing;
use crate::commands::verification::finish;
use crate::failure::{Exit, Failure};
use crate::output::{self, Console};
use crate::report::verification::{Entry, Proof, with_step};
use crate::settings;
use crate::settings::blob::{
    AttestBlobSettings, BlobChoice, SignBlobSettings, SignatureFile, VerifyBlobAttestationSettings,
    VerifyBlobSettings,
};

/// How a file is identified.
pub(super) enum Blob {
    /// By its digest; the file is not available.
    Digest(Digest),
    /// By its bytes, to be read once.
    Bytes(Box<dyn Read>),
}

impl Blob {
    /// The file at `path`, standard input for `-`, or a digest. A digest takes precedence over files: a file of that
    /// name is `./sha256:…`. If there is no file and the text looks like a digest, the error says what is wrong with
    /// it.
    pub(super) fn open(path: &Path) -> Result<Self, Failure> {
        if path.as_os_str() == "-" {
            return Ok(Self::Bytes(Box::new(io::stdin().lock())));
        }
        let digest = path.to_str().map(Digest::parse_any);
        if let Some(Ok(digest)) = digest {
            return Ok(Self::Digest(digest));
        }
        match (File::open(path), digest) {
            (Ok(file), _) => Ok(Self::Bytes(Box::new(file))),
            (Err(error), Some(Err(problem @ (ParseError::Algorithm { .. } | ParseError::Digits { .. }))))
                if error.kind() == io::ErrorKind::NotFound && is_like_digest(path) =>
            {
                Err(Failure::new(Kind::Usage, format!("{}: {problem}", path.display())))
            }
            (Err(error), _) => Err(settings::cannot_read(path, &error)),
        }
    }

    /// Its digests: one pass, in constant memory.
    pub(super) fn digests(self, path: &Path) -> Result<Vec<Digest>, Failure> {
        match self {
            Self::Digest(digest) => Ok(vec![digest]),
            Self::Bytes(reader) => Ok(file_digests(reader, path)?.all().to_vec()),
        }
    }
}

pub(super) fn sign(settings: &SignBlobSettings<'_>, console: Console) -> Result<Exit, Failure> {
    let force = settings.signing.force;
    output::is_free(settings.bundle.as_deref(), force)?;
    output::is_free(settings.signature.as_deref(), force)?;
    let signing = Signing::open(&settings.signing, console)?;
    let digests = digests_to_sign(&settings.file)?;
    let digests = if settings.in_any_form { digests.in_any_form() } else { digests };
    let bundle = signing.sign(Content::File(&digests), settings.limits)?;
    if let Some(path) = &settings.signature {
        let signature = signature_of(&bundle)?;
        output::emit_new(Some(path), force, signature.as_bytes())?;
    }
    output::emit_new(settings.bundle.as_deref(), force, &bundle)?;
    let (name, who) = (settings.file.display(), signing.describe());
    console.say(format_args!(
        "signed {name} ({}, {}) with {who}",
        digests.sha256,
        quantity::size(digests.length)
    ));
    Ok(Exit::Done)
}

pub(super) fn attest(settings: &AttestBlobSettings<'_>, console: Console) -> Result<Exit, Failure> {
    let force = settings.signing.force;
    output::is_free(settings.bundle.as_deref(), force)?;
    let signing = Signing::open(&settings.signing, console)?;
    let digests = digests_to_sign(&settings.file)?;
    let digest = digests.sha256;
    let name = settings.file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let statement = statement(&settings.content, &name, &digests.all(), settings.limits)?;
    let bundle = signing.sign(Content::Statement(&statement), settings.limits)?;
    output::emit_new(settings.bundle.as_deref(), force, &bundle)?;
    let (kind, who) = (&statement.predicate_type, signing.describe());
    console.say(format_args!("attested {kind} of {} ({digest}) with {who}", settings.file.display()));
    Ok(Exit::Done)
}

pub(super) fn verify(settings: &VerifyBlobSettings<'_>, console: Console) -> Result<Exit, Failure> {
    let mut blob = Blob::open(&settings.file)?;
    let artifact = match &mut blob {
        Blob::Digest(digest) => Artifact::Digest(*digest),
        Blob::Bytes(reader) => Artifact::Reader(reader.as_mut()),
    };
    let outcome = match &settings.signature {
        SignatureFile::Bundle(path) => {
            verify_message(&bundle(path, settings.limits)?, artifact, &settings.trust.check())
        }
        SignatureFile::Detached(path) => {
            let signature = detached(path, settings.limits)?;
            verify_detached(artifact, &signature, &settings.trust.keys_alone()?)
        }
    };
    let entry = Entry::new(&settings.file.display().to_string());
    let entry = match outcome {
        Ok(verified) => Entry {
            digest: Some(verified.value().digest),
            verified: true,
            proofs: vec![Proof::new(&verified, settings.result.explain)],
            ..entry
        },
        Err(error) => refused(entry, error)?,
    };
    finish(&[entry], &settings.result, console)
}

pub(super) fn verify_attestation(
    settings: &VerifyBlobAttestationSettings<'_>,
    console: Console,
) -> Result<Exit, Failure> {
    let (name, digests) = match &settings.artifact {
        BlobChoice::Digest(digest) => (digest.to_string(), vec![*digest]),
        BlobChoice::File(path) => (path.display().to_string(), Blob::open(path)?.digests(path)?),
    };
    let bundle = bundle(&settings.bundle, settings.limits)?;
    let entry = Entry { digest: digests.first().copied(), ..Entry::new(&name) };
    let denied = |message: String| Failure::new(Kind::Denied, message);
    let entry = match verify_one_of(&bundle, &digests, &settings.trust.check()) {
        Ok((verified, digest)) => {
            let statement = verified.value();
            let got = &statement.predicate_type;
            let misfit = settings.form.check(got, &statement.predicate, settings.limits).err();
            match misfit {
                _ if !settings.kind.is(got) => {
                    let message = format!("an attestation of type {got:?}, expected {}", settings.kind);
                    entry.unverified(denied(message).with_hint("name its type with --type"), 1)
                }
                Some(misfit) => {
                    entry.unverified(denied(with_step(Some(Step::Statement), misfit.to_string())), 1)
                }
                None => {
                    let proof = Proof::of_statement(&verified, &digest, settings.result.explain);
                    let proofs = vec![proof.with_statement(statement)];
                    Entry { digest: Some(digest), verified: true, proofs, ..entry }
                }
            }
        }
        Err(error) => refused(entry, error)?,
    };
    finish(&[entry], &settings.result, console)
}

/// Reads the signature in a file. A document in its place is named, with the way to verify it.
fn detached(path: &Path, limits: &Limits) -> Result<Vec<u8>, Failure> {
    let bytes = settings::read_within(path, limits.bundle_bytes, "bundle_bytes")?;
    if bytes.trim_ascii_start().starts_with(b"{") {
        let message =
            format!("{}: got a JSON document, expected a signature in base64 or binary", path.display());
        return Err(Failure::new(Kind::Failed, message).with_hint(
            "a bundle: --bundle FILE; an envelope with a statement: plimsoll verify-blob-attestation --signature FILE",
        ));
    }
    Ok(bytes)
}

/// Whether a failure is a result: a refusal is one, an unreadable file or a missing trusted signer is not.
fn refused(entry: Entry, error: Error) -> Result<Entry, Failure> {
    let step = error.failed_step();
    let failure = Failure::from(error);
    if failure.kind() != Kind::Denied {
        return Err(failure);
    }
    let refusal = Failure::new(Kind::Denied, with_step(step, failure.to_string()));
    Ok(match failure.hint() {
        Some(hint) => entry.unverified(refusal.with_hint(hint), 1),
        None => entry.unverified(refusal, 1),
    })
}

/// Reads the bundle in a file.
pub(super) fn bundle(path: &Path, limits: &Limits) -> Result<Bundle, Failure> {
    let bytes = settings::read_within(path, limits.bundle_bytes, "bundle_bytes")?;
    Ok(Bundle::parse(&legacy::bundle_of_file(&bytes, limits)?, limits)?)
}

fn digests_to_sign(path: &Path) -> Result<FileDigests, Failure> {
    match Blob::open(path)? {
        Blob::Bytes(reader) => file_digests(reader, path),
        Blob::Digest(_) => {
            Err(Failure::new(Kind::NotFound, format!("cannot read {}: no such file", path.display()))
                .with_hint("a file is signed by its bytes, not by a digest"))
        }
    }
}

/// Whether it has the form of a digest by any algorithm: `sha1:` and hexadecimal digits.
fn is_like_digest(path: &Path) -> bool {
    let parts = path.to_str().and_then(|text| text.split_once(':'));
    parts.is_some_and(|(name, digits)| {
        name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && digits.len() >= 8
            && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
    })
}

fn file_digests(reader: Box<dyn Read>, path: &Path) -> Result<FileDigests, Failure> {
    FileDigests::read(reader).map_err(|error| settings::cannot_read(path, &error))
}

/// Only the signature, in base64, from a new bundle.
fn signature_of(bundle: &[u8]) -> Result<String, Failure> {
    let value: serde_json::Value = serde_json::from_slice(bundle).unwrap_or_default();
    match value.pointer("/messageSignature/signature").and_then(serde_json::Value::as_str) {
        Some(signature) => Ok(signature.to_owned()),
        None => Err(Failure::new(Kind::Internal, "the new bundle has no signature")),
    }
}
