//! `plimsoll key generate|import|public|inspect`.

use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};

use plimsoll_core::Kind;
use plimsoll_files::Mode;
use plimsoll_keys as key;
use plimsoll_keys::NewKey;
use plimsoll_keys::PrivateKey;
use plimsoll_verify::{KeyAlgorithm, KeyId, PublicKey};
use serde::Serialize;

use crate::args::db;
use crate::args::key::{Command, Files, Format, Generate, Import, Inspect, Key, Public};
use crate::failure::{Exit, Failure};
use crate::output::{self, Console};
use crate::settings::{self, Passphrase};

/// The format of a key that somebody else keeps.
const KEPT: &str = "kept";
/// The version of the JSON result.
const KEY_V1: &str = "plimsoll.dev/key/v1";

pub(super) fn run(arguments: &Key, console: Console) -> Result<Exit, Failure> {
    match &arguments.command {
        Command::Generate(arguments) => generate(arguments, console),
        Command::Import(arguments) => import(arguments, console),
        Command::Public(arguments) => public(arguments),
        Command::Inspect(arguments) => inspect(arguments),
    }
}

fn generate(arguments: &Generate, console: Console) -> Result<Exit, Failure> {
    let pair = Pair::named(&arguments.files)?;
    let passphrase = pair.passphrase()?;
    let key = PrivateKey::generate(NewKey::from(arguments.algorithm))?;
    pair.write(&key, passphrase.as_ref(), console)
}

fn import(arguments: &Import, console: Console) -> Result<Exit, Failure> {
    let pair = Pair::named(&arguments.files)?;
    let key = settings::private_key(&arguments.key, &settings::key_access(&arguments.network)?)?;
    let passphrase = pair.passphrase()?;
    pair.write(&key, passphrase.as_ref(), console)
}

fn public(arguments: &Public) -> Result<Exit, Failure> {
    let access = settings::key_access(&arguments.network)?;
    let pem = if key::is_remote(&arguments.key) {
        key::open_public(&arguments.key, &access)?.to_pem()
    } else {
        settings::signing_key(&arguments.key, &access)?.public_key().to_pem()
    };
    output::emit(None, |out| out.write_all(pem.as_bytes()))?;
    Ok(Exit::Done)
}

/// The two files of a new key.
struct Pair<'a> {
    private: PathBuf,
    public: PathBuf,
    options: &'a Files,
}

impl<'a> Pair<'a> {
    fn named(options: &'a Files) -> Result<Self, Failure> {
        let name = options.name.as_ref().or(options.output_key_prefix.as_ref());
        let name = name.ok_or_else(|| Failure::new(Kind::Usage, "no name for the new files"))?;
        let pair =
            Self { private: with_extension(name, "key"), public: with_extension(name, "pub"), options };
        // Looked at before a passphrase is asked for; `create` below is what really keeps a file from being overwritten.
        if let Some(path) = [&pair.private, &pair.public].into_iter().find(|path| path.exists())
            && !options.force
        {
            return Err(Failure::from(plimsoll_files::Error::Exists { path: path.clone() })
                .with_hint("choose another name, or replace it with --force"));
        }
        Ok(pair)
    }

    /// The passphrase for the private key: from the environment, else typed twice on a terminal, where an empty one means
    /// none.
    fn passphrase(&self) -> Result<Option<Passphrase>, Failure> {
        let none = |reason: &str| match self.options.format {
            Format::Pkcs8 => Ok(None),
            Format::Cosign => {
                Err(Failure::new(Kind::Usage, format!("cosign's format is always encrypted, and {reason}"))
                    .with_hint("set PLIMSOLL_KEY_PASSPHRASE or COSIGN_PASSWORD, or write --format pkcs8"))
            }
        };
        if self.options.no_passphrase {
            return none("--no-passphrase asks for an unencrypted key");
        }
        if let Some(passphrase) = Passphrase::from_environment().filter(|text| !text.as_bytes().is_empty()) {
            return Ok(Some(passphrase));
        }
        if !std::io::stdin().is_terminal() {
            return Err(Failure::new(
                Kind::Usage,
                "no passphrase for the new key, and no terminal to ask on",
            )
            .with_hint("set PLIMSOLL_KEY_PASSPHRASE, or pass --no-passphrase for an unencrypted key"));
        }
        let first = Passphrase::ask("Passphrase for the new key (empty for none): ")?;
        if first.as_bytes().is_empty() {
            return none("the passphrase is empty");
        }
        let second = Passphrase::ask("The same again: ")?;
        if first.as_bytes() != second.as_bytes() {
            return Err(Failure::new(Kind::Usage, "the two passphrases differ"));
        }
        Ok(Some(first))
    }

