//! What importers share.

use std::collections::{BTreeMap, BTreeSet};

use super::fields::{Fields, Findings, Node};
use super::images::{Images, Stars, patterns};
use super::written::{Attestation, Signer, Text};

/// What is told of a policy under which images may be asked for by tag.
pub(super) const TAGS: &str =
    "the cluster writes the digest into what runs; here, a tag is looked up each time that it is asked for";

/// Patterns of one policy.
const MAX_PATTERNS: usize = 1_000;

/// The name in the metadata. Nothing else there decides.
pub(super) fn name(document: &mut Fields<'_>, findings: &mut Findings) -> String {
    let Some(mut metadata) = document.fields("metadata", findings) else {
        findings.refuse("metadata.name", "is missing");
        return String::new();
    };
    let name = metadata.text("name", findings).unwrap_or_default().to_owned();
    if name.is_empty() {
        findings.refuse("metadata.name", "is missing");
    }
    name
}

/// The characters of a text that a policy's name may have; others become `-`.
pub(super) fn plain_name(text: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.') { c } else { '-' };
    let name: String = text.chars().map(plain).take(128).collect();
    name.trim_start_matches(['-', '_', '.']).to_owned()
}

/// The patterns of a list, none of which stands for everything. `None` if one is refused.
pub(super) fn images(
    nodes: &[Node<'_>],
    path: &str,
    stars: Stars,
    findings: &mut Findings,
) -> Option<Vec<String>> {
    if nodes.is_empty() {
        findings.refuse(path, "names no images");
        return None;
    }
    let (mut all, mut everything, mut sound) = (Vec::new(), false, true);
    let mut known = BTreeSet::new();
    for node in nodes {
        let Some(text) = node.text(findings) else {
            sound = false;
            continue;
        };
        match patterns(text, stars) {
            Ok((found, note)) => {
                if let Some(note) = note {
                    findings.note(path, &note);
                }
                match found {
                    Images::Everything => everything = true,
                    Images::Matching(patterns) => {
                        all.extend(patterns.into_iter().filter(|pattern| known.insert(pattern.clone())));
                    }
                }
            }
            Err(reason) => {
                findings.refuse(&node.path, &reason);
                sound = false;
            }
        }
        if all.len() > MAX_PATTERNS {
            findings.refuse(path, &format!("stands for more than {MAX_PATTERNS} patterns; split the policy"));
            return None;
        }
    }
    sound.then(|| if everything { Vec::new() } else { all })
}

/// A public key in the document.
pub(super) fn pem(node: &Node<'_>, findings: &mut Findings) -> Option<String> {
    let text = node.text(findings)?;
    match plimsoll_verify::PublicKey::from_pem(text.trim().as_bytes()) {
        Ok(_) => Some(text.trim().to_owned()),
        Err(error) => {
            findings.refuse(&node.path, &format!("is not a public key: {error}"));
            None
        }
    }
}

/// A regular expression that may match anywhere.
pub(super) fn anywhere(expression: &str, path: &str, findings: &mut Findings) -> Option<Text> {
    match Text::anywhere(expression) {
        Ok(text) => Some(text),
        Err(reason) => {
            findings.refuse(path, &reason);
            None
        }
    }
}

/// Whether this is the address of the public instance's transparency log.
pub(super) fn is_public_log(url: &str) -> bool {
    url.trim_end_matches('/') == "https://rekor.sigstore.dev"
}

/// The attestations, no two of which have the same name.
pub(super) fn distinct_attestations(mut attestations: Vec<Attestation>) -> Vec<Attestation> {
    let mut names = Names::default();
    for attestation in &mut attestations {
        attestation.name = names.distinct(&attestation.name, "-");
    }
    attestations
}

/// The signers, no two of whom have the same name.
pub(super) fn distinct_names(mut signers: Vec<Signer>) -> Vec<Signer> {
    let mut names = Names::default();
    for signer in &mut signers {
        signer.name = names.distinct(&signer.name, " ");
    }
    signers
}

/// Names that are given, and how often each was wanted.
#[derive(Default)]
struct Names {
    given: BTreeSet<String>,
    wanted: BTreeMap<String, usize>,
}

impl Names {
    /// The name, or the first with a number that is free. Letters count alike in both cases.
    fn distinct(&mut self, name: &str, before_number: &str) -> String {
        let name: String = name.trim().chars().take(100).collect();
        let times = self.wanted.entry(name.to_lowercase()).or_default();
        loop {
            *times += 1;
            let next = if *times == 1 { name.clone() } else { format!("{name}{before_number}{times}") };
            if self.given.insert(next.to_lowercase()) {
                return next;
            }
        }
    }
}
