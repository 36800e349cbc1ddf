//! Writing evidence into an OCI layout.
//!
//! Owns the blobs and the entries of `index.json` that attaching adds. The [`Source`] that it is opened with reads the
//! layout. Follows the OCI image layout specification, and puts referrers where oras and skopeo expect them: as entries
//! of the index without a reference name, with their artifact type.
//!
//! ```json
//! {"schemaVersion": 2, "manifests": [
//!   {"mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": "sha256:4a78…", "size": 401,
//!    "annotations": {"org.opencontainers.image.ref.name": "1"}},
//!   {"mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": "sha256:0944…", "size": 877,
//!    "artifactType": "application/vnd.dev.sigstore.bundle.v0.3+json", "annotations": {"…": "…"}}]}
//! ```
//!
//! The first image, and what older versions of cosign kept beside it, are marked as `cosign save` marks them
//! ([`saved`]), so that `cosign load` finds them.
//!
//! Every file is replaced durably, blobs before the index that names them, so a crash leaves at most an unreferenced
//! blob. Two writers wait for each other with a lock on the file `oci-layout`.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use plimsoll_core::{Digest, Hasher, LimitExceeded, Limits, json, read};
use plimsoll_image::content::unwrapped;
use plimsoll_image::layout::Layout;
use plimsoll_image::manifest::{Document, parse};
use plimsoll_image::saved;
use plimsoll_image::source::{Change, Referrers};
use plimsoll_image::{Content, Descriptor, Error, Source, Store, media};
use serde_json::{Map, Value};

/// A layout that evidence can be attached to.
#[derive(Debug)]
pub struct LayoutStore<S> {
    directory: PathBuf,
    source: S,
    limits: Limits,
}

/// The annotation with the name of an entry.
const REF_NAME: &str = "org.opencontainers.image.ref.name";

