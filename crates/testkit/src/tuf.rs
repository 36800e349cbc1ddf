//! A TUF repository in memory (The Update Framework 1.0), valid or not.
//!
//! [`Tuf::publish`] makes the files of a valid state. Tests change a field and publish again, sign their own
//! document with [`signed`], or write into [`Tuf::files`] directly. So any single thing can be made wrong.
//!
//! ```
//! use plimsoll_testkit::tuf::Tuf;
//!
//! let mut repository = Tuf::new();
//! repository.targets.insert("trusted_root.json".to_owned(), b"{}".to_vec());
//! repository.publish();
//! assert!(repository.files.contains_key("1.root.json") && repository.files.contains_key("timestamp.json"));
//! ```

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use plimsoll_core::{Algorithm, Digest, Hasher};
use serde_json::{Map, Value, json};

use crate::Answer;
use crate::cloud::Service;
use crate::sigstore::{NOW, Pair, hex, pem, rfc3339};

const DAY: i64 = 24 * 3600;

/// A key that signs metadata.
pub struct TufKey {
    /// The ID under which metadata lists it; any text is accepted.
    pub id: String,
    /// The public key, as in metadata.
    pub public: Value,
    secret: Secret,
}

enum Secret {
    Ed25519(Ed25519KeyPair),
    P256(Pair),
}

impl TufKey {
    /// A new Ed25519 key, written in hexadecimal.
    pub fn ed25519() -> Self {
        let pkcs8 = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
        let pair = Ed25519KeyPair::from_pkcs8(pkcs8.as_ref()).unwrap();
        let public = json!({
            "keytype": "ed25519", "scheme": "ed25519",
            "keyval": {"public": hex(pair.public_key().as_ref())},
        });
        Self::named(public, Secret::Ed25519(pair))
    }

    /// A new P-256 key, written as PEM with real line feeds.
    pub fn p256() -> Self {
        let pair = Pair::new();
        let public = json!({
            "keytype": "ecdsa", "scheme": "ecdsa-sha2-nistp256",
            "keyval": {"public": pair.public_pem()},
        });
        Self::named(public, Secret::P256(pair))
    }

    fn named(public: Value, secret: Secret) -> Self {
        Self { id: Digest::sha256(&canonical(&public)).hex(), public, secret }
    }

    /// A signature over `message`.
    pub fn sign(&self, message: &[u8]) -> Vec<u8> {
        match &self.secret {
            Secret::Ed25519(pair) => pair.sign(message).as_ref().to_vec(),
            Secret::P256(pair) => pair.sign(message),
        }
    }

    /// The same public key of Ed25519, written as PEM.
    pub fn public_as_pem(&self) -> Value {
        let Secret::Ed25519(pair) = &self.secret else { panic!("only for Ed25519") };
        let spki =
            [&[0x30, 0x2a, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 3, 0x21, 0][..], pair.public_key().as_ref()]
                .concat();
        json!({"keytype": "ed25519", "scheme": "ed25519", "keyval": {"public": pem("PUBLIC KEY", &spki)}})
    }
}

/// One of the four top-level roles.
pub struct Role {
    /// The keys that sign.
    pub keys: Vec<TufKey>,
    /// How many of them must sign.
    pub threshold: u64,
    /// The version of the current metadata.
    pub version: u64,
    /// Seconds since 1970.
    pub expires: i64,
}

/// A targets role below the top one.
pub struct Delegated {
    /// The key that signs.
    pub key: TufKey,
    /// The paths that are delegated to it.
    pub paths: Vec<String>,
    /// Seconds since 1970.
    pub expires: i64,
    /// The files that it vouches for.
    pub targets: BTreeMap<String, Vec<u8>>,
    /// The roles below it.
    pub delegates: Vec<String>,
}

/// The repository.
pub struct Tuf {
    /// The role that may rotate keys.
    pub root: Role,
    /// The role that states what is fresh.
    pub timestamp: Role,
    /// The role that lists the lists.
    pub snapshot: Role,
    /// The role that lists the files.
    pub targets_role: Role,
    /// Whether file names contain versions and hashes.
    pub consistent: bool,
    /// The files that the top-level role vouches for.
    pub targets: BTreeMap<String, Vec<u8>>,
    /// Roles below the top one.
    pub delegated: BTreeMap<String, Delegated>,
    /// Those of them that the top-level role names, in this order.
    pub delegates: Vec<String>,
    /// The files on the mirror, by path.
    pub files: BTreeMap<String, Vec<u8>>,
}

impl Default for Tuf {
    fn default() -> Self {
        Self::new()
    }
}

