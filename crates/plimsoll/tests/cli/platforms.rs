//! `--all-platforms`: every image of an index, each with its own answer.

use plimsoll_testkit::{IndexBuilder, Registry};

use crate::fixture::{NOW, Place, patched, pushed, shop};

fn multi(registry: &Registry) -> String {
    let index = IndexBuilder::new()
        .image(shop("pymysql", "1.1.1").platform("linux/amd64").build())
        .image(shop("pymysql", "1.1.0").platform("linux/arm64/v8").build())
        .build();
    pushed(registry, &index, "multi")
}

#[test]
fn scan_gives_findings_of_each_platform() {
    let (place, registry) = (Place::new(), Registry::start());
    let (reference, db) = (multi(&registry), place.path("db"));
    let scan = |more: &[&str]| {
        place.run(
            &[&["scan", "--db", &db, "--at", NOW, "--platform", "linux/amd64", &reference], more].concat(),
        )
    };
    scan(&[]).exits(0).keeps_quiet_about("CVE-2024-36039");
    scan(&["--all-platforms"]).exits(2).says("cannot be used with");
    let all = ["scan", "--db", &db, "--at", NOW, "--all-platforms", &reference];
    place.run(&all).exits(0).says("linux/amd64").says("linux/arm64").says("CVE-2024-36039");
    let json = place.run(&[&all[..], &["-o", "json"]].concat()).exits(0).json();
    let results = json["results"].as_array().unwrap();
    assert_eq!(results.len(), 2);
    let findings = |platform: &str| {
        results.iter().find(|r| r["platform"].as_str().unwrap().starts_with(platform)).unwrap()
    };
    assert!(findings("linux/arm64").to_string().contains("CVE-2024-36039"));
    assert!(!findings("linux/amd64").to_string().contains("CVE-2024-36039"));
    assert_ne!(findings("linux/amd64")["manifest"], findings("linux/arm64")["manifest"]);
    place.run(&[&all[..], &["-o", "sarif"]].concat()).exits(0).says("(linux/arm64");
}

#[test]
fn sbom_writes_a_document_for_each_platform() {
    let (place, registry) = (Place::empty(), Registry::start());
    let reference = multi(&registry);
    let sbom = |more: &[&str]| place.run(&[&["sbom", "--all-platforms", &reference], more].concat());
    sbom(&[]).exits(2).says("2 platforms").says("--output-file 'sbom-{platform}.json'");
    let same = place.path("one.json");
    sbom(&["--output-file", &same]).exits(2).says("two documents would be written to").says("{platform}");
    assert!(!std::path::Path::new(&same).exists());
    sbom(&["--output-file", &place.path("app-{platform}.json")]).exits(0);
    let read = |name: &str| std::fs::read_to_string(place.path(name)).unwrap();
    let amd = read("app-linux-amd64.json");
    let arm = std::fs::read_dir(place.root())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .find(|name| name.starts_with("app-linux-arm64"))
        .unwrap();
    assert!(amd.contains("1.1.1") && !amd.contains("1.1.0"));
    assert!(read(&arm).contains("1.1.0"));
    sbom(&["-o", "table"]).exits(0).says("1.1.1").says("1.1.0");
}

/// An index whose first image has a layer that is not what its digest says.
fn damaged(place: &Place) -> String {
    let index = IndexBuilder::new()
        .image(shop("pymysql", "1.1.1").platform("linux/riscv64").build())
        .image(shop("pymysql", "1.1.0").platform("linux/amd64").build())
        .image(shop("pymysql", "1.1.0").platform("linux/arm64/v8").build())
        .build();
    index.write_layout(&place.root().join("damaged"), None);
    // Layers that the images share would take the others with it.
    let layers = |image: usize| {
        index.images[image].layers.iter().map(plimsoll_testkit::Object::digest).collect::<Vec<_>>()
    };
    let shared = [layers(1), layers(2)].concat();
    let own = layers(0).into_iter().find(|layer| !shared.contains(layer)).unwrap();
    let blob = place.root().join("damaged/blobs/sha256").join(own.hex());
    let mut bytes = std::fs::read(&blob).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(blob, bytes).unwrap();
    format!("oci:{}", place.path("damaged"))
}