impl LayoutStore<Layout> {
    /// Opens the layout in `directory`. If there is none, creates an empty one.
    pub fn create(directory: &Path, limits: Limits) -> Result<Self, Error> {
        plimsoll_files::create_folder(directory).map_err(written)?;
        let mut entries = fs::read_dir(directory).map_err(|source| at(directory, source))?;
        if entries.next().is_some() && !directory.join("oci-layout").exists() {
            return Err(Error::UnknownFormat {
                place: directory.display().to_string(),
                problem: "it is neither empty nor an OCI layout".to_owned(),
            });
        }
        let index =
            br#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}"#;
        // The file that makes it a layout comes last. If another process was faster, it has written the same.
        for (name, bytes) in
            [("index.json", &index[..]), ("oci-layout", br#"{"imageLayoutVersion":"1.0.0"}"#)]
        {
            match plimsoll_files::create(&directory.join(name), plimsoll_files::Mode::Public, bytes) {
                Ok(()) | Err(plimsoll_files::Error::Exists { .. }) => {}
                Err(error) => return Err(written(error)),
            }
        }
        let source = Layout::open(directory, None, limits.clone())?;
        Ok(Self::new(directory, source, limits))
    }
}

impl<S: Source> LayoutStore<S> {
    /// `source` reads the layout in `directory`.
    pub fn new(directory: &Path, source: S, limits: Limits) -> Self {
        Self { directory: directory.to_owned(), source, limits }
    }

    /// Writes a blob unless the same bytes are there.
    fn write(&self, digest: &Digest, bytes: &[u8]) -> Result<(), Box<Error>> {
        let path = self.path(digest)?;
        if holds(&path, bytes) {
            return Ok(());
        }
        Ok(plimsoll_files::replace(&path, bytes).map_err(written)?)
    }

    /// The path of a blob, in folders that exist.
    fn path(&self, digest: &Digest) -> Result<PathBuf, Box<Error>> {
        let blobs = self.directory.join("blobs");
        let folder = blobs.join(digest.algorithm().name());
        // A foreign layout may contain links that lead out of it: nothing is created behind one.
        for own in [&blobs, &folder] {
            plimsoll_files::create_folder(own).map_err(written)?;
            let kind = fs::symlink_metadata(own).map_err(|source| at(own, source))?;
            if !kind.is_dir() {
                return Err(at(own, io::Error::other("not a folder of the layout's own")).into());
            }
        }
        Ok(folder.join(digest.hex()))
    }

    /// Waits for other writers, and blocks them until the result is dropped.
    fn lock(&self) -> Result<File, Box<Error>> {
        let anchor = self.directory.join("oci-layout");
        let lock = File::open(&anchor).map_err(|source| at(&anchor, source))?;
        lock.lock().map_err(|source| at(&anchor, source))?;
        Ok(lock)
    }

    /// Adds an entry to `index.json`, keeping the others. The layout is locked.
    fn list(&self, entry: &Descriptor, is_named: bool) -> Result<(), Box<Error>> {
        let path = self.directory.join("index.json");
        let what = path.display().to_string();
        let failed = |source| Error::Json { what: what.clone(), source };
        let file = File::open(&path).map_err(|source| at(&path, source))?;
        let old = match read::to_end(file, self.limits.manifest_bytes, "manifest_bytes", &what) {
            Ok(old) => old,
            Err(read::Error::Limit(limit)) => return Err(Error::from(limit).into()),
            Err(read::Error::Io { source, .. }) => return Err(at(&path, source).into()),
            Err(other) => return Err(at(&path, io::Error::other(other)).into()),
        };
        let mut index = json::value(&old, self.limits.manifest_bytes).map_err(failed)?;
        let entries = index.get_mut("manifests").and_then(Value::as_array_mut).ok_or_else(|| {
            Error::Malformed { what: what.clone(), problem: "got no list `manifests`, expected one".into() }
        })?;
        let digest = entry.digest.to_string();
        let is = |known: &Value| known.get("digest").and_then(Value::as_str) == Some(&digest);
        if let Some(name) = entry.annotations.get(REF_NAME) {
            let goes_by = |known: &Value| {
                let annotations = known.get("annotations").and_then(|all| all.get(REF_NAME));
                annotations.and_then(Value::as_str) == Some(name)
            };
            if entries.iter().any(|known| is(known) && goes_by(known)) {
                return Ok(());
            }
            // The name moves like a tag. The entry that had it before is still among the blobs.
            entries.retain(|known| !goes_by(known));
        } else if entries.iter().any(is) {
            return Ok(());
        }
        // No reader would open a layout with more entries, and each entry costs reading all of them again.
        if entries.len() >= self.limits.index_entries {
            let limit = LimitExceeded::new("index_entries", self.limits.index_entries as u64, what);
            return Err(Error::from(limit).into());
        }
        entries.push(serde_json::to_value(entry).map_err(|source| failed(source.into()))?);
        if is_named {
            mark(entries);
        }
        let new = index.to_string();
        if new.len() as u64 > self.limits.manifest_bytes {
            let limit = LimitExceeded::new("manifest_bytes", self.limits.manifest_bytes, what);
            return Err(Error::from(limit).into());
        }
        Ok(plimsoll_files::replace(&path, new.as_bytes()).map_err(written)?)
    }
}

impl<S: Source> Source for LayoutStore<S> {
    fn describe(&self) -> String {
        self.source.describe()
    }

    fn resolve(&self) -> Result<Descriptor, Error> {
        self.source.resolve()
    }

    fn manifest(&self, descriptor: &Descriptor) -> Result<Vec<u8>, Error> {
        self.source.manifest(descriptor)
    }

    fn blob(&self, descriptor: &Descriptor) -> Result<Box<dyn Read + Send>, Error> {
        self.source.blob(descriptor)
    }

    fn lacks(&self, blob: &Descriptor) -> Result<bool, Error> {
        self.source.lacks(blob)
    }

    fn referrers(&self, subject: &Digest) -> Result<Referrers, Error> {
        self.source.referrers(subject)
    }

    fn named(&self, name: &str) -> Result<Option<(Descriptor, Vec<u8>)>, Error> {
        self.source.named(name)
    }
}

impl<S: Source> Store for LayoutStore<S> {
    fn put_blob(&self, media_type: &str, bytes: &[u8]) -> Result<Descriptor, Error> {
        let descriptor = Descriptor::for_bytes(media_type, bytes);
        self.write(&descriptor.digest, bytes).map_err(|error| *error)?;
        Ok(descriptor)
    }

    fn put_content(&self, content: &Content) -> Result<(), Error> {
        let descriptor = content.descriptor();
        let path = self.path(&descriptor.digest).map_err(|error| *error)?;
        if is_there(&path, descriptor) {
            return Ok(());
        }
        let mut stream = content.open()?;
        let copied = plimsoll_files::replace_with(&path, plimsoll_files::Mode::Public, |out| {
            io::copy(&mut stream, out).map(drop)
        });
        match copied {
            Ok(()) => Ok(()),
            Err(plimsoll_files::Error::Io { step, path, source }) => {
                Err(unwrapped(format!("cannot {step} {}", path.display()), source))
            }
            Err(other) => Err(written(other)),
        }
    }

    fn put_manifest(
        &self,
        name: Option<&str>,
        media_type: &str,
        manifest: &[u8],
    ) -> Result<Descriptor, Error> {
        let mut entry = Descriptor::for_bytes(media_type, manifest);
        self.write(&entry.digest, manifest).map_err(|error| *error)?;
        if let Some(name) = name {
            // A digest is not a name, so the entry is listed without one.
            if name.parse::<Digest>().is_err() {
                entry.annotations.insert(REF_NAME.to_owned(), name.to_owned());
            }
            let _lock = self.lock().map_err(|error| *error)?;
            self.list(&entry, true).map_err(|error| *error)?;
        }
        Ok(entry)
    }

    fn update(&self, name: &str, change: &mut Change<'_>) -> Result<(), Error> {
        let _lock = self.lock().map_err(|error| *error)?;
        let current = self.source.named(name)?;
        let current = current.as_ref().map(|(descriptor, bytes)| (descriptor, bytes.as_slice()));
        let Some((media_type, bytes)) = change(current)? else { return Ok(()) };
        let mut entry = Descriptor::for_bytes(media_type, &bytes);
        self.write(&entry.digest, &bytes).map_err(|error| *error)?;
        entry.annotations.insert(REF_NAME.to_owned(), name.to_owned());
        self.list(&entry, true).map_err(|error| *error)
    }

    fn attach(&self, media_type: &str, manifest: &[u8]) -> Result<Descriptor, Error> {
        let mut entry = Descriptor::for_bytes(media_type, manifest);
        let what = format!("manifest {}", entry.digest);
        let subject = match parse(manifest, media_type, &what, &self.limits)? {
            Document::Manifest(parsed) => {
                entry.artifact_type = parsed.artifact_type.or(Some(parsed.config.media_type));
                entry.annotations = parsed.annotations;
                parsed.subject
            }
            Document::Index(parsed) => {
                entry.artifact_type = parsed.artifact_type;
                entry.annotations = parsed.annotations;
                parsed.subject
            }
        };
        if subject.is_none() {
            let problem = "got no subject, expected one to attach to".into();
            return Err(Error::Malformed { what, problem });
        }
        self.write(&entry.digest, manifest).map_err(|error| *error)?;
        let _lock = self.lock().map_err(|error| *error)?;
        self.list(&entry, false).map_err(|error| *error)?;
        Ok(entry)
    }
}

/// Marks the first image in the layout, and its signatures and attestations in the older format, in the way that
/// `cosign load` expects. It reads one image of a layout, and nothing that belongs to an index's platform images.
fn mark(entries: &mut [Value]) {
    fn text<'a>(entry: &'a Value, path: &str) -> &'a str {
        entry.pointer(path).and_then(Value::as_str).unwrap_or_default()
    }
    const KIND: &str = "/annotations/kind";
    const NAME: &str = "/annotations/org.opencontainers.image.ref.name";
    let marked = entries.iter().position(|entry| [saved::IMAGE, saved::INDEX].contains(&text(entry, KIND)));
    // Referrers have an artifact type. crane gives one to images, too: that of their configuration. Evidence in the older
    // format has the digest of its subject as its name.
    let is_artifact = |entry: &Value| {
        entry.get("artifactType").is_some() && !media::is_image_config(text(entry, "/artifactType"))
    };
    let image = marked
        .or_else(|| entries.iter().position(|entry| !is_artifact(entry) && !is_legacy(text(entry, NAME))));
    let Some(entry) = image.and_then(|image| entries.get(image)) else { return };
    let digest = text(entry, "/digest").replacen(':', "-", 1);
    let kind = if text(entry, "/mediaType").contains("index") || text(entry, "/mediaType").contains("list") {
        saved::INDEX
    } else {
        saved::IMAGE
    };
    for (index, entry) in entries.iter_mut().enumerate() {
        let kind = match text(entry, NAME).strip_prefix(&digest) {
            _ if image == Some(index) => kind,
            Some(".sig") => saved::SIGNATURES,
            Some(".att") => saved::ATTESTATIONS,
            _ if text(entry, NAME).is_empty() => continue,
            // It belongs to an image that had the name before.
            _ => "",
        };
        let Some(entry) = entry.as_object_mut() else { continue };
        let annotations = entry.entry("annotations").or_insert_with(|| Value::Object(Map::new()));
        match annotations.as_object_mut() {
            Some(annotations) if kind.is_empty() => drop(annotations.remove(saved::KIND)),
            Some(annotations) => drop(annotations.insert(saved::KIND.to_owned(), kind.into())),
            None => {}
        }
    }
}

