//! `ClusterImagePolicy` of Sigstore's policy-controller.
//!
//! One authority that matches is enough, and every policy that matches an image has to pass; so does each here.
//! | there | here |
//! | --- | --- |
//! | `images[].glob` | `match.images` |
//! | `authorities` | `signatures.anyOf`, one entry for each key and each identity |
//! | `attestations` without a condition, of the only authority | `attestations` |
//! | `ctlog.url` of a key | `transparencyLog: true` |
//! | `insecureIgnoreSCT` | `trust.certificateLog: false` |
//! | `mode: warn`, `static: { action: pass }` | `required: false` |

use serde_json::{Map, Value};

use super::fields::{Fields, Findings, Node};
use super::images::Stars;
use super::written::{Attestation, Signer, Text, Who, Written};
use super::{Importer, common};

pub(super) struct ClusterImagePolicies;

impl Importer for ClusterImagePolicies {
    fn group(&self) -> &'static str {
        "policy.sigstore.dev"
    }

    fn kinds(&self) -> &'static [&'static str] {
        &["ClusterImagePolicy"]
    }

    fn read(&self, document: &Map<String, Value>, findings: &mut Findings) -> Vec<Written> {
        let mut document = Fields::new(String::new(), document);
        document.without_effect(&["apiVersion", "kind", "status"]);
        let name = common::name(&mut document, findings);
        let spec = document.fields("spec", findings);
        document.finish(findings);
        spec.and_then(|spec| policy(name, spec, findings)).into_iter().collect()
    }
}

const OWN_ROOT: &str = "names an instance of Sigstore's of its own; make its trusted_root.json with `plimsoll trust root`, set \
                        `trust: { root: … }` in a policy that is imported without this field";

fn policy(name: String, mut spec: Fields<'_>, findings: &mut Findings) -> Option<Written> {
    let images: Vec<Node<'_>> = spec
        .items("images", findings)
        .into_iter()
        .filter_map(|image| {
            let mut fields = image.fields(findings)?;
            let glob = fields.take("glob");
            fields.finish(findings);
            glob
        })
        .collect();
    let images = common::images(&images, "spec.images", Stars::TwoKinds, findings);
    let mode = spec.text("mode", findings).unwrap_or("enforce");
    if !matches!(mode, "enforce" | "warn") {
        findings.refuse("spec.mode", "expected enforce or warn");
    }
    spec.refuse(
        "match",
        "chooses images by the workload that uses them; policies here are about images",
        findings,
    );
    spec.refuse(
        "policy",
        "is a condition in CUE or Rego; import the policy without it, and add the condition here",
        findings,
    );
    let authorities = spec.items("authorities", findings);
    if authorities.is_empty() {
        findings.refuse("spec.authorities", "names nobody");
    }
    spec.finish(findings);
    let mut read = Authorities::default();
    for (index, node) in authorities.iter().enumerate() {
        read.authority(index, node, findings);
    }
    read.check(findings);
    if read.passes_all {
        findings.note(
            "spec.authorities",
            "one authority passes everything, so that signatures are only reported",
        );
    }
    findings.note("spec", common::TAGS);
    let required = mode == "enforce" && !read.passes_all;
    for attestation in &mut read.attestations {
        attestation.required = required;
    }
    Some(Written {
        name,
        images: images?,
        pinned: false,
        required,
        certificate_log: !read.ignores_certificate_log,
        threshold: 1,
        any_of: common::distinct_names(read.signers),
        all_of: Vec::new(),
        attestations: common::distinct_attestations(read.attestations),
    })
}

/// An attestation by one of the signers. Without a condition, it is enough that there is one of its type.
fn attestation(node: &Node<'_>, signers: &[Signer], findings: &mut Findings) -> Option<Attestation> {
    let mut fields = node.fields(findings)?;
    let name = common::plain_name(fields.text("name", findings).unwrap_or("attestation"));
    let predicate_type = fields.text("predicateType", findings);
    if predicate_type.is_none() {
        findings.refuse(&format!("{}.predicateType", node.path), "is missing");
    }
    let condition = "is a condition in CUE or Rego; import the policy without it, and add `conditions` here";
    fields.refuse("policy", condition, findings);
    fields.finish(findings);
    let (predicate_type, signed_by) = (predicate_type?.to_owned(), signers.to_vec());
    Some(Attestation { name, predicate_type, threshold: 1, signed_by, required: true })
}

