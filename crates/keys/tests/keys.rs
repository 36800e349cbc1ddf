//! Keys in services: each kind of reference against a stand-in of its service on loopback.
//!
//! The stand-ins (`plimsoll_testkit::kms`) check tokens, request signatures and digests as the services do, and can cheat.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    missing_docs,
    reason = "tests"
)]

use std::collections::HashMap;
use std::ffi::OsString;
use std::process::{Command, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use plimsoll_core::{Classify as _, Kind};
use plimsoll_http::Settings;
use plimsoll_keys::{
    self as key, Error, FileDigests, KeyAccess, NewKey, Payload, PrivateKey, SigningKey, Zeroizing,
};
use plimsoll_testkit::kms::{AwsKms, AzureVault, GoogleKms, Kubernetes, Misbehaviour, ServiceKey, Vault};
use plimsoll_verify::PublicKey;

/// What no message may repeat.
const SECRETS: [&str; 7] = [
    "hvs.t0ken",
    "user/secret",
    "ya29.t0ken",
    "1//refresh-s3cret",
    "entra-t0ken",
    "client-s3cret",
    "account-t0ken",
];

fn access(variables: Vec<(&'static str, String)>) -> KeyAccess {
    let variables: HashMap<&str, OsString> = variables.into_iter().map(|(n, v)| (n, v.into())).collect();
    // A refusal is final. A service that is down would be asked again, but no test waits for that.
    let settings = Settings { retries: 0, ..Settings::default() };
    KeyAccess::new(settings, move |name| variables.get(name).cloned())
}

fn open(reference: &str, access: &KeyAccess) -> Result<Box<dyn SigningKey>, Error> {
    key::open(reference, &mut |secret, place| panic!("asked for a {secret:?} of {place}"), access)
}

#[track_caller]
fn signs(reference: &str, access: &KeyAccess, spki: &[u8]) {
    let public = PublicKey::from_spki_der(spki).unwrap();
    assert!(key::open_public(reference, access).unwrap() == public);
    let key = open(reference, access).unwrap();
    assert!(*key.public_key() == public);
    assert!(key.describe().contains(&public.id().to_string()), "{}", key.describe());
    let signature = key.sign(&Payload::Message(b"content")).unwrap();
    assert!(public.verifies_signature(b"content", &signature));
    let file = FileDigests::read(&b"content"[..]).unwrap();
    match key.sign(&Payload::Digests(&file)) {
        Ok(signature) => assert!(public.verifies_signature(b"content", &signature)),
        Err(error) => assert!(matches!(error, Error::WholeMessageOnly), "{error}"),
    }
}

/// An honest service whose key another service claims; a service that cheats; a service that refuses.
#[track_caller]
fn refused(result: Result<Vec<u8>, Error>, said: &str, kind: Kind) {
    let error = result.unwrap_err();
    let shown = format!("{error} {error:?} {}", error.hint().unwrap_or_default());
    assert!(error.to_string().contains(said), "{error}");
    assert_eq!(error.kind(), kind, "{error}");
    for secret in SECRETS {
        assert!(!shown.contains(secret), "{shown}");
    }
}

fn sign(reference: &str, access: &KeyAccess) -> Result<Vec<u8>, Error> {
    open(reference, access)?.sign(&Payload::Message(b"content"))
}

/// `start` returns a stand-in with its reference and access. All stand-ins must follow the same rules.
fn all_rules<S>(kinds: &[&str], start: impl Fn(ServiceKey, Misbehaviour) -> (S, String, KeyAccess)) {
    for kind in kinds {
        let kept = ServiceKey::new(kind);
        let spki = kept.spki();
        let (_service, reference, access) = start(kept, Misbehaviour::None);
        signs(&reference, &access, &spki);
    }
    let (_service, reference, access) = start(ServiceKey::new("p256"), Misbehaviour::OtherDigest);
    refused(sign(&reference, &access), "does not verify with the public key", Kind::Failed);
    let (_service, reference, access) = start(ServiceKey::new("p256"), Misbehaviour::Redirect);
    refused(sign(&reference, &access), "got 307", Kind::Unauthorized);
    let (_service, reference, access) = start(ServiceKey::new("p256"), Misbehaviour::Endless);
    assert!(sign(&reference, &access).unwrap_err().to_string().contains("65536"));
    let mut access = access;
    access.http.offline = true;
    assert!(sign(&reference, &access).unwrap_err().to_string().contains("--offline"));
}

#[test]
fn vaults_transit_engine_signs() {
    all_rules(&["p256", "p384", "rsa", "ed25519"], |kept, fraud| {
        let vault = Vault::start(kept, fraud);
        let access = access(vault.environment());
        (vault, "hashivault://release".to_owned(), access)
    });
    let vault = Vault::start(ServiceKey::new("p256"), Misbehaviour::None);
    let mut set = vault.environment();
    set.retain(|(name, _)| *name != "VAULT_TOKEN");
    refused(sign("hashivault://release", &access(set.clone())), "VAULT_TOKEN is not set", Kind::Usage);
    set.push(("VAULT_TOKEN", "wrong".to_owned()));
    refused(sign("hashivault://release", &access(set)), "got 403", Kind::Unauthorized);
    refused(sign("hashivault://other", &access(vault.environment())), "got 404", Kind::NotFound);
    for bad in ["hashivault://", "hashivault://a/b", "hashivault://..", "hashivault://a?b"] {
        refused(sign(bad, &access(vault.environment())), "expected hashivault://KEY", Kind::Usage);
    }
    let far = vec![("VAULT_ADDR", "http://vault.example".to_owned()), ("VAULT_TOKEN", "t".to_owned())];
    refused(sign("hashivault://release", &access(far)), "expected an https URL", Kind::Usage);
    // Of all these, only the two with a token for the right key succeeded.
    assert_eq!(vault.service().requests().len(), 2);
}

#[test]
fn amazons_kms_signs() {
    for by_arn in [false, true] {
        all_rules(&["p256", "p384", "rsa"], |kept, fraud| {
            let kms = AwsKms::start(kept, fraud);
            let mut set = kms.environment();
            let reference = if by_arn {
                set.retain(|(name, _)| *name != "AWS_REGION");
                format!("awskms:///{}", kms.arn())
            } else {
                set.retain(|(name, _)| *name != "AWS_ENDPOINT_URL_KMS");
                format!("awskms://{}/alias/release", kms.service().host())
            };
            (kms, reference, access(set))
        });
    }
    let kms = AwsKms::start(ServiceKey::new("p256"), Misbehaviour::None);
    let with = |name: &str, value: &str| {
        let mut set = kms.environment();
        set.retain(|(found, _)| *found != name);
        if let Some((name, _)) = kms.environment().into_iter().find(|(found, _)| *found == name)
            && !value.is_empty()
        {
            set.push((name, value.to_owned()));
        }
        access(set)
    };
    let reference = "awskms:///alias/release";
    refused(sign(reference, &with("AWS_SECRET_ACCESS_KEY", "wrong")), "InvalidSignature", Kind::Unauthorized);
    refused(sign(reference, &with("AWS_REGION", "us-east-1")), "InvalidSignature", Kind::Unauthorized);
    refused(sign(reference, &with("AWS_REGION", "")), "no region", Kind::Usage);
    refused(sign(reference, &with("AWS_REGION", "x.evil.example/")), "region", Kind::Unauthorized);
    refused(sign(reference, &with("AWS_ACCESS_KEY_ID", "")), "no Amazon access keys", Kind::Usage);
    refused(sign("awskms:///alias/other", &with("", "")), "NotFound", Kind::Unauthorized);
    refused(sign("awskms://release", &with("", "")), "expected awskms:///KEY", Kind::Usage);
}

#[test]
fn googles_kms_signs() {
    let folder = tempfile::tempdir().unwrap();
    let start = |kept, fraud| {
        let kms = GoogleKms::start(kept, fraud);
        let file = folder.path().join("credentials.json");
        std::fs::write(&file, kms.credentials()).unwrap();
        let mut set = kms.environment();
        set.push(("GOOGLE_APPLICATION_CREDENTIALS", file.display().to_string()));
        let reference = format!("gcpkms://{}", kms.name());
        (kms, reference, access(set))
    };
    all_rules(&["p256", "p384", "rsa"], start);
    let (_kms, reference, _) = start(ServiceKey::new("ed25519"), Misbehaviour::None);
    let (_kms, _, access_) = start(ServiceKey::new("ed25519"), Misbehaviour::None);
    refused(sign(&reference, &access_), "algorithm is not on the list", Kind::Failed);
    let kms = GoogleKms::start(ServiceKey::new("p256"), Misbehaviour::None);
    refused(sign(&reference, &access(kms.environment())), "no Google identity", Kind::Usage);
    refused(sign("gcpkms://projects/p", &access(kms.environment())), "expected gcpkms://", Kind::Usage);
    assert!(kms.service().requests().is_empty());
}

#[test]
fn azures_key_vault_signs() {
    for with_version in [false, true] {
        all_rules(&["p256", "p384", "rsa"], |kept, fraud| {
            let vault = AzureVault::start(kept, fraud);
            let mut reference = format!("azurekms://{}/release", vault.service().host());
            if with_version {
                reference = format!("{reference}/{}", vault.version());
            }
            let access = access(vault.environment());
            (vault, reference, access)
        });
    }
    let vault = AzureVault::start(ServiceKey::new("p256"), Misbehaviour::None);
    let host = vault.service().host();
    let mut set = vault.environment();
    set.retain(|(name, _)| *name != "AZURE_CLIENT_SECRET");
    refused(
        sign(&format!("azurekms://{host}/release"), &access(set.clone())),
        "no Azure identity",
        Kind::Usage,
    );
    set.push(("AZURE_CLIENT_SECRET", "wrong".to_owned()));
    refused(sign(&format!("azurekms://{host}/release"), &access(set)), "invalid_client", Kind::Unauthorized);
    let good = access(vault.environment());
    refused(sign(&format!("azurekms://{host}/release/0000"), &good), "got 404", Kind::NotFound);
    for bad in [
        "azurekms://evil.example/release",
        "azurekms://a.vault.azure.net",
        "azurekms://a.vault.azure.net/../x",
    ] {
        refused(sign(bad, &good), "expected azurekms://", Kind::Usage);
    }
}

#[test]
fn a_secret_of_a_cluster_holds_a_key_and_its_password() {
    let folder = tempfile::tempdir().unwrap();
    let key = PrivateKey::generate_p256().unwrap();
    let sealed = key.to_cosign_pem(b"hunter2").unwrap();
    let public = key.public_key().to_pem();
    let start = |fields: &[(&str, &[u8])]| {
        let cluster = Kubernetes::start(fields);
        let file = folder.path().join("kubeconfig");
        std::fs::write(&file, cluster.config()).unwrap();
        (cluster, access(vec![("KUBECONFIG", file.display().to_string())]))
    };
    let all: [(&str, &[u8]); 3] = [
        ("cosign.key", sealed.as_bytes()),
        ("cosign.password", b"hunter2"),
        ("cosign.pub", public.as_bytes()),
    ];
    let (_cluster, access_) = start(&all);
    signs("k8s://build/signing", &access_, key.public_key().spki_der());
    refused(sign("k8s://build/other", &access_), "got 404", Kind::NotFound);
    for bad in ["k8s://build", "k8s://build/a/b", "k8s://../signing", "k8s:///signing"] {
        refused(sign(bad, &access_), "expected k8s://NAMESPACE/NAME", Kind::Usage);
    }
    // Without the password, the user is asked for it.
    let (_cluster, access_) = start(&all[..1]);
    let mut asked = Vec::new();
    let opened = key::open(
        "k8s://build/signing",
        &mut |_, place| {
            asked.push(place.to_owned());
            Ok(Zeroizing::new("hunter2".to_owned()))
        },
        &access_,
    );
    assert!(opened.unwrap().public_key() == key.public_key());
    assert_eq!(asked, ["k8s://build/signing"]);
    assert!(
        key::open_public("k8s://build/signing", &access_).unwrap_err().to_string().contains("`cosign.pub`")
    );
    let (_cluster, access_) = start(&[]);
    refused(sign("k8s://build/signing", &access_), "`cosign.key`", Kind::Usage);
    // Another user's token.
    let (cluster, access_) = start(&all);
    let config = cluster.config().replace("account-t0ken", "wrong");
    std::fs::write(folder.path().join("kubeconfig"), config).unwrap();
    refused(sign("k8s://build/signing", &access_), "got 401", Kind::Unauthorized);
    refused(sign("k8s://build/signing", &access(Vec::new())), "KUBECONFIG is not set", Kind::Usage);
}

#[test]
fn files_variables_and_nothing_else_open_without_a_service() {
    let folder = tempfile::tempdir().unwrap();
    let key = PrivateKey::generate(NewKey::P384).unwrap();
    let path = folder.path().join("release.key");
    std::fs::write(&path, &**key.to_pem(Some(b"hunter2")).unwrap()).unwrap();
    let path = path.display().to_string();
    let nothing = access(Vec::new());
    let mut ask = |secret, place: &str| {
        assert_eq!(secret, key::Secret::Passphrase);
        assert!(place.ends_with("release.key"));
        Ok(Zeroizing::new("hunter2".to_owned()))
    };
    assert!(key::open(&path, &mut ask, &nothing).unwrap().public_key() == key.public_key());
    let set = access(vec![
        ("SIGNER", key.to_pem(None).unwrap().to_string()),
        ("SIGNER_PUBLIC", key.public_key().to_pem()),
    ]);
    assert!(open("env://SIGNER", &set).unwrap().public_key() == key.public_key());
    assert!(key::open_public("env://SIGNER_PUBLIC", &set).unwrap() == *key.public_key());
    refused(sign("env://NONE", &set), "not set", Kind::Usage);
    refused(sign("/none/such.key", &nothing), "/none/such.key", Kind::NotFound);
    for bad in ["", "env://", "https://key.example/k", "foo://x"] {
        assert_eq!(sign(bad, &nothing).unwrap_err().kind(), Kind::Usage, "{bad}");
        assert!(!key::is_remote(bad));
    }
    assert!(key::is_remote("awskms:///x") && key::is_remote("external:x") && !key::is_remote("a.key"));
}

#[test]
fn a_program_signs_by_the_documented_protocol() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    for kind in [NewKey::P256, NewKey::P384, NewKey::Rsa3072] {
        let key = PrivateKey::generate(kind).unwrap();
        std::fs::write(path("pub"), key.public_key().to_pem()).unwrap();
        let escaped = key.public_key().to_pem().replace('\n', "\\n");
        // The content to sign is always the same and known, so its signature can be fixed. A real program has
        // its own key.
        let signature = key.sign(&Payload::Message(b"content")).unwrap();
        let signature = STANDARD.encode(signature);
        let program = path("signer");
        std::fs::write(
            &program,
            format!(
                "#!/bin/sh\nread -r request\necho \"$request\" >> {}\ncase $request in\n\
                 *'\"operation\":\"public-key\"'*) printf '%s' '{{\"publicKey\":\"{escaped}\"}}';;\n\
                 *'\"operation\":\"sign\"'*) printf '%s' '{{\"signature\":\"{signature}\"}}';;\nesac\n",
                path("log")
            ),
        )
        .unwrap();
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o700);
        std::fs::set_permissions(&program, mode).unwrap();
        let reference = format!("external:{program}");
        signs(&reference, &access(Vec::new()), key.public_key().spki_der());
        // The program signs other content than requested.
        let other = open(&reference, &access(Vec::new())).unwrap().sign(&Payload::Message(b"other"));
        refused(other, "does not verify", Kind::Failed);
    }
    let log = std::fs::read_to_string(path("log")).unwrap();
    let first: serde_json::Value = serde_json::from_str(log.lines().next().unwrap()).unwrap();
    assert_eq!(first["apiVersion"], "plimsoll.dev/external-signer/v1");
    let asked: serde_json::Value = log
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .find(|v: &serde_json::Value| v["operation"] == "sign")
        .unwrap();
    assert_eq!(asked["algorithm"], "ecdsa-p256");
    // printf content | sha256sum | xxd -r -p | base64
    assert_eq!(asked["digest"], "7XACtDnprIRfIjV9giusFERzD722AW0+yUMil7nsn3M=");
}