impl Tuf {
    /// A repository without files. The root needs two of three keys, the others one. All are valid for a
    /// while after [`NOW`], the timestamp for a day.
    pub fn new() -> Self {
        let role = |keys: Vec<TufKey>, threshold, days: i64| Role {
            keys,
            threshold,
            version: 1,
            expires: NOW + days * DAY,
        };
        Self {
            root: role(vec![TufKey::ed25519(), TufKey::p256(), TufKey::p256()], 2, 365),
            timestamp: role(vec![TufKey::ed25519()], 1, 1),
            snapshot: role(vec![TufKey::p256()], 1, 30),
            targets_role: role(vec![TufKey::p256()], 1, 90),
            consistent: true,
            targets: BTreeMap::new(),
            delegated: BTreeMap::new(),
            delegates: Vec::new(),
            files: BTreeMap::new(),
        }
    }

    /// A repository that distributes these files.
    pub fn with_targets(targets: &[(&str, &[u8])]) -> Self {
        let mut repository = Self::new();
        repository.targets =
            targets.iter().map(|(name, bytes)| ((*name).to_owned(), bytes.to_vec())).collect();
        repository.publish();
        repository
    }

    /// Makes the files of the current state. Earlier files of other names stay on the mirror.
    pub fn publish(&mut self) {
        self.publish_root();
        self.publish_rest();
    }

    /// Like [`Self::publish`], with the next version of everything below the root.
    pub fn publish_next(&mut self) {
        for role in [&mut self.timestamp, &mut self.snapshot, &mut self.targets_role] {
            role.version += 1;
        }
        self.publish_rest();
    }

    /// Publishes the current root, signed by its own keys.
    pub fn publish_root(&mut self) {
        let file = signed(&self.root.keys, &self.root_document());
        self.files.insert(format!("{}.root.json", self.root.version), file);
    }

    /// Publishes the next root with `keys` in place of the current root keys, signed by both.
    pub fn rotate_root(&mut self, keys: Vec<TufKey>) {
        let old = std::mem::replace(&mut self.root.keys, keys);
        self.root.version += 1;
        let file = signed(old.iter().chain(&self.root.keys), &self.root_document());
        self.files.insert(format!("{}.root.json", self.root.version), file);
    }

    /// Publishes everything except the root.
    pub fn publish_rest(&mut self) {
        let targets = signed(&self.targets_role.keys, &self.targets_document());
        let mut lists = vec![("targets".to_owned(), self.targets_role.version, targets)];
        for (name, role) in &self.delegated {
            let file = signed([&role.key], &self.delegated_document(role));
            lists.push((name.clone(), 1, file));
        }
        let snapshot = signed(&self.snapshot.keys, &self.snapshot_document(&lists));
        let timestamp = signed(&self.timestamp.keys, &self.timestamp_document(&snapshot));
        for (name, version, file) in lists {
            self.files.insert(self.name(version, &name), file);
        }
        self.files.insert(self.name(self.snapshot.version, "snapshot"), snapshot);
        self.files.insert("timestamp.json".to_owned(), timestamp);
        let all = self.delegated.values().flat_map(|role| &role.targets).chain(&self.targets);
        let all: Vec<(String, Vec<u8>)> = all.map(|(name, bytes)| (name.clone(), bytes.clone())).collect();
        for (name, bytes) in all {
            let hash =
                if self.consistent { format!("{}.", Digest::sha256(&bytes).hex()) } else { String::new() };
            let name = format!("targets/{hash}{name}");
            self.files.insert(name, bytes);
        }
    }

    /// The path of a role's metadata.
    pub fn name(&self, version: u64, role: &str) -> String {
        if self.consistent { format!("{version}.{role}.json") } else { format!("{role}.json") }
    }

    /// The first root, which clients get.
    pub fn initial_root(&self) -> Vec<u8> {
        self.files["1.root.json"].clone()
    }

    /// The root as it is signed.
    pub fn root_document(&self) -> Value {
        let roles = [
            ("root", &self.root),
            ("timestamp", &self.timestamp),
            ("snapshot", &self.snapshot),
            ("targets", &self.targets_role),
        ];
        let keys: Map<String, Value> = roles
            .iter()
            .flat_map(|(_, role)| &role.keys)
            .map(|key| (key.id.clone(), key.public.clone()))
            .collect();
        let roles: Map<String, Value> = roles
            .iter()
            .map(|(name, role)| {
                let ids: Vec<&str> = role.keys.iter().map(|key| key.id.as_str()).collect();
                ((*name).to_owned(), json!({"keyids": ids, "threshold": role.threshold}))
            })
            .collect();
        json!({
            "_type": "root", "spec_version": "1.0.31", "version": self.root.version,
            "expires": rfc3339(self.root.expires), "consistent_snapshot": self.consistent,
            "keys": keys, "roles": roles,
        })
    }

    /// The list of files as it is signed.
    pub fn targets_document(&self) -> Value {
        let mut document = json!({
            "_type": "targets", "spec_version": "1.0.31", "version": self.targets_role.version,
            "expires": rfc3339(self.targets_role.expires), "targets": listed(&self.targets),
        });
        if !self.delegates.is_empty() {
            document["delegations"] = self.delegations(&self.delegates);
        }
        document
    }

