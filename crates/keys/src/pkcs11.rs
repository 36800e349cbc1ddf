//! Keys in PKCS#11 tokens: `pkcs11:token=…;object=…`, RFC 7512 ([`uri`]).
//!
//! ```text
//! C_FindObjects  CKO_PRIVATE_KEY by label and id        exactly one, else an error
//! C_SignInit     CKM_ECDSA (digest) | CKM_RSA_PKCS (DigestInfo) | CKM_EDDSA (message)
//! ```
//!
//! The public half comes from the private key's own attributes, the public key object or the certificate with its id.
//! It is not trusted blindly: each signature is verified with it before it is used, as with every remote key.
//!
//! The PIN comes from the URI, the environment or the terminal, is tried once, and never appears in a message.

mod module;
mod uri;

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use cryptoki::context::Pkcs11;
use cryptoki::error::{Error as Refused, RvError};
use cryptoki::mechanism::Mechanism;
use cryptoki::mechanism::eddsa::{EddsaParams, EddsaSignatureScheme};
use cryptoki::object::{Attribute, AttributeType, ObjectClass, ObjectHandle};
use cryptoki::session::{Session, SessionState, UserType};
use cryptoki::slot::Slot;
use cryptoki::types::AuthPin;
use pkcs8::der::Decode as _;
use pkcs8::der::asn1::{ObjectIdentifier, OctetStringRef};
use plimsoll_core::{Kind, read, text};
use plimsoll_verify::{KeyAlgorithm, PublicKey};
use x509_cert::Certificate;
use x509_cert::der::Encode as _;

use self::module::Module;
use self::uri::Uri;
pub(super) use self::uri::shown;
use crate::access::{AskSecret, KeyAccess, Secret};
use crate::der::{self, ED25519, P256, P384};
use crate::remote::{self, RemoteKey, RemoteSigner, SigningInput};
use crate::{Error, Zeroizing};

/// Bytes of a file with a PIN.
const PIN_FILE: u64 = 1024;
/// `CKM_RSA_PKCS` signs a `DigestInfo` (RFC 8017, 9.2): this, then the SHA-256.
const SHA256_INFO: [u8; 19] = [
    0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0, 0x04,
    0x20,
];
const NO_TOKEN: &str = "compare with the available ones: p11tool --list-tokens, or pkcs11-tool --list-slots";
const NO_KEY: &str = "compare with the available ones: p11tool --list-all, or pkcs11-tool --list-objects";
const WHICH: &str = "name one by its id, as in pkcs11:…;id=%01";
const PIN: &str =
    "set PLIMSOLL_PKCS11_PIN, or name a file with pin-source; a token locks itself after a few wrong PINs";

/// An open token.
pub(super) struct Token {
    place: String,
    state: Mutex<Open>,
}

/// The session is dropped before its module.
struct Open {
    session: Session,
    key: ObjectHandle,
    _module: Module,
}

pub(super) fn open(
    reference: &str,
    ask: &mut AskSecret<'_>,
    access: &KeyAccess,
) -> Result<RemoteKey<Token>, Error> {
    let uri = Uri::parse(reference)?;
    let module = uri.module(access)?;
    let slot = uri.slot(module.context())?;
    let session = module.context().open_ro_session(slot).map_err(|error| uri.refused(&error))?;
    uri.login(module.context(), slot, &session, &mut || match uri.pin(access)? {
        Some(pin) => Ok(pin),
        None => ask(Secret::Pin, &uri.shown),
    })?;
    let key = uri.private_key(&session)?;
    let public = uri.public_of(&session, key)?;
    let place = uri.shown.clone();
    let state = Mutex::new(Open { session, key, _module: module });
    Ok(RemoteKey { place: place.clone(), public, signer: Token { place, state } })
}

