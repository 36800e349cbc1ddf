//! In-toto statements: artifacts, and what is stated about them.
//!
//! Owns reading and writing of statements v1 (and reading of v0.1, which older attestations use), and whether one is
//! about a given artifact. Does not own the meaning of predicates. Follows the in-toto attestation framework,
//! "Statement" and "ResourceDescriptor". cosign's statement for a signed image:
//!
//! ```json
//! {"_type": "https://in-toto.io/Statement/v1",
//!  "subject": [{"digest": {"sha256": "4a78…3448"}, "annotations": {"team": "infra"}}],
//!  "predicateType": "https://sigstore.dev/cosign/sign/v1", "predicate": {}}
//! ```
//!
//! Unknown fields are skipped, as the framework demands: unlike those around the envelope, they are signed.

use std::collections::BTreeMap;

use plimsoll_core::{Algorithm, Digest, Limits, json};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::Error;
use crate::error::{excerpt, within};

/// The predicate type of cosign's signatures of images.
pub const COSIGN_SIGN_V1: &str = "https://sigstore.dev/cosign/sign/v1";

/// The predicate type of a waiver.
pub const WAIVER_V1: &str = "https://plimsoll.dev/waiver/v1";

/// The predicate type of a signed advisory database.
pub const DATABASE_V1: &str = "https://plimsoll.dev/database/v1";

const STATEMENT_V1: &str = "https://in-toto.io/Statement/v1";
const STATEMENT_V0_1: &str = "https://in-toto.io/Statement/v0.1";

/// Algorithms of one subject's digests: sigstore-go's bound (CVE-2024-45395), more than there are algorithms.
const MOST_DIGESTS: usize = 32;

/// A statement about artifacts.
#[derive(Debug, Clone, PartialEq)]
pub struct Statement {
    /// The artifacts, at least one.
    pub subjects: Vec<Subject>,
    /// The type of the predicate: a URI.
    pub predicate_type: String,
    /// The predicate. An absent one is an empty object.
    pub predicate: Value,
}

/// An artifact in a statement.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Subject {
    /// The signer's name for it. Names never authorise: only a digest identifies the artifact.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// Hexadecimal digests by algorithm name; `sha256`, `sha384` and `sha512` are of the right length and lower-case.
    #[serde(rename = "digest")]
    pub digests: BTreeMap<String, String>,
    /// The signer's annotations of this artifact; cosign's `-a key=value`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, Value>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wire {
    #[serde(rename = "_type")]
    kind: String,
    subject: Vec<Subject>,
    predicate_type: String,
    #[serde(default = "empty")]
    predicate: Value,
}

impl Statement {
    /// A statement about one artifact.
    pub fn new(subject: Subject, predicate_type: impl Into<String>, predicate: Value) -> Self {
        Self { subjects: vec![subject], predicate_type: predicate_type.into(), predicate }
    }

    /// Whether it is about the artifact with this digest: a subject lists exactly this digest, under its own algorithm.
    /// Names, other algorithms and prefixes do not count, so a colliding SHA-1 beside the wrong SHA-256 does not match.
    pub fn names(&self, digest: &Digest) -> bool {
        self.subjects.iter().any(|subject| subject.names(digest))
    }

    /// The algorithm by which a subject with `digest` lists another file's digest than the one in `digests`, which are all
    /// of one file.
    pub(crate) fn contradiction(&self, digest: &Digest, digests: &[Digest]) -> Option<Algorithm> {
        self.naming(digest).find_map(|subject| {
            let other = digests.iter().find(|other| subject.lists(other) == Some(false))?;
            Some(other.algorithm())
        })
    }

    /// The subjects that list exactly this digest.
    pub(crate) fn naming(&self, digest: &Digest) -> impl Iterator<Item = &Subject> {
        self.subjects.iter().filter(|subject| subject.names(digest))
    }

