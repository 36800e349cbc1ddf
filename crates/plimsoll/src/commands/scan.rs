//! `plimsoll scan`.

mod fleet;

use std::borrow::Cow;
use std::path::PathBuf;

use plimsoll_core::text::shown;
use plimsoll_core::{Kind, quantity};
use plimsoll_feeds::Wanted;
use plimsoll_gather::{Access, Layers, OpenedSubject, Subject, inventory, of_nothing, open, scanned_image};
use plimsoll_image::artifact::Image;
use plimsoll_image::layers::LayerDigests;
use plimsoll_judge::vex::VexFiles;
use plimsoll_vuln::Threshold;
use plimsoll_vuln::ignore::Rules;
use plimsoll_vuln::vex::{Scene, Statements};

use crate::commands::catalogers::layers_without;
use crate::commands::platforms;
use crate::commands::updating::Advisories;
use crate::failure::{Exit, Failure};
use crate::output::{self, Console};
use crate::progress::Bar;
use crate::render;
use crate::render::sarif::Log;
use crate::report::check::ReportedError;
use crate::report::scan::{Predicate, Report, Scanned, Unscanned};
use crate::settings::scan::{Format, ScanSettings};
use fleet::Done;

pub(super) fn run(settings: &ScanSettings, console: Console) -> Result<Exit, Failure> {
    let scanner = Scanner {
        settings,
        statements: statements(settings, console)?,
        ignored: ignore_rules(settings)?,
        advisories: Advisories::open(settings.updating.as_ref(), &settings.database, console)?,
        layers: layers_without(&settings.without, &settings.access).with_digests(settings.digests),
        rules: plimsoll_vuln::ScanSettings {
            development: settings.development,
            ..plimsoll_vuln::ScanSettings::at(settings.now)
        },
        console,
    };
    let mut tally = Tally::new(settings, scanner.facts()?, console);
    let items = fleet::items(settings, console)?;
    tally.several = items.len() > 1;
    if settings.format == Format::JsonLines {
        output::emit(settings.file.as_deref(), |out| {
            fleet::each(&scanner, &items, |done| {
                let (results, errors) = tally.count(done);
                output::json_line(out, &Report::new(settings.now, results, errors))
            })
        })?;
        return Ok(tally.exit());
    }
    let (mut results, mut errors) = (Vec::new(), Vec::new());
    let all = fleet::each(&scanner, &items, |done| {
        let (scanned, unscanned) = tally.count(done);
        results.extend(scanned);
        errors.extend(unscanned);
        Ok(())
    });
    all.map_err(|error| Failure::new(Kind::Failed, error.to_string()))?;
    if settings.format == Format::Vuln {
        if !errors.is_empty() {
            return Ok(tally.exit);
        }
        if results.len() != 1 {
            let message = format!("got {} images, expected one: an attestation is about one", results.len());
            return Err(
                Failure::new(Kind::Usage, message).with_hint("scan and attest each image by its digest")
            );
        }
    }
    let exit = tally.exit();
    // If nothing could be scanned, the table would be empty; the errors are reported anyway.
    if !results.is_empty() || settings.format != Format::Table {
        emit(Report::new(settings.now, results, errors), settings, console)?;
    }
    Ok(exit)
}

/// What all subjects share in a scan.
struct Scanner<'a> {
    settings: &'a ScanSettings,
    /// What VEX documents say.
    statements: Statements,
    /// What does not count here.
    ignored: Rules,
    advisories: Advisories<'a>,
    layers: Layers,
    rules: plimsoll_vuln::ScanSettings,
    console: Console,
}

