//! `plimsoll waiver new|sign|show`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use plimsoll_core::text::shown;
use plimsoll_core::{Digest, Kind, Limits, Timestamp};
use plimsoll_judge::documents::{self, is_bundle, waiver_files};
use plimsoll_judge::{Roots, Ruleset};
use plimsoll_policy::{
    Error as PolicyError, Policy, SignatureClaim, Waiver as Document, WaiverDraft, WaiverReport,
    WaiverReports, WaiverStanding,
};
use plimsoll_signing::Content;
use plimsoll_verify::Bundle;

use crate::commands::signer::Signing;
use crate::failure::{Exit, Failure};
use crate::output::{self, Console};
use crate::render;
use crate::settings::Format;
use crate::settings::waiver::{NewSettings, ShowSettings, SignSettings, WaiverSettings};

pub(super) fn run(settings: &WaiverSettings<'_>, console: Console) -> Result<Exit, Failure> {
    match settings {
        WaiverSettings::New(settings) => new(settings, console),
        WaiverSettings::Sign(settings) => sign(settings, console),
        WaiverSettings::Show(settings) => show(settings, console),
    }
}

fn new(settings: &NewSettings, console: Console) -> Result<Exit, Failure> {
    let mut draft = settings.draft.clone();
    for path in &settings.ignore_files {
        accept_ignored(path, settings, &mut draft, console)?;
    }
    let (text, waiver) = draft.write()?;
    let file = settings.file.as_deref();
    output::emit_new(file, settings.force, text.as_bytes())?;
    if let Some(file) = file {
        let (name, expires) = (waiver.name(), settings.draft.expires);
        console.say(format_args!("wrote waiver {name} until {expires}: {}", file.display()));
        console.say(format_args!(
            "it counts when an approver has signed it: plimsoll waiver sign {}",
            file.display()
        ));
    }
    Ok(Exit::Done)
}

/// Adds the vulnerabilities that rules ignore. A waiver accepts a vulnerability wherever it is, so a rule about a package or a path
/// would become wider; and one that ends earlier would become longer.
fn accept_ignored(
    path: &Path,
    settings: &NewSettings,
    draft: &mut WaiverDraft,
    console: Console,
) -> Result<(), Failure> {
    let bytes = plimsoll_files::read(path, settings.document_bytes, "document_bytes")?;
    let file = plimsoll_vuln::ignore::read(&bytes, path)?;
    let left_out = |place: &str, why: &str| {
        console.warn(format_args!("{}: {}: left out: {why}", path.display(), shown(place)));
    };
    for reason in &file.reasons {
        left_out(reason, "it cannot be carried over");
    }
    for rule in &file.rules {
        if !rule.is_in_force(draft.issued) {
            left_out(&rule.place, "it has ended");
        } else if !rule.is_of_vulnerability_alone() {
            left_out(
                &rule.place,
                "it is about a package, a path or a state, and a waiver would be about all of them",
            );
        } else if let Some(until) = rule.until.filter(|until| *until < draft.expires) {
            let message = format!("{}: {} ends at {until}, before the waiver", path.display(), rule.place);
            return Err(
                Failure::new(Kind::Usage, message).with_hint(format!("--expires {until}, or earlier"))
            );
        } else {
            let new = rule.ids.iter().filter(|id| !draft.cves.contains(id)).cloned().collect::<Vec<_>>();
            draft.cves.extend(new);
        }
    }
    Ok(())
}

