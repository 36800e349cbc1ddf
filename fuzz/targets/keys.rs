//! Key files: public keys, and private ones with and without a passphrase.

#![no_main]

use libfuzzer_sys::fuzz_target;
use plimsoll_keys::PrivateKey;
use plimsoll_verify::PublicKey;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(key) = PublicKey::from_pem(bytes) {
        let again = PublicKey::from_pem(key.to_pem().as_bytes()).unwrap();
        assert_eq!(again.spki_der(), key.spki_der());
        assert_eq!(again.id(), key.id());
    }
    if let Ok(key) = PublicKey::from_spki_der(bytes) {
        assert_eq!(PublicKey::from_pem(key.to_pem().as_bytes()).unwrap().id(), key.id());
    }
    // A real count of iterations would be all that is run: an encrypted file is read as far as its parameters.
    if let Ok(key) = PrivateKey::from_pem(bytes, None) {
        let again = PrivateKey::from_pem(key.to_pem(None).unwrap().as_bytes(), None).unwrap();
        assert_eq!(again.public_key().id(), key.public_key().id());
    }
    if bytes.len() < 200 {
        let _ = PrivateKey::from_pem(bytes, Some(b"passphrase"));
    }
});