#[test]
fn keys_that_openssl_writes_open_whatever_their_format() {
    let openssl = |arguments: &[&str], input: &[u8]| {
        use std::io::Write as _;
        let mut child = Command::new("openssl")
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(input).unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "openssl {arguments:?}");
        output.stdout
    };
    if Command::new("openssl").arg("version").output().is_err() {
        eprintln!("skipped: no openssl");
        return;
    }
    for made in [
        &["ecparam", "-name", "prime256v1", "-genkey"][..],
        &["ecparam", "-name", "secp384r1", "-genkey", "-noout"],
        &["genrsa", "-traditional", "2048"],
        &["genpkey", "-algorithm", "ed25519"],
        &["genpkey", "-algorithm", "rsa", "-pkeyopt", "rsa_keygen_bits:3072"],
    ] {
        let pem = openssl(made, b"");
        let key = PrivateKey::from_pem(&pem, None).unwrap();
        let public = openssl(&["pkey", "-pubout"], &pem);
        assert_eq!(key.public_key().to_pem().as_bytes(), public, "{made:?}");
        // It also reads what we write.
        let ours = key.to_pem(Some(b"hunter2")).unwrap();
        assert_eq!(openssl(&["pkey", "-passin", "pass:hunter2", "-pubout"], ours.as_bytes()), public);
    }
    for (made, said) in [
        (&["ecparam", "-name", "secp521r1", "-genkey"][..], "another curve"),
        (&["genrsa", "-traditional", "1024"], "at least 2048"),
        (&["genrsa", "1024"], "at least 2048"),
        (&["genrsa", "-traditional", "-aes128", "-passout", "pass:x", "2048"], "header of the PEM block"),
    ] {
        let error = PrivateKey::from_pem(&openssl(made, b""), Some(b"x")).err().unwrap();
        assert!(error.to_string().contains(said), "{made:?}: {error}");
    }
}
