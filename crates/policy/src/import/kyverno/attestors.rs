//! Sets of attestors: who has to have signed, and how many of them.

use serde_json::Value;

use super::super::common;
use super::super::fields::{Fields, Findings, Node};
use super::super::written::{Signer, Text, Who};
use super::OWN_INSTANCE;

/// The end of a public key, of which a text may hold several.
const END: &str = "-----END PUBLIC KEY-----";

/// One set of attestors: so many of these.
pub(super) struct Set {
    path: String,
    pub(super) count: usize,
    pub(super) signers: Vec<Signer>,
}

/// All sets have to be satisfied: one of them by a part of its entries, the others as a whole.
pub(super) fn combined(
    mut sets: Vec<Set>,
    findings: &mut Findings,
) -> Option<(usize, Vec<Signer>, Vec<Signer>)> {
    let chosen = match sets.iter().position(|set| set.count < set.signers.len()) {
        Some(partial) => Some(sets.remove(partial)),
        None if sets.len() == 1 => sets.pop(),
        None => None,
    };
    if let Some(other) = sets.iter().find(|set| set.count < set.signers.len()) {
        findings
            .refuse(&other.path, "is the second set that a part of its entries satisfies; split the entry");
        return None;
    }
    let all_of = sets.into_iter().flat_map(|set| set.signers).collect();
    let (threshold, any_of) = chosen.map_or((1, Vec::new()), |set| (set.count, set.signers));
    Some((threshold, any_of, all_of))
}

#[derive(Default)]
pub(super) struct Attestors {
    /// Whether some, and others, go without a certificate's log.
    pub(super) ignores_certificate_log: bool,
    pub(super) wants_certificate_log: bool,
}

impl Attestors {
    pub(super) fn set(&mut self, node: &Node<'_>, findings: &mut Findings) -> Option<Set> {
        let mut fields = node.fields(findings)?;
        let count = fields.take("count").and_then(|count| {
            let number = count.value.as_u64().and_then(|number| usize::try_from(number).ok());
            if number.is_none() {
                findings.refuse(&count.path, "expected a number");
            }
            number
        });
        let entries = fields.items("entries", findings);
        fields.finish(findings);
        let before = findings.refused();
        let signers: Vec<Signer> = entries.iter().flat_map(|entry| self.entry(entry, findings)).collect();
        if findings.refused() > before {
            return None;
        }
        if signers.is_empty() {
            findings.refuse(&format!("{}.entries", node.path), "names nobody");
            return None;
        }
        // None, and zero, stand for all.
        let count = count.filter(|count| *count > 0).unwrap_or(signers.len());
        if count > signers.len() {
            findings.refuse(&format!("{}.count", node.path), "is more than there are entries");
            return None;
        }
        Some(Set { path: node.path.clone(), count, signers })
    }

    /// The key or identity that older documents have beside `attestors`.
    pub(super) fn old_form(&mut self, fields: &mut Fields<'_>, findings: &mut Findings) -> Option<Set> {
        let path = fields.path().to_owned();
        let (key, issuer, subject) =
            (fields.take("key"), fields.text("issuer", findings), fields.text("subject", findings));
        let who = match (key, issuer, subject) {
            (Some(key), None, None) => Who::Key { pem: common::pem(&key, findings)?, logged: true },
            (None, Some(issuer), Some(subject)) => {
                self.wants_certificate_log = true;
                Who::Identity {
                    issuer: wildcard(issuer, &path, findings)?,
                    subject: wildcard(subject, &path, findings)?,
                }
            }
            (None, None, None) => return None,
            _ => {
                findings.refuse(&path, "expected either a key, or an issuer and a subject");
                return None;
            }
        };
        Some(Set { path, count: 1, signers: vec![Signer { name: "attestor".to_owned(), who }] })
    }

    fn entry(&mut self, node: &Node<'_>, findings: &mut Findings) -> Vec<Signer> {
        let Some(mut fields) = node.fields(findings) else { return Vec::new() };
        fields.refuse("annotations", "asks for annotations in the signature", findings);
        fields.refuse(
            "repository",
            "signatures are looked for beside the image, or where --evidence-repository says",
            findings,
        );
        fields.refuse("certificates", "is a certificate that is no identity of a trusted root", findings);
        fields.refuse("attestor", "is a set within a set; write its entries into the outer one", findings);
        algorithm(&mut fields, findings);
        let (keys, keyless) = (fields.fields("keys", findings), fields.fields("keyless", findings));
        fields.finish(findings);
        let who: Vec<Who> = match (keys, keyless) {
            (Some(keys), None) => by_keys(keys, findings),
            (None, Some(keyless)) => self.keyless(keyless, findings).into_iter().collect(),
            (None, None) => {
                findings.refuse(&node.path, "names nobody");
                Vec::new()
            }
            (Some(_), Some(_)) => {
                findings.refuse(&node.path, "expected one of keys and keyless");
                Vec::new()
            }
        };
        who.into_iter().map(|who| Signer { name: "attestor".to_owned(), who }).collect()
    }