    fn write(
        &self,
        key: &PrivateKey,
        passphrase: Option<&Passphrase>,
        console: Console,
    ) -> Result<Exit, Failure> {
        let secret = passphrase.map(Passphrase::as_bytes);
        let pem = match self.options.format {
            Format::Pkcs8 => key.to_pem(secret)?,
            Format::Cosign => key.to_cosign_pem(secret.unwrap_or_default())?,
        };
        let public = key.public_key().to_pem();
        for (path, mode, text) in
            [(&self.private, Mode::Private, pem.as_bytes()), (&self.public, Mode::Public, public.as_bytes())]
        {
            if self.options.force {
                plimsoll_files::replace_with(path, mode, |out| out.write_all(text))?;
            } else {
                plimsoll_files::create(path, mode, text)?;
            }
        }
        let protection = if passphrase.is_some() { "encrypted with the passphrase" } else { "not encrypted" };
        console.say(format_args!("wrote {} ({protection})", self.private.display()));
        console.say(format_args!("wrote {} (key id {})", self.public.display(), key.public_key().id()));
        Ok(Exit::Done)
    }
}

/// What is said about a key file.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Report {
    schema_version: &'static str,
    file: String,
    kind: &'static str,
    format: String,
    encrypted: bool,
    /// `None`: only the passphrase would tell.
    algorithm: Option<&'static str>,
    bits: Option<usize>,
    id: Option<KeyId>,
}

fn inspect(arguments: &Inspect) -> Result<Exit, Failure> {
    let file = key::shown(&arguments.key);
    let report = |kind, format: String, encrypted, public: Option<&PublicKey>| Report {
        schema_version: KEY_V1,
        file,
        kind,
        format,
        encrypted,
        algorithm: public.map(|key| name(key.algorithm())),
        bits: public.map(PublicKey::bits),
        id: public.map(PublicKey::id),
    };
    let report = if key::is_remote(&arguments.key) {
        let public = key::open_public(&arguments.key, &settings::key_access(&arguments.network)?)?;
        report("private", KEPT.to_owned(), false, Some(&public))
    } else {
        let bytes = settings::read_file(Path::new(&arguments.key), settings::PEM_BYTES)?;
        if let Ok(public) = PublicKey::from_pem(&bytes) {
            report("public", "spki".to_owned(), false, Some(&public))
        } else {
            let format = key::inspect(&bytes)?.format;
            let passphrase = Passphrase::from_environment();
            let opened = if format.is_encrypted() && passphrase.is_none() {
                None
            } else {
                Some(PrivateKey::from_pem(&bytes, passphrase.as_ref().map(Passphrase::as_bytes))?)
            };
            let public = opened.as_ref().map(PrivateKey::public_key);
            report("private", format.to_string(), format.is_encrypted(), public)
        }
    };
    match arguments.output {
        db::Format::Json => output::emit_json(None, &report)?,
        db::Format::Table => {
            let locked = "unknown without the passphrase";
            let id = report.id.map_or_else(|| locked.to_owned(), |id| id.to_string());
            output::emit(None, |out| {
                writeln!(out, "kind       {} key", report.kind)?;
                writeln!(out, "format     {}", report.format)?;
                if report.format != KEPT {
                    writeln!(out, "encrypted  {}", if report.encrypted { "yes" } else { "no" })?;
                }
                match (report.algorithm, report.bits) {
                    (Some("rsa"), Some(bits)) => writeln!(out, "algorithm  rsa, {bits} bits")?,
                    (algorithm, _) => writeln!(out, "algorithm  {}", algorithm.unwrap_or(locked))?,
                }
                writeln!(out, "id         {id}")
            })?;
        }
    }
    Ok(Exit::Done)
}

fn name(algorithm: KeyAlgorithm) -> &'static str {
    match algorithm {
        KeyAlgorithm::EcdsaP256 => "ecdsa-p256",
        KeyAlgorithm::EcdsaP384 => "ecdsa-p384",
        KeyAlgorithm::Ed25519 => "ed25519",
        KeyAlgorithm::Rsa => "rsa",
        _ => "other",
    }
}

/// `release` → `release.key`, also when the name itself has a dot.
fn with_extension(name: &Path, extension: &str) -> PathBuf {
    let mut path = name.as_os_str().to_owned();
    path.push(".");
    path.push(extension);
    path.into()
}