/// The public key, without a PIN if the token shows it, otherwise with a PIN that needs no prompt.
pub(super) fn open_public(reference: &str, access: &KeyAccess) -> Result<PublicKey, Error> {
    let uri = Uri::parse(reference)?;
    let module = uri.module(access)?;
    let slot = uri.slot(module.context())?;
    let session = module.context().open_ro_session(slot).map_err(|error| uri.refused(&error))?;
    if let Some(key) = uri.shown_key(&session, &uri.wanted())? {
        return Ok(key);
    }
    let Some(pin) = uri.pin(access)? else {
        let problem = "no public key or certificate matches, and private keys are only visible with a PIN";
        return Err(uri.error(problem, Kind::NotFound, Some(PIN)));
    };
    uri.login(module.context(), slot, &session, &mut || Ok(pin.clone()))?;
    let key = uri.private_key(&session)?;
    uri.public_of(&session, key)
}

impl Uri {
    fn error(&self, problem: impl Into<String>, kind: Kind, hint: Option<&str>) -> Error {
        Error::KeyService {
            place: self.shown.clone(),
            problem: problem.into(),
            kind,
            hint: hint.map(str::to_owned),
        }
    }

    /// The error for the module's return code.
    fn refused(&self, error: &Refused) -> Error {
        refused(&self.shown, error)
    }

    fn module(&self, access: &KeyAccess) -> Result<Module, Error> {
        let from_environment =
            || access.get("PLIMSOLL_PKCS11_MODULE").or_else(|| access.get("COSIGN_PKCS11_MODULE_PATH"));
        let path = match (&self.module_path, &self.module_name) {
            (Some(path), _) => PathBuf::from(path),
            (None, Some(name)) => module::named(name).ok_or_else(|| {
                self.error(
                    format!("p11-kit knows no module `{name}` on this machine"),
                    Kind::NotFound,
                    Some("name the library itself: pkcs11:…?module-path=/usr/lib/…/NAME.so"),
                )
            })?,
            (None, None) => {
                let path = from_environment().map(PathBuf::from);
                path.filter(|path| path.is_absolute()).ok_or_else(|| {
                    self.error(
                        "no PKCS#11 module is configured for the token",
                        Kind::Usage,
                        Some("add ?module-path=/usr/lib/…/NAME.so, or set PLIMSOLL_PKCS11_MODULE to an absolute path"),
                    )
                })?
            }
        };
        Module::load(&path).map_err(|error| match error {
            Refused::LibraryLoading(_) | Refused::MissingSymbol(_) => {
                let kind = if path.is_file() { Kind::Failed } else { Kind::NotFound };
                let shown = path.display().to_string();
                self.error(format!("{} is not a PKCS#11 module", text::terminal(&shown)), kind, None)
            }
            error => self.refused(&error),
        })
    }

    /// The one slot whose token matches.
    fn slot(&self, context: &Pkcs11) -> Result<Slot, Error> {
        let slots = context.get_slots_with_initialized_token().map_err(|error| self.refused(&error))?;
        let mut found = Vec::new();
        for slot in slots {
            if self.is_meant(context, slot).map_err(|error| self.refused(&error))? {
                found.push(slot);
            }
        }
        match found.as_slice() {
            [slot] => Ok(*slot),
            [] => Err(self.error("no such token", Kind::NotFound, Some(NO_TOKEN))),
            more => {
                let problem = format!("{} tokens match", more.len());
                Err(self.error(problem, Kind::Usage, Some("name one by token= or serial=")))
            }
        }
    }

