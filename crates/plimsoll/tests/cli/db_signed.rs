//! Policies that name who may sign the advisory database.

use std::fs;

use crate::fixture::{NOW, Place};

/// A folder without packages: nothing in it but the database can decide.
fn judged(place: &Place, db: &str, signer: &str) -> crate::fixture::Run {
    let policy = format!(
        "apiVersion: plimsoll.dev/v1\nkind: Policy\nmetadata: {{name: shop}}\nspec:\n  phase: pilot\n  \
         digest: {{pinned: false}}\n  vulnerabilities:\n    database:\n      signedBy: [{{name: feed builder, \
         key: {{file: {signer}.pub}}}}]\n"
    );
    let policy = place.write("policy.yaml", policy);
    let sbom = place.write(
        "app.cdx.json",
        r#"{"bomFormat":"CycloneDX","specVersion":"1.6","version":1,
        "compositions":[{"aggregate":"complete"}],"components":[
        {"type":"library","name":"pymysql","version":"1.1.1","purl":"pkg:pypi/pymysql@1.1.1"}]}"#,
    );
    let (db, sbom) = (place.path(db), format!("sbom:{sbom}"));
    place.run(&["check", "--db", &db, "--at", NOW, "--policy", &policy, "--explain", &sbom])
}

#[test]
fn findings_count_only_from_a_database_that_somebody_signed_who_may() {
    let place = Place::new();
    for name in ["builder", "other"] {
        place.key(name);
    }
    let (db, inside, archive) = (place.path("db"), place.path("inside"), place.path("a.tar.zst"));
    judged(&place, "db", "builder").exits(11).says("the advisory database does not count: nobody signed it");

    let (private, public) = (place.path("builder.key"), place.path("builder.pub"));
    place.run(&["db", "export", "--db", &db, "--sign", "--key", &private, &archive]).exits(0);
    let import = ["db", "import", "--db", &inside, "--at", NOW, "--key", &public, "--insecure-ignore-tlog"];
    place.run(&[&import[..], &[&archive]].concat()).exits(0);
    let judgement = judged(&place, "inside", "builder").exits(0);
    judgement
        .says("database signed by feed builder")
        .says("not checked: transparency log, trusted time")
        .says("evidence database sha256:")
        .says("evidence database-signature sha256:");
    judged(&place, "inside", "other")
        .exits(11)
        .says("the advisory database does not count: its signature is refused");

    // Somebody changes what is in the same block as a package that is looked up: nothing of it counts.
    let file = |part: &str| {
        let mut paths = fs::read_dir(&inside).unwrap().map(|entry| entry.unwrap().path());
        paths.find(|path| path.file_name().unwrap().to_str().unwrap().contains(part)).unwrap()
    };
    let stored = file("pypi-");
    let bytes = fs::read(&stored).unwrap();
    let mut changed = bytes.clone();
    let of_jinja2 = bytes.windows(6).rposition(|window| window == b"jinja2").unwrap();
    changed[of_jinja2] ^= 1;
    fs::write(&stored, changed).unwrap();
    place
        .run(&["scan", "--db", &inside, "--at", NOW, &format!("sbom:{}", place.path("app.cdx.json"))])
        .exits(1)
        .says("the digest of its block does not match");
    judged(&place, "inside", "builder").exits(11).says("the digest of its block does not match");
    fs::write(&stored, bytes).unwrap();
    judged(&place, "inside", "builder").exits(0);

    // A signature of another database, under the name that this one's has.
    place
        .run(&["db", "build", "--from", &place.path("feeds"), "--as-of", "2026-11-20T10:00:00Z", "--db", &db])
        .exits(0);
    place.run(&["db", "export", "--db", &db, "--force", "--sign", "--key", &private, &archive]).exits(0);
    let elsewhere = place.path("elsewhere");
    let import =
        ["db", "import", "--db", &elsewhere, "--at", NOW, "--key", &public, "--insecure-ignore-tlog"];
    place.run(&[&import[..], &[&archive]].concat()).exits(0);
    let mut others = fs::read_dir(&elsewhere).unwrap().map(|entry| entry.unwrap().path());
    let other = others.find(|path| path.to_str().unwrap().ends_with(".sigstore.json")).unwrap();
    fs::copy(other, file(".sigstore.json")).unwrap();
    judged(&place, "inside", "builder").exits(11).says("its signature is refused");
    fs::remove_file(file(".sigstore.json")).unwrap();
    judged(&place, "inside", "builder").exits(11).says("nobody signed it");
}

