//! The stored form of packages and advisories.
//!
//! A *package record* is a list of [`Entry`], one for each affected range of each advisory: all that matching needs.
//! The [`Detail`] of an advisory, which only findings need, is a text of its own in the file, once for all its
//! packages. Texts that repeat from entry to entry are *labels*: they are in one list, and entries contain their
//! numbers.

use super::wire::{Reader, put_list, put_number, put_text};
use crate::affected::{Affected, End, FixState, Interval, Start};
use crate::class::Class;
use crate::severity::{Rating, Severity, SeveritySource};

/// The position of a text in a database file: in which block, and where in it when it is inflated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    pub(crate) block: u32,
    pub(crate) offset: u32,
}

/// One advisory's statement about one package, borrowed from the package record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry<'a> {
    /// The advisory's own identifier.
    pub id: &'a str,
    /// The number of its feed in the file.
    pub feed: usize,
    severity: Severity,
    /// The kind of the source, and its vector or identifier.
    source: (u8, &'a str),
    /// The publisher whose rating was adopted, by the number of a label.
    pub(super) rated_by: Option<u32>,
    pub(super) conditions: ConditionLabels,
    /// What kind of statement it is.
    pub class: Class,
    /// The advisory's [`Detail`].
    pub detail: Place,
    /// The affected versions.
    pub affected: Affected<'a>,
}

/// [`Conditions`](crate::conditions::Conditions) by the numbers of their labels.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct ConditionLabels {
    pub(super) module: Option<u32>,
    pub(super) architectures: Vec<u32>,
    pub(super) products: Vec<u32>,
}

impl ConditionLabels {
    fn clear(&mut self) {
        self.module = None;
        self.architectures.clear();
        self.products.clear();
    }

    fn is_empty(&self) -> bool {
        self.module.is_none() && self.architectures.is_empty() && self.products.is_empty()
    }
}

impl Entry<'_> {
    /// Whether it applies only under conditions besides the version.
    pub fn is_conditional(&self) -> bool {
        !self.conditions.is_empty()
    }

    /// Its severity for this package.
    pub fn rating(&self) -> Rating {
        let source = match self.source {
            (VENDOR, _) => SeveritySource::Vendor,
            (CVSS, vector) => SeveritySource::Cvss(vector.to_owned()),
            (ALIAS, id) => SeveritySource::Alias(id.to_owned()),
            _ => SeveritySource::None,
        };
        Rating { severity: self.severity, source }
    }
}

// The first byte of an entry after its identifier: three bits of severity, two for the kind of its source, and whether
// a class, conditions and the publisher of an adopted rating follow.
const SEVERITY: u8 = 0b0000_0111;
const SOURCE_SHIFT: u8 = 3;
const SOURCE: u8 = 0b11;
const CONDITIONAL: u8 = 0b0010_0000;
const RATED_BY: u8 = 0b0100_0000;
const CLASSED: u8 = 0b1000_0000;

const UNRATED: u8 = 0;
const VENDOR: u8 = 1;
const CVSS: u8 = 2;
const ALIAS: u8 = 3;

/// The details of an advisory.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Detail {
    /// Other identifiers of the same vulnerability.
    pub aliases: Vec<String>,
    /// One line.
    pub summary: String,
    /// Seconds since 1970.
    pub published: Option<i64>,
    /// Seconds since 1970.
    pub modified: Option<i64>,
    /// Links to more information.
    pub urls: Vec<String>,
    /// The functions that are vulnerable, if the publisher names them.
    pub functions: Vec<VulnerableFunctions>,
}

/// Vulnerable functions of one package of a module.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct VulnerableFunctions {
    /// The package: `golang.org/x/net/html`. With `/...` at its end, whatever there is in the module.
    pub package: String,
    /// Functions (`Parse`) and methods (`Tokenizer.Next`); none if any may be.
    pub names: Vec<String>,
}

