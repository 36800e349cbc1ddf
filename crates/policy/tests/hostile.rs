//! Attacks on documents, by the row of the catalogue of bad inputs that each belongs to.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs,
    dead_code,
    unreachable_pub,
    reason = "tests"
)]

mod common;

use std::fmt::Write as _;

use common::*;
use plimsoll_core::{Classify as _, Kind, yaml};
use plimsoll_policy::{DenyList, Error, Policy, Waiver};
use serde_json::json;

fn refused(document: &[u8]) -> Error {
    let error = Policy::parse(document, "policy.yaml", &()).unwrap_err();
    assert_eq!(error.kind(), Kind::Usage, "{error}");
    assert!(
        error.to_string().len() < 2_000,
        "a message must not repeat the attack: {} bytes",
        error.to_string().len()
    );
    error
}

/// P01: a key twice. Two readers of one document must not believe different things.
#[test]
fn p01_a_key_twice() {
    let text = policy_text("phase: pilot\nvulnerabilities: { block: [critical], block: [] }");
    assert!(refused(text.as_bytes()).to_string().contains("duplicate key"));
    let twice = waiver().to_string().replacen("\"reason\"", "\"owner\":\"bob\",\"reason\"", 1);
    let error = Waiver::from_unsigned(twice.as_bytes(), "w").unwrap_err().to_string();
    assert!(error.contains("duplicate key"), "{error}");
    // In a signed waiver the verifier refuses it before anything is read.
    let digest = layer();
    let list = format!(
        "apiVersion: plimsoll.dev/v1\nkind: DenyList\nmetadata: {{ name: d }}\nspec:\n  digests: [{{ digest: '{digest}', reason: r }}]\n  digests: []\n"
    );
    let error = DenyList::parse(list.as_bytes(), "d").unwrap_err().to_string();
    assert!(error.contains("duplicate key"), "{error}");
}

/// P02: nesting a hundred thousand levels deep, with every kind of bracket.
#[test]
fn p02_depth() {
    for (open, close) in [("[", "]"), ("{a: ", "}"), ("- ", ""), ("? ", "")] {
        let deep = format!("{}1{}", open.repeat(100_000), close.repeat(100_000));
        refused(deep.as_bytes());
        refused(policy_text(&format!("phase: {deep}")).as_bytes());
    }
    let mut blocks = String::new();
    for level in 0..300 {
        let _ = writeln!(blocks, "{}a:", " ".repeat(level));
    }
    refused(blocks.as_bytes());
}

/// P03: invalid numbers, and numbers larger than the field.
#[test]
fn p03_numbers() {
    for number in
        ["1e999", ".inf", ".nan", "-1", "-0", "1.5", "4294967297", "0x10000000000", "9007199254740993", "'1'"]
    {
        let text = policy_text(&format!("phase: pilot\nwaivers: {{ maxDays: {{ critical: {number} }} }}"));
        if let Ok(policy) = Policy::parse(text.as_bytes(), "p", &()) {
            assert_eq!(number, "'1'", "{policy:?}");
        }
    }
}

/// P04: bytes that are not text, and text that looks different from what it contains.
#[test]
fn p04_text() {
    for bad in [
        &b"\xff\xfe"[..],
        b"\xed\xa0\x80",
        "\u{feff}".as_bytes(),
        b"\0",
        b"\x1b[2J",
        "\u{202e}".as_bytes(),
        "\u{2066}".as_bytes(),
        "\u{200b}".as_bytes(),
        "\u{85}".as_bytes(),
        "\u{2028}".as_bytes(),
    ] {
        let mut document = policy_text("phase: pilot # ").into_bytes();
        document.extend_from_slice(bad);
        assert!(matches!(refused(&document), Error::Document(yaml::Error::Text { line: 6, .. })), "{bad:?}");
    }
    // Text that a document writes with escapes appears decoded in messages, and is escaped when shown.
    let message = refused(policy_text("phase: \"\\u202E\\e[2J\"").as_bytes()).to_string();
    assert!(!message.contains(['\u{202e}', '\u{1b}']), "{message:?}");
    let message = refused(policy_text("\"ph\\u202Ease\": pilot").as_bytes()).to_string();
    assert!(!message.contains('\u{202e}'), "{message:?}");
}

