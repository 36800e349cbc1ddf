//! The bundles in a file, in the forms in which attestations are published.
//!
//! | form | from |
//! | --- | --- |
//! | a bundle | cosign, `attest-blob` |
//! | bundles, one a line | `gh attestation download` |
//! | `{"attestations": [{"bundle": {…}}]}` | GitHub's API; npm's, whose members have a `predicateType` besides |
//! | `[{"attestation": {"bundle": {…}}}]` | `gh attestation verify --format json` |
//! | a DSSE envelope, or several, one a line | the SLSA generators' `.intoto.jsonl`; only a key verifies it |
//! | `{"version": 1, "verification_material": …, "envelope": …}` | PEP 740, an attestation object |
//! | `{"version": 1, "attestation_bundles": [{"publisher": …, "attestations": […]}]}` | PEP 740, a provenance object |
//!
//! Nothing here is trusted: the data around a bundle is not signed. A `predicateType` beside one is ignored, and a
//! publisher is only kept for comparison with the certificate.

use plimsoll_core::{LimitExceeded, Limits, json};
use serde_json::{Value, json};

use crate::error::within;
use crate::legacy::bundle_of_file;
use crate::{CertificateIdentity, Claim, Error};

/// A bundle from a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileBundle {
    /// Its bytes, for [`Bundle::parse`](crate::Bundle::parse).
    pub bundle: Vec<u8>,
    /// The publisher according to the package index.
    pub publisher: Option<Publisher>,
}

/// A trusted publisher, as PEP 740 writes it. The index does not sign it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Publisher {
    kind: String,
    repository: Option<String>,
    workflow: Option<String>,
    email: Option<String>,
}

/// The bundles in `bytes`, at least one. Strict JSON throughout.
pub fn bundles(bytes: &[u8], limits: &Limits) -> Result<Vec<FileBundle>, Error> {
    within(bytes, "attestations", ("bundle_bytes", limits.bundle_bytes))?;
    let wrong =
        |path: &str, problem: &str| Error::Attestations { path: path.into(), problem: problem.into() };
    let whole = match json::value(bytes, limits.bundle_bytes) {
        Ok(whole) => whole,
        Err(first) => {
            return lines(bytes, limits)?.ok_or_else(|| wrong("the document", &first.to_string()));
        }
    };
    if whole.get("mediaType").is_some() {
        return Ok(vec![FileBundle { bundle: bytes.to_vec(), publisher: None }]);
    }
    if whole.get("payloadType").is_some() {
        let bundle = bundle_of_file(bytes, limits)?.into_owned();
        return Ok(vec![FileBundle { bundle, publisher: None }]);
    }
    let mut found = Vec::new();
    match &whole {
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                found.push(wrapped(item, &format!("[{index}]"))?);
            }
        }
        Value::Object(members) if members.contains_key("attestation_bundles") => {
            index_document(&whole, &mut found, limits)?;
        }
        Value::Object(members) if members.contains_key("envelope") => {
            found.push(FileBundle { bundle: of_index(&whole, "the document")?, publisher: None });
        }
        Value::Object(members) => {
            let items = members.get("attestations").and_then(Value::as_array);
            let items =
                items.ok_or_else(|| wrong("the document", "is in none of the forms of attestations"))?;
            for (index, item) in items.iter().enumerate() {
                found.push(wrapped(item, &format!("attestations[{index}]"))?);
            }
        }
        _ => return Err(wrong("the document", "is in none of the forms of attestations")),
    }
    bounded(found, limits)
}

/// One bundle per line; `None` if the first line is not a document, because the error for the whole file is then more
/// useful.
fn lines(bytes: &[u8], limits: &Limits) -> Result<Option<Vec<FileBundle>>, Error> {
    let mut found = Vec::new();
    for (number, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
        let line = line.trim_ascii();
        if line.is_empty() {
            continue;
        }
        if found.len() == limits.attestations {
            return Err(too_many(limits));
        }
        match json::value(line, limits.bundle_bytes) {
            Ok(Value::Object(_)) => {
                found
                    .push(FileBundle { bundle: bundle_of_file(line, limits)?.into_owned(), publisher: None });
            }
            _ if found.is_empty() => return Ok(None),
            Ok(_) => {
                let path = format!("line {}", number + 1);
                return Err(Error::Attestations { path, problem: "expected a bundle".into() });
            }
            Err(error) => {
                return Err(Error::Attestations {
                    path: format!("line {}", number + 1),
                    problem: error.to_string(),
                });
            }
        }
    }
    Ok((!found.is_empty()).then_some(found))
}

