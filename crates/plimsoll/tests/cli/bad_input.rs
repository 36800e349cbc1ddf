//! Registries, images and documents that are broken or hostile: the exit code of the design, a message that says what,
//! where and what to do, and never a verdict on half an image.

use plimsoll_testkit::{Compression, Fault, ImageBuilder, Layer, Registry};

use crate::fixture::{NOW, Place, affected, debian, patched, pushed, shop, wheel};

/// Runs `check` on a good image whose registry meets `fault` for `pattern`; the time-out keeps stalled ones short.
fn with_fault(pattern: &str, fault: Fault) -> crate::fixture::Run {
    let (place, registry) = (Place::new(), Registry::start());
    let reference = patched(&registry);
    registry.misbehave(pattern, fault);
    let run = place.check(&[&reference, "--timeout", "3s", "-o", "json"]);
    let json = run.json();
    assert!(json["results"][0]["verdict"]["decision"] != "allow", "{json:#}");
    run
}

#[test]
fn a_registry_that_is_down_is_transient() {
    let (place, registry) = (Place::new(), Registry::start());
    let reference = patched(&registry);
    let host = registry.host();
    registry.stop();
    place.check(&[&reference, "--timeout", "3s"]).exits(6).says(&host);
}

#[test]
fn a_registry_that_stalls_is_given_up_on() {
    with_fault("GET */manifests/*", Fault::Stall).exits(6).says("127.0.0.1");
    with_fault("GET */blobs/*", Fault::StallAfter(10)).exits(6).says("blobs");
}

#[test]
fn half_a_blob_is_no_layer() {
    with_fault("GET */blobs/*", Fault::HalfThenClose).exits(6);
}

#[test]
fn wrong_bytes_are_a_failed_verification() {
    with_fault("GET */blobs/*", Fault::WrongBytes).exits(10).says("sha256:").says("expected");
    with_fault("GET */manifests/*", Fault::WrongBytes).exits(10).says("sha256:");
}

#[test]
fn wrong_sizes_are_noticed() {
    with_fault("GET */blobs/*", Fault::Longer(5)).exits(10);
    with_fault("GET */blobs/*", Fault::Shorter(5)).exits(10);
}

#[test]
fn statuses_have_their_exit_codes() {
    for (status, code) in [(401, 3), (403, 3), (404, 4), (429, 6), (500, 6), (503, 6)] {
        with_fault("GET */manifests/*", Fault::Status(status)).exits(code);
    }
}

#[test]
fn a_redirect_to_the_metadata_service_is_refused() {
    let run = with_fault(
        "GET */blobs/*",
        Fault::Redirect(307, "http://169.254.169.254/latest/meta-data".to_owned()),
    );
    assert_ne!(run.code, 0);
    run.says("169.254.169.254");
}

#[test]
fn broken_manifests_are_named() {
    for fault in [Fault::TruncatedJson, Fault::Oversized(5 << 20)] {
        let run = with_fault("GET */manifests/*", fault);
        assert!(matches!(run.code, 1 | 10), "{run:?}");
        run.says("manifest");
    }
}

#[test]
fn a_registry_that_hides_referrers_behind_errors_is_not_unsigned() {
    let (place, registry) = (Place::new(), Registry::start());
    place.key("ci");
    let policy = place.write(
        "policy.yaml",
        "apiVersion: plimsoll.dev/v1\nkind: Policy\nmetadata: {name: p}\nspec:\n  phase: pilot\n  signatures:\n    \
         required: true\n    anyOf: [{name: ci, key: {file: ci.pub}}]\n",
    );
    let reference = patched(&registry);
    registry.misbehave("GET */referrers/*", Fault::Status(500));
    place.check(&[&reference, "--policy", &policy]).exits(11).says("UNKNOWN  signatures");
}

#[test]
fn layers_that_are_not_what_they_should_be() {
    let place = Place::new();
    let registry = Registry::start();
    let truncated = Layer::from_tar(vec![b'x'; 700]);
    let climbing = Layer::new().file("../../etc/passwd", "root");
    let zstd = debian().compression(Compression::Zstd);
    place.check(&[&pushed(&registry, &ImageBuilder::new().layer(zstd).build(), "zstd")]).exits(0);
    for (tag, layer) in [("truncated", truncated), ("climbing", climbing)] {
        let image = ImageBuilder::new().layer(layer).build();
        place.check(&[&pushed(&registry, &image, tag)]).exits(1).says("layer");
    }
    let forged = ImageBuilder::new()
        .layer(debian())
        .layer(wheel("pymysql", "1.1.1"))
        .forged_diff_id(1, plimsoll_core::Digest::sha256(b"other"))
        .build();
    place.check(&[&pushed(&registry, &forged, "forged")]).exits(10).says("sha256:");
}

#[test]
fn a_broken_package_database_is_unknown() {
    let (place, registry) = (Place::new(), Registry::start());
    for (tag, status) in
        [("garbage", "\u{0}\u{1}garbage"), ("unfinished", "Package: a\nStatus: install ok installed\n")]
    {
        let layer = debian().file("var/lib/dpkg/status", status);
        let image = ImageBuilder::new().layer(layer).build();
        place.check(&[&pushed(&registry, &image, tag)]).exits(11).says("UNKNOWN").says("dpkg");
    }
}

