//! `plimsoll scan`.

mod explain;
mod fleet;
mod newer_base;

use std::borrow::Cow;
use std::path::PathBuf;

use plimsoll_core::text::shown;
use plimsoll_core::{Kind, quantity};
use plimsoll_feeds::Wanted;
use plimsoll_gather::{
    Access, Layers, OpenedSubject, Subject, attached_vex, inventory, of_nothing, open, scanned_image,
};
use plimsoll_image::artifact::Image;
use plimsoll_image::layers::LayerDigests;
use plimsoll_judge::vex::VexFiles;
use plimsoll_sbom::Inventory;
use plimsoll_vuln::ignore::Rules;
use plimsoll_vuln::vex::{Document, Scene, Statements};
use plimsoll_vuln::{Threshold, upgrades};

use crate::commands::catalogers::layers_without;
use crate::commands::platforms;
use crate::commands::sbom::base;
use crate::commands::updating::Advisories;
use crate::failure::{Exit, Failure};
use crate::output::{self, Console};
use crate::progress::Bar;
use crate::render::scan::{Compared, Style};
use crate::report::baseline::State;
use crate::report::explanation::Explanation;
use crate::report::scan::{Report, Scanned};
use crate::report::unscanned::{ReportedError, Unscanned};
use crate::settings::scan::{Output, ScanSettings};
use fleet::Done;
use newer_base::Newer;

pub(super) fn run(settings: &ScanSettings, console: Console) -> Result<Exit, Failure> {
    let mut items = fleet::items(settings, console)?;
    let advisories =
        Advisories::open(settings.updating.as_ref(), &settings.database, console).map_err(|no_database| {
            // Nobody should fetch a database to learn that the name of the only subject means nothing.
            match &mut items[..] {
                [only] => only.refused.take().unwrap_or(no_database),
                _ => no_database,
            }
        })?;
    let scanner = Scanner {
        settings,
        statements: statements(settings, console)?,
        ignored: ignore_rules(settings)?,
        advisories,
        layers: layers_without(&settings.without, &settings.access).with_digests(settings.digests),
        rules: plimsoll_vuln::ScanSettings {
            development: settings.development,
            ..plimsoll_vuln::ScanSettings::at(settings.now)
        },
        newer: settings.newer_base.as_deref().map(Newer::new),
        console,
    };
    let mut tally = Tally::new(settings, scanner.facts()?, console);
    tally.several = items.len() > 1;
    if settings.format().is_streamed() {
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
        let (more, failed) = tally.count(done);
        results.extend(more);
        errors.extend(failed);
        Ok(())
    });
    all.map_err(|error| Failure::new(Kind::Failed, error.to_string()))?;
    if let Output::Explanation { as_json, .. } = settings.output {
        // A gap of the scan is told where it may hide what was asked for, and nowhere else.
        let is_open = results.iter().flat_map(|result| &result.explained).any(Explanation::is_open);
        let exit = if is_open { tally.exit.and(Exit::Kind(Kind::Indeterminate)) } else { tally.exit };
        explain::emit(results, errors, as_json, settings, console)?;
        return Ok(exit);
    }
    if let Some(document) = settings.format().about_one() {
        if !errors.is_empty() {
            return Ok(tally.exit);
        }
        if results.len() != 1 {
            let message = format!("got {} images, expected one: {document} is about one", results.len());
            return Err(Failure::new(Kind::Usage, message).with_hint("scan each image by its digest"));
        }
    }
    let exit = tally.exit();
    // If nothing could be scanned, the table would be empty; the errors are reported anyway.
    if !results.is_empty() || !settings.is_table() {
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
    /// What the images could be built on.
    newer: Option<Newer<'a>>,
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
                base: None,
                scan: self.advisories.scan(&of_nothing(absent), &self.rules, &access.cancel)?,
                upgrades: Vec::new(),
                changes: None,
                newer_base: None,
                explained: Vec::new(),
                is_one_of_several: settings.platforms.all,
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
        let inventory: Cow<'_, Inventory> = match self.settings.digests {
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
        match self.attached(text, opened, image, access)? {
            more if more.is_empty() => self.statements.settle(&mut scan, &scene)?,
            more => self.statements.with(more).settle(&mut scan, &scene)?,
        }
        self.ignored.apply(&mut scan, self.settings.now);
        let database = self.advisories.get();
        let upgrades = upgrades(&inventory, &database, &self.rules, &scan.findings, &access.cancel)?;
        let mut scanned = Scanned {
            subject: text.to_owned(),
            manifest: image.map(|image| image.manifest.digest),
            platform: image.map(|image| image.platform.to_string()),
            layers: inventory.layers.clone(),
            base: image.and_then(base::claimed),
            scan,
            upgrades,
            changes: None,
            newer_base: None,
            explained: Vec::new(),
            is_one_of_several: self.settings.platforms.all,
        };
        if let Some(newer) = &self.newer {
            let platform = image.map(|image| &image.platform);
            scanned.newer_base = Some(newer.compare(self, &scanned, platform)?);
        }
        if let Output::Explanation { ids, .. } = &self.settings.output {
            scanned.explained = explain::all(self, &scanned, &inventory, ids, access)?;
        }
        Ok(self.compared(scanned))
    }

    /// The result with what changed since the earlier one, if there is one to compare with.
    fn compared(&self, mut scanned: Scanned) -> Scanned {
        let Some(baseline) = &self.settings.baseline else { return scanned };
        let changes = baseline.compare(&scanned.subject, scanned.platform.as_deref(), &scanned.scan);
        for note in changes.notes() {
            self.console.warn(format_args!("{}: {note}", scanned.name()));
        }
        scanned.changes = Some(changes);
        scanned
    }
}