#[derive(Default)]
struct Authorities {
    count: usize,
    signers: Vec<Signer>,
    attestations: Vec<Attestation>,
    /// Where the last attestations are asked for.
    attested: String,
    passes_all: bool,
    /// Whether some, and others, go without a certificate's log.
    ignores_certificate_log: bool,
    wants_certificate_log: bool,
}

impl Authorities {
    fn authority(&mut self, index: usize, node: &Node<'_>, findings: &mut Findings) {
        let Some(mut fields) = node.fields(findings) else { return };
        let name = fields.text("name", findings).map_or_else(|| format!("authority-{index}"), str::to_owned);
        let attestations = fields.items("attestations", findings);
        fields.refuse("rfc3161timestamp", OWN_ROOT, findings);
        sources(&mut fields, findings);
        let format = fields.text("signatureFormat", findings).unwrap_or("legacy");
        if !matches!(format, "legacy" | "bundle") {
            findings.refuse(&format!("{}.signatureFormat", node.path), "expected legacy or bundle");
        }
        let bundles = format == "bundle";
        let log = log(&mut fields, findings);
        let (key, keyless, fixed) = (
            fields.fields("key", findings),
            fields.fields("keyless", findings),
            fields.fields("static", findings),
        );
        fields.finish(findings);
        let before = self.signers.len();
        match (key, keyless, fixed) {
            (Some(_), None, None) if bundles => findings.refuse(
                &format!("{}.signatureFormat", node.path),
                "is not there for keys: policy-controller refuses every image",
            ),
            (Some(key), None, None) => self.signers.extend(by_key(name, key, log, findings)),
            (None, Some(keyless), None) => self.keyless(&name, keyless, findings),
            (None, None, Some(fixed)) => self.fixed(fixed, findings),
            _ => findings.refuse(&node.path, "expected one of key, keyless and static"),
        }
        if !attestations.is_empty() {
            // Then nothing but attestations by these signers is asked for.
            let signers = common::distinct_names(self.signers.split_off(before));
            let read = |node: &Node<'_>| attestation(node, &signers, findings);
            self.attestations.extend(attestations.iter().filter_map(read));
        }
        self.count += 1;
        if !attestations.is_empty() {
            self.attested = format!("{}.attestations", node.path);
        }
    }

    fn keyless(&mut self, name: &str, mut keyless: Fields<'_>, findings: &mut Findings) {
        let path = keyless.path().to_owned();
        keyless.refuse("ca-cert", OWN_ROOT, findings);
        keyless.refuse("trustRootRef", OWN_ROOT, findings);
        if keyless
            .text("url", findings)
            .is_some_and(|url| url.trim_end_matches('/') != "https://fulcio.sigstore.dev")
        {
            findings.refuse(&format!("{path}.url"), OWN_ROOT);
        }
        if keyless.flag("insecureIgnoreSCT", findings) == Some(true) {
            self.ignores_certificate_log = true;
        } else {
            self.wants_certificate_log = true;
        }
        let identities = keyless.items("identities", findings);
        if identities.is_empty() {
            findings.refuse(&format!("{path}.identities"), "names nobody");
        }
        keyless.finish(findings);
        for (index, node) in identities.iter().enumerate() {
            let Some(mut fields) = node.fields(findings) else { continue };
            let issuer = text(&mut fields, "issuer", "issuerRegExp", findings);
            let subject = text(&mut fields, "subject", "subjectRegExp", findings);
            fields.finish(findings);
            let name = if index == 0 { name.to_owned() } else { format!("{name} {}", index + 1) };
            if let (Some(issuer), Some(subject)) = (issuer, subject) {
                self.signers.push(Signer { name, who: Who::Identity { issuer, subject } });
            }
        }
    }

