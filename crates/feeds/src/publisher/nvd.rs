//! The National Vulnerability Database, in the form of its API and its yearly files, version 2.0:
//! <https://nvd.nist.gov/developers/vulnerabilities>.
//!
//! ```json
//! {"format": "NVD_CVE", "version": "2.0", "vulnerabilities": [{"cve": {
//!   "id": "CVE-2023-44487", "published": "2023-10-10T14:15:10.883", "lastModified": "2024-12-20T17:40:52.067",
//!   "vulnStatus": "Analyzed", "descriptions": [{"lang": "en", "value": "The HTTP/2 protocol …"}],
//!   "metrics": {"cvssMetricV31": [{"type": "Primary", "cvssData": {"vectorString": "CVSS:3.1/AV:N/…"}}]},
//!   "configurations": [{"nodes": [{"operator": "OR", "negate": false, "cpeMatch": [
//!     {"vulnerable": true, "criteria": "cpe:2.3:a:f5:nginx:*:*:*:*:*:*:*:*",
//!      "versionStartIncluding": "1.9.5", "versionEndIncluding": "1.25.2"}]}]}]}}]}
//! ```
//!
//! It knows products, not packages. So what it says about versions is only used for programs that no package manager knows and
//! whose product is certain ([`criteria`]); its vectors rate other publishers' advisories about the same CVE.
//!
//! The files of a year have 100 MB and more; they are read as a stream, one CVE at a time. Of several files that have a CVE, the
//! one in which it was last changed counts.

mod criteria;

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use jiff::SignedDuration;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use plimsoll_core::{Algorithm, Ecosystem, Hasher, LimitExceeded, Limits};
use plimsoll_vuln::database::{Detail, is_cve};
use plimsoll_vuln::{Rating, Severity, SeveritySource};
use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::{Announced, Covers, Location, Publisher, Reading, Situation};
use crate::draft::{Draft, is_web, one_line};
use crate::error::DocumentProblem;
use crate::input::{Files, Input, files};
use crate::wanted::Wanted;
use crate::{Entry, Error, FeedReport, stream};

/// The first year that there is a file of. It has older ones as well.
const FIRST_YEAR: i16 = 2002;
/// How many days the files of years are kept. The file of what changed has eight days.
const KEPT_DAYS: i64 = 7;
/// How many links of a CVE are kept.
const MAX_URLS: usize = 3;

/// The American institute that keeps it.
#[derive(Debug)]
pub(super) struct Nvd;

