//! From the descriptor that the user named to images: platform manifests and configurations, each verified by size and
//! digest before it is parsed.
//!
//! Follows the OCI image specification ("Image Index", "Image Manifest", "Image Configuration"). The runnable images of
//! an index are all children except those that builders mark `unknown/unknown` (BuildKit's attestations).
//! [`crate::layers`] reads the layers.
//!
//! Many places contain only a part of an index: `docker save` writes the whole index and the blobs of one
//! platform, copies of one platform omit the others, and registries delete manifests without a tag. The
//! existing images can be read. The missing ones are [`Absent`], and callers must report them.

mod parts;

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZero;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::thread;

use plimsoll_core::text::shown;
use plimsoll_core::{Digest, LimitExceeded, Limits, Platform, Timestamp, read};
use serde::Deserialize;
use serde_json::Value;

use crate::descriptor::null_is_default;
use crate::history::Step;
use crate::manifest::{self, Document, Manifest, strict};
use crate::{Descriptor, Error, Source, media};

pub use parts::parts;

/// What a subject resolved to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Artifact {
    /// What the user named: an index, or the manifest of a single image.
    pub top: Descriptor,
    /// The runnable images, in the order of the index; exactly one if `top` is a manifest.
    pub images: Vec<Image>,
    /// Runnable images that an index lists but that are missing or incomplete.
    pub absent: Vec<Absent>,
    /// Children of the index that cannot be run: attestations of builders.
    pub attestations: Vec<Descriptor>,
}

/// One image for one platform.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// Its manifest.
    pub manifest: Descriptor,
    /// The platform from the index, or from the configuration if the index does not state it.
    pub platform: Platform,
    /// Its configuration.
    pub config: Descriptor,
    /// When it was built, according to itself.
    pub created: Option<Timestamp>,
    /// Labels of the configuration: the image's claims about itself.
    pub labels: BTreeMap<String, String>,
    /// Base first.
    pub layers: Vec<Layer>,
    /// The steps by which it says that it was built. Empty if they do not match the layers.
    pub history: Vec<Step>,
    /// The steps if they do not match the layers: nothing but texts then.
    pub unmatched_history: Vec<Step>,
    /// The user that processes start as; `None` is root.
    pub user: Option<String>,
    /// The environment that processes start with: `NAME=VALUE`.
    pub environment: Vec<String>,
    /// Ports that it exposes: `8080/tcp`.
    pub ports: Vec<String>,
    /// The manifest's bytes.
    pub raw_manifest: Vec<u8>,
    /// Every index that was read on the way from the top to the manifest.
    pub indexes: Vec<Digest>,
    /// The digests of the indexes, the manifest and the configuration by the other algorithm, under which
    /// they are not named.
    pub aliases: Vec<Digest>,
}

/// An image that an index lists but that the place does not contain completely.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Absent {
    /// Its manifest, or an index inside the index.
    pub manifest: Descriptor,
    /// What is missing, and where: `oci:DIR has no blob sha256:…`.
    pub missing: String,
}

impl Absent {
    /// Its platform, as far as the index states it.
    pub fn platform(&self) -> Platform {
        self.manifest.platform.clone().unwrap_or_else(Platform::unknown)
    }
}

/// One layer of an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layer {
    /// The blob.
    pub descriptor: Descriptor,
    /// The digest of the uncompressed tar, from the configuration.
    pub diff_id: Digest,
    /// The build step, from the configuration's history.
    pub created_by: Option<String>,
}

impl Artifact {
    /// Whether the user named an index, even one of a single image.
    pub fn is_index(&self) -> bool {
        media::is_index(&self.top.media_type)
    }

    /// The existing images for `platform`; without a platform, all of them. Never empty.
    pub fn select(&self, platform: Option<&Platform>) -> Result<Vec<&Image>, Error> {
        let Some(wanted) = platform else { return Ok(self.images.iter().collect()) };
        let found: Vec<&Image> =
            self.images.iter().filter(|image| image.platform.satisfies(wanted)).collect();
        if found.is_empty() {
            if let Some(absent) = self.absent(platform).first() {
                return Err(self.absence(absent));
            }
            return Err(Error::NoPlatform {
                what: format!("{}", self.top.digest),
                wanted: wanted.clone(),
                available: self.available(),
            });
        }
        Ok(found)
    }

