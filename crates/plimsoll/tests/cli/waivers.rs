//! Waivers: who signs, for how long, for what.

use plimsoll_testkit::Registry;
use plimsoll_testkit::sigstore::Server;
use serde_json::json;

use crate::fixture::{Place, affected, digest_of};

fn policy(place: &Place, waivers: &str) -> String {
    place.write(
        "policy.yaml",
        format!(
            "apiVersion: plimsoll.dev/v1\nkind: Policy\nmetadata: {{name: shop}}\nspec:\n  phase: pilot\n  waivers:\n    \
             approvers:\n      - {{name: security@example.com, key: {{file: security.pub}}}}\n{waivers}"
        ),
    )
}

fn waiver(place: &Place, reference: &str, changes: &[(&str, &str)]) -> String {
    let mut text = format!(
        "apiVersion: plimsoll.dev/v1\nkind: Waiver\nmetadata: {{name: W-1}}\nspec:\n  rules: [vulnerabilities]\n  \
         cves: [CVE-2024-36039]\n  digests: [\"{}\"]\n  reason: keys come from us alone\n  \
         riskAssessment: low, no foreign JSON reaches it\n  controls: [input is validated at the gateway]\n  \
         owner: alice@example.com\n  issued: 2026-11-20T00:00:00Z\n  expires: 2026-11-30T00:00:00Z\n",
        digest_of(reference)
    );
    for (from, to) in changes {
        assert!(text.contains(from), "{from}");
        text = text.replace(from, to);
    }
    place.write("waivers/w1.yaml", text)
}

#[test]
fn a_signed_waiver_allows_until_it_expires() {
    let (place, registry) = (Place::new(), Registry::start());
    place.key("security");
    place.key("stranger");
    let reference = affected(&registry);
    let (policy, file) = (policy(&place, ""), waiver(&place, &reference, &[]));
    let folder = place.path("waivers");
    let with = |more: &[&str]| {
        place.check(&[&[reference.as_str(), "--policy", &policy, "--waivers", &folder], more].concat())
    };

    with(&[]).exits(10).says("W-1").says("refused waiver");
    place.run(&["waiver", "sign", "--key", &place.path("stranger.key"), &file]).exits(0);
    with(&[]).exits(10).says("warning");
    place.run(&["waiver", "sign", "--key", &place.path("security.key"), &file]).exits(0).says("2026-11-30");
    with(&[]).exits(0).says("waived").says("approved by security@example.com").says("alice@example.com");
    let verdict = with(&["-o", "json"]).exits(0).json();
    assert_eq!(verdict["results"][0]["verdict"]["validUntil"], "2026-11-21T11:00:00Z");
    with(&["--at", "2026-11-30T00:00:01Z"]).exits(10).says("expired");
    with(&["--at", "2026-11-19T23:59:59Z"]).exits(10);
}

#[test]
fn a_waiver_covers_only_what_it_names() {
    let (place, registry) = (Place::new(), Registry::start());
    place.key("security");
    let reference = affected(&registry);
    let policy = policy(&place, "");
    let other = plimsoll_core::Digest::sha256(b"other").to_string();
    // Each for its own reason, under one exit code.
    for (change, told) in [
        (("CVE-2024-36039", "CVE-2020-28493"), "CVE-2020-28493 blocks nothing here"),
        ((digest_of(&reference), other.as_str()), "it is for other images"),
        (
            ("owner: alice@example.com", "owner: security@example.com"),
            "is approved by its own owner, security@example.com",
        ),
        (("expires: 2026-11-30", "expires: 2027-11-30"), "runs 375 days, the limit for critical is"),
    ] {
        let file = waiver(&place, &reference, &[change]);
        place.run(&["waiver", "sign", "--key", &place.path("security.key"), &file]).exits(0);
        let check = ["--policy", &policy, "--waivers", &place.path("waivers")];
        place.check(&[&[reference.as_str()], &check[..]].concat()).exits(10).says(told);
    }
}

