//! `plimsoll doctor`: checks what everything else depends on. Nothing is changed, and the network is only used for the
//! named registries.

mod machine;
mod network;

use std::path::PathBuf;

use plimsoll_core::quantity::{self, count};
use plimsoll_core::{Kind, Timestamp};
use plimsoll_trust::Cached;
use plimsoll_vuln::{Database, ScanSettings};

use crate::failure::{Exit, Failure};
use crate::output::{self, Console};
use crate::render;
use crate::report::doctor::{Check, Report, Status};
use crate::settings::Format;
use crate::settings::doctor::DoctorSettings;

/// The source is not older than this, so a correct clock never shows an earlier time.
const NOT_BEFORE: &str = "2026-11-21T00:00:00Z";

pub(super) fn run(settings: &DoctorSettings<'_>, console: Console) -> Result<Exit, Failure> {
    let now = settings.now;
    let mut checks = vec![clock(now), config(&settings.config)];
    checks.extend(database(&settings.database, now));
    checks.extend(trust_roots(&settings.trust, now));
    checks.extend(machine::cache(&settings.cache));
    checks.push(machine::kept("registry cache", &settings.registry_cache));
    checks.push(machine::kept("layer cache", &settings.layer_cache));
    checks.push(network::credentials(settings));
    checks.push(network::proxies(&settings.proxies));
    checks.extend(network::registries(settings));

    let failed = checks.iter().filter(|check| check.status == Status::Fail).count();
    let warned = checks.iter().filter(|check| check.status == Status::Warn).count();
    if settings.format == Format::Json {
        output::emit_json(None, &Report::new(now, checks))?;
    } else {
        let paint = console.page(None).paint;
        output::emit(None, |out| render::doctor::write(&checks, paint, out))?;
        console.say(format_args!("{}, {}", count(failed, "failure"), count(warned, "warning")));
    }
    Ok(if failed > 0 { Exit::Kind(Kind::Failed) } else { Exit::Done })
}

fn clock(now: Timestamp) -> Check {
    let earliest: Timestamp = NOT_BEFORE.parse().unwrap_or(Timestamp::UNIX_EPOCH);
    if now < earliest {
        return Check::new("clock", Status::Fail, format!("it is {now}, before this program was written"))
            .hint("set the machine's clock; ages of advisories and expiry dates are judged by it");
    }
    Check::new("clock", Status::Ok, format!("it is {now}"))
}

fn config(files: &Result<Vec<PathBuf>, Failure>) -> Check {
    let files = match files {
        Ok(files) => files,
        Err(failure) => return Check::failed("configuration", failure.clone()),
    };
    let read: Vec<String> = files.iter().map(|path| path.display().to_string()).collect();
    let message = if read.is_empty() { "no file; the defaults apply".to_owned() } else { read.join(", ") };
    Check::new("configuration", Status::Ok, message)
}

fn database(folder: &Result<PathBuf, Failure>, now: Timestamp) -> Vec<Check> {
    const NAME: &str = "database";
    let opened = folder.clone().and_then(|folder| {
        let database = Database::open(&folder)?;
        database.verify()?;
        Ok(database)
    });
    let database = match opened {
        Ok(database) => database,
        Err(failure) => return vec![Check::failed(NAME, failure)],
    };
    let limit = ScanSettings::at(now).max_age;
    let feeds = database.status().into_iter().map(|feed| {
        let age = quantity::age(now, feed.as_of);
        let advisories = format!("{} of {}", count(feed.advisories, "advisory"), feed.publisher);
        let elapsed = now.duration_since(feed.as_of);
        let check = if elapsed.is_negative() {
            Check::new(
                NAME,
                Status::Warn,
                format!("{advisories} claim to be from the future: {}", feed.as_of),
            )
            .hint("check the clock, and the time given to `plimsoll db build --as-of`")
        } else if elapsed > limit {
            let limit = quantity::duration(limit.as_secs().unsigned_abs());
            Check::new(NAME, Status::Warn, format!("{advisories}, {age}; older than {limit} counts as stale"))
                .hint("run `plimsoll db update`")
        } else {
            Check::new(NAME, Status::Ok, format!("{advisories}, {age}, whole"))
        };
        check.about(feed.ecosystem)
    });
    feeds.collect()
}

/// The trusted root for keyless signatures, and its expiry.
fn trust_roots(folder: &Result<PathBuf, Failure>, now: Timestamp) -> Vec<Check> {
    const NAME: &str = "trust root";
    let folder = match folder {
        Ok(folder) => folder,
        Err(failure) => return vec![Check::failed(NAME, failure.clone())],
    };
    let instances = Cached::instances(folder);
    if instances.is_empty() {
        let message = "the built-in one of the public instance; keys of a policy need none";
        return vec![
            Check::new(NAME, Status::Skip, message).hint("plimsoll trust update fetches the current one"),
        ];
    }
    let check = |instance: &String| {
        let cached = match Cached::open(folder, instance) {
            Ok(Some(cached)) => cached,
            Ok(None) => return Check::new(NAME, Status::Fail, "it is gone").about(instance),
            Err(error) => return Check::failed(NAME, error.into()).about(instance),
        };
        let age = quantity::age(now, cached.updated());
        let check = if let Err(error) = cached.clock_is_not_behind(now) {
            Check::failed(NAME, error.into())
        } else if cached.expires() < now {
            Check::new(NAME, Status::Warn, format!("{age}; expired at {}", cached.expires()))
                .hint(format!("plimsoll trust update --instance {instance}"))
        } else {
            Check::new(NAME, Status::Ok, format!("{age}, valid until {}", cached.expires()))
        };
        check.about(instance)
    };
    instances.iter().map(check).collect()
}
