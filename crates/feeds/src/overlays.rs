//! The file of facts by CVE, from all feeds of such facts.

use plimsoll_vuln::database::{Epss, File, OverlayWriter};

use crate::draft::Fact;
use crate::error::DocumentProblem;
use crate::wanted::CVES;
use crate::{Entry, Error, ReadFeed, description};

/// Each publisher states a different kind of fact, so none overwrites another's.
pub(crate) fn write(feeds: &mut [&mut ReadFeed]) -> Result<File, Error> {
    let mut writer = OverlayWriter::default();
    for ReadFeed { publisher, reading, report } in feeds {
        let about = description(*publisher, reading, report, CVES);
        let feed = writer.feed(about, reading.facts.len() as u64);
        for stated in std::mem::take(&mut reading.facts) {
            let Some(overlay) = writer.overlay(&stated.cve) else {
                let entry = Entry { file: &report.input, name: None, bytes: &[] };
                return Err(entry.broken(DocumentProblem::Name { field: "CVE" }));
            };
            match stated.fact {
                Fact::Exploited(kev) => overlay.kev = Some(kev),
                Fact::Likely { probability, percentile } => {
                    overlay.epss = Some(Epss { feed, probability, percentile });
                }
            }
        }
    }
    Ok(writer.finish()?)
}