impl Scanner<'_> {
    /// Checks that the database has the facts that the thresholds need: without them, no finding could meet them.
    fn facts(&self) -> Result<Exit, Failure> {
        let mut exit = Exit::Done;
        if self.settings.fail_on.iter().any(|threshold| threshold.needs().next().is_some()) {
            self.advisories.with(&Wanted::Cves, &self.rules)?;
        }
        let database = self.advisories.get();
        for threshold in &self.settings.fail_on {
            for publisher in threshold.needs() {
                let Some(as_of) = database.overlays().and_then(|overlays| overlays.as_of(publisher)) else {
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
        let Self { settings, console, .. } = self;
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
                scan: self.advisories.scan(&of_nothing(absent), &self.rules, &access.cancel)?,
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
        let mut scan = self.advisories.scan(&inventory, &self.rules, &access.cancel)?;
        let scene = Scene {
            image: &scanned_image(opened, image, &inventory),
            inventory: Some(inventory.as_ref()),
            now: self.settings.now,
        };
        self.statements.settle(&mut scan, &scene)?;
        self.ignored.apply(&mut scan, self.settings.now);
        Ok(Scanned {
            subject: text.to_owned(),
            manifest: image.map(|image| image.manifest.digest),
            platform: image.map(|image| image.platform.to_string()),
            layers: inventory.layers.clone(),
            scan,
        })
    }
}

/// What the VEX documents say that the user names.
fn statements(settings: &ScanSettings, console: Console) -> Result<Statements, Failure> {
    let VexFiles { documents, others } = VexFiles::load(&settings.vex, &settings.access.limits)?;
    if let Some(first) = others.first() {
        let files = quantity::count(others.len(), "file");
        let first = first.display().to_string();
        console.say(format_args!("{files} among the VEX documents are something else: {}, …", shown(&first)));
    }
    Ok(Statements::new(documents))
}

/// The rules in the files that the user names.
fn ignore_rules(settings: &ScanSettings) -> Result<Rules, Failure> {
    let limit = settings.access.limits.document_bytes;
    let read = |path: &PathBuf| {
        let bytes = plimsoll_files::read(path, limit, "document_bytes")?;
        Ok::<_, Failure>(plimsoll_vuln::ignore::read(&bytes, path)?)
    };
    settings.ignore_files.iter().map(read).collect::<Result<_, _>>().map(Rules::new)
}

/// What the results so far mean for the exit code.
struct Tally<'a> {
    exit: Exit,
    console: Console,
    /// Whether a failure has to name its subject.
    several: bool,
    /// What must not be, how many findings are like that, and the first of them.
    met: Vec<(&'a Threshold, usize, Vec<String>)>,
}

impl<'a> Tally<'a> {
    /// So many findings are named for each threshold.
    const NAMED: usize = 3;

    fn new(settings: &'a ScanSettings, exit: Exit, console: Console) -> Self {
        let met = settings.fail_on.iter().map(|threshold| (threshold, 0, Vec::new())).collect();
        Self { exit, console, several: false, met }
    }

    /// Counts what came of a subject, and reports what could not be scanned.
    fn count(&mut self, done: Done) -> (Vec<Scanned>, Vec<Unscanned>) {
        let Done { text, results, failed } = done;
        let mut errors = Vec::with_capacity(failed.len());
        for (platform, failure) in failed {
            self.console.report(&failure.clone().of_one_of(&text, self.several));
            self.exit = self.exit.and(Exit::Kind(failure.kind()));
            errors.push(Unscanned { subject: text.clone(), platform, error: ReportedError::from(&failure) });
        }
        for Scanned { scan, .. } in &results {
            if !scan.gaps.is_empty() {
                self.exit = self.exit.and(Exit::Kind(Kind::Indeterminate));
            }
            for (threshold, count, names) in &mut self.met {
                for finding in scan.findings.iter().filter(|finding| threshold.is_met_by(finding)) {
                    *count += 1;
                    if names.len() < Self::NAMED {
                        names.push(format!("{} in {}", finding.id, finding.package));
                    }
                }
            }
        }
        (results, errors)
    }

    /// The exit code. Says which findings must not be, of those that count.
    fn exit(&self) -> Exit {
        let mut exit = self.exit;
        for (threshold, count, names) in self.met.iter().filter(|(_, count, _)| *count > 0) {
            exit = exit.and(Exit::Kind(Kind::Denied));
            let more = if *count > names.len() { ", …" } else { "" };
            let (names, count) = (names.join(", "), quantity::count(*count, "finding"));
            self.console.say(format_args!("failed on {threshold}: {count} ({}{more})", shown(&names)));
        }
        exit
    }
}

fn emit(report: Report, settings: &ScanSettings, console: Console) -> Result<(), Failure> {
    let file = settings.file.as_deref();
    match settings.format {
        Format::Table => {
            let page = console.page(file);
            output::emit(file, |out| render::findings::write_all(&report, page, out))
        }
        Format::Json | Format::JsonLines => output::emit_json(file, &report),
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
