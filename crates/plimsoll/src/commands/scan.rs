//! `plimsoll scan`.

use plimsoll_core::rootfs::LayerRef;
use plimsoll_core::{Digest, Kind, Limits, Timestamp};
use plimsoll_gather::{Subject, inventory, layers, open};
use plimsoll_vuln::{Database, Scan, ScanSettings, scan};
use serde::Serialize;

use crate::args::scan::{Format, Scan as Arguments};
use crate::commands::{place, platforms};
use crate::failure::{Exit, Failure};
use crate::output::{self, Console};
use crate::progress::Bar;
use crate::render::sarif::Log;
use crate::render::table::{Paint, safe};
use crate::{render, settings};

/// The version of the JSON result.
const SCAN_V1: &str = "plimsoll.dev/scan/v1";

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Report {
    schema_version: &'static str,
    scanned_at: Timestamp,
    results: Vec<Scanned>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Scanned {
    subject: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    manifest: Option<Digest>,
    #[serde(skip_serializing_if = "Option::is_none")]
    platform: Option<String>,
    #[serde(skip)]
    layers: Vec<LayerRef>,
    #[serde(flatten)]
    scan: Scan,
}

/// cosign's predicate for the result of a scan, <https://cosign.sigstore.dev/attestation/vuln/v1>.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Predicate {
    scanner: Scanner,
    metadata: Metadata,
}

#[derive(Serialize)]
struct Scanner {
    uri: String,
    version: &'static str,
    db: Advisories,
    result: Report,
}

#[derive(Serialize)]
struct Advisories {
    /// When the oldest feed was retrieved; the result has each with its digest.
    version: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    scan_started_on: Timestamp,
    scan_finished_on: Timestamp,
}

impl Predicate {
    fn of(report: Report) -> Self {
        let oldest =
            report.results.iter().flat_map(|result| &result.scan.database).map(|feed| feed.as_of).min();
        let version = env!("CARGO_PKG_VERSION");
        Self {
            metadata: Metadata { scan_started_on: report.scanned_at, scan_finished_on: report.scanned_at },
            scanner: Scanner {
                uri: format!("pkg:generic/plimsoll@{version}"),
                version,
                db: Advisories { version: oldest.map(|as_of| as_of.to_string()).unwrap_or_default() },
                result: report,
            },
        }
    }
}

pub(super) fn run(arguments: &Arguments, limits: &Limits, console: Console) -> Result<Exit, Failure> {
    let now = settings::now(&arguments.instant);
    let access = place::access(&arguments.reading.network, limits)?;
    let database = Database::open(&settings::database_folder(&arguments.db)?)?;
    let layers = layers(limits);
    let mut results = Vec::new();
    for text in &arguments.subjects {
        let opened = open(&Subject::parse(text)?, &access)?;
        for image in platforms::chosen(&opened, &arguments.reading, console)? {
            let inventory = inventory(&opened, image, &layers, &Bar::new(console))?;
            let scan = scan(&inventory, &database, &ScanSettings::at(now))?;
            results.push(Scanned {
                subject: text.clone(),
                manifest: image.map(|image| image.manifest.digest),
                platform: image.map(|image| image.platform.to_string()),
                layers: inventory.layers.clone(),
                scan,
            });
        }
    }
    if arguments.output == Format::Vuln && results.len() != 1 {
        let message = format!("got {} images, expected one: an attestation is about one", results.len());
        return Err(Failure::new(Kind::Usage, message).with_hint("scan and attest each image by its digest"));
    }
    let uncovered = results.iter().any(|result| !result.scan.gaps.is_empty());
    let file = arguments.reading.file.output_file.as_deref();
    match arguments.output {
        Format::Table => {
            let paint = Paint(file.is_none() && console.stdout_colors());
            output::emit(file, |out| {
                for (position, result) in results.iter().enumerate() {
                    if position > 0 {
                        writeln!(out)?;
                    }
                    let platform = result.platform.as_deref().map(|name| format!(", {}", safe(name)));
                    let manifest =
                        result.manifest.map(|digest| format!(" ({digest}{})", platform.unwrap_or_default()));
                    writeln!(out, "{}{}\n", safe(&result.subject), manifest.unwrap_or_default())?;
                    render::findings::write(&result.scan, &result.layers, now, paint, out)?;
                }
                Ok(())
            })?;
        }
        Format::Json => {
            output::emit_json(file, &Report { schema_version: SCAN_V1, scanned_at: now, results })?;
        }
        Format::Vuln => {
            let report = Report { schema_version: SCAN_V1, scanned_at: now, results };
            output::emit_json(file, &Predicate::of(report))?;
        }
        Format::Sarif => {
            let mut log = Log::default();
            for result in &results {
                let subject = match &result.platform {
                    Some(platform) if arguments.reading.all_platforms => {
                        &format!("{} ({platform})", result.subject)
                    }
                    _ => &result.subject,
                };
                log.scan(subject, &result.scan.findings);
            }
            output::emit_json(file, &log.finish())?;
        }
    }
    Ok(if uncovered { Exit::Kind(Kind::Indeterminate) } else { Exit::Done })
}
