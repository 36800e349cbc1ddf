//! `plimsoll trust update|root|signing-config|show`.

use std::path::Path;

use plimsoll_core::{Digest, Kind, Limits, Timestamp, json};
use plimsoll_trust as trust;
use plimsoll_trust::{Cached, InitialRoot, Instance, Origin, PUBLIC_GOOD, UnknownMembers};
use plimsoll_verify::TrustedRoot;
use serde_json::Value;

use crate::failure::{Exit, Failure};
use crate::output::{self, Console};
use crate::render;
use crate::report::trust::{CacheReport, Report, TrustedRootReport};
use crate::settings::trust::{ShowSettings, TrustCommandSettings, TrustSource, UpdateSettings};
use crate::settings::{Format, read_file};

pub(super) fn run(settings: &TrustCommandSettings<'_>, console: Console) -> Result<Exit, Failure> {
    match settings {
        TrustCommandSettings::Update(settings) => update(settings, console),
        TrustCommandSettings::Root(settings) => {
            let bytes = settings.spec.to_json()?;
            output::emit(settings.file.as_deref(), |out| out.write_all(&bytes))?;
            Ok(Exit::Done)
        }
        TrustCommandSettings::SigningConfig(settings) => {
            let bytes = settings.spec.to_json()?;
            output::emit(settings.file.as_deref(), |out| out.write_all(&bytes))?;
            Ok(Exit::Done)
        }
        TrustCommandSettings::Show(settings) => show(settings, console),
    }
}

fn update(settings: &UpdateSettings<'_>, console: Console) -> Result<Exit, Failure> {
    let instance = instance(settings)?;
    console.say(format_args!("asking {} for {}", instance.mirror, instance.name));
    let updated = trust::update(&instance, &settings.folder, settings.now, &settings.http)?;
    let cached = &updated.cached;
    match &updated.before {
        None => console.say("the first root and everything signed under it were verified"),
        Some(before) => {
            let said = [
                (before.versions().root != cached.versions().root, "keys rotated"),
                (before.trusted_root() != cached.trusted_root(), "trusted root changed"),
                (before.signing_config() != cached.signing_config(), "signing config changed"),
            ];
            let said: Vec<&str> =
                said.into_iter().filter(|(changed, _)| *changed).map(|(_, text)| text).collect();
            console.say(if said.is_empty() { "nothing changed".to_owned() } else { said.join(", ") });
        }
    }
    console.say(format_args!("valid until {}", cached.expires()));
    let path = cached.folder().join("trusted_root.json");
    output::emit(None, |out| writeln!(out, "{}", path.display()))?;
    Ok(Exit::Done)
}

/// The instance: the public one, a known one by name, or a new one.
fn instance(settings: &UpdateSettings<'_>) -> Result<Instance, Failure> {
    let root = match (&settings.root, settings.root_checksum) {
        (Some(path), checksum) => {
            let bytes = read_file(path, settings.limits.document_bytes)?;
            let got = Digest::sha256(&bytes);
            if checksum.is_some_and(|expected| expected != got) {
                let expected = checksum.map(|digest| digest.to_string()).unwrap_or_default();
                let message = format!("{}: got {got}, expected {expected}", path.display());
                return Err(
                    Failure::new(Kind::Denied, message).with_hint("get the root again from its operator")
                );
            }
            Some(InitialRoot::File(bytes))
        }
        (None, checksum) => checksum.map(InitialRoot::Checksum),
    };
    let name = settings.name.clone();
    if name == PUBLIC_GOOD {
        let public = Instance::public_good();
        let mirror = settings.mirror.clone().unwrap_or(public.mirror);
        return Ok(Instance { name, mirror, root: root.unwrap_or(public.root) });
    }
    let known = Cached::open(&settings.folder, &name)?;
    let mirror = settings.mirror.clone().or_else(|| known.as_ref().map(|known| known.mirror().to_owned()));
    match (mirror, root, known) {
        (Some(mirror), Some(root), _) => Ok(Instance { name, mirror, root }),
        (Some(mirror), None, Some(_)) => Ok(Instance { name, mirror, root: InitialRoot::Known }),
        _ => Err(Failure::new(Kind::Usage, format!("the instance {name} is unknown"))
            .with_hint("the first time, pass --mirror URL, and --root FILE or --root-checksum sha256:…")),
    }
}

fn show(settings: &ShowSettings, console: Console) -> Result<Exit, Failure> {
    let report = match &settings.source {
        TrustSource::File(path) => of_file(path, settings.now)?,
        TrustSource::Instance { name, folder } => of_instance(name, folder, settings.now)?,
    };
    match settings.format {
        Format::Json => output::emit_json(None, &report)?,
        Format::Table => {
            let paint = console.page(None).paint;
            output::emit(None, |out| render::trust::write(&report, paint, out))?;
        }
    }
    Ok(Exit::Done)
}

fn of_file(path: &Path, now: Timestamp) -> Result<Report, Failure> {
    let limit = Limits::TRUSTED_ROOT_BYTES;
    let bytes = read_file(path, limit)?;
    let media_type = json::value(&bytes, limit)
        .ok()
        .and_then(|value| value.get("mediaType").and_then(Value::as_str).map(str::to_owned))
        .unwrap_or_default();
    let mut report = Report::new(now, "file", path.display().to_string());
    if media_type.contains("signingconfig") {
        report.services =
            Some(trust::services(&trust::SigningConfig::parse(&bytes, UnknownMembers::Skip)?, now));
    } else {
        report.trusted_root = Some(TrustedRootReport::new(&TrustedRoot::parse(&bytes)?, now));
    }
    Ok(report)
}

fn of_instance(name: &str, folder: &Path, now: Timestamp) -> Result<Report, Failure> {
    // Showing the cached material needs no network.
    let http = plimsoll_http::Settings { offline: true, ..plimsoll_http::Settings::default() };
    let choice = trust::Choice { file: None, instance: name, folder: Some(folder), now, http: &http };
    let current = trust::current(&choice)?;
    let origin = if current.origin == Origin::BuiltIn { "built-in" } else { "cache" };
    let mut report = Report::new(now, origin, name.to_owned());
    report.cache = Cached::open(folder, name)?.map(|cached| CacheReport {
        mirror: cached.mirror().to_owned(),
        updated: cached.updated(),
        expires: cached.expires(),
        expired: cached.expires() < now,
        versions: cached.versions(),
    });
    report.trusted_root = Some(TrustedRootReport::new(&current.root, now));
    if let Some(config) = &current.signing_config {
        report.services =
            Some(trust::services(&trust::SigningConfig::parse(config, UnknownMembers::Skip)?, now));
    }
    Ok(report)
}
