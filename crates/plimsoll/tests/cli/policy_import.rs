//! Other tools' policies, imported and applied to images in a registry.

use std::fs;

use plimsoll_testkit::Registry;

use crate::fixture::{Place, affected, patched};
use crate::schemas::Schemas;

/// The same demand in two dialects: signed by this key, or refused.
fn dialects(place: &Place, registry: &Registry) -> [String; 2] {
    let key = fs::read_to_string(place.path("release.pub")).unwrap();
    let indented = |spaces: usize| {
        key.lines().fold(String::new(), |text, line| text + &" ".repeat(spaces) + line + "\n")
    };
    let repository = registry.reference("shop/orders", "1.0");
    let repository = repository.rsplit_once(':').unwrap().0;
    let sigstore = format!(
        "apiVersion: policy.sigstore.dev/v1beta1\nkind: ClusterImagePolicy\nmetadata:\n  name: orders\nspec:\n  images:\n  \
         - glob: {repository}*\n  authorities:\n  - key:\n      data: |\n{}",
        indented(8)
    );
    let kyverno = format!(
        "apiVersion: kyverno.io/v1\nkind: ClusterPolicy\nmetadata:\n  name: orders-kyverno\nspec:\n  \
         validationFailureAction: Enforce\n  rules:\n  - name: signed\n    match:\n      any:\n      - resources:\n          \
         kinds: [Pod]\n    verifyImages:\n    - imageReferences: ['{repository}*']\n      attestors:\n      - entries:\n        \
         - keys:\n            rekor:\n              ignoreTlog: true\n            publicKeys: |\n{}",
        indented(14)
    );
    [place.write("sigstore.yaml", sigstore), place.write("kyverno.yaml", kyverno)]
}

#[test]
fn imported_policies_allow_what_is_signed_and_nothing_else() {
    let (place, registry) = (Place::new(), Registry::start());
    place.key("release");
    place.key("stranger");
    let (signed, other) = (affected(&registry), patched(&registry));
    place.run(&["sign", "--key", &place.path("release.key"), &signed]).exits(0);
    place.run(&["sign", "--key", &place.path("stranger.key"), &other]).exits(0);
    for file in dialects(&place, &registry) {
        let policy = place.path("imported.yaml");
        place
            .run(&["policy", "import", &file, "--output-file", &policy, "--force"])
            .exits(0)
            .says("1 policy imported");
        place.check(&["--policy", &policy, &signed]).exits(0).says("ALLOW");
        place.check(&["--policy", &policy, &other]).exits(10).says("DENY");
        place.run(&["policy", "lint", &policy]).exits(0);
    }
    // Together in a folder, each for itself.
    let folder = place.path("policies");
    let [sigstore, kyverno] = dialects(&place, &registry);
    let import = ["policy", "import", &sigstore, &kyverno, "--output-dir", &folder];
    place.run(&import).exits(0).says("2 policies imported");
    place.check(&["--policy", &folder, &signed]).exits(0).says("orders-kyverno");
    place.check(&["--policy", &folder, &other]).exits(10);
    // What is there stays.
    place.run(&import).exits(5).says("--force");
}

#[test]
fn imported_attestations_are_asked_for() {
    let (place, registry) = (Place::new(), Registry::start());
    place.key("release");
    place.key("stranger");
    let reference = patched(&registry);
    let [sigstore, _] = dialects(&place, &registry);
    let text = fs::read_to_string(sigstore).unwrap()
        + "    attestations:\n    - name: scan\n      predicateType: https://scan.example/v1\n";
    let (file, policy) = (place.write("attested.yaml", text), place.path("imported.yaml"));
    place.run(&["policy", "import", &file, "--output-file", &policy]).exits(0);
    let predicate = place.write("scan.json", "{}");
    let attest = |key: &str, kind: &str| {
        let key = place.path(key);
        place.run(&["attest", "--key", &key, "--type", kind, "--predicate", &predicate, &reference]).exits(0);
    };
    place.check(&["--policy", &policy, &reference]).exits(10).says("attestation/scan");
    attest("stranger.key", "https://scan.example/v1");
    attest("release.key", "https://other.example/v1");
    place.check(&["--policy", &policy, &reference]).exits(10);
    attest("release.key", "https://scan.example/v1");
    place.check(&["--policy", &policy, &reference]).exits(0);
}

#[test]
fn what_cannot_be_carried_over_is_told_and_nothing_is_written() {
    let (place, registry) = (Place::new(), Registry::start());
    place.key("release");
    let [file, _] = dialects(&place, &registry);
    let text = fs::read_to_string(&file).unwrap();
    let changed =
        text.replace("  authorities:", "  match:\n  - resource: pods\n    version: v1\n  authorities:");
    let file = place.write("changed.yaml", changed);
    let policy = place.path("imported.yaml");
    place
        .run(&["policy", "import", &file, "--output-file", &policy])
        .exits(1)
        .says("ClusterImagePolicy orders is not imported:")
        .says("  spec.match: chooses images by the workload");
    assert!(!fs::exists(&policy).unwrap());
    // Read from a pipe, for machines.
    let report =
        place.run_fed(&fs::read(&file).unwrap(), &["policy", "import", "-o", "json", "-"]).exits(1).json();
    assert_eq!(report["files"][0]["refused"][0]["path"], "spec.match");
    Schemas(&place).fits("policy-import", &report);
    let whole = place.run_fed(text.as_bytes(), &["policy", "import", "-o", "json", "-"]).exits(0).json();
    assert_eq!(whole["files"][0]["policies"][0]["name"], "orders");
    Schemas(&place).fits("policy-import", &whole);

    let own = place.write("own.yaml", "apiVersion: v1\nkind: Pod\nmetadata: {name: x}\n");
    place.run(&["policy", "import", &own]).exits(2).says("Pod x is not of a kind").says("ClusterImagePolicy");
    let broken = place.write("broken.yaml", "kind: [\n");
    place.run(&["policy", "import", &broken]).exits(2).says("broken.yaml");
}
