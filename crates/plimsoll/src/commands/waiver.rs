//! `plimsoll waiver new|sign|show`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use jiff::SignedDuration;
use plimsoll_core::{Digest, Kind, Limits, Timestamp, clock};
use plimsoll_judge::documents::{self, beside, is_bundle, waiver_files};
use plimsoll_judge::{Roots, Ruleset};
use plimsoll_policy::{
    Error as PolicyError, Policy, SignatureClaim, Waiver as Document, WaiverDraft, WaiverReport,
    WaiverReports, WaiverStanding,
};
use plimsoll_signing::Content;
use plimsoll_verify::Bundle;

use crate::args::db::Format;
use crate::args::waiver::{Command, New, Rule, Show, Sign, Waiver};
use crate::failure::{Exit, Failure};
use crate::output::{self, Console};
use crate::render;
use crate::render::table::Paint;
use crate::settings::{self, Signing};

pub(super) fn run(arguments: &Waiver, limits: &Limits, console: Console) -> Result<Exit, Failure> {
    match &arguments.command {
        Command::New(arguments) => new(arguments, console),
        Command::Sign(arguments) => sign(arguments, limits, console),
        Command::Show(arguments) => show(arguments, limits, console),
    }
}

fn new(arguments: &New, console: Console) -> Result<Exit, Failure> {
    let issued = arguments.issued.unwrap_or_else(|| whole_seconds(clock::now()));
    let expires = match (arguments.expires, arguments.days) {
        (Some(expires), _) => expires,
        (None, days) => {
            let days = SignedDuration::from_hours(24 * i64::from(days.unwrap_or_default()));
            issued.checked_add(days).map_err(|error| Failure::new(Kind::Usage, error.to_string()))?
        }
    };
    let mut rules: BTreeSet<Rule> = arguments.rule.iter().copied().collect();
    if !arguments.cve.is_empty() {
        rules.insert(Rule::Vulnerabilities);
    }
    if rules.is_empty() {
        return Err(Failure::new(Kind::Usage, "no rule that the waiver is about")
            .with_hint("name vulnerabilities with --cve, or another rule with --rule"));
    }
    let (images, digests) = scope(&arguments.scope)?;
    let draft = WaiverDraft {
        name: arguments.name.clone(),
        description: arguments.description.clone(),
        rules: rules.into_iter().map(|rule| rule.name().to_owned()).collect(),
        cves: arguments.cve.clone(),
        images,
        digests,
        reason: arguments.reason.clone(),
        risk_assessment: arguments.risk.clone(),
        controls: arguments.control.clone(),
        owner: arguments.owner.clone(),
        issued,
        expires,
    };
    let (text, waiver) = draft.write()?;
    let file = arguments.file.output_file.as_deref();
    output::emit(file, |out| out.write_all(text.as_bytes()))?;
    if let Some(file) = file {
        let name = waiver.name();
        console.say(format_args!("wrote waiver {name} until {expires}: {}", file.display()));
        console.say(format_args!(
            "it counts when an approver has signed it: plimsoll waiver sign {}",
            file.display()
        ));
    }
    Ok(Exit::Done)
}

/// Patterns over repositories, and digests. `REPOSITORY@DIGEST` is both, and then both have to fit.
fn scope(scopes: &[String]) -> Result<(Vec<String>, Vec<String>), Failure> {
    let (mut images, mut digests) = (Vec::new(), Vec::new());
    let is_digest = |text: &str| text.parse::<Digest>().is_ok();
    let (alone, named): (Vec<&String>, Vec<&String>) = scopes.iter().partition(|scope| is_digest(scope));
    digests.extend(alone.into_iter().cloned());
    for scope in named {
        match scope.split_once('@') {
            Some((image, digest)) if is_digest(digest) => {
                images.push(image.to_owned());
                digests.push(digest.to_owned());
            }
            // Cut off, or in another spelling.
            None if !scope.starts_with("sha256:") && !scope.starts_with("sha512:") => {
                images.push(scope.clone());
            }
            _ => {
                let message = format!("--scope: got {scope}, expected a whole digest");
                return Err(Failure::new(Kind::Usage, message).with_hint("its form: sha256: and 64 digits"));
            }
        }
    }
    // A document has one list of each, and what is in scope fits both: a pattern of its own would not stand beside a digest.
    let mixed = !digests.is_empty() && !images.is_empty();
    if mixed && scopes.iter().any(|scope| is_digest(scope) || !scope.contains('@')) {
        return Err(Failure::new(
            Kind::Usage,
            "--scope: got digests and repositories, and an image would have to fit one of each",
        )
        .with_hint("write REPOSITORY@DIGEST, or a waiver for each"));
    }
    for list in [&mut images, &mut digests] {
        list.sort();
        list.dedup();
    }
    Ok((images, digests))
}