/// Whether this is the name of evidence in the older format: `sha256-<hex>`, or the same with a suffix.
fn is_legacy(name: &str) -> bool {
    let digest = name.split('.').next().unwrap_or_default();
    digest.replacen('-', ":", 1).parse::<Digest>().is_ok() && digest.contains('-')
}

/// Whether the file is the blob that the descriptor names.
fn is_there(path: &Path, descriptor: &Descriptor) -> bool {
    let Ok(mut file) = File::open(path) else { return false };
    if file.metadata().is_ok_and(|metadata| !metadata.is_file() || metadata.len() != descriptor.size) {
        return false;
    }
    let mut hasher = Hasher::new(descriptor.digest.algorithm());
    let mut buffer = vec![0; 64 * 1024];
    loop {
        match file.read(&mut buffer) {
            Ok(0) => return hasher.finish() == descriptor.digest,
            Ok(count) => hasher.update(buffer.get(..count).unwrap_or_default()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => return false,
        }
    }
}

/// Whether the file has exactly these bytes already.
fn holds(path: &Path, bytes: &[u8]) -> bool {
    let Ok(file) = File::open(path) else { return false };
    let mut there = Vec::new();
    file.take(bytes.len() as u64 + 1).read_to_end(&mut there).is_ok() && there == bytes
}

fn at(path: &Path, source: io::Error) -> Error {
    Error::Io { what: path.display().to_string(), source }
}

fn written(error: plimsoll_files::Error) -> Error {
    match error {
        plimsoll_files::Error::Io { step, path, source } => {
            Error::Io { what: format!("cannot {step} {}", path.display()), source }
        }
        other => Error::Io { what: "writing the layout".into(), source: io::Error::other(other) },
    }
}