#[test]
fn unsigned_waivers_count_only_where_the_policy_says_so_in_words() {
    let (place, registry) = (Place::new(), Registry::start());
    place.key("security");
    let reference = affected(&registry);
    let file = waiver(&place, &reference, &[]);
    let strict = policy(&place, "");
    place.check(&[&reference, "--policy", &strict, "--waivers", &file]).exits(10).says("W-1 is not signed");
    let lax = policy(&place, "    allowUnsigned: I accept unsigned waivers\n");
    place.check(&[&reference, "--policy", &lax, "--waivers", &file]).exits(0).says("not signed");
}

#[test]
fn deny_lists_and_signatures_cannot_be_waived() {
    let (place, registry) = (Place::new(), Registry::start());
    place.key("security");
    let reference = affected(&registry);
    for rule in ["deny-list", "signatures", "digest", "everything"] {
        let file = waiver(&place, &reference, &[("[vulnerabilities]", &format!("[{rule}]"))]);
        place.run(&["waiver", "sign", "--key", &place.path("security.key"), &file]).exits(2).says("rules");
    }
}

#[test]
fn a_new_waiver_is_written_strictly_and_counts_once_approved() {
    let (place, registry) = (Place::new(), Registry::start());
    place.key("security");
    let reference = affected(&registry);
    let policy = policy(&place, "");
    let file = place.path("w.yaml");
    let new = |changes: &[&str]| {
        let mut arguments =
            vec!["waiver", "new", "W-1", "--reason", "keys: come from us", "--risk", "low # really"];
        arguments.extend(["--control", "input is validated", "--owner", "alice@example.com"]);
        arguments.extend(["--issued", "2026-11-20T00:00:00Z", "--output-file", &file]);
        arguments.extend(changes);
        place.run(&arguments)
    };
    let cve = ["--cve", "CVE-2024-36039", "--scope", digest_of(&reference)];
    new(&[&cve[..], &["--days", "10"]].concat()).exits(0).says("plimsoll waiver sign");
    place.check(&[&reference, "--policy", &policy, "--waivers", &file]).exits(10).says("is not signed");
    place.run(&["waiver", "sign", "--key", &place.path("security.key"), &file]).exits(0);
    let signed = format!("{file}.sigstore.json");
    let allowed =
        place.check(&[&reference, "--policy", &policy, "--waivers", &signed, "-o", "json"]).exits(0);
    allowed.says("keys: come from us").says("signedAt");

    // Nothing is written that a file may not say, and standard output is the document alone.
    std::fs::remove_file(&file).unwrap();
    for (changes, said) in [
        (vec!["--cve", "CVE-2024-36039", "--scope", "**", "--days", "10"], "too wide"),
        (vec!["--cve", "CVE-2024-*", "--scope", digest_of(&reference), "--days", "10"], "without wildcards"),
        (vec!["--scope", digest_of(&reference), "--days", "10"], "no rule"),
        (vec!["--cve", "CVE-2024-36039", "--scope", "sha256:abc", "--days", "10"], "a whole digest"),
        (vec!["--cve", "CVE-2024-36039", "--scope", digest_of(&reference)], "--expires"),
        (
            vec![
                "--cve",
                "CVE-2024-36039",
                "--scope",
                digest_of(&reference),
                "--expires",
                "2026-11-19T00:00:00Z",
            ],
            "not after issued",
        ),
        (
            vec![
                "--cve",
                "CVE-2024-36039",
                "--scope",
                "r.example/a",
                "--scope",
                digest_of(&reference),
                "--days",
                "1",
            ],
            "REPOSITORY@DIGEST",
        ),
        (
            vec![
                "--cve",
                "CVE-2024-36039",
                "--scope",
                digest_of(&reference),
                "--rule",
                "signatures",
                "--days",
                "10",
            ],
            "signatures",
        ),
        (
            vec![
                "--cve",
                "CVE-2024-36039",
                "--scope",
                digest_of(&reference),
                "--days",
                "10",
                "--description",
                "a\u{202e}b",
            ],
            "202E",
        ),
    ] {
        new(&changes).exits(2).says(said);
        assert!(!std::path::Path::new(&file).exists(), "{changes:?}");
    }
    let arguments =
        ["waiver", "new", "W-2", "--rule", "registries", "--scope", "r.example/a/{b,c}/**", "--days", "5"];
    let texts = ["--reason", "a", "--risk", "b", "--control", "c", "--owner", "d"];
    let printed = place.run(&[&arguments[..], &texts].concat()).exits(0);
    assert!(printed.stderr.is_empty(), "{}", printed.stderr);
    assert!(printed.stdout.contains("images: [\"r.example/a/{b,c}/**\"]"), "{}", printed.stdout);
}

