//! Archives with a `manifest.json`, as `docker save`, `podman save` and many builders write them.
//!
//! The format has no image manifest and no digests of layers, so nothing that a registry or a signature could name. To
//! treat such an image like any other, an OCI manifest is synthesised: the same archive gives the same manifest. For an
//! uncompressed layer, it uses the diff ID in the configuration, which is the layer's digest by definition and is
//! verified when the layer is read; a compressed layer is hashed when the archive is opened.

use std::collections::BTreeMap;
use std::io::Read;

use plimsoll_core::text::shown;
use plimsoll_core::{Algorithm, Digest, Hasher, LimitExceeded, Reference, json};
use serde::Deserialize;

use super::members::Members;
use super::span::Span;
use crate::descriptor::null_is_default;
use crate::index::has_tag;
use crate::manifest::{Manifest, strict};
use crate::media::{self, Compression};
use crate::objects::Objects as _;
use crate::{Descriptor, Error};

/// One image of such an archive.
#[derive(Debug)]
pub(super) struct Saved {
    manifest: Vec<u8>,
    blobs: BTreeMap<Digest, Span>,
}

/// An entry of `manifest.json`.
#[derive(Deserialize)]
pub(super) struct Entry {
    #[serde(rename = "Config")]
    pub(super) config: String,
    #[serde(default, rename = "RepoTags", deserialize_with = "null_is_default")]
    pub(super) tags: Vec<String>,
    #[serde(rename = "Layers", deserialize_with = "null_is_default")]
    layers: Vec<String>,
}

#[derive(Deserialize)]
struct Config {
    rootfs: RootFs,
}

#[derive(Deserialize)]
struct RootFs {
    #[serde(default, deserialize_with = "null_is_default")]
    diff_ids: Vec<Digest>,
}

/// The entries of `manifest.json`. None of its names means two images: Docker would take the last of them, and others the
/// first.
pub(super) fn entries(members: &Members) -> Result<Vec<Entry>, Error> {
    let what = format!("{}: manifest.json", members.describe());
    let names = &["Config", "RepoTags", "Layers"];
    let entries: Vec<Entry> = strict(&members.small("manifest.json")?, &what, members.limits(), names)?;
    let limit = members.limits().index_entries;
    if entries.len() > limit {
        return Err(LimitExceeded::new("index_entries", limit as u64, what).into());
    }
    let mut by_name = BTreeMap::new();
    for entry in &entries {
        for tag in &entry.tags {
            let image = (&entry.config, &entry.layers);
            if by_name.insert(full_name(tag), image).is_some_and(|other| other != image) {
                return Err(Error::malformed(what, format!("it names two images `{}`", shown(tag))));
            }
        }
    }
    Ok(entries)
}

impl Saved {
    pub(super) fn open(members: &Members, selector: Option<&str>) -> Result<Self, Error> {
        let what = format!("{}: manifest.json", members.describe());
        let mut entries = entries(members)?;
        let Some(selector) = selector else {
            return match (entries.pop(), entries.is_empty()) {
                (Some(only), true) => Self::read(&only, members),
                (Some(last), false) => {
                    entries.push(last);
                    Err(Error::SeveralImages { place: members.describe(), refs: tags(&entries) })
                }
                (None, _) => Err(Error::malformed(what, "it lists no image")),
            };
        };
        if let Ok(digest) = selector.parse::<Digest>() {
            for entry in &entries {
                let saved = Self::read(entry, members)?;
                if saved.top().digest == digest {
                    return Ok(saved);
                }
            }
        }
        let wanted = full_name(selector);
        let is_it =
            |entry: &&Entry| entry.tags.iter().any(|tag| *tag == selector || full_name(tag) == wanted);
        let mut found: Vec<&Entry> = entries.iter().filter(is_it).collect();
        if found.is_empty() {
            found =
                entries.iter().filter(|entry| entry.tags.iter().any(|tag| has_tag(tag, selector))).collect();
        }
        found.dedup_by(|one, two| (&one.config, &one.layers) == (&two.config, &two.layers));
        match found.as_slice() {
            [one] => Self::read(one, members),
            [] => Err(Error::NoSuchImage {
                place: members.describe(),
                wanted: shown(selector),
                refs: tags(&entries),
            }),
            several => Err(Error::SeveralImages {
                place: format!("{}: `{}`", members.describe(), shown(selector)),
                refs: tags(several.iter().copied()),
            }),
        }
    }

