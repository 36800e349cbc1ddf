//! A name on the command line means one thing, regardless of the files in the working directory.

use plimsoll_testkit::Registry;

use crate::fixture::{NOW, Place, Run, affected, pushed, run, shop};

/// Runs in the place's folder, as in a checkout.
fn inside(place: &Place, arguments: &[&str]) -> Run {
    let mut command = place.command(arguments);
    command.current_dir(place.root());
    run(command)
}

fn scan(place: &Place, subject: &str) -> Run {
    let db = place.path("db");
    inside(place, &["scan", "--db", &db, "--at", NOW, subject])
}

/// A layout in which nothing is found.
fn decoy(place: &Place, name: &str) {
    let folder = place.root().join(name);
    std::fs::create_dir_all(&folder).unwrap();
    shop("pymysql", "1.1.1").build().write_layout(&folder, Some("1.0"));
}

#[test]
fn a_folder_never_takes_the_place_of_an_image() {
    let (place, registry) = (Place::new(), Registry::start());
    let pinned = affected(&registry);
    let by_digest = pushed(&registry, &shop("pymysql", "1.1.0").build(), "1.0");
    let bare = by_digest.split_once('@').unwrap().0;
    let tagged = format!("{bare}:1.0");
    for reference in [&pinned, &tagged] {
        decoy(&place, reference);
        scan(&place, reference).exits(0).says("CVE-2024-36039");
        inside(&place, &["check", "--db", &place.path("db"), "--at", NOW, reference]).exits(10);
        inside(&place, &["sbom", reference, "-o", "table"]).exits(0).says("1.1.0");
    }
    // Without tag and digest both are possible, so neither is taken.
    decoy(&place, bare);
    scan(&place, bare).exits(2).says(&format!("write ./{bare}"));
    scan(&place, &format!("./{bare}")).exits(0).keeps_quiet_about("CVE-2024-36039");
}

#[test]
fn a_file_never_takes_the_place_of_an_image() {
    let place = Place::new();
    let empty = r#"{"spdxVersion":"SPDX-2.3","packages":[]}"#;
    place.write("ghcr.io/app:1", empty);
    place.write("team/app", empty);
    // Nothing is asked for it: the registry's image was meant.
    inside(&place, &["scan", "--db", &place.path("db"), "--offline", "ghcr.io/app:1"])
        .exits(1)
        .says("--offline");
    for command in ["scan", "check", "sbom"] {
        let mut arguments = vec![command, "team/app"];
        let db = place.path("db");
        arguments.extend(["--db", &db].iter().filter(|_| command != "sbom"));
        inside(&place, &arguments).exits(2).says("./team/app").says("docker.io/team/app");
    }
    place.key("k");
    inside(&place, &["verify", "--key", "k.pub", "team/app"]).exits(2).says("./team/app");
}

