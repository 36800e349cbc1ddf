//! `plimsoll attest`, and how statements are made of predicates.

use plimsoll_core::{Digest, Kind, Limits, clock, json, text};
use plimsoll_gather::Subject as Named;
use plimsoll_signing::Content;
use plimsoll_verify::{PredicateType, Statement, Subject};
use serde_json::{Value, json};

use crate::args::attest::{Attest, Said, Upload};
use crate::commands::place::{self, Place};
use crate::commands::predicate::Form;
use crate::failure::{Exit, Failure};
use crate::output::{self, Console};
use crate::settings::{self, Signing};

pub(super) fn run(arguments: &Attest, limits: &Limits, console: Console) -> Result<Exit, Failure> {
    one_file_for_one_image(&arguments.upload, arguments.subjects.len())?;
    let access = place::access(&arguments.network, limits)?;
    let signing = Signing::new(&arguments.signing, &place::keys(&access), console)?;
    let who = signing.describe();
    for text in &arguments.subjects {
        let place = Place::open(text, arguments.repository.named(), &access)?;
        for target in place.targets(arguments.platform.platform.as_ref(), false)? {
            let digest = target.descriptor.digest;
            let name = match &place.subject {
                Named::Registry(reference) => reference.name(),
                _ => String::new(),
            };
            let statement = statement(&arguments.said, &name, &[digest], limits)?;
            let bundle = signing.sign(Content::Statement(&statement), limits)?;
            keep(&arguments.upload, &bundle)?;
            let name = place.name_of(&digest);
            let kind = &statement.predicate_type;
            if !arguments.upload.attaches() {
                console.say(format_args!("attested {kind} of {name} with {who}; nothing was attached"));
                continue;
            }
            let signed = plimsoll_attach::attach_bundle(
                place.evidence(),
                &target.descriptor,
                &bundle,
                kind,
                clock::now(),
            )?;
            console.say(format_args!(
                "attested {kind} of {name} with {who}; bundle {}, referrer {}",
                signed.bundle, signed.referrer
            ));
        }
    }
    Ok(Exit::Done)
}

/// `--bundle` names one file, which several bundles would fight for.
pub(super) fn one_file_for_one_image(upload: &Upload, images: usize) -> Result<(), Failure> {
    if upload.bundle.is_some() && images > 1 {
        return Err(Failure::new(Kind::Usage, "--bundle names one file, and there are several images")
            .with_hint("sign them one by one"));
    }
    if !upload.attaches() && upload.bundle.is_none() {
        return Err(Failure::new(Kind::Usage, "nothing would be attached, and nothing written")
            .with_hint("say where the bundle goes: --bundle FILE"));
    }
    Ok(())
}

/// Writes the bundle where `--bundle` says.
pub(super) fn keep(upload: &Upload, bundle: &[u8]) -> Result<(), Failure> {
    match &upload.bundle {
        Some(path) => output::emit(Some(path), |out| out.write_all(bundle)),
        None => Ok(()),
    }
}

/// The statement to sign about the artifact that has these digests.
pub(super) fn statement(
    said: &Said,
    name: &str,
    digests: &[Digest],
    limits: &Limits,
) -> Result<Statement, Failure> {
    let usage = |message: String| Failure::new(Kind::Usage, message);
    if let Some(path) = &said.statement {
        let statement = Statement::parse(
            &settings::read_within(path, limits.statement_bytes, "statement_bytes")?,
            limits,
        )
        .map_err(|error| usage(format!("{}: {error}", path.display())))?;
        if let Some(kind) = said.kind.as_ref().filter(|kind| !kind.is(&statement.predicate_type)) {
            let got = text::terminal(&statement.predicate_type).into_owned();
            return Err(usage(format!(
                "{}: a statement of type {got}, and --type is {kind}",
                path.display()
            )));
        }
        if !digests.iter().any(|digest| statement.names(digest)) {
            let digest = digests.first().map(ToString::to_string).unwrap_or_default();
            return Err(usage(format!("{}: none of its subjects is {digest}", path.display()))
                .with_hint("a statement is about digests; a name alone says nothing"));
        }
        let form = Form::new(said.schema.as_deref(), limits)?;
        form.check(&statement.predicate_type, &statement.predicate, limits)
            .map_err(|problem| usage(format!("{}: {problem}", path.display())))?;
        return Ok(statement);
    }
    let Some(path) = &said.predicate else {
        return Err(
            usage("nothing to attest".to_owned()).with_hint("pass --predicate FILE or --statement FILE")
        );
    };
    let kind = match &said.kind {
        Some(kind) => kind.clone(),
        None => "custom".parse()?,
    };
    let bytes = settings::read_within(path, limits.statement_bytes, "statement_bytes")?;
    let predicate = predicate(&kind, &bytes, limits)
        .map_err(|problem| usage(format!("{}: {problem}", path.display())))?;
    let form = Form::new(said.schema.as_deref(), limits)?;
    form.check(kind.uri(), &predicate, limits)
        .map_err(|problem| usage(format!("{}: {problem}", path.display())))?;
    let mut subject = Subject { name: name.to_owned(), ..Subject::default() };
    for digest in digests {
        subject.digests.insert(digest.algorithm().name().to_owned(), digest.hex());
    }
    Ok(Statement::new(subject, kind.uri(), predicate))
}

/// The predicate in a file, in the form that cosign gives it: SPDX tag-value documents and `custom` data are texts.
fn predicate(kind: &PredicateType, bytes: &[u8], limits: &Limits) -> Result<Value, String> {
    let text = || str::from_utf8(bytes).map_err(|_| "not UTF-8".to_owned());
    match kind.name() {
        Some("custom") => {
            let now = clock::now();
            let now = plimsoll_core::Timestamp::from_second(now.as_second()).unwrap_or(now).to_string();
            Ok(json!({"Data": text()?, "Timestamp": now}))
        }
        Some("spdx") => Ok(Value::from(text()?)),
        _ => json::value(bytes, limits.statement_bytes).map_err(|error| error.to_string()),
    }
}
