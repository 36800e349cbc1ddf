//! cosign's key files: PKCS#8, encrypted by NaCl's secretbox under a key that scrypt derives from the password.
//!
//! What is inside the PEM block `ENCRYPTED SIGSTORE PRIVATE KEY`, or `ENCRYPTED COSIGN PRIVATE KEY` before cosign 2:
//!
//! ```json
//! {"kdf": {"name": "scrypt", "params": {"N": 65536, "r": 8, "p": 1}, "salt": "z8SAqXd1ovxJoCfPpJTRrRXHHh/yLTKiDwBqDjCO5mI="},
//!  "cipher": {"name": "nacl/secretbox", "nonce": "iw7TOeSsZYmTFgGSTtYYvfQTLQTX7zVt"}, "ciphertext": "…"}
//! ```

use aws_lc_rs::rand;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use crypto_secretbox::aead::generic_array::GenericArray;
use crypto_secretbox::aead::{Aead as _, KeyInit as _};
use crypto_secretbox::{Key, Nonce, XSalsa20Poly1305};
use pkcs8::PrivateKeyInfo;
use pkcs8::der::pem::{self, LineEnding};
use plimsoll_core::{json, text};
use serde::{Deserialize, Serialize};

use crate::cost::{MAX_FILE, check_scrypt};
use crate::{Error, Zeroizing};

const LABEL: &str = "ENCRYPTED SIGSTORE PRIVATE KEY";
const KDF: &str = "scrypt";
const CIPHER: &str = "nacl/secretbox";
/// cosign opens 2^15 and 2^16 only; this is what it writes itself.
const N: u64 = 65_536;
const R: u64 = 8;
const P: u64 = 1;
const SALT: usize = 32;
/// XSalsa20's nonce.
const NONCE: usize = 24;

#[derive(Serialize, Deserialize)]
struct Sealed {
    kdf: Kdf,
    cipher: Cipher,
    ciphertext: String,
}

#[derive(Serialize, Deserialize)]
struct Kdf {
    name: String,
    params: Params,
    salt: String,
}

#[derive(Serialize, Deserialize)]
struct Params {
    #[serde(rename = "N")]
    n: u64,
    r: u64,
    p: u64,
}

#[derive(Serialize, Deserialize)]
struct Cipher {
    name: String,
    nonce: String,
}

/// The PKCS#8 in the content of a block.
pub(super) fn open(content: &[u8], password: &[u8]) -> Result<Zeroizing<Vec<u8>>, Error> {
    let unreadable = || Error::KeyFile { got: "a cosign key block that does not decode".to_owned() };
    let refused = |got: &str| Error::KeyEncryption { got: text::terminal(got).to_string() };

    let sealed: Sealed = json::from_slice(content, MAX_FILE as u64).map_err(|_| unreadable())?;
    if sealed.kdf.name != KDF {
        return Err(refused(&format!("key derivation `{}`", sealed.kdf.name)));
    }
    if sealed.cipher.name != CIPHER {
        return Err(refused(&format!("cipher `{}`", sealed.cipher.name)));
    }
    let bytes = |text: &str| STANDARD.decode(text).map_err(|_| unreadable());
    let (salt, nonce) = (bytes(&sealed.kdf.salt)?, bytes(&sealed.cipher.nonce)?);
    let ciphertext = bytes(&sealed.ciphertext)?;
    let nonce: [u8; NONCE] = nonce.try_into().map_err(|_| unreadable())?;
    let Params { n, r, p } = sealed.kdf.params;
    let key = derive(password, &salt, n, r, p)?;
    let opened = XSalsa20Poly1305::new(Key::from_slice(key.as_slice()))
        .decrypt(Nonce::from_slice(&nonce), ciphertext.as_slice())
        .map_err(|_| Error::PassphraseWrong)?;
    Ok(Zeroizing::new(opened))
}

/// A file with this PKCS#8 in it.
pub(super) fn seal(pkcs8: &[u8], password: &[u8]) -> Result<Zeroizing<String>, Error> {
    let failed = || Error::Crypto { step: "encrypt the key" };
    if password.is_empty() {
        return Err(Error::PassphraseEmpty);
    }
    // A further defect must not produce a file that nothing can open.
    PrivateKeyInfo::try_from(pkcs8).map_err(|_| failed())?;
    let (mut salt, mut nonce) = ([0; SALT], [0; NONCE]);
    for random in [&mut salt[..], &mut nonce[..]] {
        rand::fill(random).map_err(|_| Error::Crypto { step: "draw random bytes" })?;
    }
    let key = derive(password, &salt, N, R, P)?;
    let ciphertext = XSalsa20Poly1305::new(Key::from_slice(key.as_slice()))
        .encrypt(GenericArray::from_slice(&nonce), pkcs8)
        .map_err(|_| failed())?;
    let sealed = Sealed {
        kdf: Kdf { name: KDF.to_owned(), params: Params { n: N, r: R, p: P }, salt: STANDARD.encode(salt) },
        cipher: Cipher { name: CIPHER.to_owned(), nonce: STANDARD.encode(nonce) },
        ciphertext: STANDARD.encode(ciphertext),
    };
    let content = serde_json::to_vec(&sealed).map_err(|_| failed())?;
    pem::encode_string(LABEL, LineEnding::LF, &content).map(Zeroizing::new).map_err(|_| failed())
}

/// The file's writer chose the cost, so it is checked before the work starts.
fn derive(password: &[u8], salt: &[u8], n: u64, r: u64, p: u64) -> Result<Zeroizing<[u8; 32]>, Error> {
    check_scrypt(n, r, p)?;
    let refused = || Error::KeyEncryption { got: format!("scrypt with N={n}, r={r} and p={p}") };
    let narrow = |value: u64| u32::try_from(value).map_err(|_| refused());
    if !n.is_power_of_two() || n < 2 {
        return Err(refused());
    }
    let log_n = u8::try_from(n.ilog2()).map_err(|_| refused())?;
    let parameters = scrypt::Params::new(log_n, narrow(r)?, narrow(p)?, 32).map_err(|_| refused())?;
    let mut key = Zeroizing::new([0; 32]);
    scrypt::scrypt(password, salt, &parameters, key.as_mut_slice())
        .map_err(|_| Error::Crypto { step: "derive a key from the passphrase" })?;
    Ok(key)
}
