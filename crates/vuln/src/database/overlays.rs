//! Facts about a vulnerability by its CVE identifier, independent of packages: how likely it is to be exploited (EPSS),
//! whether it is exploited (KEV), and vendors' statements about their products (VEX).
//!
//! One file, [`STEM`], in addition to those of the ecosystems, with the same layout. A record is a block of CVEs that
//! differ in their last two digits, and its name is the part that they share: `CVE-2024-123` has
//! `CVE-2024-12300` to `CVE-2024-12399`. A name for each of the 300,000 CVEs that have an EPSS would take
//! more than the facts.
//!
//! A database without the file is a database without overlays. Nothing here judges: an overlay lowers a finding only if a
//! policy says so.

use std::collections::BTreeMap;

use plimsoll_core::{Cancel, Timestamp};
use serde::Serialize;

use super::FeedStatus;
use super::file::TableFile;
use super::format::FeedHeader;
use super::wire::{Reader, put_list, put_number, put_text};
use crate::error::Error;

/// The content of the file, as its header names it.
pub(super) const CONTENT: &str = "CVE";
/// The name of the file, without the ending.
pub(super) const STEM: &str = "cve";

/// The open file of overlays.
#[derive(Debug)]
pub struct Overlays(pub(super) TableFile);

/// The facts about one CVE.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Overlay {
    /// How likely it is to be exploited.
    pub epss: Option<Epss>,
    /// Present if it is known to be exploited.
    pub kev: Option<Kev>,
    /// Statements about single products.
    pub vex: Vec<Statement>,
}

/// The Exploit Prediction Scoring System's estimate for the coming thirty days.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Epss {
    /// The number of its feed in the file.
    pub feed: usize,
    /// The probability, in hundred-thousandths, which is how it is published.
    pub probability: u32,
    /// The share of all CVEs with at most this probability, in hundred-thousandths.
    pub percentile: u32,
}

/// An entry of a catalogue of known exploited vulnerabilities.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kev {
    /// When it was added, in seconds since 1970.
    pub added: i64,
    /// When it must be fixed, in seconds since 1970.
    pub due: Option<i64>,
    /// Whether ransomware is known to use it.
    pub ransomware: bool,
}

/// A statement about the vulnerability in one product.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// The number of its feed in the file.
    pub feed: usize,
    /// The product, as package URL or CPE.
    pub product: String,
    /// The product's status.
    pub status: VexStatus,
    /// Why it is not affected, in the format's own term; empty if not stated.
    pub justification: String,
}

/// The status of a product, in the words that all VEX formats share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum VexStatus {
    /// It does not have the vulnerability.
    NotAffected,
    /// It has the vulnerability.
    Affected,
    /// It no longer has the vulnerability.
    Fixed,
    /// It is not known yet.
    UnderInvestigation,
}

impl VexStatus {
    const ALL: [Self; 4] = [Self::NotAffected, Self::Affected, Self::Fixed, Self::UnderInvestigation];

    /// As OpenVEX writes it: `not_affected`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotAffected => "not_affected",
            Self::Affected => "affected",
            Self::Fixed => "fixed",
            Self::UnderInvestigation => "under_investigation",
        }
    }
}

impl Overlays {
    /// The facts about a CVE; `None` if no feed names it.
    pub fn find(&self, cve: &str) -> Result<Option<Overlay>, Error> {
        let Some((block, number)) = split(cve) else { return Ok(None) };
        let Some(record) = self.0.find(block)? else { return Ok(None) };
        Ok(self.decode(record.content())?.remove(&number))
    }

    /// The date that the publisher gives the data of a feed.
    pub fn published(&self, feed: usize) -> Option<Timestamp> {
        self.feed(feed)?.published
    }

    /// When the data of the publisher with this stable name was retrieved; `None` if there is none of it.
    pub fn as_of(&self, publisher: &str) -> Option<Timestamp> {
        let mut feeds = self.0.header().feeds.iter();
        feeds.find(|feed| feed.id == publisher).map(|feed| feed.as_of)
    }

    fn feed(&self, number: usize) -> Option<&FeedHeader> {
        self.0.header().feeds.get(number)
    }

    /// The state of each feed.
    pub fn status(&self) -> impl Iterator<Item = FeedStatus> {
        self.0.header().feeds.iter().map(|feed| FeedStatus::new(&self.0, feed))
    }

    pub(super) fn verify(&self, cancel: &Cancel) -> Result<(), Error> {
        self.0.verify_packages(cancel, |record| self.decode(record.content()).map(|_| ()))?;
        self.0.verify_texts(Vec::new(), cancel, |_| true)
    }