/// The bundle within GitHub's or npm's object.
fn wrapped(item: &Value, path: &str) -> Result<FileBundle, Error> {
    let bundle = item.get("bundle").or_else(|| item.pointer("/attestation/bundle"));
    let bundle = match bundle {
        Some(bundle) => bundle,
        None if item.get("mediaType").is_some() => item,
        // GitHub's API omits the bundle when it only gives its address.
        None => {
            return Err(Error::Attestations { path: path.to_owned(), problem: "has no bundle".to_owned() });
        }
    };
    if !bundle.is_object() {
        return Err(Error::Attestations {
            path: format!("{path}.bundle"),
            problem: "is not an object".to_owned(),
        });
    }
    Ok(FileBundle { bundle: bundle.to_string().into_bytes(), publisher: None })
}

/// A provenance object of PEP 740.
fn index_document(whole: &Value, found: &mut Vec<FileBundle>, limits: &Limits) -> Result<(), Error> {
    expect_version(whole, "the document")?;
    let wrong = |path: String, problem: &str| Error::Attestations { path, problem: problem.to_owned() };
    let groups = whole.get("attestation_bundles").and_then(Value::as_array);
    let groups = groups.ok_or_else(|| wrong("attestation_bundles".to_owned(), "is not a list"))?;
    for (group_index, group) in groups.iter().enumerate() {
        let path = format!("attestation_bundles[{group_index}]");
        let publisher =
            group.get("publisher").map(|publisher| Publisher::read(publisher, &path)).transpose()?;
        let items = group.get("attestations").and_then(Value::as_array);
        let items = items.ok_or_else(|| wrong(format!("{path}.attestations"), "is not a list"))?;
        for (index, item) in items.iter().enumerate() {
            if found.len() == limits.attestations {
                return Err(too_many(limits));
            }
            let bundle = of_index(item, &format!("{path}.attestations[{index}]"))?;
            found.push(FileBundle { bundle, publisher: publisher.clone() });
        }
    }
    Ok(())
}

/// The bundle in a PEP 740 attestation object, which writes it differently.
fn of_index(object: &Value, path: &str) -> Result<Vec<u8>, Error> {
    expect_version(object, path)?;
    let part = |pointer: &str| {
        object.pointer(pointer).cloned().ok_or_else(|| Error::Attestations {
            path: path.to_owned(),
            problem: format!("has no {}", pointer.trim_start_matches('/').replace('/', ".")),
        })
    };
    let known: [(&str, &[&str]); 3] = [
        ("", &["version", "verification_material", "envelope"]),
        ("/verification_material", &["certificate", "transparency_entries"]),
        ("/envelope", &["statement", "signature"]),
    ];
    for (pointer, names) in known {
        let members = object.pointer(pointer).and_then(Value::as_object);
        if let Some(name) =
            members.and_then(|members| members.keys().find(|name| !names.contains(&name.as_str())))
        {
            let problem = format!("has an unknown field {:?}", crate::error::excerpt(name));
            return Err(Error::Attestations { path: path.to_owned(), problem });
        }
    }
    let bundle = json!({
        "mediaType": crate::BUNDLE_V0_3,
        "verificationMaterial": {
            "certificate": {"rawBytes": part("/verification_material/certificate")?},
            "tlogEntries": part("/verification_material/transparency_entries")?,
        },
        "dsseEnvelope": {
            "payload": part("/envelope/statement")?,
            "payloadType": crate::IN_TOTO_PAYLOAD,
            "signatures": [{"sig": part("/envelope/signature")?}],
        },
    });
    Ok(bundle.to_string().into_bytes())
}

