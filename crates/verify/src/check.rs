//! The way from a bundle to something verified, step by step.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::io::Read;
use std::num::NonZeroUsize;

use jiff::Timestamp;
use plimsoll_core::Digest;
use rustls_pki_types::{CertificateDer, UnixTime};
use sigstore_crypto::VerificationKey;
use sigstore_types::bundle::{SignatureContent, VerificationMaterialContent};
use sigstore_types::{DerCertificate, DerPublicKey, HashAlgorithm, InclusionProof, TransparencyLogEntry};
use sigstore_verify::{
    CertificateError, Error as Upstream, PublicKeyVerificationPolicy, TimestampError, TransparencyLogError,
    VerificationPolicy,
};
use x509_cert::der::Decode as _;

use crate::artifact::{Digests, Source};
use crate::by_key::signed_envelope;
use crate::entry::{self, Verifier};
use crate::error::excerpt;
use crate::identity::CertificateIdentity;
use crate::inclusion;
use crate::stamps;
use crate::{
    Bundle, Error, IN_TOTO_PAYLOAD, Identity, KeyAlgorithm, NotChecked, Observation, PublicKey, Signer,
    Statement, Step, TrustedRoot, Verified, Window,
};

/// What the caller asks of a bundle.
#[derive(Debug, Clone, Copy)]
pub struct Check<'a> {
    /// Who may have signed.
    pub trusted: Trusted<'a>,
    /// The authorities and logs behind it. Certificates cannot be verified without.
    pub root: Option<&'a TrustedRoot>,
    /// What must be there beside the signature.
    pub requirements: Requirements,
    /// The instant of the verification: keys of logs that start later do not count yet.
    pub now: Timestamp,
}

/// Who may have signed. One of them is enough; how many are needed over several bundles is policy.
#[derive(Debug, Clone, Copy)]
pub enum Trusted<'a> {
    /// The holder of one of these keys.
    Keys(&'a [TrustedKey]),
    /// The holder of a certificate that was issued to one of these.
    Identities(&'a [Identity]),
}

/// A key, and when its signatures count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrustedKey {
    /// The key.
    pub key: PublicKey,
    /// Every trusted signing time has to lie in it (CVE-2026-54787). A signature without one does not count then.
    pub window: Option<Window>,
}

impl From<PublicKey> for TrustedKey {
    fn from(key: PublicKey) -> Self {
        Self { key, window: None }
    }
}

/// What must be there beside the signature. The default is what Sigstore asks for: one log, and the certificate in a
/// certificate log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Requirements {
    /// So many distinct logs hold the signature; `None` to do without, which the result repeats.
    pub logs: Option<NonZeroUsize>,
    /// So many distinct authorities signed a timestamp, beside what the log says of the time.
    pub timestamps: usize,
    /// The certificate carries proof that it was announced to a certificate log.
    pub certificate_log: bool,
}

impl Default for Requirements {
    fn default() -> Self {
        Self { logs: Some(NonZeroUsize::MIN), timestamps: 0, certificate_log: true }
    }
}

/// A file, verified: the SHA-256 of what was signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Message {
    /// Of its bytes.
    pub digest: Digest,
}

/// What a message signature is said to be about.
pub enum Artifact<'a> {
    /// Known by its digest.
    Digest(Digest),
    /// Known by both digests that keys on the list sign.
    Digests {
        /// The SHA-256.
        sha256: Digest,
        /// The SHA-384.
        sha384: aws_lc_rs::digest::Digest,
    },
    /// Read to its end, in constant memory.
    Reader(&'a mut dyn Read),
}

