//! openssl reads the key files that are written here. Skipped if openssl is missing.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stderr, missing_docs, reason = "tests")]

use std::process::Command;

use plimsoll_keys::PrivateKey;

#[test]
fn openssl_opens_both_kinds_of_key_file_and_sees_the_same_public_key() {
    let key = PrivateKey::generate_p256().unwrap();
    let folder = tempfile::tempdir().unwrap();
    for (name, passphrase) in [("plain.pem", None), ("locked.pem", Some(&b"hunter2"[..]))] {
        let file = folder.path().join(name);
        std::fs::write(&file, key.to_pem(passphrase).unwrap().as_bytes()).unwrap();
        let output = Command::new("openssl")
            .args(["pkey", "-pubout", "-passin", "pass:hunter2", "-in"])
            .arg(&file)
            .output();
        let Ok(output) = output else {
            eprintln!("skipped: no openssl");
            return;
        };
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(String::from_utf8(output.stdout).unwrap(), key.public_key().to_pem());
    }
}
