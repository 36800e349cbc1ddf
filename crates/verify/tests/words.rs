//! What people read of a verification: the words of each step, and of each error with what may help. A word that is missing
//! or that belongs to another step sends them to look in the wrong place.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::fmt::Write as _;

use plimsoll_core::{Classify as _, Limits, json};
use plimsoll_testkit::sigstore::Pair;
use plimsoll_verify::{Bundle, Error, PublicKey, Step};

const STEPS: [Step; 14] = [
    Step::Material,
    Step::Content,
    Step::Timestamp,
    Step::LogPromise,
    Step::SigningTime,
    Step::Chain,
    Step::CertificateLog,
    Step::LogInclusion,
    Step::LogThreshold,
    Step::Signature,
    Step::LogEntry,
    Step::Statement,
    Step::Artifact,
    Step::Identity,
];

/// The numbers are those of the documentation of [`verify`](fn@plimsoll_verify::verify), which messages refer to.
#[test]
fn every_step_has_its_number_its_title_and_what_to_do() {
    let mut told = String::new();
    for step in STEPS {
        let failed = Error::Step { step, got: "this".to_owned(), expected: "that".to_owned() };
        writeln!(told, "{failed}").unwrap();
        writeln!(told, "    {} {}: {}", step.number(), step.title(), step.guards()).unwrap();
        if let Some(hint) = failed.hint() {
            writeln!(told, "    hint: {hint}").unwrap();
        }
        assert_eq!(failed.failed_step(), Some(step));
    }
    assert_eq!(told, include_str!("words/steps.txt"));
}

#[test]
fn every_error_says_what_it_is_which_step_failed_and_what_helps() {
    let keys =
        [Pair::new(), Pair::new()].map(|pair| PublicKey::from_pem(pair.public_pem().as_bytes()).unwrap());
    let [one, other] = [0, 1].map(|index: usize| keys.get(index).unwrap().id());
    let not_json = || json::value(b"{", 9).unwrap_err();
    let claim = |got: &str| Error::UnknownClaim { got: got.to_owned() };
    let input = |what| Error::ProvenanceInput { what, got: "x".to_owned(), expected: "y" };
    let mut small = Limits::default();
    small.bundle_bytes = 1;
    let errors = [
        Error::NotPublicKeyPem { got: "a block `PRIVATE KEY`".to_owned() },
        Error::NotPublicKeyPem { got: "a block `CERTIFICATE`".to_owned() },
        Error::UnusableKey { got: "RSA of 1024 bits".to_owned() },
        Bundle::parse(b"{}", &small).unwrap_err(),
        Error::BundleJson { source: not_json() },
        Error::BundleVersion { got: "x".to_owned() },
        Error::UnknownField { path: "a.b".to_owned() },
        Error::Missing { names: &["a", "b"] },
        Error::Ambiguous { first: "a", second: "b" },
        Error::TwoNames { path: "a.b".to_owned() },
        Error::FieldType { path: "a.b".to_owned(), expected: "a list" },
        Error::Base64 { path: "a.b".to_owned() },
        Error::TooMany { path: "a.b".to_owned(), got: 33, limit: 32 },
        Error::SignatureCount { got: 2 },
        Error::NoKeys,
        Error::WrongMaterial { got: "a certificate", expected: "a public key" },
        Error::WrongMaterial { got: "a public key", expected: "a certificate" },
        Error::NotAStatement,
        Error::PayloadType { got: "x".to_owned() },
        Error::Rejected { tried: vec![one], claimed: None },
        Error::Rejected { tried: vec![one], claimed: Some(one) },
        Error::Rejected { tried: vec![one], claimed: Some(other) },
        Error::Rejected { tried: vec![one, other], claimed: Some(other) },
        Error::NoTrustedRoot,
        Error::NoIdentities,
        Error::NotAMessage,
        Error::TrustedRoot { problem: "it is empty".to_owned() },
        Error::Pattern { pattern: "(".to_owned(), problem: "unclosed group".to_owned() },
        claim("trigger"),
        claim("repository-owner"),
        claim(""),
        Error::PredicateName { got: "x".to_owned() },
        Error::DetachedSignature { got: 9 },
        Error::Artifact { source: std::io::Error::other("the disk is gone") },
        Error::StatementDigest,
        Error::StatementJson { source: not_json() },
        Error::StatementType { got: "x".to_owned() },
        Error::SubjectCount { got: 0, limit: 9 },
        Error::SubjectDigest { index: 1, problem: "no digest" },
        Error::NoPredicateType,
        Error::Predicate {
            predicate_type: "t".to_owned(),
            path: "a.b".to_owned(),
            problem: "is missing".to_owned(),
        },
        Error::NotProvenance { got: "x".to_owned() },
        Error::Attestations { path: "line 3".to_owned(), problem: "expected a bundle".to_owned() },
        Error::Repository { got: "x".to_owned(), problem: "has no path" },
        input("builder"),
        input("level"),
    ];
    let mut told = String::new();
    for error in errors {
        let step = error.failed_step().map(|step| format!(" in {step}")).unwrap_or_default();
        writeln!(told, "{error}\n    {:?}{step}", error.kind()).unwrap();
        if let Some(hint) = error.hint() {
            writeln!(told, "    hint: {hint}").unwrap();
        }
    }
    let told = told.replace(&one.to_string(), "ONE").replace(&other.to_string(), "OTHER");
    assert_eq!(told, include_str!("words/errors.txt"));
}

/// Foreign text in a message is cut after 96 characters, and only what is longer.
#[test]
fn foreign_text_is_cut_where_it_is_longer_than_a_line() {
    for (length, shown) in [(95, 95), (96, 96), (97, 97), (5_000, 97)] {
        let error = "é".repeat(length).parse::<plimsoll_verify::PredicateType>().unwrap_err();
        let Error::PredicateName { got } = error else { panic!("{error}") };
        assert_eq!((got.chars().count(), got.ends_with('…')), (shown, length > 96), "{length}");
    }
}