impl Affected<'_> {
    /// The stored form.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.push(match self.fix_state {
            FixState::Unknown => 0,
            FixState::NotFixed => 1,
            FixState::WontFix => 2,
        });
        put_list(out, &self.intervals, |out, i| put_interval(out, i));
        put_list(out, &self.doubtful, |out, i| put_interval(out, i));
        put_list(out, &self.versions, |out, v| put_text(out, v));
    }
}

// The first byte of an interval: whether a version starts it and is itself outside, and the kind of its end.
const STARTS: u8 = 0b0001;
const AFTER: u8 = 0b1000;
const END_SHIFT: u8 = 1;
const END: u8 = 0b11;

fn put_interval(out: &mut Vec<u8>, interval: &Interval<'_>) {
    let (end, text) = match interval.end {
        End::Open => (0, None),
        End::Before(text) => (1, Some(text)),
        End::Through(text) => (2, Some(text)),
        End::Around(text) => (3, Some(text)),
    };
    let (start, from) = match interval.from {
        Start::First => (0, None),
        Start::At(from) => (STARTS, Some(from)),
        Start::After(from) => (STARTS | AFTER, Some(from)),
    };
    out.push(end << END_SHIFT | start);
    from.into_iter().chain(text).for_each(|text| put_text(out, text));
}

fn interval<'a>(reader: &mut Reader<'a>) -> Option<Interval<'a>> {
    let flags = reader.byte()?;
    let from = match flags & !(END << END_SHIFT) {
        0 => Start::First,
        STARTS => Start::At(reader.text()?),
        start if start == STARTS | AFTER => Start::After(reader.text()?),
        _ => return None,
    };
    let end = match flags >> END_SHIFT & END {
        0 => End::Open,
        1 => End::Before(reader.text()?),
        2 => End::Through(reader.text()?),
        3 => End::Around(reader.text()?),
        _ => return None,
    };
    Some(Interval { from, end })
}

/// Appends a statement that several identifiers share: an erratum makes the same statement about each vulnerability
/// that it fixes.
pub(super) fn put_entries(out: &mut Vec<u8>, ids: &[&str], detail: Place, content: &[u8]) {
    put_list(out, ids, |out, id| put_text(out, id));
    put_number(out, detail.block.into());
    put_number(out, detail.offset.into());
    out.extend_from_slice(content);
}

/// The parts of an entry to write; texts that repeat are already labels, and `affected` is encoded.
pub(super) struct StoredEntry<'a> {
    pub(super) feed: usize,
    pub(super) rating: &'a Rating,
    pub(super) rated_by: Option<u32>,
    pub(super) conditions: ConditionLabels,
    pub(super) class: Class,
    pub(super) affected: &'a [u8],
}

impl StoredEntry<'_> {
    /// Appends the stored form, without identifiers and the place of the detail.
    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        let (kind, text) = match &self.rating.source {
            SeveritySource::None => (UNRATED, None),
            SeveritySource::Vendor => (VENDOR, None),
            SeveritySource::Cvss(vector) => (CVSS, Some(vector)),
            SeveritySource::Alias(id) => (ALIAS, Some(id)),
        };
        let mut flags = self.rating.severity as u8 | kind << SOURCE_SHIFT;
        if !self.conditions.is_empty() {
            flags |= CONDITIONAL;
        }
        if self.rated_by.is_some() {
            flags |= RATED_BY;
        }
        if self.class != Class::default() {
            flags |= CLASSED;
        }
        out.push(flags);
        if self.class != Class::default() {
            out.push(self.class.number());
        }
        put_number(out, self.feed as u64);
        if let Some(text) = text {
            put_text(out, text);
        }
        if let Some(label) = self.rated_by {
            put_number(out, label.into());
        }
        if !self.conditions.is_empty() {
            let labels =
                |out: &mut Vec<u8>, list: &[u32]| put_list(out, list, |out, l| put_number(out, (*l).into()));
            labels(out, self.conditions.module.as_slice());
            labels(out, &self.conditions.architectures);
            labels(out, &self.conditions.products);
        }
        out.extend_from_slice(self.affected);
    }
}