impl Publisher for Nvd {
    fn id(&self) -> &'static str {
        "nvd"
    }

    fn name(&self) -> &'static str {
        "NVD"
    }

    /// A work of the government of the United States.
    fn licence(&self, _content: &str) -> Option<&'static str> {
        None
    }

    fn address(&self) -> &'static str {
        "https://nvd.nist.gov/feeds/json/cve/2.0/"
    }

    /// A file for each year, and one of what changed in the last eight days, each announced by another one. Those of the years are
    /// only asked for once a week.
    fn locations(&self, wanted: &Wanted, year: i16) -> Vec<Location> {
        if *wanted != Wanted::whole(Ecosystem::Cpe) {
            return Vec::new();
        }
        let meta = |name: &str| {
            let file = format!("nvdcve-2.0-{name}.meta");
            Location::new(format!("nvd/{file}"), file).index()
        };
        let of_year = |it: i16| {
            let location = meta(&it.to_string()).keep_for(SignedDuration::from_hours(24 * KEPT_DAYS));
            // In the first days of a year there is none yet.
            if it == year { location.optional() } else { location }
        };
        (FIRST_YEAR..=year).map(of_year).chain([meta("modified")]).collect()
    }

    fn follow(
        &self,
        index: &Location,
        content: &[u8],
        _situation: &Situation<'_>,
    ) -> Result<Vec<Location>, DocumentProblem> {
        if content.is_empty() && index.is_optional {
            return Ok(Vec::new());
        }
        let text = std::str::from_utf8(content).map_err(|_| DocumentProblem::Name { field: "sha256" })?;
        let digits = text.lines().find_map(|line| line.trim().strip_prefix("sha256:"));
        let digest = digits.map(|digits| format!("sha256:{}", digits.trim().to_ascii_lowercase()).parse());
        let digest = digest.and_then(Result::ok).ok_or(DocumentProblem::Name { field: "sha256" })?;
        let renamed = |name: &str| name.strip_suffix(".meta").map(|stem| format!("{stem}.json.gz"));
        let (file, path) =
            renamed(&index.file).zip(renamed(&index.path)).ok_or(DocumentProblem::Name { field: "meta" })?;
        Ok(vec![Location::new(file, path).announced(Announced::Uncompressed(digest))])
    }

    fn discover(&self, from: &Path) -> Result<Vec<Input>, Error> {
        let folder = from.join(self.id());
        if !folder.is_dir() {
            return Ok(Vec::new());
        }
        let mut found = files(&folder)?;
        let is_json = |path: &Path| path.extension().is_some_and(|ending| ending == "json");
        found.retain(|path| {
            let is_compressed = path.extension().is_some_and(|ending| ending == "gz");
            is_json(path) || (is_compressed && path.file_stem().is_some_and(|stem| is_json(Path::new(stem))))
        });
        let content = Ecosystem::Cpe.name().to_owned();
        let found = Input { content, files: Files::Loose { folder, files: found } };
        Ok(if found.files.is_empty() { Vec::new() } else { vec![found] })
    }

    fn read(&self, input: &Input, limits: &Limits, report: &mut FeedReport) -> Result<Reading, Error> {
        let Files::Loose { files, .. } = &input.files else {
            return Err(Error::NoFeeds { dir: PathBuf::new() });
        };
        let mut state = State { report, drafts: BTreeMap::new(), limit: limits.advisories };
        let mut digest = Hasher::new(Algorithm::Sha256);
        let mut left = limits.feed_bytes;
        for file in files {
            let (of_file, bytes) = read(file, left, limits, &mut state)?;
            left = left.saturating_sub(bytes);
            digest
                .update(format!("{of_file} {}\n", file.file_name().unwrap_or_default().display()).as_bytes());
        }
        let drafts = state.drafts.into_values().filter_map(|(_, draft)| draft).collect();
        Ok(Reading { drafts, ..Reading::empty(Covers::Packages(Ecosystem::Cpe), digest.finish()) })
    }
}

/// Reads a file of at most so many bytes, compressed or not; its digest and size.
fn read(
    path: &Path,
    left: u64,
    limits: &Limits,
    state: &mut State<'_>,
) -> Result<(plimsoll_core::Digest, u64), Error> {
    let (parsed, digests) = stream::read(path, left, limits, |content| {
        let mut deserializer = serde_json::Deserializer::from_reader(content);
        Page(state).deserialize(&mut deserializer).and_then(|()| deserializer.end())
    })?;
    if state.report.read > limits.advisories {
        return Err(LimitExceeded::new("advisories", limits.advisories, path.display().to_string()).into());
    }
    let entry = Entry { file: path, name: None, bytes: &[] };
    parsed.map_err(|error| entry.broken(DocumentProblem::Stream(error)))?;
    Ok((digests.uncompressed, digests.uncompressed_bytes))
}

/// The data read so far.
struct State<'r> {
    report: &'r mut FeedReport,
    /// By CVE, with the time of its last change; none of a rejected one.
    drafts: BTreeMap<String, (i64, Option<Draft>)>,
    limit: u64,
}

