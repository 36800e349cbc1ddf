//! Attaching and finding evidence, in a store with hostile content.

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::sync::{Arc, Mutex};

use plimsoll_attach::evidence::{Bundles, SkipReason, Skipped, bundles};
use plimsoll_core::{Classify as _, Digest, Kind, LimitExceeded, Limits};
use plimsoll_image::source::{Change, Referrers};
use plimsoll_image::{Content, Descriptor, Error as ImageError, Source, Store, media};
use plimsoll_verify::legacy::SIMPLE_SIGNING;
use plimsoll_verify::{BUNDLE_V0_3, Bundle};
use serde_json::{Value, json};

use crate::sign;

/// A registry in memory with configurable faults.
#[derive(Default)]
struct Memory {
    objects: Mutex<BTreeMap<Digest, Vec<u8>>>,
    referrers: Mutex<Vec<Descriptor>>,
    listing_fails: bool,
    truncated: bool,
    /// Objects that cannot be fetched, with their fault.
    broken: Mutex<BTreeMap<Digest, Fault>>,
}

#[derive(Clone, Copy)]
enum Fault {
    /// The connection breaks.
    Network,
    /// The connection breaks in the middle of the blob.
    Midway,
    /// Other bytes of the same length.
    Swapped,
    /// Endless bytes, more than announced.
    Endless,
}

impl Memory {
    fn put(&self, bytes: &[u8]) -> Digest {
        let digest = Digest::sha256(bytes);
        self.objects.lock().unwrap().insert(digest, bytes.to_vec());
        digest
    }

    fn get(&self, d: &Descriptor) -> Option<Vec<u8>> {
        self.objects.lock().unwrap().get(&d.digest).cloned()
    }

    fn missing(&self, d: &Descriptor) -> ImageError {
        ImageError::NotFound { what: d.digest.to_string(), place: self.describe() }
    }

    fn fault(&self, d: &Descriptor) -> Option<Fault> {
        self.broken.lock().unwrap().get(&d.digest).copied()
    }

    fn list(&self, media_type: &str, manifest: &[u8]) -> Descriptor {
        self.put(manifest);
        let descriptor = Descriptor::for_bytes(media_type, manifest);
        self.referrers.lock().unwrap().push(descriptor.clone());
        descriptor
    }

    /// A referrer of any form.
    fn list_json(&self, manifest: &Value) -> Descriptor {
        self.list(media::OCI_MANIFEST, manifest.to_string().as_bytes())
    }

    fn find(&self, subject: &Digest) -> Bundles {
        bundles(self, subject, &Limits::default()).unwrap()
    }
}

fn reset() -> io::Error {
    io::ErrorKind::ConnectionReset.into()
}

impl Source for Memory {
    fn describe(&self) -> String {
        "memory".into()
    }

    fn resolve(&self) -> Result<Descriptor, ImageError> {
        unreachable!("the subject is given")
    }

    fn manifest(&self, d: &Descriptor) -> Result<Vec<u8>, ImageError> {
        if self.fault(d).is_some() {
            return Err(ImageError::Io { what: "manifest".into(), source: reset() });
        }
        let bytes = self.get(d).ok_or_else(|| self.missing(d))?;
        d.check(&bytes, "manifest")?;
        Ok(bytes)
    }

    fn blob(&self, d: &Descriptor) -> Result<Box<dyn Read + Send>, ImageError> {
        let bytes = self.get(d).ok_or_else(|| self.missing(d))?;
        Ok(match self.fault(d) {
            None => Box::new(io::Cursor::new(bytes)),
            Some(Fault::Network) => return Err(ImageError::Io { what: "blob".into(), source: reset() }),
            Some(Fault::Midway) => {
                let lost = ImageError::Io { what: "blob".into(), source: reset() };
                Box::new(io::Cursor::new(bytes[..10].to_vec()).chain(Failing(Some(lost))))
            }
            Some(Fault::Swapped) => Box::new(io::Cursor::new(vec![b' '; bytes.len()])),
            Some(Fault::Endless) => Box::new(io::repeat(b' ')),
        })
    }

    fn referrers(&self, _: &Digest) -> Result<Referrers, ImageError> {
        if self.listing_fails {
            return Err(ImageError::Io { what: "referrers".into(), source: reset() });
        }
        Ok(Referrers { descriptors: self.referrers.lock().unwrap().clone(), truncated: self.truncated })
    }
}

impl Store for Memory {
    fn update(&self, _: &str, _: &mut Change<'_>) -> Result<(), ImageError> {
        unreachable!("no tag is written")
    }

