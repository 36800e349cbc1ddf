//! Authorities: a name in the policy, and the key or identity that signs for it.
//!
//! Owns whether a signature is an authority's and counts at its time. The rule decides how many are needed.

use jiff::Timestamp;
use plimsoll_verify::person::same_name;
use plimsoll_verify::{Identity, KeyId, NotChecked, PublicKey, Signer, Step, Text, Verified};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize, Serializer};

use crate::identity::{IdentitySpec, WrittenIdentity};
use crate::setting::{Instant, Setting};

/// A signer whose signature counts: the holder of a key, or the owner of an identity that certificates are
/// issued to.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("oneOf" = [{ "required": ["key"] }, { "required": ["identity"] }]))]
pub(crate) struct AuthoritySpec {
    /// Repeated in verdicts.
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) key: Setting<KeySpec>,
    #[serde(default)]
    pub(crate) identity: Setting<IdentitySpec>,
}

/// A public key, as `file` or `pem`, and the time during which it counts.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("oneOf" = [{ "required": ["file"] }, { "required": ["pem"] }]))]
pub(crate) struct KeySpec {
    /// A PEM file, relative to the policy document.
    pub(crate) file: Setting<String>,
    /// The PEM text itself.
    pub(crate) pem: Setting<String>,
    /// Whether its signatures must be in a transparency log of the trusted root. Default: false.
    pub(crate) transparency_log: Setting<bool>,
    /// Signatures count from this instant on: by the time of signing if a trusted clock attests it, otherwise
    /// by the time of judgement.
    #[schemars(with = "Setting<Instant>")]
    pub(crate) not_before: Setting<Timestamp>,
    /// Signatures count before this instant, by the same clocks.
    #[schemars(with = "Setting<Instant>")]
    pub(crate) not_after: Setting<Timestamp>,
}

/// A name, and the key or identity that signs for it.
#[derive(Debug, Clone)]
pub(crate) struct Authority {
    pub(crate) name: String,
    pub(crate) who: KeyOrIdentity,
    /// Whether a signature by this key must be in a transparency log. For certificates, the policy decides
    /// for all together.
    pub(crate) logged: bool,
    pub(crate) not_before: Option<Timestamp>,
    pub(crate) not_after: Option<Timestamp>,
}

/// The key or identity that signs for an authority.
#[derive(Debug, Clone)]
pub(crate) enum KeyOrIdentity {
    /// The holder of this key.
    Key(PublicKey),
    /// The owner of a certificate that matches this.
    Identity(Box<Identity>),
}

impl Serialize for Authority {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct Decisive<'a> {
            name: &'a str,
            #[serde(skip_serializing_if = "Option::is_none")]
            key: Option<KeyId>,
            #[serde(skip_serializing_if = "Option::is_none")]
            identity: Option<WrittenIdentity<'a>>,
            #[serde(skip_serializing_if = "std::ops::Not::not")]
            transparency_log: bool,
            not_before: Option<Timestamp>,
            not_after: Option<Timestamp>,
        }
        let (key, identity) = match &self.who {
            KeyOrIdentity::Key(key) => (Some(key.id()), None),
            KeyOrIdentity::Identity(identity) => (None, Some(WrittenIdentity::from(identity.as_ref()))),
        };
        let Self { name, logged, not_before, not_after, .. } = self;
        Decisive {
            name,
            key,
            identity,
            transparency_log: *logged,
            not_before: *not_before,
            not_after: *not_after,
        }
        .serialize(serializer)
    }
}

/// A verified signature, reduced to what counting it needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Signed {
    pub(crate) signer: Signer,
    /// When it was made, by trusted clocks; empty if there is none.
    pub(crate) times: Vec<Timestamp>,
    /// Whether a trusted log is known to contain it.
    pub(crate) logged: bool,
}

impl<T> From<&Verified<T>> for Signed {
    fn from(verified: &Verified<T>) -> Self {
        Self {
            signer: verified.signer().clone(),
            times: verified.times().to_vec(),
            logged: was_checked(verified, Step::LogInclusion),
        }
    }
}

