//! Registries, proxies and credential stores.

use std::fs::File;
use std::path::PathBuf;

use plimsoll_core::{Limits, Timestamp, clock, json, read};
use plimsoll_gather::{Subject, open_registry};
use plimsoll_registry::{Found, Probe};
use serde_json::Value;

use crate::failure::Failure;
use crate::report::doctor::{Check, Status};
use crate::settings::doctor::DoctorSettings;

/// Asks the registry of each subject.
pub(super) fn registries(settings: &DoctorSettings<'_>) -> Vec<Check> {
    const NAME: &str = "registry";
    let now = (settings.clock)();
    if settings.subjects.is_empty() {
        return vec![Check::new(NAME, Status::Skip, "none was named, so none was asked")];
    }
    let checks = settings.subjects.iter().flat_map(|text| {
        let checks = probe(text, settings).map_or_else(
            |failure| vec![Check::failed(NAME, failure)],
            |probe| vec![reached(&probe), agreement(&probe, now)],
        );
        checks.into_iter().map(move |check| check.about(text))
    });
    checks.collect()
}

fn probe(text: &str, settings: &DoctorSettings<'_>) -> Result<Probe, Failure> {
    let Subject::Registry(reference) = Subject::parse(text)? else {
        return Err(Failure::new(plimsoll_core::Kind::Usage, "it is not an image in a registry"));
    };
    Ok(open_registry(&reference, &settings.access()?)?.probe()?)
}

fn reached(probe: &Probe) -> Check {
    let transport = if probe.tls { "TLS" } else { "plain HTTP" };
    let took = probe.took.as_millis();
    let api = if probe.referrers_api { "referrers API" } else { "no referrers API, fallback tags are used" };
    let found = match probe.found {
        Found::Image => "",
        Found::Repository => "; its repository exists but has no tag `latest`, so no image was read",
    };
    Check::new("registry", Status::Ok, format!("answered in {took} ms over {transport}; {api}{found}"))
}

/// Whether the registry's clock and this one agree.
fn agreement(probe: &Probe, now: Timestamp) -> Check {
    const NAME: &str = "clock";
    let Some(date) = &probe.date else {
        return Check::new(NAME, Status::Skip, "the registry does not state its time");
    };
    let Ok(there) = jiff::fmt::rfc2822::parse(date).map(|date| date.timestamp()) else {
        return Check::new(NAME, Status::Skip, format!("the registry's date `{date}` is invalid"));
    };
    let apart = now.duration_since(there);
    if apart.abs() > clock::SKEW {
        Check::new(
            NAME,
            Status::Warn,
            format!("{} s off the registry's clock, which says {there}", apart.as_secs().abs()),
        )
        .hint("set the machine's clock by NTP; short-lived tokens and certificates fail otherwise")
    } else {
        Check::new(NAME, Status::Ok, "agrees with the registry's".to_owned())
    }
}

/// Which proxies the environment names. Their addresses may contain passwords and are not shown.
pub(super) fn proxies(set: &Result<Vec<&'static str>, Failure>) -> Check {
    const NAME: &str = "proxies";
    let set = match set {
        Ok(set) => set,
        Err(failure) => return Check::failed(NAME, failure.clone()),
    };
    let message = if set.is_empty() { "none".to_owned() } else { format!("set by {}", set.join(", ")) };
    Check::new(NAME, Status::Ok, message)
}

/// Whether the credential helpers that the container tools' files name can be found.
pub(super) fn credentials(settings: &DoctorSettings<'_>) -> Check {
    const NAME: &str = "credentials";
    let (mut read, mut missing) = (Vec::new(), Vec::new());
    for path in &settings.credential_files {
        let Ok(file) = File::open(path) else { continue };
        let shown = path.display().to_string();
        let helpers = match helpers(file, &shown) {
            Ok(helpers) => helpers,
            Err(problem) => {
                return Check::new(NAME, Status::Fail, format!("{shown}: {problem}"))
                    .hint("repair the file, or move it away and log in again");
            }
        };
        for helper in helpers {
            let program = format!("docker-credential-{helper}");
            if !on_path(&program, &settings.program_folders) && !missing.contains(&program) {
                missing.push(program);
            }
        }
        read.push(shown);
    }
    if !missing.is_empty() {
        return Check::new(NAME, Status::Warn, format!("not on the PATH: {}", missing.join(", ")))
            .hint("install the helper, or remove it from the file that names it");
    }
    let message = if read.is_empty() {
        "no file; registries are asked anonymously".to_owned()
    } else {
        read.join(", ")
    };
    Check::new(NAME, Status::Ok, message)
}

fn helpers(file: File, shown: &str) -> Result<Vec<String>, String> {
    let limit = Limits::default().document_bytes;
    let bytes = read::to_end(file, limit, "document_bytes", shown).map_err(|error| error.to_string())?;
    // The file contains secrets; the parser's messages could quote them.
    let value: Value = json::from_slice(&bytes, limit).map_err(|_| "it is not JSON".to_owned())?;
    let store = value.get("credsStore").and_then(Value::as_str).map(str::to_owned);
    let others = value.get("credHelpers").and_then(Value::as_object);
    let others = others.into_iter().flat_map(|map| map.values()).filter_map(Value::as_str).map(str::to_owned);
    Ok(store.into_iter().chain(others).filter(|name| !name.is_empty()).collect())
}

fn on_path(program: &str, folders: &[PathBuf]) -> bool {
    folders.iter().any(|folder| rustix::fs::access(folder.join(program), rustix::fs::Access::EXEC_OK).is_ok())
}
