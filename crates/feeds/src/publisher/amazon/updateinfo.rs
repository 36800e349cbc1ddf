//! `updateinfo.xml`, the advisories in the metadata of a repository of rpm packages, as yum and dnf read it.
//!
//! ```xml
//! <updates><update status="final" type="security" version="1.4"><id>ALAS2023-2023-126</id>
//!  <title>Amazon Linux 2023 - ALAS2023-2023-126: important priority package update for openssl</title>
//!  <issued date="2023-02-17 00:00"/><severity>important</severity>
//!  <references><reference href="http://cve.mitre.org/cgi-bin/cvename.cgi?name=CVE-2023-0286" id="CVE-2023-0286" type="cve"/></references>
//!  <pkglist><collection short="amazon-linux-2023"><package arch="x86_64" epoch="1" name="openssl-libs" release="1.amzn2023.0.2" version="3.0.8"/>
//!  </collection></pkglist></update></updates>
//! ```
//!
//! The file is read as a stream, one advisory at a time.

use std::path::Path;

use plimsoll_core::Limits;
use plimsoll_core::xml::{self, Element, Step};

use super::broken;
use crate::error::DocumentProblem;
use crate::{Error, stream};

/// Packages of one advisory, for all architectures. That of a kernel has a few hundred.
const MAX_PACKAGES: usize = 20_000;
/// CVEs of one advisory. That of a kernel has a few hundred.
const MAX_CVES: usize = 10_000;

/// One advisory.
#[derive(Debug, Default)]
pub(super) struct Update {
    pub(super) id: String,
    /// `security`, `bugfix`, `enhancement`.
    pub(super) kind: Option<String>,
    pub(super) title: String,
    pub(super) issued: Option<String>,
    pub(super) severity: Option<String>,
    pub(super) cves: Vec<String>,
    pub(super) packages: Vec<Package>,
}

/// A package that was built with the fix.
#[derive(Debug)]
pub(super) struct Package {
    pub(super) name: String,
    epoch: Option<String>,
    version: Option<String>,
    release: Option<String>,
}

impl Package {
    /// `1:3.0.8-1.amzn2023`; `None` if a part is missing.
    pub(super) fn version(&self) -> Option<String> {
        let (version, release) = (self.version.as_deref()?, self.release.as_deref()?);
        let epoch = self.epoch.as_deref().unwrap_or("0");
        if version.is_empty() || release.is_empty() || !epoch.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        Some(match epoch {
            "" | "0" => format!("{version}-{release}"),
            epoch => format!("{epoch}:{version}-{release}"),
        })
    }
}

/// Passes the advisories of a file to `take`.
pub(super) fn read(
    path: &Path,
    left: u64,
    limits: &Limits,
    mut take: impl FnMut(Update) -> Result<(), Error>,
) -> Result<stream::Digests, Error> {
    let (mut reader, mut failed, mut is_list) = (Reader::default(), None, false);
    let (read, digests) = stream::read(path, left, limits, |content| {
        xml::read(content, |step| {
            if let Step::Begins(element) = step {
                is_list |= element.name == "updates";
            }
            let update = if failed.is_none() { reader.step(step) } else { None };
            if let Some(update) = update {
                let taken = update.map_err(|problem| broken(path, problem)).and_then(&mut take);
                failed = taken.err();
            }
        })
    })?;
    if let Some(error) = failed {
        return Err(error);
    }
    read.map_err(|problem| broken(path, problem.into()))?;
    // A message of a server, or a changed format, is no empty list.
    if is_list { Ok(digests) } else { Err(broken(path, DocumentProblem::Name { field: "updates" })) }
}

/// Collects what is in an advisory.
#[derive(Debug, Default)]
struct Reader {
    update: Option<Update>,
    is_too_large: bool,
}

impl Reader {
    /// The advisory, once it ends.
    fn step(&mut self, step: Step<'_>) -> Option<Result<Update, DocumentProblem>> {
        match step {
            Step::Begins(element) => {
                self.begins(element);
                None
            }
            Step::Ends(element) => self.ends(element),
        }
    }

    fn begins(&mut self, element: &Element) {
        let attribute = |name| element.attribute(name).map(str::to_owned);
        if element.name == "update" {
            self.update = Some(Update { kind: attribute("type"), ..Update::default() });
            return;
        }
        let Some(update) = &mut self.update else { return };
        match element.name.as_str() {
            "issued" => update.issued = attribute("date"),
            "reference" if element.attribute("type").is_some_and(|kind| kind.eq_ignore_ascii_case("cve")) => {
                update.cves.extend(attribute("id"));
            }
            "package" => update.packages.push(Package {
                name: attribute("name").unwrap_or_default(),
                epoch: attribute("epoch"),
                version: attribute("version"),
                release: attribute("release"),
            }),
            _ => {}
        }
        if update.packages.len() > MAX_PACKAGES || update.cves.len() > MAX_CVES {
            update.packages.clear();
            update.cves.clear();
            self.is_too_large = true;
        }
    }

    fn ends(&mut self, element: &Element) -> Option<Result<Update, DocumentProblem>> {
        match (element.name.as_str(), &mut self.update) {
            ("update", update) => {
                let update = update.take()?;
                let is_whole = !std::mem::take(&mut self.is_too_large);
                Some(if is_whole && !update.id.is_empty() {
                    Ok(update)
                } else {
                    Err(DocumentProblem::Name { field: if is_whole { "id" } else { "pkglist" } })
                })
            }
            ("id", Some(update)) => {
                update.id.clone_from(&element.text);
                None
            }
            ("title", Some(update)) => {
                update.title.clone_from(&element.text);
                None
            }
            ("severity", Some(update)) => {
                update.severity = Some(element.text.clone());
                None
            }
            _ => None,
        }
    }
}
