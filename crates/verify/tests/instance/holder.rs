//! The holder of a certificate is one, whoever reads it.

use plimsoll_testkit::sigstore::der::{element, oid, utf8};
use plimsoll_testkit::sigstore::{Leaf, LogVersion, Sigstore};
use plimsoll_verify::{Identity, Requirements, Signer, Step, Text};

use super::case::Case;

fn case_for(leaf: &Leaf) -> Case {
    Case::signed_by(Sigstore::new(), leaf, LogVersion::V1)
}

fn uri(text: &str) -> Vec<u8> {
    element(0x86, text.as_bytes())
}

/// `otherName` of this type.
fn other(kind: &str, name: &str) -> Vec<u8> {
    element(0xa0, &[oid(kind), element(0xa0, &utf8(name))].concat())
}

#[test]
fn a_claim_that_is_there_twice_is_refused() {
    for number in [8, 9, 12, 24] {
        let mut leaf = Leaf::default();
        leaf.claims.push((number, "https://evil.example".into()));
        leaf.claims.push((number, "https://ci.example/team/app".into()));
        assert!(case_for(&leaf).refused_by(Step::Identity).contains("twice"));
    }
}

#[test]
fn several_names_or_none_or_another_kind_are_refused() {
    let ours = Leaf::default().subject;
    for names in [
        vec![uri(&ours), uri("https://evil.example")],
        vec![uri("https://evil.example"), uri(&ours)],
        vec![uri(&ours), uri(&ours)],
        vec![uri(&ours), element(0x81, b"evil@example.com")],
        vec![element(0x82, b"ci.example")],
        vec![other("1.3.6.1.4.1.57264.1.9", &ours)],
    ] {
        case_for(&Leaf { names: Some(names), ..Leaf::default() }).refused_by(Step::Identity);
    }
}

#[test]
fn an_old_and_a_new_issuer_that_disagree_are_refused() {
    let leaf = Leaf { older_issuer: Some("https://other.example".into()), ..Leaf::default() };
    assert!(case_for(&leaf).refused_by(Step::Identity).contains("two issuers"));
    // So is an old claim beside a new one.
    let mut leaf = Leaf::default();
    leaf.claims.push((6, "refs/heads/other".into()));
    assert!(case_for(&leaf).refused_by(Step::Identity).contains("source-ref"));
    let mut same = Leaf::default();
    same.claims.push((6, "refs/heads/main".into()));
    case_for(&same).verify().unwrap();
}

#[test]
fn a_user_name_is_a_name() {
    let names = vec![other("1.3.6.1.4.1.57264.1.7", "foo!oidc.local")];
    let leaf = Leaf { names: Some(names), ..Leaf::default() };
    let case = case_for(&leaf);
    let identity = |name: &str| Identity {
        issuer: Text::Exact(leaf.issuer.clone()),
        subject: Text::Exact(name.into()),
        claims: Vec::new(),
    };
    let verified = case.verify_as(&[identity("foo!oidc.local")], Requirements::default()).unwrap();
    let Signer::Certificate(holder) = verified.signer() else { panic!("{:?}", verified.signer()) };
    assert_eq!(holder.subject, "foo!oidc.local");
    let error = case.verify_as(&[identity("foo")], Requirements::default()).unwrap_err();
    assert_eq!(error.failed_step(), Some(Step::Identity));
}
