//! What every certificate of the path may be used for, up to the trusted one (RFC 5280, 6.1.4).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use plimsoll_testkit::sigstore::certificate::{self, Spec, extended_key_usage, extension, key_usage, name};
use plimsoll_testkit::sigstore::der::{element, integer, sequence, truth, utf8};
use plimsoll_testkit::sigstore::{Holder, Leaf, LogVersion, NOW, Pair, Sigstore};
use plimsoll_verify::Step;
use serde_json::{Value, json};

use super::case::{Case, DAY, payload};

const CODE_SIGNING: &str = "1.3.6.1.5.5.7.3.3";
const TIME_STAMPING: &str = "1.3.6.1.5.5.7.3.8";
const ANY_USE: &str = "2.5.29.37.0";

/// An authority's certificate: how many others may stand below it, what its key and what its leaves are for, and more.
struct Authority {
    below: Option<u8>,
    key_usage: u8,
    usage: Option<&'static str>,
    more: Vec<Vec<u8>>,
}

impl Default for Authority {
    fn default() -> Self {
        Self { below: None, key_usage: 0x06, usage: None, more: Vec::new() }
    }
}

impl Authority {
    fn issued(&self, issuer: &Pair, key: &Pair, issuer_name: &str, subject: &str) -> Vec<u8> {
        let mut constraints = vec![truth()];
        constraints.extend(self.below.map(|below| integer(&[below])));
        let mut extensions = vec![
            key_usage(self.key_usage),
            extension("2.5.29.19", true, &sequence(&constraints)),
            certificate::subject_key_id(key.spki()),
            certificate::authority_key_id(issuer.spki()),
        ];
        extensions.extend(self.usage.map(|usage| extended_key_usage(usage, false)));
        extensions.extend(self.more.iter().cloned());
        let spec = Spec {
            serial: vec![0x41, 1, 2],
            issuer: name(issuer_name),
            subject: name(subject),
            start: NOW - 90 * DAY,
            end: NOW + 90 * DAY,
            spki: key.spki().to_vec(),
            extensions,
        };
        spec.sign(issuer)
    }
}

/// A bundle under a root and an intermediate certificate like these; `alone`: the trusted root lists only the second.
fn case(root: &Authority, intermediate: &Authority, alone: bool) -> Case {
    let mut instance = Sigstore::new();
    instance.root = root.issued(&instance.root_key, &instance.root_key, "testkit root", "testkit root");
    instance.ca =
        intermediate.issued(&instance.root_key, &instance.ca_key, "testkit root", "testkit intermediate");
    let mut case = Case::signed_by(instance, &Leaf::default(), LogVersion::V1);
    if alone {
        let chain = case.root.pointer_mut("/certificateAuthorities/0/certChain/certificates").unwrap();
        chain.as_array_mut().unwrap().pop();
    }
    case
}

#[test]
fn authorities_without_limits_and_with_those_that_hold() {
    for alone in [false, true] {
        case(&Authority::default(), &Authority::default(), alone).verify().unwrap();
        let root = Authority { below: Some(1), ..Authority::default() };
        let intermediate = Authority { below: Some(0), usage: Some(CODE_SIGNING), ..Authority::default() };
        case(&root, &intermediate, alone).verify().unwrap();
        let any = Authority { usage: Some(ANY_USE), ..Authority::default() };
        case(&any, &Authority::default(), alone).verify().unwrap();
    }
}

#[test]
fn a_root_that_may_have_no_other_authority_below_it() {
    let root = Authority { below: Some(0), ..Authority::default() };
    let refusal = case(&root, &Authority::default(), false).refused_by(Step::Chain);
    assert!(refusal.contains("may stand above 0"), "{refusal}");
}

/// RFC 5280, 6.1.4 (l): an authority that certifies a new key of its own is no other authority.
#[test]
fn a_new_key_of_an_authority_is_no_other_authority_below_it() {
    let same = "testkit intermediate";
    let case = |root: &Authority| {
        let mut instance = Sigstore::new();
        instance.root = root.issued(&instance.root_key, &instance.root_key, same, same);
        instance.ca = Authority::default().issued(&instance.root_key, &instance.ca_key, same, same);
        Case::signed_by(instance, &Leaf::default(), LogVersion::V1)
    };
    case(&Authority::default()).verify().unwrap();
    case(&Authority { below: Some(0), ..Authority::default() }).verify().unwrap();
}

#[test]
fn an_authority_whose_key_may_not_sign_certificates() {
    // For lists of revoked certificates, and for signatures.
    for usage in [0x02, 0x80] {
        let wrong = || Authority { key_usage: usage, ..Authority::default() };
        for case in [
            case(&wrong(), &Authority::default(), false),
            case(&Authority::default(), &wrong(), false),
            case(&Authority::default(), &wrong(), true),
        ] {
            let refusal = case.refused_by(Step::Chain);
            assert!(refusal.contains("may not sign certificates"), "{refusal}");
        }
    }
}