/// Whether a step of the verification was performed and succeeded.
pub(crate) fn was_checked<T>(verified: &Verified<T>, step: Step) -> bool {
    verified.observations().iter().any(|seen| seen.step == step && seen.checked)
}

/// The checks that were skipped for a signature that counts, as a verdict names them.
pub(crate) fn not_checked<T>(verified: &Verified<T>) -> Vec<String> {
    let mut left = Vec::new();
    if !was_checked(verified, Step::LogInclusion) {
        left.push(name_of(NotChecked::TransparencyLog).to_owned());
    }
    if verified.times().is_empty() {
        left.push("trusted time".to_owned());
    }
    if matches!(verified.signer(), Signer::Certificate(_)) && !was_checked(verified, Step::CertificateLog) {
        left.push("certificate log".to_owned());
    }
    left
}

/// What a verdict calls something that was not checked.
pub(crate) fn name_of(what: NotChecked) -> &'static str {
    match what {
        NotChecked::TransparencyLog => "transparency log",
        NotChecked::Timestamp => "timestamp",
        _ => "further material",
    }
}

/// An authority whose signature counts.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Counting<'p> {
    /// Its place in its list.
    pub(crate) index: usize,
    pub(crate) authority: &'p Authority,
    /// Until when.
    pub(crate) until: Option<Timestamp>,
}

impl Authority {
    /// Whether it has this name.
    pub(crate) fn is_named(&self, name: &str) -> bool {
        same_name(&self.name, name)
    }

    /// Whether this signer is the authority.
    pub(crate) fn is(&self, signer: &Signer) -> bool {
        match (&self.who, signer) {
            (KeyOrIdentity::Key(key), Signer::Key(id)) => key.id() == *id,
            (KeyOrIdentity::Identity(identity), Signer::Certificate(holder)) => identity.is(holder),
            _ => false,
        }
    }

    /// Whether this signer is the authority, or the same person by another spelling: for what denies a signer, where being too
    /// strict would let the signer through.
    pub(crate) fn may_be(&self, signer: &Signer) -> bool {
        match (&self.who, signer) {
            (KeyOrIdentity::Identity(identity), Signer::Certificate(holder)) => identity.may_be(holder),
            _ => self.is(signer),
        }
    }

