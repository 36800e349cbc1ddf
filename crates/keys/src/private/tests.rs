//! Each format and algorithm, and files that must not open.

use pkcs8::der::pem::LineEnding;
use pkcs8::{EncryptedPrivateKeyInfo, PrivateKeyInfo, SecretDocument};
use plimsoll_verify::KeyAlgorithm;

use super::*;
use crate::{FileDigests, Format, KeyAccess, Secret, inspect, is_remote, open, open_public, shown};

/// openssl ecparam -name prime256v1 -genkey -noout | openssl pkcs8 -topk8 -nocrypt
const PLAIN: &str = "-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgauIkS8QkIN78kpe2
RQegm8qdcqJ/rD1JR4Kj7/Mt0HmhRANCAAT1VIHlgyQf6R1i5LTOy8PhN2h9t3u3
q14o4JC42St6PwgP+s3NTIVG/HxLLgHiQHpkIjmt2cHitUreV05KWydw
-----END PRIVATE KEY-----
";
/// The same key: openssl pkcs8 -topk8 -v2 aes-256-cbc -passout pass:hunter2
const OPENSSL_PBKDF2: &str = "-----BEGIN ENCRYPTED PRIVATE KEY-----
MIHsMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAg5UwAz3yVbIAICCAAw
DAYIKoZIhvcNAgkFADAdBglghkgBZQMEASoEEKJtY+MFhq1Llyav+ScjfwMEgZBS
41M0ge0PEeUr4TOW4dGFseFv9fdOTcj4vlQtS+VsWyqsnwCA+Ok3vhocqju9k0Dp
LB7a+mBrBVWQk13CL2Tph/4EUoYtiOqjhX7DKEH6VMeIPTqxx8fItqbbmJkbEPrG
9+Ci9kuJJhiY7HXRJX+S3rdMdclwJ99wVxnyK5/a5YZolMRoGvVevIZPF/3Q8jg=
-----END ENCRYPTED PRIVATE KEY-----
";
/// The same key: openssl pkcs8 -topk8 -scrypt -passout pass:hunter2
const OPENSSL_SCRYPT: &str = "-----BEGIN ENCRYPTED PRIVATE KEY-----
MIHkME8GCSqGSIb3DQEFDTBCMCEGCSsGAQQB2kcECzAUBAhnPW5dmtxPxgICQAAC
AQgCAQEwHQYJYIZIAWUDBAEqBBCV3eTMZv12iHgHEAH2U3KZBIGQVDjigiRP9y0b
BKSR/khT8QToC+2qnRG70BUiRxLSX+O/gY8VRr0dOdCDJTX4G8zlD4JturhM6Pq2
B2eNRsXPN0egF8tvJrFJn4mgfR+0efbsfpgpm/m2DYtAPXMifTpzvAJsqnSEQxJh
U05Q/zgL2b09S7wiTFE9eIsZzKnySVygQk3TPiIS3HVgozbCdlij
-----END ENCRYPTED PRIVATE KEY-----
";
/// openssl ecparam -name secp256k1 -genkey -noout | openssl pkcs8 -topk8 -nocrypt
const K256: &str = "-----BEGIN PRIVATE KEY-----
MIGEAgEAMBAGByqGSM49AgEGBSuBBAAKBG0wawIBAQQg7OCI6QePuv4BAQfkKpyQ
a54QsBI07ZTLEK4BV78IFZuhRANCAATN0xqAMExcSb0p6atF2OZw5bCCFznmMW79
tv/sv41KxUsl5usb2V7Zfw3SqYx1Ncw5rMXbonFCLDafKP8kgb3y
-----END PRIVATE KEY-----
";
/// openssl ecparam -name prime256v1 -genkey
const SEC1: &str = "-----BEGIN EC PARAMETERS-----
BggqhkjOPQMBBw==
-----END EC PARAMETERS-----
-----BEGIN EC PRIVATE KEY-----
MHcCAQEEIL8+TMFQ1+hfC62i669djKL+k+Lg4fRWT1GV4ceBd+9boAoGCCqGSM49
AwEHoUQDQgAE0o8x/aOwo5syVPm/z9bQYP8SE8gJFhqqogXSuZ+ObMEPZtdwDK0H
WZGh31NecDvDXXcIkBo8zGKiggLcGSTT8A==
-----END EC PRIVATE KEY-----
";
/// COSIGN_PASSWORD=hunter2 cosign generate-key-pair (3.1.3)
const COSIGN: &str = "-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----
eyJrZGYiOnsibmFtZSI6InNjcnlwdCIsInBhcmFtcyI6eyJOIjo2NTUzNiwiciI6
OCwicCI6MX0sInNhbHQiOiJUTEd6MXgvVW5sOGxoZmw5d1RZUmdzR2ZiOVNSbU92
cmpQc0FrbGFPeVZFPSJ9LCJjaXBoZXIiOnsibmFtZSI6Im5hY2wvc2VjcmV0Ym94
Iiwibm9uY2UiOiJDR3FCUFIzWEFIait0VEtML053ODRqQ3RQWEFaNUx3YyJ9LCJj
aXBoZXJ0ZXh0IjoiWnZJOEUrR1QzZlFLSGtvUEVIdW1HWmxTV09XVlNuTWRCaGV3
T2FtVWg4MkpNN0dQbXBGOXNreEdwREpCRkE5eWlJNDNiNktYcEFjbE1hM3BJVloz
N2xYOWc5c25uL3B1bittejhnamh2L0Q1SWg1a3BDcFpRZnJ5OTA1b2hnbTNxd1NF
UG9vcXhFdDA1TzZnZWh4WmY1K1FZbno5N1IycjZtR2ZsVkpVL3dDY3QvZzRldjYw
YWN3cE1HSUl5dmJWVnVyZlA0aGJLYWlrVHc9PSJ9
-----END ENCRYPTED SIGSTORE PRIVATE KEY-----
";
const COSIGN_PUBLIC: &str = "-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEPN/zUPWAupuPS1y+KTH1BfdZbhrv
foVntLWDLqZZAvvbUXKd/ciGD2vqUseewRWImKPP/DeBD7QiSnnoqUR0mw==
-----END PUBLIC KEY-----
";

