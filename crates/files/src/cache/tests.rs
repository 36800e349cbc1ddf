use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::thread;

use super::*;

const LIMIT: u64 = 64 << 20;
const SECTION: &str = "section";

fn place() -> (tempfile::TempDir, PathBuf) {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("cache");
    (place, folder)
}

fn read(cache: &Cache, name: &str) -> Option<Vec<u8>> {
    cache.read(SECTION, name, 1 << 20).unwrap().map(|entry| entry.bytes)
}

fn file(folder: &Path, name: &str) -> PathBuf {
    folder.join(VERSION).join(SECTION).join(name)
}

#[test]
fn a_written_entry_is_readable_only_by_its_owner() {
    let (_place, folder) = place();
    assert_eq!(Cache::look(&folder).unwrap(), None);
    assert!(!folder.exists(), "looking makes nothing");
    let cache = Cache::open(&folder, LIMIT).unwrap();
    assert_eq!(read(&cache, "a"), None);
    cache.write(SECTION, "a", b"first").unwrap();
    assert_eq!(Cache::look(&folder).unwrap(), Some(Fill { bytes: BLOCK, files: 1 }));
    cache.write(SECTION, "a", b"second").unwrap();
    assert_eq!(read(&Cache::open(&folder, LIMIT).unwrap(), "a").unwrap(), b"second");
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    for made in [&folder, &folder.join(VERSION), &folder.join(VERSION).join(SECTION)] {
        assert_eq!(mode(made), 0o700, "{}", made.display());
    }
    assert_eq!(mode(&file(&folder, "a")), 0o600);
    cache.remove(SECTION, "a");
    assert_eq!(read(&cache, "a"), None);
}

