//! Whether an archive with two tables of contents holds the same images by both.
//!
//! containerd reads `index.json`, and so do skopeo and podman as `oci-archive:`; Docker loads what `manifest.json` lists, and
//! so do skopeo and podman as `docker-archive:`. Somebody could have one image verified and the other one loaded. So each
//! image of `manifest.json` has to be one that `index.json` leads to, by the digest of its configuration, which names its
//! layers; and where `index.json` gives its name to an image, that very one. The other way round nothing is asked:
//! `docker save` lists the image of one platform and indexes all of them.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use plimsoll_core::Digest;
use plimsoll_core::text::shown;

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
    let mut images = Images { members, known: HashMap::new() };
    let everywhere = images.configurations(&all)?;
    for entry in docker::entries(members)? {
        let config = Digest::sha256(&members.small(&entry.config)?);
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
            match (by_name.get(&full_name(tag)), tag.rsplit_once(':').and_then(|(_, tag)| by_tag.get(tag))) {
                // Every image that bears the name has to be it, or which of them is meant would be a matter of taste.
                (Some(named), _) => {
                    for descriptor in named {
                        if !images.configurations(&[descriptor])?.contains(&config) {
                            return disagree(tag);
                        }
                    }
                }
                (None, Some(tagged)) if !images.configurations(tagged)?.contains(&config) => {
                    return disagree(tag);
                }
                _ => {}
            }
        }
    }
    Ok(())
}

/// What documents lead to; each is read once.
struct Images<'a> {
    members: &'a Members,
    known: HashMap<Digest, Leads>,
}

#[derive(Clone)]
enum Leads {
    ToConfiguration(Digest),
    To(Vec<Descriptor>),
    /// The archive does not have it: that of a platform that was not saved.
    Nowhere,
}

impl Images<'_> {
    /// The configurations of all images that `tops` lead to.
    fn configurations(&mut self, tops: &[&Descriptor]) -> Result<BTreeSet<Digest>, Error> {
        let mut found = BTreeSet::new();
        let mut seen = BTreeSet::new();
        let mut left: Vec<Descriptor> = tops.iter().map(|top| (*top).clone()).collect();
        while let Some(descriptor) = left.pop() {
            let is_known =
                media::is_index(&descriptor.media_type) || media::is_manifest(&descriptor.media_type);
            if !is_known || !seen.insert(descriptor.digest) {
                continue;
            }
            match self.leads(&descriptor)? {
                Leads::ToConfiguration(config) => drop(found.insert(*config)),
                Leads::To(children) => left.extend(children.iter().cloned()),
                Leads::Nowhere => {}
            }
        }
        Ok(found)
    }

    fn leads(&mut self, descriptor: &Descriptor) -> Result<&Leads, Error> {
        let leads = match self.known.remove(&descriptor.digest) {
            Some(known) => known,
            None => match self.members.parsed(descriptor) {
                Ok(Document::Manifest(manifest)) => Leads::ToConfiguration(manifest.config.digest),
                Ok(Document::Index(index)) => Leads::To(index.manifests),
                Err(Error::NotFound { .. }) => Leads::Nowhere,
                Err(error) => return Err(error),
            },
        };
        Ok(self.known.entry(descriptor.digest).or_insert(leads))
    }
}