fn refusal(pem: &str, passphrase: Option<&[u8]>) -> Error {
    PrivateKey::from_pem(pem.as_bytes(), passphrase).err().unwrap()
}

#[test]
fn a_key_file_reads_back_with_and_without_a_passphrase() {
    let key = PrivateKey::generate_p256().unwrap();
    assert_eq!(key.public_key().algorithm(), KeyAlgorithm::EcdsaP256);
    let plain = key.to_pem(None).unwrap();
    assert!(plain.starts_with("-----BEGIN PRIVATE KEY-----\n"));
    assert!(PrivateKey::from_pem(plain.as_bytes(), None).unwrap().public_key() == key.public_key());

    let locked = key.to_pem(Some(b"hunter2")).unwrap();
    assert!(locked.starts_with("-----BEGIN ENCRYPTED PRIVATE KEY-----\n"));
    let opened = PrivateKey::from_pem(locked.as_bytes(), Some(b"hunter2")).unwrap();
    assert!(opened.public_key() == key.public_key());
    assert!(matches!(refusal(&locked, Some(b"Hunter2")), Error::PassphraseWrong));
    assert!(matches!(refusal(&locked, Some(b"")), Error::PassphraseWrong));
    assert!(matches!(refusal(&locked, None), Error::PassphraseMissing));
    assert!(matches!(key.to_pem(Some(b"")), Err(Error::PassphraseEmpty)));
    // Salted: the same key and passphrase give different files.
    assert_ne!(*locked, *key.to_pem(Some(b"hunter2")).unwrap());
}

#[test]
fn files_of_openssl_open() {
    let key = PrivateKey::from_pem(PLAIN.as_bytes(), None).unwrap();
    for file in [OPENSSL_PBKDF2, OPENSSL_SCRYPT] {
        let opened = PrivateKey::from_pem(file.as_bytes(), Some(b"hunter2")).unwrap();
        assert!(opened.public_key() == key.public_key());
        assert!(matches!(refusal(file, Some(b"other")), Error::PassphraseWrong));
    }
    assert!(PrivateKey::from_pem(PLAIN.as_bytes(), Some(b"not needed")).is_ok());
    assert!(PrivateKey::from_pem(PLAIN.replace('\n', "\r\n").as_bytes(), None).is_ok());
}