impl Scanner<'_> {
    /// The VEX documents that are attached to an image, by a signer whom the user names.
    fn attached(
        &self,
        text: &str,
        opened: &OpenedSubject,
        image: Option<&Image>,
        access: &Access,
    ) -> Result<Vec<Document>, Failure> {
        let signers = self.settings.vex_signers.as_ref();
        let (OpenedSubject::Image { source, .. }, Some(image), Some(signers)) = (opened, image, signers)
        else {
            return Ok(Vec::new());
        };
        let check = signers.check(self.settings.now);
        let found = attached_vex(source.as_ref(), &image.manifest.digest, &check, &access.limits)?;
        for refused in &found.refused {
            self.console.say(format_args!("{}: {}", shown(text), shown(refused)));
        }
        Ok(found.documents)
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
    /// Whether gaps and findings decide the exit code.
    counts: bool,
    /// What must not be, how many findings are like that, and the first of them.
    met: Vec<(&'a Threshold, usize, Vec<String>)>,
}

impl<'a> Tally<'a> {
    /// So many findings are named for each threshold.
    const NAMED: usize = 3;

    fn new(settings: &'a ScanSettings, exit: Exit, console: Console) -> Self {
        let met = settings.fail_on.iter().map(|threshold| (threshold, 0, Vec::new())).collect();
        let counts = matches!(settings.output, Output::Result(_));
        Self { exit, console, several: false, counts, met }
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
        // An explanation counts nothing.
        let counted = if self.counts { results.as_slice() } else { &[] };
        for Scanned { scan, changes, .. } in counted {
            if !scan.gaps.is_empty() {
                self.exit = self.exit.and(Exit::Kind(Kind::Indeterminate));
            }
            for (threshold, count, names) in &mut self.met {
                // Compared with an earlier result, only what is new or worse counts, or meets the threshold for the first time.
                let counts =
                    |index: usize| changes.as_ref().is_none_or(|changes| changes.counts(index, threshold));
                let findings = scan.findings.iter().enumerate().filter(|(index, _)| counts(*index));
                for (_, finding) in findings.filter(|(_, finding)| threshold.is_met_by(*finding)) {
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

fn emit(mut report: Report, settings: &ScanSettings, console: Console) -> Result<(), Failure> {
    let (file, format) = (settings.file.as_deref(), settings.format());
    if format.compared() == Compared::OnlyChanges {
        report.results.iter_mut().for_each(only_changes);
    }
    let style = Style { page: console.page(file), template: settings.template.as_ref() };
    if let Some(why) = format.refuses(&report, &style) {
        return Err(Failure::new(Kind::Failed, why));
    }
    output::emit(file, |out| format.write(&report, &style, out))
}

/// Leaves out the findings that an earlier result has as well.
fn only_changes(result: &mut Scanned) {
    let Some(changes) = &result.changes else { return };
    let mut index = 0;
    result.scan.findings.retain(|_| {
        index += 1;
        changes.state(index - 1) != State::Unchanged
    });
}
