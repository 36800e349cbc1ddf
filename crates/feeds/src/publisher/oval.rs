//! Definitions in OVAL 5, <https://oval.mitre.org/language/version5.11/>, as distributions with rpm publish them: Oracle Linux and
//! Azure Linux. ([`definitions`] reads them.)
//!
//! | definition | what it becomes |
//! | --- | --- |
//! | a package `less than` a version | affected before that version |
//! | `less than or equal` | affected up to that version |
//! | `greater than` as well, in the same `AND` | affected only after that version |
//! | any other operation | undecided in every version |
//! | `negate="true"`, a test that is not in the file, another definition as an alternative | all packages of the definition are undecided |
//! | `Module nodejs:18 is enabled` | the packages beside it are of that stream |
//! | `Oracle Linux 8 is installed` | the packages beside it are of that release, otherwise of every platform of the definition |
//! | several CVEs | one advisory for each, with a link to the erratum |
//! | no CVE | an advisory of its own |
//!
//! The severity is that of the definition; that of an erratum is the worst of its vulnerabilities, so it rates no others.
//! Builds of Oracle's for a product (`ksplice`, `fips`) have versions above all others, which are not compared with them: what is said
//! about them is left out, and counted.

mod definitions;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{BufReader, Read as _};
use std::path::Path;

use plimsoll_core::{Ecosystem, LimitExceeded, Limits, xml};
use plimsoll_vuln::affected::{Affected, FixState, Interval};
use plimsoll_vuln::database::{Detail, key};
use plimsoll_vuln::{Class, Rating, Severity, SeveritySource};

use super::{Covers, Location, Publisher, Reading};
use crate::draft::{Draft, PackageStatement, is_identifier, is_package_name, is_web, midnight, one_line};
use crate::error::DocumentProblem;
use crate::hashing::HashingReader;
use crate::input::{Files, Input, documents};
use crate::wanted::Wanted;
use crate::{Doubt, Entry, Error, FeedReport, Skip};
use definitions::{Definition, Reader};

/// How many platforms a definition may be for: each repeats its packages. Real ones are for two or three releases.
const MAX_PLATFORMS: usize = 16;

/// A distribution that publishes so.
#[derive(Debug)]
pub(super) struct Oval {
    ecosystem: Ecosystem,
    name: &'static str,
    address: &'static str,
    /// The file that is fetched, if it can be read as it is served.
    file: Option<&'static str>,
    /// The release of a definition, by the platform that it names and the name of its file.
    release: fn(platform: &str, file: &str) -> Option<String>,
}

/// Oracle Linux. Its file is compressed by bzip2 and has to be unpacked.
pub(super) const ORACLE: Oval = Oval {
    ecosystem: Ecosystem::OracleLinux,
    name: "Oracle Linux OVAL",
    address: "https://linux.oracle.com/security/oval/",
    file: None,
    release: |platform, _| number(platform.strip_prefix("Oracle Linux ")?),
};

/// Azure Linux, and CBL-Mariner before it.
pub(super) const AZURE: Oval = Oval {
    ecosystem: Ecosystem::AzureLinux,
    name: "Azure Linux OVAL",
    address: "https://raw.githubusercontent.com/microsoft/AzureLinuxVulnerabilityData/main/",
    file: Some("azurelinux-3.0-oval.xml"),
    release: |_, file| number(file.rsplit_once(".0-oval")?.0.rsplit_once('-')?.1),
};

fn number(text: &str) -> Option<String> {
    (!text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())).then(|| text.to_owned())
}