#[test]
fn other_keys_and_other_files_are_refused_by_name_and_never_shown() {
    let error = refusal(K256, None);
    assert!(matches!(error, Error::KeyAlgorithm { .. }));
    assert!(error.to_string().contains("1.3.132.0.10"), "{error}");
    let secret = PLAIN.lines().nth(1).unwrap();
    for (file, said) in [
        (String::new(), "no PEM block"),
        (PLAIN.replace("PRIVATE", "DSA PRIVATE"), "`DSA PRIVATE KEY`"),
        (PLAIN.replace("PRIVATE", "EC PRIVATE"), "PKCS#8 in a block"),
        (PLAIN.replace("PRIVATE", "RSA PRIVATE"), "no key of at least 2048 bits"),
        (PLAIN.replace("PRIVATE KEY-----\n", "PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\n"), "header"),
        (PLAIN.replace("PRIVATE", "PUBLIC"), "PUBLIC"),
        (PLAIN.replace("-----END", "-----DNE"), "does not decode"),
        (format!("{PLAIN}{PLAIN}"), "does not decode"),
        (PLAIN.replace("MIGH", "M!GH"), "does not decode"),
        (" ".repeat(20_000), "larger than 16 KiB"),
    ] {
        let error = refusal(&file, None);
        assert!(error.to_string().contains(said), "{error}");
        assert!(!format!("{error:?}").contains(secret));
    }
    let error = PrivateKey::from_pem(&[0xff], None).err().unwrap();
    assert!(error.to_string().contains("got bytes that are not text"), "{error}");
}

#[test]
fn a_key_file_cannot_ask_for_unbounded_work() {
    use pkcs8::pkcs5::pbes2::{Kdf, Parameters, ScryptParams};

    let key = PrivateKey::generate_p256().unwrap().to_pkcs8().unwrap();
    let mut parameters = Parameters::pbkdf2_sha256_aes256cbc(1, b"salt", &[0; 16]).unwrap();
    let document = PrivateKeyInfo::try_from(key.as_slice())
        .unwrap()
        .encrypt_with_params(parameters.clone(), "x")
        .unwrap();
    let with = |parameters: Parameters<'_>| {
        let mut info = EncryptedPrivateKeyInfo::try_from(document.as_bytes()).unwrap();
        info.encryption_algorithm = parameters.into();
        let pem = SecretDocument::encode_msg(&info).unwrap().to_pem("ENCRYPTED PRIVATE KEY", LineEnding::LF);
        refusal(&pem.unwrap(), Some(b"x"))
    };
    if let Kdf::Pbkdf2(kdf) = &mut parameters.kdf {
        kdf.iteration_count = u32::MAX;
    }
    assert!(matches!(with(parameters.clone()), Error::KeyEncryption { .. }));
    parameters.kdf = Kdf::Scrypt(ScryptParams {
        salt: b"salt",
        cost_parameter: 1 << 40,
        block_size: 8,
        parallelization: 1,
        key_length: None,
    });
    assert!(matches!(with(parameters), Error::KeyEncryption { .. }));
}

const ALL: [NewKey; 4] = [NewKey::P256, NewKey::P384, NewKey::Rsa3072, NewKey::Ed25519];

#[test]
fn every_algorithm_signs_messages_and_files_and_reads_back_in_both_formats() {
    for kind in ALL {
        let key = PrivateKey::generate(kind).unwrap();
        let expected = match kind {
            NewKey::P256 => KeyAlgorithm::EcdsaP256,
            NewKey::P384 => KeyAlgorithm::EcdsaP384,
            NewKey::Rsa3072 | NewKey::Rsa4096 => KeyAlgorithm::Rsa,
            NewKey::Ed25519 => KeyAlgorithm::Ed25519,
        };
        assert_eq!(key.public_key().algorithm(), expected);
        for pem in [
            key.to_pem(None).unwrap(),
            key.to_pem(Some(b"hunter2")).unwrap(),
            key.to_cosign_pem(b"hunter2").unwrap(),
        ] {
            let again = PrivateKey::from_pem(pem.as_bytes(), Some(b"hunter2")).unwrap();
            assert!(again.public_key() == key.public_key());
            let signature = again.sign(&Payload::Message(b"content")).unwrap();
            assert!(key.public_key().verifies_signature(b"content", &signature));
            assert!(!key.public_key().verifies_signature(b"other", &signature));
        }
        let file = FileDigests::read(&b"content"[..]).unwrap();
        match key.sign(&Payload::Digests(&file)) {
            Ok(signature) => assert!(key.public_key().verifies_signature(b"content", &signature)),
            Err(error) => {
                assert_eq!(kind, NewKey::Ed25519);
                assert!(matches!(error, Error::WholeMessageOnly));
            }
        }
    }
}