#[test]
fn a_missing_file_is_missing() {
    let place = Place::new();
    for name in ["app.tar", "sboms/app.spdx.json", "app.tar.gz"] {
        scan(&place, name).exits(4).says("does not exist").says("docker.io/");
    }
    // Where it is there, it is read.
    place.write("sboms/app.json", r#"{"bomFormat":"CycloneDX","specVersion":"1.6","components":[]}"#);
    scan(&place, "sboms/app.json").exits(0);
}

#[test]
fn a_layouts_digest_and_tag_are_held() {
    let place = Place::new();
    let image = shop("pymysql", "1.1.0").build();
    image.write_layout(&place.root().join("lay"), Some("1.0"));
    let digest = image.digest();
    decoy(&place, &format!("lay@{digest}"));
    decoy(&place, "lay:1.0");
    for subject in [format!("oci:lay@{digest}"), "oci:lay:1.0".to_owned()] {
        scan(&place, &subject).exits(0).says("CVE-2024-36039");
    }
    // No file has the shorter name, so the colon belongs to the name.
    decoy(&place, "odd:name");
    scan(&place, "oci:odd:name").exits(0).keeps_quiet_about("CVE-2024-36039");
}

#[test]
fn schemes_of_other_tools_are_understood() {
    let (place, registry) = (Place::new(), Registry::start());
    let image = shop("pymysql", "1.1.0").build();
    let reference = pushed(&registry, &image, "1.0");
    image.write_layout(&place.root().join("lay"), Some("1.0"));
    image.write_oci_archive(&place.root().join("oci.tar"), Some("1.0"));
    image.write_docker_archive(&place.root().join("docker.tar"), Some("orders:1.0"));
    for subject in [
        "oci-dir:lay".to_owned(),
        "oci-archive:oci.tar".to_owned(),
        "oci-archive:oci.tar:1.0".to_owned(),
        "docker-archive:docker.tar".to_owned(),
        "docker-archive:docker.tar:orders:1.0".to_owned(),
        format!("docker://{reference}"),
        format!("registry:{reference}"),
    ] {
        scan(&place, &subject).exits(0).says("CVE-2024-36039");
    }
}

#[test]
fn an_unknown_scheme_is_an_error_with_the_nearest() {
    let place = Place::new();
    place.write("app.tar", "");
    for (subject, says) in [
        ("oci-archve:./app.tar", "oci-archive"),
        ("docker_archive:build/app.tar", "docker-archive"),
        // Each of these could be an image with a tag.
        ("oci-archve:app.tar", "oci-archive:app.tar"),
        ("dockr-archive:app.tar", "docker://dockr-archive:app.tar"),
        ("docker-achive:x", "docker-archive:x"),
        ("Docker-Archive:./app.tar", "docker-archive"),
        ("registry:2", "docker://registry:2"),
        ("oci://ghcr.io/team/chart:1", "docker://ghcr.io/team/chart:1"),
        ("https://ghcr.io/team/app:1", "ghcr.io/team/app:1"),
        ("sif:app.sif", "oci:DIR"),
        ("zebra:./x", "schemes are"),
        ("sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", "oci:DIR@sha256:"),
    ] {
        scan(&place, subject).exits(2).says(says);
    }
}

#[test]
fn a_name_that_means_nothing_is_told_before_a_database_is_asked_for() {
    let place = Place::empty();
    place.run(&["scan", "docker-achive:x"]).exits(2).says("docker-archive:x").keeps_quiet_about("db update");
    place.run(&["scan", "docker-achive:x", "dir:/"]).exits(4).says("db update");
}

#[test]
fn a_folder_in_place_of_a_file_is_a_mistake_on_the_command_line() {
    let place = Place::empty();
    place.key("k");
    let (folder, file) = (place.path("folder"), place.write("file", "x"));
    std::fs::create_dir(&folder).unwrap();
    let key = place.path("k.pub");
    for arguments in [
        vec!["verify-blob", "--key", &folder, "--bundle", "b", &file],
        vec!["verify-blob", "--key", &key, "--bundle", &folder, &file],
        vec!["sign-blob", "--key", &folder, &file],
        vec!["verify", "--key", &key, "--trusted-root", &folder, "registry.example/a:1"],
        vec!["check", "--config", &folder, "dir:/nothing"],
        vec!["key", "public", &folder],
    ] {
        place.run(&arguments).exits(2).says("folder").says("Is a directory");
    }
}

#[test]
fn a_relative_folder_of_the_user_is_refused() {
    let place = Place::new();
    for (name, value) in
        [("HOME", "."), ("XDG_CACHE_HOME", ".cache"), ("XDG_CONFIG_HOME", "x"), ("XDG_RUNTIME_DIR", "x")]
    {
        let mut command = place.command(&["db", "status"]);
        command.env(name, value).current_dir(place.root());
        run(command).exits(2).says(name).says("absolute path");
    }
}

#[test]
fn a_file_never_takes_the_place_of_a_digest() {
    let place = Place::empty();
    place.key("k");
    let file = place.write("app", "the signed one");
    inside(&place, &["sign-blob", "--key", "k.key", "--bundle", "app.bundle", &file]).exits(0);
    let other = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    // The signed content is stored under the digest of something else.
    place.write(other, "the signed one");
    inside(
        &place,
        &["verify-blob", "--insecure-ignore-tlog", "--key", "k.pub", "--bundle", "app.bundle", other],
    )
    .exits(10)
    .says("step 13 (artifact)")
    .says("another digest");
    let named = format!("./{other}");
    inside(
        &place,
        &["verify-blob", "--insecure-ignore-tlog", "--key", "k.pub", "--bundle", "app.bundle", &named],
    )
    .exits(0);
    place.write("ghcr.io/app:1", "the signed one");
    let arguments =
        ["provenance", "verify", "--key", "k.pub", "--bundle", "app.bundle", "--offline", "ghcr.io/app:1"];
    inside(&place, &arguments).exits(1).says("--offline");
}
