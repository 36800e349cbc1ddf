//! `plimsoll waiver new|sign|show`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use plimsoll_core::{Digest, Kind, Limits, Timestamp};
use plimsoll_judge::documents::{self, is_bundle, waiver_files};
use plimsoll_judge::{Roots, Ruleset};
use plimsoll_policy::{
    Error as PolicyError, Policy, SignatureClaim, Waiver as Document, WaiverReport, WaiverReports,
    WaiverStanding,
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
    let (text, waiver) = settings.draft.write()?;
    let file = settings.file.as_deref();
    output::emit(file, |out| out.write_all(text.as_bytes()))?;
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

fn sign(settings: &SignSettings<'_>, console: Console) -> Result<Exit, Failure> {
    let waiver = document(&settings.waiver, settings.limits)?;
    let statement = plimsoll_signing::waiver::statement(waiver.document())?;
    let signing = Signing::open(&settings.signing, console)?;
    let bundle = signing.sign(Content::Statement(&statement), settings.limits)?;
    output::emit(Some(&settings.bundle), |out| out.write_all(&bundle))?;
    console.say(format_args!(
        "signed waiver {} until {} with {}; wrote {}",
        waiver.name(),
        waiver.expires(),
        signing.describe(),
        settings.bundle.display()
    ));
    Ok(Exit::Done)
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
    let mut by_content: BTreeMap<Digest, Vec<Found>> = BTreeMap::new();
    for path in &settings.waivers {
        for file in waiver_files(path)? {
            let found = read(file, limits)?;
            by_content.entry(found.waiver.content()).or_default().push(found);
        }
    }
    let rules = settings.policy.as_deref().map(|path| Ruleset::load(Some(path), &[], limits)).transpose()?;
    let policies = || rules.iter().flat_map(|rules| rules.policies.policies());
    let mut reports = Vec::new();
    for files in by_content.values() {
        let Some(first) = files.first() else { continue };
        let mut report: WaiverReport = first.waiver.report(now);
        report.files = files.iter().map(|found| found.path.display().to_string()).collect();
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
    Ok(if all_count { Exit::Done } else { Exit::Kind(Kind::Denied) })
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
    /// Who the file says has signed.
    fn claim(&self, limits: &Limits) -> Option<SignatureClaim> {
        let bundle = Bundle::parse(self.bundle.as_deref()?, limits).ok()?;
        let key = || bundle.claimed_key().map(|id| format!("key {id}"));
        let holder = bundle.claimed_holder().map(|holder| holder.to_string());
        let signer = holder.or_else(key).unwrap_or_else(|| "a key without a name".to_owned());
        Some(SignatureClaim { file: self.path.display().to_string(), signer })
    }
}

/// Where a document stands under a policy, with those of its signatures that hold.
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