fn expect_version(object: &Value, path: &str) -> Result<(), Error> {
    match object.get("version") {
        Some(version) if version.as_u64() == Some(1) => Ok(()),
        got => {
            let got = got.map_or_else(|| "no version".to_owned(), |got| format!("version {got}"));
            Err(Error::Attestations {
                path: path.to_owned(),
                problem: format!("got {got}, expected version 1"),
            })
        }
    }
}

fn bounded(found: Vec<FileBundle>, limits: &Limits) -> Result<Vec<FileBundle>, Error> {
    match found.len() {
        0 => Err(Error::Attestations {
            path: "the document".into(),
            problem: "contains no attestation".into(),
        }),
        count if count > limits.attestations => Err(too_many(limits)),
        _ => Ok(found),
    }
}

fn too_many(limits: &Limits) -> Error {
    LimitExceeded::new("attestations", limits.attestations as u64, "the number of attestations in the file")
        .into()
}

impl Publisher {
    fn read(value: &Value, path: &str) -> Result<Self, Error> {
        let text = |name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned);
        let kind = text("kind").ok_or_else(|| Error::Attestations {
            path: format!("{path}.publisher"),
            problem: "has no kind".to_owned(),
        })?;
        let workflow = text("workflow").or_else(|| text("workflow_filepath"));
        Ok(Self { kind, repository: text("repository"), workflow, email: text("email") })
    }

    /// Why `certificate` was not issued to this publisher; `None` if it was, or if this kind of publisher is unknown.
    pub fn differs_from(&self, certificate: &CertificateIdentity) -> Option<String> {
        let claim = |claim| certificate.claims.get(&claim).map_or("", String::as_str);
        let (host, folder) = match self.kind.as_str() {
            "GitHub" => ("https://github.com", ".github/workflows/"),
            "GitLab" => ("https://gitlab.com", "/"),
            "Google" => {
                let email = self.email.as_deref().unwrap_or_default();
                return (certificate.subject != email).then(|| differs(&certificate.subject, email));
            }
            _ => return None,
        };
        let repository = format!("{host}/{}", self.repository.as_deref().unwrap_or_default());
        let vouched = claim(Claim::SourceRepository);
        if vouched != repository {
            return Some(differs(vouched, &repository));
        }
        let workflow = format!("{repository}/{folder}{}", self.workflow.as_deref().unwrap_or_default());
        let config = claim(Claim::BuildConfig);
        (config.split_once('@').map(|(path, _)| path) != Some(&workflow)).then(|| differs(config, &workflow))
    }
}