#[test]
fn an_image_that_cannot_be_read_does_not_silence_those_behind_it() {
    let place = Place::new();
    let (subject, db) = (damaged(&place), place.path("db"));
    let scan = ["scan", "--db", &db, "--at", NOW, "--all-platforms", &subject];
    let run = place.run(&scan);
    assert_ne!(run.code, 0);
    run.says("linux/riscv64: ").says("linux/amd64").says("linux/arm64").says("CVE-2024-36039");
    let json = place.run(&[&scan[..], &["-o", "json"]].concat()).json();
    assert_eq!(json["results"].as_array().unwrap().len(), 2, "{json}");
    assert_eq!(json["errors"][0]["platform"], "linux/riscv64", "{json}");
    let schema = place.run(&["schema", "scan"]).exits(0).json();
    let problems: Vec<String> =
        jsonschema::validator_for(&schema).unwrap().iter_errors(&json).map(|e| e.to_string()).collect();
    assert!(problems.is_empty(), "{problems:?}");
    let sbom = place.run(&["sbom", "--all-platforms", "-o", "table", &subject]);
    assert_ne!(sbom.code, 0);
    sbom.says("linux/riscv64: ").says("1.1.0");
}

#[test]
fn more_platforms_than_are_examined_at_a_time_are_told() {
    let (place, registry) = (Place::new(), Registry::start());
    let (reference, db) = (multi(&registry), place.path("db"));
    let limited = |words: &[&str]| {
        let more = ["--limit", "platforms=1", &reference];
        place.run(&[words, &more].concat()).exits(1).says("platforms = 1").says("--limit platforms=");
    };
    limited(&["scan", "--db", &db, "--at", NOW, "--all-platforms"]);
    limited(&["sbom", "--all-platforms", "-o", "table"]);
    limited(&["check", "--db", &db, "--at", NOW]);
    let one = ["scan", "--db", &db, "--at", NOW, "--limit", "platforms=1", "--platform", "linux/amd64"];
    place.run(&[&one[..], &[&reference]].concat()).exits(0);
}

#[test]
fn of_several_subjects_the_one_without_the_platform_is_named() {
    let registry = Registry::start();
    let (place, index, other) = (Place::new(), multi(&registry), patched(&registry));
    for command in ["check", "scan"] {
        let words = [command, &*index, &*other, "--db", &place.path("db"), "--platform", "linux/s390x"];
        let run = place.run(&words).exits(4);
        for subject in [&index, &other] {
            assert!(run.stderr.contains(&format!("error: {subject}: ")), "{}", run.stderr);
        }
    }
}

#[test]
fn check_judges_all_platforms_with_and_without_being_told() {
    let (place, registry) = (Place::new(), Registry::start());
    let reference = multi(&registry);
    place.check(&[&reference, "--all-platforms"]).exits(10).says("linux/amd64").says("linux/arm64");
    place.check(&[&reference]).exits(10).says("linux/arm64");
}

/// An archive and a layout from which the blobs of linux/arm64 are missing, as `docker save` and copies of one platform
/// leave them.
fn partial(place: &Place) -> [String; 2] {
    let whole = IndexBuilder::new()
        .image(shop("pymysql", "1.1.1").platform("linux/amd64").build())
        .image(shop("pymysql", "1.1.0").platform("linux/arm64/v8").build())
        .build();
    let mut part = whole.clone();
    let arm = part.images.pop().unwrap();
    let gone = [arm.manifest.digest(), arm.config.digest()];
    part.parts.retain(|object| !gone.contains(&object.digest()));
    part.write_oci_archive(&place.root().join("part.tar"), None);
    part.write_layout(&place.root().join("part"), None);
    [format!("archive:{}", place.path("part.tar")), format!("oci:{}", place.path("part"))]
}

#[test]
fn of_a_part_of_an_index_what_is_there_is_read_and_what_is_not_is_a_gap() {
    let place = Place::new();
    let db = place.path("db");
    for subject in partial(&place) {
        let amd = ["--platform", "linux/amd64", &subject];
        let arm = ["--platform", "linux/arm64", &subject];
        let scan = ["scan", "--db", &db, "--at", NOW];
        place.run(&[&scan[..], &amd].concat()).exits(0).says("without linux/arm64");
        place.run(&[&["sbom"], &amd[..]].concat()).exits(0).says("without linux/arm64").says("1.1.1");
        place.check(&amd).exits(0).keeps_quiet_about("image-absent");
        // What was asked for and is not there is an error that names what is.
        for command in [&scan[..], &["sbom"], &["check", "--db", &db, "--at", NOW]] {
            place.run(&[command, &arm].concat()).exits(4).says("what is: linux/amd64");
        }
        // All of it was asked for: a part is a gap, and no verdict allows it.
        let all = place.run(&[&scan[..], &["--all-platforms", "-o", "json", &subject]].concat());
        let json = all.exits(11).json();
        let results = json["results"].as_array().unwrap();
        assert_eq!(results.len(), 2);
        assert_eq!(results[1]["platform"], "linux/arm64/v8");
        assert_eq!(results[1]["gaps"][0]["reason"]["detail"]["problem"], "image-absent");
        place
            .run(&["sbom", "--all-platforms", "-o", "table", &subject])
            .exits(11)
            .says("no document for linux/arm64/v8");
        place.check(&[&subject]).exits(11).says("the image is missing").says("image-absent");
    }
}