    fn keyless(&mut self, mut keyless: Fields<'_>, findings: &mut Findings) -> Option<Who> {
        let path = keyless.path().to_owned();
        keyless.refuse("roots", OWN_INSTANCE, findings);
        keyless.refuse(
            "additionalExtensions",
            "asks for extensions of the certificate; use `claims` of an identity here",
            findings,
        );
        if log(&mut keyless, findings) == Log::Ignored {
            let reason = "without the log, nothing shows when the certificate was used";
            findings.refuse(&format!("{path}.rekor.ignoreTlog"), reason);
        }
        if certificate_log(&mut keyless, true, findings) == Log::Ignored {
            self.ignores_certificate_log = true;
        } else {
            self.wants_certificate_log = true;
        }
        let issuer = text(&mut keyless, "issuer", "issuerRegExp", findings);
        let subject = text(&mut keyless, "subject", "subjectRegExp", findings);
        keyless.finish(findings);
        if issuer.is_none() && subject.is_none() {
            findings.refuse(&path, "names neither issuer nor subject, so that anybody would count");
            return None;
        }
        // The lint says what is wrong with a pattern that fits everything.
        let anything = || Text::Pattern(".*".to_owned());
        Some(Who::Identity {
            issuer: issuer.unwrap_or_else(anything),
            subject: subject.unwrap_or_else(anything),
        })
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Log {
    Required,
    Ignored,
}

fn log(fields: &mut Fields<'_>, findings: &mut Findings) -> Log {
    let Some(mut log) = fields.fields("rekor", findings) else { return Log::Required };
    if log.text("url", findings).is_some_and(|url| !common::is_public_log(url)) {
        findings.refuse(&format!("{}.url", log.path()), OWN_INSTANCE);
    }
    log.refuse("pubkey", OWN_INSTANCE, findings);
    let ignored = log.flag("ignoreTlog", findings) == Some(true);
    log.finish(findings);
    if ignored { Log::Ignored } else { Log::Required }
}

/// The log of certificates. A key has none, so that its settings have no effect.
fn certificate_log(fields: &mut Fields<'_>, has_certificate: bool, findings: &mut Findings) -> Log {
    let Some(mut log) = fields.fields("ctlog", findings) else { return Log::Required };
    if has_certificate {
        log.refuse("pubkey", OWN_INSTANCE, findings);
    } else {
        log.without_effect(&["pubkey"]);
    }
    log.refuse("tsaCertChain", OWN_INSTANCE, findings);
    let ignored = log.flag("ignoreSCT", findings) == Some(true);
    log.finish(findings);
    if ignored { Log::Ignored } else { Log::Required }
}

fn algorithm(fields: &mut Fields<'_>, findings: &mut Findings) {
    if fields.text("signatureAlgorithm", findings).is_some_and(|name| !name.eq_ignore_ascii_case("sha256")) {
        let path = format!("{}.signatureAlgorithm", fields.path());
        findings.refuse(&path, "signatures by a key are verified with its own hash here");
    }
}

fn by_keys(mut keys: Fields<'_>, findings: &mut Findings) -> Vec<Who> {
    let path = keys.path().to_owned();
    let elsewhere =
        "is not in the document; write the public key into `publicKeys` (`plimsoll key public` prints it)";
    keys.refuse("kms", elsewhere, findings);
    keys.refuse("secret", elsewhere, findings);
    algorithm(&mut keys, findings);
    let logged = log(&mut keys, findings) == Log::Required;
    certificate_log(&mut keys, false, findings);
    let node = keys.take("publicKeys");
    keys.finish(findings);
    let Some(node) = node else {
        findings.refuse(&format!("{path}.publicKeys"), "is missing");
        return Vec::new();
    };
    let Some(text) = node.text(findings) else { return Vec::new() };
    if text.trim().is_empty() {
        findings.refuse(&node.path, "is empty");
    }
    if text.trim().starts_with("k8s://") || text.trim().contains("kms://") {
        findings.refuse(&node.path, elsewhere);
        return Vec::new();
    }
    let blocks = text.split_inclusive(END).filter(|block| !block.trim().is_empty());
    let blocks: Vec<Value> = blocks.map(|block| Value::from(block.trim())).collect();
    let key = |value| common::pem(&Node { path: node.path.clone(), value }, findings);
    blocks.iter().filter_map(key).map(|pem| Who::Key { pem, logged }).collect()
}

/// A text with wildcards or a regular expression.
fn text(fields: &mut Fields<'_>, glob: &str, expression: &str, findings: &mut Findings) -> Option<Text> {
    let path = format!("{}.{glob}", fields.path());
    match (fields.text(glob, findings), fields.text(expression, findings)) {
        (Some(glob), None) => wildcard(glob, &path, findings),
        (None, Some(written)) => {
            common::anywhere(written, &format!("{}.{expression}", fields.path()), findings)
        }
        (None, None) => None,
        (Some(_), Some(_)) => {
            findings.refuse(&path, &format!("is beside {expression}, expected one of them"));
            None
        }
    }
}

fn wildcard(text: &str, path: &str, findings: &mut Findings) -> Option<Text> {
    if text.contains('?') {
        findings.refuse(path, "`?` cannot be carried over; write the characters, or a regular expression");
        return None;
    }
    Some(Text::wildcard(text))
}
