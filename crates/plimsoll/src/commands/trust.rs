//! `plimsoll trust update|root|signing-config|show`.

use std::path::Path;

use plimsoll_core::{Digest, Kind, Limits, Timestamp, clock, json};
use plimsoll_http::Url;
use plimsoll_trust as trust;
use plimsoll_trust::UnknownMembers;
use plimsoll_trust::{
    AuthoritySpec, Cached, InitialRoot, Instance, LogSpec, Origin, PUBLIC_GOOD, SelectorSpec, ServiceSpec,
    SigningConfigSpec, TrustedRootSpec,
};
use plimsoll_verify::TrustedRoot;
use serde_json::Value;

use crate::args::db::Format;
use crate::args::trust::{
    Command, InstanceChoice, Pairs, Root, Selector, Show, SigningConfig, Trust, Update,
};
use crate::failure::{Exit, Failure};
use crate::output::{self, Console};
use crate::render::table::Paint;
use crate::report::trust::{CacheReport, Report, TRUST_V1, TrustedRootReport};
use crate::{render, settings};

pub(super) fn run(arguments: &Trust, console: Console) -> Result<Exit, Failure> {
    match &arguments.command {
        Command::Update(arguments) => update(arguments, console),
        Command::Root(arguments) => root(arguments),
        Command::SigningConfig(arguments) => signing_config(arguments),
        Command::Show(arguments) => show(arguments, console),
    }
}

