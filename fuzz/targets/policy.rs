//! Policies, waivers and deny lists. Whatever is accepted judges an image of which nothing is known as anything but
//! `allow`, unless the policy asks for nothing.

#![no_main]

use libfuzzer_sys::fuzz_target;
use plimsoll_core::{Digest, Timestamp};
use plimsoll_policy::{
    DatabaseFacts, Decision, DenyList, DocumentKind, Evidence, ImageDigests, Policy, SbomFacts, SbomSearch,
    Signatures, SubjectFacts, SubjectKind, VexFacts, VulnerabilityFacts, Waiver, evaluate,
};

fuzz_target!(|bytes: &[u8]| {
    let now = Timestamp::from_second(1_790_000_000).unwrap();
    let kind = DocumentKind::read(bytes, "input");
    if let Ok(waiver) = Waiver::from_unsigned(bytes, "input") {
        assert!(matches!(kind, Ok(DocumentKind::Waiver)) && waiver.is_unsigned());
        // The form that is signed says the same.
        let signed = plimsoll_core::json::canonical(waiver.document());
        assert_eq!(Waiver::from_unsigned(&signed, "signed").unwrap().content(), waiver.content());
        let strict = Policy::parse(STRICT, "strict", &()).unwrap();
        let verdict = evaluate(&strict.into(), &unknown(), &[waiver], &DenyList::none(), now);
        assert_ne!(verdict.decision, Decision::Allow);
    }
    if let Ok(list) = DenyList::parse(bytes, "input") {
        assert!(matches!(kind, Ok(DocumentKind::DenyList)));
        let verdict = evaluate(&Policy::builtin().into(), &unknown(), &[], &list, now);
        assert_ne!(verdict.decision, Decision::Allow);
    }
    if let Ok(policy) = Policy::parse(bytes, "input", &()) {
        assert!(matches!(kind, Ok(DocumentKind::Policy)));
        assert_eq!(Policy::parse(bytes, "other", &()).unwrap().effective_digest(), policy.effective_digest());
        let _ = policy.lint(now);
        let policies = policy.into();
        let verdict = evaluate(&policies, &unknown(), &[], &DenyList::none(), now);
        if verdict.decision == Decision::Allow {
            assert_eq!(verdict.blocking().count(), 0);
        }
        // More evidence against it never helps.
        let mut denied = DenyList::none();
        denied.add(DenyList::parse(denial().as_bytes(), "denial").unwrap());
        assert_eq!(evaluate(&policies, &unknown(), &[], &denied, now).decision, Decision::Deny);
    }
});

const STRICT: &[u8] = b"apiVersion: plimsoll.dev/v1\nkind: Policy\nmetadata: { name: strict }\nspec:\n  phase: ga\n  signatures: { required: false }\n  waivers: { allowUnsigned: I accept unsigned waivers }\n";

fn manifest() -> Digest {
    Digest::sha256(b"manifest")
}

fn denial() -> String {
    format!(
        "apiVersion: plimsoll.dev/v1\nkind: DenyList\nmetadata: {{ name: all }}\nspec:\n  digests:\n    - {{ digest: '{}', reason: fuzzed }}\n",
        manifest()
    )
}

/// An image that exists, and about which nothing could be found out.
fn unknown() -> Evidence {
    let reason = || "nothing is known".to_owned();
    Evidence {
        subject: SubjectFacts {
            kind: SubjectKind::Registry,
            requested: "registry.example/team/app:1".to_owned(),
            repository: Some("registry.example/team/app".to_owned()),
            tag: Some("1".to_owned()),
            pinned: None,
            digests: Some(ImageDigests {
                stated: Vec::new(),
                index: None,
                manifest: manifest(),
                config: Digest::sha256(b"config"),
                layers: vec![Digest::sha256(b"layer")],
                diff_ids: vec![Digest::sha256(b"content")],
                indexes: Vec::new(),
                aliases: Vec::new(),
            }),
            platform: None,
        },
        signatures: Signatures::Unavailable { reason: reason() }.into(),
        sbom: SbomFacts::Unavailable { reason: reason() },
        sbom_search: SbomSearch::default(),
        database: DatabaseFacts::default(),
        vex: VexFacts::default(),
        attestations: plimsoll_policy::AttestationFacts::default(),
        configuration: None,
        vulnerabilities: VulnerabilityFacts::Unavailable { reason: reason() },
        narrowed: Vec::new(),
    }
}
