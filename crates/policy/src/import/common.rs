//! What importers share.

use super::fields::{Fields, Findings, Node};
use super::images::{Stars, patterns};
use super::written::{Attestation, Signer, Text};

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
    let (mut all, mut everything, mut sound) = (Vec::<String>::new(), false, true);
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
                everything |= found.is_none();
                for pattern in found.unwrap_or_default() {
                    if !all.contains(&pattern) {
                        all.push(pattern);
                    }
                }
            }
            Err(reason) => {
                findings.refuse(&node.path, &reason);
                sound = false;
            }
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
pub(super) fn distinct_attestations(attestations: Vec<Attestation>) -> Vec<Attestation> {
    let mut known = std::collections::BTreeSet::new();
    let mut distinct = Vec::new();
    for mut attestation in attestations {
        let name: String = attestation.name.chars().take(100).collect();
        let mut next = name.clone();
        let mut number = 2;
        while !known.insert(next.to_lowercase()) {
            next = format!("{name}-{number}");
            number += 1;
        }
        attestation.name = next;
        distinct.push(attestation);
    }
    distinct
}

/// The signers, of whom no two have the same name.
pub(super) fn distinct_names(signers: Vec<Signer>) -> Vec<Signer> {
    let mut known = std::collections::BTreeSet::new();
    let mut distinct = Vec::new();
    for mut signer in signers {
        let name: String = signer.name.trim().chars().take(200).collect();
        let mut next = name.clone();
        let mut number = 2;
        while !known.insert(next.to_lowercase()) {
            next = format!("{name} {number}");
            number += 1;
        }
        signer.name = next;
        distinct.push(signer);
    }
    distinct
}
