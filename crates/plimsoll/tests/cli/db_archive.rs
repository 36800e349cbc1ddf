//! `plimsoll db export` and `plimsoll db import`: a database for where nothing may be fetched, signed by whoever built it.

use std::fs;
use std::process::Stdio;

use plimsoll_core::Digest;
use plimsoll_testkit::sigstore::{Leaf, LogVersion, Sigstore};

use crate::fixture::{AS_OF, NOW, Place, run};

const SBOM: &str = r#"{"bomFormat":"CycloneDX","specVersion":"1.6","version":1,"components":[
    {"type":"library","name":"pymysql","version":"1.1.0","purl":"pkg:pypi/pymysql@1.1.0"}]}"#;

/// A place with a database, two keys and a path for an archive.
fn place() -> (Place, String) {
    let place = Place::new();
    place.key("builder");
    place.key("other");
    let archive = place.path("advisories.tar.zst");
    (place, archive)
}

fn signed(place: &Place, archive: &str) {
    let key = place.path("builder.key");
    place
        .run(&["db", "export", "--db", &place.path("db"), "--sign", "--key", &key, archive])
        .exits(0)
        .says("exported the database in")
        .says("signed with key ");
}

/// `db import` into `inside`, by whoever has this key.
fn import(place: &Place, key: &str, archive: &str, more: &[&str]) -> crate::fixture::Run {
    let (key, db) = (place.path(&format!("{key}.pub")), place.path("inside"));
    let by = ["--key", &key, "--insecure-ignore-tlog", "--offline"];
    place.run(&[&["db", "import", "--db", &db, "--at", NOW, archive][..], &by, more].concat())
}

/// The file with the signature in a database.
fn signature(place: &Place, db: &str) -> std::path::PathBuf {
    let mut names = fs::read_dir(place.path(db)).unwrap().map(|entry| entry.unwrap().path());
    names.find(|path| path.to_str().unwrap().ends_with(".sigstore.json")).unwrap()
}

#[test]
fn a_database_is_carried_across_an_air_gap_with_its_signature() {
    let (place, archive) = place();
    signed(&place, &archive);
    import(&place, "builder", &archive, &["--max-age", "2h"])
        .exits(0)
        .says("signed by key ")
        .says("PyPI from OSV: 2 advisories, as of 2026-11-20T11:00:00Z (60 minutes old)");
    let (inside, sbom) = (place.path("inside"), format!("sbom:{}", place.write("app.cdx.json", SBOM)));
    place.run(&["scan", "--db", &inside, "--at", NOW, &sbom]).exits(0).says("CVE-2024-36039");

    // Its signature is a bundle like any other, over its list.
    let (bundle, list) = (signature(&place, "inside"), format!("{inside}/database.json"));
    let key = place.path("builder.pub");
    let verify = ["verify-blob-attestation", "--type", "https://plimsoll.dev/database/v1", "--key", &key];
    let bundle = ["--insecure-ignore-tlog", "--bundle", bundle.to_str().unwrap(), &list];
    place.run(&[&verify[..], &bundle].concat()).exits(0).says("\"publisher\":\"OSV\"");

    let status = place.run(&["db", "status", "--db", &inside, "--at", NOW]).exits(0);
    status.says("signed: by key ").says("licence CC-BY-4.0: OSV (PyPI)");
    let status = place.run(&["db", "status", "--db", &inside, "-o", "json"]).exits(0).json();
    assert!(status["signature"]["problem"].is_null(), "{status}");
    place.run(&["db", "status", "--db", &place.path("db")]).exits(0).says("signed: no");

    // It goes along when the database is exported again, and is lost when it changes.
    let again = place.path("again.tar.zst");
    place.run(&["db", "export", "--db", &inside, &again]).exits(0).says("with the signature that it was");
    assert_eq!(fs::read(&again).unwrap(), fs::read(&archive).unwrap());
    let from = place.path("feeds");
    let later = ["db", "build", "--from", &from, "--as-of", "2026-11-20T11:30:00Z", "--db", &inside];
    place.run(&later).exits(0);
    place.run(&["db", "status", "--db", &inside]).exits(0).says("signed: no");
    place.run(&["db", "export", "--db", &inside, "--force", &again]).exits(0).says("not signed");
}

