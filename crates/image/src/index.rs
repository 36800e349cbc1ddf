//! Selecting one image in the `index.json` of a layout or OCI archive, and finding its referrers.
//!
//! Follows the OCI image specification ("OCI Image Layout", annotation `org.opencontainers.image.ref.name`)
//! and the distribution specification's referrers tag schema: a subject's referrers may also be listed by an
//! index under the name `sha256-<hex>`. The owner of the objects fetches them.

use std::collections::{BTreeMap, BTreeSet};

use plimsoll_core::text::shown;
use plimsoll_core::{Digest, LimitExceeded, Limits};

use crate::manifest::{self, Document, Index};
use crate::objects::Objects;
use crate::saved;
use crate::source::Referrers;
use crate::{Descriptor, Error, media};

/// The reference name of an image in a layout.
const REF_NAME: &str = "org.opencontainers.image.ref.name";
/// The full name that containerd and docker write beside it.
const IMAGE_NAME: &str = "io.containerd.image.name";

/// How many times more referrers may be listed than are read: the order of an index does not show which are
/// new, so the reader needs enough to choose from.
const LISTED: usize = 16;

/// An index and the selected image in it.
#[derive(Debug)]
pub(crate) struct Chooser {
    index: Index,
    selector: Option<String>,
    place: String,
}

impl Chooser {
    pub(crate) fn new(
        bytes: &[u8],
        selector: Option<&str>,
        place: String,
        limits: &Limits,
    ) -> Result<Self, Error> {
        let index = manifest::parse_layout_index(bytes, &format!("{place}: index.json"), limits)?;
        Ok(Self { index, selector: selector.map(str::to_owned), place })
    }

    /// Its entries, with their reference names and full names.
    pub(crate) fn entries(&self) -> impl Iterator<Item = (&Descriptor, [Option<&str>; 2])> {
        self.index.manifests.iter().map(|entry| {
            let names = [REF_NAME, IMAGE_NAME].map(|key| entry.annotations.get(key).map(String::as_str));
            (entry, names)
        })
    }

    /// The one image that the selector means.
    pub(crate) fn resolve(&self, objects: &impl Objects) -> Result<Descriptor, Error> {
        match self.selector.as_deref() {
            Some(selector) => match selector.parse::<Digest>() {
                Ok(digest) => self.by_digest(&digest, objects),
                Err(_) => self.by_name(selector),
            },
            None => self.only(objects),
        }
    }

    fn by_digest(&self, digest: &Digest, objects: &impl Objects) -> Result<Descriptor, Error> {
        if let Some(found) = self.index.manifests.iter().find(|entry| entry.digest == *digest) {
            return Ok(found.clone());
        }
        // The image for one platform is one index deeper.
        for entry in self.index.manifests.iter().filter(|entry| media::is_index(&entry.media_type)) {
            if let Document::Index(index) = objects.parsed(entry)?
                && let Some(found) = index.manifests.into_iter().find(|child| child.digest == *digest)
            {
                return Ok(found);
            }
        }
        Err(self.no_such(&digest.to_string()))
    }

    /// The indexes that list `wanted`, directly or through other indexes. An entry that cannot be parsed lists nothing.
    pub(crate) fn indexes_around(
        &self,
        wanted: &Digest,
        objects: &impl Objects,
    ) -> Result<Vec<Digest>, Error> {
        // Which indexes list each index or manifest.
        let mut parents: BTreeMap<Digest, Vec<Digest>> = BTreeMap::new();
        let mut seen = BTreeSet::new();
        let mut left: Vec<Descriptor> = self.index.manifests.clone();
        let mut bytes = 0_u64;
        while let Some(entry) = left.pop() {
            if !media::is_index(&entry.media_type) || !seen.insert(entry.digest) {
                continue;
            }
            let limit = objects.limits().documents_bytes;
            bytes = bytes.saturating_add(entry.size);
            if bytes > limit {
                return Err(LimitExceeded::new("documents_bytes", limit, &self.place).into());
            }
            let document = match objects.parsed(&entry) {
                Err(Error::NotFound { .. }) => continue,
                parsed => readable(parsed)?,
            };
            let Some(Document::Index(index)) = document else { continue };
            for child in index.manifests {
                parents.entry(child.digest).or_default().push(entry.digest);
                left.push(child);
            }
        }
        let mut around = BTreeSet::new();
        let mut todo = vec![*wanted];
        while let Some(digest) = todo.pop() {
            let above = parents.get(&digest).into_iter().flatten();
            todo.extend(above.filter(|parent| around.insert(**parent)));
        }
        Ok(around.into_iter().collect())
    }

