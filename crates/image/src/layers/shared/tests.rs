//! Layers that several images have.

use std::collections::BTreeMap;
use std::io::Read;
use std::sync::{Barrier, Mutex};

use plimsoll_core::rootfs::FileSet;
use plimsoll_core::{Classify as _, Kind};
use plimsoll_testkit::{Artifact, ImageBuilder, Layer, WholeFiles};

use super::*;
use crate::{Descriptor, Referrers, artifact};

/// Objects in memory that count how often each blob is requested.
pub(in crate::layers) struct CountingSource {
    pub(in crate::layers) objects: BTreeMap<Digest, Vec<u8>>,
    pub(in crate::layers) top: Descriptor,
    asked: Mutex<BTreeMap<Digest, usize>>,
    pub(in crate::layers) by_digest: bool,
    /// Where readers wait for each other before their first layer.
    meet: Option<Arc<Barrier>>,
}

impl CountingSource {
    pub(in crate::layers) fn new(artifact: &Artifact) -> Self {
        let parts = artifact.parts.iter().chain([&artifact.top]);
        Self {
            objects: parts.map(|object| (object.digest(), object.bytes.clone())).collect(),
            top: Descriptor::new(artifact.media_type(), artifact.digest(), artifact.size()),
            asked: Mutex::default(),
            by_digest: true,
            meet: None,
        }
    }

    pub(in crate::layers) fn read(&self, shared: &Shared<'_>) -> Result<FileSet, Error> {
        let artifact = artifact::load(self, &self.top, shared.limits())?;
        if let Some(meet) = &self.meet {
            meet.wait();
        }
        self.asked.lock().unwrap().clear();
        shared.read(self, &artifact.images[0], &())
    }

    /// How often the layers of `artifact` were requested.
    pub(in crate::layers) fn asked(&self, artifact: &Artifact) -> Vec<usize> {
        let asked = self.asked.lock().unwrap();
        let count = |layer: &plimsoll_testkit::Object| asked.get(&layer.digest()).copied().unwrap_or(0);
        artifact.image().layers.iter().map(count).collect()
    }
}

impl Source for CountingSource {
    fn describe(&self) -> String {
        "memory".to_owned()
    }

    fn resolve(&self) -> Result<Descriptor, Error> {
        Ok(self.top.clone())
    }

    fn manifest(&self, descriptor: &Descriptor) -> Result<Vec<u8>, Error> {
        Ok(self.objects[&descriptor.digest].clone())
    }

    fn blob(&self, descriptor: &Descriptor) -> Result<Box<dyn Read + Send>, Error> {
        *self.asked.lock().unwrap().entry(descriptor.digest).or_default() += 1;
        let missing = || Error::NotFound { what: descriptor.digest.to_string(), place: self.describe() };
        let bytes = self.objects.get(&descriptor.digest).cloned().ok_or_else(missing)?;
        Ok(Box::new(std::io::Cursor::new(bytes)))
    }

    fn is_fetched_by_digest(&self) -> bool {
        self.by_digest
    }

    fn referrers(&self, _: &Digest) -> Result<Referrers, Error> {
        Ok(Referrers::default())
    }
}

/// Wants `etc/id`, wherever links put it, and every file called `META`.
const WANTS: WholeFiles = WholeFiles { rule: |path| path.ends_with("META"), fixed: &["etc/id"] };

fn shared() -> Shared<'static> {
    Shared::new(&WANTS, Limits::default())
}

pub(in crate::layers) fn image(layers: impl IntoIterator<Item = Layer>) -> Artifact {
    layers.into_iter().fold(ImageBuilder::new(), ImageBuilder::layer).build()
}

fn base() -> Layer {
    Layer::new().file("base/META", "b").file("other/id", "target")
}

/// Reads both with one `Shared`, checks that the second gives the same result as if it were read alone, and
/// returns the second's counts.
fn second_after_first(first: &Artifact, second: &Artifact, shared: &Shared<'_>) -> Vec<usize> {
    CountingSource::new(first).read(shared).unwrap();
    let source = CountingSource::new(second);
    let found = source.read(shared).unwrap();
    assert_eq!(found, CountingSource::new(second).read(&self::shared()).unwrap());
    source.asked(second)
}

#[test]
fn a_layer_that_an_image_before_had_is_not_asked_for_again() {
    let one = image([base(), Layer::new().file("one/META", "1")]);
    let two = image([base(), Layer::new().file("two/META", "2").whiteout("base/META")]);
    assert_eq!(second_after_first(&one, &two, &shared()), [0, 1]);
    assert_eq!(second_after_first(&two, &two, &shared()), [0, 0]);
}

