//! `plimsoll key generate|public`.

use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};

use plimsoll_core::Kind;
use plimsoll_files::Mode;
use plimsoll_signing::PrivateKey;

use crate::args::key::{Command, Generate, Key, Public};
use crate::failure::{Exit, Failure};
use crate::output::{self, Console};
use crate::settings::{self, Passphrase};

pub(super) fn run(arguments: &Key, console: Console) -> Result<Exit, Failure> {
    match &arguments.command {
        Command::Generate(arguments) => generate(arguments, console),
        Command::Public(arguments) => public(arguments),
    }
}

fn generate(arguments: &Generate, console: Console) -> Result<Exit, Failure> {
    let (private, public) = (with_extension(&arguments.name, "key"), with_extension(&arguments.name, "pub"));
    // Looked at before a passphrase is asked for; `create` below is what really keeps a file from being overwritten.
    if let Some(path) = [&private, &public].into_iter().find(|path| path.exists()) {
        return Err(plimsoll_files::Error::Exists { path: path.clone() }.into());
    }
    let passphrase = if arguments.no_passphrase { None } else { new_passphrase()? };
    let key = PrivateKey::generate_p256()?;
    let pem = key.to_pem(passphrase.as_ref().map(Passphrase::as_bytes))?;
    plimsoll_files::create(&private, Mode::Private, pem.as_bytes())?;
    plimsoll_files::create(&public, Mode::Public, key.public_key().to_pem().as_bytes())?;
    let protection = if passphrase.is_some() { "encrypted with the passphrase" } else { "not encrypted" };
    console.say(format_args!("wrote {} ({protection})", private.display()));
    console.say(format_args!("wrote {} (key id {})", public.display(), key.public_key().id()));
    Ok(Exit::Done)
}

fn public(arguments: &Public) -> Result<Exit, Failure> {
    let key = settings::private_key(&arguments.key)?;
    let pem = key.public_key().to_pem();
    output::emit(None, |out| out.write_all(pem.as_bytes()))?;
    Ok(Exit::Done)
}

/// The passphrase for a new key: from the environment, else typed twice on a terminal, where an empty one means none.
fn new_passphrase() -> Result<Option<Passphrase>, Failure> {
    if let Some(passphrase) = Passphrase::from_environment() {
        return Ok(Some(passphrase));
    }
    if !std::io::stdin().is_terminal() {
        return Err(Failure::new(Kind::Usage, "no passphrase for the new key, and no terminal to ask on")
            .with_hint("set PLIMSOLL_KEY_PASSPHRASE, or pass --no-passphrase for an unencrypted key"));
    }
    let first = Passphrase::ask("Passphrase for the new key (empty for none): ")?;
    if first.as_bytes().is_empty() {
        return Ok(None);
    }
    let second = Passphrase::ask("The same again: ")?;
    if first.as_bytes() != second.as_bytes() {
        return Err(Failure::new(Kind::Usage, "the two passphrases differ"));
    }
    Ok(Some(first))
}

/// `release` → `release.key`, also when the name itself has a dot.
fn with_extension(name: &Path, extension: &str) -> PathBuf {
    let mut path = name.as_os_str().to_owned();
    path.push(".");
    path.push(extension);
    path.into()
}