    fn is_meant(&self, context: &Pkcs11, slot: Slot) -> Result<bool, Refused> {
        if self.slot_id.is_some_and(|id| id != slot.id()) {
            return Ok(false);
        }
        let token = context.get_token_info(slot)?;
        for (name, wanted) in &self.of_token {
            let same = match *name {
                "token" => token.label() == wanted,
                "manufacturer" => token.manufacturer_id() == wanted,
                "model" => token.model() == wanted,
                "serial" => token.serial_number() == wanted,
                "slot-description" => context.get_slot_info(slot)?.slot_description() == wanted,
                "slot-manufacturer" => context.get_slot_info(slot)?.manufacturer_id() == wanted,
                "library-manufacturer" => context.get_library_info()?.manufacturer_id() == wanted,
                "library-description" => context.get_library_info()?.library_description() == wanted,
                _ => {
                    let version = context.get_library_info()?.library_version();
                    version.to_string() == *wanted
                        || (version.minor() == 0 && version.major().to_string() == *wanted)
                }
            };
            if !same {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The PIN, if it is available without a prompt.
    fn pin(&self, access: &KeyAccess) -> Result<Option<Zeroizing<String>>, Error> {
        if let Some(pin) = &self.pin_value {
            return Ok(Some(pin.clone()));
        }
        if let Some(path) = &self.pin_source {
            let bad = |problem: &str| self.error(format!("pin-source: {problem}"), Kind::Usage, None);
            let place = text::terminal(path).into_owned();
            let file = File::open(Path::new(path)).map_err(|source| Error::KeySource { place, source })?;
            let bytes = read::to_end(file, PIN_FILE, "document_bytes", "the PIN");
            let bytes =
                Zeroizing::new(bytes.map_err(|_| bad("the file cannot be read, or does not contain a PIN"))?);
            let pin = std::str::from_utf8(&bytes).map_err(|_| bad("the file is not UTF-8"))?;
            let pin = pin.strip_suffix('\n').unwrap_or(pin);
            return Ok(Some(Zeroizing::new(pin.strip_suffix('\r').unwrap_or(pin).to_owned())));
        }
        let set = access.get("PLIMSOLL_PKCS11_PIN").or_else(|| access.get("COSIGN_PKCS11_PIN"));
        Ok(set.map(Zeroizing::new))
    }

    fn login(
        &self,
        context: &Pkcs11,
        slot: Slot,
        session: &Session,
        pin: &mut dyn FnMut() -> Result<Zeroizing<String>, Error>,
    ) -> Result<(), Error> {
        let token = context.get_token_info(slot).map_err(|error| self.refused(&error))?;
        let state = session.get_session_info().map_err(|error| self.refused(&error))?.session_state();
        // Another key of this process may have logged in already. A login counts for all sessions with the
        // token.
        let is_in = matches!(state, SessionState::RoUser | SessionState::RwUser);
        if is_in || !token.login_required() {
            return Ok(());
        }
        if token.user_pin_locked() {
            return Err(self.error("the token has locked its PIN", Kind::Unauthorized, None));
        }
        let done = if token.protected_authentication_path() {
            // The PIN is typed on the token's reader.
            session.login(UserType::User, None)
        } else {
            let pin = pin()?;
            session.login(UserType::User, Some(&AuthPin::from(pin.as_str())))
        };
        match done {
            Ok(()) | Err(Refused::Pkcs11(RvError::UserAlreadyLoggedIn, _)) => Ok(()),
            Err(error) => Err(self.refused(&error)),
        }
    }

    /// Label and id, if the URI names them.
    fn wanted(&self) -> Vec<Attribute> {
        let label = self.object.clone().map(Attribute::Label);
        label.into_iter().chain(self.id.clone().map(Attribute::Id)).collect()
    }

    /// The one matching private key. It must be the only one, because any matching key could sign.
    fn private_key(&self, session: &Session) -> Result<ObjectHandle, Error> {
        let mut template = self.wanted();
        template.push(Attribute::Class(ObjectClass::PRIVATE_KEY));
        let found = session.find_objects(&template).map_err(|error| self.refused(&error))?;
        let key = match found.as_slice() {
            [key] => *key,
            [] => return Err(self.error("no such private key", Kind::NotFound, Some(NO_KEY))),
            more => {
                let problem = format!("{} private keys match", more.len());
                return Err(self.error(problem, Kind::Usage, Some(WHICH)));
            }
        };
        let asks_again = self
            .attributes(session, key, &[AttributeType::AlwaysAuthenticate])?
            .iter()
            .any(|attribute| matches!(attribute, Attribute::AlwaysAuthenticate(true)));
        if asks_again {
            return Err(self.error(
                "this key requires the PIN for each signature (CKA_ALWAYS_AUTHENTICATE), which is not supported",
                Kind::Usage,
                Some("use another slot of the token, such as PIV's 9a, or external:PROGRAM"),
            ));
        }
        Ok(key)
    }

    fn attributes(
        &self,
        session: &Session,
        object: ObjectHandle,
        names: &[AttributeType],
    ) -> Result<Vec<Attribute>, Error> {
        session.get_attributes(object, names).map_err(|error| self.refused(&error))
    }

    /// The public half of a private key.
    fn public_of(&self, session: &Session, key: ObjectHandle) -> Result<PublicKey, Error> {
        let halves = [AttributeType::PublicKeyInfo, AttributeType::Modulus, AttributeType::PublicExponent];
        let own = spki(&self.attributes(session, key, &halves)?);
        if let Some(public) = own.and_then(|der| PublicKey::from_spki_der(&der).ok()) {
            return Ok(public);
        }
        let mut names = self.attributes(session, key, &[AttributeType::Id, AttributeType::Label])?;
        names.retain(|name| !matches!(name, Attribute::Id(text) | Attribute::Label(text) if text.is_empty()));
        // The halves usually share both; certificates have labels of their own.
        let ids: Vec<Attribute> =
            names.iter().filter(|name| matches!(name, Attribute::Id(_))).cloned().collect();
        for wanted in [&names, &ids].into_iter().filter(|wanted| !wanted.is_empty()) {
            if let Some(public) = self.shown_key(session, wanted)? {
                return Ok(public);
            }
        }
        let problem = "the token has no public key and no certificate for this private key";
        Err(self.error(problem, Kind::NotFound, Some(NO_KEY)))
    }

    /// The one key in public key objects with these attributes, otherwise in certificates.
    fn shown_key(&self, session: &Session, wanted: &[Attribute]) -> Result<Option<PublicKey>, Error> {
        for (class, names) in [
            (
                ObjectClass::PUBLIC_KEY,
                &[
                    AttributeType::EcParams,
                    AttributeType::EcPoint,
                    AttributeType::Modulus,
                    AttributeType::PublicExponent,
                ][..],
            ),
            (ObjectClass::CERTIFICATE, &[AttributeType::Value]),
        ] {
            let template = [wanted, &[Attribute::Class(class)]].concat();
            let found = session.find_objects(&template).map_err(|error| self.refused(&error))?;
            let mut keys: Vec<PublicKey> = Vec::new();
            for object in &found {
                let attributes = self.attributes(session, *object, names)?;
                let key =
                    spki(&attributes).ok_or(()).and_then(|der| PublicKey::from_spki_der(&der).map_err(drop));
                match key {
                    Ok(key) if keys.contains(&key) => {}
                    Ok(key) => keys.push(key),
                    Err(()) if found.len() > 1 => {}
                    Err(()) => {
                        return Err(Error::KeyAlgorithm { got: "another kind of key in a token".to_owned() });
                    }
                }
            }
            if keys.len() > 1 {
                let problem = format!("{} public keys match", keys.len());
                return Err(self.error(problem, Kind::Usage, Some(WHICH)));
            }
            if let Some(key) = keys.pop() {
                return Ok(Some(key));
            }
        }
        Ok(None)
    }
}

/// The key in these attributes, as `SubjectPublicKeyInfo`.
fn spki(attributes: &[Attribute]) -> Option<Vec<u8>> {
    let (mut curve, mut point, mut modulus, mut exponent) = (None, None, None, None);
    for attribute in attributes {
        match attribute {
            Attribute::PublicKeyInfo(der) if !der.is_empty() => return Some(der.clone()),
            Attribute::Value(der) => {
                return Certificate::from_der(der)
                    .ok()?
                    .tbs_certificate
                    .subject_public_key_info
                    .to_der()
                    .ok();
            }
            Attribute::EcParams(der) => curve = Some(der.as_slice()),
            Attribute::EcPoint(der) => point = Some(der.as_slice()),
            Attribute::Modulus(bytes) if !bytes.is_empty() => modulus = Some(bytes.as_slice()),
            Attribute::PublicExponent(bytes) if !bytes.is_empty() => exponent = Some(bytes.as_slice()),
            _ => {}
        }
    }
    if let (Some(curve), Some(point)) = (curve, point) {
        let point = bare(point);
        // One of the two spellings of an Edwards curve is a name, not an object identifier.
        if curve == b"\x13\x0cedwards25519" {
            return der::ed25519_key(point);
        }
        return match ObjectIdentifier::from_der(curve).ok()? {
            ED25519 => der::ed25519_key(point),
            named if named == P256 || named == P384 => der::ec_key(&named, point),
            _ => None,
        };
    }
    der::rsa_key(modulus?, exponent?)
}

/// By the standard, a point is in an OCTET STRING; some modules omit its header. An uncompressed point begins like such
/// a string, and one in 256 continues with the right length, so the content of the string must have a point's length.
fn bare(point: &[u8]) -> &[u8] {
    let inner = OctetStringRef::from_der(point).map(|octets| octets.as_bytes());
    inner.ok().filter(|inner| matches!(inner.len(), 32 | 65 | 97)).unwrap_or(point)
}

fn refused(place: &str, error: &Refused) -> Error {
    let (problem, kind, hint) = match error {
        Refused::Pkcs11(RvError::PinIncorrect | RvError::PinInvalid | RvError::PinLenRange, _) => {
            ("the token does not accept this PIN".to_owned(), Kind::Unauthorized, Some(PIN))
        }
        Refused::Pkcs11(RvError::PinLocked, _) => {
            ("the token has locked its PIN".to_owned(), Kind::Unauthorized, None)
        }
        Refused::Pkcs11(RvError::MechanismInvalid | RvError::KeyTypeInconsistent, _) => {
            ("the token cannot sign with this kind of key".to_owned(), Kind::Failed, None)
        }
        Refused::Pkcs11(RvError::KeyFunctionNotPermitted, _) => {
            ("this key may not sign".to_owned(), Kind::Unauthorized, None)
        }
        // Only its name: the library's own text is a whole paragraph of the standard.
        Refused::Pkcs11(code, function) => {
            (format!("the module returned {code:?} from C_{function:?}"), Kind::Failed, None)
        }
        _ => ("the module does not follow the standard".to_owned(), Kind::Failed, None),
    };
    Error::KeyService { place: place.to_owned(), problem, kind, hint: hint.map(str::to_owned) }
}

impl RemoteSigner for Token {
    fn sign(&self, algorithm: KeyAlgorithm, input: &SigningInput<'_>) -> Result<Vec<u8>, Error> {
        let pure = EddsaParams::new(EddsaSignatureScheme::Ed25519);
        let (mechanism, bytes) = match (algorithm, input) {
            (KeyAlgorithm::Rsa, SigningInput::Digest(digest)) => {
                (Mechanism::RsaPkcs, [&SHA256_INFO[..], digest].concat())
            }
            (_, SigningInput::Digest(digest)) => (Mechanism::Ecdsa, digest.to_vec()),
            (_, SigningInput::Message(message)) => (Mechanism::Eddsa(pure), message.to_vec()),
        };
        let open = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let plain =
            open.session.sign(&mechanism, open.key, &bytes).map_err(|error| refused(&self.place, &error))?;
        der::signature(algorithm, plain).ok_or_else(|| {
            remote::failed(&self.place, "the signature has another length than its curve's", Kind::Failed)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::bare;

    #[test]
    fn a_point_is_taken_out_of_its_string_and_is_none_itself() {
        for length in [32, 65, 97_u8] {
            let point = vec![4; usize::from(length)];
            let string = [&[4, length][..], &point].concat();
            assert_eq!(bare(&string), point);
            // Without the header, and with a coordinate that looks like the length of the rest.
            let mut alone = point;
            alone[1] = length - 2;
            assert_eq!(bare(&alone), alone);
        }
    }
}
