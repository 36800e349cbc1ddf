//! What keys are opened with: the network, clouds, the environment, and a person on the terminal.

use std::fmt;

use plimsoll_core::Kind;
use plimsoll_gather::Access;
use plimsoll_keys as key;
use plimsoll_keys::{KeyAccess, PrivateKey, Secret, SigningKey, Zeroizing};

use super::Context;
use super::network::{key_access, key_access_beside};
use crate::args::shared::Network;
use crate::failure::Failure;

/// What keys are opened with.
pub(crate) struct Keys {
    /// What references are followed with.
    pub(crate) access: KeyAccess,
    /// The passphrase of the environment.
    pub(crate) passphrase: Option<Passphrase>,
}

impl Keys {
    pub(crate) fn resolve(network: &Network, context: &Context<'_>) -> Result<Self, Failure> {
        Ok(Self { access: key_access(network, context)?, passphrase: Passphrase::resolve(context) })
    }

    /// By the settings that subjects are opened with.
    pub(crate) fn beside(access: &Access, context: &Context<'_>) -> Self {
        Self { access: key_access_beside(access, context), passphrase: Passphrase::resolve(context) }
    }

    /// The key that `reference` names: a file, or what [`plimsoll_keys::open`] finds elsewhere.
    pub(crate) fn open(&self, reference: &str) -> Result<Box<dyn SigningKey>, Failure> {
        self.asking(|ask| key::open(reference, ask, &self.access))
    }

    /// The private key itself, to be written elsewhere.
    pub(crate) fn open_private(&self, reference: &str) -> Result<PrivateKey, Failure> {
        self.asking(|ask| key::open_private(reference, ask, &self.access))
    }

    /// Opens a key, with what the environment or a person on the terminal says where there has to be a secret.
    fn asking<T>(
        &self,
        open: impl FnOnce(&mut key::AskSecret<'_>) -> Result<T, key::Error>,
    ) -> Result<T, Failure> {
        let mut failure = None;
        let mut ask = |secret: Secret, place: &str| {
            let passphrase = match (secret, &self.passphrase) {
                (Secret::Passphrase, Some(passphrase)) => Ok(passphrase.clone()),
                (Secret::Passphrase, None) => Passphrase::ask(&format!("Passphrase for {place}: ")),
                // Its variable was read where the token's module is.
                (Secret::Pin, _) => {
                    Passphrase::ask_for("a PIN", "PLIMSOLL_PKCS11_PIN", &format!("PIN for {place}: "))
                }
            };
            passphrase.map(|passphrase| passphrase.0).map_err(|error| {
                failure = Some(error);
                key::Error::PassphraseMissing
            })
        };
        let opened = open(&mut ask);
        // Why nobody could be asked is more useful than that there is no passphrase.
        opened.map_err(|error| failure.unwrap_or_else(|| error.into()))
    }
}

/// A passphrase. It has no `Display`, and its `Debug` does not show it.
#[derive(Clone)]
pub(crate) struct Passphrase(Zeroizing<String>);

impl Passphrase {
    /// `PLIMSOLL_KEY_PASSPHRASE`, when it is set and not empty, else `COSIGN_PASSWORD`, which may be empty: cosign makes
    /// such keys.
    pub(crate) fn resolve(context: &Context<'_>) -> Option<Self> {
        let own = context.text("PLIMSOLL_KEY_PASSPHRASE").filter(|text| !text.is_empty());
        own.or_else(|| context.text("COSIGN_PASSWORD")).map(|text| Self(Zeroizing::new(text)))
    }

    /// Asks on the terminal, without echo.
    pub(crate) fn ask(prompt: &str) -> Result<Self, Failure> {
        Self::ask_for("a passphrase", "PLIMSOLL_KEY_PASSPHRASE", prompt)
    }

    fn ask_for(what: &str, variable: &str, prompt: &str) -> Result<Self, Failure> {
        rpassword::prompt_password(prompt).map(|text| Self(Zeroizing::new(text))).map_err(|error| {
            Failure::new(Kind::Usage, format!("cannot ask for {what}: {error}"))
                .with_hint(format!("set {variable}"))
        })
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl fmt::Debug for Passphrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Passphrase")
    }
}