#[test]
fn without_the_image_of_this_machine_no_other_is_taken_in_its_place() {
    let place = Place::new();
    let host = plimsoll_core::Platform::host().to_string();
    let whole = IndexBuilder::new()
        .image(shop("pymysql", "1.1.0").platform(&host).build())
        .image(shop("pymysql", "1.1.1").platform("linux/s390x").build())
        .build();
    let mut part = whole.clone();
    let gone = part.images.remove(0).manifest.digest();
    part.parts.retain(|object| object.digest() != gone);
    part.write_layout(&place.root().join("part"), None);
    let (layout, db) = (format!("oci:{}", place.path("part")), place.path("db"));
    for command in [&["sbom"][..], &["scan", "--db", &db, "--at", NOW]] {
        place.run(&[command, &[&layout]].concat()).exits(4).says("--platform linux/s390x");
        place.run(&[command, &["--platform", "linux/s390x", &layout]].concat()).exits(0);
    }
}

/// Asks for as little as a policy can.
const LENIENT: &str = "\
apiVersion: plimsoll.dev/v1
kind: Policy
metadata: { name: lenient }
spec:
  phase: pilot
  digest: { pinned: false }
  signatures: { required: false }
  sbom: { required: false, onUnknown: warn }
  vulnerabilities: { block: [critical], onUnknown: warn }
";

#[test]
fn no_policy_allows_an_image_that_is_not_there() {
    let place = Place::new();
    let lenient = place.write("lenient.yaml", LENIENT);
    for subject in partial(&place) {
        place.check(&["--policy", &lenient, "--platform", "linux/amd64", &subject]).exits(0);
        place.check(&["--policy", &lenient, &subject]).exits(11).says("the image is missing");
    }
}

#[test]
fn signing_an_index_and_all_its_images_needs_all_of_them() {
    let place = Place::new();
    place.key("ci");
    let [_, layout] = partial(&place);
    let key = place.path("ci.key");
    place.run(&["sign", "--key", &key, "--recursive", &layout]).exits(4).says("linux/arm64/v8");
    place.run(&["sign", "--key", &key, "--platform", "linux/arm64", &layout]).exits(4);
    place.run(&["sign", "--key", &key, "--platform", "linux/amd64", &layout]).exits(0);
}

#[test]
fn evidence_of_a_single_platform_is_hinted_at_for_the_index() {
    let (place, registry) = (Place::new(), Registry::start());
    place.key("ci");
    let (reference, key, public) = (multi(&registry), place.path("ci.key"), place.path("ci.pub"));
    let verify = |more: &[&str]| {
        place.run(&[&["verify", "--key", &public, "--insecure-ignore-tlog", &reference], more].concat())
    };
    verify(&[]).exits(10).says("sign it").keeps_quiet_about("--platform");
    place.run(&["sign", "--key", &key, "--platform", "linux/amd64", &reference]).exits(0);
    verify(&[]).exits(10).says("the image for linux/amd64 in the index has one: --platform linux/amd64");
    verify(&["--platform", "linux/amd64"]).exits(0);
    verify(&["--platform", "linux/arm64"]).exits(10).keeps_quiet_about("has one");
}

/// Engines take one of the two, and not the same one everywhere: both are judged, and a command about one image asks which.
#[test]
fn two_images_of_one_platform_are_both_judged_and_told_apart_by_their_digests() {
    let (place, registry) = (Place::new(), Registry::start());
    let fine = shop("pymysql", "1.1.1").platform("linux/amd64").build();
    let worse = shop("pymysql", "1.1.0").platform("Linux/x86_64").build();
    let digests = [&fine, &worse].map(|it| it.digest().to_string());
    let reference = pushed(&registry, &IndexBuilder::new().image(fine).image(worse).build(), "twice");
    let db = place.path("db");
    for platform in ["linux/amd64", "Linux/AMD64", "linux/x86_64"] {
        place.check(&[&reference, "--platform", platform]).exits(10).says("CVE-2024-36039");
        for command in [&["sbom"][..], &["scan", "--db", &db, "--at", NOW]] {
            let run = place.run(&[command, &["--platform", platform, &reference]].concat()).exits(2);
            run.says("several images for").says(&format!("…@{}", digests[0])).says(&digests[1]);
        }
    }
    let one = format!("{}@{}", reference.split_once('@').unwrap().0, digests[1]);
    place.run(&["sbom", &one, "-o", "purl-list"]).exits(0).says("pymysql@1.1.0");
}
