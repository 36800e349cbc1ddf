//! `plimsoll provenance generate`.

use std::collections::BTreeMap;
use std::path::{Component, Path};

use plimsoll_core::{Digest, Kind, Limits, Platform, Purl, Reference, json};
use plimsoll_gather::{Access, Subject as Named};
use plimsoll_verify::provenance::Material;
use plimsoll_verify::{Statement, Subject, check_predicate};
use serde_json::Value;

use super::ProvenanceSubject;
use crate::commands::blob::Blob;
use crate::commands::place::Place;
use crate::failure::{Exit, Failure};
use crate::output::{self, Console};
use crate::settings::provenance::GenerateSettings;
use crate::settings::{EvidenceRepository, read_within};

const SLSA_V1: &str = "https://slsa.dev/provenance/v1";

pub(super) fn run(settings: &GenerateSettings, console: Console) -> Result<Exit, Failure> {
    let mut build = settings.build.clone();
    build.materials = materials(settings)?;
    build.byproducts = settings.byproducts.iter().map(|path| file(path)).collect::<Result<_, _>>()?;
    let predicate = build.to_predicate()?;
    // `provenance verify` must be able to read what is written here.
    check_predicate(SLSA_V1, &predicate, &settings.access.limits)?;
    let file = settings.file.as_deref();
    if let Some(about) = &settings.statement_about {
        let subjects = subjects(about, settings)?;
        let statement = Statement { subjects, predicate_type: SLSA_V1.to_owned(), predicate };
        output::emit(file, |out| out.write_all(&statement.to_json()))?;
    } else {
        output::emit_json(file, &predicate)?;
    }
    if build.source.as_ref().is_none_or(|source| source.commit.is_none()) {
        console.warn(
            "the provenance does not say which commit was built; add --source-repository and --source-digest",
        );
    }
    Ok(Exit::Done)
}

fn subjects(about: &[String], settings: &GenerateSettings) -> Result<Vec<Subject>, Failure> {
    let platform = settings.platform.as_ref();
    let mut subjects = Vec::new();
    for text in about {
        match ProvenanceSubject::open(text, &EvidenceRepository::default(), &settings.access)? {
            ProvenanceSubject::Digest(digest) => subjects.push(Subject::new("", &digest)),
            ProvenanceSubject::File(name, digests) => {
                subjects.extend(digests.first().map(|digest| Subject::new(name, digest)));
            }
            ProvenanceSubject::Image(place) => {
                let name = match &place.subject {
                    Named::Registry(reference) => reference.name(),
                    _ => String::new(),
                };
                let targets = place.targets(platform, false)?;
                subjects.extend(targets.iter().map(|target| Subject::new(&name, &target.descriptor.digest)));
            }
        }
    }
    Ok(subjects)
}

fn materials(settings: &GenerateSettings) -> Result<Vec<Material>, Failure> {
    let limits = &settings.access.limits;
    let mut materials = settings.materials.clone();
    for path in &settings.material_lists {
        let bytes = read_within(path, limits.bundle_bytes, "bundle_bytes")?;
        let listed = listed(&bytes, limits).map_err(|problem| {
            Failure::new(Kind::Usage, format!("{}: {problem}", path.display()))
                .with_hint("one material per line as URI@ALGORITHM:HEX, or a JSON list of {uri, digest}")
        })?;
        materials.extend(listed);
    }
    for text in &settings.material_images {
        materials.push(image(text, settings.platform.as_ref(), &settings.access)?);
    }
    for path in &settings.material_files {
        materials.push(file(path)?);
    }
    Ok(materials)
}

/// The materials in a file: JSON, or lines, where lines that start with `#` are comments.
fn listed(bytes: &[u8], limits: &Limits) -> Result<Vec<Material>, String> {
    if bytes.trim_ascii_start().starts_with(b"[") {
        let list = json::value(bytes, limits.bundle_bytes).map_err(|error| error.to_string())?;
        let items = list.as_array().map(Vec::as_slice).unwrap_or_default();
        return items.iter().enumerate().map(|(index, item)| descriptor(item, index)).collect();
    }
    let text = str::from_utf8(bytes).map_err(|_| "not UTF-8".to_owned())?;
    let lines = text.lines().enumerate().map(|(number, line)| (number + 1, line.trim()));
    let lines = lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
    lines
        .map(|(number, line)| {
            line.parse().map_err(|error: plimsoll_verify::Error| format!("line {number}: {error}"))
        })
        .collect()
}

fn descriptor(item: &Value, index: usize) -> Result<Material, String> {
    let material = Material::read(item);
    if material.is_pinned() && (material.uri.is_some() || material.name.is_some()) {
        return Ok(material);
    }
    Err(format!("[{index}]: expected a uri or name, and a digest in lower-case hex"))
}

/// An image by its digest. Its names are the typed one and, as in BuildKit, `pkg:docker/…`.
fn image(text: &str, platform: Option<&Platform>, access: &Access) -> Result<Material, Failure> {
    let place = Place::open(text, &EvidenceRepository::default(), access)?;
    let targets = place.targets(platform, false)?;
    let digest = targets.first().map(|target| target.descriptor.digest);
    let digest = digest.ok_or_else(|| Failure::new(Kind::NotFound, format!("{text}: no image")))?;
    let (name, uri) = match &place.subject {
        Named::Registry(reference) => (full_name(reference), package_url(reference, &digest, platform)),
        other => (other.to_string(), None),
    };
    Ok(Material { name: Some(name), uri, digests: by_algorithm(&digest) })
}

/// With registry and tag: `docker.io/library/debian:12`.
fn full_name(reference: &Reference) -> String {
    reference.tag().map_or_else(|| reference.name(), |tag| format!("{}:{tag}", reference.name()))
}

fn package_url(reference: &Reference, digest: &Digest, platform: Option<&Platform>) -> Option<String> {
    let name = reference.name();
    let short = name.strip_prefix("docker.io/").map(|path| path.strip_prefix("library/").unwrap_or(path));
    let (namespace, last) = match short.unwrap_or(&name).rsplit_once('/') {
        Some((namespace, last)) => (Some(namespace.to_owned()), last.to_owned()),
        None => (None, short.unwrap_or(&name).to_owned()),
    };
    let version = reference.tag().map_or_else(|| digest.to_string(), str::to_owned);
    let mut purl = Purl::builder("docker", last).version(version);
    if let Some(namespace) = namespace {
        purl = purl.namespace(namespace);
    }
    if let Some(platform) = platform {
        purl = purl.qualifier("platform", platform.to_string());
    }
    purl.build().ok().map(|purl| purl.to_string())
}

/// A file by its SHA-256. Its path on this machine is left out.
fn file(path: &Path) -> Result<Material, Failure> {
    let digests = Blob::open(path)?.digests(path)?;
    let plain = path.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
    let parts = path.components().filter_map(|part| match part {
        Component::Normal(part) => Some(part.to_string_lossy()),
        _ => None,
    });
    let parts: Vec<_> = parts.collect();
    let name =
        if plain { parts.join("/") } else { parts.last().map(ToString::to_string).unwrap_or_default() };
    Ok(Material {
        name: Some(name),
        uri: None,
        digests: digests.first().map(by_algorithm).unwrap_or_default(),
    })
}

fn by_algorithm(digest: &Digest) -> BTreeMap<String, String> {
    BTreeMap::from([(digest.algorithm().name().to_owned(), digest.hex())])
}
