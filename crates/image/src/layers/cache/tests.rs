//! Which facts of layers are kept, when they are used, and what happens to damaged ones.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use plimsoll_core::Limits;
use plimsoll_core::rootfs::FileSet;
use plimsoll_testkit::{Artifact, ImageBuilder, Layer, WholeFiles};

use super::*;
use crate::layers::shared::Shared;
use crate::layers::shared::tests::{CountingSource, image};
use crate::{Error, artifact};

/// Selects `etc/id`, also through links, and every file named `META`.
const WANTS: WholeFiles = WholeFiles { rule: |path| path.ends_with("META"), fixed: &["etc/id"] };

fn settings(folder: &Path) -> LayerCacheSettings {
    LayerCacheSettings { folder: folder.to_owned(), named: true, bytes: 16 << 20, program: "test" }
}

/// A cache in `folder`, as a run opens it.
pub(in crate::layers) fn cache(folder: &Path) -> LayerCache {
    LayerCache::new(settings(folder))
}

fn run(artifact: &Artifact, shared: &Shared<'_>) -> (Result<FileSet, Error>, Vec<usize>) {
    let source = CountingSource::new(artifact);
    let found = source.read(shared);
    (found, source.asked(artifact))
}

fn shared(cache: LayerCache) -> Shared<'static> {
    Shared::new(&WANTS, Limits::default()).cached(Some(cache))
}

/// How often each layer is read by another run, whose result equals that of a run without a cache.
fn asked(artifact: &Artifact, cache: LayerCache) -> Vec<usize> {
    let (found, asked) = run(artifact, &shared(cache));
    assert_eq!(found.unwrap(), run(artifact, &Shared::new(&WANTS, Limits::default())).0.unwrap());
    asked
}

/// The entries in `folder`.
fn entries(folder: &Path) -> Vec<PathBuf> {
    let section = folder.join("v1").join(SECTION);
    let mut entries: Vec<_> = fs::read_dir(section).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    entries
}

fn base() -> Layer {
    Layer::new().file("base/META", "b").file("other/id", "target").hardlink("again/META", "base/META")
}

#[test]
fn a_later_run_reads_only_layers_that_no_run_has_read() {
    let folder = tempfile::tempdir().unwrap();
    let one = image([base(), Layer::new().file("one/META", "1")]);
    let two = image([base(), Layer::new().whiteout("base/META").file("two/META", "2")]);
    let counts = [&one, &one, &two, &two].map(|image| asked(image, cache(folder.path())));
    assert_eq!(counts, [vec![1, 1], vec![0, 0], vec![0, 1], vec![0, 0]]);
}

#[test]
fn the_targets_of_links_are_kept_too() {
    let folder = tempfile::tempdir().unwrap();
    let linked = image([base(), Layer::new().symlink("etc/id", "/other/id")]);
    let elsewhere = image([base(), Layer::new().symlink("etc/id", "/base/META")]);
    let counts = [&linked, &linked, &elsewhere].map(|image| asked(image, cache(folder.path())));
    assert_eq!(counts, [vec![2, 1], vec![0, 0], vec![0, 1]]);
}

#[test]
fn a_diff_id_alone_is_not_enough() {
    let folder = tempfile::tempdir().unwrap();
    let harmless = image([base()]);
    let (_, counts) = run(&harmless, &shared(cache(folder.path())));
    assert_eq!(counts, [1]);
    // The configuration names the harmless layer; the manifest, which engines fetch by, names another one.
    let source = CountingSource::new(&harmless);
    let diff_id =
        artifact::load(&source, &source.top, &Limits::default()).unwrap().images[0].layers[0].diff_id;
    let other = Layer::new().file("evil/META", "e");
    let forged = ImageBuilder::new().layer(other).forged_diff_id(0, diff_id).build();
    let (found, counts) = run(&forged, &shared(cache(folder.path())));
    assert!(matches!(found, Err(Error::DiffIdMismatch { .. })), "{found:?}");
    assert_eq!(counts, [1]);
    // And vice versa.
    let forged = ImageBuilder::new().layer(base()).forged_diff_id(0, Digest::sha256(b"other")).build();
    assert!(matches!(run(&forged, &shared(cache(folder.path()))).0, Err(Error::DiffIdMismatch { .. })));
    assert_eq!(entries(folder.path()).len(), 1, "nothing is kept of a layer that failed");
}

#[test]
fn local_layers_are_read_each_time_and_their_facts_are_used_for_registries() {
    let folder = tempfile::tempdir().unwrap();
    let one = image([base()]);
    for _ in 0..2 {
        let mut local = CountingSource::new(&one);
        local.by_digest = false;
        local.read(&shared(cache(folder.path()))).unwrap();
        assert_eq!(local.asked(&one), [1]);
    }
    assert_eq!(asked(&one, cache(folder.path())), [0]);
    // Somebody has modified the layer.
    let mut changed = CountingSource::new(&one);
    changed.by_digest = false;
    changed.objects.get_mut(&one.image().layers[0].digest()).unwrap()[20] ^= 1;
    assert!(matches!(changed.read(&shared(cache(folder.path()))), Err(Error::DigestMismatch { .. })));
}