    fn decode(&self, bytes: &[u8]) -> Result<BTreeMap<u8, Overlay>, Error> {
        let known = |feed: usize| self.feed(feed).is_some();
        let sound = |overlay: &Overlay| {
            overlay.vex.iter().all(|said| known(said.feed))
                && overlay.epss.is_none_or(|epss| known(epss.feed))
        };
        let block = decode_block(bytes).filter(|block| block.values().all(sound));
        block.ok_or_else(|| self.0.encoding("overlay"))
    }
}

/// Whether a text is the identifier of a CVE.
pub fn is_cve(text: &str) -> bool {
    split(text).is_some()
}

/// The block of a CVE and its number in it. `None` if the text is not a CVE identifier: `CVE-`, a year, and at least four digits.
pub(super) fn split(cve: &str) -> Option<(&str, u8)> {
    /// More than enough: there are five to seven.
    const DIGITS: std::ops::RangeInclusive<usize> = 4..=19;
    let is_number = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    let (year, number) = cve.strip_prefix("CVE-")?.split_once('-')?;
    if year.len() != 4 || !DIGITS.contains(&number.len()) || !is_number(year) || !is_number(number) {
        return None;
    }
    let (block, last) = cve.split_at_checked(cve.len().checked_sub(2)?)?;
    Some((block, last.parse().ok()?))
}

/// The stored form of a block.
pub(super) fn encode_block(block: &BTreeMap<u8, Overlay>) -> Vec<u8> {
    let mut out = Vec::new();
    for (number, overlay) in block {
        out.push(*number);
        overlay.encode(&mut out);
    }
    out
}

fn decode_block(bytes: &[u8]) -> Option<BTreeMap<u8, Overlay>> {
    let (mut reader, mut block) = (Reader::new(bytes), BTreeMap::new());
    while !reader.is_at_end() {
        let number = reader.byte().filter(|number| *number < 100)?;
        if block.insert(number, Overlay::decode(&mut reader)?).is_some() {
            return None;
        }
    }
    Some(block)
}

const EPSS: u8 = 1;
const KEV: u8 = 2;
const DUE: u8 = 4;
const RANSOMWARE: u8 = 8;
const KNOWN: u8 = EPSS | KEV | DUE | RANSOMWARE;

impl Overlay {
    fn encode(&self, out: &mut Vec<u8>) {
        let due = self.kev.and_then(|kev| kev.due);
        let flag = |set: bool, flag: u8| if set { flag } else { 0 };
        out.push(
            flag(self.epss.is_some(), EPSS)
                | flag(self.kev.is_some(), KEV)
                | flag(due.is_some(), DUE)
                | flag(self.kev.is_some_and(|kev| kev.ransomware), RANSOMWARE),
        );
        if let Some(epss) = self.epss {
            put_number(out, epss.feed as u64);
            put_number(out, epss.probability.into());
            put_number(out, epss.percentile.into());
        }
        for time in self.kev.map(|kev| kev.added).into_iter().chain(due) {
            out.extend_from_slice(&time.to_le_bytes());
        }
        put_list(out, &self.vex, |out, said| {
            put_number(out, said.feed as u64);
            put_text(out, &said.product);
            out.push(said.status as u8);
            put_text(out, &said.justification);
        });
    }

    fn decode(reader: &mut Reader<'_>) -> Option<Self> {
        let flags = reader.byte()?;
        let contradictory = flags & KEV == 0 && flags & (DUE | RANSOMWARE) != 0;
        if flags & !KNOWN != 0 || contradictory {
            return None;
        }
        let share = |reader: &mut Reader<'_>| u32::try_from(reader.number()?).ok();
        let time = |reader: &mut Reader<'_>| Some(i64::from_le_bytes(reader.bytes(8)?.try_into().ok()?));
        let epss = match flags & EPSS {
            0 => None,
            _ => Some(Epss {
                feed: usize::try_from(reader.number()?).ok()?,
                probability: share(reader)?,
                percentile: share(reader)?,
            }),
        };
        let kev = match flags & KEV {
            0 => None,
            _ => Some(Kev {
                added: time(reader)?,
                due: if flags & DUE == 0 { None } else { Some(time(reader)?) },
                ransomware: flags & RANSOMWARE != 0,
            }),
        };
        let vex = reader.list(|reader| {
            Some(Statement {
                feed: usize::try_from(reader.number()?).ok()?,
                product: reader.text()?.to_owned(),
                status: *VexStatus::ALL.get(usize::from(reader.byte()?))?,
                justification: reader.text()?.to_owned(),
            })
        })?;
        Some(Self { epss, kev, vex })
    }
}