#[test]
fn show_says_who_signed_until_when_and_whether_it_counts() {
    let (place, registry) = (Place::new(), Registry::start());
    for name in ["security", "stranger"] {
        place.key(name);
    }
    let reference = affected(&registry);
    let (policy, file) = (policy(&place, ""), waiver(&place, &reference, &[]));
    let at = ["--at", "2026-11-21T00:00:00Z"];
    let show = |more: &[&str]| place.run(&[&["waiver", "show"], &at[..], more].concat());

    show(&[&file]).exits(0).says("W-1").says("in force").says("CVE-2024-36039").says("not signed");
    show(&[&file, "--policy", &policy]).exits(10).says("does not count").says("is not signed");
    place.run(&["waiver", "sign", "--key", &place.path("stranger.key"), &file]).exits(0);
    let signed = format!("{file}.sigstore.json");
    show(&[&signed]).exits(0).says("says it is signed by key").says("not verified");
    show(&[&signed, "--policy", &policy]).exits(10).says("no signature on it is an approver's");
    place.run(&["waiver", "sign", "--key", &place.path("security.key"), &file]).exits(0);
    let folder = place.path("waivers");
    show(&[&folder, "--policy", &policy])
        .exits(0)
        .says("counts: approved by security@example.com, until 2026-11-30T00:00:00Z")
        .says("for findings that are critical, high, medium, low, unrated");
    place
        .run(&["waiver", "show", &folder, "--policy", &policy, "--at", "2026-12-01T00:00:00Z"])
        .exits(10)
        .says("expired");
    place.run(&["waiver", "show", &folder, "--at", "2026-12-01T00:00:00Z"]).exits(0).says("expired");

    let json = show(&[&folder, "--policy", &policy, "-o", "json"]).exits(0).json();
    assert_eq!(json["waivers"].as_array().unwrap().len(), 1, "the document and its signed form are one");
    let standing = &json["waivers"][0]["standings"][0];
    assert_eq!((&standing["counts"], &standing["policy"]), (&true.into(), &"shop".into()));
    assert_eq!(standing["signatures"][0]["approver"], "security@example.com");
    // A document that was changed after it was signed is unsigned.
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replace("keys come from us alone", "never mind")).unwrap();
    show(&[&folder, "--policy", &policy]).exits(10).says("never mind").says("is not signed");
    show(&[&place.write("junk.sigstore.json", "{}")]).exits(2);
}

#[test]
fn waivers_are_signed_with_every_kind_of_key() {
    let (place, registry) = (Place::new(), Registry::start());
    place.key("security");
    let reference = affected(&registry);
    let (policy, file) = (policy(&place, ""), waiver(&place, &reference, &[]));
    let key = std::fs::read_to_string(place.path("security.key")).unwrap();
    place.run_with(&[("APPROVER", &key)], &["waiver", "sign", "--key", "env://APPROVER", &file]).exits(0);
    place.check(&[&reference, "--policy", &policy, "--waivers", &place.path("waivers")]).exits(0);
    place.run(&["waiver", "sign", "--key", "env://APPROVER", &file]).exits(2).says("not set");
    place.run(&["waiver", "sign", &file]).says("the signer is unknown");
    // A key that is imported may come from the same places; what its keeper does not give away stays there.
    let imported = place.path("imported");
    let import = ["key", "import", "--no-passphrase", "env://APPROVER", &imported];
    place.run_with(&[("APPROVER", &key)], &import).exits(0);
    assert_eq!(
        std::fs::read_to_string(place.path("imported.pub")).unwrap(),
        std::fs::read_to_string(place.path("security.pub")).unwrap()
    );
    place
        .run(&["key", "import", "--no-passphrase", "hashivault://release", &place.path("never")])
        .exits(2)
        .says("does not leave the place");
}

