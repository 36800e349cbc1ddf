//! Writes database files to memory. The same records give the same bytes in any order of arrival.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};

use plimsoll_core::{Digest, Ecosystem, LimitExceeded, Timestamp};

use super::blocks::{PackageBlock, PackageBlocks};
use super::format::{self, FORMAT, FeedHeader, Header, MAGIC, MAX_RECORD, Malformed, Part, Section};
use super::list::file_name;
use super::overlays::{self, CONTENT, Overlay, STEM};
use super::record::{ConditionLabels, Detail, Place, StoredEntry, put_entries};
use super::texts::TextBlocks;
use super::wire::{put_list, put_text};
use crate::class::Class;
use crate::conditions::Conditions;
use crate::error::Error;
use crate::severity::Rating;

/// The description of one feed in the header, without the numbers that the writer counts itself.
#[derive(Debug, Clone)]
pub struct FeedDescription {
    /// The publisher's stable name.
    pub id: String,
    /// The publisher's name for people.
    pub publisher: String,
    /// When the data was retrieved from the publisher.
    pub as_of: Timestamp,
    /// The date that the publisher gives the data, if it gives one.
    pub published: Option<Timestamp>,
    /// The releases that the data covers; empty if the ecosystem has none.
    pub releases: Vec<String>,
    /// Digest of the publisher's data.
    pub source: Digest,
    /// The licence of the data, if it is stated.
    pub licence: Option<String>,
    /// The reader has not been tested with the publisher's real files yet.
    pub unproven: bool,
    /// The documents that could not be read.
    pub malformed: Malformed,
}

/// The name under which a package is stored: each release has a record of its own.
pub fn key<'a>(release: Option<&str>, name: Cow<'a, str>) -> Cow<'a, str> {
    match release {
        Some(release) => Cow::Owned(format!("{release}/{name}")),
        None => name,
    }
}

/// What findings show about an advisory, by the number that [`Writer::advisory`] gave it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NewDetail(usize);

/// An advisory's statement about one package.
#[derive(Debug, Clone)]
pub struct NewEntry<'a> {
    /// The feed, as [`Writer::feed`] numbered it.
    pub feed: usize,
    /// The advisory's own identifier.
    pub id: &'a str,
    /// Its severity for this package.
    pub rating: &'a Rating,
    /// The publisher of the rating, if it is not the feed's own.
    pub rated_by: Option<&'a str>,
    /// The conditions besides the version.
    pub conditions: Conditions<'a>,
    /// What kind of statement it is.
    pub class: Class,
    /// The result of [`Writer::advisory`].
    pub detail: NewDetail,
    /// The output of [`crate::affected::Affected::encode`].
    pub affected: &'a [u8],
}

/// Collects the records of one ecosystem.
#[derive(Debug)]
pub struct Writer {
    file: FileWriter,
    labels: Labels,
    /// The stored form of each detail.
    details: Vec<Vec<u8>>,
    /// The number of each, by the digest of its stored form: all vulnerabilities of an erratum share one.
    numbers: HashMap<Digest, NewDetail>,
    /// By lookup name.
    packages: BTreeMap<String, Vec<Encoded>>,
}

/// An entry, in the order of entries.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Encoded {
    id: String,
    feed: usize,
    content: Vec<u8>,
    detail: NewDetail,
}

impl Writer {
    /// Starts the file of `ecosystem`.
    pub fn new(ecosystem: Ecosystem) -> Self {
        Self {
            file: FileWriter::new(ecosystem.id(), ecosystem.name()),
            labels: Labels::default(),
            details: Vec::new(),
            numbers: HashMap::new(),
            packages: BTreeMap::new(),
        }
    }

    /// Adds a feed. Returns the number by which its entries refer to it.
    pub fn feed(&mut self, about: FeedDescription) -> usize {
        self.file.feed(about)
    }

    /// Stores what findings show about an advisory. Call it in the order of the feeds, then of the identifiers.
    pub fn advisory(&mut self, feed: usize, detail: &Detail) -> Result<NewDetail, Error> {
        if let Some(feed) = self.file.feeds.get_mut(feed) {
            feed.advisories += 1;
        }
        let mut content = Vec::new();
        detail.encode(&mut content);
        let digest = Digest::sha256(&content);
        if let Some(number) = self.numbers.get(&digest) {
            return Ok(*number);
        }
        bounded(&content)?;
        let number = NewDetail(self.details.len());
        self.details.push(content);
        self.numbers.insert(digest, number);
        Ok(number)
    }