/// Verifies that somebody trusted signed the statement in `bundle`, and that it is about `about`, when that is given.
///
/// 1. **Material.** The bundle was made with a key where keys are trusted, with a certificate where identities are. There is
///    somebody to trust at all.
/// 2. **Content.** It carries a DSSE envelope of in-toto's type: bytes signed for another protocol, or as a file, are no
///    statement. Exactly one signature (TOB-SIGSTORE-9).
/// 3. **Timestamps.** Each RFC 3161 timestamp in the bundle is over this signature, by an authority of the trusted root,
///    within that authority's own time (TOB-SIGSTORE-11, CVE-2026-39984). Where several are asked for, so many different
///    authorities have signed one.
/// 4. **Promise of the log.** Each signed entry timestamp holds under the key of a trusted log that was valid then.
/// 5. **Signing time.** A certificate needs at least one time from 3 or 4. The signer's word is never one, and neither is the
///    second version of the log, which has none.
/// 6. **Chain.** The certificate leads to an authority of the trusted root, for code signing, and it, the authority and
///    every certificate between them were valid at every signing time (CVE-2026-24122).
/// 7. **Certificate log.** The certificate's embedded timestamp holds under a trusted certificate log's key.
/// 8. **Inclusion.** Each log entry has a proof that leads to a checkpoint which a trusted log signed, and says no other size or
///    root than that.
/// 9. **Distinct logs.** As many logs as asked for, counted by the key that signed the checkpoint (CVE-2026-49834).
/// 10. **Signature.** It holds over DSSE's encoding of type and payload under the certificate's or the trusted key.
/// 11. **Log entry.** Each is the one that this bundle must have led to, byte for byte (CVE-2022-36056, CVE-2026-22703).
/// 12. **Statement.** The payload parses, strictly (CVE-2026-39395): no duplicate names, a known type, sound subjects.
/// 13. **Artifact.** One of its subjects has exactly the digest `about`. Names authorise nothing.
/// 14. **Identity.** Issuer and subject of the certificate, and every claim that is asked for, are as trusted, over the
///     whole text. For a key: every signing time lies in the key's window (CVE-2026-54787).
///
/// Steps 3 to 9 and 11 are skipped for keys without a trusted root; [`Verified::observations`] and
/// [`Verified::not_checked`] say so.
pub fn verify(
    bundle: &Bundle,
    about: Option<&Digest>,
    check: &Check<'_>,
) -> Result<Verified<Statement>, Error> {
    let Some(envelope) = bundle.envelope() else { return Err(Error::NotAStatement) };
    if envelope.payload_type != IN_TOTO_PAYLOAD {
        return Err(Error::PayloadType { got: excerpt(&envelope.payload_type) });
    }
    // Parsed before it is believed: the digest to bind to may have to come from it, and nothing else is taken yet.
    let statement = Statement::parse(envelope.payload.as_bytes(), bundle.limits())?;
    let bound = match about {
        Some(digest) => *digest,
        None => statement.first_digest().ok_or(Error::StatementDigest)?,
    };
    if about.is_some() && !statement.names(&bound) {
        return Err(Error::step(Step::Artifact, statement.subject_list(), bound));
    }
    match check.trusted {
        Trusted::Keys(keys) if check.goes_without_root(bundle) => {
            check.refuse_unmet_rules(bundle)?;
            let plain: Vec<&PublicKey> = keys.iter().map(|trusted| &trusted.key).collect();
            let (_, signer) = signed_envelope(bundle, &plain)?;
            check_windows(keys, &signer, &[])?;
            let trail = Trail::by_key_alone(signer, about.is_some());
            Ok(trail.finish(bundle, statement))
        }
        _ => Ok(engine(bundle, Artifact::Digest(bound), check, about.is_some())?.finish(bundle, statement)),
    }
}

/// Verifies that somebody trusted signed `artifact` itself: the same steps as [`verify`], of which 2 asks for a message
/// signature, 10 verifies it over the artifact's bytes or digest, 12 falls away, and 13 holds by that.
pub fn verify_message(
    bundle: &Bundle,
    artifact: Artifact<'_>,
    check: &Check<'_>,
) -> Result<Verified<Message>, Error> {
    let SignatureContent::MessageSignature(message) = bundle.content() else {
        return Err(Error::NotAMessage);
    };
    if let Trusted::Keys(keys) = check.trusted
        && check.goes_without_root(bundle)
    {
        check.refuse_unmet_rules(bundle)?;
        expect_key(bundle)?;
        let digests = Digests::of(artifact)?;
        let signer = keys
            .iter()
            .find(|trusted| digests.verifies(&trusted.key, &message.signature))
            .map(|trusted| Signer::Key(trusted.key.id()))
            .ok_or_else(|| rejected(bundle, keys))?;
        check_windows(keys, &signer, &[])?;
        return Ok(Trail::by_key_alone(signer, true).finish(bundle, Message { digest: digests.sha256 }));
    }
    let trail = engine(bundle, artifact, check, true)?;
    let digest = trail.artifact.ok_or(Error::NotAMessage)?;
    Ok(trail.finish(bundle, Message { digest }))
}