    fn by_name(&self, wanted: &str) -> Result<Descriptor, Error> {
        let going_by = |same: &dyn Fn(&str) -> bool| {
            let named = |entry: &&Descriptor| {
                [REF_NAME, IMAGE_NAME]
                    .iter()
                    .any(|key| entry.annotations.get(*key).is_some_and(|name| same(name)))
            };
            let mut found: Vec<&Descriptor> = self.index.manifests.iter().filter(named).collect();
            let mut seen = BTreeSet::new();
            found.retain(|entry| seen.insert(entry.digest));
            found
        };
        let mut found = going_by(&|name| name == wanted);
        // Writers store either the tag or the whole reference.
        if found.is_empty() {
            found = going_by(&|name| has_tag(name, wanted));
        }
        match found.as_slice() {
            [] => Err(self.no_such(wanted)),
            [one] => Ok((*one).clone()),
            several => Err(Error::SeveralImages {
                place: format!("{}: `{}`", self.place, shown(wanted)),
                refs: several.iter().map(|entry| entry.digest.to_string()).collect(),
            }),
        }
    }

    /// The only image; signatures and the like do not count.
    fn only(&self, objects: &impl Objects) -> Result<Descriptor, Error> {
        let mut images: Vec<&Descriptor> = Vec::new();
        let mut seen = BTreeSet::new();
        let is_new = |entry: &&Descriptor| !is_aside(entry) && seen.insert(entry.digest);
        let candidates: Vec<&Descriptor> = self.index.manifests.iter().filter(is_new).collect();
        for entry in &candidates {
            // The entries are only read if there is a choice.
            if candidates.len() > 1 && subject(&objects.parsed(entry)?).is_some() {
                continue;
            }
            images.push(entry);
        }
        match images.as_slice() {
            [one] => Ok((*one).clone()),
            [] => Err(Error::UnknownFormat {
                place: self.place.clone(),
                problem: "its index.json lists no image".to_owned(),
            }),
            several => Err(Error::SeveralImages { place: self.place.clone(), refs: names(several) }),
        }
    }

    fn no_such(&self, wanted: &str) -> Error {
        let images: Vec<&Descriptor> = self.index.manifests.iter().filter(|entry| !is_aside(entry)).collect();
        Error::NoSuchImage { place: self.place.clone(), wanted: shown(wanted), refs: names(&images) }
    }

    /// Manifests whose own `subject` is `subject`: entries of the index, and those that the fallback name
    /// lists. `unlisted` are further manifests that are known to be in this place.
    pub(crate) fn referrers(
        &self,
        wanted: &Digest,
        unlisted: &[Descriptor],
        objects: &impl Objects,
    ) -> Result<Referrers, Error> {
        let fallback = format!("{}-{}", wanted.algorithm().name(), wanted.hex());
        let mut search = ReferrerSearch::new(wanted, objects);
        let mut fallbacks = BTreeSet::new();
        for entry in &self.index.manifests {
            // Readers must ignore entries of unknown types.
            let known = media::is_index(&entry.media_type) || media::is_manifest(&entry.media_type);
            if entry.digest == *wanted || !known {
                continue;
            }
            if entry.annotations.get(REF_NAME) != Some(&fallback) {
                search.examine(entry.clone())?;
            } else if fallbacks.insert(entry.digest) {
                // One at a time, however many go by the name: each may list a thousand.
                match readable(objects.parsed(entry))? {
                    Some(Document::Index(index)) => {
                        index.manifests.into_iter().try_for_each(|listed| search.examine(listed))?;
                    }
                    _ => search.examine(entry.clone())?,
                }
            }
        }
        unlisted.iter().try_for_each(|referrer| search.examine(referrer.clone()))?;
        Ok(search.found)
    }

    /// Whether there may be unlisted referrers besides those in this index.
    pub(crate) fn hides_referrers(&self) -> bool {
        saved::hides_referrers(&self.index.manifests, REF_NAME)
    }

    /// The entry in which cosign saved the manifest of the tag `name` in a registry.
    pub(crate) fn saved_by_cosign(&self, name: &str) -> Option<&Descriptor> {
        saved::named(&self.index.manifests, name)
    }
}