    fn delegated_document(&self, role: &Delegated) -> Value {
        let mut document = json!({
            "_type": "targets", "spec_version": "1.0.31", "version": 1,
            "expires": rfc3339(role.expires), "targets": listed(&role.targets),
        });
        if !role.delegates.is_empty() {
            document["delegations"] = self.delegations(&role.delegates);
        }
        document
    }

    fn delegations(&self, names: &[String]) -> Value {
        let (mut keys, mut roles) = (Map::new(), Vec::new());
        for name in names {
            let role = &self.delegated[name];
            keys.insert(role.key.id.clone(), role.key.public.clone());
            roles.push(json!({
                "name": name, "keyids": [role.key.id], "threshold": 1, "terminating": false, "paths": role.paths,
            }));
        }
        json!({"keys": keys, "roles": roles})
    }

    /// The list of lists as it is signed: name, version and file of each.
    pub fn snapshot_document(&self, lists: &[(String, u64, Vec<u8>)]) -> Value {
        let meta: Map<String, Value> = lists
            .iter()
            .map(|(name, version, file)| (format!("{name}.json"), pinned(*version, file)))
            .collect();
        json!({
            "_type": "snapshot", "spec_version": "1.0.31", "version": self.snapshot.version,
            "expires": rfc3339(self.snapshot.expires), "meta": meta,
        })
    }

    /// The timestamp as it is signed, for the file of a snapshot.
    pub fn timestamp_document(&self, snapshot: &[u8]) -> Value {
        json!({
            "_type": "timestamp", "spec_version": "1.0.31", "version": self.timestamp.version,
            "expires": rfc3339(self.timestamp.expires),
            "meta": {"snapshot.json": pinned(self.snapshot.version, snapshot)},
        })
    }

    /// Serves [`Tuf::files`] on loopback.
    pub fn serve(&self) -> Mirror {
        let files = Arc::new(Mutex::new(self.files.clone()));
        let serving = Arc::clone(&files);
        let service = Service::start(move |request| {
            let files = serving.lock().unwrap_or_else(PoisonError::into_inner);
            match files.get(request.path().trim_start_matches('/')) {
                Some(bytes) => Answer::new(200).body(bytes.clone()),
                None => Answer::new(404),
            }
        });
        Mirror { files, service }
    }
}

/// A file with `document`, signed by each of `keys`.
pub fn signed<'a>(keys: impl IntoIterator<Item = &'a TufKey>, document: &Value) -> Vec<u8> {
    let message = canonical(document);
    let signatures: Vec<Value> =
        keys.into_iter().map(|key| json!({"keyid": key.id, "sig": hex(&key.sign(&message))})).collect();
    json!({"signatures": signatures, "signed": document}).to_string().into_bytes()
}

fn listed(targets: &BTreeMap<String, Vec<u8>>) -> Value {
    let listed: Map<String, Value> =
        targets.iter().map(|(name, bytes)| (name.clone(), file(bytes))).collect();
    Value::Object(listed)
}

fn file(bytes: &[u8]) -> Value {
    let mut sha512 = Hasher::new(Algorithm::Sha512);
    sha512.update(bytes);
    json!({
        "length": bytes.len(),
        "hashes": {"sha256": Digest::sha256(bytes).hex(), "sha512": sha512.finish().hex()},
    })
}

fn pinned(version: u64, bytes: &[u8]) -> Value {
    let mut pinned = file(bytes);
    pinned["version"] = json!(version);
    pinned
}

/// A mirror on loopback; stops on drop.
pub struct Mirror {
    files: Arc<Mutex<BTreeMap<String, Vec<u8>>>>,
    service: Service,
}

impl Mirror {
    /// `http://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        self.service.url()
    }

    /// From now on, it has these files and no others.
    pub fn hold(&self, files: &BTreeMap<String, Vec<u8>>) {
        self.files.lock().unwrap_or_else(PoisonError::into_inner).clone_from(files);
    }

    /// The number of requests.
    pub fn requests(&self) -> usize {
        self.service.requests().len()
    }
}

/// TUF's canonical form, which is OLPC's: sorted names, no white space, and nothing but `"` and `\` escaped.
/// It differs from RFC 8785 if a text contains a line feed.
pub fn canonical(value: &Value) -> Vec<u8> {
    let mut out = String::new();
    write_canonical(value, &mut out);
    out.into_bytes()
}

fn write_canonical(value: &Value, out: &mut String) {
    match value {
        Value::Array(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                write_canonical(item, out);
            }
            out.push(']');
        }
        Value::Object(members) => {
            let sorted: BTreeMap<&String, &Value> = members.iter().collect();
            out.push('{');
            for (index, (name, member)) in sorted.into_iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                write_text(name, out);
                out.push(':');
                write_canonical(member, out);
            }
            out.push('}');
        }
        Value::String(text) => write_text(text, out),
        scalar => out.push_str(&scalar.to_string()),
    }
}

fn write_text(text: &str, out: &mut String) {
    out.push('"');
    out.push_str(&text.replace('\\', "\\\\").replace('"', "\\\""));
    out.push('"');
}