impl Check<'_> {
    /// Step 1, before anything is said about what the other kind of bundle would have to bring along.
    fn expect_material(&self, bundle: &Bundle) -> Result<(), Error> {
        match self.trusted {
            Trusted::Keys(_) => expect_key(bundle),
            Trusted::Identities(_) if bundle.certificate().is_some() => Ok(()),
            Trusted::Identities(_) => {
                Err(Error::WrongMaterial { got: "a public key", expected: "a certificate" })
            }
        }
    }

    /// Whether a key's bundle is verified by the key alone: there is nothing to verify the rest with, or there is no rest
    /// and none is asked for.
    fn goes_without_root(&self, bundle: &Bundle) -> bool {
        self.root.is_none() || (self.requirements.logs.is_none() && bundle.extras().is_empty())
    }

    /// Without a trusted root nothing can be known about logs and timestamps.
    fn refuse_unmet_rules(&self, bundle: &Bundle) -> Result<(), Error> {
        let got = if bundle.extras().is_empty() {
            "a bundle with neither log entry nor timestamp"
        } else {
            "a bundle, and no trusted root to verify its log entries and timestamps with"
        };
        if self.requirements.logs.is_some() {
            return Err(Error::step(Step::LogInclusion, got, "an entry of a trusted log"));
        }
        if self.requirements.timestamps > 0 {
            return Err(Error::step(Step::Timestamp, got, "a signed timestamp"));
        }
        Ok(())
    }
}

/// What the verification found out beside the content.
struct Trail {
    signer: Signer,
    times: Vec<Timestamp>,
    observations: Vec<Observation>,
    not_checked: Option<Vec<NotChecked>>,
    /// What it is about, as far as the caller asked.
    artifact: Option<Digest>,
}

impl Trail {
    /// For a signature of which nothing but the key was looked at.
    fn by_key_alone(signer: Signer, about: bool) -> Self {
        let mut trail =
            Self { signer, times: Vec::new(), observations: Vec::new(), not_checked: None, artifact: None };
        trail.saw(Step::Material, true, "a public key");
        trail.saw(Step::Content, true, "one signature");
        for step in [Step::Timestamp, Step::LogPromise, Step::SigningTime, Step::LogInclusion, Step::LogEntry]
        {
            trail.saw(step, false, "verified by the key alone");
        }
        let key = trail.signer.to_string();
        trail.saw(Step::Signature, true, format!("holds under {key}"));
        trail.saw(Step::Artifact, about, if about { "named by its digest" } else { "left to the caller" });
        trail.saw(Step::Identity, true, key);
        trail
    }

    fn saw(&mut self, step: Step, checked: bool, saw: impl Into<String>) {
        self.observations.push(Observation { step, checked, saw: saw.into() });
    }

    fn finish<T>(self, bundle: &Bundle, value: T) -> Verified<T> {
        let not_checked = self.not_checked.unwrap_or_else(|| bundle.extras());
        Verified::new(value, self.signer, bundle.digest(), not_checked)
            .with_trail(self.times, self.observations)
    }
}