#[test]
fn a_signature_by_somebody_else_or_over_something_else_imports_nothing() {
    let (place, archive) = place();
    let db = place.path("db");
    signed(&place, &archive);
    import(&place, "other", &archive, &[]).exits(10);
    place.run(&["db", "status", "--db", &place.path("inside")]).exits(4);

    // Nobody's, and whoever made it.
    let unsigned = place.path("unsigned.tar.zst");
    place.run(&["db", "export", "--db", &db, &unsigned]).exits(0).says("not signed");
    import(&place, "builder", &unsigned, &[]).exits(10).says("nobody signed it").says("db export --sign");
    let inside = place.path("inside");
    let anybody = ["db", "import", "--db", &inside, "--at", NOW, "--insecure-ignore-signature", &unsigned];
    place.run(&anybody).exits(0).says("whose signature nobody verified");
    place.run(&["db", "import", "--db", &inside, &unsigned]).exits(2).says("no trusted key or identity");
    import(&place, "builder", &unsigned, &["--insecure-ignore-signature"])
        .exits(2)
        .says("expected one of them");

    // The right key, over another archive, of another kind, or of the bytes of the list alone.
    import(&place, "builder", &archive, &[]).exits(0);
    let bundle = signature(&place, "inside");
    let (key, list, path) =
        (place.path("builder.key"), format!("{inside}/database.json"), bundle.to_str().unwrap());
    let forged = place.path("forged.tar.zst");
    let refused = |why: &str| {
        place.run(&["db", "export", "--db", &inside, "--force", &forged]).exits(0);
        import(&place, "builder", &forged, &[]).exits(10).says(why);
    };
    let predicate = place.write("predicate.json", "{}");
    let attest = ["attest-blob", "--key", &key, "--predicate", &predicate, "--force", "--bundle", path];
    place.run(&[&attest[..], &["--type", "https://plimsoll.dev/database/v1", &predicate]].concat()).exits(0);
    refused("sha256:");
    place.run(&[&attest[..], &["--type", "custom", &list]].concat()).exits(0);
    refused("is none about a database");
    place.run(&["db", "status", "--db", &inside]).exits(0).says("signed: no, the signature does not count");
    place.run(&["sign-blob", "--key", &key, "--force", "--bundle", path, &list]).exits(0);
    refused("expected a DSSE envelope with a statement");
    fs::write(&bundle, "{").unwrap();
    place.run(&["db", "export", "--db", &inside, "--force", &forged]).exits(0);
    assert_ne!(import(&place, "builder", &forged, &[]).code, 0);
}

#[test]
fn an_archive_that_is_older_damaged_or_none_says_what_to_do() {
    let (place, archive) = place();
    signed(&place, &archive);
    import(&place, "builder", &archive, &["--max-age", "30m"]).exits(10).says("expected at most 30 minutes");
    let (from, inside) = (place.path("feeds"), place.path("inside"));
    let later = ["db", "build", "--from", &from, "--as-of", "2026-11-20T11:30:00Z", "--db", &inside];
    place.run(&later).exits(0);
    import(&place, "builder", &archive, &[])
        .exits(10)
        .says(&format!("is as of 2026-11-20T11:30:00Z here, and as of {AS_OF} in the archive"))
        .says("--allow-older");
    place.run(&["db", "status", "--db", &inside]).exits(0).says("2026-11-20T11:30:00Z");
    import(&place, "builder", &archive, &["--allow-older"]).exits(0);

    let mut damaged = fs::read(&archive).unwrap();
    damaged.truncate(damaged.len() - 9);
    let damaged = place.write("damaged.tar.zst", damaged);
    import(&place, "builder", &damaged, &[]).exits(1).says("cut off");
    import(&place, "builder", &place.path("feeds/debian/tracker.json"), &[])
        .exits(1)
        .says("it is not an archive by `plimsoll db export`");
    import(&place, "builder", &place.path("absent"), &[]).exits(4);
    place.run(&["db", "status", "--db", &inside]).exits(0).says("signed: by key");

    let db = place.path("db");
    let export = ["db", "export", "--db", &db];
    place.run(&[&export[..], &[&archive]].concat()).exits(5).says("--force");
    place.run(&[&export[..], &["--key", &place.path("builder.key"), "x"]].concat()).exits(2).says("--sign");
    place.run(&["db", "export", "--db", &place.path("none"), "x"]).exits(4).says("db update");
}

