//! The cases of the Sigstore conformance suite, and how one is judged.

use std::collections::BTreeMap;
use std::io::Read as _;

use plimsoll_verify::{
    Artifact, Bundle, Check, Error, Identity, Message, PublicKey, Requirements, Statement, Text, Trusted,
    TrustedKey, TrustedRoot, Verified, verify, verify_message,
};

const ISSUER: &str = "https://token.actions.githubusercontent.com";
const SUBJECT: &str = "https://github.com/sigstore-conformance/extremely-dangerous-public-oidc-beacon/.github/workflows/extremely-dangerous-oidc-beacon.yml@refs/heads/main";

/// The files of a case by their names.
pub type Files = BTreeMap<String, Vec<u8>>;

/// The cases by name, each with its files; `None` where the published data is not there.
pub fn cases() -> Option<(BTreeMap<String, Files>, Vec<u8>)> {
    let archive = plimsoll_testkit::published_data("fixtures/sigstore-conformance.tar.gz")?;
    let file = std::fs::File::open(archive).unwrap();
    let mut cases = BTreeMap::<String, Files>::new();
    let mut common = None;
    for entry in tar::Archive::new(flate2::read::GzDecoder::new(file)).entries().unwrap() {
        let mut entry = entry.unwrap();
        let path = entry.path().unwrap().to_string_lossy().trim_start_matches("./").to_owned();
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).unwrap();
        match path.split('/').collect::<Vec<_>>().as_slice() {
            ["bundle-verify", "a.txt"] => common = Some(bytes),
            ["bundle-verify", case, file] if !file.is_empty() => {
                cases.entry((*case).to_owned()).or_default().insert((*file).to_owned(), bytes);
            }
            _ => {}
        }
    }
    Some((cases, common.expect("the common artifact")))
}

/// What a case turned out to be.
#[derive(Debug, PartialEq)]
pub enum Found {
    Statement(Verified<Statement>),
    Message(Verified<Message>),
}

/// Judges a case as its files say.
pub fn judge(files: &Files, common: &[u8], by_digest: bool) -> Result<Found, Error> {
    let text = |name: &str, default: &str| {
        files
            .get(name)
            .map_or(default.to_owned(), |bytes| String::from_utf8(bytes.clone()).unwrap().trim().to_owned())
    };
    let root = match files.get("trusted_root.json") {
        Some(bytes) => TrustedRoot::parse(bytes)?,
        None => TrustedRoot::public_good()?,
    };
    let keys: Vec<TrustedKey> = match files.get("key.pub") {
        Some(pem) => vec![PublicKey::from_pem(pem)?.into()],
        None => Vec::new(),
    };
    let identities = [Identity {
        issuer: Text::Exact(text("issuer", ISSUER)),
        subject: Text::Exact(text("identity", SUBJECT)),
        claims: Vec::new(),
    }];
    let trusted = if keys.is_empty() { Trusted::Identities(&identities) } else { Trusted::Keys(&keys) };
    let check = Check {
        trusted,
        root: Some(&root),
        requirements: Requirements::default(),
        now: plimsoll_core::clock::now(),
    };

    let artifact = files.get("artifact").map_or(common, Vec::as_slice);
    let digest = plimsoll_core::Digest::sha256(artifact);
    let bundle = Bundle::parse(&files["bundle.sigstore.json"], &plimsoll_core::Limits::default())?;
    match verify(&bundle, Some(&digest), &check) {
        Err(Error::NotAStatement) => {
            let mut reader = artifact;
            let artifact = if by_digest { Artifact::Digest(digest) } else { Artifact::Reader(&mut reader) };
            verify_message(&bundle, artifact, &check).map(Found::Message)
        }
        other => other.map(Found::Statement),
    }
}

impl Found {
    /// Whether the same content is verified as signed by the same signer.
    #[allow(dead_code, reason = "only the tests with changed bundles compare")]
    pub fn says_the_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Statement(a), Self::Statement(b)) => a.value() == b.value() && a.signer() == b.signer(),
            (Self::Message(a), Self::Message(b)) => a.value() == b.value() && a.signer() == b.signer(),
            _ => false,
        }
    }
}
