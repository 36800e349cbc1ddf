//! `plimsoll check`.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use plimsoll_core::quantity::count;
use plimsoll_core::{Digest, Kind};
use plimsoll_gather::Subject;
use plimsoll_judge::documents::signed_forms;
use plimsoll_judge::{Inputs, Judge, Judgement, Request, Ruleset, WaiverDocument};
use plimsoll_policy::{Decision, UnusedWaiver, VulnerabilityFacts, WhyUnused};
use plimsoll_vuln::{Database, Error as DatabaseError, Gap, ScanSettings};

use crate::commands::updating::Updater;
use crate::failure::{Exit, Failure};
use crate::output::{self, Console};
use crate::progress::Bar;
use crate::render;
use crate::render::sarif::Log;
use crate::render::verdict::Style;
use crate::report::check::Report;
use crate::settings::check::{CheckSettings, Format};

pub(super) fn run(settings: &CheckSettings, console: Console) -> Result<Exit, Failure> {
    let limits = &settings.access.limits;
    let updater = Updater::new(settings.updating.as_ref(), &settings.database, console);
    // Without a usable database there is still a verdict: the rule about vulnerabilities is unknown.
    let (database, missing) = match updater.open() {
        Ok((database, missing)) => (Ok(database), missing),
        Err(error) => (Err(error), None),
    };
    let updating = Updating { updater, missing: Cell::new(missing.is_some()) };
    let inputs = Inputs {
        rules: Arc::new(Ruleset::load(settings.policy.as_deref(), &settings.deny_lists, limits)?),
        waivers: Arc::new(WaiverDocument::load(&settings.waivers, limits)?),
        roots: Arc::clone(&settings.roots),
        database: Arc::new(database),
    };
    if settings.policy.is_none() && settings.format == Format::Table {
        console.say("no --policy, so the built-in one applies; `plimsoll policy example` prints one to edit");
    }
    inputs.rules.ignored.iter().for_each(|ignored| console.warn(ignored));
    WaiverDocument::edited(&inputs.waivers).for_each(|edited| console.warn(edited));
    warn_of_unnamed(&settings.waivers, console);
    let judge = Judge::new(settings.access.clone(), inputs);

    let mut exit = Exit::Done;
    let mut results = Vec::new();
    for subject in &settings.subjects {
        let result = judged(subject, settings, &judge, &updating, console);
        exit = exit.and(match &result {
            Ok(judgement) => match judgement.verdict.decision {
                Decision::Allow => Exit::Done,
                Decision::Indeterminate => Exit::Kind(Kind::Indeterminate),
                Decision::Deny => Exit::Kind(Kind::Denied),
            },
            Err(failure) => {
                console.report(&failure.clone().of_one(subject, &settings.subjects));
                Exit::Kind(failure.kind())
            }
        });
        results.push((subject.as_str(), result));
    }
    write(&Report::new(&results, settings.explain), settings, console)?;
    warn_of_unused(results.iter().filter_map(|(_, result)| result.as_ref().ok()), console);
    Ok(exit)
}

/// Warns about signatures beside the waivers that were named. Only what was named counts, and whoever names the document may not
/// know that its signatures are in other files.
fn warn_of_unnamed(waivers: &[PathBuf], console: Console) {
    for file in waivers.iter().filter(|path| !path.is_dir()) {
        if let Some(form) = signed_forms(file).iter().find(|form| !waivers.contains(form)) {
            console.warn(format_args!("{} signs {}, and was not named", form.display(), file.display()));
        }
    }
}

/// How many waivers for other images are named. A folder may contain those of a whole organisation.
const NAMED: usize = 3;

/// Warns about waivers that no subject needed.
fn warn_of_unused<'a>(judgements: impl Iterator<Item = &'a Judgement>, console: Console) {
    let mut unused: BTreeMap<Digest, (usize, &UnusedWaiver)> = BTreeMap::new();
    let mut subjects = 0;
    for judgement in judgements {
        subjects += 1;
        for waiver in &judgement.unused_waivers {
            let (times, known) = unused.entry(waiver.content).or_insert((0, waiver));
            *times += 1;
            // What it lacks for its own image is more useful than that it is not for the others.
            if known.why == WhyUnused::OtherSubject {
                *known = waiver;
            }
        }
    }
    let of_no_use = unused.into_values().filter(|(times, _)| *times == subjects).map(|(_, waiver)| waiver);
    let (elsewhere, here): (Vec<_>, Vec<_>) =
        of_no_use.partition(|waiver| waiver.why == WhyUnused::OtherSubject);
    here.iter().chain(elsewhere.iter().take(NAMED)).for_each(|waiver| console.warn(waiver));
    if let Some(rest) = elsewhere.len().checked_sub(NAMED).filter(|rest| *rest > 0) {
        console.warn(format_args!("{} for other images as well", count(rest, "more waiver")));
    }
}