fn differs(got: &str, expected: &str) -> String {
    use crate::error::excerpt;
    format!("publisher: the certificate says {:?}, the package index {:?}", excerpt(got), excerpt(expected))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(document: &str) -> Result<Vec<FileBundle>, Error> {
        bundles(document.as_bytes(), &Limits::default())
    }

    fn refused(document: &str) -> String {
        found(document).unwrap_err().to_string()
    }

    #[test]
    fn each_form_gives_its_bundles() {
        let bundle = r#"{"mediaType":"x"}"#;
        for (document, count) in [
            (bundle.to_owned(), 1),
            (format!("{bundle}\n{bundle}\n\n"), 2),
            (format!(r#"{{"attestations":[{{"bundle":{bundle},"repository_id":1}}]}}"#), 1),
            (
                format!(
                    r#"{{"attestations":[{{"predicateType":"a","bundle":{bundle}}},{{"bundle":{bundle}}}]}}"#
                ),
                2,
            ),
            (format!(r#"[{{"attestation":{{"bundle":{bundle}}},"verificationResult":{{}}}}]"#), 1),
        ] {
            let all = found(&document).unwrap();
            assert_eq!(all.len(), count, "{document}");
            assert!(all.iter().all(|carried| carried.bundle == bundle.as_bytes()), "{document}");
        }
    }

    #[test]
    fn an_unknown_form_is_refused_with_its_place() {
        for (document, says) in [
            ("", "the document"),
            ("7", "none of the forms"),
            ("{}", "none of the forms"),
            (r#"{"attestations":[]}"#, "no attestation"),
            (r#"{"attestations":[{"bundle_url":"https://x.example"}]}"#, "attestations[0]: has no bundle"),
            (r#"{"attestations":[{"bundle":7}]}"#, "attestations[0].bundle"),
            ("{\"mediaType\":\"x\"}\n7", "line 2"),
            ("{\"mediaType\":\"x\"}\n{\"a\":1,\"a\":2}", "line 2"),
            (r#"{"attestations":[],"attestations":[{"bundle":{}}]}"#, "stands twice"),
            (r#"{"version":2,"envelope":{}}"#, "version 2, expected version 1"),
            (r#"{"envelope":{}}"#, "no version"),
            (r#"{"version":1,"envelope":{"statement":"a","extra":1}}"#, "unknown field"),
            (r#"{"version":1,"envelope":{"statement":"a"}}"#, "has no"),
            (r#"{"version":"1","attestation_bundles":[]}"#, "expected version 1"),
            (r#"{"version":1,"attestation_bundles":[{"publisher":{}}]}"#, "publisher: has no kind"),
        ] {
            assert!(refused(document).contains(says), "{document}: {}", refused(document));
        }
        let most = Limits::default().attestations;
        let many = "{\"mediaType\":\"x\"}\n".repeat(most + 1);
        assert!(refused(&many).contains("--limit attestations=…"));
        assert_eq!(found(&"{\"mediaType\":\"x\"}\n".repeat(most)).unwrap().len(), most);
    }

    /// What is wrong is told of the line that it is in, or of the whole if nothing in it is a bundle.
    #[test]
    fn a_fault_is_told_of_its_line_or_of_the_whole() {
        for (document, told) in [
            ("{\"mediaType\":\"x\"}\n7", "attestations: line 2: expected a bundle"),
            ("\n{\"mediaType\":\"x\"}\n\n[]", "attestations: line 4: expected a bundle"),
            ("7\n7", "attestations: the document: "),
            ("nothing\n{}", "attestations: the document: "),
        ] {
            assert!(refused(document).starts_with(told), "{document}: {}", refused(document));
        }
    }

    #[test]
    fn a_bundle_may_stand_in_a_list_without_anything_around_it() {
        let bundle = r#"{"mediaType":"x"}"#;
        let all = found(&format!(r#"{{"attestations":[{bundle}]}}"#)).unwrap();
        assert_eq!(all.iter().map(|it| it.bundle.as_slice()).collect::<Vec<_>>(), [bundle.as_bytes()]);
        assert!(refused(r#"{"attestations":[{"other":"x"}]}"#).ends_with("attestations[0]: has no bundle"));
    }

    #[test]
    fn a_publisher_that_the_certificate_does_not_name_is_told_with_both() {
        let certificate = |claims: &[(Claim, &str)]| CertificateIdentity {
            issuer: "i".into(),
            subject: "ann@example.com".into(),
            claims: claims.iter().map(|(claim, text)| (*claim, (*text).to_owned())).collect(),
        };
        let publisher = |value: Value| Publisher::read(&value, "p").unwrap();
        let github =
            publisher(json!({"kind": "GitHub", "repository": "team/app", "workflow": "release.yml"}));
        let address = "https://github.com/team/app";
        let config = format!("{address}/.github/workflows/release.yml@refs/heads/main");
        let says = |got: &str, index: &str| {
            Some(format!("publisher: the certificate says {got:?}, the package index {index:?}"))
        };
        let of = |repository, config| {
            certificate(&[(Claim::SourceRepository, repository), (Claim::BuildConfig, config)])
        };
        assert_eq!(github.differs_from(&of(address, &config)), None);
        let elsewhere = "https://github.com/evil/app";
        assert_eq!(github.differs_from(&of(elsewhere, &config)), says(elsewhere, address));
        let other = format!("{address}/.github/workflows/other.yml@refs/heads/main");
        let wanted = format!("{address}/.github/workflows/release.yml");
        assert_eq!(github.differs_from(&of(address, &other)), says(&other, &wanted));
        let google = publisher(json!({"kind": "Google", "email": "bob@example.com"}));
        assert_eq!(google.differs_from(&certificate(&[])), says("ann@example.com", "bob@example.com"));
        assert_eq!(publisher(json!({"kind": "Other"})).differs_from(&certificate(&[])), None);
    }
}