#[test]
fn an_approver_without_a_key_signs_as_whom_the_policy_names() {
    let (server, registry) = (Server::start(), Registry::start());
    let place = Place::new();
    let reference = affected(&registry);
    let issuer = server.url();
    let file = waiver(&place, &reference, &[]);
    let config = place.write("signing.json", server.signing_config(&[2]).to_string());
    let root = place.write("trusted.json", server.trusted_root().to_string());
    let policy = place.write(
        "policy.yaml",
        format!(
            "apiVersion: plimsoll.dev/v1\nkind: Policy\nmetadata: {{name: shop}}\nspec:\n  phase: pilot\n  waivers:\n    \
             approvers:\n      - {{name: security, identity: {{issuer: '{issuer}', subject: {{pattern: '[a-z]+@example\\.com'}}}}}}\n"
        ),
    );
    let sign = |subject: &str| {
        let token = server.token(&json!({"sub": subject, "email": subject, "email_verified": true}));
        let token = place.write("token", token);
        let services = ["--signing-config", &config, "--trusted-root", &root, "--identity-token", &token];
        // In place of the one before, so that each is judged by itself.
        place.run(&[&["waiver", "sign", "--force"], &services[..], &[&file]].concat()).exits(0)
    };
    let check = |more: &[&str]| {
        let folder = place.path("waivers");
        place.check(&[&[reference.as_str(), "--policy", &policy, "--waivers", &folder], more].concat())
    };
    sign("sec@example.com").says("certificate for sec@example.com");
    check(&["--trusted-root", &root]).exits(0).says("approved by security");
    let signed = place.path("waivers/w1.yaml.sigstore.json");
    let shown = [
        "waiver",
        "show",
        &signed,
        "--policy",
        &policy,
        "--trusted-root",
        &root,
        "--at",
        "2026-11-21T00:00:00Z",
    ];
    place.run(&shown).exits(0).says("sec@example.com, issuer").says("counts");
    // Certificates of another instance do not count, and neither do the owner and people who are not named.
    check(&[]).exits(10).says("warning");
    sign("alice@example.com");
    check(&["--trusted-root", &root]).exits(10).says("its own owner");
    sign("mallory@evil.example");
    check(&["--trusted-root", &root]).exits(10).says("warning");
}

#[test]
fn a_waiver_that_is_of_no_use_says_so_at_once() {
    let (place, registry) = (Place::new(), Registry::start());
    place.key("security");
    let reference = affected(&registry);
    let policy = policy(&place, "");
    let other = plimsoll_core::Digest::sha256(b"other").to_string();
    let sign = |file: &str| {
        // What was signed before is another waiver's.
        let _ = std::fs::remove_file(format!("{file}.sigstore.json"));
        place.run(&["waiver", "sign", "--key", &place.path("security.key"), file]).exits(0);
    };
    let check = || place.check(&[&reference, "--policy", &policy, "--waivers", &place.path("waivers")]);
    let file = waiver(&place, &reference, &[("CVE-2024-36039", "CVE-2020-28493")]);
    check().exits(10).says("is not signed, and the policy accepts only signed ones");
    sign(&file);
    check().exits(10).says("matches nothing: CVE-2020-28493 blocks nothing here");
    let file = waiver(&place, &reference, &[(digest_of(&reference), other.as_str())]);
    sign(&file);
    check().exits(10).says("matches nothing: it is for other images");
    let file = waiver(&place, &reference, &[]);
    sign(&file);
    check().exits(0).keeps_quiet_about("matches nothing").keeps_quiet_about("edited");
    // The document was changed after it was signed. The signed text counts, and that is reported.
    waiver(&place, &reference, &[("owner: alice@example.com", "owner: bob@example.com")]);
    check().exits(0).says("was edited after it was signed").says("counts as it was signed");
    // The document alone was named, without what signs it.
    let signed = format!("{file}.sigstore.json");
    place
        .check(&[&reference, "--policy", &policy, "--waivers", &file])
        .exits(10)
        .says("accepts only signed ones")
        .says(&format!("{signed} signs {file}, and was not named"));
    place.check(&[&reference, "--policy", &policy, "--waivers", &signed]).exits(0).keeps_quiet_about("named");
}