fn whole_seconds(time: Timestamp) -> Timestamp {
    Timestamp::from_second(time.as_second()).unwrap_or(time)
}

fn sign(arguments: &Sign, limits: &Limits, console: Console) -> Result<Exit, Failure> {
    let waiver = document(&arguments.waiver, limits)?;
    let statement = plimsoll_signing::waiver::statement(waiver.document())?;
    let signing = Signing::new(&arguments.signing, &settings::key_access(&arguments.network)?, console)?;
    let bundle = signing.sign(Content::Statement(&statement), limits)?;
    let target = arguments.file.output_file.clone().unwrap_or_else(|| beside(&arguments.waiver));
    output::emit(Some(&target), |out| out.write_all(&bundle))?;
    console.say(format_args!(
        "signed waiver {} until {} with {}; wrote {}",
        waiver.name(),
        waiver.expires(),
        signing.describe(),
        target.display()
    ));
    Ok(Exit::Done)
}

/// The waiver in a document that nobody need have signed.
fn document(path: &Path, limits: &Limits) -> Result<Document, Failure> {
    let bytes = documents::read(path, limits)?;
    documents::fits(&bytes, path, limits)?;
    Ok(Document::from_unsigned(&bytes, &path.display().to_string())?)
}

/// A file with a waiver, as it is read without believing it.
struct Found {
    path: PathBuf,
    waiver: Document,
    /// The bundle, for a signed one.
    bundle: Option<Vec<u8>>,
}

fn show(arguments: &Show, limits: &Limits, console: Console) -> Result<Exit, Failure> {
    let now = settings::now(&arguments.instant);
    let mut by_content: BTreeMap<Digest, Vec<Found>> = BTreeMap::new();
    for path in &arguments.waivers {
        for file in waiver_files(path)? {
            let found = read(file, limits)?;
            by_content.entry(found.waiver.content()).or_default().push(found);
        }
    }
    let rules = arguments.policy.as_deref().map(|path| Ruleset::load(Some(path), &[], limits)).transpose()?;
    let offline = plimsoll_http::Settings { offline: true, ..plimsoll_http::Settings::default() };
    let roots = settings::roots(&arguments.root, &offline)?;
    let policies = || rules.iter().flat_map(|rules| rules.policies.policies());
    let mut reports = Vec::new();
    for files in by_content.values() {
        let Some(first) = files.first() else { continue };
        let mut report: WaiverReport = first.waiver.report(now);
        report.files = files.iter().map(|found| found.path.display().to_string()).collect();
        report.claims = files.iter().filter_map(|found| found.claim(limits)).collect();
        report.standings = policies().map(|policy| standing(files, policy, &roots, now, limits)).collect();
        reports.push(report);
    }
    reports.sort_by(|a, b| (&a.name, a.content).cmp(&(&b.name, b.content)));
    let all_count = reports.iter().flat_map(|report| &report.standings).all(|standing| standing.counts);
    let reports = WaiverReports::new(now, reports);
    let file = arguments.file.output_file.as_deref();
    match arguments.output {
        Format::Json => output::emit_json(file, &reports)?,
        Format::Table => {
            let paint = Paint(file.is_none() && console.stdout_colors());
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