/// Runs the official verifier, and the steps around it that it leaves out.
fn engine(bundle: &Bundle, artifact: Artifact<'_>, check: &Check<'_>, about: bool) -> Result<Trail, Error> {
    let root = check.root.ok_or(Error::NoTrustedRoot)?;
    check.expect_material(bundle)?;
    check_entries(bundle, check.requirements)?;
    let readable = Readable::of(bundle, root, check)?;
    let p384 = |trusted: &TrustedKey| trusted.key.algorithm() == KeyAlgorithm::EcdsaP384;
    let may_be_p384 = matches!(check.trusted, Trusted::Keys(keys) if keys.iter().any(p384));
    let mut source = Source::new(artifact, readable.is_partial || may_be_p384);
    let (times, signer, verifier);
    match check.trusted {
        Trusted::Identities(identities) => {
            if identities.is_empty() {
                return Err(Error::NoIdentities);
            }
            let Some(certificate) = bundle.certificate() else {
                return Err(Error::WrongMaterial { got: "a public key", expected: "a certificate" });
            };
            if bundle.certificates().iter().skip(1).any(|certificate| is_self_issued(certificate)) {
                return Err(Error::step(
                    Step::Chain,
                    "a root certificate that the signer sent along",
                    "authorities from the trusted root alone",
                ));
            }
            let mut policy = VerificationPolicy::any_identity();
            if check.requirements.logs.is_none() || readable.has_no_entries() {
                policy = policy.skip_tlog_unsafe();
            }
            if !check.requirements.certificate_log {
                policy = policy.skip_sct();
            }
            if readable.has_no_entries() && bundle.timestamps() == 0 {
                return Err(Error::step(
                    Step::SigningTime,
                    "no trusted time",
                    "a timestamp, or a log's promise",
                ));
            }
            let result = source
                .verify(root, &readable.bundle, &policy, KeyAlgorithm::EcdsaP256)?
                .map_err(|error| refusal(&error, is_named(bundle, source.digests().sha256)))?;
            check_chain(bundle, root, result.verified_timestamps())?;
            let info = result.certificate().ok_or(Error::NoTrustedRoot)?;
            let holder = CertificateIdentity::of(info).ok_or_else(|| {
                Error::step(Step::Identity, "a certificate without issuer or subject", "both of them")
            })?;
            if !identities.iter().any(|identity| identity.is(&holder)) {
                return Err(nobody_trusted(identities, &holder));
            }
            signer = Signer::Certificate(Box::new(holder));
            verifier =
                Verifier::Certificate(certificate, PublicKey::from_spki_der(info.public_key.as_bytes())?);
            times = result.verified_timestamps().to_vec();
        }
        Trusted::Keys(keys) => {
            expect_key(bundle)?;
            let (key, found) = by_keys(bundle, &readable, &mut source, keys, root, check.requirements)?;
            times = found;
            signer = Signer::Key(key.id());
            check_windows(keys, &signer, &times)?;
            verifier = Verifier::Key(key);
        }
    }
    expect_dictated(bundle, verifier.key())?;
    let digests = source.digests();
    for (index, entry) in bundle.log_entries().iter().enumerate() {
        if entry::is_second(entry) && verifier.key().log_name().is_none() {
            return Err(Error::step(
                Step::LogEntry,
                format!(
                    "an entry of version 2 by a key of {} bits that such logs do not take",
                    verifier.key().bits()
                ),
                "ECDSA, or RSA of 2048, 3072 or 4096 bits",
            ));
        }
        let is_dsse = bundle.is_dsse_entry(index);
        if entry::is_of(entry, is_dsse, bundle, &digests, &verifier) == Some(false) {
            return Err(Error::step(
                Step::LogEntry,
                format!("entry {} of the log, which is of another signature", entry.log_index.as_i64()),
                "the entry that this bundle leads to",
            ));
        }
    }
    let logs = distinct_logs(bundle, root);
    if let Some(wanted) = check.requirements.logs
        && logs.len() < wanted.get()
    {
        return Err(Error::step(Step::LogThreshold, format!("{} distinct logs", logs.len()), wanted));
    }
    if let Some(wanted) = NonZeroUsize::new(check.requirements.timestamps) {
        let found = stamps::authorities(bundle, root).len();
        if found < wanted.get() {
            let got = format!("signed timestamps of {found} distinct authorities");
            return Err(Error::step(Step::Timestamp, got, wanted));
        }
    }
    Ok(trail(bundle, check, times, signer, &logs, about.then_some(digests.sha256)))
}

