//! A bundle by the holder of a certificate, on an instance of its own.

use plimsoll_core::{Digest, Limits};
use plimsoll_testkit::sigstore::{self, Holder, Leaf, LogVersion, Sigstore};
use plimsoll_verify::{
    Bundle, Check, Error, Identity, Requirements, Statement, Step, Subject, Text, Trusted, TrustedRoot,
    Verified, verify,
};
use serde_json::{Value, json};

pub const DAY: i64 = 24 * 3600;

pub fn image() -> Digest {
    Digest::sha256(b"the image")
}

pub fn payload() -> Vec<u8> {
    Statement::new(Subject::new("", &image()), "https://sigstore.dev/cosign/sign/v1", json!({})).to_json()
}

pub fn identity() -> Identity {
    let leaf = Leaf::default();
    Identity { issuer: Text::Exact(leaf.issuer), subject: Text::Exact(leaf.subject), claims: Vec::new() }
}

/// A valid bundle and the root that it verifies under, for tests to change.
pub struct Case {
    pub instance: Sigstore,
    pub holder: Holder,
    pub root: Value,
    pub bundle: Value,
}

impl Case {
    pub fn new(version: LogVersion) -> Self {
        Self::signed_by(Sigstore::new(), &Leaf::default(), version)
    }

    pub fn signed_by(mut instance: Sigstore, leaf: &Leaf, version: LogVersion) -> Self {
        let holder = instance.leaf(leaf);
        let bundle = instance.attest(&holder, &payload(), version);
        Self { root: instance.trusted_root(), instance, holder, bundle }
    }

    pub fn verify(&self) -> Result<Verified<Statement>, Error> {
        self.verify_as(&[identity()], Requirements::default())
    }

    pub fn verify_as(
        &self,
        identities: &[Identity],
        requirements: Requirements,
    ) -> Result<Verified<Statement>, Error> {
        let root = TrustedRoot::parse(self.root.to_string().as_bytes())?;
        let bundle = Bundle::parse(self.bundle.to_string().as_bytes(), &Limits::default())?;
        let check = Check {
            trusted: Trusted::Identities(identities),
            root: Some(&root),
            requirements,
            now: sigstore::now(),
        };
        verify(&bundle, Some(&image()), &check)
    }

    #[track_caller]
    pub fn refused_by(&self, step: Step) -> String {
        let error = self.verify().expect_err("it was verified");
        assert_eq!(error.failed_step(), Some(step), "{error}");
        error.to_string()
    }

    pub fn entry(&mut self) -> &mut Value {
        &mut self.bundle["verificationMaterial"]["tlogEntries"][0]
    }
}

pub fn both() -> [Case; 2] {
    [Case::new(LogVersion::V1), Case::new(LogVersion::V2)]
}