/// What a certificate is for is asked twice, of the path as a whole and of each certificate in it. Each of the two refuses
/// something that the other would let pass or never sees; what both refuse is told in the words of the one that comes first.
#[test]
fn an_authority_for_another_use() {
    let wrong = || Authority { usage: Some(TIME_STAMPING), ..Authority::default() };
    // The trusted one: nobody looks at it but the question to each certificate.
    for case in [case(&wrong(), &Authority::default(), false), case(&Authority::default(), &wrong(), true)] {
        let refusal = case.refused_by(Step::Chain);
        assert!(refusal.contains("does not issue for code signing"), "{refusal}");
    }
    // One between: the path as a whole comes first, and takes no use for all of them.
    for usage in [TIME_STAMPING, ANY_USE] {
        let between = Authority { usage: Some(usage), ..Authority::default() };
        let refusal = case(&Authority::default(), &between, false).refused_by(Step::Chain);
        assert!(refusal.contains("RequiredEkuNotFound"), "{refusal}");
    }
}

#[test]
fn s17_a_certificate_for_another_use() {
    // One that says nothing of its use has passed the path as a whole.
    for usage in [None, Some("1.3.6.1.5.5.7.3.1"), Some(TIME_STAMPING), Some(ANY_USE)] {
        let leaf = Leaf { usage, ..Leaf::default() };
        let refusal = Case::signed_by(Sigstore::new(), &leaf, LogVersion::V1).refused_by(Step::Chain);
        assert!(refusal.contains("the certificate is not for code signing"), "{refusal}");
    }
    // For encipherment, and for commitments alone.
    for key_usage in [0x20, 0x40] {
        let leaf = Leaf { key_usage, ..Leaf::default() };
        let refusal = Case::signed_by(Sigstore::new(), &leaf, LogVersion::V1).refused_by(Step::Chain);
        assert!(refusal.contains("not for signatures"), "{refusal}");
    }
}

#[test]
fn an_authority_for_other_names() {
    let only = |host: &str| {
        let subtree = sequence(&[element(0x86, host.as_bytes())]);
        let constraints = sequence(&[element(0xa0, &subtree)]);
        Authority { more: vec![extension("2.5.29.30", true, &constraints)], ..Authority::default() }
    };
    case(&only("other.example"), &Authority::default(), false).refused_by(Step::Chain);
    case(&Authority::default(), &only("other.example"), false).refused_by(Step::Chain);
    case(&Authority::default(), &only("other.example"), true).refused_by(Step::Chain);
}

/// Whoever has a certificate could issue others if nobody asked what it is for: here for the identity that is trusted, and
/// even announced. Older bundles bring the certificates between.
#[test]
fn the_holder_of_a_certificate_is_no_authority() {
    let mut instance = Sigstore::new();
    let thief = instance.leaf(&Leaf { subject: "https://evil.example/thief".into(), ..Leaf::default() });
    let wanted = Leaf::default();
    for as_authority in [false, true] {
        let key = Pair::new();
        let mut extensions = vec![
            key_usage(0x80),
            extended_key_usage(CODE_SIGNING, false),
            certificate::subject_key_id(key.spki()),
            certificate::authority_key_id(thief.key.spki()),
            extension("2.5.29.17", true, &sequence(&[element(0x86, wanted.subject.as_bytes())])),
            extension("1.3.6.1.4.1.57264.1.8", false, &utf8(&wanted.issuer)),
        ];
        // One that says of itself that it is an authority is not believed to be a holder.
        if as_authority {
            extensions.push(extension("2.5.29.19", true, &sequence(&[truth()])));
        }
        let mut spec = Spec {
            serial: vec![0x42, 1],
            issuer: certificate::no_name(),
            subject: certificate::no_name(),
            start: wanted.start,
            end: wanted.end,
            spki: key.spki().to_vec(),
            extensions,
        };
        spec.extensions.push(certificate::announcement(&spec, thief.key.spki(), &[&instance.ct], NOW - 60));
        let forged = Holder { certificate: spec.sign(&thief.key), key };
        let mut bundle = instance.attest(&forged, &payload(), LogVersion::V1);
        let chain: Vec<Value> = [&forged.certificate, &thief.certificate, &instance.ca]
            .iter()
            .map(|der| json!({"rawBytes": STANDARD.encode(der)}))
            .collect();
        let material = bundle["verificationMaterial"].as_object_mut().unwrap();
        material.remove("certificate");
        material.insert("x509CertificateChain".into(), json!({"certificates": chain}));
        bundle["mediaType"] = json!("application/vnd.dev.sigstore.bundle+json;version=0.2");
        let case = Case { root: instance.trusted_root(), bundle, holder: forged, instance };
        case.refused_by(Step::Chain);
        instance = case.instance;
    }
}