/// Says for each step what it saw.
fn trail(
    bundle: &Bundle,
    check: &Check<'_>,
    times: Vec<Timestamp>,
    signer: Signer,
    logs: &BTreeSet<Digest>,
    about: Option<Digest>,
) -> Trail {
    let by_certificate = matches!(signer, Signer::Certificate(_));
    let mut trail =
        Trail { signer, times, observations: Vec::new(), not_checked: Some(Vec::new()), artifact: about };
    let (entries, stamps) = (bundle.log_entries().len(), bundle.timestamps());
    let promises = bundle.log_entries().iter().filter(|entry| entry.inclusion_promise.is_some()).count();
    let logged = check.requirements.logs.is_some();

    trail.saw(Step::Material, true, if by_certificate { "a certificate" } else { "a public key" });
    trail.saw(Step::Content, true, "one signature");
    trail.saw(Step::Timestamp, stamps > 0, format!("{stamps} by trusted authorities"));
    trail.saw(Step::LogPromise, promises > 0, format!("{promises} by trusted logs"));
    let shown: Vec<String> = trail.times.iter().map(ToString::to_string).collect();
    let shown = if shown.is_empty() { "no trusted time".to_owned() } else { shown.join(", ") };
    trail.saw(Step::SigningTime, !trail.times.is_empty(), shown);
    if by_certificate {
        trail.saw(Step::Chain, true, "valid at every signing time, with its issuers");
        let seen =
            if check.requirements.certificate_log { "announced to a trusted log" } else { "not asked for" };
        trail.saw(Step::CertificateLog, check.requirements.certificate_log, seen);
    }
    let index = bundle.log_entries().first().map(|entry| entry.log_index.as_i64());
    let place = index.map_or_else(|| "no entry".to_owned(), |index| format!("entry {index}"));
    trail.saw(Step::LogInclusion, logged, if logged { place } else { "not asked for".to_owned() });
    trail.saw(
        Step::LogThreshold,
        logged,
        format!("{} of {}", logs.len(), check.requirements.logs.map_or(0, NonZeroUsize::get)),
    );
    let key = trail.signer.to_string();
    trail.saw(Step::Signature, true, "holds");
    trail.saw(Step::LogEntry, entries > 0, format!("{entries} compared with the bundle"));
    if matches!(bundle.content(), SignatureContent::DsseEnvelope(_)) {
        trail.saw(Step::Statement, true, "parsed strictly");
    }
    let named = about.map_or_else(|| "left to the caller".to_owned(), |digest| digest.to_string());
    trail.saw(Step::Artifact, about.is_some(), named);
    trail.saw(Step::Identity, true, key);
    if !logged && entries > 0 {
        trail.not_checked = Some(vec![NotChecked::TransparencyLog]);
    }
    trail
}

/// Each entry that counts has a proof. The official verifier looks for one proof among all entries, and verifies those
/// that are there; an entry beside it that has none would go unverified.
fn check_entries(bundle: &Bundle, requirements: Requirements) -> Result<(), Error> {
    if requirements.logs.is_none() {
        return Ok(());
    }
    let entries = bundle.log_entries();
    if entries.is_empty() {
        return Err(Error::step(Step::LogInclusion, "no log entry", "an entry of a trusted log"));
    }
    for (index, entry) in entries.iter().enumerate() {
        let promised = bundle.version() == crate::BundleVersion::V0_1 && entry.inclusion_promise.is_some();
        if entry.inclusion_proof.is_none() && !promised {
            return Err(Error::step(
                Step::LogInclusion,
                format!("log entry {index} without an inclusion proof"),
                "a proof for each entry",
            ));
        }
        if let Some(got) = entry.inclusion_proof.as_ref().and_then(|proof| contradiction(entry, proof)) {
            let got = format!("log entry {index} with a proof whose {got}");
            return Err(Error::step(Step::LogInclusion, got, "a proof that says what its checkpoint says"));
        }
    }
    Ok(())
}

/// What a proof repeats otherwise than entry and checkpoint have it. Nothing signs what it repeats: another size can have the
/// same path, and the official verifier looks at one of the two, by the log's version. Another reader would see another entry.
fn contradiction(entry: &TransparencyLogEntry, proof: &InclusionProof) -> Option<&'static str> {
    let checkpoint = proof.checkpoint.checkpoint()?;
    if proof.root_hash != *checkpoint.root_hash() {
        return Some("root hash does not match the checkpoint's");
    }
    if proof.tree_size != checkpoint.tree_size() {
        return Some("tree size does not match the checkpoint's");
    }
    // The first version counts the entry over all of its trees, and the proof in one of them. Zero may have been left out.
    let is_said = entry::is_second(entry) && proof.log_index.get() != 0;
    (is_said && proof.log_index != entry.log_index).then_some("index does not match the entry's")
}