    /// The annotations of the artifact with this digest: those of the subjects that list it.
    pub fn annotations(&self, digest: &Digest) -> BTreeMap<String, Value> {
        let mut all = BTreeMap::new();
        for subject in self.subjects.iter().filter(|subject| subject.names(digest)) {
            for (name, value) in &subject.annotations {
                all.entry(name.clone()).or_insert_with(|| value.clone());
            }
        }
        all
    }

    /// The strongest known digest of its first subject.
    pub(crate) fn first_digest(&self) -> Option<Digest> {
        let digests = &self.subjects.first()?.digests;
        Algorithm::ALL.iter().rev().find_map(|algorithm| {
            let name = algorithm.name();
            Digest::parse_any(&format!("{name}:{}", digests.get(name)?)).ok()
        })
    }

    /// Its subjects, for a message.
    pub(crate) fn subject_list(&self) -> String {
        match self.first_digest() {
            Some(digest) if self.subjects.len() == 1 => format!("a statement about {digest}"),
            Some(digest) => format!("a statement about {digest} and {} more", self.subjects.len() - 1),
            None => {
                let names = self.subjects.iter().flat_map(|subject| subject.digests.keys());
                let mut names: Vec<&str> = names.map(String::as_str).take(MOST_DIGESTS).collect();
                names.dedup();
                format!("a statement about something known by {} only", excerpt(&names.join(", ")))
            }
        }
    }

    /// Whether it is a signature of an image. An attestation by the same key is not.
    pub fn is_signature(&self) -> bool {
        self.predicate_type == COSIGN_SIGN_V1
    }

    /// Whether it is about the image with this manifest and nothing else; else why not. A statement about several subjects is
    /// one about none of them alone.
    pub fn is_about_image(&self, manifest: &Digest) -> Result<(), String> {
        if self.subjects.len() > 1 {
            return Err(format!("it is about {} subjects, not about this image alone", self.subjects.len()));
        }
        if !self.names(manifest) {
            return Err("it is about another digest than the manifest of this platform".to_owned());
        }
        Ok(())
    }

    /// Whether it says of the advisory database with this list that it is the signer's; else why not. A statement about several
    /// subjects is one about none of them alone.
    pub fn vouches_for_database(&self, list: &Digest) -> Result<(), String> {
        if self.predicate_type != DATABASE_V1 {
            return Err(format!(
                "a statement of type {} is none about a database",
                excerpt(&self.predicate_type)
            ));
        }
        if self.subjects.len() > 1 || !self.names(list) {
            return Err(format!("got {}, expected {list} alone", self.subject_list()));
        }
        Ok(())
    }

