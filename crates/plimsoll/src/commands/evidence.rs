//! `plimsoll evidence tree|attach|download|copy|save|load|inspect|upgrade`.

mod moving;
mod tree;

use std::path::Path;

use plimsoll_attach::evidence::{Form, FoundBundle, all};
use plimsoll_core::{Digest, Kind, Limits, Platform, json};
use plimsoll_image::{Descriptor, Store};
use plimsoll_verify::{Bundle, legacy};
use serde_json::Value;

use crate::commands::place::Place;
use crate::failure::{Exit, Failure};
use crate::output::{self, Console};
use crate::render;
use crate::report::claims::Claims;
use crate::settings::evidence::{
    AttachSettings, DownloadFormat, DownloadSettings, EvidenceSettings, InspectSettings, PlaceSettings,
    UpgradeSettings,
};
use crate::settings::{Format, read_within};

pub(super) fn run(settings: &EvidenceSettings<'_>, console: Console) -> Result<Exit, Failure> {
    match settings {
        EvidenceSettings::Tree(settings) => tree::run(settings, console),
        EvidenceSettings::Attach(settings) => attach(settings, console),
        EvidenceSettings::Download(settings) => download(settings, console),
        EvidenceSettings::Transfer(settings) => moving::run(settings, console),
        EvidenceSettings::Inspect(settings) => inspect(settings, console),
        EvidenceSettings::Upgrade(settings) => upgrade(settings),
    }
}

/// Opens a subject with its evidence.
fn open(settings: &PlaceSettings) -> Result<Place, Failure> {
    Place::open(&settings.subject, &settings.evidence_repository, &settings.access)
}

/// The one image or index that `platform` names.
fn one(place: &Place, platform: Option<&Platform>) -> Result<Descriptor, Failure> {
    let target = place.targets(platform, false)?.into_iter().next();
    target.map(|target| target.descriptor).ok_or_else(|| Failure::new(Kind::NotFound, "there is no image"))
}

fn attach(settings: &AttachSettings, console: Console) -> Result<Exit, Failure> {
    let limits = &settings.place.access.limits;
    let place = open(&settings.place)?;
    let subject = one(&place, settings.platform.as_ref())?;
    let bytes = read_within(&settings.path, limits.sbom_bytes, "sbom_bytes")?;
    let store: &dyn Store = place.evidence();
    let name = place.name_of(&subject.digest);
    let media_type = settings.media_type.as_deref();
    if media_type.is_none_or(|media_type| media_type.starts_with("application/vnd.dev.sigstore.bundle"))
        && let Some(bundle) = bundle_in(&bytes, media_type.is_some(), limits)?
    {
        let predicate_type = about(&bundle, &subject.digest)?;
        let signed = plimsoll_attach::attach_bundle(store, &subject, &bytes, &predicate_type, settings.now)?;
        console.say(format_args!(
            "attached bundle {} of type {predicate_type} to {name}; referrer {}",
            signed.bundle, signed.referrer
        ));
        return Ok(Exit::Done);
    }
    let media_type = match media_type {
        Some(media_type) => media_type,
        None => document_type(&bytes, limits).ok_or_else(|| {
            let path = settings.path.display();
            Failure::new(
                Kind::Usage,
                format!("{path} is neither a bundle nor an SPDX or CycloneDX document in JSON"),
            )
            .with_hint("say what it is: --media-type TYPE")
        })?,
    };
    let attached = plimsoll_attach::attach_file(store, &subject, &bytes, media_type, settings.now)?;
    console.say(format_args!("attached {media_type} to {name}; referrer {}", attached.digest));
    console.say("it is not signed; `plimsoll attest` makes a statement that can be verified");
    Ok(Exit::Done)
}

/// The bundle in a file; `None` if the file is something else and no flag says that it is a bundle.
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
        return Err(Failure::new(Kind::Usage, "the bundle has no statement about an image")
            .with_hint("a signed file is not attached to an image; sign the image: plimsoll sign"));
    };
    if !statement.names(image) {
        return Err(Failure::new(Kind::Usage, format!("the statement in the bundle is not about {image}"))
            .with_hint("name the image that it is about; `plimsoll evidence inspect` shows it"));
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

fn download(settings: &DownloadSettings, console: Console) -> Result<Exit, Failure> {
    let limits = &settings.place.access.limits;
    let place = open(&settings.place)?;
    let subject = one(&place, settings.platform.as_ref())?;
    let found = all(place.evidence(), &subject.digest, limits)?;
    if found.truncated {
        console.warn("there is more than the limits allow; raise them with --limit referrers=…");
    }
    let wanted = |bundle: &&FoundBundle| match &settings.kind {
        None => true,
        Some(kind) => bundle.claimed_predicate(limits).is_some_and(|claimed| kind.is(&claimed)),
    };
    let mut written = Vec::new();
    for bundle in found.found.iter().filter(wanted) {
        match settings.what {
            DownloadFormat::Bundles => written.push((bundle, bundle.bytes.clone(), "sigstore.json")),
            DownloadFormat::Statements => match statement(bundle, limits) {
                Some(statement) => written.push((bundle, statement, "statement.json")),
                None => console.warn(format_args!("bundle {} has no statement", bundle.digest)),
            },
        }
    }
    if written.is_empty() {
        let kind = settings.kind.as_ref().map(|kind| format!(" of type {kind}")).unwrap_or_default();
        let name = place.name_of(&subject.digest);
        return Err(Failure::new(Kind::NotFound, format!("nothing{kind} is attached to {name}"))
            .with_hint("list what is attached: plimsoll evidence tree"));
    }
    match &settings.folder {
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

/// JSON of several lines, on one line.
fn one_line(bytes: &[u8]) -> Vec<u8> {
    if !bytes.contains(&b'\n') {
        return bytes.to_vec();
    }
    serde_json::from_slice::<Value>(bytes)
        .map_or_else(|_| bytes.to_vec(), |value| value.to_string().into_bytes())
}

fn inspect(settings: &InspectSettings<'_>, console: Console) -> Result<Exit, Failure> {
    let bytes = read_bundle(&settings.path, settings.limits)?;
    let claims = Claims::read(&settings.path, &bytes, settings.limits)?;
    match settings.format {
        Format::Json => output::emit_json(None, &claims)?,
        Format::Table => {
            let paint = console.page(None).paint;
            output::emit(None, |out| render::evidence::claims(&claims, paint, out))?;
        }
    }
    Ok(Exit::Done)
}

fn upgrade(settings: &UpgradeSettings<'_>) -> Result<Exit, Failure> {
    let bytes = read_bundle(&settings.path, settings.limits)?;
    let upgraded = legacy::upgraded(&bytes, settings.limits)?;
    output::emit(settings.file.as_deref(), |out| {
        out.write_all(&upgraded)?;
        out.write_all(b"\n")
    })?;
    Ok(Exit::Done)
}

fn read_bundle(path: &Path, limits: &Limits) -> Result<Vec<u8>, Failure> {
    read_within(path, limits.bundle_bytes, "bundle_bytes")
}