#[test]
fn links_and_what_is_no_file_are_not_followed() {
    let (place, folder) = place();
    let cache = Cache::open(&folder, LIMIT).unwrap();
    cache.write(SECTION, "a", b"mine").unwrap();
    let victim = place.path().join("victim");
    fs::write(&victim, "untouched").unwrap();

    fs::remove_file(file(&folder, "a")).unwrap();
    symlink(&victim, file(&folder, "a")).unwrap();
    assert_eq!(read(&cache, "a"), None, "a link is not read through");
    let removed = fs::symlink_metadata(file(&folder, "a")).unwrap_err();
    assert_eq!(removed.kind(), io::ErrorKind::NotFound);
    symlink(&victim, file(&folder, "a")).unwrap();
    cache.touch(SECTION, "a");
    cache.write(SECTION, "a", b"mine").unwrap();
    assert_eq!(fs::read(&victim).unwrap(), b"untouched", "a link is not written through");
    assert_eq!(read(&cache, "a").unwrap(), b"mine");

    rustix::fs::mknodat(rustix::fs::CWD, file(&folder, "pipe"), FileType::Fifo, Mode::RUSR | Mode::WUSR, 0)
        .unwrap();
    assert_eq!(read(&cache, "pipe"), None, "nobody writes to it, and nobody waits");
    fs::create_dir_all(file(&folder, "dir").join("full")).unwrap();
    assert_eq!(read(&cache, "dir"), None);
    let error = cache.write(SECTION, "dir", b"x").unwrap_err();
    assert!(
        matches!(&error, Error::Io { step: "write", source, .. } if source.kind() == io::ErrorKind::IsADirectory),
        "{error:?}"
    );

    // The section itself.
    let elsewhere = place.path().join("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    fs::write(elsewhere.join("a"), "planted").unwrap();
    fs::remove_dir_all(folder.join(VERSION).join(SECTION)).unwrap();
    symlink(&elsewhere, folder.join(VERSION).join(SECTION)).unwrap();
    assert_eq!(read(&cache, "a"), None);
    cache.write(SECTION, "a", b"mine").unwrap();
    assert_eq!(fs::read(elsewhere.join("a")).unwrap(), b"planted");
    assert_eq!(read(&cache, "a").unwrap(), b"mine");
}

#[test]
fn a_folder_that_others_can_write_to_is_not_used() {
    let (_place, folder) = place();
    drop(Cache::open(&folder, LIMIT).unwrap());
    for path in [&folder, &folder.join(VERSION)] {
        for mode in [0o770, 0o707] {
            fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
            let error = Cache::open(&folder, LIMIT).unwrap_err();
            assert!(matches!(error, Error::Shared { .. }), "{mode:o}: {error}");
        }
        fs::set_permissions(path, fs::Permissions::from_mode(0o700)).unwrap();
    }
    let file = folder.join("file");
    fs::write(&file, "x").unwrap();
    // Not even the administrator can create folders in a file, or in the kernel's file systems.
    for (nowhere, kind) in [
        (&*file, io::ErrorKind::AlreadyExists),
        (&file.join("below"), io::ErrorKind::NotADirectory),
        (Path::new("/proc/plimsoll"), io::ErrorKind::NotFound),
    ] {
        let error = Cache::open(nowhere, LIMIT).unwrap_err();
        assert!(
            matches!(&error, Error::Io { path, source, .. } if path == nowhere && source.kind() == kind),
            "{error:?}"
        );
    }
}

#[test]
fn names_are_single_components() {
    let (_place, folder) = place();
    let cache = Cache::open(&folder, LIMIT).unwrap();
    for name in ["", ".", "..", "../x", "a/b", "A", "a.b", "a\0b", &"a".repeat(201)] {
        for error in [
            cache.write(SECTION, name, b"x").unwrap_err(),
            cache.write(name, "a", b"x").unwrap_err(),
            cache.read(name, "a", 9).err().unwrap(),
        ] {
            assert!(error.to_string().contains("not a name for a file of the cache"), "{name:?}: {error}");
        }
    }
    assert_eq!(fs::read_dir(folder.join(VERSION)).unwrap().count(), 0);
}

#[test]
fn an_entry_larger_than_requested_is_not_read() {
    let (_place, folder) = place();
    let cache = Cache::open(&folder, LIMIT).unwrap();
    cache.write(SECTION, "a", b"small").unwrap();
    // Sparse: reading it would fill the memory, not the disk.
    File::options().write(true).open(file(&folder, "a")).unwrap().set_len(1 << 40).unwrap();
    assert!(cache.read(SECTION, "a", 5).unwrap().is_none());
    assert!(!file(&folder, "a").exists());
}

#[test]
fn the_oldest_files_make_room() {
    let (_place, folder) = place();
    let limit = 40 * BLOCK;
    let long_ago = SystemTime::now() - Duration::from_hours(48);
    for number in 0..100_u32 {
        let cache = Cache::open(&folder, limit).unwrap();
        let name = format!("n{number:03}");
        cache.write(SECTION, &name, &[7; 100]).unwrap();
        // The files must differ in age, and clocks of file systems are coarse.
        let written = File::options().write(true).open(file(&folder, &name)).unwrap();
        written.set_modified(long_ago + Duration::from_secs(u64::from(number))).unwrap();
        drop(cache);
        let full = Cache::open(&folder, limit).unwrap().fill().unwrap();
        assert!(full.bytes <= limit, "{full:?} after {number}");
    }
    let cache = Cache::open(&folder, limit).unwrap();
    let kept: Vec<u32> = (0..100).filter(|number| read(&cache, &format!("n{number:03}")).is_some()).collect();
    assert!(kept.len() >= 30 && kept[0] == 100 - u32::try_from(kept.len()).unwrap(), "{kept:?}");
    // A file that is too large is not kept, and displaces nothing.
    cache.write(SECTION, "huge", &vec![1; usize::try_from(limit).unwrap()]).unwrap();
    assert_eq!(read(&cache, "huge"), None);
    assert_eq!(cache.fill().unwrap().files, kept.len());
}

#[test]
fn a_count_that_is_wrong_does_not_last() {
    let (_place, folder) = place();
    let limit = 8 * BLOCK;
    for wrong in ["", "0", "not a number", "18446744073709551615"] {
        for number in 0..16 {
            let cache = Cache::open(&folder, limit).unwrap();
            cache.write(SECTION, &format!("n{number}"), b"x").unwrap();
        }
        let total = folder.join(VERSION).join(TOTAL);
        fs::write(&total, wrong).unwrap();
        let yesterday = SystemTime::now() - COUNT_HOLDS;
        File::options().write(true).open(&total).unwrap().set_modified(yesterday).unwrap();
        Cache::open(&folder, limit).unwrap().write(SECTION, "last", b"x").unwrap();
        assert!(Cache::open(&folder, limit).unwrap().fill().unwrap().bytes <= limit, "{wrong:?}");
    }
}

#[test]
fn a_secret_is_the_same_for_all() {
    let (_place, folder) = place();
    let cache = &Cache::open(&folder, LIMIT).unwrap();
    let secrets: Vec<_> = thread::scope(|scope| {
        let threads: Vec<_> =
            (0..8_u8).map(|n| scope.spawn(move || cache.secret(|| Ok([n; SECRET_BYTES])).unwrap())).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert!(secrets.iter().all(|secret| secret == &secrets[0]), "{secrets:?}");
    fs::write(folder.join(VERSION).join(SECRET), "short").unwrap();
    assert_eq!(cache.secret(|| Ok([9; SECRET_BYTES])).unwrap(), [9; SECRET_BYTES]);
    assert_eq!(fs::metadata(folder.join(VERSION).join(SECRET)).unwrap().mode() & 0o777, 0o600);
}

#[test]
fn writers_and_readers_at_once_see_whole_files() {
    let (_place, folder) = place();
    let limit = 24 * BLOCK;
    thread::scope(|scope| {
        for writer in 0..4_u8 {
            let folder = &folder;
            scope.spawn(move || {
                for round in 0..100_usize {
                    let cache = Cache::open(folder, limit).unwrap();
                    let name = format!("n{}", round % 32);
                    cache.write(SECTION, &name, &[writer; 5000]).unwrap();
                    if let Some(bytes) = read(&cache, &name) {
                        assert!(bytes.len() == 5000 && bytes.iter().all(|b| *b == bytes[0]), "{name}");
                    }
                }
            });
        }
    });
    let left: Vec<_> = fs::read_dir(folder.join(VERSION).join(SECTION))
        .unwrap()
        .filter(|entry| entry.as_ref().unwrap().file_name().to_str().unwrap().starts_with(TEMPORARY))
        .collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn leftovers_of_a_killed_run_are_removed() {
    let (_place, folder) = place();
    let cache = Cache::open(&folder, LIMIT).unwrap();
    cache.write(SECTION, "a", b"x").unwrap();
    let (old, new) = (file(&folder, ".new-1-1-1"), file(&folder, ".new-2-2-2"));
    fs::write(&old, "half").unwrap();
    fs::write(&new, "half").unwrap();
    let hours_ago = SystemTime::now() - LEFT_BEHIND * 2;
    File::options().write(true).open(&old).unwrap().set_modified(hours_ago).unwrap();
    assert_eq!(cache.fill().unwrap().files, 1);
    assert!(!old.exists() && new.exists());
}