    fn fixed(&mut self, mut fixed: Fields<'_>, findings: &mut Findings) {
        let path = format!("{}.action", fixed.path());
        match fixed.text("action", findings) {
            Some("pass") => self.passes_all = true,
            Some("fail") => findings.refuse(
                &path,
                "refuses every image; leave these images out of `match` of all policies, which denies them",
            ),
            _ => findings.refuse(&path, "expected pass or fail"),
        }
        fixed.without_effect(&["message"]);
        fixed.finish(findings);
    }

    /// What is one setting of a policy here, and one of each authority there.
    fn check(&self, findings: &mut Findings) {
        if !self.attestations.is_empty() && self.count > 1 {
            let reason = "is one of several ways to pass, and here all attestations have to be there; split the policy";
            findings.refuse(&self.attested, reason);
        }
        if self.ignores_certificate_log && self.wants_certificate_log {
            findings.refuse(
                "spec.authorities",
                "some go without the log of certificates (insecureIgnoreSCT) and others do not; split the policy",
            );
        }
    }
}

/// A text or a regular expression, one of which has to be there.
fn text(fields: &mut Fields<'_>, exact: &str, expression: &str, findings: &mut Findings) -> Option<Text> {
    match (fields.text(exact, findings), fields.text(expression, findings)) {
        (Some(text), None) => Some(Text::Exact(text.to_owned())),
        (None, Some(written)) => {
            common::anywhere(written, &format!("{}.{expression}", fields.path()), findings)
        }
        (None, None) => {
            findings.refuse(&format!("{}.{exact}", fields.path()), "is missing, so that anybody would count");
            None
        }
        (Some(_), Some(_)) => {
            findings
                .refuse(&format!("{}.{expression}", fields.path()), "is beside a text, expected one of them");
            None
        }
    }
}

fn by_key(name: String, mut key: Fields<'_>, log: bool, findings: &mut Findings) -> Option<Signer> {
    let path = key.path().to_owned();
    let elsewhere =
        "is not in the document; write the public key into `data` (`plimsoll key public` prints it)";
    key.refuse("secretRef", elsewhere, findings);
    key.refuse("kms", elsewhere, findings);
    if key.text("hashAlgorithm", findings).is_some_and(|hash| !hash.eq_ignore_ascii_case("sha256")) {
        findings.refuse(
            &format!("{path}.hashAlgorithm"),
            "signatures by a key are verified with its own hash here",
        );
    }
    let data = key.take("data");
    if data.is_none() {
        findings.refuse(&format!("{path}.data"), "is missing");
    }
    key.finish(findings);
    let pem = common::pem(&data?, findings)?;
    Some(Signer { name, who: Who::Key { pem, logged: log } })
}

/// Whether an entry of the public log is required of a key's signatures.
fn log(authority: &mut Fields<'_>, findings: &mut Findings) -> bool {
    let Some(mut log) = authority.fields("ctlog", findings) else { return false };
    log.refuse("trustRootRef", OWN_ROOT, findings);
    let url = log.text("url", findings);
    if url.is_some_and(|url| !common::is_public_log(url)) {
        findings.refuse(&format!("{}.url", log.path()), OWN_ROOT);
    }
    log.finish(findings);
    url.is_some()
}

fn sources(authority: &mut Fields<'_>, findings: &mut Findings) {
    for source in authority.items("source", findings) {
        let Some(mut fields) = source.fields(findings) else { continue };
        if !fields.items("signaturePullSecrets", findings).is_empty() {
            let path = format!("{}.signaturePullSecrets", fields.path());
            findings.note(&path, "credentials are those of whoever runs plimsoll");
        }
        let elsewhere = "signatures are looked for beside the image, or where --evidence-repository says";
        fields.refuse("oci", elsewhere, findings);
        fields.refuse("tagPrefix", elsewhere, findings);
        fields.finish(findings);
    }
}