#[test]
fn another_program_selection_or_limit_reads_again() {
    const OTHERS: WholeFiles = WholeFiles { fixed: &["etc/other"], ..WANTS };
    let folder = tempfile::tempdir().unwrap();
    let one = image([base()]);
    asked(&one, cache(folder.path()));
    let newer = LayerCache::new(LayerCacheSettings { program: "newer", ..settings(folder.path()) });
    assert_eq!(asked(&one, newer), [1]);
    let others = Shared::new(&OTHERS, Limits::default()).cached(Some(cache(folder.path())));
    assert_eq!(run(&one, &others).1, [1]);
    let mut limits = Limits::default();
    limits.metadata_bytes = 1;
    let few = || Shared::new(&WANTS, limits.clone()).cached(Some(cache(folder.path())));
    let oversized = run(&one, &few());
    assert_eq!(oversized.1, [1]);
    let again = run(&one, &few());
    assert_eq!((again.0.unwrap(), again.1), (oversized.0.unwrap(), vec![0]));
    assert_eq!(asked(&one, cache(folder.path())), [0]);
}

#[test]
fn a_damaged_entry_is_read_and_written_again() {
    let folder = tempfile::tempdir().unwrap();
    let one = image([base()]);
    asked(&one, cache(folder.path()));
    let [entry] = entries(folder.path()).try_into().unwrap();
    let good = fs::read(&entry).unwrap();
    let mut damaged: Vec<Vec<u8>> = (0..good.len()).map(|end| good[..end].to_vec()).collect();
    damaged.push([good.as_slice(), b"\0"].concat());
    damaged.extend((0..good.len()).map(|at| {
        let mut bytes = good.clone();
        bytes[at] ^= 1 << (at % 8);
        bytes
    }));
    for bytes in damaged {
        fs::write(&entry, &bytes).unwrap();
        assert_eq!(asked(&one, cache(folder.path())), [1]);
        assert_eq!(asked(&one, cache(folder.path())), [0]);
    }
}

/// Checksums do not bound reading: whoever can write to the folder can compute them.
#[test]
fn no_bytes_after_a_checksum_do_harm() {
    let folder = tempfile::tempdir().unwrap();
    asked(&image([base()]), cache(folder.path()));
    let [entry] = entries(folder.path()).try_into().unwrap();
    let good = fs::read(&entry).unwrap().split_off(32);
    assert_eq!(rewritten(&good, &WANTS).as_ref(), Some(&good), "equal facts give equal bytes");
    for at in 0..good.len() {
        assert!(entry::decode_layer(&good[..at], &WANTS).is_none());
        for byte in [0, 1, 0x7f, 0x80, 0xff] {
            let mut bytes = good.clone();
            bytes[at] = byte;
            // A length beyond the data.
            let claims = [&good[..at], &[0xff; 9], &[1], &good[at..]].concat();
            entry::decode_layer(&bytes, &WANTS);
            entry::decode_layer(&claims, &WANTS);
        }
    }
}

#[test]
fn an_entry_counts_under_its_own_name_only() {
    let folder = tempfile::tempdir().unwrap();
    let (one, two) = (image([base()]), image([Layer::new().file("two/META", "2")]));
    asked(&one, cache(folder.path()));
    let [first] = entries(folder.path()).try_into().unwrap();
    asked(&two, cache(folder.path()));
    let second = entries(folder.path()).into_iter().find(|path| *path != first).unwrap();
    fs::copy(first, second).unwrap();
    assert_eq!(asked(&two, cache(folder.path())), [1]);
}

#[test]
fn without_the_secret_nothing_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let one = image([base()]);
    asked(&one, cache(folder.path()));
    fs::remove_file(folder.path().join("v1/secret")).unwrap();
    assert_eq!(asked(&one, cache(folder.path())), [1]);
}

#[test]
fn a_folder_that_cannot_be_used_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let one = image([base()]);
    let shared_with_others = folder.path().join("shared");
    fs::create_dir(&shared_with_others).unwrap();
    fs::set_permissions(&shared_with_others, fs::Permissions::from_mode(0o777)).unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    for place in [shared_with_others, file] {
        assert_eq!(asked(&one, cache(&place)), [1]);
        assert_eq!(asked(&one, cache(&place)), [1]);
    }
    // It becomes unusable after the run has opened it.
    let place = folder.path().join("removed");
    let opened = cache(&place);
    asked(&one, opened.clone());
    fs::remove_dir_all(&place).unwrap();
    assert_eq!(asked(&one, opened), [1]);
}

#[test]
fn the_least_recently_used_entries_are_removed_first() {
    const BYTES: u64 = 1 << 20;
    let folder = tempfile::tempdir().unwrap();
    let cache = || LayerCache::new(LayerCacheSettings { bytes: BYTES, ..settings(folder.path()) });
    let layer = |number: usize| image([Layer::new().file(&format!("{number}/META"), vec![b'x'; 50 << 10])]);
    for number in 0..60 {
        assert_eq!(asked(&layer(number), cache()), [1]);
        assert!(files::Cache::look(folder.path()).unwrap().unwrap().bytes <= BYTES);
    }
    assert_eq!(asked(&layer(59), cache()), [0]);
    assert_eq!(asked(&layer(0), cache()), [1]);
}