/// The search for the manifests that refer to one subject.
struct ReferrerSearch<'a, O> {
    wanted: &'a Digest,
    objects: &'a O,
    /// What is not a referrer is read only once as well, however often it is listed.
    seen: BTreeSet<Digest>,
    found: Referrers,
    /// Bytes of the manifests that were found: they bound what their annotations take.
    bytes: u64,
}

impl<'a, O: Objects> ReferrerSearch<'a, O> {
    fn new(wanted: &'a Digest, objects: &'a O) -> Self {
        Self { wanted, objects, seen: BTreeSet::new(), found: Referrers::default(), bytes: 0 }
    }

    fn examine(&mut self, candidate: Descriptor) -> Result<(), Error> {
        if self.found.truncated || !self.seen.insert(candidate.digest) {
            return Ok(());
        }
        let Some(document) = readable(self.objects.parsed(&candidate))? else { return Ok(()) };
        if subject(&document).is_none_or(|subject| subject.digest != *self.wanted) {
            return Ok(());
        }
        let limits = self.objects.limits();
        self.bytes = self.bytes.saturating_add(candidate.size);
        if self.found.descriptors.len() >= limits.referrers.saturating_mul(LISTED)
            || self.bytes > limits.documents_bytes
        {
            self.found.truncated = true;
            return Ok(());
        }
        self.found.descriptors.push(described(candidate, &document));
        Ok(())
    }
}

/// A document, or nothing for junk: beside a signature, it must not hide that.
fn readable(parsed: Result<Document, Error>) -> Result<Option<Document>, Error> {
    match parsed {
        Ok(document) => Ok(Some(document)),
        // An entry that cannot be read, or is listed but missing, may have been evidence.
        Err(error @ (Error::Io { .. } | Error::NotFound { .. } | Error::Stopped(_))) => Err(error),
        Err(_) => Ok(None),
    }
}

/// Whether the reference `name` ends in the tag `wanted`.
pub(crate) fn has_tag(name: &str, wanted: &str) -> bool {
    name.rsplit_once(':').is_some_and(|(_, tag)| tag == wanted && !tag.contains('/'))
}

fn subject(document: &Document) -> Option<&Descriptor> {
    match document {
        Document::Index(index) => index.subject.as_ref(),
        Document::Manifest(manifest) => manifest.subject.as_ref(),
    }
}

/// Takes artifact type and annotations from the manifest if the index omits them, as in a registry's answer.
fn described(mut descriptor: Descriptor, document: &Document) -> Descriptor {
    let (artifact_type, annotations) = match document {
        Document::Index(index) => (index.artifact_type.clone(), &index.annotations),
        Document::Manifest(manifest) => (
            manifest.artifact_type.clone().or_else(|| Some(manifest.config.media_type.clone())),
            &manifest.annotations,
        ),
    };
    if descriptor.artifact_type.is_none() {
        descriptor.artifact_type = artifact_type;
    }
    for (key, value) in annotations {
        descriptor.annotations.entry(key.clone()).or_insert_with(|| value.clone());
    }
    descriptor
}

/// Whether an entry itself shows that it refers to another entry: it has an artifact type, or the fallback
/// name. crane repeats the type of an image's configuration as its artifact type.
fn is_aside(entry: &Descriptor) -> bool {
    // cosign gives the image an artifact type, too.
    if let Some(image) = saved::is_image(entry) {
        return !image;
    }
    let fallback = |name: &String| {
        // `sha256-<hex>`, or cosign's former notation `sha256-<hex>.sig`.
        let name = name.split('.').next().unwrap_or_default();
        name.split_once('-')
            .is_some_and(|(algorithm, hex)| format!("{algorithm}:{hex}").parse::<Digest>().is_ok())
    };
    let is_artifact = entry.artifact_type.as_deref().is_some_and(|kind| !media::is_image_config(kind));
    is_artifact || entry.annotations.get(REF_NAME).is_some_and(fallback)
}

fn names(entries: &[&Descriptor]) -> Vec<String> {
    entries
        .iter()
        .map(|entry| match entry.annotations.get(REF_NAME).or_else(|| entry.annotations.get(IMAGE_NAME)) {
            Some(name) => shown(name),
            None => entry.digest.to_string(),
        })
        .collect()
}
