//! `plimsoll policy import`.

use std::collections::BTreeSet;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use plimsoll_core::quantity::count;
use plimsoll_core::{Kind, LimitExceeded};
use plimsoll_judge::documents::{self, is_document};
use plimsoll_policy::{Import, importable};

use crate::failure::{Exit, Failure};
use crate::output::{self, Console};
use crate::report::policy_import::{ImportedFile, Report};
use crate::settings::policy::{ImportFormat, ImportSettings, ImportTarget};

pub(super) fn run(settings: &ImportSettings<'_>, console: Console) -> Result<Exit, Failure> {
    let (mut files, mut exit) = (Vec::new(), Exit::Done);
    for file in listed(settings, console)? {
        // A file that cannot be read does not affect the others.
        match read(&file, settings) {
            Ok(import) => files.push(ImportedFile { file: file.display().to_string(), import }),
            Err(failure) => {
                console.report(&failure);
                exit = exit.and(Exit::Kind(failure.kind()));
            }
        }
    }
    let report = Report::new(files);
    tell(&report, console);
    write(&report, settings)?;
    let (policies, refused) = (report.policies().count(), report.refused());
    console.say(format_args!("{} imported, {} refused", count(policies, "policy"), count(refused, "field")));
    if refused > 0 {
        return Ok(exit.and(Exit::Kind(Kind::Failed)));
    }
    if policies == 0 && exit == Exit::Done {
        let kinds: Vec<String> = importable().collect();
        return Err(Failure::new(
            Kind::Usage,
            "none of the documents is a policy that can be imported".to_owned(),
        )
        .with_hint(format!("what can be imported: {}", kinds.join("; "))));
    }
    Ok(exit)
}

fn listed(settings: &ImportSettings<'_>, console: Console) -> Result<Vec<PathBuf>, Failure> {
    let mut files = Vec::new();
    for path in &settings.paths {
        if path == Path::new("-") {
            files.push(path.clone());
            continue;
        }
        let listing = documents::list(path, is_document)?;
        listing.ignored.iter().for_each(|ignored| console.warn(ignored));
        files.extend(listing.files);
    }
    Ok(files)
}

fn read(file: &Path, settings: &ImportSettings<'_>) -> Result<Import, Failure> {
    let (bytes, origin) = if file == Path::new("-") {
        (standard_input(settings.limits.document_bytes)?, "standard input".to_owned())
    } else {
        let bytes = documents::read(file, settings.limits)?;
        documents::fits(&bytes, file, settings.limits)?;
        (bytes, file.display().to_string())
    };
    Ok(plimsoll_policy::import(&bytes, &origin, settings.now)?)
}

fn standard_input(limit: u64) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    let failed = |error| Failure::new(Kind::Failed, format!("cannot read standard input: {error}"));
    io::stdin().lock().take(limit.saturating_add(1)).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > limit {
        let exceeded = LimitExceeded::new("document_bytes", limit, "standard input".to_owned());
        return Err(plimsoll_policy::Error::from(exceeded).into());
    }
    Ok(bytes)
}

/// Says what was refused, what differs, and what is weak. Standard output is for the policies.
fn tell(report: &Report, console: Console) {
    for ImportedFile { file, import } in &report.files {
        for refused in import.refused.chunk_by(|a, b| a.document == b.document) {
            let name = refused.first().map_or("", |refusal| &*refusal.document);
            let lines: Vec<String> =
                refused.iter().map(|refusal| format!("\n  {}: {}", refusal.path, refusal.reason)).collect();
            console.warn(format_args!("{file}: {name} is not imported:{}", lines.concat()));
        }
        for other in &import.others {
            console.warn(format_args!(
                "{file}: line {}: {} is not of a kind that is imported",
                other.line, other.document
            ));
        }
        for policy in &import.policies {
            for note in &policy.notes {
                console.say(format_args!("{file}: {}: {}: {}", policy.from, note.path, note.message));
            }
            for diagnostic in &policy.diagnostics {
                console.say(format_args!(
                    "{}[{}]: policy {}: {}: {}",
                    diagnostic.severity, diagnostic.code, policy.name, diagnostic.path, diagnostic.message
                ));
            }
        }
    }
}

fn write(report: &Report, settings: &ImportSettings<'_>) -> Result<(), Failure> {
    match &settings.target {
        ImportTarget::Folder(folder) => {
            into(folder, report, settings.force)?;
            match settings.format {
                ImportFormat::Yaml => Ok(()),
                ImportFormat::Json => output::emit_json(None, report),
            }
        }
        ImportTarget::Stream(file) => {
            output::is_free(file.as_deref(), settings.force)?;
            match settings.format {
                ImportFormat::Json => output::emit_json(file.as_deref(), report),
                ImportFormat::Yaml if report.policies().next().is_none() => Ok(()),
                ImportFormat::Yaml => {
                    let documents: Vec<&str> = report.policies().map(|policy| &*policy.document).collect();
                    output::emit_new(file.as_deref(), settings.force, documents.join("---\n").as_bytes())
                }
            }
        }
    }
}

/// Each policy into a file of its own. If one of the names is taken, nothing is written.
fn into(folder: &Path, report: &Report, force: bool) -> Result<(), Failure> {
    let (mut taken, mut files) = (BTreeSet::new(), Vec::new());
    for policy in report.policies() {
        let mut name = policy.name.clone();
        let mut number = 2;
        while !taken.insert(name.to_lowercase()) {
            name = format!("{}-{number}", policy.name);
            number += 1;
        }
        let file = folder.join(format!("{name}.yaml"));
        output::is_free(Some(&file), force)?;
        files.push((file, policy));
    }
    if files.is_empty() {
        return Ok(());
    }
    std::fs::create_dir_all(folder)
        .map_err(|error| Failure::new(Kind::Failed, format!("cannot make {}: {error}", folder.display())))?;
    for (file, policy) in files {
        output::emit_new(Some(&file), force, policy.document.as_bytes())?;
    }
    Ok(())
}