/// Reads a package record and passes on its entries, one after the other. `Some` if all of it decoded.
pub(crate) fn visit_entries<'a, E>(
    bytes: &'a [u8],
    mut visit: impl FnMut(&Entry<'a>) -> Result<(), E>,
) -> Option<Result<(), E>> {
    let mut reader = Reader::new(bytes);
    // One entry whose lists are reused: a package like the Linux kernel has thousands.
    let mut entry = Entry {
        id: "",
        feed: 0,
        severity: Severity::Unrated,
        source: (UNRATED, ""),
        rated_by: None,
        conditions: ConditionLabels::default(),
        class: Class::default(),
        detail: Place { block: 0, offset: 0 },
        affected: Affected {
            intervals: Vec::new(),
            doubtful: Vec::new(),
            versions: Vec::new(),
            fix_state: FixState::Unknown,
        },
    };
    let mut ids = Vec::new();
    while !reader.is_at_end() {
        reader.list_into(&mut ids, Reader::text)?;
        let mut place = || u32::try_from(reader.number()?).ok();
        entry.detail = Place { block: place()?, offset: place()? };
        read_entry(&mut reader, &mut entry)?;
        if ids.is_empty() {
            return None;
        }
        for id in &ids {
            entry.id = id;
            if let Err(error) = visit(&entry) {
                return Some(Err(error));
            }
        }
    }
    Some(Ok(()))
}

fn label(reader: &mut Reader<'_>) -> Option<u32> {
    u32::try_from(reader.number()?).ok()
}

fn read_entry<'a>(reader: &mut Reader<'a>, entry: &mut Entry<'a>) -> Option<()> {
    let flags = reader.byte()?;
    entry.severity = *Severity::ALL.get(usize::from(flags & SEVERITY))?;
    entry.class = match flags & CLASSED {
        0 => Class::default(),
        _ => Class::of_number(reader.byte()?).filter(|class| *class != Class::default())?,
    };
    entry.feed = usize::try_from(reader.number()?).ok()?;
    entry.source = match flags >> SOURCE_SHIFT & SOURCE {
        kind @ (UNRATED | VENDOR) => (kind, ""),
        kind => (kind, reader.text()?),
    };
    entry.rated_by = if flags & RATED_BY == 0 { None } else { Some(label(reader)?) };
    entry.conditions.clear();
    if flags & CONDITIONAL != 0 {
        entry.conditions.module = match reader.number()? {
            0 => None,
            1 => Some(label(reader)?),
            _ => return None,
        };
        reader.list_into(&mut entry.conditions.architectures, label)?;
        reader.list_into(&mut entry.conditions.products, label)?;
    }
    let affected = &mut entry.affected;
    affected.fix_state = match reader.byte()? {
        0 => FixState::Unknown,
        1 => FixState::NotFixed,
        2 => FixState::WontFix,
        _ => return None,
    };
    reader.list_into(&mut affected.intervals, interval)?;
    reader.list_into(&mut affected.doubtful, interval)?;
    reader.list_into(&mut affected.versions, Reader::text)
}

