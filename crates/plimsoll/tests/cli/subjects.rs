//! Every kind of subject, and that they all see the same image.

use plimsoll_testkit::{ImageBuilder, Layer, Peer, Registry};
use serde_json::Value;

use crate::fixture::{NOW, Place, affected, debian, pushed, shop, wheel};

#[test]
fn every_kind_of_place_gives_the_same_findings() {
    let (place, registry) = (Place::new(), Registry::start());
    let image = shop("pymysql", "1.1.0").build();
    let reference = pushed(&registry, &image, "1.0");
    image.write_layout(&place.root().join("layout"), Some("1.0"));
    image.write_oci_archive(&place.root().join("oci.tar"), Some("1.0"));
    image.write_docker_archive(&place.root().join("docker.tar"), Some("orders:1.0"));
    let db = place.path("db");
    let findings = |subject: &str| -> Vec<(String, String)> {
        let run = place.run(&["scan", "--db", &db, "--at", NOW, "-o", "json", subject]).exits(0);
        let json = run.json();
        let findings = json["results"][0]["findings"].as_array().unwrap().clone();
        findings.iter().map(|f| (text(&f["id"]), text(&f["component"]))).collect()
    };
    let expected = findings(&reference);
    assert_eq!(expected.len(), 2, "{expected:?}");
    for subject in [
        format!("oci:{}", place.path("layout")),
        format!("oci:{}:1.0", place.path("layout")),
        place.path("layout"),
        format!("archive:{}", place.path("oci.tar")),
        place.path("docker.tar"),
    ] {
        assert_eq!(findings(&subject), expected, "{subject}");
    }
}