    fn put_blob(&self, media_type: &str, bytes: &[u8]) -> Result<Descriptor, ImageError> {
        self.put(bytes);
        Ok(Descriptor::for_bytes(media_type, bytes))
    }

    fn put_content(&self, _: &Content) -> Result<(), ImageError> {
        unreachable!("nothing is streamed")
    }

    fn put_manifest(
        &self,
        _: Option<&str>,
        media_type: &str,
        bytes: &[u8],
    ) -> Result<Descriptor, ImageError> {
        self.put_blob(media_type, bytes)
    }

    fn attach(&self, media_type: &str, manifest: &[u8]) -> Result<Descriptor, ImageError> {
        Ok(self.list(media_type, manifest))
    }
}

struct Failing(Option<ImageError>);

impl Read for Failing {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(self.0.take().map_or_else(reset, io::Error::other))
    }
}

fn subject() -> Descriptor {
    Descriptor::for_bytes(media::OCI_MANIFEST, b"an image's manifest")
}

fn referrer(subject: &Descriptor, layers: &Value) -> Value {
    json!({
        "schemaVersion": 2,
        "mediaType": media::OCI_MANIFEST,
        "config": {"mediaType": media::OCI_EMPTY, "digest": Digest::sha256(b"{}"), "size": 2},
        "layers": layers,
        "subject": subject,
    })
}

fn layer(digest: Digest, size: u64) -> Value {
    json!({"mediaType": BUNDLE_V0_3, "digest": digest, "size": size})
}

#[test]
fn attached_bundles_are_found() {
    let store = Memory::default();
    let signed = sign(&store, &subject());

    let found = store.find(&subject().digest);
    assert!(found.skipped.is_empty() && !found.truncated);
    assert_eq!(found.found.len(), 1);
    assert_eq!(found.found[0].digest, signed.bundle);
    assert_eq!(found.found[0].referrer.digest, signed.referrer);
    let bundle = Bundle::parse(&found.found[0].bytes, &Limits::default()).unwrap();
    let statement = bundle.claimed_statement().unwrap();
    assert!(statement.is_signature() && statement.names(&subject().digest));
}

#[test]
fn the_manifest_has_cosigns_shape() {
    let store = Memory::default();
    let signed = sign(&store, &subject());
    let objects = store.objects.lock().unwrap();
    let text = String::from_utf8(objects[&signed.referrer].clone()).unwrap();
    let bundle = &objects[&signed.bundle];
    let expected = [
        r#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","#,
        r#""config":{"mediaType":"application/vnd.oci.empty.v1+json","size":2,"#,
        r#""digest":"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a","#,
        r#""artifactType":"application/vnd.dev.sigstore.bundle.v0.3+json"},"#,
        &format!(
            r#""layers":[{{"mediaType":"{BUNDLE_V0_3}","size":{},"digest":"{}"}}],"#,
            bundle.len(),
            signed.bundle
        ),
        r#""annotations":{"dev.sigstore.bundle.content":"dsse-envelope","#,
        r#""dev.sigstore.bundle.predicateType":"https://sigstore.dev/cosign/sign/v1","#,
        r#""org.opencontainers.image.created":"2026-11-21T01:18:01Z"},"#,
        &format!(
            r#""subject":{{"mediaType":"{}","size":{},"digest":"{}"}},"#,
            media::OCI_MANIFEST,
            subject().size,
            subject().digest
        ),
        r#""artifactType":"application/vnd.dev.sigstore.bundle.v0.3+json"}"#,
    ]
    .concat();
    assert_eq!(text, expected);
}

