//! `plimsoll attest`, and how statements are made from predicates.

use std::path::Path;

use plimsoll_core::{Digest, Kind, Limits, Timestamp, json, text};
use plimsoll_gather::Subject as Named;
use plimsoll_judge::PredicateForm;
use plimsoll_signing::Content;
use plimsoll_verify::{PredicateType, Statement, Subject};
use serde_json::{Value, json};

use crate::commands::each;
use crate::commands::place::Place;
use crate::commands::signer::Signing;
use crate::failure::{Exit, Failure};
use crate::output::{self, Console};
use crate::settings::attest::{AttestSettings, ContentSettings, ContentSource};
use crate::settings::read_within;
use crate::settings::signing::Upload;

pub(super) fn run(settings: &AttestSettings, console: Console) -> Result<Exit, Failure> {
    let (upload, limits) = (&settings.upload, &settings.access.limits);
    output::is_free(upload.bundle.as_deref(), settings.signing.force)?;
    let signing = Signing::open(&settings.signing, console)?;
    let who = signing.describe();
    Ok(each(&settings.subjects, console, |text| {
        let place = Place::open(text, &settings.evidence_repository, &settings.access)?;
        for target in place.targets(settings.platform.as_ref(), false)? {
            let digest = target.descriptor.digest;
            let name = match &place.subject {
                Named::Registry(reference) => reference.name(),
                _ => String::new(),
            };
            let statement = statement(&settings.content, &name, &[digest], limits)?;
            let bundle = signing.sign(Content::Statement(&statement), limits)?;
            keep(upload, settings.signing.force, &bundle)?;
            let name = place.name_of(&digest);
            let kind = &statement.predicate_type;
            if !upload.attaches {
                console.say(format_args!("attested {kind} of {name} with {who}; nothing was attached"));
                continue;
            }
            let signed = plimsoll_attach::attach_bundle(
                place.evidence(),
                &target.descriptor,
                &bundle,
                kind,
                (settings.signing.clock)(),
            )?;
            console.say(format_args!(
                "attested {kind} of {name} with {who}; bundle {}, referrer {}",
                signed.bundle, signed.referrer
            ));
        }
        Ok(())
    }))
}

/// Writes the bundle to the file of `--bundle`.
pub(super) fn keep(upload: &Upload, force: bool, bundle: &[u8]) -> Result<(), Failure> {
    match &upload.bundle {
        Some(path) => output::emit_new(Some(path), force, bundle),
        None => Ok(()),
    }
}

/// The statement to sign about the artifact with these digests. A new statement names the first of them.
pub(super) fn statement(
    content: &ContentSettings,
    name: &str,
    digests: &[Digest],
    limits: &Limits,
) -> Result<Statement, Failure> {
    match &content.source {
        ContentSource::Statement(path, kind) => given(path, kind.as_ref(), content, digests, limits),
        ContentSource::Predicate(path, kind) => made(path, kind, content, name, digests.first(), limits),
    }
}

/// The statement in a file, which must be about one of these digests.
fn given(
    path: &Path,
    kind: Option<&PredicateType>,
    content: &ContentSettings,
    digests: &[Digest],
    limits: &Limits,
) -> Result<Statement, Failure> {
    let problem = |problem: String| Failure::new(Kind::Usage, format!("{}: {problem}", path.display()));
    let bytes = read_within(path, limits.statement_bytes, "statement_bytes")?;
    let statement = Statement::parse(&bytes, limits).map_err(|error| problem(error.to_string()))?;
    if let Some(kind) = kind.filter(|kind| !kind.is(&statement.predicate_type)) {
        let got = text::terminal(&statement.predicate_type);
        return Err(problem(format!("got a statement of type {got}, but --type is {kind}")));
    }
    if !digests.iter().any(|digest| statement.names(digest)) {
        let digest = digests.first().map(ToString::to_string).unwrap_or_default();
        return Err(problem(format!("the statement does not name {digest} as a subject"))
            .with_hint("subjects are matched by digest, not by name"));
    }
    let form = PredicateForm::load(content.schema.as_deref(), limits)?;
    form.check(&statement.predicate_type, &statement.predicate, limits)
        .map_err(|misfit| problem(misfit.to_string()))?;
    Ok(statement)
}

/// A statement made from the predicate in a file.
fn made(
    path: &Path,
    kind: &PredicateType,
    content: &ContentSettings,
    name: &str,
    digest: Option<&Digest>,
    limits: &Limits,
) -> Result<Statement, Failure> {
    let problem = |problem: String| Failure::new(Kind::Usage, format!("{}: {problem}", path.display()));
    let bytes = read_within(path, limits.statement_bytes, "statement_bytes")?;
    let predicate = predicate(kind, &bytes, content.now, limits).map_err(problem)?;
    let form = PredicateForm::load(content.schema.as_deref(), limits)?;
    form.check(kind.uri(), &predicate, limits).map_err(|misfit| problem(misfit.to_string()))?;
    let mut subject = Subject { name: name.to_owned(), ..Subject::default() };
    if let Some(digest) = digest {
        subject.digests.insert(digest.algorithm().name().to_owned(), digest.hex());
    }
    Ok(Statement::new(subject, kind.uri(), predicate))
}

/// The predicate in a file, in cosign's form: SPDX tag-value documents and `custom` data are texts.
fn predicate(kind: &PredicateType, bytes: &[u8], now: Timestamp, limits: &Limits) -> Result<Value, String> {
    let text = || str::from_utf8(bytes).map_err(|_| "not UTF-8".to_owned());
    match kind.name() {
        Some("custom") => Ok(json!({"Data": text()?, "Timestamp": now.to_string()})),
        Some("spdx") => Ok(Value::from(text()?)),
        _ => json::value(bytes, limits.statement_bytes).map_err(|error| error.to_string()),
    }
}