fn update(arguments: &Update, console: Console) -> Result<Exit, Failure> {
    let folder = settings::trust_folder()?;
    let instance = instance(arguments, &folder)?;
    let http = settings::http(&arguments.network)?;
    console.say(format_args!("asking {} for {}", instance.mirror, instance.name));
    let updated = trust::update(&instance, &folder, clock::now(), &http)?;
    let cached = &updated.cached;
    match &updated.before {
        None => console.say("the first root holds, and what follows from it"),
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
    console.say(format_args!("holds until {}", cached.expires()));
    let path = cached.folder().join("trusted_root.json");
    output::emit(None, |out| writeln!(out, "{}", path.display()))?;
    Ok(Exit::Done)
}

/// The instance that is meant: the public one, one that is known by name, or a new one.
fn instance(arguments: &Update, folder: &Path) -> Result<Instance, Failure> {
    let usage = |message: &str| Failure::new(Kind::Usage, message);
    let root = match (&arguments.root, arguments.root_checksum) {
        (Some(path), checksum) => {
            let bytes = settings::read_file(path, Limits::default().document_bytes)?;
            let got = Digest::sha256(&bytes);
            if checksum.is_some_and(|expected| expected != got) {
                let expected = checksum.map(|digest| digest.to_string()).unwrap_or_default();
                let message = format!("{}: got {got}, expected {expected}", path.display());
                return Err(
                    Failure::new(Kind::Denied, message).with_hint("get the root anew from its operator")
                );
            }
            Some(InitialRoot::File(bytes))
        }
        (None, checksum) => checksum.map(InitialRoot::Checksum),
    };
    let name = match (&arguments.instance.instance, &arguments.mirror) {
        (Some(name), _) => name.clone(),
        (None, Some(mirror)) => {
            Url::parse(mirror).ok().and_then(|url| url.host_str().map(str::to_owned)).ok_or_else(|| {
                usage("the mirror has no host to name the instance by").with_hint("pass --instance NAME")
            })?
        }
        (None, None) => PUBLIC_GOOD.to_owned(),
    };
    if name == PUBLIC_GOOD {
        let public = Instance::public_good();
        let mirror = arguments.mirror.clone().unwrap_or(public.mirror);
        return Ok(Instance { name, mirror, root: root.unwrap_or(public.root) });
    }
    let known = Cached::open(folder, &name)?;
    let mirror = arguments.mirror.clone().or_else(|| known.as_ref().map(|known| known.mirror().to_owned()));
    match (mirror, root, known) {
        (Some(mirror), Some(root), _) => Ok(Instance { name, mirror, root }),
        (Some(mirror), None, Some(_)) => Ok(Instance { name, mirror, root: InitialRoot::Known }),
        _ => Err(Failure::new(Kind::Usage, format!("nothing is known of the instance {name}"))
            .with_hint("the first time, pass --mirror URL, and --root FILE or --root-checksum sha256:…")),
    }
}

fn root(arguments: &Root) -> Result<Exit, Failure> {
    let spec = TrustedRootSpec {
        fulcio: each("--fulcio", &arguments.fulcio, authority)?,
        rekor: each("--rekor", &arguments.rekor, log)?,
        ctfe: each("--ctfe", &arguments.ctfe, log)?,
        tsa: each("--tsa", &arguments.tsa, authority)?,
    };
    if spec.fulcio.is_empty() && spec.rekor.is_empty() && spec.ctfe.is_empty() && spec.tsa.is_empty() {
        return Err(Failure::new(Kind::Usage, "a trusted root without anything in it trusts nobody")
            .with_hint("pass at least one of --fulcio, --rekor, --ctfe and --tsa"));
    }
    let bytes = spec.to_json()?;
    output::emit(arguments.file.output_file.as_deref(), |out| out.write_all(&bytes))?;
    Ok(Exit::Done)
}

fn signing_config(arguments: &SigningConfig) -> Result<Exit, Failure> {
    let limit = Limits::default().document_bytes;
    let selector = |selector: Option<Selector>| {
        selector.map(|selector| match selector {
            Selector::Any => SelectorSpec::Any,
            Selector::All => SelectorSpec::All,
            Selector::Exact(count) => SelectorSpec::Exact(count),
        })
    };
    let spec = SigningConfigSpec {
        base: arguments.base_config.as_ref().map(|path| settings::read_file(path, limit)).transpose()?,
        fulcio: each("--fulcio", &arguments.fulcio, service)?,
        oidc: each("--oidc-provider", &arguments.oidc_provider, service)?,
        rekor: each("--rekor", &arguments.rekor, service)?,
        rekor_config: selector(arguments.rekor_config),
        tsa: each("--tsa", &arguments.tsa, service)?,
        tsa_config: selector(arguments.tsa_config),
    };
    let bytes = spec.to_json()?;
    output::emit(arguments.file.output_file.as_deref(), |out| out.write_all(&bytes))?;
    Ok(Exit::Done)
}

/// The pairs of one flag, taken out one by one; what is left over is a mistake.
struct Given {
    flag: &'static str,
    pairs: Vec<(String, String)>,
    known: Vec<&'static str>,
}

impl Given {
    /// The value under the first of `names`; the others are older or shorter names for it.
    fn take(&mut self, names: &[&'static str]) -> Option<String> {
        self.known.extend(names.first());
        let place = self.pairs.iter().position(|(name, _)| names.contains(&name.as_str()))?;
        Some(self.pairs.remove(place).1)
    }

    fn require(&mut self, names: &[&'static str]) -> Result<String, Failure> {
        let name = names.first().copied().unwrap_or_default();
        self.take(names).ok_or_else(|| Failure::new(Kind::Usage, format!("{}: {name} is missing", self.flag)))
    }

    fn time(&mut self, names: &[&'static str]) -> Result<Option<Timestamp>, Failure> {
        let flag = self.flag;
        let parse = |text: String| {
            text.parse().map_err(|_| {
                let message = format!("{flag}: got the time `{text}`");
                Failure::new(Kind::Usage, message).with_hint("write it as 2026-01-01T00:00:00Z")
            })
        };
        self.take(names).map(parse).transpose()
    }

    fn url(&mut self) -> Result<String, Failure> {
        let url = self.require(&["url"])?;
        let is_web = Url::parse(&url).is_ok_and(|url| matches!(url.scheme(), "https" | "http"));
        if is_web {
            return Ok(url);
        }
        Err(Failure::new(Kind::Usage, format!("{}: got the URL `{url}`, expected https://…", self.flag)))
    }

    fn window(&mut self) -> Result<(Option<Timestamp>, Option<Timestamp>), Failure> {
        Ok((self.time(&["start-time", "start"])?, self.time(&["end-time", "end"])?))
    }

    fn start(&mut self) -> Result<Timestamp, Failure> {
        let missing = Failure::new(Kind::Usage, format!("{}: start-time is missing", self.flag));
        self.time(&["start-time", "start"])?.ok_or(missing)
    }

    fn end(self) -> Result<(), Failure> {
        let Some((name, _)) = self.pairs.first() else { return Ok(()) };
        let message = format!("{}: got `{name}`, expected one of {}", self.flag, self.known.join(", "));
        Err(Failure::new(Kind::Usage, message))
    }
}

fn each<T>(
    flag: &'static str,
    all: &[Pairs],
    make: impl Fn(&mut Given) -> Result<T, Failure>,
) -> Result<Vec<T>, Failure> {
    let one = |pairs: &Pairs| {
        let mut given = Given { flag, pairs: pairs.0.clone(), known: Vec::new() };
        let spec = make(&mut given)?;
        given.end()?;
        Ok(spec)
    };
    all.iter().map(one).collect()
}

fn authority(given: &mut Given) -> Result<AuthoritySpec, Failure> {
    let url = given.url()?;
    let chain = given.require(&["certificate-chain", "cert-chain"])?;
    let (start, end) = given.window()?;
    Ok(AuthoritySpec { url, chain: settings::read_file(Path::new(&chain), settings::PEM_BYTES)?, start, end })
}

fn log(given: &mut Given) -> Result<LogSpec, Failure> {
    let url = given.url()?;
    let key = given.require(&["public-key"])?;
    let (start, end, origin) = (given.start()?, given.time(&["end-time", "end"])?, given.take(&["origin"]));
    Ok(LogSpec { url, key: settings::read_file(Path::new(&key), settings::PEM_BYTES)?, start, end, origin })
}

fn service(given: &mut Given) -> Result<ServiceSpec, Failure> {
    let url = given.url()?;
    let version = given.require(&["api-version"])?;
    let wrong = || {
        let message = format!("{}: got the api-version `{version}`, expected a number such as 1", given.flag);
        Failure::new(Kind::Usage, message)
    };
    let api_version = version.parse().ok().filter(|version| *version > 0).ok_or_else(wrong)?;
    let (start, end) = (given.start()?, given.time(&["end-time", "end"])?);
    Ok(ServiceSpec { url, api_version, start, end, operator: given.require(&["operator"])? })
}

fn show(arguments: &Show, console: Console) -> Result<Exit, Failure> {
    let now = settings::now(&arguments.instant);
    let report = match &arguments.path {
        Some(path) => of_file(path, now)?,
        None => of_instance(&arguments.instance, now)?,
    };
    match arguments.output {
        Format::Json => output::emit_json(None, &report)?,
        Format::Table => {
            let paint = Paint(console.stdout_colors());
            output::emit(None, |out| render::trust::write(&report, paint, out))?;
        }
    }
    Ok(Exit::Done)
}

fn of_file(path: &Path, now: Timestamp) -> Result<Report, Failure> {
    let limit = Limits::TRUSTED_ROOT_BYTES;
    let bytes = settings::read_file(path, limit)?;
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

fn of_instance(choice: &InstanceChoice, now: Timestamp) -> Result<Report, Failure> {
    let folder = settings::trust_folder()?;
    let name = choice.instance.as_deref().unwrap_or(PUBLIC_GOOD);
    // Showing what there is asks nobody.
    let http = plimsoll_http::Settings { offline: true, ..plimsoll_http::Settings::default() };
    let choice = trust::Choice { file: None, instance: name, folder: Some(&folder), now, http: &http };
    let current = trust::current(&choice)?;
    let origin = if current.origin == Origin::BuiltIn { "built-in" } else { "cache" };
    let mut report = Report::new(now, origin, name.to_owned());
    report.cache = Cached::open(&folder, name)?.map(|cached| CacheReport {
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

impl Report {
    fn new(checked_at: Timestamp, origin: &'static str, name: String) -> Self {
        Self {
            schema_version: TRUST_V1,
            checked_at,
            origin,
            name,
            cache: None,
            trusted_root: None,
            services: None,
        }
    }
}

impl TrustedRootReport {
    fn new(root: &TrustedRoot, now: Timestamp) -> Self {
        Self { digest: root.digest(), entries: trust::entries(root, now) }
    }
}