#[test]
fn a_docker_archive_says_that_its_digest_is_not_the_registrys() {
    let place = Place::new();
    let image = shop("pymysql", "1.1.1").build();
    image.write_docker_archive(&place.root().join("docker.tar"), Some("orders:1.0"));
    image.write_oci_archive(&place.root().join("oci.tar"), Some("1.0"));
    place.check(&[&place.path("docker.tar")]).exits(0).says("not the registry's");
    place.check(&[&place.path("oci.tar")]).exits(0).keeps_quiet_about("not the registry's");
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

#[test]
fn an_sbom_gives_the_same_findings_as_its_image() {
    let (place, registry) = (Place::new(), Registry::start());
    let (reference, db) = (affected(&registry), place.path("db"));
    for format in ["spdx-json", "cyclonedx-json"] {
        let file = place.path(format);
        place.run(&["sbom", &reference, "-o", format, "--output-file", &file]).exits(0);
        place
            .run(&["scan", "--db", &db, "--at", NOW, &format!("sbom:{file}")])
            .exits(0)
            .says("CVE-2024-36039")
            .says("CVE-2023-45853");
        place.check(&[&format!("sbom:{file}")]).exits(10).says("CVE-2024-36039");
    }
}

#[test]
fn sboms_are_the_same_bytes_each_time() {
    let (place, registry) = (Place::new(), Registry::start());
    let reference = affected(&registry);
    for format in ["spdx-json", "cyclonedx-json"] {
        let make = |epoch: &[(&str, &str)]| {
            place.run_with(epoch, &["sbom", &reference, "-o", format]).exits(0).stdout
        };
        let first = make(&[]);
        assert_eq!(first, make(&[]));
        assert!(first.contains("2026-01-01T00:00:00Z"), "the image's creation time");
        assert!(make(&[("SOURCE_DATE_EPOCH", "1000000000")]).contains("2001-09-09T01:46:40Z"));
        assert!(first.contains(reference.split_once('@').unwrap().1), "the manifest's digest");
    }
}

#[test]
fn an_inventory_that_may_lack_components_is_written_and_is_no_success() {
    let (place, registry) = (Place::new(), Registry::start());
    let db = place.path("db");
    let file = place.write("program", [0x7f, b'E', b'L', b'F', 2, 1, 1, 0]);
    // A static program in an image of its own: nothing here looks into it, so "no components" is not known.
    let scratch = ImageBuilder::new().layer(Layer::new().file("program", "\x7fELF")).build();
    let broken = ImageBuilder::new()
        .layer(debian())
        .layer(Layer::new().file("var/lib/dpkg/status", "Package: half\nnonsense"))
        .layer(wheel("pymysql", "1.1.1"));
    let whole = affected(&registry);
    for (subject, problem) in [
        (format!("file:{file}"), "not-cataloged"),
        (pushed(&registry, &scratch, "scratch"), "unknown-os"),
        (pushed(&registry, &broken.build(), "broken"), "os-inventory-broken"),
    ] {
        for format in ["spdx-json", "cyclonedx-json", "table"] {
            let run = place.run(&["sbom", "--strict", &subject, "-o", format]).exits(11).says(problem);
            assert!(run.stdout.contains(problem), "the document says it as well: {}", run.stdout);
        }
        // The same as the other commands make of it, from the subject and from the document.
        let document = place.path("document.json");
        place.run(&["sbom", &subject, "--strict", "--output-file", &document]).exits(11);
        // A document is made, and nothing is judged.
        place.run(&["sbom", &subject, "--output-file", &document]).exits(0).says(problem);
        for subject in [&subject, &format!("sbom:{document}")] {
            place.run(&["scan", "--db", &db, "--at", NOW, subject]).exits(11);
        }
        place.check(&[&subject]).exits(11);
    }
    place.run(&["sbom", &whole, "-o", "table"]).exits(0);
}

#[test]
fn unread_files_are_gaps_in_every_command() {
    let (place, registry) = (Place::new(), Registry::start());
    let db = place.path("db");
    let layer = Layer::new()
        .file("srv/app/a/bun.lockb", "#")
        .file("srv/app/bun.lockb", "#")
        .file("srv/app.jmod", "PK");
    let image = ImageBuilder::new().layer(debian()).layer(wheel("pymysql", "1.1.1")).layer(layer);
    let subject = pushed(&registry, &image.build(), "unread");
    let npm = "npm (2 bun.lockb): not read yet";
    place.run(&["sbom", "--strict", &subject, "-o", "table"]).exits(11).says(&format!("not covered: {npm}"));
    for format in ["spdx-json", "cyclonedx-json"] {
        let document = place.path(format);
        let written = ["sbom", "--strict", &subject, "-o", format, "--output-file", &document];
        place.run(&written).exits(11).says("not-read").says(npm);
        for subject in [&subject, &format!("sbom:{document}")] {
            let run = place.run(&["scan", "--db", &db, "--at", NOW, subject]).exits(11);
            let run = run.says("looked up 3 components: 2 in Debian, 1 in PyPI");
            run.says(&format!("not covered: {npm}, such as srv/app/a/bun.lockb"))
                .says("not covered: Maven (1 *.jmod): not read yet, such as srv/app.jmod");
        }
    }
    let json = place.run(&["scan", "--db", &db, "--at", NOW, "-o", "json", &subject]).exits(11).json();
    let gaps = &json["results"][0]["gaps"];
    assert_eq!(gaps[1]["ecosystem"], "npm");
    assert_eq!(gaps[1]["reason"]["code"], "not-read");
    assert_eq!(gaps[1]["reason"]["detail"]["files"], "2 bun.lockb");
    place.check(&[&subject]).exits(11).says("INDETERMINATE").says(npm);
}

#[test]
fn files_of_the_distributions_packages_are_set_aside_and_reported() {
    let (place, registry) = (Place::new(), Registry::start());
    let db = place.path("db");
    let brought = |package: &str| {
        let list = format!("{}  usr/share/x/bun.lockb\n", "01abfc750a0c942167651c40d088531d");
        let layer = Layer::new()
            .file("usr/share/x/bun.lockb", "#")
            .file(&format!("var/lib/dpkg/info/{package}.md5sums"), list);
        let image = ImageBuilder::new().layer(debian()).layer(layer).layer(wheel("pymysql", "1.1.1"));
        pushed(&registry, &image.build(), package)
    };
    let known = brought("zlib1g");
    let line = "set aside: npm (1 bun.lockb): part of zlib1g 1:1.2.13.dfsg-1, such as usr/share/x/bun.lockb";
    place.run(&["sbom", &known, "-o", "table"]).exits(0).says(line);
    place.run(&["scan", "--db", &db, "--at", NOW, &known]).exits(0).says(line);
    let tests = place.run(&["scan", "--db", &db, "--at", NOW, "-o", "junit", &known]).exits(0).stdout;
    let of_file = tests.lines().find(|line| line.contains("bun.lockb")).unwrap();
    assert!(of_file.contains(r#"<skipped message="part of pkg:deb/debian/zlib1g"#), "{tests}");
    assert!(tests.contains(r#"skipped="1""#), "{tests}");
    place.check(&[&known]).exits(0).says("set aside: npm (1 bun.lockb): part of pkg:deb/debian/zlib1g");
    // No advisory was ever about this one.
    let unknown = brought("base-files");
    let gap = "not covered: npm (1 bun.lockb): not read yet";
    place.run(&["scan", "--db", &db, "--at", NOW, &unknown]).exits(11).says(gap);
    place.check(&[&unknown]).exits(11).says(gap);
}

#[test]
fn a_root_file_system_has_no_digest_and_says_so() {
    let place = Place::new();
    place.write("root/etc/os-release", "ID=debian\nVERSION_ID=12\nVERSION_CODENAME=bookworm\n");
    place.write("root/var/lib/dpkg/status", crate::fixture::DPKG_STATUS);
    place
        .check(&[&format!("dir:{}", place.path("root"))])
        .exits(11)
        .says("UNKNOWN  digest")
        .says("pass     policy, sbom, vulnerabilities");
}

#[test]
fn offline_reads_local_subjects_and_refuses_registries() {
    let (place, registry) = (Place::new(), Registry::start());
    let image = shop("pymysql", "1.1.1").build();
    let reference = pushed(&registry, &image, "2.0");
    registry.clear_requests();
    place.check(&[&reference, "--offline"]).exits(1).says("--offline");
    assert!(registry.requests().is_empty());
    image.write_layout(&place.root().join("layout"), None);
    place.check(&[&place.path("layout"), "--offline"]).exits(0);
}

#[test]
fn credentials_come_from_the_docker_configuration() {
    let place = Place::new();
    let registry = Registry::builder().bearer("ci", "opensesame").start();
    let reference = pushed(&registry, &shop("pymysql", "1.1.1").build(), "2.0");
    place.check(&[&reference]).exits(3).says("hint:");
    let auth = "Y2k6b3BlbnNlc2FtZQ=="; // ci:opensesame
    let host = registry.host();
    place.write(".docker/config.json", format!(r#"{{"auths":{{"{host}":{{"auth":"{auth}"}}}}}}"#));
    place.check(&[&reference]).exits(0).keeps_quiet_about("opensesame").keeps_quiet_about(auth);
}

#[test]
fn tls_registries_need_a_trusted_certificate() {
    let place = Place::new();
    let registry = Registry::builder().tls().start();
    let reference = pushed(&registry, &shop("pymysql", "1.1.1").build(), "2.0");
    place.check(&[&reference]).exits(1).says("certificate").says("--ca-file");
    let ca = place.write("ca.pem", registry.ca_pem().unwrap());
    place.check(&[&reference, "--ca-file", &ca]).exits(0);
}

#[test]
fn an_sbom_from_another_tool_is_read_from_standard_input() {
    let (place, registry) = (Place::new(), Registry::start());
    let (reference, db) = (affected(&registry), place.path("db"));
    let document = place.run(&["sbom", &reference, "-o", "cyclonedx-json"]).exits(0).stdout;
    let scan = ["scan", "--db", &db, "--at", NOW, "sbom:-"];
    let check = ["check", "--db", &db, "--at", NOW, "sbom:-"];
    place.run_fed(document.as_bytes(), &scan).exits(0).says("CVE-2024-36039");
    place.run_fed(document.as_bytes(), &check).exits(10).says("CVE-2024-36039");
    // A tool that failed before the pipe, a truncated document, and a document that is read twice are errors.
    place.run_fed(b"", &scan).exits(1).says("SBOM is empty");
    place.run_fed(&document.as_bytes()[..document.len() / 2], &scan).exits(1).says("not usable");
    place.run_fed(document.as_bytes(), &[&scan[..], &["sbom:-"]].concat()).exits(1).says("SBOM is empty");
    place.run_fed(document.as_bytes(), &["scan", "--db", &db, "-"]).exits(2).says("sbom:-");
    place.run_fed(b"", &["scan", "--db", &db, "archive:-"]).exits(2).says("only an SBOM");
    let limited = [&scan[..], &["--limit", "sbom_bytes=100"]].concat();
    place.run_fed(document.as_bytes(), &limited).exits(1).says("sbom_bytes");
    place.run_fed(document.as_bytes(), &["sbom", "sbom:-"]).exits(2).says("is an SBOM already");
}

#[test]
fn a_compressed_archive_is_scanned_as_it_is() {
    let place = Place::new();
    let db = place.path("db");
    let image = shop("pymysql", "1.1.0").build();
    let file = place.path("image.tar.gz");
    image.write_docker_archive(std::path::Path::new(&file), Some("app:1"));
    let plain = std::fs::read(&file).unwrap();
    let scan = |subject: &str| {
        let run = place.run(&["scan", "--db", &db, "--at", NOW, "-o", "json", subject]).exits(0);
        run.json()["results"][0]["findings"].clone()
    };
    let expected = scan(&format!("archive:{file}"));
    assert!(expected.to_string().contains("CVE-2024-36039"));
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut encoder, &plain).unwrap();
    std::fs::write(&file, encoder.finish().unwrap()).unwrap();
    assert_eq!(scan(&format!("archive:{file}:app:1")), expected);
    assert_eq!(scan(&file), expected);
    let limited = ["sbom", "--limit", "unpacked_bytes=1000", &file];
    place.run(&limited).exits(1).says("unpacked_bytes");
}

#[test]
fn layouts_and_archives_that_crane_pulled_are_read() {
    let Some(crane) = Peer::find("crane", "$PLIMSOLL_PEERS") else { return };
    let (place, registry) = (Place::new(), Registry::start());
    let reference = affected(&registry);
    let db = place.path("db");
    for (format, subject) in [("oci", "oci:"), ("tarball", "archive:")] {
        let at = place.path(format);
        crane.must(&["pull", "--insecure", &format!("--format={format}"), &reference, &at]);
        place
            .run(&["scan", "--db", &db, "--at", NOW, &format!("{subject}{at}")])
            .exits(0)
            .says("CVE-2024-36039");
    }
    // What is attached to such a layout is found, and the image in it is still the only one.
    place.key("ci");
    let layout = format!("oci:{}", place.path("oci"));
    place.run(&["sign", "--key", &place.path("ci.key"), &layout]).exits(0);
    let key = place.path("ci.pub");
    place.run(&["verify", "--insecure-ignore-tlog", "--key", &key, &layout]).exits(0);
}