#[test]
fn a_second_approver_adds_a_signature_and_erases_none() {
    let (place, registry) = (Place::new(), Registry::start());
    place.key("security");
    place.key("second");
    let reference = affected(&registry);
    let policy =
        policy(&place, "    secondApprover:\n      - {name: second@example.com, key: {file: second.pub}}\n");
    let (file, folder) = (waiver(&place, &reference, &[]), place.path("waivers"));
    let sign = |key: &str, more: &[&str]| {
        let key = place.path(&format!("{key}.key"));
        place.run(&[&["waiver", "sign", "--key", &key, &file], more].concat())
    };
    let check = || place.check(&[&reference, "--policy", &policy, "--waivers", &folder]);
    sign("security", &[]).exits(0).says("w1.yaml.sigstore.json");
    check().exits(10);
    sign("second", &[]).exits(0).says("w1.yaml.2.sigstore.json").says("2 signatures");
    check().exits(0).says("security@example.com").says("second@example.com");
    // Signing again adds no third signature.
    sign("second", &[]).exits(0).says("already");
    assert!(!place.root().join("waivers/w1.yaml.3.sigstore.json").exists());
    // A file that is named is not overwritten either.
    let first = std::fs::read(place.path("waivers/w1.yaml.sigstore.json")).unwrap();
    let named = ["--output-file", &place.path("waivers/w1.yaml.sigstore.json")];
    sign("second", &named).exits(5).says("--force");
    assert_eq!(std::fs::read(place.path("waivers/w1.yaml.sigstore.json")).unwrap(), first);
    place.run(&["waiver", "show", &file]).exits(0).keeps_quiet_about("not signed");
}

#[test]
fn show_says_of_a_waiver_that_it_is_not_signed_or_was_edited_since() {
    let (place, registry) = (Place::new(), Registry::start());
    place.key("security");
    let reference = affected(&registry);
    let file = waiver(&place, &reference, &[]);
    place.run(&["waiver", "show", &file]).exits(0).says("not signed");
    place.run(&["waiver", "sign", "--key", &place.path("security.key"), &file]).exits(0);
    for shown in [&file, &place.path("waivers")] {
        place.run(&["waiver", "show", shown]).exits(0).keeps_quiet_about("not signed");
    }
    waiver(&place, &reference, &[("keys come from us alone", "nothing at all")]);
    for shown in [&file, &place.path("waivers")] {
        place.run(&["waiver", "show", shown]).exits(0).says("edited after").says("w1.yaml.sigstore.json");
    }
    let again = ["waiver", "sign", "--key", &place.path("security.key"), &file];
    place.run(&again).exits(0).says("before").says("w1.yaml.2.sigstore.json");
    // One that cannot be read does not silence the others.
    let broken = place.write("waivers/broken.yaml", "kind: [");
    place.run(&["waiver", "show", &broken, &file]).exits(2).says("W-1").says("broken.yaml");
    place.run(&["waiver", "show", &place.path("missing.yaml"), &file]).exits(4).says("W-1");
}

#[test]
fn a_waiver_that_exists_is_not_written_over() {
    let place = Place::empty();
    let file = place.path("w.yaml");
    let new = |reason: &str, more: &[&str]| {
        let words = ["waiver", "new", "w", "--cve", "CVE-2026-1", "--scope", "r.example/a", "--days", "3"];
        let rest =
            ["--risk", "r", "--control", "c", "--owner", "o", "--output-file", &file, "--reason", reason];
        place.run(&[&words[..], &rest, more].concat())
    };
    new("first", &[]).exits(0);
    new("second", &[]).exits(5).says("--force");
    assert!(std::fs::read_to_string(&file).unwrap().contains("first"));
    new("second", &["--force"]).exits(0);
    assert!(std::fs::read_to_string(&file).unwrap().contains("second"));
}