/// The logs that signed a checkpoint over one of the entries, by their keys: one log counts once, however often the
/// trusted root lists it and whatever name the entry gives it.
fn distinct_logs(bundle: &Bundle, root: &TrustedRoot) -> BTreeSet<Digest> {
    let mut logs = BTreeSet::new();
    for entry in bundle.log_entries() {
        let checkpoint = entry.inclusion_proof.as_ref().and_then(|proof| proof.checkpoint.checkpoint());
        for log in &root.material().tlogs {
            let key = &log.public_key.raw_bytes;
            let signed = match checkpoint {
                Some(checkpoint) => VerificationKey::from_spki(key).is_ok_and(|verifier| {
                    checkpoint.signatures().iter().any(|signature| {
                        verifier.verify(checkpoint.signed_data(), &signature.signature).is_ok()
                    })
                }),
                // Its promise was verified under the log that the entry names.
                None => log.log_id.key_id == entry.log_id.key_id && entry.inclusion_promise.is_some(),
            };
            if signed {
                logs.insert(Digest::sha256(key.as_bytes()));
            }
        }
    }
    logs
}

/// Verifies the certificate's path once more, with only those authorities as anchors of which every certificate was valid
/// at every signing time.
///
/// The official verifier takes each certificate of an authority as an anchor, and path validation does not look at an
/// anchor's own validity: an intermediate that had expired would still vouch for a leaf (CVE-2026-24122).
fn check_chain(bundle: &Bundle, root: &TrustedRoot, times: &[Timestamp]) -> Result<(), Error> {
    /// id-kp-codeSigning, 1.3.6.1.5.5.7.3.3.
    const CODE_SIGNING: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 3, 3];
    let chain = bundle.certificates();
    let refused = |got: String| {
        Error::step(Step::Chain, got, "a path to a trusted authority, all of it valid at every signing time")
    };
    let Some((leaf, rest)) = chain.split_first() else { return Err(refused("no certificate".into())) };
    let leaf = CertificateDer::from(leaf.as_bytes());
    let leaf = webpki::EndEntityCert::try_from(&leaf).map_err(|error| refused(error.to_string()))?;
    let rest: Vec<_> = rest.iter().map(|certificate| CertificateDer::from(certificate.as_bytes())).collect();
    if times.is_empty() {
        return Err(Error::step(Step::SigningTime, "no trusted time", "a timestamp, or a log's promise"));
    }
    let anchors = root.anchors_valid_at(times);
    for time in times {
        let seconds = u64::try_from(time.as_second()).unwrap_or_default();
        let at = UnixTime::since_unix_epoch(std::time::Duration::from_secs(seconds));
        leaf.verify_for_usage(
            sigstore_crypto::WEBPKI_VERIFICATION_ALGS,
            &anchors,
            &rest,
            at,
            webpki::KeyUsage::required(CODE_SIGNING),
            None,
            None,
        )
        .map_err(|error| refused(format!("at {time}: {error}")))?;
    }
    Ok(())
}

/// Whether a certificate names itself as its issuer, or cannot be read.
fn is_self_issued(certificate: &DerCertificate) -> bool {
    x509_cert::Certificate::from_der(certificate.as_bytes())
        .map_or(true, |parsed| parsed.tbs_certificate.issuer == parsed.tbs_certificate.subject)
}

fn expect_key(bundle: &Bundle) -> Result<(), Error> {
    match bundle.material() {
        VerificationMaterialContent::PublicKey(_) => Ok(()),
        _ => Err(Error::WrongMaterial { got: "a certificate", expected: "a public key" }),
    }
}

/// Tries the keys, the one that the bundle names first. Only a signature that does not hold leads to the next, or a kind of key
/// that makes no such signatures.
fn by_keys<'a>(
    bundle: &Bundle,
    readable: &Readable<'_>,
    source: &mut Source<'_>,
    keys: &'a [TrustedKey],
    root: &TrustedRoot,
    requirements: Requirements,
) -> Result<(&'a PublicKey, Vec<Timestamp>), Error> {
    let claimed = bundle.claimed_key();
    let mut ordered: Vec<&PublicKey> = keys.iter().map(|trusted| &trusted.key).collect();
    ordered.sort_by_key(|key| Some(key.id()) != claimed);
    let first = *ordered.first().ok_or(Error::NoKeys)?;
    let skip = requirements.logs.is_none() || readable.has_no_entries();
    let policy = |key: &PublicKey| {
        let policy = PublicKeyVerificationPolicy::new(DerPublicKey::from_bytes(key.spki_der()));
        if skip { policy.skip_tlog_unsafe() } else { policy }
    };
    // The official verifier refuses a bundle with nothing beside the signature; then there is no time either.
    let alone = readable.has_no_entries() && bundle.timestamps() == 0;
    // A stream can be read once, so by one key: the named one, or the only one.
    if let Source::Read(_) = source
        && (alone || (keys.len() > 1 && Some(first.id()) != claimed))
    {
        source.read_to_end()?;
    }
    for key in ordered {
        if alone {
            if holds_alone(bundle, &source.digests(), key)? {
                return Ok((key, Vec::new()));
            }
            continue;
        }
        match source.verify(root, &readable.bundle, &policy(key), key.algorithm())? {
            Ok(result) => return Ok((key, result.verified_timestamps().to_vec())),
            // A stream that was read is known by its digests from here on.
            Err(Upstream::SignatureInvalid(_)) => source.read_to_end()?,
            // A key of a kind that signs no digests hides none of those after it.
            Err(Upstream::UnsupportedArtifact(_)) if keys.len() > 1 => source.read_to_end()?,
            Err(error) => return Err(refusal(&error, is_named(bundle, source.digests().sha256))),
        }
    }
    Err(rejected(bundle, keys))
}

