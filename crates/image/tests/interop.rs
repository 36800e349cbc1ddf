//! Archives that GNU tar writes in all its formats are read as it reads them.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "a test fails by panicking"
)]
#![allow(dead_code, reason = "the shared module has more than this test needs")]

mod memory;

use std::collections::BTreeMap;
use std::fs;
use std::io::{Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use plimsoll_testkit::{ImageBuilder, Layer};

use memory::{ALL, MemorySource, texts};

/// A tree with everything in which the formats differ: long names and links, hard links, holes, names that
/// are not ASCII.
fn tree(root: &Path) -> BTreeMap<String, String> {
    let mut files = BTreeMap::new();
    let mut write = |path: String, text: &str| {
        fs::create_dir_all(root.join(&path).parent().unwrap()).unwrap();
        fs::write(root.join(&path), text).unwrap();
        files.insert(path, text.to_owned());
    };
    write("plain".to_owned(), "x");
    write("empty".to_owned(), "");
    write("ünï/cödé".to_owned(), "not ASCII");
    write(format!("{}/{}", "d".repeat(90), "f".repeat(90)), "beyond the name field");
    write(format!("{}/file", ["directory"; 40].join("/")), "beyond any field of the header");
    write("block".to_owned(), &"b".repeat(512));
    fs::hard_link(root.join("plain"), root.join("second-name")).unwrap();
    files.insert("second-name".to_owned(), "x".to_owned());
    symlink("n".repeat(150), root.join("dangling")).unwrap();
    let mut holes = fs::File::create(root.join("holes")).unwrap();
    let mut text = vec![0; 300_000];
    for at in [0, 70_000, 140_000, 210_000, 280_000] {
        holes.seek(SeekFrom::Start(at)).unwrap();
        holes.write_all(b"island").unwrap();
        text[usize::try_from(at).unwrap()..][..6].copy_from_slice(b"island");
    }
    holes.set_len(300_000).unwrap();
    files.insert("holes".to_owned(), String::from_utf8(text).unwrap());
    files
}

#[test]
fn t05_gnu_tars_own_archives_are_read_as_gnu_tar_reads_them() {
    if Command::new("tar").arg("--version").output().is_ok_and(|o| o.stdout.starts_with(b"tar (GNU tar)")) {
        let root = tempfile::tempdir().unwrap();
        let files = tree(root.path());
        for options in [
            &["--format=gnu"][..],
            &["--format=gnu", "--sparse"],
            &["--format=oldgnu", "--sparse"],
            &["--format=posix"],
            &["--format=posix", "--sparse", "--sparse-version=0.0"],
            &["--format=posix", "--sparse", "--sparse-version=0.1"],
            &["--format=posix", "--sparse", "--sparse-version=1.0"],
            &["--format=posix", "--xattrs", "--acls"],
        ] {
            let written =
                Command::new("tar").args(options).args(["-cf", "-", "."]).current_dir(root.path()).output();
            let written = written.unwrap();
            assert!(written.status.success(), "{options:?}: {}", String::from_utf8_lossy(&written.stderr));
            let source =
                MemorySource::new(&ImageBuilder::new().layer(Layer::from_tar(written.stdout)).build());
            assert!(texts(&source.read(&ALL).unwrap()) == files, "{options:?}");
        }
    } else {
        eprintln!("skipped: no GNU tar");
    }
}