/// How the database is updated when a subject needs more of it.
struct Updating<'a> {
    updater: Updater<'a>,
    /// Whether there was no database at the start, and nothing has brought one since.
    missing: Cell<bool>,
}

impl Updating<'_> {
    /// The database to judge by at first. Where there is none, one that covers nothing shows what is needed.
    fn before(&self, judge: &Judge) {
        if self.missing.get() {
            judge.replace(|inputs| Inputs { database: Arc::new(Ok(Database::empty())), ..inputs });
        }
    }

    /// The database to judge by once more, if an update brought something, or if there is none and nothing can be fetched.
    fn after(
        &self,
        judgement: &Judgement,
        settings: &CheckSettings,
    ) -> Result<Option<Result<Database, DatabaseError>>, Failure> {
        let scans = judgement.evidence.iter().filter_map(|evidence| match &evidence.vulnerabilities {
            VulnerabilityFacts::Scanned(scan) => Some(scan),
            VulnerabilityFacts::Unavailable { .. } => None,
        });
        let gaps: Vec<Gap> = scans.flat_map(|scan| scan.gaps.iter().cloned()).collect();
        let max_age = judgement.max_database_age.unwrap_or(ScanSettings::at(settings.now).max_age);
        let brought = if judgement.needs_signed_database {
            self.updater.decline(&gaps, "a policy names who may sign it, and nobody signs what is fetched");
            None
        } else {
            self.updater.for_gaps(&gaps, settings.now, max_age)?
        };
        let missing = self.missing.replace(false);
        Ok(match brought {
            Some(database) => Some(Ok(database)),
            None if missing => {
                // It says why there is none.
                let opened = Database::open(&settings.database);
                self.missing.set(opened.is_err());
                Some(opened)
            }
            None => None,
        })
    }
}

fn judged(
    subject: &str,
    settings: &CheckSettings,
    judge: &Judge,
    updating: &Updating<'_>,
    console: Console,
) -> Result<Judgement, Failure> {
    let evidence_repository = settings.evidence_repository.reference(&Subject::parse(subject)?)?;
    let judge_again = || {
        let request = Request {
            subject: subject.to_owned(),
            platform: settings.platform.clone(),
            evidence_repository: evidence_repository.clone(),
            now: settings.now,
            // An update has a time limit of its own.
            cancel: settings.access.for_one_subject().cancel,
        };
        judge.judge(&request, &Bar::new(console))
    };
    updating.before(judge);
    let mut judgement = judge_again()?;
    // More data cannot undo what a rule blocks for, and other data must not.
    if judgement.verdict.decision != Decision::Deny
        && let Some(database) = updating.after(&judgement, settings)?
    {
        judge.replace(|inputs| Inputs { database: Arc::new(database), ..inputs });
        judgement = judge_again()?;
    }
    for refused in &judgement.refused_waivers {
        console.warn(refused);
    }
    if let Some(remark) = &judgement.remark {
        console.say(remark);
    }
    Ok(judgement)
}

fn write(report: &Report<'_>, settings: &CheckSettings, console: Console) -> Result<(), Failure> {
    let file = settings.file.as_deref();
    match settings.format {
        Format::Table => {
            let style = Style { page: console.page(file), explain: settings.explain };
            output::emit(file, |out| render::verdict::write_all(report, style, out))
        }
        Format::Json => output::emit_json(file, report),
        Format::Sarif => {
            let mut log = Log::default();
            for entry in &report.results {
                if let Some(verdict) = entry.verdict {
                    log.verdict(verdict);
                }
                if let Some(error) = &entry.error {
                    log.failure(entry.subject, &error.message);
                }
            }
            output::emit_json(file, &log.finish())
        }
    }
}