/// Whether the signature holds under `key`, and is over the digest that the bundle names beside it.
fn holds_alone(bundle: &Bundle, digests: &Digests, key: &PublicKey) -> Result<bool, Error> {
    match bundle.content() {
        SignatureContent::DsseEnvelope(envelope) => {
            Ok(key.verifies(&envelope.pae(), &envelope.signature.sig))
        }
        SignatureContent::MessageSignature(message) => {
            let Some(digest) = digests.signed_by(key.algorithm()) else { return Ok(false) };
            let named = message.message_digest.as_ref();
            if named.is_some_and(|named| named.digest.as_bytes() != digest) {
                let got = "a bundle that names another digest";
                return Err(Error::step(Step::Artifact, got, "a bundle about this artifact"));
            }
            Ok(key.verifies_digest(digest, &message.signature))
        }
        _ => Err(Error::NotAMessage),
    }
}

/// What the official verifier is handed: the bundle, without log entries that it cannot read. Those are verified here.
struct Readable<'a> {
    bundle: Cow<'a, sigstore_types::Bundle>,
    is_partial: bool,
}

impl<'a> Readable<'a> {
    fn of(bundle: &'a Bundle, root: &TrustedRoot, check: &Check<'_>) -> Result<Self, Error> {
        let is_ours = |(index, entry): (usize, &TransparencyLogEntry)| {
            bundle.is_dsse_entry(index) || !entry::is_read_upstream(entry)
        };
        let ours: Vec<bool> = bundle.log_entries().iter().enumerate().map(is_ours).collect();
        if !ours.contains(&true) {
            return Ok(Self { bundle: Cow::Borrowed(bundle.parsed()), is_partial: false });
        }
        let mut rest = bundle.parsed().clone();
        rest.verification_material.tlog_entries.clear();
        for (entry, ours) in bundle.log_entries().iter().zip(ours) {
            if !ours {
                rest.verification_material.tlog_entries.push(entry.clone());
                continue;
            }
            if entry.inclusion_promise.is_some() {
                // Nobody would verify it, and a result must not count it.
                let got = "a promise for an entry of version 2";
                return Err(Error::step(Step::LogPromise, got, "none, as such logs give none"));
            }
            if check.requirements.logs.is_some() {
                inclusion::verify(entry, root, check.now)?;
            }
        }
        Ok(Self { bundle: Cow::Owned(rest), is_partial: true })
    }

    /// Whether all entries were verified here.
    fn has_no_entries(&self) -> bool {
        self.is_partial && self.bundle.verification_material.tlog_entries.is_empty()
    }
}

/// The official verifier takes the digest that is named beside a message signature for the one that was signed. Nobody signed
/// that name: the key dictates the algorithm, as it does where it is verified alone.
fn expect_dictated(bundle: &Bundle, key: &PublicKey) -> Result<(), Error> {
    let SignatureContent::MessageSignature(message) = bundle.content() else { return Ok(()) };
    let dictated = match key.algorithm() {
        KeyAlgorithm::EcdsaP256 | KeyAlgorithm::Rsa => HashAlgorithm::Sha2256,
        KeyAlgorithm::EcdsaP384 => HashAlgorithm::Sha2384,
        KeyAlgorithm::Ed25519 => return Ok(()),
    };
    match &message.message_digest {
        Some(named) if named.algorithm != dictated => {
            let got = format!("a signature of a {}", named.algorithm);
            Err(Error::step(Step::Signature, got, format!("of a {dictated}, as the key dictates")))
        }
        _ => Ok(()),
    }
}

