//! Writes a database file into memory. The same records give the same bytes, in whatever order they arrive.

use std::borrow::Cow;
use std::collections::BTreeMap;

use plimsoll_core::{Digest, Ecosystem, LimitExceeded, Timestamp};

use super::format::{self, FORMAT, Header, MAGIC, MAX_RECORD, Section};
use super::record::{Detail, Place, put_entry};
use crate::error::Error;
use crate::severity::Rating;

/// What the header says beside the numbers that the writer counts itself.
#[derive(Debug, Clone)]
pub struct About {
    /// The ecosystem of all records.
    pub ecosystem: Ecosystem,
    /// Who published the data.
    pub publisher: String,
    /// When it was retrieved from the publisher.
    pub as_of: Timestamp,
    /// The releases that the data speaks about; empty where an ecosystem has none.
    pub releases: Vec<String>,
    /// Digest of the publisher's data.
    pub source: Digest,
}

/// Collects the records of one ecosystem.
#[derive(Debug, Default)]
pub struct Writer {
    body: Vec<u8>,
    /// By the name that is looked up: each entry with its advisory's identifier, which orders them.
    packages: BTreeMap<String, Vec<(String, Vec<u8>)>>,
    advisories: u64,
}

/// The name under which a package is stored: where there are releases, each has its own record of a package.
pub fn key<'a>(release: Option<&str>, name: Cow<'a, str>) -> Cow<'a, str> {
    match release {
        Some(release) => Cow::Owned(format!("{release}/{name}")),
        None => name,
    }
}

impl Writer {
    /// Stores what findings show about an advisory. Call it in the order of the identifiers.
    pub fn advisory(&mut self, detail: &Detail) -> Result<Place, Error> {
        let mut content = Vec::new();
        detail.encode(&mut content);
        self.advisories += 1;
        self.record(&content)
    }

    /// Stores an advisory's word on the package at `key`; `affected` is what [`crate::affected::Affected::encode`] wrote.
    pub fn entry(&mut self, key: &str, id: &str, rating: &Rating, detail: Place, affected: &[u8]) {
        let mut encoded = Vec::new();
        put_entry(&mut encoded, id, rating, detail, affected);
        match self.packages.get_mut(key) {
            Some(entries) => entries.push((id.to_owned(), encoded)),
            None => {
                self.packages.insert(key.to_owned(), vec![(id.to_owned(), encoded)]);
            }
        }
    }

    /// The bytes of the file.
    pub fn finish(mut self, about: About) -> Result<File, Error> {
        let mut names = Vec::with_capacity(self.packages.len());
        for (name, mut entries) in std::mem::take(&mut self.packages) {
            entries.sort();
            let content = entries.into_iter().flat_map(|(_, encoded)| encoded).collect::<Vec<u8>>();
            names.push((name, self.record(&content)?));
        }
        let names: Vec<_> = names.iter().map(|(name, place)| (name.as_str(), *place)).collect();
        let too_large = || LimitExceeded::fixed("index_bytes", format::MAX_INDEX, "index of the database");
        let index = format::encode_index(&names).ok_or_else(too_large)?;
        if index.len() as u64 > format::MAX_INDEX {
            return Err(too_large().into());
        }
        let section = |bytes: &[u8]| Section { bytes: bytes.len() as u64, digest: Digest::sha256(bytes) };
        let header = Header {
            ecosystem: about.ecosystem.name().to_owned(),
            publisher: about.publisher,
            as_of: about.as_of,
            advisories: self.advisories,
            packages: names.len() as u64,
            releases: about.releases,
            source: about.source,
            index: section(&index),
            body: section(&self.body),
        };
        let too_large =
            || LimitExceeded::fixed("header_bytes", u64::from(format::MAX_HEADER), "header of the database");
        // A struct of texts and numbers always serializes, so only its length can be wrong.
        let header = serde_json::to_vec(&header).map_err(|_| too_large())?;
        let length = u32::try_from(header.len()).ok().filter(|length| *length <= format::MAX_HEADER);
        let length = length.ok_or_else(too_large)?;
        let digest = Digest::sha256(&header);
        let mut bytes = Vec::with_capacity(format::PREAMBLE + header.len() + index.len() + self.body.len());
        bytes.extend_from_slice(&MAGIC);
        bytes.extend_from_slice(&FORMAT.to_le_bytes());
        bytes.extend_from_slice(&length.to_le_bytes());
        bytes.extend_from_slice(digest.as_bytes());
        bytes.extend_from_slice(&header);
        bytes.extend_from_slice(&index);
        bytes.extend_from_slice(&self.body);
        Ok(File { bytes, digest, advisories: self.advisories, packages: names.len() as u64 })
    }

    fn record(&mut self, content: &[u8]) -> Result<Place, Error> {
        let length =
            u32::try_from(content.len()).ok().filter(|length| *length <= MAX_RECORD).ok_or_else(|| {
                LimitExceeded::fixed(
                    "record_bytes",
                    u64::from(MAX_RECORD),
                    "record of one package or advisory",
                )
            })?;
        let offset = self.body.len() as u64;
        self.body.extend_from_slice(&format::checksum(offset, content));
        self.body.extend_from_slice(content);
        Ok(Place { offset, length })
    }
}

/// A finished database file.
#[derive(Debug)]
pub struct File {
    /// The whole content.
    pub bytes: Vec<u8>,
    /// The digest of its header, which fixes all other bytes.
    pub digest: Digest,
    /// How many advisories it holds.
    pub advisories: u64,
    /// How many packages (in a release) they speak about.
    pub packages: u64,
}