#[test]
fn a_key_file_of_cosign_opens_with_its_password_only() {
    let key = PrivateKey::from_pem(COSIGN.as_bytes(), Some(b"hunter2")).unwrap();
    assert_eq!(key.public_key().to_pem(), COSIGN_PUBLIC);
    assert!(matches!(refusal(COSIGN, Some(b"hunter3")), Error::PassphraseWrong));
    assert!(matches!(refusal(COSIGN, Some(b"")), Error::PassphraseWrong));
    assert!(matches!(refusal(COSIGN, None), Error::PassphraseMissing));
    assert!(matches!(key.to_cosign_pem(b""), Err(Error::PassphraseEmpty)));
    let older = COSIGN.replace("SIGSTORE", "COSIGN");
    assert!(PrivateKey::from_pem(older.as_bytes(), Some(b"hunter2")).is_ok());
    assert_ne!(*key.to_cosign_pem(b"x").unwrap(), *key.to_cosign_pem(b"x").unwrap());
}

#[test]
fn cosigns_file_cannot_ask_for_unbounded_work_or_for_another_cipher() {
    let content = |text: String| {
        let pem =
            pkcs8::der::pem::encode_string("ENCRYPTED SIGSTORE PRIVATE KEY", LineEnding::LF, text.as_bytes());
        refusal(&pem.unwrap(), Some(b"x"))
    };
    let with = |kdf: &str, n: &str, r: u64, p: u64, cipher: &str| {
        content(format!(
            r#"{{"kdf":{{"name":"{kdf}","params":{{"N":{n},"r":{r},"p":{p}}},"salt":"AAAA"}},
               "cipher":{{"name":"{cipher}","nonce":"{}"}},"ciphertext":"AAAA"}}"#,
            "A".repeat(32)
        ))
    };
    let secretbox = "nacl/secretbox";
    // These would cost 1 PiB, 16 EiB, hours; a cost that is not a power of two; no work at all.
    for (n, r, p) in [
        ("1099511627776", 8, 1),
        ("18446744073709551615", 8, 1),
        ("65536", 8, 1_000_000_000),
        ("65536", 4_294_967_297, 1),
        ("65537", 8, 1),
        ("0", 8, 1),
        ("1", 8, 1),
        ("65536", 0, 1),
        ("65536", 8, 0),
    ] {
        assert!(matches!(with("scrypt", n, r, p, secretbox), Error::KeyEncryption { .. }), "{n} {r} {p}");
    }
    assert!(matches!(with("pbkdf2", "65536", 8, 1, secretbox), Error::KeyEncryption { .. }));
    assert!(matches!(with("scrypt", "65536", 8, 1, "aes\\u001b"), Error::KeyEncryption { .. }));
    assert!(matches!(with("scrypt", "2", 8, 1, secretbox), Error::PassphraseWrong));
    assert!(matches!(with("scrypt", "-1", 8, 1, secretbox), Error::KeyFile { .. }));
    assert!(matches!(content("{}".to_owned()), Error::KeyFile { .. }));
    assert!(matches!(content("[".repeat(5000)), Error::KeyFile { .. }));
}

#[test]
fn files_of_before_pkcs8_open() {
    let key = PrivateKey::from_pem(SEC1.as_bytes(), None).unwrap();
    assert_eq!(key.public_key().algorithm(), KeyAlgorithm::EcdsaP256);
    let only = &SEC1[SEC1.find("-----BEGIN EC PRIVATE").unwrap()..];
    assert!(PrivateKey::from_pem(only.as_bytes(), None).unwrap().public_key() == key.public_key());
    assert_eq!(inspect(SEC1.as_bytes()).unwrap().format, Format::Sec1);
    assert_eq!(inspect(COSIGN.as_bytes()).unwrap().format, Format::Cosign);
    assert_eq!(inspect(PLAIN.as_bytes()).unwrap().format, Format::Pkcs8);
    assert!(!Format::Pkcs8.is_encrypted() && Format::Cosign.is_encrypted());
}

/// Schemes are case-insensitive. If this were treated as a file name, its PIN would be in the message.
#[test]
fn a_tokens_pin_is_in_no_message_however_the_scheme_is_written() {
    let access = KeyAccess::new(plimsoll_http::Settings::default(), |_| None);
    let mut ask = |_: Secret, _: &str| panic!("nothing is asked for");
    for reference in [
        "PKCS11:token=a?module-path=/nowhere.so&pin-value=s3cret",
        "Pkcs11:token=a?module-path=/nowhere.so&pin-value=s3cret&pin-source=file:///s3cret",
        "pkcs11:token=a?module-path=/nowhere.so&pin-value=s3cret",
    ] {
        let opened = open(reference, &mut ask, &access).map(drop).unwrap_err();
        let public = open_public(reference, &access).map(drop).unwrap_err();
        for said in [opened.to_string(), public.to_string(), format!("{opened:?}"), shown(reference)] {
            assert!(!said.contains("s3cret"), "{said}");
        }
        assert!(is_remote(reference));
    }
}