#[test]
fn damaged_databases_are_never_read() {
    let (place, registry) = (Place::new(), Registry::start());
    let (reference, db) = (affected(&registry), place.path("db"));
    let file = std::fs::read_dir(&db)
        .unwrap()
        .map(|e| e.unwrap().path())
        .find(|p| p.to_str().unwrap().contains("pypi"));
    let file = file.unwrap();
    let whole = std::fs::read(&file).unwrap();
    for position in [0, 40, whole.len() / 2, whole.len() - 1] {
        let mut bytes = whole.clone();
        bytes[position] ^= 1;
        std::fs::write(&file, &bytes).unwrap();
        let name = file.file_name().unwrap().to_str().unwrap();
        place.run(&["db", "status", "--db", &db]).exits(1).says(name);
        let code = place.check(&[&reference]).code;
        assert!(matches!(code, 10 | 11), "byte {position}: {code}");
    }
    std::fs::write(&file, &whole[..whole.len() / 2]).unwrap();
    place.check(&[&reference]).exits(11).says("UNKNOWN  vulnerabilities").says("db build");
    place.run(&["scan", "--db", &db, "--at", NOW, &reference]).exits(1);
}

#[test]
fn feeds_that_cannot_be_read_leave_the_database_as_it_was() {
    let place = Place::new();
    let (db, from) = (place.path("db"), place.path("feeds"));
    let before = place.run(&["db", "status", "--db", &db, "-o", "json"]).exits(0).json();
    place.write("feeds/PyPI/broken.json", "{\"id\": ");
    let arguments = ["db", "build", "--from", &from, "--as-of", "2026-11-20T11:30:00Z", "--db", &db];
    place.run(&arguments).exits(1).says("broken.json");
    let after = place.run(&["db", "status", "--db", &db, "-o", "json"]).exits(0).json();
    assert_eq!(before["feeds"], after["feeds"]);
    let left: Vec<_> = std::fs::read_dir(&db).unwrap().map(|e| e.unwrap().file_name()).collect();
    let listed = |name: &str| name.ends_with(".plimsolldb") || ["database.json", "lock"].contains(&name);
    assert!(left.iter().all(|name| listed(name.to_str().unwrap())), "{left:?}");
}

#[test]
fn documents_that_are_wrong_are_usage_errors_with_a_place() {
    let (place, registry) = (Place::new(), Registry::start());
    let reference = patched(&registry);
    let policy = |spec: &str| {
        place.write(
            "policy.yaml",
            format!("apiVersion: plimsoll.dev/v1\nkind: Policy\nmetadata: {{name: p}}\nspec:\n{spec}"),
        )
    };
    for (spec, says) in [
        ("  phase: pilot\n  vulnerabilites: {}\n", "did you mean \"vulnerabilities\""),
        ("  phase: alpha\n", "phase"),
        ("  phase: beta\n", "spec.signatures"),
        ("  phase: pilot\n  signatures:\n    anyOf: [{name: ci, key: {file: missing.pub}}]\n", "missing.pub"),
        ("  phase: pilot\n  phase: beta\n", "phase"),
        ("  phase: [\n", "policy.yaml"),
    ] {
        let file = policy(spec);
        place.check(&[&reference, "--policy", &file]).exits(2).says(says).says("policy.yaml");
        assert_ne!(place.run(&["policy", "lint", &file]).code, 0);
    }
    let waiver =
        place.write("w.yaml", "apiVersion: plimsoll.dev/v1\nkind: Waiver\nmetadata: {name: w}\nspec: {}\n");
    place.check(&[&reference, "--waivers", &waiver]).exits(2).says("w.yaml");
    let list = place.write("d.yaml", "apiVersion: plimsoll.dev/v1\nkind: DenyList\nmetadata: {name: d}\nspec: {digests: [{digest: sha256:zz, reason: x}]}\n");
    place.check(&[&reference, "--deny-list", &list]).exits(2).says("d.yaml");
}

#[test]
fn subjects_that_are_not_there_or_not_one() {
    let place = Place::new();
    place.check(&["./missing.tar"]).exits(4).says("missing.tar");
    place.check(&["Not A Reference"]).exits(2).says("neither an existing path nor an image reference");
    let text = place.write("notes.txt", "hello");
    place.check(&[&text]).exits(2).says("archive:FILE");
    let image = shop("pymysql", "1.1.1").build();
    image.write_oci_archive(&place.root().join("image.tar"), None);
    let whole = std::fs::read(place.path("image.tar")).unwrap();
    let half = place.write("half.tar", &whole[..whole.len() / 2]);
    assert_ne!(place.check(&[&half]).exits(1).stderr, "");
}

#[test]
fn one_bad_subject_does_not_hide_the_others() {
    let (place, registry) = (Place::new(), Registry::start());
    let (good, bad) = (patched(&registry), affected(&registry));
    place.check(&[&good, "./missing.tar"]).exits(4).says("ALLOW").says("missing.tar");
    place.check(&["./missing.tar", &bad, &good]).exits(10).says("DENY").says("missing.tar");
    let json = place.check(&["./missing.tar", &good, "-o", "json"]).exits(4).json();
    assert_eq!(json["results"][0]["error"]["exitCode"], 4);
    assert_eq!(json["results"][1]["verdict"]["decision"], "allow");
}

#[test]
fn names_from_images_cannot_write_to_the_terminal() {
    let (place, registry) = (Place::new(), Registry::start());
    let evil = "\u{1b}]8;;http://evil.example\u{7}pymysql";
    let layer = Layer::new().file("x/a-1.dist-info/METADATA", format!("Name: {evil}\nVersion: 1\n\n"));
    let image = shop("pymysql", "1.1.0").layer(layer).build();
    let reference = pushed(&registry, &image, "evil");
    for command in [&["check", &reference, "--explain"][..], &["sbom", &reference, "-o", "table"]] {
        let run = place.run(command);
        assert!(!run.stdout.contains('\u{1b}') && !run.stderr.contains('\u{1b}'), "{run:?}");
    }
}