/// Adds a signature. Those of other approvers stay, and so do those of an earlier text, which are reported.
fn sign(settings: &SignSettings<'_>, console: Console) -> Result<Exit, Failure> {
    let (path, limits, force) = (&settings.waiver, settings.limits, settings.signing.force);
    let waiver = document(path, limits)?;
    output::is_free(settings.bundle.as_deref(), force)?;
    let statement = plimsoll_signing::waiver::statement(waiver.document())?;
    let known = signed_forms(path, console, limits);
    let signing = Signing::open(&settings.signing, console)?;
    let bundle = signing.sign(Content::Statement(&statement), limits)?;
    let (ours, stale): (Vec<&Found>, Vec<&Found>) =
        known.iter().partition(|found| found.waiver.content() == waiver.content());
    let claimed = signer(&bundle, limits);
    let same = |found: &&&Found| found.claim(limits).map(|claim| claim.signer) == claimed;
    if let (Some(found), None, false) = (ours.iter().find(same), &settings.bundle, force) {
        let (name, who) = (waiver.name(), signing.describe());
        console.say(format_args!(
            "waiver {name} has this signature already, with {who}: {}",
            found.path.display()
        ));
        return Ok(Exit::Done);
    }
    let target = match &settings.bundle {
        Some(path) => path.clone(),
        None if force => documents::beside(path),
        None => documents::next_signed_form(path).ok_or_else(|| {
            Failure::new(Kind::Conflict, format!("{} has too many signatures", path.display()))
                .with_hint("name a file with --output-file")
        })?,
    };
    output::emit_new(Some(&target), force, &bundle)?;
    console.say(format_args!(
        "signed waiver {} until {} with {}; wrote {}",
        waiver.name(),
        waiver.expires(),
        signing.describe(),
        target.display()
    ));
    for found in stale.iter().filter(|found| found.path != target) {
        console.warn(format_args!(
            "{} was signed before {} was edited, and contains the earlier text",
            found.path.display(),
            path.display()
        ));
    }
    let others = ours.iter().filter(|found| found.path != target).count();
    if others > 0 {
        console.say(format_args!("it has {} now", plimsoll_core::quantity::count(others + 1, "signature")));
    }
    Ok(Exit::Done)
}

/// The readable signatures next to a document. For unreadable ones a warning is enough, because they are not changed.
fn signed_forms(path: &Path, console: Console, limits: &Limits) -> Vec<Found> {
    let forms = documents::signed_forms(path).into_iter();
    let read = forms.map(|form| read(form, limits));
    read.filter_map(|found| found.map_err(|failure| console.warn(failure)).ok()).collect()
}

/// The waiver in a document that may be unsigned.
fn document(path: &Path, limits: &Limits) -> Result<Document, Failure> {
    let bytes = documents::read(path, limits)?;
    documents::fits(&bytes, path, limits)?;
    Ok(Document::from_unsigned(&bytes, &path.display().to_string())?)
}

/// A file with a waiver, read without verifying it.
struct Found {
    path: PathBuf,
    waiver: Document,
    /// The bundle, for a signed one.
    bundle: Option<Vec<u8>>,
}

fn show(settings: &ShowSettings<'_>, console: Console) -> Result<Exit, Failure> {
    let (now, limits) = (settings.now, settings.limits);
    let (mut by_content, mut exit): (BTreeMap<Digest, Vec<Found>>, Exit) = (BTreeMap::new(), Exit::Done);
    let (files, failures) = files(&settings.waivers);
    let mut failed = |failure: Failure| {
        console.report(&failure);
        exit = exit.and(Exit::Kind(failure.kind()));
    };
    failures.into_iter().for_each(&mut failed);
    for file in files {
        // An unreadable file does not affect the others.
        match read(file, limits) {
            Ok(found) => by_content.entry(found.waiver.content()).or_default().push(found),
            Err(failure) => failed(failure),
        }
    }
    let rules = settings.policy.as_deref().map(|path| Ruleset::load(Some(path), &[], limits)).transpose()?;
    let policies = || rules.iter().flat_map(|rules| rules.policies.policies());
    let mut reports = Vec::new();
    for files in by_content.values() {
        let Some(first) = files.first() else { continue };
        let mut report: WaiverReport = first.waiver.report(now);
        report.files = files.iter().map(|found| found.path.display().to_string()).collect();
        report.signed_before_edit = signed_before_edit(files, &by_content);
        report.claims = files.iter().filter_map(|found| found.claim(limits)).collect();
        report.standings =
            policies().map(|policy| standing(files, policy, &settings.roots, now, limits)).collect();
        reports.push(report);
    }
    reports.sort_by(|a, b| (&a.name, a.content).cmp(&(&b.name, b.content)));
    let all_count = reports.iter().flat_map(|report| &report.standings).all(|standing| standing.counts);
    let reports = WaiverReports::new(now, reports);
    let file = settings.file.as_deref();
    match settings.format {
        Format::Json => output::emit_json(file, &reports)?,
        Format::Table => {
            let paint = console.page(file).paint;
            output::emit(file, |out| render::waiver::write(&reports, paint, out))?;
        }
    }
    Ok(if all_count { exit } else { exit.and(Exit::Kind(Kind::Denied)) })
}