#[test]
fn an_archive_goes_through_a_pipe() {
    let (place, archive) = place();
    signed(&place, &archive);
    let mut command = place.command(&["db", "export", "--db", &place.path("db"), "-"]);
    let exported = command.stdout(Stdio::piped()).output().unwrap();
    assert!(exported.status.success());
    let inside = place.path("inside");
    let mut command =
        place.command(&["db", "import", "--db", &inside, "--at", NOW, "--insecure-ignore-signature", "-"]);
    let unsigned = place.write("piped.tar.zst", exported.stdout);
    command.stdin(fs::File::open(unsigned).unwrap());
    run(command).exits(0).says("the database in");
    place.run(&["db", "status", "--db", &inside]).exits(0).says("PyPI");
}

/// An archive whose list a certificate's holder signed, at a time that a log attests.
fn signed_by(place: &Place, instance: &mut Sigstore, leaf: &Leaf) -> String {
    let (db, archive) = (place.path("db"), place.path("keyless.tar.zst"));
    let list = Digest::sha256(&fs::read(place.path("db/database.json")).unwrap());
    let statement = serde_json::json!({
        "_type": "https://in-toto.io/Statement/v1", "subject": [{"digest": {"sha256": list.hex()}}],
        "predicateType": "https://plimsoll.dev/database/v1", "predicate": {},
    });
    let holder = instance.leaf(leaf);
    let bundle = instance.attest(&holder, statement.to_string().as_bytes(), LogVersion::V1);
    place.write(&format!("db/database-{}.sigstore.json", list.hex()), bundle.to_string());
    place.run(&["db", "export", "--db", &db, "--force", &archive]).exits(0);
    archive
}

#[test]
fn a_certificate_counts_for_its_identity_and_while_it_was_valid() {
    let place = Place::new();
    let mut instance = Sigstore::new();
    let root = place.write("root.json", instance.trusted_root().to_string());
    let leaf = Leaf::default();
    let (inside, subject) = (place.path("inside"), leaf.subject.clone());
    let import = |archive: &str, subject: &str| {
        let by = ["--certificate-identity", subject, "--certificate-oidc-issuer", &leaf.issuer];
        let root = ["--trusted-root", &root, "--offline"];
        place.run(&[&["db", "import", "--db", &inside, "--at", NOW, archive][..], &by, &root].concat())
    };
    let archive = signed_by(&place, &mut instance, &leaf);
    import(&archive, "ann@example.com").exits(10).says("step 14 (identity)");
    import(&archive, &subject).exits(0).says(&subject);
    place.run(&["db", "status", "--db", &inside]).exits(0).says(&format!("signed: by {subject}"));

    // It had ended when the log saw the signature.
    let expired = Leaf { start: leaf.start - 3600, end: leaf.start - 1800, ..Leaf::default() };
    let archive = signed_by(&place, &mut instance, &expired);
    import(&archive, &subject).exits(10).says("step 6");
    // Another instance vouches for the same name.
    let archive = signed_by(&place, &mut Sigstore::new(), &Leaf::default());
    import(&archive, &subject).exits(10);
}