    /// Stores an advisory's statement about the package at `key`.
    pub fn entry(&mut self, key: &str, entry: &NewEntry<'_>) {
        let mut labels =
            |texts: &[&str]| texts.iter().map(|text| self.labels.number(text)).collect::<Vec<_>>();
        let conditions = ConditionLabels {
            module: labels(entry.conditions.module.as_slice()).pop(),
            architectures: labels(&entry.conditions.architectures),
            products: labels(&entry.conditions.products),
        };
        let stored = StoredEntry {
            feed: entry.feed,
            rating: entry.rating,
            rated_by: labels(entry.rated_by.as_slice()).pop(),
            conditions,
            class: entry.class,
            affected: entry.affected,
        };
        let mut content = Vec::new();
        stored.encode(&mut content);
        let encoded = Encoded { id: entry.id.to_owned(), feed: entry.feed, content, detail: entry.detail };
        match self.packages.get_mut(key) {
            Some(entries) => entries.push(encoded),
            None => {
                self.packages.insert(key.to_owned(), vec![encoded]);
            }
        }
    }

    /// The bytes of the file.
    pub fn finish(mut self) -> Result<File, Error> {
        let (mut packages, mut texts) = (PackageBlocks::default(), TextBlocks::new()?);
        // In the order of the packages that they are about, so that those of one package are next to each other.
        let mut places: HashMap<NewDetail, Place> = HashMap::new();
        let keys = self.packages.len() as u64;
        for (name, mut entries) in self.packages {
            entries.sort();
            let mut speaking = vec![false; self.file.feeds.len()];
            let mut record = Vec::new();
            // Content that several identifiers share is stored once, at the place of the first identifier.
            let mut ids: HashMap<_, Vec<&str>> = HashMap::new();
            for Encoded { id, feed, content, detail } in &entries {
                ids.entry((*feed, content, *detail)).or_default().push(id);
            }
            for Encoded { feed, content, detail, .. } in &entries {
                let Some(mut ids) = ids.remove(&(*feed, content, *detail)) else { continue };
                ids.dedup();
                let place = if let Some(place) = places.get(detail) {
                    *place
                } else {
                    let text = self.details.get_mut(detail.0).map(std::mem::take).unwrap_or_default();
                    let place = texts.push(&text)?;
                    places.insert(*detail, place);
                    place
                };
                put_entries(&mut record, &ids, place, content);
                if let Some(speaks) = speaking.get_mut(*feed) {
                    *speaks = true;
                }
            }
            for (feed, speaks) in self.file.feeds.iter_mut().zip(speaking) {
                feed.packages += u64::from(speaks);
            }
            push(&mut packages, &name, &record)?;
        }
        self.file.finish(keys, packages, texts, &self.labels)
    }
}

/// Adds a package, within the limits of readers.
fn push(packages: &mut PackageBlocks, name: &str, record: &[u8]) -> Result<(), Error> {
    if name.len() > PackageBlock::MAX_NAME {
        let limit = PackageBlock::MAX_NAME as u64;
        return Err(LimitExceeded::fixed("name_bytes", limit, "name of a package").into());
    }
    bounded(record)?;
    packages.push(name, record);
    Ok(())
}

fn bounded(content: &[u8]) -> Result<(), Error> {
    let limit = u64::from(MAX_RECORD);
    if content.len() as u64 > limit {
        return Err(LimitExceeded::fixed("record_bytes", limit, "record of one package or advisory").into());
    }
    Ok(())
}

/// Collects facts by CVE identifier.
#[derive(Debug)]
pub struct OverlayWriter {
    file: FileWriter,
    /// By block, then by the number in it.
    blocks: BTreeMap<String, BTreeMap<u8, Overlay>>,
}

impl Default for OverlayWriter {
    fn default() -> Self {
        Self { file: FileWriter::new(STEM, CONTENT), blocks: BTreeMap::new() }
    }
}

impl OverlayWriter {
    /// Adds a feed about `entries` CVEs. Returns the number by which statements refer to it.
    pub fn feed(&mut self, about: FeedDescription, entries: u64) -> usize {
        let number = self.file.feed(about);
        if let Some(feed) = self.file.feeds.get_mut(number) {
            feed.advisories = entries;
        }
        number
    }

    /// The facts about a CVE so far, to add to; `None` if the text is not a CVE identifier.
    pub fn overlay(&mut self, cve: &str) -> Option<&mut Overlay> {
        let (block, number) = overlays::split(cve)?;
        if !self.blocks.contains_key(block) {
            self.blocks.insert(block.to_owned(), BTreeMap::new());
        }
        Some(self.blocks.get_mut(block)?.entry(number).or_default())
    }

    /// The bytes of the file.
    pub fn finish(self) -> Result<File, Error> {
        let mut packages = PackageBlocks::default();
        for (name, block) in &self.blocks {
            push(&mut packages, name, &overlays::encode_block(block))?;
        }
        self.file.finish(self.blocks.len() as u64, packages, TextBlocks::new()?, &Labels::default())
    }
}

