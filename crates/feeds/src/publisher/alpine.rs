//! Alpine, which publishes its security database ([`super::secdb`]) by release and repository.

use std::path::Path;

use plimsoll_core::{Ecosystem, Limits};

use super::secdb::Source;
use super::{Location, Publisher, Reading};
use crate::input::{Files, Input, documents, folders};
use crate::wanted::Wanted;
use crate::{Error, FeedReport};

const SOURCE: Source = Source {
    ecosystem: Ecosystem::Alpine,
    tracker: Some("https://security.alpinelinux.org/vuln/"),
    repositories,
};

/// Alpine's security team.
#[derive(Debug)]
pub(super) struct Alpine;

/// The releases that are fetched unless one is named. Alpine publishes no list of them. A release that is missing here
/// is a gap in scans.
const RELEASES: [&str; 5] = ["v3.20", "v3.21", "v3.22", "v3.23", "edge"];

impl Publisher for Alpine {
    fn id(&self) -> &'static str {
        "alpine"
    }

    fn name(&self) -> &'static str {
        "Alpine security database"
    }

    fn licence(&self, _content: &str) -> Option<&'static str> {
        None
    }

    fn address(&self) -> &'static str {
        "https://secdb.alpinelinux.org/"
    }

    /// Each repository of each release is a file.
    fn locations(&self, wanted: &Wanted, _year: i16) -> Vec<Location> {
        let releases = match wanted {
            Wanted::Packages { ecosystem: Ecosystem::Alpine, release: Some(release) } => {
                vec![release.as_str()]
            }
            Wanted::Packages { ecosystem: Ecosystem::Alpine, release: None } => RELEASES.to_vec(),
            _ => return Vec::new(),
        };
        let files = |release: &str| -> Vec<String> {
            repositories(release).iter().map(|repository| format!("{release}/{repository}.json")).collect()
        };
        let location = |path: String| Location::new(format!("alpine/{path}"), path);
        releases.into_iter().flat_map(files).map(location).collect()
    }

    fn discover(&self, from: &Path) -> Result<Vec<Input>, Error> {
        let folder = from.join(self.id());
        if !folder.is_dir() {
            return Ok(Vec::new());
        }
        let mut files = Vec::new();
        for (_, release) in folders(&folder)? {
            files.extend(documents(&release, &["json", "yaml"])?);
        }
        let content = Ecosystem::Alpine.name().to_owned();
        let found = Input { content, files: Files::Loose { folder, files } };
        Ok(if found.files.is_empty() { Vec::new() } else { vec![found] })
    }

    fn read(&self, input: &Input, limits: &Limits, report: &mut FeedReport) -> Result<Reading, Error> {
        SOURCE.read(input, limits, report)
    }
}

/// Until 3.2 there was no `community`.
fn repositories(release: &str) -> &'static [&'static str] {
    let early = release.starts_with("v2.") || matches!(release, "v3.0" | "v3.1" | "v3.2");
    if early { &["main"] } else { &["main", "community"] }
}