/// A document with this version of PyMySQL and a package whose ecosystem the database lacks.
fn with_gap(place: &Place, version: &str) -> String {
    let pymysql =
        r#"{"type":"library","name":"pymysql","version":"VERSION","purl":"pkg:pypi/pymysql@VERSION"}"#;
    let sbom = format!(
        r#"{{"bomFormat":"CycloneDX","specVersion":"1.6","version":1,
        "compositions":[{{"aggregate":"complete"}}],"components":[{},
        {{"type":"library","name":"jinja2","version":"2.11.2","purl":"pkg:nuget/jinja2@2.11.2"}}]}}"#,
        pymysql.replace("VERSION", version)
    );
    format!("sbom:{}", place.write(&format!("{version}.cdx.json"), sbom))
}

#[test]
fn what_a_subject_lacks_discards_no_signed_database_and_undoes_no_deny() {
    let place = Place::new();
    place.key("builder");
    let (server, update) = crate::db_update::publisher(&place);
    let (db, inside, archive) = (place.path("db"), place.path("inside"), place.path("a.tar.zst"));
    let (private, public) = (place.path("builder.key"), place.path("builder.pub"));
    place.run(&["db", "export", "--db", &db, "--sign", "--key", &private, &archive]).exits(0);
    let import = ["db", "import", "--db", &inside, "--at", NOW, "--key", &public, "--insecure-ignore-tlog"];
    place.run(&[&import[..], &[&archive]].concat()).exits(0);
    let (affected, other) = (with_gap(&place, "1.1.0"), with_gap(&place, "1.1.1"));
    // All but the database, which is the last.
    let update: Vec<&str> = update.iter().map(String::as_str).filter(|it| !it.ends_with("fetched")).collect();
    let policy = |name: &str, signed: bool| {
        let signed = if signed {
            format!(", database: {{signedBy: [{{name: builder, key: {{file: {public}}}}}]}}")
        } else {
            String::new()
        };
        place.write(
            name,
            format!(
                "apiVersion: plimsoll.dev/v1\nkind: Policy\nmetadata: {{name: shop}}\nspec:\n  phase: pilot\n  \
                 digest: {{pinned: false}}\n  vulnerabilities: {{block: [critical], onUnknown: warn{signed}}}\n"
            ),
        )
    };
    let check = |db: &str, policy: &str, sbom: &str| {
        let check = ["check", "--at", NOW, "--policy", policy, sbom];
        place.run(&[&check[..], &update, &[db]].concat())
    };
    let stays_signed = || {
        place.run(&["db", "status", "--db", &inside, "--at", NOW]).exits(0).says("signed: by key ");
        assert!(server.asked().is_empty(), "something was fetched");
    };
    let by_builder = policy("signed.yaml", true);
    check(&inside, &by_builder, &affected).exits(10);
    stays_signed();
    check(&inside, &by_builder, &other).says("a policy names who may sign it");
    stays_signed();
    let by_anybody = policy("anybody.yaml", false);
    check(&inside, &by_anybody, &other).says("it is signed, and an update would discard");
    stays_signed();
    place.run(&[&["scan", "--at", NOW, &other][..], &update, &[&inside]].concat()).says("it is signed");
    stays_signed();
    // Nobody signed this one: it is updated, but not to undo a deny.
    check(&db, &by_anybody, &affected).exits(10).keeps_quiet_about("updating the database");
    assert!(server.asked().is_empty(), "something was fetched");
    check(&db, &by_anybody, &other).says("updating the database for NuGet");
}
