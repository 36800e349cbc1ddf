//! `plimsoll key generate|import|public|inspect`.

use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};

use plimsoll_core::Kind;
use plimsoll_files::Mode;
use plimsoll_keys as key;
use plimsoll_keys::PrivateKey;
use plimsoll_verify::PublicKey;

use crate::failure::{Exit, Failure};
use crate::output::{self, Console};
use crate::render;
use crate::report::key::{REMOTE_KEY, Report};
use crate::settings::key::{InspectSettings, KeyFormat, KeySettings, PairSettings, Protection, ReadSettings};
use crate::settings::{Format, PEM_BYTES, Passphrase, read_file};

pub(super) fn run(settings: &KeySettings, console: Console) -> Result<Exit, Failure> {
    match settings {
        KeySettings::Generate(kind, pair) => {
            let pair = Pair::named(pair)?;
            let passphrase = pair.passphrase()?;
            pair.write(&PrivateKey::generate(*kind)?, passphrase.as_ref(), console)
        }
        KeySettings::Import(from, pair) => {
            let pair = Pair::named(pair)?;
            let key = from.keys.open_private(&from.key)?;
            let passphrase = pair.passphrase()?;
            pair.write(&key, passphrase.as_ref(), console)
        }
        KeySettings::Public(from) => public(from),
        KeySettings::Inspect(settings) => inspect(settings),
    }
}

fn public(from: &ReadSettings) -> Result<Exit, Failure> {
    let pem = if key::is_remote(&from.key) {
        key::open_public(&from.key, &from.keys.access)?.to_pem()
    } else {
        from.keys.open(&from.key)?.public_key().to_pem()
    };
    output::emit(None, |out| out.write_all(pem.as_bytes()))?;
    Ok(Exit::Done)
}

/// The two files of a new key.
struct Pair<'a> {
    private: PathBuf,
    public: PathBuf,
    settings: &'a PairSettings,
}

impl<'a> Pair<'a> {
    fn named(settings: &'a PairSettings) -> Result<Self, Failure> {
        let name = &settings.name;
        let pair =
            Self { private: with_extension(name, "key"), public: with_extension(name, "pub"), settings };
        // Checked before a passphrase is requested. `create` below is what really prevents overwriting a file.
        if let Some(path) = [&pair.private, &pair.public].into_iter().find(|path| path.exists())
            && !settings.force
        {
            return Err(Failure::from(plimsoll_files::Error::Exists { path: path.clone() })
                .with_hint("choose another name, or replace it with --force"));
        }
        Ok(pair)
    }

    /// The passphrase for the private key: from the environment, or typed twice on a terminal, where an empty one means
    /// none.
    fn passphrase(&self) -> Result<Option<Passphrase>, Failure> {
        let none = |reason: &str| match self.settings.format {
            KeyFormat::Pkcs8 => Ok(None),
            KeyFormat::Cosign => {
                Err(Failure::new(Kind::Usage, format!("cosign's format is always encrypted, and {reason}"))
                    .with_hint("set PLIMSOLL_KEY_PASSPHRASE or COSIGN_PASSWORD, or write --format pkcs8"))
            }
        };
        match &self.settings.protection {
            Protection::Unencrypted => return none("--no-passphrase asks for an unencrypted key"),
            Protection::Passphrase(passphrase) => return Ok(Some(passphrase.clone())),
            Protection::Ask => {}
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
        let pem = match self.settings.format {
            KeyFormat::Pkcs8 => key.to_pem(secret)?,
            KeyFormat::Cosign => key.to_cosign_pem(secret.unwrap_or_default())?,
        };
        let public = key.public_key().to_pem();
        for (path, mode, text) in
            [(&self.private, Mode::Private, pem.as_bytes()), (&self.public, Mode::Public, public.as_bytes())]
        {
            if self.settings.force {
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

fn inspect(settings: &InspectSettings) -> Result<Exit, Failure> {
    let report = report(settings)?;
    match settings.format {
        Format::Json => output::emit_json(None, &report)?,
        Format::Table => output::emit(None, |out| render::key::write(&report, out))?,
    }
    Ok(Exit::Done)
}

fn report(settings: &InspectSettings) -> Result<Report, Failure> {
    let file = key::shown(&settings.key);
    if key::is_remote(&settings.key) {
        let access = settings.access.as_ref().map_err(Clone::clone)?;
        let public = key::open_public(&settings.key, access)?;
        return Ok(Report::new(file, "private", REMOTE_KEY.to_owned(), false, Some(&public)));
    }
    let bytes = read_file(Path::new(&settings.key), PEM_BYTES)?;
    match PublicKey::from_pem(&bytes) {
        Ok(public) => return Ok(Report::new(file, "public", "spki".to_owned(), false, Some(&public))),
        Err(unusable) if key::is_called_public(&bytes) => return Err(unusable.into()),
        Err(_) => {}
    }
    let format = key::inspect(&bytes)?.format;
    let passphrase = settings.passphrase.as_ref().map(Passphrase::as_bytes);
    let opened = if format.is_encrypted() && passphrase.is_none() {
        None
    } else {
        Some(PrivateKey::from_pem(&bytes, passphrase)?)
    };
    let public = opened.as_ref().map(PrivateKey::public_key);
    Ok(Report::new(file, "private", format.to_string(), format.is_encrypted(), public))
}

/// `release` → `release.key`, also when the name itself has a dot.
fn with_extension(name: &Path, extension: &str) -> PathBuf {
    let mut path = name.as_os_str().to_owned();
    path.push(".");
    path.push(extension);
    path.into()
}