    /// Those of `authorities` whose signature this is and counts at `now`, in their order, and why it is that of no other. `list`
    /// is what names them: `spec.sbom.attestedBy`.
    pub(crate) fn counting<'p>(
        authorities: impl IntoIterator<Item = &'p Self>,
        list: &str,
        signed: &Signed,
        now: Timestamp,
    ) -> (Vec<Counting<'p>>, String) {
        let mut refused = match &signed.signer {
            Signer::Key(_) => format!("it is signed by a key that {list} does not name"),
            other => format!("it is signed by {other}, whom {list} does not name"),
        };
        let mut counting = Vec::new();
        let authorities = authorities.into_iter().enumerate();
        for (index, authority) in authorities.filter(|(_, authority)| authority.is(&signed.signer)) {
            match authority.counts(signed, now) {
                Ok(until) => counting.push(Counting { index, authority, until }),
                Err(reason) => refused = reason,
            }
        }
        (counting, refused)
    }

    /// The first of them, or why there is none.
    pub(crate) fn first_counting<'p>(
        authorities: &'p [Self],
        list: &str,
        signed: &Signed,
        now: Timestamp,
    ) -> Result<Counting<'p>, String> {
        let (counting, refused) = Self::counting(authorities, list, signed, now);
        counting.into_iter().next().ok_or(refused)
    }

    /// Whether a signature of this authority counts at `now`: until when, or why not.
    ///
    /// If trusted clocks attest when it was made, all of these times must be in the window (CVE-2026-54787). Otherwise
    /// only the time of judgement is known: a signature from within the window, judged outside of it, cannot be
    /// distinguished from one made outside.
    pub(crate) fn counts(&self, signed: &Signed, now: Timestamp) -> Result<Option<Timestamp>, String> {
        let name = &self.name;
        if self.logged && !signed.logged {
            return Err(format!("the signature of {name} is in no trusted transparency log"));
        }
        if signed.times.is_empty() {
            return match self.window(now) {
                Window::Open => Ok(self.not_after),
                Window::NotYet(start) => {
                    Err(format!("the {} of {name} does not count before {start}", self.noun()))
                }
                Window::Over(end) => {
                    Err(format!("the {} of {name} has not counted since {end}", self.noun()))
                }
            };
        }
        for time in &signed.times {
            match self.window(*time) {
                Window::Open => {}
                Window::NotYet(start) => {
                    return Err(format!("signed at {time}, but {name} counts only from {start}"));
                }
                Window::Over(end) => {
                    return Err(format!("signed at {time}, but {name} counts only until {end}"));
                }
            }
        }
        Ok(None)
    }

    /// `key` or `identity`.
    pub(crate) fn noun(&self) -> &'static str {
        match self.who {
            KeyOrIdentity::Key(_) => "key",
            KeyOrIdentity::Identity(_) => "identity",
        }
    }

    /// Where `time` is relative to the window.
    pub(crate) fn window(&self, time: Timestamp) -> Window {
        match (self.not_before, self.not_after) {
            (Some(start), _) if time < start => Window::NotYet(start),
            (_, Some(end)) if time >= end => Window::Over(end),
            _ => Window::Open,
        }
    }

    /// Whether a trusted root can affect its signatures: there are certificates to verify, or logs and timestamps
    /// matter.
    pub(crate) fn wants_root(&self) -> bool {
        matches!(self.who, KeyOrIdentity::Identity(_))
            || self.logged
            || self.not_before.is_some()
            || self.not_after.is_some()
    }

    /// Whether both are the same key or the same identity, as far as texts and patterns show. Then a signer
    /// that satisfies one satisfies the other too. At most the letter case differs, and it is the same
    /// person.
    pub(crate) fn same_as(&self, other: &Self) -> bool {
        match (&self.who, &other.who) {
            (KeyOrIdentity::Key(one), KeyOrIdentity::Key(other)) => one.id() == other.id(),
            (KeyOrIdentity::Identity(one), KeyOrIdentity::Identity(other)) => {
                same(&one.issuer, &other.issuer)
                    && same(&one.subject, &other.subject)
                    && one.claims.len() == other.claims.len()
                    && one.claims.iter().all(|(claim, text)| {
                        other.claims.iter().any(|(name, value)| name == claim && same(text, value))
                    })
            }
            _ => false,
        }
    }

    /// Whether one signer may satisfy both, as far as texts and patterns show.
    pub(crate) fn overlaps(&self, other: &Self) -> bool {
        match (&self.who, &other.who) {
            (KeyOrIdentity::Identity(one), KeyOrIdentity::Identity(other)) => {
                let claims_meet = one.claims.iter().all(|(claim, text)| {
                    other.claims.iter().all(|(name, value)| name != claim || meet(text, value))
                });
                meet(&one.issuer, &other.issuer) && meet(&one.subject, &other.subject) && claims_meet
            }
            _ => self.same_as(other),
        }
    }
}

fn same(one: &Text, other: &Text) -> bool {
    match (one, other) {
        (Text::Exact(one), Text::Exact(other)) => same_name(one, other),
        (Text::Pattern(one), Text::Pattern(other)) => one == other,
        _ => false,
    }
}

/// Whether one text fits both. For two different patterns that is unknown, and not assumed.
fn meet(one: &Text, other: &Text) -> bool {
    match (one, other) {
        (Text::Exact(one), Text::Exact(other)) => same_name(one, other),
        (Text::Exact(text), any) | (any, Text::Exact(text)) => any.matches(text),
        (Text::Pattern(one), Text::Pattern(other)) => one == other,
    }
}

/// Where an instant is relative to a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Window {
    NotYet(Timestamp),
    Open,
    Over(Timestamp),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_carried_and_not_checked_is_told_by_its_name() {
        assert_eq!(name_of(NotChecked::TransparencyLog), "transparency log");
        assert_eq!(name_of(NotChecked::Timestamp), "timestamp");
    }
}