/// A finished database file.
#[derive(Debug)]
pub struct File {
    /// What it contains: OSV's name of an ecosystem, or `CVE`.
    pub content: &'static str,
    /// The name that it must have.
    pub name: String,
    /// All of its bytes.
    pub bytes: Vec<u8>,
    /// The digest of its header, which determines all other bytes.
    pub digest: Digest,
    /// The counts of each feed, in the order of their numbers.
    pub feeds: Vec<Counts>,
}

/// The counts of one feed in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counts {
    /// How many advisories.
    pub advisories: u64,
    /// How many packages (per release) they cover.
    pub packages: u64,
}

/// Texts, numbered in the order in which they were first needed.
#[derive(Debug, Default)]
struct Labels(BTreeMap<String, u32>);

impl Labels {
    fn number(&mut self, text: &str) -> u32 {
        // More than four billion different texts do not fit into a record, so the record's length fails
        // first.
        let next = u32::try_from(self.0.len()).unwrap_or(u32::MAX);
        match self.0.get(text) {
            Some(number) => *number,
            None => *self.0.entry(text.to_owned()).or_insert(next),
        }
    }

    fn encode(&self) -> Option<Vec<u8>> {
        if self.0.is_empty() {
            return None;
        }
        let mut sorted: Vec<_> = self.0.iter().collect();
        sorted.sort_unstable_by_key(|(_, number)| **number);
        let mut out = Vec::new();
        put_list(&mut out, &sorted, |out, (text, _)| put_text(out, text));
        Some(out)
    }
}

/// The common part of both kinds of file.
#[derive(Debug)]
struct FileWriter {
    stem: &'static str,
    content: &'static str,
    feeds: Vec<FeedHeader>,
}

impl FileWriter {
    fn new(stem: &'static str, content: &'static str) -> Self {
        Self { stem, content, feeds: Vec::new() }
    }

    fn feed(&mut self, about: FeedDescription) -> usize {
        let FeedDescription {
            id,
            publisher,
            as_of,
            published,
            releases,
            source,
            licence,
            unproven,
            malformed,
        } = about;
        let (advisories, packages) = (0, 0);
        self.feeds.push(FeedHeader {
            id,
            publisher,
            as_of,
            published,
            advisories,
            packages,
            releases,
            source,
            licence,
            unproven,
            malformed,
        });
        self.feeds.len() - 1
    }

    fn finish(
        self,
        keys: u64,
        packages: PackageBlocks,
        mut texts: TextBlocks,
        labels: &Labels,
    ) -> Result<File, Error> {
        let labels = match labels.encode() {
            Some(content) => {
                bounded(&content)?;
                Some(texts.alone(&content)?)
            }
            None => None,
        };
        let (packages, package_blocks) = packages.finish();
        let (texts, text_blocks) = texts.finish()?;
        let (packages, texts) = (packages.encode(), texts.encode());
        let part = |directory: &[u8], blocks: &[u8]| {
            let bytes = directory.len() as u64;
            if bytes > format::MAX_DIRECTORY {
                return Err(LimitExceeded::fixed(
                    "directory_bytes",
                    format::MAX_DIRECTORY,
                    "directory of the database",
                ));
            }
            let directory = Section { bytes, digest: Digest::sha256(directory) };
            Ok(Part { directory, bytes: blocks.len() as u64 })
        };
        let counts =
            self.feeds.iter().map(|feed| Counts { advisories: feed.advisories, packages: feed.packages });
        let counts = counts.collect();
        let header = Header {
            content: self.content.to_owned(),
            feeds: self.feeds,
            keys,
            labels,
            packages: part(&packages, &package_blocks)?,
            texts: part(&texts, &text_blocks)?,
        };
        let too_large =
            || LimitExceeded::fixed("header_bytes", u64::from(format::MAX_HEADER), "header of the database");
        // A struct of texts and numbers always serializes, so only its length can be wrong.
        let header = serde_json::to_vec(&header).map_err(|_| too_large())?;
        let length = u32::try_from(header.len()).ok().filter(|length| *length <= format::MAX_HEADER);
        let length = length.ok_or_else(too_large)?;
        let digest = Digest::sha256(&header);
        let parts = [&header, &packages, &texts, &package_blocks, &text_blocks];
        let size = parts.iter().map(|part| part.len()).sum::<usize>();
        let mut bytes = Vec::with_capacity(format::PREAMBLE + size);
        bytes.extend_from_slice(&MAGIC);
        bytes.extend_from_slice(&FORMAT.to_le_bytes());
        bytes.extend_from_slice(&length.to_le_bytes());
        bytes.extend_from_slice(digest.as_bytes());
        for part in parts {
            bytes.extend_from_slice(part);
        }
        let name = file_name(self.stem, digest);
        Ok(File { content: self.content, name, bytes, digest, feeds: counts })
    }
}