    fn read(entry: &Entry, members: &Members) -> Result<Self, Error> {
        let what = format!("{}: {}", members.describe(), shown(&entry.config));
        let limit = members.limits().layers;
        if entry.layers.len() > limit {
            return Err(LimitExceeded::new("layers", limit as u64, what).into());
        }
        let bytes = members.small(&entry.config)?;
        let config = Descriptor::for_bytes(media::OCI_CONFIG, &bytes);
        // In the usual form, the name is the image ID; then it must be right.
        if let Some(expected) = image_id(&entry.config)
            && expected != config.digest
        {
            return Err(Error::DigestMismatch { what, got: config.digest, expected });
        }
        let parsed: Config = strict(&bytes, &what, members.limits(), &["rootfs", "diff_ids"])?;
        let diff_ids = parsed.rootfs.diff_ids;
        if diff_ids.len() != entry.layers.len() {
            let problem = format!(
                "got {} diff IDs, expected {} as manifest.json lists layers",
                diff_ids.len(),
                entry.layers.len()
            );
            return Err(Error::malformed(what, problem));
        }
        let spans: Vec<Span> =
            entry.layers.iter().map(|name| members.layer(name)).collect::<Result<_, _>>()?;
        let hashes = hashed(&spans, members)?;
        let mut blobs = BTreeMap::from([(config.digest, members.span(&entry.config)?)]);
        let mut layers = Vec::new();
        for (span, diff_id) in spans.into_iter().zip(diff_ids) {
            let layer = match hashes.get(&span.offset) {
                None => Descriptor::new(media::OCI_LAYER, diff_id, span.size),
                Some((media_type, digest)) => Descriptor::new(*media_type, *digest, span.size),
            };
            blobs.insert(layer.digest, span);
            layers.push(layer);
        }
        let manifest = Manifest {
            schema_version: 2,
            media_type: Some(media::OCI_MANIFEST.to_owned()),
            artifact_type: None,
            config,
            layers,
            subject: None,
            annotations: BTreeMap::new(),
        };
        let value = serde_json::to_value(&manifest)
            .map_err(|source| Error::Json { what, source: json::Error::Invalid(source) })?;
        Ok(Self { manifest: json::canonical(&value), blobs })
    }

    /// The synthesised manifest.
    pub(super) fn top(&self) -> Descriptor {
        Descriptor::for_bytes(media::OCI_MANIFEST, &self.manifest)
    }

    pub(super) fn manifest(&self, descriptor: &Descriptor, members: &Members) -> Result<Vec<u8>, Error> {
        if self.top().digest != descriptor.digest {
            let what = format!("manifest {}", descriptor.digest);
            return Err(Error::NotFound { what, place: members.describe() });
        }
        Ok(self.manifest.clone())
    }

    pub(super) fn blob(
        &self,
        descriptor: &Descriptor,
        members: &Members,
    ) -> Result<Box<dyn Read + Send>, Error> {
        match self.blobs.get(&descriptor.digest) {
            Some(span) => Ok(members.read(*span)),
            None => Err(Error::NotFound {
                what: format!("blob {}", descriptor.digest),
                place: members.describe(),
            }),
        }
    }
}

impl Saved {
    /// The position of a blob in a streamed archive.
    pub(super) fn position(&self, digest: &Digest, members: &Members) -> Option<u64> {
        members.position(*self.blobs.get(digest)?)
    }
}

/// The types and digests of the compressed ones of `spans`, by their offset. Each is read once, and all in their order: an
/// archive that cannot be seeked in is gone through once for them, however they are listed.
fn hashed(spans: &[Span], members: &Members) -> Result<BTreeMap<u64, (&'static str, Digest)>, Error> {
    let by_offset: BTreeMap<u64, Span> = spans.iter().map(|span| (span.offset, *span)).collect();
    let mut found = BTreeMap::new();
    for (offset, span) in by_offset {
        let media_type = match members.compression(span)? {
            Compression::None => continue,
            Compression::Gzip => media::OCI_LAYER_GZIP,
            Compression::Zstd => media::OCI_LAYER_ZSTD,
        };
        found.insert(offset, (media_type, hash(span, members)?));
    }
    Ok(found)
}

fn hash(span: Span, members: &Members) -> Result<Digest, Error> {
    let mut hasher = Hasher::new(Algorithm::Sha256);
    let mut reader = members.read(span);
    let mut buffer = vec![0; 256 * 1024];
    loop {
        let count = reader.read(&mut buffer).map_err(|source| Error::io(members.describe(), source))?;
        if count == 0 {
            return Ok(hasher.finish());
        }
        hasher.update(buffer.get(..count).unwrap_or_default());
    }
}

/// `<hex>.json`, `sha256:<hex>` and `blobs/sha256/<hex>` name a configuration by its digest.
fn image_id(name: &str) -> Option<Digest> {
    let last = name.rsplit('/').next()?;
    let hex = last.strip_suffix(".json").unwrap_or(last);
    let hex = hex.strip_prefix("sha256:").unwrap_or(hex);
    format!("sha256:{hex}").parse().ok()
}

/// A name with the defaults filled in: `app:1` is `docker.io/library/app:1`. What is not a reference stays as it is.
pub(super) fn full_name(name: &str) -> String {
    name.parse::<Reference>().map_or_else(|_| name.to_owned(), |reference| reference.to_string())
}

fn tags<'e>(entries: impl IntoIterator<Item = &'e Entry>) -> Vec<String> {
    let name = |entry: &Entry| match entry.tags.first() {
        Some(_) => entry.tags.iter().map(|tag| shown(tag)).collect::<Vec<_>>().join(" = "),
        None => shown(&entry.config),
    };
    entries.into_iter().map(name).collect()
}
