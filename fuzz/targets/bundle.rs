//! Bundles with their envelopes and statements. The key below signed the seeds and was thrown away: whatever verifies
//! with it says word for word what a seed says.

#![no_main]

use std::collections::BTreeSet;
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use plimsoll_core::{Digest, Limits, Timestamp};
use plimsoll_policy::{Policy, Waiver};
use plimsoll_verify::{Bundle, PublicKey, Signer, legacy, statement_by_key};

static KEY: LazyLock<PublicKey> =
    LazyLock::new(|| PublicKey::from_pem(include_bytes!("../seeds/key/public.pem")).unwrap());

/// What the key signed, by the digest of the statement in its canonical form.
static SIGNED: LazyLock<BTreeSet<Digest>> = LazyLock::new(|| {
    let seeds: [&[u8]; 2] =
        [include_bytes!("../seeds/bundle/signature.json"), include_bytes!("../seeds/bundle/waiver.json")];
    seeds
        .iter()
        .map(|seed| {
            let bundle = Bundle::parse(seed, &Limits::default()).unwrap();
            let verified = statement_by_key(&bundle, std::slice::from_ref(&KEY)).unwrap();
            Digest::sha256(&verified.value().to_json())
        })
        .collect()
});

static POLICY: LazyLock<Policy> = LazyLock::new(|| {
    let key = serde_json::Value::from(KEY.to_pem());
    let text = format!(
        "apiVersion: plimsoll.dev/v1\nkind: Policy\nmetadata: {{ name: fuzz }}\nspec:\n  phase: ga\n  signatures: {{ required: false }}\n  \
         waivers: {{ approvers: [{{ name: approver, key: {{ pem: {key} }} }}] }}\n"
    );
    Policy::parse(text.as_bytes(), "fuzz", &()).unwrap()
});

fuzz_target!(|bytes: &[u8]| {
    // Files of cosign 1 and 2 become bundles, and bundles stay what they are.
    if let Ok(converted) = legacy::bundle_of_file(bytes, &Limits::default())
        && *converted != *bytes
    {
        Bundle::parse(&converted, &Limits::default()).unwrap();
    }
    let Ok(bundle) = Bundle::parse(bytes, &Limits::default()) else {
        return;
    };
    assert_eq!(bundle.digest(), Digest::sha256(bytes));
    if let Ok(verified) = statement_by_key(&bundle, std::slice::from_ref(&KEY)) {
        assert!(SIGNED.contains(&Digest::sha256(&verified.value().to_json())), "a forgery");
        assert!(matches!(verified.signer(), Signer::Key(id) if *id == KEY.id()));
        assert!(!verified.value().subjects.is_empty());
    }
    if let Ok(waiver) = Waiver::from_bundle(
        bytes,
        "input",
        &POLICY,
        Err("no root"),
        Timestamp::UNIX_EPOCH,
        &Limits::default(),
    ) {
        assert!(!waiver.is_unsigned());
    }
});