/// A key with a window counts for signatures whose every trusted time lies in it, and for none without a trusted time.
fn check_windows(keys: &[TrustedKey], signer: &Signer, times: &[Timestamp]) -> Result<(), Error> {
    let Signer::Key(id) = signer else { return Ok(()) };
    let Some(window) = keys.iter().find(|trusted| trusted.key.id() == *id).and_then(|trusted| trusted.window)
    else {
        return Ok(());
    };
    let expected = format!("a time between {} and {}, when the key counts", window.start, window.end);
    match times.iter().find(|time| !window.contains(**time)) {
        Some(time) => Err(Error::step(Step::Identity, format!("signed at {time}"), expected)),
        None if times.is_empty() => Err(Error::step(Step::SigningTime, "no trusted time", expected)),
        None => Ok(()),
    }
}

fn rejected(bundle: &Bundle, keys: &[TrustedKey]) -> Error {
    if keys.is_empty() {
        return Error::NoKeys;
    }
    Error::Rejected {
        tried: keys.iter().map(|trusted| trusted.key.id()).collect(),
        claimed: bundle.claimed_key(),
        ed25519: keys.iter().any(|trusted| trusted.key.algorithm() == KeyAlgorithm::Ed25519),
    }
}

fn nobody_trusted(identities: &[Identity], holder: &CertificateIdentity) -> Error {
    let difference = match identities {
        [only] => only.difference(holder),
        _ => None,
    };
    match difference {
        Some(difference) => Error::step(Step::Identity, difference.got, difference.expected),
        None => Error::step(
            Step::Identity,
            excerpt(&holder.to_string()),
            format!("one of {} trusted identities", identities.len()),
        ),
    }
}

/// Which of our steps refused, and what the official verifier said.
///
/// `named`: whether the bundle is known to be about the artifact, so that a digest that differs is the log entry's.
fn refusal(error: &Upstream, named: bool) -> Error {
    let (step, expected) = match error {
        Upstream::SignatureInvalid(_) => (Step::Signature, "a signature that holds"),
        Upstream::ArtifactMismatch(_) if named => (Step::LogEntry, "the entry that this bundle leads to"),
        Upstream::ArtifactMismatch(_) => (Step::Artifact, "a bundle about this artifact"),
        Upstream::UnsupportedArtifact(_) => (Step::Artifact, "the artifact itself instead of a digest"),
        Upstream::Certificate(CertificateError::Sct(_)) => {
            (Step::CertificateLog, "one timestamp by a trusted certificate log")
        }
        Upstream::Certificate(_) => {
            (Step::Chain, "a path to a trusted authority that is valid at the signing time")
        }
        Upstream::TransparencyLog(TransparencyLogError::InclusionPromise(_)) => {
            (Step::LogPromise, "a promise by a trusted log")
        }
        Upstream::TransparencyLog(TransparencyLogError::IntegratedTime(_)) => {
            (Step::SigningTime, "a time of entry within the certificate's validity, and in the past")
        }
        Upstream::TransparencyLog(
            TransparencyLogError::EntryMismatch(_) | TransparencyLogError::MalformedEntry(_),
        ) => (Step::LogEntry, "the entry that this bundle leads to"),
        Upstream::TransparencyLog(_) => {
            (Step::LogInclusion, "a proof under a checkpoint that a trusted log signed")
        }
        Upstream::Timestamp(TimestampError::NoVerifiedTimestamp(_)) => {
            (Step::SigningTime, "a timestamp, or a log's promise")
        }
        Upstream::Timestamp(_) => (Step::Timestamp, "a timestamp over this signature by a trusted authority"),
        Upstream::Bundle(_) => (Step::LogInclusion, "what its version asks for"),
        _ => (Step::Content, "a bundle that can be verified"),
    };
    Error::step(step, excerpt(&error.to_string()), expected)
}

/// Whether the bundle says itself that it is about this artifact, so that a digest that differs is the log entry's. A
/// statement has been compared with the artifact before.
fn is_named(bundle: &Bundle, digest: Digest) -> bool {
    bundle.envelope().is_some() || bundle.message_digest() == Some(digest)
}
