//! Whether an archive with two tables of contents holds the same images by both.
//!
//! containerd reads `index.json`, and so do skopeo and podman as `oci-archive:`; Docker loads what `manifest.json` lists, and
//! so do skopeo and podman as `docker-archive:`. Somebody could have one image verified and the other one loaded. So each
//! image of `manifest.json` has to be one that `index.json` leads to, by the digest of its configuration, which names its
//! layers; and where `index.json` gives its name to an image, that very one. The other way round nothing is asked:
//! `docker save` lists the image of one platform and indexes all of them.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use plimsoll_core::text::shown;
use plimsoll_core::{Digest, LimitExceeded};

use super::docker::{self, full_name};
use super::members::Members;
use crate::index::Chooser;
use crate::manifest::Document;
use crate::objects::Objects;
use crate::{Descriptor, Error, media};

pub(super) fn check(members: &Members) -> Result<(), Error> {
    let place = members.describe();
    let chooser = Chooser::new(&members.small("index.json")?, None, place.clone(), members.limits())?;
    let mut by_name: BTreeMap<String, Vec<&Descriptor>> = BTreeMap::new();
    let mut by_tag: BTreeMap<&str, Vec<&Descriptor>> = BTreeMap::new();
    for (descriptor, names) in chooser.entries() {
        for name in names.into_iter().flatten() {
            by_name.entry(full_name(name)).or_default().push(descriptor);
        }
        if let [Some(tag), None] = names {
            by_tag.entry(tag).or_default().push(descriptor);
        }
    }
    let all: Vec<&Descriptor> = chooser.entries().map(|(descriptor, _)| descriptor).collect();
    let mut images = Images { members, known: HashMap::new(), bytes: 0 };
    let everywhere = images.configurations(&all, usize::MAX)?;
    // A million tags of four megabytes may ask for the same few images: each is looked for once.
    let (mut digests, mut of_name, mut of_tag) = (HashMap::new(), HashMap::new(), HashMap::new());
    for entry in docker::entries(members)? {
        let digest = || Ok(Digest::sha256(&members.small(&entry.config)?));
        let config = *remembered(&mut digests, &entry.config, digest)?;
        let disagree = |name: &str| {
            let name = shown(name);
            let problem = format!(
                "manifest.json and index.json disagree: the image `{name}` of the one is not in the other"
            );
            Err(Error::malformed(place.as_str(), problem))
        };
        if !everywhere.contains(&config) {
            return disagree(entry.tags.first().unwrap_or(&entry.config));
        }
        for tag in &entry.tags {
            let name = full_name(tag);
            let agrees = match (by_name.get(&name), tag.rsplit_once(':')) {
                // Every image that bears the name has to be it, or which of them is meant would be a matter of taste.
                (Some(named), _) => {
                    remembered(&mut of_name, &name, || images.of_each(named))?.contains(&config)
                }
                (None, Some((_, tag))) => match by_tag.get(tag) {
                    Some(tagged) => {
                        let any = || images.configurations(tagged, usize::MAX);
                        remembered(&mut of_tag, tag, any)?.contains(&config)
                    }
                    None => true,
                },
                (None, None) => true,
            };
            if !agrees {
                return disagree(tag);
            }
        }
    }
    Ok(())
}

/// What `find` gives for `key`, found once.
fn remembered<'k, T>(
    known: &'k mut HashMap<String, T>,
    key: &str,
    find: impl FnOnce() -> Result<T, Error>,
) -> Result<&'k T, Error> {
    if !known.contains_key(key) {
        known.insert(key.to_owned(), find()?);
    }
    known.get(key).ok_or_else(|| Error::malformed(key, "got nothing, expected what was just found"))
}

/// What documents lead to; each is read once.
struct Images<'a> {
    members: &'a Members,
    known: HashMap<Digest, Leads>,
    /// Bytes of the documents that were read.
    bytes: u64,
}

#[derive(Clone)]
enum Leads {
    ToConfiguration(Digest),
    To(Vec<Descriptor>),
    /// The archive does not have it: that of a platform that was not saved.
    Nowhere,
}

impl Images<'_> {
    /// The configurations of all images that `tops` lead to, over at most `most` documents.
    fn configurations(&mut self, tops: &[&Descriptor], most: usize) -> Result<BTreeSet<Digest>, Error> {
        let mut found = BTreeSet::new();
        let mut seen = BTreeSet::new();
        let mut left: Vec<Descriptor> = tops.iter().map(|top| (*top).clone()).collect();
        while let Some(descriptor) = left.pop() {
            let is_known =
                media::is_index(&descriptor.media_type) || media::is_manifest(&descriptor.media_type);
            if !is_known || !seen.insert(descriptor.digest) {
                continue;
            }
            if seen.len() > most {
                return Err(LimitExceeded::new("index_entries", most as u64, self.what()).into());
            }
            match self.leads(&descriptor)? {
                Leads::ToConfiguration(config) => drop(found.insert(*config)),
                Leads::To(children) => left.extend(children.iter().cloned()),
                Leads::Nowhere => {}
            }
        }
        Ok(found)
    }

    /// The configurations that each of `tops` leads to.
    fn of_each(&mut self, tops: &[&Descriptor]) -> Result<BTreeSet<Digest>, Error> {
        let most = self.members.limits().index_entries;
        let mut common: Option<BTreeSet<Digest>> = None;
        for top in tops {
            let mut found = self.configurations(&[top], most)?;
            if let Some(common) = common {
                found.retain(|config| common.contains(config));
            }
            common = Some(found);
        }
        Ok(common.unwrap_or_default())
    }

    fn leads(&mut self, descriptor: &Descriptor) -> Result<&Leads, Error> {
        let leads = match self.known.remove(&descriptor.digest) {
            Some(known) => known,
            None => self.read(descriptor)?,
        };
        Ok(self.known.entry(descriptor.digest).or_insert(leads))
    }

    fn read(&mut self, descriptor: &Descriptor) -> Result<Leads, Error> {
        let document = match self.members.parsed(descriptor) {
            Ok(document) => document,
            Err(Error::NotFound { .. }) => return Ok(Leads::Nowhere),
            Err(error) => return Err(error),
        };
        self.bytes = self.bytes.saturating_add(descriptor.size);
        let limit = self.members.limits().documents_bytes;
        if self.bytes > limit {
            return Err(LimitExceeded::new("documents_bytes", limit, self.what()).into());
        }
        Ok(match document {
            Document::Manifest(manifest) => Leads::ToConfiguration(manifest.config.digest),
            Document::Index(index) => Leads::To(index.manifests),
        })
    }

    fn what(&self) -> String {
        format!("{}: what index.json leads to", self.members.describe())
    }
}