    /// The same, for whoever examines all of them.
    pub fn select_within(&self, platform: Option<&Platform>, limits: &Limits) -> Result<Vec<&Image>, Error> {
        let found = self.select(platform)?;
        if found.len() > limits.platforms {
            let what = format!("index {}: {} images to examine", self.top.digest, found.len());
            return Err(LimitExceeded::new("platforms", limits.platforms as u64, what).into());
        }
        Ok(found)
    }

    /// The missing images for `platform`; without a platform, all of them.
    pub fn absent(&self, platform: Option<&Platform>) -> Vec<&Absent> {
        let is_meant = |absent: &&Absent| platform.is_none_or(|wanted| absent.platform().satisfies(wanted));
        self.absent.iter().filter(is_meant).collect()
    }

    /// Refuses an index if a part of it is missing.
    pub fn complete(&self) -> Result<(), Error> {
        self.absent.first().map_or(Ok(()), |absent| Err(self.absence(absent)))
    }

    /// The error for a caller that needs `absent`.
    pub fn absence(&self, absent: &Absent) -> Error {
        Error::AbsentPlatform {
            missing: absent.missing.clone(),
            wanted: shown(&absent.platform().to_string()),
            available: self.available(),
        }
    }

    fn available(&self) -> Vec<String> {
        self.images.iter().map(|image| shown(&image.platform.to_string())).collect()
    }
}

/// Follows `top` to all its runnable images.
pub fn load(source: &dyn Source, top: &Descriptor, limits: &Limits) -> Result<Artifact, Error> {
    let budget = Budget { bytes: AtomicU64::new(0), limits };
    let mut children = Children::default();
    children.collect(source, top, &budget, 0)?;
    let loaded = in_parallel(&children.images, |(descriptor, fetched)| {
        let indexes = children.above(&descriptor.digest);
        match fetched {
            Some((bytes, manifest)) => {
                image(source, descriptor, bytes.clone(), manifest.clone(), indexes, &budget).map(Ok)
            }
            None => or_absent(descriptor, child(source, descriptor, indexes, &budget)),
        }
    })?;
    let (mut images, mut absent) = (Vec::new(), children.absent);
    for one in loaded {
        match one {
            Ok(image) => images.push(image),
            Err(missing) => absent.push(missing),
        }
    }
    if images.is_empty() {
        return Err(match absent.into_iter().next() {
            Some(Absent { manifest, missing }) => Error::AbsentPlatform {
                missing,
                wanted: shown(&manifest.platform.unwrap_or_else(Platform::unknown).to_string()),
                available: Vec::new(),
            },
            None => Error::NotAnImage { what: name(top), problem: "it lists no runnable image".to_owned() },
        });
    }
    Ok(Artifact { top: top.clone(), images, absent, attestations: children.attestations })
}

/// The image of a child of an index, if the place contains all of it.
fn child(
    source: &dyn Source,
    descriptor: &Descriptor,
    indexes: ParentIndexes,
    budget: &Budget<'_>,
) -> Result<Image, Error> {
    let (bytes, Document::Manifest(manifest)) = document(source, descriptor, budget)? else {
        return Err(Error::malformed(name(descriptor), "got an index, expected a manifest"));
    };
    let image = image(source, descriptor, bytes, manifest, indexes, budget)?;
    for layer in &image.layers {
        if source.lacks(&layer.descriptor)? {
            let what = format!("blob {}", layer.descriptor.digest);
            return Err(Error::NotFound { what, place: source.describe() });
        }
    }
    Ok(image)
}

