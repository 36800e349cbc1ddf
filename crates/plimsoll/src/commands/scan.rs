//! `plimsoll scan`.

use std::borrow::Cow;

use plimsoll_core::text::shown;
use plimsoll_core::{Kind, quantity};
use plimsoll_gather::{Access, Layers, OpenedSubject, Subject, inventory, of_nothing, open};
use plimsoll_image::artifact::Image;
use plimsoll_image::layers::LayerDigests;
use plimsoll_vuln::{Database, Finding, scan, scan_until};

use crate::commands::catalogers::layers_without;
use crate::commands::platforms;
use crate::failure::{Exit, Failure};
use crate::output::{self, Console};
use crate::progress::Bar;
use crate::render;
use crate::render::sarif::Log;
use crate::report::check::ReportedError;
use crate::report::scan::{Predicate, Report, Scanned, Unscanned};
use crate::settings::scan::{Format, ScanSettings};

pub(super) fn run(settings: &ScanSettings, console: Console) -> Result<Exit, Failure> {
    let scanner = Scanner {
        settings,
        database: Database::open(&settings.database)?,
        layers: layers_without(&settings.without, &settings.access).with_digests(settings.digests),
        rules: plimsoll_vuln::ScanSettings {
            development: settings.development,
            ..plimsoll_vuln::ScanSettings::at(settings.now)
        },
        console,
    };
    let (mut results, mut errors) = (Vec::new(), Vec::new());
    let mut exit = scanner.facts()?;
    for text in &settings.subjects {
        // A subject that cannot be scanned does not affect the others.
        let failed = scanner.subject(text, &mut results).unwrap_or_else(|failure| vec![(None, failure)]);
        for (platform, failure) in failed {
            console.report(&failure.clone().of_one(text, &settings.subjects));
            exit = exit.and(Exit::Kind(failure.kind()));
            errors.push(Unscanned { subject: text.clone(), platform, error: ReportedError::from(&failure) });
        }
    }
    if settings.format == Format::Vuln {
        if !errors.is_empty() {
            return Ok(exit);
        }
        if results.len() != 1 {
            let message = format!("got {} images, expected one: an attestation is about one", results.len());
            return Err(
                Failure::new(Kind::Usage, message).with_hint("scan and attest each image by its digest")
            );
        }
    }
    if results.iter().any(|result| !result.scan.gaps.is_empty()) {
        exit = exit.and(Exit::Kind(Kind::Indeterminate));
    }
    exit = exit.and(failed_on(settings, &results, console));
    // If nothing could be scanned, the table would be empty; the errors are reported anyway.
    if !results.is_empty() || settings.format != Format::Table {
        emit(Report::new(settings.now, results, errors), settings, console)?;
    }
    Ok(exit)
}

/// What all subjects share in a scan.
struct Scanner<'a> {
    settings: &'a ScanSettings,
    database: Database,
    layers: Layers,
    rules: plimsoll_vuln::ScanSettings,
    console: Console,
}

impl Scanner<'_> {
    /// Checks that the database has the facts that the thresholds need: without them, no finding could meet them.
    fn facts(&self) -> Result<Exit, Failure> {
        let mut exit = Exit::Done;
        for threshold in &self.settings.fail_on {
            for publisher in threshold.needs() {
                let Some(as_of) = self.database.overlays().and_then(|overlays| overlays.as_of(publisher))
                else {
                    let message = format!(
                        "`--fail-on {threshold}` needs {publisher}, which the database does not have"
                    );
                    return Err(Failure::new(Kind::NotFound, message)
                        .with_hint("`plimsoll db update --ecosystem CVE` fetches KEV and EPSS"));
                };
                let age = self.settings.now.duration_since(as_of);
                if age > self.rules.max_age {
                    let age = quantity::age(self.settings.now, as_of);
                    self.console.say(format_args!(
                        "`--fail-on {threshold}` cannot be decided: {publisher} is {age} old"
                    ));
                    exit = Exit::Kind(Kind::Indeterminate);
                }
            }
        }
        Ok(exit)
    }

    /// Scans the images of a subject, and adds the results to `results`. Returns the platforms whose image could not be
    /// scanned; they do not affect the others.
    fn subject(
        &self,
        text: &str,
        results: &mut Vec<Scanned>,
    ) -> Result<Vec<(Option<String>, Failure)>, Failure> {
        let Self { settings, database, rules, console, .. } = self;
        let subject = Subject::parse(text)?;
        let access = settings.access.for_one_subject();
        let opened = open(&subject, &access)?;
        if let Some(remark) = opened.remark() {
            console.say(format_args!("{subject}: {remark}"));
        }
        let mut failed = Vec::new();
        for image in platforms::chosen(&opened, &settings.platforms, &access.limits, *console)? {
            match self.image(text, &opened, image, &access) {
                Ok(scanned) => results.push(scanned),
                Err(failure) => {
                    let platform = image.map(|image| image.platform.to_string());
                    let failure = match &platform {
                        Some(platform) if settings.platforms.all => failure.of_part(shown(platform)),
                        _ => failure,
                    };
                    failed.push((platform, failure));
                }
            }
            // Without time, each of the others would fail for the same reason.
            if let Err(stopped) = access.cancel.check() {
                if failed.is_empty() {
                    return Err(stopped.into());
                }
                return Ok(failed);
            }
        }
        for absent in platforms::absent(&opened, &settings.platforms) {
            results.push(Scanned {
                subject: text.to_owned(),
                manifest: Some(absent.manifest.digest),
                platform: Some(absent.platform().to_string()),
                layers: Vec::new(),
                scan: scan(&of_nothing(absent), database, rules)?,
            });
        }
        Ok(failed)
    }

    fn image(
        &self,
        text: &str,
        opened: &OpenedSubject,
        image: Option<&Image>,
        access: &Access,
    ) -> Result<Scanned, Failure> {
        let inventory = inventory(opened, image, &self.layers, &Bar::new(self.console), &access.cancel)?;
        let inventory = match self.settings.digests {
            LayerDigests::Computed => inventory,
            // A caller that requests this accepts it.
            LayerDigests::Optional => Cow::Owned(inventory.into_owned().accepting_unhashed_layers()),
        };
        let scan = scan_until(&inventory, &self.database, &self.rules, &access.cancel)?;
        Ok(Scanned {
            subject: text.to_owned(),
            manifest: image.map(|image| image.manifest.digest),
            platform: image.map(|image| image.platform.to_string()),
            layers: inventory.layers.clone(),
            scan,
        })
    }
}

/// Reports the findings that meet a threshold, of those that count.
fn failed_on(settings: &ScanSettings, results: &[Scanned], console: Console) -> Exit {
    /// How many are listed.
    const NAMED: usize = 3;
    let mut exit = Exit::Done;
    for threshold in &settings.fail_on {
        let findings = results.iter().flat_map(|result| &result.scan.findings);
        let met: Vec<&Finding> = findings.filter(|finding| threshold.is_met_by(finding)).collect();
        if met.is_empty() {
            continue;
        }
        exit = Exit::Kind(Kind::Denied);
        let names = met.iter().take(NAMED).map(|it| format!("{} in {}", it.id, it.package));
        let more = if met.len() > NAMED { ", …" } else { "" };
        let names = names.collect::<Vec<_>>().join(", ");
        let count = quantity::count(met.len(), "finding");
        console.say(format_args!("failed on {threshold}: {count} ({}{more})", shown(&names)));
    }
    exit
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
            for unscanned in &report.errors {
                log.failure(&unscanned.subject, &unscanned.error.message);
            }
            output::emit_json(file, &log.finish())
        }
    }
}
