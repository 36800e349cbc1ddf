//! Policies, deny lists and waivers from files and folders.

use std::path::{Component, Path, PathBuf};

use plimsoll_core::{Kind, Limits, Timestamp};
use plimsoll_gather::UnderPolicy;
use plimsoll_policy::{DenyList, DocumentKind, Policy, PolicySet, Waiver};

use crate::failure::Failure;
use crate::output::Console;
use crate::settings::{document_fits, documents, read_document, read_file};

/// Of the files that a policy names, public keys and a trusted root; whoever reads them has bounds of their own.
const NAMED_FILE_BYTES: u64 = 4 << 20;

/// Policies and the digests that are denied whatever they say.
pub(crate) struct Rules {
    pub(crate) policies: PolicySet,
    pub(crate) denials: DenyList,
}

impl Rules {
    /// Reads `policy` (a file or a folder) and `deny_lists`; the built-in policy where none is given.
    pub(crate) fn load(
        policy: Option<&Path>,
        deny_lists: &[PathBuf],
        limits: &Limits,
    ) -> Result<Self, Failure> {
        let (mut policies, mut denials) = (Vec::new(), DenyList::none());
        match policy {
            None => policies.push(Policy::builtin()),
            Some(path) => {
                for file in documents(path, is_document)? {
                    match read_rules(&file, limits)? {
                        Some(RulesDocument::Policy(policy)) => policies.push(*policy),
                        Some(RulesDocument::DenyList(list)) => denials.add(list),
                        None => {}
                    }
                }
                if policies.is_empty() {
                    return Err(Failure::new(Kind::Usage, format!("no policy in {}", path.display()))
                        .with_hint("a policy is a .yaml, .yml or .json file with kind: Policy"));
                }
            }
        }
        for path in deny_lists {
            let bytes = read_document(path, limits)?;
            denials.add(DenyList::parse(&bytes, &path.display().to_string())?);
        }
        Ok(Self { policies: PolicySet::new(policies), denials })
    }
}

/// A document in a folder of policies.
enum RulesDocument {
    Policy(Box<Policy>),
    DenyList(DenyList),
}

/// The policy or deny list in `file`, if it holds one.
fn read_rules(file: &Path, limits: &Limits) -> Result<Option<RulesDocument>, Failure> {
    let bytes = read_document(file, limits)?;
    let origin = file.display().to_string();
    if is_trusted_root(&bytes) {
        return Ok(None);
    }
    match DocumentKind::of(&bytes, &origin)? {
        DocumentKind::Policy => {
            document_fits(&bytes, file, limits)?;
            Ok(Some(RulesDocument::Policy(Box::new(parse_policy(&bytes, file)?))))
        }
        DocumentKind::DenyList => Ok(Some(RulesDocument::DenyList(DenyList::parse(&bytes, &origin)?))),
        // Waivers may lie beside policies; `--waivers` is what makes them count.
        DocumentKind::Waiver => Ok(None),
        _ => Err(Failure::new(Kind::Usage, format!("{origin} is of a kind that no rule is made of"))),
    }
}

/// Whether these are the bytes of a trusted root, which lies beside the policies that name it.
pub(crate) fn is_trusted_root(bytes: &[u8]) -> bool {
    #[derive(serde::Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Head {
        media_type: String,
    }
    let head: Result<Head, _> = serde_json::from_slice(bytes);
    head.is_ok_and(|head| head.media_type.starts_with("application/vnd.dev.sigstore.trustedroot"))
}

/// Reads the policy in `bytes`; key files are relative to the folder of `file`.
pub(crate) fn parse_policy(bytes: &[u8], file: &Path) -> Result<Policy, Failure> {
    let folder = file.parent().unwrap_or(Path::new(""));
    let key_file =
        |path: &str| read_file(&folder.join(path), NAMED_FILE_BYTES).map_err(|failure| failure.to_string());
    Ok(Policy::parse(bytes, &file.display().to_string(), &key_file)?)
}

/// The waivers in `paths`, as far as one of `policies` may accept them. A signed waiver that no approver of any of them
/// signed is left out, with a warning; a waiver that is not one is an error.
pub(crate) fn waivers(
    paths: &[PathBuf],
    policies: &[UnderPolicy<'_>],
    now: Timestamp,
    limits: &Limits,
    console: Console,
) -> Result<Vec<Waiver>, Failure> {
    let mut waivers = Vec::new();
    for path in paths {
        let files = waiver_files(path)?;
        for file in &files {
            // The document that a bundle beside it carries signed counts once, as signed.
            if files.contains(&beside(file)) {
                continue;
            }
            let bytes = read_document(file, limits)?;
            document_fits(&bytes, file, limits)?;
            let origin = file.display().to_string();
            if !is_bundle(&origin) {
                waivers.push(Waiver::from_unsigned(&bytes, &origin)?);
                continue;
            }
            let (mut signed, mut refused) = (Vec::new(), Vec::new());
            for UnderPolicy { policy, root } in policies {
                match Waiver::from_bundle(&bytes, &origin, policy, *root, now, limits) {
                    Ok(waiver) => signed.push(waiver),
                    Err(error @ plimsoll_policy::Error::WaiverSignature { .. }) => refused.push(error),
                    Err(error) => return Err(error.into()),
                }
            }
            if signed.is_empty() {
                for error in refused {
                    console.warn(error);
                }
            }
            waivers.extend(signed);
        }
    }
    Ok(waivers)
}

/// The files behind `path` that may hold a waiver, signed or not.
pub(crate) fn waiver_files(path: &Path) -> Result<Vec<PathBuf>, Failure> {
    documents(path, |name| is_bundle(name) || is_document(name))
}

/// Where `waiver sign` puts the signed form of the document `waiver`.
pub(crate) fn beside(waiver: &Path) -> PathBuf {
    let mut path = waiver.as_os_str().to_owned();
    path.push(".sigstore.json");
    path.into()
}

/// A file that holds a policy, waiver or deny list, by its name. Editors' hidden files are none.
pub(crate) fn is_document(name: &str) -> bool {
    let extension = Path::new(name).extension().and_then(|e| e.to_str());
    let hidden = Path::new(name).components().next_back().is_some_and(
        |last| matches!(last, Component::Normal(n) if n.to_str().is_some_and(|n| n.starts_with('.'))),
    );
    matches!(extension, Some("yaml" | "yml" | "json")) && !hidden && !is_bundle(name)
}

/// A file that holds a signed document, by its name.
pub(crate) fn is_bundle(name: &str) -> bool {
    name.ends_with(".sigstore.json")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_told_apart_by_name() {
        for (name, yaml, bundle) in [
            ("a.yaml", true, false),
            ("a.yml", true, false),
            ("a.json", true, false),
            ("a.yaml.sigstore.json", false, true),
            (".a.yaml.swp", false, false),
            (".hidden.yaml", false, false),
            ("key.pub", false, false),
        ] {
            assert_eq!((is_document(name), is_bundle(name)), (yaml, bundle), "{name}");
        }
    }
}