/// Only an object that the place says it lacks is absent. An unreadable object is an error.
fn or_absent<T>(descriptor: &Descriptor, found: Result<T, Error>) -> Result<Result<T, Absent>, Error> {
    match found {
        Ok(found) => Ok(Ok(found)),
        Err(error @ Error::NotFound { .. }) => {
            Ok(Err(Absent { manifest: descriptor.clone(), missing: error.to_string() }))
        }
        Err(error) => Err(error),
    }
}

/// The bytes that are read of one subject before its layers.
struct Budget<'a> {
    bytes: AtomicU64,
    limits: &'a Limits,
}

impl Budget<'_> {
    fn take(&self, size: u64, what: &str) -> Result<(), Error> {
        let limit = self.limits.documents_bytes;
        if self.bytes.fetch_add(size, Ordering::Relaxed).saturating_add(size) > limit {
            let what = format!("{what}, with all that was read before it,");
            return Err(LimitExceeded::new("documents_bytes", limit, what).into());
        }
        Ok(())
    }
}

type Fetched = Option<(Vec<u8>, Manifest)>;

#[derive(Default)]
struct Children {
    images: Vec<(Descriptor, Fetched)>,
    /// Missing indexes inside an index.
    absent: Vec<Absent>,
    attestations: Vec<Descriptor>,
    /// Manifests and platforms that were already listed. Each is one image, even if it is listed several
    /// times.
    listed: BTreeSet<(Digest, Option<Platform>)>,
    /// Indexes that were read, with their digest by the other algorithm; `None` for missing ones.
    indexes: BTreeMap<Digest, Option<Digest>>,
    /// The indexes that list an index or manifest.
    parents: BTreeMap<Digest, BTreeSet<Digest>>,
}

/// Indexes on the way to an image, and their other digests.
struct ParentIndexes {
    indexes: Vec<Digest>,
    aliases: Vec<Digest>,
}

impl Children {
    fn collect(
        &mut self,
        source: &dyn Source,
        descriptor: &Descriptor,
        budget: &Budget<'_>,
        depth: usize,
    ) -> Result<(), Error> {
        let found = document(source, descriptor, budget);
        let found = if depth == 0 { found.map(Ok) } else { or_absent(descriptor, found) };
        let (bytes, index) = match found? {
            Ok((bytes, Document::Manifest(manifest))) => {
                self.images.push((descriptor.clone(), Some((bytes, manifest))));
                return Ok(());
            }
            Ok((bytes, Document::Index(index))) => (bytes, index),
            Err(absent) => {
                self.indexes.insert(descriptor.digest, None);
                self.absent.push(absent);
                return Ok(());
            }
        };
        self.indexes.insert(descriptor.digest, Some(descriptor.digest.alias(&bytes)));
        let limits = budget.limits;
        if depth >= limits.index_depth {
            return Err(LimitExceeded::new("index_depth", limits.index_depth as u64, name(descriptor)).into());
        }
        for child in index.manifests {
            // Counts over all nested indexes together; each alone was counted when it was parsed.
            if self.images.len() + self.attestations.len() + self.indexes.len() > limits.index_entries {
                return Err(LimitExceeded::new(
                    "index_entries",
                    limits.index_entries as u64,
                    name(descriptor),
                )
                .into());
            }
            self.parents.entry(child.digest).or_default().insert(descriptor.digest);
            if child.platform.as_ref().is_some_and(|platform| !platform.is_runnable()) {
                self.attestations.push(child);
            } else if media::is_index(&child.media_type) {
                if !self.indexes.contains_key(&child.digest) {
                    self.collect(source, &child, budget, depth + 1)?;
                }
            } else if self.listed.insert((child.digest, child.platform.clone())) {
                self.images.push((child, None));
            }
        }
        Ok(())
    }

    /// Every index from which a way leads to `digest`.
    fn above(&self, digest: &Digest) -> ParentIndexes {
        let (mut left, mut found) = (vec![digest], BTreeSet::new());
        while let Some(digest) = left.pop() {
            for parent in self.parents.get(digest).into_iter().flatten() {
                if found.insert(*parent) {
                    left.push(parent);
                }
            }
        }
        let aliases = found.iter().filter_map(|index| self.indexes.get(index).copied().flatten()).collect();
        ParentIndexes { indexes: found.into_iter().collect(), aliases }
    }
}

