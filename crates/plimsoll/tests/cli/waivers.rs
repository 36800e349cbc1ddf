//! Waivers: who signs, for how long, for what.

use plimsoll_testkit::Registry;

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
    for change in [
        ("CVE-2024-36039", "CVE-2020-28493"),
        (digest_of(&reference), other.as_str()),
        ("owner: alice@example.com", "owner: security@example.com"),
        ("expires: 2026-11-30", "expires: 2027-11-30"),
    ] {
        let file = waiver(&place, &reference, &[change]);
        place.run(&["waiver", "sign", "--key", &place.path("security.key"), &file]).exits(0);
        place.check(&[&reference, "--policy", &policy, "--waivers", &place.path("waivers")]).exits(10);
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
    place.check(&[&reference, "--policy", &lax, "--waivers", &file]).exits(0).says("signed by nobody");
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
