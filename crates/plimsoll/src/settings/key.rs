//! Settings of `plimsoll key`.

use std::path::PathBuf;

use plimsoll_core::Kind;
use plimsoll_keys::{KeyAccess, NewKey};

use super::{Context, Format, Keys, Passphrase, key_access};
use crate::args::key::{Command, Files, Key};
use crate::failure::Failure;

pub(crate) use crate::args::key::Format as KeyFormat;

/// Settings of `plimsoll key`.
pub(crate) enum KeySettings {
    /// A new key is made.
    Generate(NewKey, PairSettings),
    /// The key of another tool is written anew.
    Import(ReadSettings, PairSettings),
    /// The public key is printed.
    Public(ReadSettings),
    Inspect(InspectSettings),
}

/// The two files of a key.
pub(crate) struct PairSettings {
    /// Their path without extension.
    pub(crate) name: PathBuf,
    pub(crate) format: KeyFormat,
    pub(crate) protection: Protection,
    /// Whether files that exist are replaced.
    pub(crate) force: bool,
}

/// Whether the private key is encrypted.
pub(crate) enum Protection {
    /// By the passphrase of the environment.
    Passphrase(Passphrase),
    /// By what a person types.
    Ask,
    Unencrypted,
}

/// Which key is read.
pub(crate) struct ReadSettings {
    /// A file, or another reference.
    pub(crate) key: String,
    pub(crate) keys: Keys,
}

/// Which key is described.
pub(crate) struct InspectSettings {
    /// A file, or another reference.
    pub(crate) key: String,
    /// The passphrase from the environment; nothing prompts for one.
    pub(crate) passphrase: Option<Passphrase>,
    /// How a key reference is resolved. What is wrong with it is reported only when it is needed.
    pub(crate) access: Result<KeyAccess, Failure>,
    pub(crate) format: Format,
}

impl KeySettings {
    pub(crate) fn resolve(arguments: &Key, context: &Context<'_>) -> Result<Self, Failure> {
        Ok(match &arguments.command {
            Command::Generate(arguments) => Self::Generate(
                NewKey::from(arguments.algorithm),
                PairSettings::resolve(&arguments.files, context)?,
            ),
            Command::Import(arguments) => {
                let pair = PairSettings::resolve(&arguments.files, context)?;
                let keys = Keys::resolve(&arguments.network, context)?;
                Self::Import(ReadSettings { key: arguments.key.clone(), keys }, pair)
            }
            Command::Public(arguments) => {
                let keys = Keys::resolve(&arguments.network, context)?;
                Self::Public(ReadSettings { key: arguments.key.clone(), keys })
            }
            Command::Inspect(arguments) => Self::Inspect(InspectSettings {
                key: arguments.key.clone(),
                passphrase: Passphrase::resolve(context),
                access: key_access(&arguments.network, context),
                format: arguments.output,
            }),
        })
    }
}

impl PairSettings {
    fn resolve(files: &Files, context: &Context<'_>) -> Result<Self, Failure> {
        let name = files.name.as_ref().or(files.output_key_prefix.as_ref());
        let name = name.ok_or_else(|| Failure::new(Kind::Usage, "no name for the new files"))?;
        let passphrase = Passphrase::resolve(context).filter(|text| !text.as_bytes().is_empty());
        let protection = match passphrase {
            _ if files.no_passphrase => Protection::Unencrypted,
            Some(passphrase) => Protection::Passphrase(passphrase),
            None => Protection::Ask,
        };
        Ok(Self { name: name.clone(), format: files.format, protection, force: files.overwriting.force })
    }
}
