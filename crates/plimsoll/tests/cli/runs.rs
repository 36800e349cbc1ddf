//! What a whole run asks of the world: which layers it reads, which files it makes.

use std::process::{Command, Stdio};

use plimsoll_testkit::{IndexBuilder, Registry};

use crate::fixture::{NOW, Place, affected, debian, patched, pushed, shop, wheel};

/// How often each layer was requested, from any repository.
fn layer_requests(registry: &Registry) -> Vec<usize> {
    let layers = [debian(), wheel("pymysql", "1.1.0"), wheel("pymysql", "1.1.1")];
    let layers = layers.map(|layer| plimsoll_testkit::ImageBuilder::new().layer(layer).build());
    let count = |digest: &str| registry.requests_to(&format!("GET */blobs/{digest}")).len();
    layers.iter().map(|image| count(&image.image().layers[0].digest().to_string())).collect()
}

#[test]
fn a_layer_that_several_subjects_share_is_read_once_in_a_run() {
    let (place, registry) = (Place::new(), Registry::start());
    let (old, new) = (affected(&registry), patched(&registry));
    let elsewhere = registry.reference("team/copy", "1.0");
    shop("pymysql", "1.1.0").build().push(&registry, "team/copy", "1.0");
    for command in ["check", "scan"] {
        registry.clear_requests();
        let db = place.path("db");
        let run = place.run(&[command, "--db", &db, "--at", NOW, &old, &new, &elsewhere, "-o", "json"]);
        assert_eq!(layer_requests(&registry), [1, 1, 1], "{command}: {}", run.stderr);
        // What was found is the same as alone.
        let alone = place.run(&[command, "--db", &db, "--at", NOW, &elsewhere, "-o", "json"]).json();
        assert_eq!(run.json()["results"][2], alone["results"][0], "{command}");
    }
}

#[test]
fn platforms_of_an_index_share_their_layers() {
    let (place, registry) = (Place::new(), Registry::start());
    let both = IndexBuilder::new()
        .image(shop("pymysql", "1.1.0").platform("linux/amd64").build())
        .image(shop("pymysql", "1.1.1").platform("linux/arm64").build());
    let reference = pushed(&registry, &both.build(), "1.0");
    registry.clear_requests();
    place.check(&[&reference]);
    assert_eq!(layer_requests(&registry), [1, 1, 1]);
}

#[test]
fn nothing_is_written_but_the_output_that_was_named() {
    let (place, registry) = (Place::new(), Registry::start());
    if !strace(&place, &["true"]).is_ok_and(|calls| calls.contains("execve")) {
        eprintln!("skipped: no strace that may trace");
        return;
    }
    let pushed = affected(&registry);
    let archive = place.path("app.tar");
    shop("pymysql", "1.1.0").build().write_oci_archive(archive.as_ref(), Some("app:1.0"));
    let db = place.path("db");
    std::fs::create_dir(place.path("out")).unwrap();
    let output = place.path("out/result.json");
    let binary = env!("CARGO_BIN_EXE_plimsoll");
    for subject in [&pushed, &archive] {
        for arguments in [
            vec!["check", subject, "--db", &db, "--at", NOW],
            vec!["check", subject, "--db", &db, "--at", NOW, "-o", "json", "--output-file", &output],
            vec!["sbom", subject],
            vec!["sbom", subject, "--output-file", &output],
            vec!["scan", subject, "--db", &db, "--at", NOW],
        ] {
            let calls = strace(&place, &[&[binary], &arguments[..]].concat()).unwrap();
            // The subject or the binary is among them, so this is the run's own trace.
            assert!(calls.contains(binary) && calls.lines().count() > 10, "{calls}");
            let written: Vec<&str> = calls.lines().filter(|call| makes_a_file(call)).collect();
            let named = arguments.contains(&"--output-file");
            // What is named is written without a name or beside its place, and renamed, so that it is never there in part.
            let elsewhere = written.iter().find(|call| !named || !call.contains(&place.path("out")));
            assert_eq!(elsewhere, None, "{arguments:?}");
            assert_eq!(!written.is_empty(), named, "{arguments:?}: {written:?}");
        }
    }
    let left: Vec<_> =
        std::fs::read_dir(place.path("out")).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(left, ["result.json"]);
}

/// Whether a traced call makes or changes a file. Those that failed count: the attempt is what must not be.
fn makes_a_file(call: &str) -> bool {
    const OTHERS: [&str; 7] = ["creat(", "mkdir", "mknod", "memfd_create(", "symlink", "link(", "linkat("];
    let opens = call.contains("open") && call.contains('(');
    let writing = ["O_WRONLY", "O_RDWR", "O_CREAT", "O_TMPFILE"].iter().any(|flag| call.contains(flag));
    let device = ["\"/dev/null\"", "\"/dev/tty\""].iter().any(|path| call.contains(path));
    let name = call.split_whitespace().nth(1).unwrap_or_default();
    (opens && writing && !device) || OTHERS.iter().any(|other| name.starts_with(other))
}

/// Runs a command and returns its calls about files, those of all its threads and children.
fn strace(place: &Place, command: &[&str]) -> std::io::Result<String> {
    let trace = place.path("trace");
    let _ = std::fs::remove_file(&trace);
    Command::new("strace")
        .args(["-f", "-qq", "-e", "trace=%file,memfd_create", "-e", "signal=none", "-o", &trace])
        .args(["-s", "4096", "--"])
        .args(command)
        .env("HOME", place.root())
        .env("PLIMSOLL_NO_CACHE", "1")
        // What changes the clock makes files of its own.
        .env_remove("LD_PRELOAD")
        .stdin(Stdio::null())
        .output()?;
    std::fs::read_to_string(&trace)
}

#[test]
fn a_call_that_makes_a_file_is_recognised() {
    for call in [
        r#"7 openat(AT_FDCWD, "/tmp/x", O_WRONLY|O_CREAT|O_EXCL, 0600) = 3"#,
        r#"7 openat(AT_FDCWD, "/tmp", O_RDWR|O_TMPFILE, 0600) = -1 EACCES"#,
        r#"7 memfd_create("x", 0) = 3"#,
        r#"7 mkdir("/tmp/x", 0777) = 0"#,
    ] {
        assert!(makes_a_file(call), "{call}");
    }
    for call in [
        r#"7 openat(AT_FDCWD, "/etc/passwd", O_RDONLY|O_CLOEXEC) = 3"#,
        r#"7 readlink("/proc/self/exe", "x", 9) = 1"#,
        r#"7 openat(AT_FDCWD, "/dev/null", O_RDWR) = 3"#,
    ] {
        assert!(!makes_a_file(call), "{call}");
    }
}
