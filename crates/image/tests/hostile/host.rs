//! What an image must not be able to do to the machine that reads it: rows T04 and T19.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use plimsoll_core::Limits;
use plimsoll_image::rootdir;
use plimsoll_testkit::{ImageBuilder, Layer};

use crate::memory::{ALL, FIXED, MemorySource, texts};
use crate::tars::Tar;

#[test]
fn t04_owners_modes_and_times_of_entries_are_applied_to_nothing() {
    // A header has room for 100 bytes of a name, and this path must fit completely.
    let place = tempfile::tempdir_in("/tmp").unwrap();
    let victim = place.path().join("victim");
    fs::write(&victim, "untouched").unwrap();
    fs::set_permissions(&victim, fs::Permissions::from_mode(0o600)).unwrap();
    let before = fs::metadata(&victim).unwrap();

    let target = victim.to_str().unwrap();
    assert!(target.len() <= 100, "{target}");
    let owned_by_all = |header: &mut [u8; 512]| header[100..108].copy_from_slice(b"0006777\0");
    // An absolute name, a link and then the same name again, a hard link: each of these reached the machine's
    // files in some program.
    let tar = Tar::default()
        .with(b'0', target, b"overwritten", owned_by_all)
        .link(b'2', "link", target)
        .with(b'0', "link", b"overwritten", owned_by_all)
        .with(b'5', "link/", b"", owned_by_all)
        .link(b'1', "hard", &target[1..])
        .with(b'0', "hard", b"overwritten", owned_by_all);
    let image = ImageBuilder::new().layer(Layer::from_tar(tar.end())).build();
    MemorySource::new(&image).read(&ALL).unwrap();

    let after = fs::metadata(&victim).unwrap();
    assert_eq!(fs::read_to_string(&victim).unwrap(), "untouched");
    let facts =
        |of: &fs::Metadata| (of.mode(), of.uid(), of.gid(), of.nlink(), of.mtime_nsec(), of.ctime_nsec());
    assert_eq!(facts(&before), facts(&after));
    assert_eq!(fs::read_dir(place.path()).unwrap().count(), 1);
}

#[test]
fn t19_images_that_are_read_at_once_share_no_place() {
    let image = |content: &str| {
        let layer = Layer::new().symlink("etc", "/x").file("x/os-release", content);
        MemorySource::new(&ImageBuilder::new().layer(layer).build())
    };
    thread::scope(|scope| {
        for n in 0..8 {
            scope.spawn(move || {
                let (content, source) = (format!("image {n}"), image(&format!("image {n}")));
                for _ in 0..20 {
                    assert_eq!(texts(&source.read(&FIXED).unwrap())["etc/os-release"], content);
                }
            });
        }
    });
}

#[test]
fn t19_a_file_that_is_swapped_for_a_link_while_a_folder_is_read() {
    let (root, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let secret = outside.path().join("secret");
    fs::write(&secret, "secret").unwrap();
    let etc = root.path().join("etc");
    fs::create_dir(&etc).unwrap();
    let (file, other) = (etc.join("os-release"), root.path().join("other"));
    fs::write(&file, "inside").unwrap();
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                symlink(&secret, &other).unwrap();
                fs::rename(&other, &file).unwrap();
                fs::write(&other, "inside").unwrap();
                fs::rename(&other, &file).unwrap();
            }
        });
        let outside = |content: &String| content != "inside" && !content.is_empty();
        // If the file is a link at that moment, nothing is read. Some of the reads must find the file.
        let (mut reads, mut found, mut seen) = (0, 0, None);
        while reads < 300 || (found == 0 && reads < 100_000) {
            reads += 1;
            let never = plimsoll_core::Cancel::never();
            if let Ok(files) = rootdir::read(root.path(), &FIXED, &Limits::default(), &(), &never) {
                found += files.files.len();
                seen = seen.or_else(|| texts(&files).into_values().find(outside));
            }
        }
        // This comes first, so that a failure ends the other thread too.
        done.store(true, Ordering::Relaxed);
        assert_eq!(seen, None);
        assert!(found > 0, "no read found anything");
    });
}