#[derive(Debug, Deserialize)]
struct Item {
    cve: Cve,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Cve {
    id: String,
    published: Option<DateTime>,
    last_modified: DateTime,
    vuln_status: Option<String>,
    #[serde(default)]
    descriptions: Vec<Text>,
    #[serde(default)]
    metrics: Metrics,
    #[serde(default)]
    configurations: Vec<criteria::Configuration>,
    #[serde(default)]
    references: Vec<Reference>,
}

#[derive(Debug, Deserialize)]
struct Text {
    lang: String,
    value: String,
}

#[derive(Debug, Deserialize)]
struct Reference {
    url: String,
}

#[derive(Debug, Default, Deserialize)]
struct Metrics {
    #[serde(default, rename = "cvssMetricV40")]
    v40: Vec<Metric>,
    #[serde(default, rename = "cvssMetricV31")]
    v31: Vec<Metric>,
    #[serde(default, rename = "cvssMetricV30")]
    v30: Vec<Metric>,
    #[serde(default, rename = "cvssMetricV2")]
    v2: Vec<Metric>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metric {
    #[serde(rename = "type")]
    kind: Option<String>,
    cvss_data: Vector,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Vector {
    vector_string: String,
}

impl Metrics {
    /// The highest of versions 3 and 4, before that of version 2; NVD's own before those of others.
    fn rating(&self) -> Rating {
        let newer = [&self.v40, &self.v31, &self.v30];
        let newer: Vec<&Metric> = newer.into_iter().flatten().collect();
        let older: Vec<&Metric> = self.v2.iter().collect();
        let best = highest(&newer, true).or_else(|| highest(&newer, false));
        let best = best.or_else(|| highest(&older, true)).or_else(|| highest(&older, false));
        best.map_or_else(Rating::default, |(severity, vector)| Rating {
            severity,
            source: SeveritySource::Cvss(vector.clone()),
        })
    }
}

/// The highest of NVD's own ratings, or of those of others.
fn highest<'m>(metrics: &[&'m Metric], is_own: bool) -> Option<(Severity, &'m String)> {
    let these = metrics.iter().filter(|it| (it.kind.as_deref() == Some("Primary")) == is_own);
    let vectors = these.map(|it| &it.cvss_data.vector_string);
    vectors.filter_map(|vector| Some((Severity::from_cvss(vector)?, vector))).max()
}

impl State<'_> {
    fn cve(&mut self, cve: Cve) -> Result<(), &'static str> {
        self.report.read += 1;
        if self.report.read > self.limit {
            return Err("too many vulnerabilities");
        }
        if !is_cve(&cve.id) {
            return Err("id is not valid");
        }
        let modified = seconds(cve.last_modified);
        let is_rejected = cve.vuln_status.as_deref() == Some("Rejected");
        if let Some((known, draft)) = self.drafts.get(&cve.id) {
            self.report.skip(crate::Skip::Repeated, &cve.id);
            if *known >= modified {
                return Ok(());
            }
            // What it was counted as before.
            match draft {
                Some(_) => self.report.kept -= 1,
                None => self.report.withdrawn -= 1,
            }
        }
        if is_rejected {
            self.report.withdrawn += 1;
            // An older file must not bring it back.
            self.drafts.insert(cve.id, (modified, None));
            return Ok(());
        }
        self.report.kept += 1;
        let rating = cve.metrics.rating();
        let statements = criteria::statements(&cve.configurations, &rating, |doubt| {
            self.report.doubt(doubt, &cve.id);
        });
        let summary = cve.descriptions.iter().find(|text| text.lang == "en");
        let mut urls = vec![format!("https://nvd.nist.gov/vuln/detail/{}", cve.id)];
        let links = cve.references.into_iter().map(|reference| reference.url);
        urls.extend(links.filter(|url| is_web(url)).take(MAX_URLS));
        let detail = Detail {
            summary: summary.map(|text| one_line(&text.value)).unwrap_or_default(),
            published: cve.published.map(seconds),
            modified: Some(modified),
            urls,
            ..Detail::default()
        };
        let draft = Draft { id: cve.id.clone(), origin: String::new(), detail, rating, statements };
        self.drafts.insert(cve.id, (modified, Some(draft)));
        Ok(())
    }
}

/// Times have no zone; they are UTC.
fn seconds(time: DateTime) -> i64 {
    time.to_zoned(TimeZone::UTC).map_or(0, |time| time.timestamp().as_second())
}

/// A whole document, passed on one vulnerability at a time.
struct Page<'s, 'r>(&'s mut State<'r>);

impl<'de> DeserializeSeed<'de> for Page<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Page<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with vulnerabilities")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        let mut is_there = false;
        while let Some(name) = members.next_key::<String>()? {
            if name != "vulnerabilities" {
                members.next_value::<IgnoredAny>()?;
                continue;
            }
            if std::mem::replace(&mut is_there, true) {
                return Err(A::Error::custom(DocumentProblem::Twice { name }));
            }
            members.next_value_seed(Items(self.0))?;
        }
        // A message of the service, or a changed format, must not be an empty database.
        if is_there { Ok(()) } else { Err(A::Error::missing_field("vulnerabilities")) }
    }
}

struct Items<'s, 'r>(&'s mut State<'r>);

impl<'de> DeserializeSeed<'de> for Items<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Items<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of vulnerabilities")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        while let Some(Item { cve }) = items.next_element()? {
            self.0.cve(cve).map_err(A::Error::custom)?;
        }
        Ok(())
    }
}
