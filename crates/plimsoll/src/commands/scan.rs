//! `plimsoll scan`.

use plimsoll_core::Kind;
use plimsoll_gather::{Subject, inventory, layers, of_nothing, open};
use plimsoll_vuln::{Database, scan};

use crate::commands::platforms;
use crate::failure::{Exit, Failure};
use crate::output::{self, Console};
use crate::progress::Bar;
use crate::render;
use crate::render::sarif::Log;
use crate::report::scan::{Predicate, Report, Scanned};
use crate::settings::scan::{Format, ScanSettings};

pub(super) fn run(settings: &ScanSettings, console: Console) -> Result<Exit, Failure> {
    let results = scan_all(settings, console)?;
    if settings.format == Format::Vuln && results.len() != 1 {
        let message = format!("got {} images, expected one: an attestation is about one", results.len());
        return Err(Failure::new(Kind::Usage, message).with_hint("scan and attest each image by its digest"));
    }
    let uncovered = results.iter().any(|result| !result.scan.gaps.is_empty());
    emit(Report::new(settings.now, results), settings, console)?;
    Ok(if uncovered { Exit::Kind(Kind::Indeterminate) } else { Exit::Done })
}

fn scan_all(settings: &ScanSettings, console: Console) -> Result<Vec<Scanned>, Failure> {
    let database = Database::open(&settings.database)?;
    let layers = layers(&settings.access.limits);
    let freshness = plimsoll_vuln::ScanSettings::at(settings.now);
    let mut results = Vec::new();
    for text in &settings.subjects {
        let subject = Subject::parse(text)?;
        let opened = open(&subject, &settings.access)?;
        if let Some(remark) = opened.remark() {
            console.say(format_args!("{subject}: {remark}"));
        }
        for image in platforms::chosen(&opened, &settings.platforms, console)? {
            let inventory = inventory(&opened, image, &layers, &Bar::new(console))?;
            let scan = scan(&inventory, &database, &freshness)?;
            results.push(Scanned {
                subject: text.clone(),
                manifest: image.map(|image| image.manifest.digest),
                platform: image.map(|image| image.platform.to_string()),
                layers: inventory.layers.clone(),
                scan,
            });
        }
        for absent in platforms::absent(&opened, &settings.platforms) {
            results.push(Scanned {
                subject: text.clone(),
                manifest: Some(absent.manifest.digest),
                platform: Some(absent.platform().to_string()),
                layers: Vec::new(),
                scan: scan(&of_nothing(absent), &database, &freshness)?,
            });
        }
    }
    Ok(results)
}

fn emit(report: Report, settings: &ScanSettings, console: Console) -> Result<(), Failure> {
    let file = settings.file.as_deref();
    match settings.format {
        Format::Table => {
            let page = console.page(file);
            output::emit(file, |out| render::findings::write_all(&report, page, out))
        }
        Format::Json => output::emit_json(file, &report),
        Format::Vuln => output::emit_json(file, &Predicate::from(report)),
        Format::Sarif => {
            let mut log = Log::default();
            for result in &report.results {
                let subject = match &result.platform {
                    Some(platform) if settings.platforms.all => &format!("{} ({platform})", result.subject),
                    _ => &result.subject,
                };
                log.scan(subject, &result.scan);
            }
            output::emit_json(file, &log.finish())
        }
    }
}