impl Publisher for Oval {
    fn id(&self) -> &'static str {
        self.ecosystem.id()
    }

    fn name(&self) -> &'static str {
        self.name
    }

    fn licence(&self, _content: &str) -> Option<&'static str> {
        None
    }

    /// Oracle's real file was only seen in parts.
    fn unproven(&self, _content: &str) -> bool {
        self.ecosystem == Ecosystem::OracleLinux
    }

    fn address(&self) -> &'static str {
        self.address
    }

    fn locations(&self, wanted: &Wanted, _year: i16) -> Vec<Location> {
        let location = |file: &str| Location::new(format!("{}/{file}", self.id()), file);
        let wanted = *wanted == Wanted::whole(self.ecosystem);
        self.file.filter(|_| wanted).map(location).into_iter().collect()
    }

    fn discover(&self, from: &Path) -> Result<Vec<Input>, Error> {
        let folder = from.join(self.id());
        if !folder.is_dir() {
            return Ok(Vec::new());
        }
        let files = documents(&folder, &["xml"])?;
        let found =
            Input { content: self.ecosystem.name().to_owned(), files: Files::Loose { folder, files } };
        Ok(if found.files.is_empty() { Vec::new() } else { vec![found] })
    }

    fn read(&self, input: &Input, limits: &Limits, report: &mut FeedReport) -> Result<Reading, Error> {
        let files = match &input.files {
            Files::Loose { files, .. } => files.as_slice(),
            Files::One(path) | Files::Zip(path) => std::slice::from_ref(path),
            Files::Tar { archives, .. } => archives.as_slice(),
        };
        let (mut drafts, mut releases) = (BTreeMap::new(), BTreeSet::new());
        let mut digests = String::new();
        let mut left = limits.feed_bytes;
        for path in files {
            let failed = |source| Error::Read { path: path.clone(), source };
            let file = File::open(path).map_err(failed)?;
            // One byte more tells a file that ends there from a longer one.
            let mut stored = HashingReader::new(file.take(left.saturating_add(1)));
            let mut reader = Reader::new(limits.advisories);
            let read = xml::read(BufReader::with_capacity(1 << 16, &mut stored), |step| reader.step(step));
            let (digest, bytes) = stored.finish();
            let exceeded = |name, limit| LimitExceeded::new(name, limit, path.display().to_string());
            if bytes > left {
                return Err(exceeded("feed_bytes", limits.feed_bytes).into());
            }
            if reader.is_too_long() {
                return Err(exceeded("advisories", limits.advisories).into());
            }
            let entry = Entry { file: path, name: None, bytes: &[] };
            read.map_err(|problem| entry.broken(problem.into()))?;
            left = left.saturating_sub(bytes);
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            digests.extend([digest.to_string().as_str(), " ", name, "\n"]);
            let tests = reader.finish();
            if tests.definitions.iter().any(|definition| definition.platforms.len() > MAX_PLATFORMS) {
                return Err(entry.broken(DocumentProblem::Name { field: "platform" }));
            }
            for definition in &tests.definitions {
                self.definition(definition, &tests, name, report, &mut drafts, &mut releases);
            }
        }
        let source = plimsoll_core::Digest::sha256(digests.as_bytes());
        let (drafts, releases) = (drafts.into_values().collect(), releases.into_iter().collect());
        Ok(Reading { drafts, releases, ..Reading::empty(Covers::Packages(self.ecosystem), source) })
    }
}

impl Oval {
    fn definition(
        &self,
        definition: &Definition,
        tests: &definitions::Tests,
        file: &str,
        report: &mut FeedReport,
        drafts: &mut BTreeMap<(String, String), Draft>,
        releases: &mut BTreeSet<String>,
    ) {
        report.read += 1;
        let release = |platform: &String| (self.release)(platform, file);
        let covered: BTreeSet<String> = definition.platforms.iter().filter_map(release).collect();
        if covered.is_empty() {
            report.skip(Skip::NoPackage, &definition.id);
            return;
        }
        let severity = definition.severity.as_deref().and_then(Severity::from_word);
        let rating = severity.map(|severity| Rating { severity, source: SeveritySource::Vendor });
        let rating = rating.unwrap_or_default();
        let mut statements = Vec::new();
        let Some(packages) = tests.packages(definition) else {
            // Nobody knows what it is about.
            report.doubt(Doubt::Malformed, &definition.id);
            report.skip(Skip::NoPackage, &definition.id);
            return;
        };
        for package in packages {
            let versions = package.bounds.iter().map(|bound| bound.version.as_str());
            if !is_package_name(&package.name)
                || versions.clone().any(|it| it.contains(".ksplice") || it.contains("fips"))
            {
                report.doubt(Doubt::Release, &definition.id);
                continue;
            }
            let interval = definitions::interval(&package.bounds).filter(|_| !package.is_undecided);
            if package.is_undecided {
                report.doubt(Doubt::Criteria, &definition.id);
            } else if interval.is_none() {
                report.doubt(Doubt::FixedVersion, &definition.id);
            }
            let (intervals, doubtful) = match interval {
                Some(interval) => (vec![interval], Vec::new()),
                None => (Vec::new(), vec![Interval::ALL]),
            };
            let mut affected = Vec::new();
            let fix_state = FixState::Unknown;
            Affected { intervals, doubtful, versions: Vec::new(), fix_state }.encode(&mut affected);
            let own = package.platform.as_ref().and_then(release).map(|own| BTreeSet::from([own]));
            for release in own.as_ref().unwrap_or(&covered) {
                statements.push(PackageStatement {
                    key: key(Some(release), package.name.as_str().into()).into_owned(),
                    rating: rating.clone(),
                    module: package.module.clone(),
                    class: Class::Vulnerability,
                    affected: affected.clone(),
                });
            }
        }
        releases.extend(covered);
        let ids = definition.vulnerabilities();
        if statements.is_empty() || ids.is_empty() {
            report.skip(Skip::NoPackage, &definition.id);
            return;
        }
        report.kept += 1;
        for id in ids.into_iter().filter(|id| is_identifier(id)) {
            let draft = drafts.entry((id.to_owned(), definition.id.clone())).or_insert_with(|| Draft {
                id: id.to_owned(),
                origin: definition.id.clone(),
                detail: detail(definition),
                rating: Rating::default(),
                statements: Vec::new(),
            });
            draft.statements.extend(statements.iter().cloned());
        }
    }
}

fn detail(definition: &Definition) -> Detail {
    Detail {
        summary: one_line(&definition.title),
        published: definition.date.as_deref().and_then(midnight),
        urls: definition.url.clone().filter(|url| is_web(url)).into_iter().collect(),
        ..Detail::default()
    }
}
