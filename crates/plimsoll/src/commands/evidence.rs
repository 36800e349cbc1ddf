//! `plimsoll evidence tree|attach|download|copy|save|load|inspect|upgrade`.

mod moving;
mod tree;

use std::path::Path;

use plimsoll_attach::evidence::{Form, FoundBundle, all};
use plimsoll_core::{Digest, Kind, Limits, clock, json};
use plimsoll_image::{Descriptor, Store};
use plimsoll_verify::{Bundle, legacy};
use serde_json::Value;

use crate::args::db::Format;
use crate::args::evidence::{Attach, Command, Download, Evidence, Inspect, Upgrade, What};
use crate::args::shared::{EvidenceRepository, Network, PlatformChoice};
use crate::commands::place::{self, Place};
use crate::failure::{Exit, Failure};
use crate::output::{self, Console};
use crate::render::table::Paint;
use crate::report::claims::Claims;
use crate::{render, settings};

pub(super) fn run(arguments: &Evidence, limits: &Limits, console: Console) -> Result<Exit, Failure> {
    match &arguments.command {
        Command::Tree(arguments) => tree::run(arguments, limits, console),
        Command::Attach(arguments) => attach(arguments, limits, console),
        Command::Download(arguments) => download(arguments, limits, console),
        Command::Copy(arguments) => moving::copy(arguments, limits, console),
        Command::Save(arguments) => moving::save(arguments, limits, console),
        Command::Load(arguments) => moving::load(arguments, limits, console),
        Command::Inspect(arguments) => inspect(arguments, limits, console),
        Command::Upgrade(arguments) => upgrade(arguments, limits),
    }
}

/// Opens a subject with its evidence where the user says that it is.
fn open(
    text: &str,
    repository: &EvidenceRepository,
    network: &Network,
    limits: &Limits,
) -> Result<Place, Failure> {
    let access = place::access(network, limits)?;
    Place::open(text, repository.named(), &access)
}

/// The one image or index that is meant.
fn one(place: &Place, platform: &PlatformChoice) -> Result<Descriptor, Failure> {
    let target = place.targets(platform.platform.as_ref(), false)?.into_iter().next();
    target.map(|target| target.descriptor).ok_or_else(|| Failure::new(Kind::NotFound, "there is no image"))
}

fn attach(arguments: &Attach, limits: &Limits, console: Console) -> Result<Exit, Failure> {
    let place = open(&arguments.subject, &arguments.repository, &arguments.network, limits)?;
    let subject = one(&place, &arguments.platform)?;
    let bytes = settings::read_within(&arguments.path, limits.sbom_bytes, "sbom_bytes")?;
    let store: &dyn Store = place.evidence();
    let name = place.name_of(&subject.digest);
    let media_type = arguments.media_type.as_deref();
    if media_type.is_none_or(|media_type| media_type.starts_with("application/vnd.dev.sigstore.bundle"))
        && let Some(bundle) = bundle_in(&bytes, media_type.is_some(), limits)?
    {
        let predicate_type = about(&bundle, &subject.digest)?;
        let signed = plimsoll_attach::attach_bundle(store, &subject, &bytes, &predicate_type, clock::now())?;
        console.say(format_args!(
            "attached bundle {} of type {predicate_type} to {name}; referrer {}",
            signed.bundle, signed.referrer
        ));
        return Ok(Exit::Done);
    }
    let media_type = match media_type {
        Some(media_type) => media_type,
        None => document_type(&bytes, limits).ok_or_else(|| {
            let path = arguments.path.display();
            Failure::new(
                Kind::Usage,
                format!("{path} is no bundle, and no SPDX or CycloneDX document in JSON"),
            )
            .with_hint("say what it is: --media-type TYPE")
        })?,
    };
    let attached = plimsoll_attach::attach_file(store, &subject, &bytes, media_type, clock::now())?;
    console.say(format_args!("attached {media_type} to {name}; referrer {}", attached.digest));
    console.say("it is signed by nobody; `plimsoll attest` makes a statement that can be verified");
    Ok(Exit::Done)
}

/// The bundle in a file; none where it is another document and nobody said that it is one.
fn bundle_in(bytes: &[u8], said_so: bool, limits: &Limits) -> Result<Option<Bundle>, Failure> {
    let looks_like_one = || {
        serde_json::from_slice::<Value>(bytes).is_ok_and(|value| value.get("verificationMaterial").is_some())
    };
    match Bundle::parse(bytes, limits) {
        Ok(bundle) => Ok(Some(bundle)),
        Err(error) if said_so || looks_like_one() => Err(error.into()),
        Err(_) => Ok(None),
    }
}

