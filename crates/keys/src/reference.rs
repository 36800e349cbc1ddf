//! What names a key: a file, an environment variable, a secret of a cluster, a service, a program.
//!
//! ```text
//! release.key                                 a file
//! env://NAME                                  an environment variable with the content of such a file
//! k8s://NAMESPACE/NAME                        a secret of a Kubernetes cluster
//! hashivault://KEY                            the transit engine of Vault or OpenBao
//! awskms://[ENDPOINT]/KEY                     Amazon KMS
//! gcpkms://projects/…/cryptoKeyVersions/N     Google Cloud KMS
//! azurekms://NAME.vault.azure.net/KEY         Azure Key Vault
//! pkcs11:token=…;object=…                     a token: RFC 7512
//! external:PROGRAM                            a program that signs
//! ```

use std::fs::File;
use std::path::Path;

use plimsoll_core::{read, text};
use plimsoll_verify::PublicKey;

use crate::access::{AskSecret, KeyAccess, Secret};
use crate::private::PrivateKey;
use crate::signer::SigningKey;
use crate::{Error, Zeroizing, cost, external, k8s, kms, pkcs11};

enum Location<'a> {
    File(&'a Path),
    Variable(&'a str),
    Kubernetes(&'a str),
    Vault(&'a str),
    Aws(&'a str),
    Google(&'a str),
    Azure(&'a str),
    Token(&'a str),
    Program(&'a str),
}

impl<'a> Location<'a> {
    fn parse(reference: &'a str) -> Result<Self, Error> {
        let wrong = |problem: &str| {
            Err(Error::KeyReference {
                reference: text::terminal(reference).into_owned(),
                problem: problem.to_owned(),
            })
        };
        if let Some(program) = reference.strip_prefix("external:") {
            return Ok(Self::Program(program));
        }
        // Schemes are case-insensitive (RFC 3986, 3.1). If this were treated as a file name, its PIN would be
        // in the message.
        if reference.get(..7).is_some_and(|scheme| scheme.eq_ignore_ascii_case("pkcs11:")) {
            return Ok(Self::Token(reference));
        }
        match reference.split_once("://") {
            None if reference.is_empty() => wrong("it is empty"),
            None => Ok(Self::File(Path::new(reference))),
            Some(("env", "")) => wrong("expected env://NAME"),
            Some(("env", name)) => Ok(Self::Variable(name)),
            Some(("k8s", rest)) => Ok(Self::Kubernetes(rest)),
            Some(("hashivault", rest)) => Ok(Self::Vault(rest)),
            Some(("awskms", rest)) => Ok(Self::Aws(rest)),
            Some(("gcpkms", rest)) => Ok(Self::Google(rest)),
            Some(("azurekms", rest)) => Ok(Self::Azure(rest)),
            Some(_) => wrong(
                "expected a file, env://, k8s://, hashivault://, awskms://, gcpkms://, azurekms://, pkcs11: or external:PROGRAM",
            ),
        }
    }
}

/// Whether the key is in a cluster, a service, a token or a program, which knows its public half.
pub fn is_remote(reference: &str) -> bool {
    !matches!(Location::parse(reference), Ok(Location::File(_) | Location::Variable(_)) | Err(_))
}

/// `reference` for messages: a token's URI without a possible PIN.
pub fn shown(reference: &str) -> String {
    match Location::parse(reference) {
        Ok(Location::Token(uri)) => pkcs11::shown(uri),
        _ => text::terminal(reference).into_owned(),
    }
}

/// The key that `reference` names. `ask` is called with the key's name if a passphrase is needed.
pub fn open(
    reference: &str,
    ask: &mut AskSecret<'_>,
    access: &KeyAccess,
) -> Result<Box<dyn SigningKey>, Error> {
    Ok(match Location::parse(reference)? {
        Location::File(_) | Location::Variable(_) | Location::Kubernetes(_) => {
            Box::new(open_private(reference, ask, access)?)
        }
        Location::Vault(key) => Box::new(kms::vault::open(reference, key, access)?),
        Location::Aws(rest) => Box::new(kms::aws::open(reference, rest, access)?),
        Location::Google(rest) => Box::new(kms::google::open(reference, rest, access)?),
        Location::Azure(rest) => Box::new(kms::azure::open(reference, rest, access)?),
        Location::Token(uri) => Box::new(pkcs11::open(uri, ask, access)?),
        Location::Program(program) => Box::new(external::open(reference, program)?),
    })
}

/// The private key itself, to write it elsewhere, if `reference` names a file, a variable or a secret. A key
/// in a token, a service or a program stays there.
pub fn open_private(
    reference: &str,
    ask: &mut AskSecret<'_>,
    access: &KeyAccess,
) -> Result<PrivateKey, Error> {
    match Location::parse(reference)? {
        Location::File(path) => unlock(&read_file(path)?, &place(path), ask),
        Location::Variable(name) => unlock(variable(reference, name, access)?.as_bytes(), reference, ask),
        Location::Kubernetes(rest) => {
            let found = k8s::read(reference, rest, access)?;
            let pem = found.key.ok_or_else(|| missing(reference, "cosign.key"))?;
            match found.password {
                Some(password) => PrivateKey::from_pem(&pem, Some(&password)),
                None => unlock(&pem, reference, ask),
            }
        }
        _ => Err(Error::KeyReference {
            reference: shown(reference),
            problem: "this key can sign, but does not leave the place where it is kept".to_owned(),
        }),
    }
}

/// The public key that `reference` names: a file with a `PUBLIC KEY`, or the public half of a remote key.
pub fn open_public(reference: &str, access: &KeyAccess) -> Result<PublicKey, Error> {
    let parse = |pem: &[u8]| PublicKey::from_pem(pem).map_err(Error::PublicKey);
    match Location::parse(reference)? {
        Location::File(path) => parse(&read_file(path)?),
        Location::Variable(name) => parse(variable(reference, name, access)?.as_bytes()),
        Location::Kubernetes(rest) => {
            let found = k8s::read(reference, rest, access)?;
            parse(&found.public.ok_or_else(|| missing(reference, "cosign.pub"))?)
        }
        Location::Vault(key) => Ok(kms::vault::open(reference, key, access)?.public),
        Location::Aws(rest) => Ok(kms::aws::open(reference, rest, access)?.public),
        Location::Google(rest) => Ok(kms::google::open(reference, rest, access)?.public),
        Location::Azure(rest) => Ok(kms::azure::open(reference, rest, access)?.public),
        Location::Token(uri) => pkcs11::open_public(uri, access),
        Location::Program(program) => Ok(external::open(reference, program)?.public),
    }
}

fn missing(reference: &str, field: &str) -> Error {
    let reference = text::terminal(reference).into_owned();
    Error::KeyReference { reference, problem: format!("the secret has no `{field}`") }
}

/// Asks only if the key is encrypted.
fn unlock(pem: &[u8], place: &str, ask: &mut AskSecret<'_>) -> Result<PrivateKey, Error> {
    match PrivateKey::from_pem(pem, None) {
        Err(Error::PassphraseMissing) => {
            PrivateKey::from_pem(pem, Some(ask(Secret::Passphrase, place)?.as_bytes()))
        }
        other => other,
    }
}

fn variable(reference: &str, name: &str, access: &KeyAccess) -> Result<Zeroizing<String>, Error> {
    access.get(name).map(Zeroizing::new).ok_or_else(|| Error::KeyReference {
        reference: text::terminal(reference).into_owned(),
        problem: "the variable is not set".to_owned(),
    })
}

fn place(path: &Path) -> String {
    text::terminal(&path.display().to_string()).into_owned()
}

fn read_file(path: &Path) -> Result<Zeroizing<Vec<u8>>, Error> {
    let failed = |source| Error::KeySource { place: place(path), source };
    let file = File::open(path).map_err(failed)?;
    // One byte more than a key file may have: the reader refuses larger ones.
    let limit = cost::MAX_FILE as u64;
    match read::to_end(file, limit, "document_bytes", "the key") {
        Ok(bytes) => Ok(Zeroizing::new(bytes)),
        Err(read::Error::Io { source, .. }) => Err(failed(source)),
        Err(_) => Err(Error::KeyFile { got: "a file larger than 16 KiB".to_owned() }),
    }
}