/// The files behind `paths`, each once, with the signatures next to a document, and what could not be listed.
fn files(paths: &[PathBuf]) -> (Vec<PathBuf>, Vec<Failure>) {
    let (mut all, mut failures) = (BTreeSet::new(), Vec::new());
    for path in paths {
        match waiver_files(path) {
            Ok(files) => {
                let forms = files.iter().filter(|file| !is_bundle(&file.display().to_string()));
                all.extend(forms.flat_map(|file| documents::signed_forms(file)));
                all.extend(files);
            }
            Err(error) => failures.push(error.into()),
        }
    }
    (all.into_iter().collect(), failures)
}

/// The signatures next to these documents that are of another text.
fn signed_before_edit(files: &[Found], by_content: &BTreeMap<Digest, Vec<Found>>) -> Vec<String> {
    let unsigned = files.iter().filter(|found| found.bundle.is_none());
    let beside: BTreeSet<PathBuf> = unsigned.flat_map(|found| documents::signed_forms(&found.path)).collect();
    let others = by_content.values().flatten().filter(|found| beside.contains(&found.path));
    let others = others.filter(|found| files.iter().all(|file| file.path != found.path));
    others.map(|found| found.path.display().to_string()).collect()
}

fn read(path: PathBuf, limits: &Limits) -> Result<Found, Failure> {
    let origin = path.display().to_string();
    if !is_bundle(&origin) {
        return Ok(Found { waiver: document(&path, limits)?, path, bundle: None });
    }
    let bytes = documents::read(&path, limits)?;
    documents::fits(&bytes, &path, limits)?;
    let waiver = Document::dangerous_from_unverified_bundle(&bytes, &origin, limits)?;
    Ok(Found { path, waiver, bundle: Some(bytes) })
}

impl Found {
    /// The signers that the file claims.
    fn claim(&self, limits: &Limits) -> Option<SignatureClaim> {
        let signer = signer(self.bundle.as_deref()?, limits)?;
        Some(SignatureClaim { file: self.path.display().to_string(), signer })
    }
}

/// The signer that a bundle claims; nothing is verified.
fn signer(bundle: &[u8], limits: &Limits) -> Option<String> {
    let bundle = Bundle::parse(bundle, limits).ok()?;
    let key = || bundle.claimed_key().map(|id| format!("key {id}"));
    let holder = bundle.claimed_holder().map(|holder| holder.to_string());
    Some(holder.or_else(key).unwrap_or_else(|| "a key without a name".to_owned()))
}

/// The status of a document under a policy, with its valid signatures.
fn standing(
    files: &[Found],
    policy: &Policy,
    roots: &Roots,
    now: Timestamp,
    limits: &Limits,
) -> WaiverStanding {
    let root = roots.root_for(policy, now);
    let (mut held, mut refused) = (Vec::new(), None);
    for found in files {
        let Some(bundle) = &found.bundle else { continue };
        match Document::from_bundle(bundle, &found.path.display().to_string(), policy, root, now, limits) {
            Ok(waiver) => held.push(waiver),
            Err(PolicyError::WaiverSignature { reason, .. }) => refused = Some(reason),
            Err(error) => refused = Some(error.to_string()),
        }
    }
    if let Some(waiver) = Document::united(&held).first() {
        return policy.standing_of(waiver, now);
    }
    match (refused, files.first()) {
        (Some(reason), _) => policy.refusal_of(format!("no signature on it is an approver's: {reason}")),
        (None, Some(found)) => policy.standing_of(&found.waiver, now),
        (None, None) => policy.refusal_of("there is no such waiver".to_owned()),
    }
}
