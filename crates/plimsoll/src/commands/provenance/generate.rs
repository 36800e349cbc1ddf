//! `plimsoll provenance generate`.

use std::collections::BTreeMap;
use std::path::{Component, Path};

use plimsoll_core::{Digest, Kind, Limits, Platform, Purl, Reference, json};
use plimsoll_gather::{Access, Subject as Named};
use plimsoll_verify::provenance::{Build, Material, Source};
use plimsoll_verify::{Statement, Subject, check_predicate};
use serde_json::Value;

use super::Thing;
use crate::args::provenance::Generate;
use crate::commands::blob::Blob;
use crate::commands::place::{self, Place};
use crate::failure::{Exit, Failure};
use crate::output::{self, Console};
use crate::settings;

const SLSA_V1: &str = "https://slsa.dev/provenance/v1";

pub(super) fn run(arguments: &Generate, limits: &Limits, console: Console) -> Result<Exit, Failure> {
    let access = place::access(&arguments.network, limits)?;
    let mut build = Build::from_environment(&|name| std::env::var(name).ok())?;
    describe(&mut build, arguments)?;
    let platform = arguments.platform.platform.as_ref();
    build.materials = materials(arguments, platform, &access, limits)?;
    build.byproducts = arguments.byproduct.iter().map(|path| file(path)).collect::<Result<_, _>>()?;
    let predicate = build.to_predicate()?;
    // What is written here has to be what is read elsewhere.
    check_predicate(SLSA_V1, &predicate, limits)?;
    let file = arguments.file.output_file.as_deref();
    if arguments.as_statement {
        let subjects = subjects(arguments, platform, &access)?;
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

/// Puts what the flags say over what the environment says.
fn describe(build: &mut Build, arguments: &Generate) -> Result<(), Failure> {
    let usage = |message: &str| Failure::new(Kind::Usage, message);
    let over = |known: &mut Option<String>, said: &Option<String>| {
        if let Some(said) = said {
            *known = Some(said.clone());
        }
    };
    over(&mut build.builder, &arguments.builder_id);
    over(&mut build.build_type, &arguments.build_type);
    over(&mut build.config, &arguments.build_config);
    over(&mut build.invocation, &arguments.invocation_id);
    if let Some(repository) = &arguments.source_repository
        && build.source.as_ref().is_none_or(|source| source.repository != *repository)
    {
        // The ref and the commit of the environment are another repository's.
        build.source = Some(Source { repository: repository.clone(), reference: None, commit: None });
    }
    match &mut build.source {
        Some(source) => {
            over(&mut source.reference, &arguments.source_ref);
            over(&mut source.commit, &arguments.source_digest);
        }
        None if arguments.source_ref.is_some() || arguments.source_digest.is_some() => {
            return Err(
                usage("a ref or commit of which repository?").with_hint("pass --source-repository URL")
            );
        }
        None => {}
    }
    build.started = arguments.started_on.or(build.started);
    build.finished = arguments.finished_on.or(build.finished);
    if let (Some(started), Some(finished)) = (build.started, build.finished)
        && finished < started
    {
        return Err(usage("the build ended before it started"));
    }
    build.parameters = once("--parameter", &arguments.parameter)?;
    build.tools = once("--tool", &arguments.tool)?;
    Ok(())
}

/// Each name once: of two values nobody knows which one counts.
fn once(flag: &str, pairs: &[(String, String)]) -> Result<BTreeMap<String, String>, Failure> {
    let mut all = BTreeMap::new();
    for (name, value) in pairs {
        if all.insert(name.clone(), value.clone()).is_some() {
            return Err(Failure::new(Kind::Usage, format!("{flag} {name} is given twice")));
        }
    }
    Ok(all)
}

fn subjects(
    arguments: &Generate,
    platform: Option<&Platform>,
    access: &Access,
) -> Result<Vec<Subject>, Failure> {
    let mut subjects = Vec::new();
    for text in &arguments.subjects {
        match Thing::open(text, None, access)? {
            Thing::Digest(digest) => subjects.push(Subject::new("", &digest)),
            Thing::File(name, digests) => {
                subjects.extend(digests.first().map(|digest| Subject::new(name, digest)));
            }
            Thing::Image(place) => {
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

fn materials(
    arguments: &Generate,
    platform: Option<&Platform>,
    access: &Access,
    limits: &Limits,
) -> Result<Vec<Material>, Failure> {
    let mut materials = arguments.material.clone();
    for path in &arguments.materials {
        let bytes = settings::read_within(path, limits.bundle_bytes, "bundle_bytes")?;
        let listed = listed(&bytes, limits).map_err(|problem| {
            Failure::new(Kind::Usage, format!("{}: {problem}", path.display()))
                .with_hint("a material a line as URI@ALGORITHM:HEX, or a JSON list of {uri, digest}")
        })?;
        materials.extend(listed);
    }
    for text in &arguments.material_image {
        materials.push(image(text, platform, access)?);
    }
    for path in &arguments.material_file {
        materials.push(file(path)?);
    }
    Ok(materials)
}

/// The materials in a file: JSON, or lines of which those that begin with `#` say nothing.
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

/// An image by its digest. It is called what was typed and, as BuildKit does, `pkg:docker/…`.
fn image(text: &str, platform: Option<&Platform>, access: &Access) -> Result<Material, Failure> {
    let place = Place::open(text, None, access)?;
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

/// A file by its SHA-256. Where it lies on this machine is nobody's business.
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