/// P05: aliases that multiply, within anchors of every kind.
#[test]
fn p05_alias_bombs() {
    let mut laughs = String::from("a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol, lol]\n");
    for level in 1..=9 {
        let previous = format!("*a{}", level - 1);
        let _ = writeln!(laughs, "a{level}: &a{level} [{}]", [previous.as_str(); 10].join(", "));
    }
    refused(laughs.as_bytes());
    // The same if lists are read in full instead of being skipped as unknown.
    let mut images = String::from(
        "phase: pilot\nregistries: { allow: &a [r.example/a, r.example/b] }\nmatch: { images: [",
    );
    images.push_str(&"*a, ".repeat(10_000));
    images.push_str("] }");
    refused(policy_text(&images).as_bytes());
    let mut scalars = String::from("phase: pilot\nmatch: { images: [&a r.example/a, ");
    scalars.push_str(&"*a, ".repeat(1_000));
    scalars.push_str("] }");
    let message = refused(policy_text(&scalars).as_bytes()).to_string();
    assert!(message.contains("more than a document may hold"), "{message}");
    refused(b"a: &a [*a]");
    refused(b"a: &a\n  <<: *a\n");

    // Honest sharing is accepted: one approver in two lists.
    let shared = format!(
        "phase: pilot\nwaivers: {{ approvers: [&secops {{ name: secops, key: {} }}], secondApprover: [*secops] }}",
        key().yaml()
    );
    Policy::parse(policy_text(&shared).as_bytes(), "p", &()).unwrap();
}

/// S09: a pattern that matches only a part, and dots that match any character.
#[test]
fn s09_patterns_match_the_whole_name() {
    for (pattern, name) in [
        ("registry.example/team", "registry.example/team/app"),
        ("registry.example/team/app", "evil.example/registry.example/team/app"),
        ("registry.example/team/*", "registry.example/team/a/b"),
        ("registry.example/team/app", "registryXexample/team/app"),
        ("registry.example/team/app", "registry.example/team/app\n"),
        ("registry.example/team/app", "REGISTRY.EXAMPLE/team/app"),
        ("registry.example/team/**", "registry.example.evil/team/app"),
    ] {
        let policy = policy(&format!("phase: pilot\nmatch: {{ images: ['{pattern}'] }}"));
        assert_eq!(policy.matches(Some(name)), Some(false), "{pattern} matched {name:?}");
    }
}

/// S14, S15: what a signer writes beside the digest authorises nothing.
#[test]
fn s15_a_waiver_for_another_image_by_name_only() {
    let elsewhere = waiver_with(&json!({"images": ["registry.example/team/app-dev"]}));
    let mut evidence = evidence();
    evidence.vulnerabilities =
        scanned(vec![finding("CVE-2026-1", plimsoll_vuln::Severity::Critical)], Vec::new());
    let open = policy("phase: pilot\nwaivers: { allowUnsigned: I accept unsigned waivers }");
    let waivers = [unsigned(&elsewhere)];
    let verdict = evaluate(&open, &evidence, &waivers, &DenyList::none(), now());
    assert_eq!(verdict.decision, plimsoll_policy::Decision::Deny);
}

/// The content of a document is bounded. The limit for its bytes can be raised.
#[test]
fn documents_are_bounded() {
    let wide = policy_text(&format!("phase: pilot\nmatch: {{ images: [{}] }}", "b,".repeat(60_000)));
    assert!(refused(wide.as_bytes()).to_string().contains("more than a document may hold"));
    let wide = waiver_with(&json!({"images": vec!["b"; 60_000]})).to_string();
    let error = Waiver::from_unsigned(wide.as_bytes(), "w").unwrap_err().to_string();
    assert!(error.contains("more than a document may hold"), "{error}");
    let wide = format!("a: [{}]", "b,".repeat(1_100_000));
    // A list has no place for so many small nodes: what is of another shape is refused where it begins.
    let error = DenyList::parse(wide.as_bytes(), "d").unwrap_err().to_string();
    assert!(error.contains("a: unknown field"), "{error}");
    let mut many =
        String::from("apiVersion: plimsoll.dev/v1\nkind: DenyList\nmetadata: {name: d}\nspec:\n  digests:\n");
    for number in 0..5_000 {
        let _ = writeln!(many, "  - {{digest: 'sha256:{number:064x}', reason: r}}");
    }
    assert_eq!(DenyList::parse(many.as_bytes(), "d").unwrap().len(), 5_000);
}
