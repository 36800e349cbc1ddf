//! Verified values: what was signed, by whom, and what was left unchecked.
//!
//! [`Verified`] has no public constructor: only the functions of this crate make one, after all of their steps. Policy
//! accepts nothing else.

use jiff::Timestamp;
use plimsoll_core::Digest;
use serde::Serialize;

use crate::identity::CertificateIdentity;
use crate::{KeyId, Observation};

/// A value that a trusted signer has signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified<T> {
    value: T,
    signer: Signer,
    bundle: Digest,
    not_checked: Vec<NotChecked>,
    times: Vec<Timestamp>,
    observations: Vec<Observation>,
}

/// Who signed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub enum Signer {
    /// The holder of this key.
    Key(KeyId),
    /// The identity that a certificate was issued to.
    Certificate(Box<CertificateIdentity>),
}

/// Something in the bundle that was not checked. It neither helped nor harmed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub enum NotChecked {
    /// Entries of a transparency log.
    TransparencyLog,
    /// Signed timestamps.
    Timestamp,
}

impl<T> Verified<T> {
    pub(crate) fn new(value: T, signer: Signer, bundle: Digest, not_checked: Vec<NotChecked>) -> Self {
        Self { value, signer, bundle, not_checked, times: Vec::new(), observations: Vec::new() }
    }

    pub(crate) fn with_trail(mut self, times: Vec<Timestamp>, observations: Vec<Observation>) -> Self {
        self.times = times;
        self.observations = observations;
        self
    }

    /// What was signed.
    pub fn value(&self) -> &T {
        &self.value
    }

    /// Who signed it.
    pub fn signer(&self) -> &Signer {
        &self.signer
    }

    /// The SHA-256 of the bundle's bytes. It says where the evidence came from and is not an identity: an ECDSA
    /// signature can be rewritten and stay valid, so approvals are counted by signers, not bundles.
    pub fn bundle(&self) -> &Digest {
        &self.bundle
    }

    /// The parts of the bundle that were not checked.
    pub fn not_checked(&self) -> &[NotChecked] {
        &self.not_checked
    }

    /// When it was signed, by the clocks of trusted logs and timestamp authorities; empty if there is none.
    pub fn times(&self) -> &[Timestamp] {
        &self.times
    }

    /// What each step of the verification found.
    pub fn observations(&self) -> &[Observation] {
        &self.observations
    }

    /// A part or another form of what was signed, still verified. The closure must not add anything from outside.
    pub fn map<U>(self, f: impl FnOnce(T) -> U) -> Verified<U> {
        Verified {
            value: f(self.value),
            signer: self.signer,
            bundle: self.bundle,
            not_checked: self.not_checked,
            times: self.times,
            observations: self.observations,
        }
    }

    /// As [`Verified::map`], for a conversion that may fail.
    pub fn try_map<U, E>(self, f: impl FnOnce(T) -> Result<U, E>) -> Result<Verified<U>, E> {
        Ok(Verified {
            value: f(self.value)?,
            signer: self.signer,
            bundle: self.bundle,
            not_checked: self.not_checked,
            times: self.times,
            observations: self.observations,
        })
    }
}

impl std::fmt::Display for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Key(id) => write!(f, "key {id}"),
            Self::Certificate(identity) => identity.fmt(f),
        }
    }
}