fn name(descriptor: &Descriptor) -> String {
    let kind = if media::is_index(&descriptor.media_type) { "index" } else { "manifest" };
    format!("{kind} {}", descriptor.digest)
}

fn document(
    source: &dyn Source,
    descriptor: &Descriptor,
    budget: &Budget<'_>,
) -> Result<(Vec<u8>, Document), Error> {
    let (what, limits) = (name(descriptor), budget.limits);
    budget.take(descriptor.size.min(limits.manifest_bytes), &what)?;
    if descriptor.size > limits.manifest_bytes {
        return Err(LimitExceeded::new("manifest_bytes", limits.manifest_bytes, what).into());
    }
    let bytes = source.manifest(descriptor)?;
    // The source has checked it too, but all kinds of sources pass here.
    descriptor.check(&bytes, &what)?;
    let document = manifest::parse(&bytes, &descriptor.media_type, &what, limits)?;
    Ok((bytes, document))
}

fn image(
    source: &dyn Source,
    descriptor: &Descriptor,
    raw_manifest: Vec<u8>,
    manifest: Manifest,
    above: ParentIndexes,
    budget: &Budget<'_>,
) -> Result<Image, Error> {
    let what = name(descriptor);
    let not_an_image = |problem: String| Error::NotAnImage { what: what.clone(), problem };
    if !media::is_image_config(&manifest.config.media_type) {
        return Err(not_an_image(format!("its configuration is {}", shown(&manifest.config.media_type))));
    }
    if let Some(odd) = manifest.layers.iter().find(|layer| media::layer_type(&layer.media_type).is_none()) {
        return Err(not_an_image(format!("it has a layer of type {}", shown(&odd.media_type))));
    }
    let (bytes, config) = config(source, &manifest.config, budget)?;
    let platform = descriptor.platform.clone().unwrap_or_else(|| config.platform());
    let ParentIndexes { indexes, mut aliases } = above;
    aliases.push(descriptor.digest.alias(&raw_manifest));
    aliases.push(manifest.config.digest.alias(&bytes));
    let layers = layers(&manifest, &config)?;
    let makes_layers = config.history.iter().filter(|step| !step.empty_layer).count();
    let (history, unmatched_history) = if makes_layers == layers.len() {
        (config.history, Vec::new())
    } else {
        (Vec::new(), config.history)
    };
    Ok(Image {
        manifest: Descriptor { platform: Some(platform.clone()), ..descriptor.clone() },
        platform,
        config: manifest.config,
        created: config.created.as_deref().and_then(|text| text.parse().ok()),
        labels: config.process.labels,
        layers,
        history,
        unmatched_history,
        environment: config.process.environment,
        ports: config.process.ports.into_keys().collect(),
        user: config.process.user.filter(|user| !user.is_empty()),
        raw_manifest,
        indexes,
        aliases,
    })
}

fn layers(manifest: &Manifest, config: &Config) -> Result<Vec<Layer>, Error> {
    let diff_ids = &config.rootfs.diff_ids;
    if diff_ids.len() != manifest.layers.len() {
        return Err(Error::malformed(
            format!("configuration {}", manifest.config.digest),
            format!(
                "got {} diff IDs, expected {}, one for each layer of the manifest",
                diff_ids.len(),
                manifest.layers.len()
            ),
        ));
    }
    let steps: Vec<&Step> = config.history.iter().filter(|step| !step.empty_layer).collect();
    // History is optional. If it does not match the layers, it is ignored.
    let lines_up = steps.len() == diff_ids.len();
    let zipped = manifest.layers.iter().zip(diff_ids).enumerate();
    Ok(zipped
        .map(|(index, (descriptor, diff_id))| Layer {
            descriptor: descriptor.clone(),
            diff_id: *diff_id,
            created_by: if lines_up {
                steps.get(index).and_then(|step| step.created_by.clone())
            } else {
                None
            },
        })
        .collect())
}