    /// The statement as v1 in canonical JSON: the payload to sign.
    pub fn to_json(&self) -> Vec<u8> {
        // Member by member, because a copy of the predicate can be hundreds of megabytes.
        let subjects = Value::Array(self.subjects.iter().map(Subject::to_value).collect());
        let kind = Value::from(self.predicate_type.as_str());
        let mut out = format!(r#"{{"_type":"{STATEMENT_V1}","predicate":"#).into_bytes();
        json::write_canonical(&self.predicate, &mut out);
        out.extend_from_slice(format!(r#","predicateType":{kind},"subject":"#).as_bytes());
        json::write_canonical(&subjects, &mut out);
        out.push(b'}');
        out
    }

    /// Reads a statement, strictly. Only a [`Verified`](crate::Verified) one is known to be signed.
    pub fn parse(payload: &[u8], limits: &Limits) -> Result<Self, Error> {
        within(payload, "statement", ("statement_bytes", limits.statement_bytes))?;
        let wire: Wire = json::from_slice(payload, limits.statement_bytes)
            .map_err(|source| Error::StatementJson { source })?;
        if wire.kind != STATEMENT_V1 && wire.kind != STATEMENT_V0_1 {
            return Err(Error::StatementType { got: excerpt(&wire.kind) });
        }
        if wire.predicate_type.is_empty() {
            return Err(Error::NoPredicateType);
        }
        if wire.subject.is_empty() || wire.subject.len() > limits.subjects {
            return Err(Error::SubjectCount { got: wire.subject.len(), limit: limits.subjects });
        }
        for (index, subject) in wire.subject.iter().enumerate() {
            subject.check().map_err(|problem| Error::SubjectDigest { index, problem })?;
        }
        Ok(Self { subjects: wire.subject, predicate_type: wire.predicate_type, predicate: wire.predicate })
    }
}

impl Subject {
    /// A subject known by one digest; `name` may be empty.
    pub fn new(name: impl Into<String>, digest: &Digest) -> Self {
        Self {
            name: name.into(),
            digests: BTreeMap::from([(digest.algorithm().name().to_owned(), digest.hex())]),
            annotations: BTreeMap::new(),
        }
    }

    fn names(&self, digest: &Digest) -> bool {
        self.lists(digest) == Some(true)
    }

    /// Whether it lists this digest; `None` if it lists none by that algorithm.
    fn lists(&self, digest: &Digest) -> Option<bool> {
        self.digests.get(digest.algorithm().name()).map(|hex| *hex == digest.hex())
    }

    fn check(&self) -> Result<(), &'static str> {
        if self.digests.is_empty() {
            return Err("has no digest");
        }
        if self.digests.len() > MOST_DIGESTS {
            return Err("has more than 32 digests");
        }
        for (algorithm, hex) in &self.digests {
            let is_known = Algorithm::ALL.iter().any(|known| known.name() == algorithm);
            if is_known && Digest::parse_any(&format!("{algorithm}:{hex}")).is_err() {
                return Err("has a SHA-2 digest that is not lower-case hex of its length");
            }
        }
        Ok(())
    }

    fn to_value(&self) -> Value {
        let mut fields = serde_json::Map::new();
        if !self.name.is_empty() {
            fields.insert("name".into(), self.name.as_str().into());
        }
        let digests = self.digests.iter().map(|(name, hex)| (name.clone(), hex.as_str().into()));
        fields.insert("digest".into(), Value::Object(digests.collect()));
        if !self.annotations.is_empty() {
            let annotations = self.annotations.iter().map(|(name, value)| (name.clone(), value.clone()));
            fields.insert("annotations".into(), Value::Object(annotations.collect()));
        }
        Value::Object(fields)
    }
}

fn empty() -> Value {
    Value::Object(serde_json::Map::new())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn parse(statement: &Value) -> Result<Statement, Error> {
        Statement::parse(statement.to_string().as_bytes(), &Limits::default())
    }

    fn about(subject: &Value) -> Value {
        json!({"_type": STATEMENT_V1, "subject": subject, "predicateType": "https://example.com/p/v1"})
    }

    #[test]
    fn only_the_exact_digest_under_its_own_algorithm_names_an_artifact() {
        let (meant, other) = (Digest::sha256(b"meant"), Digest::sha256(b"other"));
        let long = Digest::compute(Algorithm::Sha512, b"meant");
        let names = |subject: Value, digest: &Digest| parse(&about(&subject)).unwrap().names(digest);

        assert!(names(json!([{"digest": {"sha256": meant.hex()}}]), &meant));
        assert!(names(
            json!([{"digest": {"sha256": other.hex()}}, {"digest": {"sha256": meant.hex()}}]),
            &meant
        ));
        assert!(names(json!([{"digest": {"sha512": long.hex()}}]), &long));

        // A right name, the right digits under another algorithm, a weak digest beside the wrong strong one.
        assert!(!names(json!([{"name": meant.to_string(), "digest": {"sha256": other.hex()}}]), &meant));
        assert!(!names(json!([{"digest": {"sha1": meant.hex(), "gitCommit": meant.hex()}}]), &meant));
        assert!(!names(json!([{"digest": {"SHA256": meant.hex(), "sha1": "aa"}}]), &meant));
        assert!(!names(json!([{"digest": {"sha512": long.hex()}}]), &meant));
        assert!(!names(json!([{"digest": {"sha256": meant.hex()}}]), &long));
    }

    #[test]
    fn subjects_must_exist_be_bounded_and_carry_sound_digests() {
        let hex = Digest::sha256(b"x").hex();
        let count = |subjects: Value| matches!(parse(&about(&subjects)), Err(Error::SubjectCount { .. }));
        let digest = |digests: Value| {
            matches!(
                parse(&about(&json!([{"digest": {"sha256": hex}}, {"digest": digests}]))),
                Err(Error::SubjectDigest { index: 1, .. })
            )
        };
        assert!(count(json!([])));
        assert!(count(Value::Array(vec![json!({"digest": {"sha256": hex}}); 1025])));
        assert!(parse(&about(&Value::Array(vec![json!({"digest": {"sha256": hex}}); 1024]))).is_ok());
        assert!(digest(json!({})));
        assert!(digest(json!({"sha256": hex.to_uppercase()})));
        assert!(digest(json!({"sha256": &hex[..63]})));
        assert!(digest(json!({"sha256": format!("sha256:{hex}")})));
        assert!(digest(json!({"sha512": hex})));
        assert!(digest(json!({"sha256": ""})));
        assert!(digest((0..33).map(|n| (format!("a{n}"), json!("00"))).collect::<Value>()));
        assert!(matches!(parse(&about(&json!([{"name": "x"}]))), Err(Error::StatementJson { .. })));
    }

    #[test]
    fn other_types_and_wrong_shapes_are_errors_not_panics() {
        let subject = json!([{"digest": {"sha256": Digest::sha256(b"x").hex()}}]);
        let with = |field: &str, value: Value| {
            let mut statement = about(&subject);
            statement[field] = value;
            parse(&statement)
        };
        assert!(with("_type", json!(STATEMENT_V0_1)).is_ok());
        assert!(matches!(
            with("_type", json!("https://in-toto.io/Statement/v2")),
            Err(Error::StatementType { .. })
        ));
        assert!(matches!(with("predicateType", json!("")), Err(Error::NoPredicateType)));
        for (field, value) in [
            ("_type", json!(null)),
            ("subject", json!({})),
            ("subject", json!("x")),
            ("subject", json!([null])),
            ("subject", json!([{"digest": []}])),
            ("subject", json!([{"digest": {"sha256": 1}}])),
            ("predicateType", json!(1)),
        ] {
            assert!(
                matches!(with(field, value.clone()), Err(Error::StatementJson { .. })),
                "{field} = {value}"
            );
        }
        for bytes in [&b""[..], b"null", b"[]", b"{}", b"\xff", b"{\"_type\":1,\"_type\":1}"] {
            assert!(matches!(Statement::parse(bytes, &Limits::default()), Err(Error::StatementJson { .. })));
        }
    }

    #[test]
    fn a_statement_reads_back_and_an_attestation_is_not_a_signature() {
        let mut subject = Subject::new("", &Digest::sha256(b"image"));
        subject.annotations.insert("team".into(), json!("infra"));
        let signature = Statement::new(subject, COSIGN_SIGN_V1, json!({}));
        assert_eq!(Statement::parse(&signature.to_json(), &Limits::default()).unwrap(), signature);
        assert!(signature.is_signature());
        assert!(!String::from_utf8(signature.to_json()).unwrap().contains("\"name\""));

        let sbom = Statement { predicate_type: "https://spdx.dev/Document/v2.3".into(), ..signature };
        assert!(!sbom.is_signature());

        let odd = Statement {
            predicate_type: "a\"\\\n\u{1}b".into(),
            predicate: json!({"b": [1, {"a": "\u{e9}"}], "a": null}),
            ..sbom
        };
        let tree: Value = serde_json::from_slice(&odd.to_json()).unwrap();
        assert_eq!(odd.to_json(), json::canonical(&tree), "it is canonical as a whole");
        assert_eq!(Statement::parse(&odd.to_json(), &Limits::default()).unwrap(), odd);
    }
}