#[test]
fn junk_next_to_a_signature_is_set_aside_with_its_reason() {
    let store = Memory::default();
    let other = Descriptor::for_bytes(media::OCI_MANIFEST, b"another image");
    let bundle = store.put(b"{}");
    let good = layer(bundle, 2);

    let index = store.list(media::OCI_INDEX, br#"{"schemaVersion":2,"manifests":[]}"#).digest;
    let not_json = store.list(media::OCI_MANIFEST, b"\x00\x01").digest;
    let shapeless = store.list(media::OCI_MANIFEST, b"[]").digest;
    let twice = store.list(media::OCI_MANIFEST, br#"{"schemaVersion":2,"layers":[],"layers":[]}"#).digest;
    let foreign = store.list_json(&referrer(&other, &json!([good]))).digest;
    let mut without = referrer(&other, &json!([good]));
    without.as_object_mut().unwrap().remove("subject");
    let without = store.list_json(&without).digest;
    let two = store.list_json(&referrer(&subject(), &json!([good, good]))).digest;
    let none = store.list_json(&referrer(&subject(), &json!([]))).digest;
    let mut spdx = good.clone();
    spdx["mediaType"] = json!("text/spdx+json");
    let sbom = store.list_json(&referrer(&subject(), &json!([spdx]))).digest;
    let gone = store.list_json(&referrer(&subject(), &json!([layer(Digest::sha256(b"gone"), 4)]))).digest;
    let huge = store
        .list_json(&referrer(&subject(), &json!([layer(bundle, Limits::default().bundle_bytes + 1)])))
        .digest;
    let longer = store.list_json(&referrer(&subject(), &json!([layer(bundle, 1)]))).digest;
    let shorter = store.list_json(&referrer(&subject(), &json!([layer(bundle, 3)]))).digest;
    let missing = Descriptor::for_bytes(media::OCI_MANIFEST, b"never pushed");
    store.referrers.lock().unwrap().push(missing.clone());
    let signed = sign(&store, &subject());

    let result = store.find(&subject().digest);
    assert_eq!(result.found.len(), 1);
    assert_eq!(result.found[0].digest, signed.bundle);
    let reason = |digest: Digest| {
        &result.skipped.iter().find(|skipped| skipped.descriptor.digest == digest).unwrap().reason
    };
    assert_eq!(result.skipped.len(), 14);
    let object = |digest: Digest| match reason(digest) {
        SkipReason::Object(error) => &**error,
        other => panic!("{other}"),
    };
    assert!(matches!(reason(index), SkipReason::OtherArtifact { .. }));
    assert!(matches!(object(not_json), ImageError::Json { .. }));
    object(shapeless);
    assert!(matches!(object(twice), ImageError::Json { .. }));
    assert!(matches!(reason(foreign), SkipReason::OtherSubject { got: Some(_) }));
    assert!(matches!(reason(without), SkipReason::OtherSubject { got: None }));
    assert!(matches!(reason(two), SkipReason::LayerCount { got: 2 }));
    assert!(matches!(reason(none), SkipReason::LayerCount { got: 0 }));
    assert!(
        matches!(reason(sbom), SkipReason::OtherArtifact { media_type } if media_type == "text/spdx+json")
    );
    assert!(matches!(object(gone), ImageError::NotFound { .. }));
    assert!(matches!(object(huge), ImageError::Limit(LimitExceeded { name: "bundle_bytes", .. })));
    assert!(matches!(object(longer), ImageError::SizeMismatch { .. }));
    assert!(matches!(object(shorter), ImageError::SizeMismatch { .. }));
    assert!(matches!(object(missing.digest), ImageError::NotFound { .. }));
}

#[test]
fn the_types_in_a_listing_hide_nothing() {
    let store = Memory::default();
    for kind in [None, Some(""), Some(media::OCI_EMPTY), Some("application/vnd.example.thing")] {
        sign(&store, &subject());
        store.referrers.lock().unwrap().last_mut().unwrap().artifact_type = kind.map(ToOwned::to_owned);
    }
    assert_eq!(store.find(&subject().digest).found.len(), 4);
}

#[test]
fn a_failing_registry_is_an_error_and_never_no_signatures() {
    let silent = Memory { listing_fails: true, ..Memory::default() };
    let error = bundles(&silent, &subject().digest, &Limits::default()).unwrap_err();
    assert_eq!(error.kind(), Kind::Transient);

    for (fault, what) in [(Fault::Network, "manifest"), (Fault::Network, "bundle"), (Fault::Midway, "bundle")]
    {
        let store = Memory::default();
        sign(&store, &subject());
        let signed = sign(&store, &subject());
        let digest = if what == "manifest" { signed.referrer } else { signed.bundle };
        store.broken.lock().unwrap().insert(digest, fault);
        let error = bundles(&store, &subject().digest, &Limits::default()).unwrap_err();
        assert_eq!(error.kind(), Kind::Transient, "{error}");
    }
}

#[test]
fn a_damaged_or_endless_bundle_is_set_aside() {
    for fault in [Fault::Swapped, Fault::Endless] {
        let store = Memory::default();
        let (bad, good) = (sign(&store, &subject()), sign(&store, &subject()));
        store.broken.lock().unwrap().insert(bad.bundle, fault);
        let result = store.find(&subject().digest);
        assert_eq!(result.found.iter().map(|found| found.digest).collect::<Vec<_>>(), [good.bundle]);
        assert_eq!(result.skipped[0].descriptor.digest, bad.referrer);
    }
}

#[test]
fn too_many_referrers_are_cut_with_notice_and_declared_bundles_come_first() {
    let store = Memory::default();
    for number in 0..300 {
        let junk = store.list(media::OCI_MANIFEST, format!("junk {number}").as_bytes()).digest;
        let mut listed = store.referrers.lock().unwrap();
        let last = listed.last_mut().unwrap();
        assert_eq!(last.digest, junk);
        last.artifact_type = Some("application/vnd.example.junk".into());
    }
    let signed = sign(&store, &subject());
    store.referrers.lock().unwrap().last_mut().unwrap().artifact_type = Some(BUNDLE_V0_3.into());
    let result = store.find(&subject().digest);
    assert!(result.truncated);
    assert_eq!(result.found[0].digest, signed.bundle);
    assert_eq!(result.skipped.len(), 255);

    // The store's own cap is passed on.
    let cut = Memory { truncated: true, ..Memory::default() };
    assert!(cut.find(&subject().digest).truncated);
}

#[test]
fn newer_bundles_come_first() {
    let store = Memory::default();
    let mut made = Vec::new();
    for day in ["2026-01-02", "2026-01-03", "2026-01-01"] {
        made.push((day, sign(&store, &subject()).bundle));
        let mut listed = store.referrers.lock().unwrap();
        let annotations = &mut listed.last_mut().unwrap().annotations;
        annotations.insert("org.opencontainers.image.created".into(), format!("{day}T00:00:00Z"));
    }
    made.sort();
    made.reverse();
    let found: Vec<Digest> = store.find(&subject().digest).found.iter().map(|found| found.digest).collect();
    assert_eq!(found, made.iter().map(|(_, digest)| *digest).collect::<Vec<_>>());
}

#[test]
fn giants_cannot_crowd_out_a_signature() {
    let store = Memory::default();
    for number in 0..20_u8 {
        let giant = store.put(&vec![number; 8 << 20]);
        store.list_json(&referrer(&subject(), &json!([layer(giant, 8 << 20)])));
    }
    let signed = sign(&store, &subject());
    let result = store.find(&subject().digest);
    assert!(result.truncated);
    assert!(result.found.iter().any(|found| found.digest == signed.bundle));
    assert!(result.found.iter().map(|found| found.bytes.len()).sum::<usize>() <= 128 << 20);
    assert!(result.skipped.iter().all(|skipped| matches!(skipped.reason, SkipReason::OverTotal { .. })));
}

/// A layer with a signature in the older format.
fn older(store: &Memory, number: usize) -> Value {
    let payload = format!("{{\"number\": {number}}}");
    json!({
        "mediaType": SIMPLE_SIGNING, "digest": store.put(payload.as_bytes()), "size": payload.len(),
        "annotations": {"dev.cosignproject.cosign/signature": "AAAA"},
    })
}

#[test]
fn the_text_of_a_listing_is_kept_once_for_all_signatures_of_a_manifest() {
    let store = Memory::default();
    let layers: Vec<Value> = (0..200).map(|number| older(&store, number)).collect();
    store.list_json(&referrer(&subject(), &json!(layers)));
    // Four megabytes of text are allowed; a copy for each signature would need 800.
    let padding = ("padding".to_owned(), "x".repeat(4 << 20));
    store.referrers.lock().unwrap()[0].annotations.extend([padding]);
    let result = store.find(&subject().digest);
    assert_eq!(result.found.len(), 200, "{:?}", result.skipped.first());
    assert!(result.found.iter().all(|found| Arc::ptr_eq(&found.referrer, &result.found[0].referrer)));
}

#[test]
fn manifests_of_referrers_are_bounded_in_total_and_none_crowds_out_a_signature() {
    let store = Memory::default();
    for number in 0..3 {
        let mut giant = referrer(&subject(), &json!([]));
        giant["annotations"] = json!({"padding": "x".repeat(1_000), "number": number.to_string()});
        store.list_json(&giant);
    }
    let signed = sign(&store, &subject());
    let mut limits = Limits::default();
    limits.documents_bytes = 3_000;
    let result = bundles(&store, &subject().digest, &limits).unwrap();
    assert!(result.truncated, "what was left out may have been a signature");
    assert!(result.found.iter().any(|found| found.digest == signed.bundle));
    let is_left = |skipped: &&Skipped| matches!(skipped.reason, SkipReason::ManifestOverTotal { .. });
    assert_eq!(result.skipped.iter().filter(is_left).count(), 2);
}