#[test]
fn the_targets_of_links_are_shared_too_but_only_for_equal_requests() {
    let plain = image([base(), Layer::new().file("etc/id", "own")]);
    let linked = image([base(), Layer::new().symlink("etc/id", "/other/id")]);
    let elsewhere = image([base(), Layer::new().symlink("etc/id", "/base/META")]);
    // The target is in the base, and was passed when the base was read for the first image.
    assert_eq!(second_after_first(&plain, &linked, &shared()), [1, 1]);
    assert_eq!(second_after_first(&linked, &linked, &shared()), [0, 0]);
    assert_eq!(second_after_first(&linked, &elsewhere, &shared()), [0, 1]);
}

#[test]
fn layers_that_depend_on_their_own_order_are_shared_as_they_unpack() {
    let odd = || Layer::new().symlink("lib", "usr/lib").file("lib/META", "through").file("usr/lib/x", "");
    let one = image([odd()]);
    let two = image([odd(), Layer::new().file("two/META", "2")]);
    assert_eq!(second_after_first(&one, &two, &shared()), [0, 1]);
}

#[test]
fn another_diff_id_media_type_or_size_is_another_layer() {
    let one = image([base()]);
    let shared = shared();
    CountingSource::new(&one).read(&shared).unwrap();
    let forged = ImageBuilder::new().layer(base()).forged_diff_id(0, Digest::sha256(b"other")).build();
    let source = CountingSource::new(&forged);
    assert!(matches!(source.read(&shared).unwrap_err(), Error::DiffIdMismatch { .. }));
    assert_eq!(source.asked(&forged), [1]);
    let docker = ImageBuilder::new().docker().layer(base()).build();
    let source = CountingSource::new(&docker);
    source.read(&shared).unwrap();
    assert_eq!(source.asked(&docker), [1]);
}

#[test]
fn failures_are_not_kept() {
    let good = image([base()]);
    let mut broken = CountingSource::new(&good);
    broken.objects.get_mut(&good.image().layers[0].digest()).unwrap()[20] ^= 1;
    let shared = shared();
    assert_eq!(broken.read(&shared).unwrap_err().kind(), Kind::Denied);
    let source = CountingSource::new(&good);
    source.read(&shared).unwrap();
    assert_eq!(source.asked(&good), [1]);
}

#[test]
fn the_budget_of_wanted_files_holds_for_shared_layers_too() {
    let mut limits = Limits::default();
    limits.kept_total_bytes = 2000;
    let shared = Shared::new(&WANTS, limits);
    let layer = |name: &str| Layer::new().file(&format!("{name}/META"), "x".repeat(100));
    for name in ["a", "b"] {
        CountingSource::new(&image([layer(name)])).read(&shared).unwrap();
    }
    let error = CountingSource::new(&image([layer("a"), layer("b")])).read(&shared).unwrap_err();
    assert!(error.to_string().contains("kept_total_bytes"), "{error}");
}

#[test]
fn the_least_recently_used_layers_are_dropped_beyond_the_limit() {
    let images =
        ["a", "b", "c"].map(|name| image([Layer::new().file(&format!("{name}/META"), "x".repeat(900))]));
    // Room for two of them.
    let shared = shared().keeping(4000);
    let asked = |index: usize| {
        let source = CountingSource::new(&images[index]);
        source.read(&shared).unwrap();
        source.asked(&images[index])[0]
    };
    assert_eq!([0, 1, 0, 2, 0, 1].map(asked), [1, 1, 0, 1, 0, 1]);
    assert_eq!(CountingSource::new(&images[0]).read(&self::shared().keeping(0)).unwrap().files.len(), 1);
}

#[test]
fn two_images_at_the_same_time_read_their_base_once() {
    let shared = shared();
    let base = || Layer::new().file("base/META", "b").file("large", vec![7; 4 << 20]);
    let images = ["1", "2", "3", "4"].map(|text| image([base(), Layer::new().file("own/META", text)]));
    let meet = Arc::new(Barrier::new(images.len()));
    let asked = std::thread::scope(|scope| {
        let work = |artifact| {
            let (shared, meet) = (&shared, Arc::clone(&meet));
            move || {
                let source = CountingSource { meet: Some(meet), ..CountingSource::new(artifact) };
                assert_eq!(source.read(shared).unwrap().files.len(), 2);
                source.asked(artifact)
            }
        };
        let threads: Vec<_> = images.iter().map(|artifact| scope.spawn(work(artifact))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect::<Vec<_>>()
    });
    assert_eq!(asked.iter().map(|counts| counts[0]).sum::<usize>(), 1, "{asked:?}");
    assert!(asked.iter().all(|counts| counts[1] == 1), "{asked:?}");
}