impl Detail {
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        let texts = |out: &mut Vec<u8>, items: &[String]| put_list(out, items, |out, t| put_text(out, t));
        texts(out, &self.aliases);
        put_text(out, &self.summary);
        for time in [self.published, self.modified] {
            match time {
                None => out.push(0),
                Some(seconds) => {
                    out.push(1);
                    out.extend_from_slice(&seconds.to_le_bytes());
                }
            }
        }
        texts(out, &self.urls);
        put_list(out, &self.functions, |out, it| {
            put_text(out, &it.package);
            texts(out, &it.names);
        });
    }

    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(bytes);
        let text = |r: &mut Reader<'_>| r.text().map(str::to_owned);
        let time = |r: &mut Reader<'_>| match r.byte()? {
            0 => Some(None),
            1 => Some(Some(i64::from_le_bytes(r.bytes(8)?.try_into().ok()?))),
            _ => None,
        };
        let detail = Self {
            aliases: reader.list(text)?,
            summary: text(&mut reader)?,
            published: time(&mut reader)?,
            modified: time(&mut reader)?,
            urls: reader.list(text)?,
            functions: reader.list(|reader| {
                Some(VulnerableFunctions { package: text(reader)?, names: reader.list(text)? })
            })?,
        };
        reader.is_at_end().then_some(detail)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_and_details_come_back() {
        let affected = Affected {
            intervals: vec![
                Interval { from: Start::First, end: End::Before("1.5") },
                Interval { from: Start::At("2"), end: End::Through("3") },
                Interval { from: Start::After("4"), end: End::Open },
            ],
            doubtful: vec![Interval::ALL],
            versions: vec!["trunk"],
            fix_state: FixState::WontFix,
        };
        let mut encoded = Vec::new();
        affected.encode(&mut encoded);
        let rating = Rating { severity: Severity::High, source: SeveritySource::Alias("GHSA-1".into()) };
        let detail = Place { block: 1 << 30, offset: 7 };
        let mut record = Vec::new();
        let stored = |rating, conditions| StoredEntry {
            feed: 3,
            rating,
            rated_by: Some(9),
            conditions,
            class: Class::Malicious,
            affected: &encoded,
        };
        let conditions = ConditionLabels { module: Some(1), architectures: vec![2, 300], products: vec![4] };
        let mut content = Vec::new();
        stored(&rating, conditions.clone()).encode(&mut content);
        put_entries(&mut record, &["PYSEC-1"], detail, &content);
        content.clear();
        stored(&Rating::default(), ConditionLabels::default()).encode(&mut content);
        put_entries(&mut record, &["PYSEC-2", "PYSEC-3"], detail, &content);
        let entries = |bytes| {
            let mut read = Vec::new();
            let all = visit_entries(bytes, |entry| {
                read.push((
                    entry.id.to_owned(),
                    entry.rating(),
                    (entry.feed, entry.rated_by, entry.conditions.clone(), entry.class),
                    entry.detail,
                    format!("{:?}", entry.affected),
                ));
                Ok::<(), ()>(())
            });
            (all.is_some(), read)
        };
        let affected = format!("{affected:?}");
        let first = (
            "PYSEC-1".to_owned(),
            rating,
            (3, Some(9), conditions, Class::Malicious),
            detail,
            affected.clone(),
        );
        let second = (
            "PYSEC-2".to_owned(),
            Rating::default(),
            (3, Some(9), ConditionLabels::default(), Class::Malicious),
            detail,
            affected,
        );
        let third = ("PYSEC-3".to_owned(), second.1.clone(), second.2.clone(), second.3, second.4.clone());
        assert_eq!(entries(&record), (true, vec![first.clone(), second, third]));
        let half = record.len() - encoded.len() - 2;
        for cut in 1..record.len() {
            let (all, read) = entries(&record[..cut]);
            assert!(!all || read == [first.clone()], "cut at {cut}");
            assert!(cut > half || read.len() <= 1);
        }

        let detail = Detail {
            aliases: vec!["CVE-1".into()],
            summary: "a".into(),
            published: Some(-1),
            modified: None,
            urls: vec![],
            functions: vec![VulnerableFunctions { package: "a/b".into(), names: vec!["T.F".into()] }],
        };
        let mut out = Vec::new();
        detail.encode(&mut out);
        assert_eq!(Detail::decode(&out), Some(detail));
        assert_eq!(Detail::decode(&out[..out.len() - 1]), None);
    }
}