const CONFIG_NAMES: &[&str] = &["architecture", "os", "rootfs", "diff_ids", "history", "empty_layer"];

#[derive(Deserialize)]
struct Config {
    #[serde(default)]
    architecture: String,
    #[serde(default)]
    os: String,
    variant: Option<String>,
    created: Option<String>,
    #[serde(default, rename = "config", deserialize_with = "null_is_default")]
    process: Process,
    rootfs: RootFs,
    #[serde(default, deserialize_with = "null_is_default")]
    history: Vec<Step>,
}

#[derive(Default, Deserialize)]
struct Process {
    #[serde(default, rename = "User")]
    user: Option<String>,
    #[serde(default, rename = "Labels", deserialize_with = "null_is_default")]
    labels: BTreeMap<String, String>,
    #[serde(default, rename = "Env", deserialize_with = "null_is_default")]
    environment: Vec<String>,
    #[serde(default, rename = "ExposedPorts", deserialize_with = "null_is_default")]
    ports: BTreeMap<String, Value>,
}

#[derive(Deserialize)]
struct RootFs {
    r#type: String,
    #[serde(default, deserialize_with = "null_is_default")]
    diff_ids: Vec<Digest>,
}

impl Config {
    /// Engines run an image that names no platform on any machine. An image without a system is for Linux.
    fn platform(&self) -> Platform {
        if self.architecture.is_empty() {
            return Platform::unknown();
        }
        let os = if self.os.is_empty() { "linux" } else { &self.os };
        let variant = self.variant.clone().filter(|variant| !variant.is_empty());
        Platform { variant, ..Platform::new(os, self.architecture.clone()) }
    }
}

fn config(
    source: &dyn Source,
    descriptor: &Descriptor,
    budget: &Budget<'_>,
) -> Result<(Vec<u8>, Config), Error> {
    let (what, limits) = (format!("configuration {}", descriptor.digest), budget.limits);
    budget.take(descriptor.size.min(limits.manifest_bytes), &what)?;
    if descriptor.size > limits.manifest_bytes {
        return Err(LimitExceeded::new("manifest_bytes", limits.manifest_bytes, what).into());
    }
    let bytes = match read::to_end(source.blob(descriptor)?, descriptor.size, "size", &what) {
        Ok(bytes) => bytes,
        Err(read::Error::Io { what, source }) => return Err(Error::io(what, source)),
        Err(_) => {
            return Err(Error::SizeMismatch { what, got: descriptor.size + 1, expected: descriptor.size });
        }
    };
    descriptor.check(&bytes, &what)?;
    let config: Config = strict(&bytes, &what, limits, CONFIG_NAMES)?;
    if config.rootfs.r#type != "layers" {
        let got = shown(&config.rootfs.r#type);
        return Err(Error::malformed(what, format!("got rootfs type `{got}`, expected `layers`")));
    }
    Ok((bytes, config))
}

/// The children of an index come from a registry, one round trip each. Eight at a time keep a wide index from taking
/// seconds, without looking like an attack.
const FETCHES: usize = 8;

/// Maps `items` on a few threads. Results keep the order; of several failures the first in that order is returned.
fn in_parallel<T: Sync, R: Send>(
    items: &[T],
    each: impl Fn(&T) -> Result<R, Error> + Sync,
) -> Result<Vec<R>, Error> {
    let workers = NonZero::new(items.len().min(FETCHES)).map_or(0, NonZero::get);
    if workers <= 1 {
        return items.iter().map(each).collect();
    }
    let next = AtomicUsize::new(0);
    let mut done: Vec<(usize, Result<R, Error>)> = thread::scope(|scope| {
        let work = || {
            let mut mine = Vec::new();
            loop {
                let index = next.fetch_add(1, Ordering::Relaxed);
                let Some(item) = items.get(index) else { return mine };
                mine.push((index, each(item)));
            }
        };
        let threads: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
        threads
            .into_iter()
            .flat_map(|thread| thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
            .collect()
    });
    done.sort_by_key(|(index, _)| *index);
    done.into_iter().map(|(_, result)| result).collect()
}