/// The predicate type of a bundle about this image.
fn about(bundle: &Bundle, image: &Digest) -> Result<String, Failure> {
    let Some(statement) = bundle.claimed_statement() else {
        return Err(Failure::new(
            Kind::Usage,
            "the bundle carries no statement that could be about an image",
        )
        .with_hint("a signed file is not attached to an image; sign the image: plimsoll sign"));
    };
    if !statement.names(image) {
        return Err(Failure::new(Kind::Usage, format!("the statement in the bundle is not about {image}"))
            .with_hint("name the image that it is about; `plimsoll evidence inspect` tells which"));
    }
    Ok(statement.predicate_type)
}

/// The media type of an SBOM in JSON.
fn document_type(bytes: &[u8], limits: &Limits) -> Option<&'static str> {
    let value = json::value(bytes, limits.sbom_bytes).ok()?;
    match (value.get("spdxVersion"), value.get("bomFormat").and_then(Value::as_str)) {
        (Some(_), _) => Some("application/spdx+json"),
        (None, Some("CycloneDX")) => Some("application/vnd.cyclonedx+json"),
        _ => None,
    }
}

fn download(arguments: &Download, limits: &Limits, console: Console) -> Result<Exit, Failure> {
    let place = open(&arguments.subject, &arguments.repository, &arguments.network, limits)?;
    let subject = one(&place, &arguments.platform)?;
    let found = all(place.evidence(), &subject.digest, limits)?;
    if found.truncated {
        console.warn("there is more than the limits let through; raise them with --limit referrers=…");
    }
    let wanted = |bundle: &&FoundBundle| match &arguments.kind {
        None => true,
        Some(kind) => bundle.claimed_predicate(limits).is_some_and(|claimed| kind.is(&claimed)),
    };
    let mut written = Vec::new();
    for bundle in found.found.iter().filter(wanted) {
        match arguments.what {
            What::Bundles => written.push((bundle, bundle.bytes.clone(), "sigstore.json")),
            What::Statements => match statement(bundle, limits) {
                Some(statement) => written.push((bundle, statement, "statement.json")),
                None => console.warn(format_args!("bundle {} carries no statement", bundle.digest)),
            },
        }
    }
    if written.is_empty() {
        let kind = arguments.kind.as_ref().map(|kind| format!(" of type {kind}")).unwrap_or_default();
        let name = place.name_of(&subject.digest);
        return Err(Failure::new(Kind::NotFound, format!("nothing{kind} is attached to {name}"))
            .with_hint("see what there is: plimsoll evidence tree"));
    }
    match &arguments.output_dir {
        Some(folder) => {
            plimsoll_files::create_folder(folder)?;
            for (bundle, bytes, extension) in &written {
                let path = folder.join(format!("{}.{extension}", bundle.digest.hex()));
                plimsoll_files::replace(&path, bytes)?;
                console.say(format_args!("wrote {}", path.display()));
            }
        }
        None => output::emit(None, |out| {
            for (_, bytes, _) in &written {
                out.write_all(&one_line(bytes))?;
                out.write_all(b"\n")?;
            }
            Ok(())
        })?,
    }
    Ok(Exit::Done)
}

/// The statement of a bundle as it was signed.
fn statement(bundle: &FoundBundle, limits: &Limits) -> Option<Vec<u8>> {
    match &bundle.form {
        Form::SimpleSigning(payload) => Some(payload.clone()),
        _ => Some(Bundle::parse(&bundle.bytes, limits).ok()?.claimed_payload()?.to_vec()),
    }
}

/// JSON that was written over several lines, on one.
fn one_line(bytes: &[u8]) -> Vec<u8> {
    if !bytes.contains(&b'\n') {
        return bytes.to_vec();
    }
    serde_json::from_slice::<Value>(bytes)
        .map_or_else(|_| bytes.to_vec(), |value| value.to_string().into_bytes())
}

fn inspect(arguments: &Inspect, limits: &Limits, console: Console) -> Result<Exit, Failure> {
    let bytes = read_bundle(&arguments.path, limits)?;
    let claims = Claims::read(&arguments.path, &bytes, limits)?;
    match arguments.output {
        Format::Json => output::emit_json(None, &claims)?,
        Format::Table => {
            let paint = Paint(console.stdout_colors());
            output::emit(None, |out| render::evidence::claims(&claims, paint, out))?;
        }
    }
    Ok(Exit::Done)
}

fn upgrade(arguments: &Upgrade, limits: &Limits) -> Result<Exit, Failure> {
    let bytes = read_bundle(&arguments.path, limits)?;
    let upgraded = legacy::upgraded(&bytes, limits)?;
    output::emit(arguments.file.output_file.as_deref(), |out| {
        out.write_all(&upgraded)?;
        out.write_all(b"\n")
    })?;
    Ok(Exit::Done)
}

fn read_bundle(path: &Path, limits: &Limits) -> Result<Vec<u8>, Failure> {
    settings::read_within(path, limits.bundle_bytes, "bundle_bytes")
}
