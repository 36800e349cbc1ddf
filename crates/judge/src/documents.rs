//! Policies, deny lists and waivers from files and folders.
//!
//! The field `kind` says what a document is. A file is read if its name ends in `.yaml`, `.yml`, `.json` in
//! either case (documents) or `.sigstore.json` (signed ones).

mod folder;

use std::fmt;
use std::path::{Component, Path, PathBuf};

use plimsoll_core::{LimitExceeded, Limits, Timestamp};
use plimsoll_gather::UnderPolicy;
use plimsoll_policy::{
    DenyList, DocumentFaults, DocumentKind, Error as PolicyError, KeyFiles, Policy, PolicySet, Waiver,
};

use crate::Error;

pub use folder::{Ignored, Listing, list};

/// How the names of signed documents end.
const BUNDLE: &str = ".sigstore.json";

/// The bound for the files that a policy names: public keys and a trusted root. The code that reads them has
/// its own, smaller bounds.
const NAMED_FILE_BYTES: u64 = 4 << 20;
/// How many approvers' signatures of one waiver are searched for. A policy needs at most two.
const MOST_SIGNATURES: u32 = 100;

/// Policies, and the digests that are denied under all of them.
#[derive(Debug)]
pub struct Ruleset {
    /// The policies.
    pub policies: PolicySet,
    /// What is denied.
    pub denials: DenyList,
    /// The entries of the policies' folder that are not read.
    pub ignored: Vec<Ignored>,
}

impl Ruleset {
    /// Reads `policy` (a file or a folder) and `deny_lists`; the built-in policy if no policy is given.
    pub fn load(policy: Option<&Path>, deny_lists: &[PathBuf], limits: &Limits) -> Result<Self, Error> {
        let (mut policies, mut denials) = (Vec::new(), DenyList::none());
        let mut ignored = Vec::new();
        match policy {
            None => policies.push(Policy::builtin()),
            Some(path) => {
                let listing = list(path, is_document)?;
                ignored = listing.ignored;
                for file in listing.files {
                    match read_rules(&file, limits)? {
                        RulesDocument::Policy(policy) => policies.push(*policy),
                        RulesDocument::DenyList(list) => denials.add(list),
                        RulesDocument::TrustedRoot => {}
                        RulesDocument::Waiver => {
                            ignored.push(Ignored {
                                path: file,
                                reason: "waivers only count if --waivers names them",
                            });
                        }
                    }
                }
                if policies.is_empty() {
                    return Err(Error::NoPolicy { place: path.to_owned() });
                }
            }
        }
        for path in deny_lists {
            let bytes = read(path, limits)?;
            denials.add(DenyList::parse(&bytes, &path.display().to_string())?);
        }
        Ok(Self { policies: PolicySet::new(policies), denials, ignored })
    }
}

/// A document in a folder of policies.
enum RulesDocument {
    Policy(Box<Policy>),
    DenyList(DenyList),
    /// A trusted root, stored beside the policies that name it.
    TrustedRoot,
    /// A waiver. It may be stored beside policies, but only counts if the user names it as a waiver.
    Waiver,
}

fn read_rules(file: &Path, limits: &Limits) -> Result<RulesDocument, Error> {
    let bytes = read(file, limits)?;
    let origin = file.display().to_string();
    if is_trusted_root(&bytes) {
        return Ok(RulesDocument::TrustedRoot);
    }
    match DocumentKind::read(&bytes, &origin)? {
        DocumentKind::Policy => {
            fits(&bytes, file, limits)?;
            Ok(RulesDocument::Policy(Box::new(parse_policy(&bytes, file)?)))
        }
        DocumentKind::DenyList => Ok(RulesDocument::DenyList(DenyList::parse(&bytes, &origin)?)),
        DocumentKind::Waiver => Ok(RulesDocument::Waiver),
        _ => Err(Error::OtherDocument { origin }),
    }
}

/// Whether these are the bytes of a trusted root, which may be stored beside the policies that name it.
pub fn is_trusted_root(bytes: &[u8]) -> bool {
    #[derive(serde::Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Head {
        media_type: String,
    }
    let head: Result<Head, _> = serde_json::from_slice(bytes);
    head.is_ok_and(|head| head.media_type.starts_with("application/vnd.dev.sigstore.trustedroot"))
}

/// Reads the policy in `bytes`; key files are relative to the folder of `file`.
pub fn parse_policy(bytes: &[u8], file: &Path) -> Result<Policy, Error> {
    Ok(Policy::parse(bytes, &file.display().to_string(), &key_files(file))?)
}

/// [`parse_policy`] for whoever corrects the policy: with every fault.
pub fn parse_policy_or_faults(bytes: &[u8], file: &Path) -> Result<Policy, DocumentFaults> {
    Policy::parse_or_faults(bytes, &file.display().to_string(), &key_files(file))
}

fn key_files(policy: &Path) -> impl KeyFiles {
    let folder = policy.parent().unwrap_or(Path::new("")).to_owned();
    move |path: &str| {
        plimsoll_files::read(&folder.join(path), NAMED_FILE_BYTES, "document_bytes")
            .map_err(|error| error.to_string())
    }
}

/// A waiver as a file contains it, signed or not. Each policy decides whether it counts.
#[derive(Debug, Clone)]
pub struct WaiverDocument {
    origin: String,
    bytes: Vec<u8>,
    /// The document beside the bundle, if its content now differs from what was signed.
    edited: Option<String>,
}

/// A document that was edited after it was signed. The signed content counts.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct EditedWaiver {
    /// The document.
    pub document: String,
    /// The bundle with the signed content.
    pub bundle: String,
}

impl fmt::Display for EditedWaiver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { document, bundle } = self;
        write!(f, "{document} was edited after it was signed; {bundle} counts as it was signed")
    }
}

/// The waivers that may count, and those without a signature by an approver.
#[derive(Debug, Default)]
pub struct AcceptedWaivers {
    /// They may count; the verdict decides for what.
    pub waivers: Vec<Waiver>,
    /// Why others were left out.
    pub refused: Vec<PolicyError>,
}

impl WaiverDocument {
    /// Reads the waivers in `paths`, files or folders.
    pub fn load(paths: &[PathBuf], limits: &Limits) -> Result<Vec<Self>, Error> {
        let mut documents = Vec::new();
        for path in paths {
            let files = waiver_files(path)?;
            for file in &files {
                // A document whose signed form is in a bundle beside it counts once, as signed.
                if files.contains(&beside(file)) {
                    continue;
                }
                let bytes = read(file, limits)?;
                fits(&bytes, file, limits)?;
                let origin = file.display().to_string();
                let edited = match origin.strip_suffix(BUNDLE).map(Path::new) {
                    Some(document) if files.iter().any(|file| file == document) => {
                        let now = read(document, limits)?;
                        differ(&now, &bytes, &origin, limits).then(|| document.display().to_string())
                    }
                    _ => None,
                };
                documents.push(Self { origin, bytes, edited });
            }
        }
        Ok(documents)
    }

    /// The `documents` whose text was edited after it was signed.
    pub fn edited(documents: &[Self]) -> impl Iterator<Item = EditedWaiver> {
        documents.iter().filter_map(|document| {
            Some(EditedWaiver { document: document.edited.clone()?, bundle: document.origin.clone() })
        })
    }

    /// The waivers among `documents` that one of `policies` may accept. A waiver that was signed, but by no
    /// approver of these policies, is left out and reported. A document that is not a waiver is an error.
    pub fn accepted(
        documents: &[Self],
        policies: &[UnderPolicy<'_>],
        now: Timestamp,
        limits: &Limits,
    ) -> Result<AcceptedWaivers, Error> {
        let mut accepted = AcceptedWaivers::default();
        for Self { origin, bytes, .. } in documents {
            if !is_bundle(origin) {
                accepted.waivers.push(Waiver::from_unsigned(bytes, origin)?);
                continue;
            }
            let (mut signed, mut refused) = (Vec::new(), Vec::new());
            for UnderPolicy { policy, root } in policies {
                match Waiver::from_bundle(bytes, origin, policy, *root, now, limits) {
                    Ok(waiver) => signed.push(waiver),
                    Err(error @ PolicyError::WaiverSignature { .. }) => refused.push(error),
                    Err(error) => return Err(error.into()),
                }
            }
            if signed.is_empty() {
                accepted.refused.append(&mut refused);
            }
            accepted.waivers.append(&mut signed);
        }
        Ok(accepted)
    }
}

/// Whether a document differs from what was signed. A document that cannot be read counts as different; a
/// bundle that cannot be read is refused later.
fn differ(document: &[u8], bundle: &[u8], origin: &str, limits: &Limits) -> bool {
    let Ok(signed) = Waiver::dangerous_from_unverified_bundle(bundle, origin, limits) else { return false };
    Waiver::from_unsigned(document, origin).map_or(true, |now| now.content() != signed.content())
}

/// Reads a policy, waiver or deny list. The kind is only known after reading, so the larger limit counts
/// here; [`fits`] checks the smaller one for policies and waivers.
pub fn read(path: &Path, limits: &Limits) -> Result<Vec<u8>, Error> {
    let limit = limits.document_bytes.max(limits.deny_list_bytes);
    let name = if limit == limits.deny_list_bytes { "deny_list_bytes" } else { "document_bytes" };
    Ok(plimsoll_files::read(path, limit, name)?)
}

/// Refuses bytes that are too large for a policy or waiver.
pub fn fits(bytes: &[u8], path: &Path, limits: &Limits) -> Result<(), Error> {
    if bytes.len() as u64 <= limits.document_bytes {
        return Ok(());
    }
    let what = path.display().to_string();
    let exceeded = LimitExceeded::new("document_bytes", limits.document_bytes, what);
    Err(plimsoll_files::Error::from(exceeded).into())
}

/// The files behind `path` that may contain a waiver, signed or not.
pub fn waiver_files(path: &Path) -> Result<Vec<PathBuf>, Error> {
    Ok(list(path, |name| is_bundle(name) || is_document(name))?.files)
}

/// Where `waiver sign` puts the first signed form of the document `waiver`.
pub fn beside(waiver: &Path) -> PathBuf {
    let mut path = waiver.as_os_str().to_owned();
    path.push(BUNDLE);
    path.into()
}

/// The signed forms of the document `waiver` that are beside it, the first approver's first.
pub fn signed_forms(waiver: &Path) -> Vec<PathBuf> {
    (1..=MOST_SIGNATURES).map(|number| numbered(waiver, number)).take_while(|path| path.exists()).collect()
}

/// Where the signature of the next approver goes; `None` if there are as many as allowed.
pub fn next_signed_form(waiver: &Path) -> Option<PathBuf> {
    (1..=MOST_SIGNATURES).map(|number| numbered(waiver, number)).find(|path| !path.exists())
}

/// The place of the signature with this number: `FILE.sigstore.json`, `FILE.2.sigstore.json` and so on.
fn numbered(waiver: &Path, number: u32) -> PathBuf {
    if number == 1 {
        return beside(waiver);
    }
    let mut path = waiver.as_os_str().to_owned();
    path.push(format!(".{number}.sigstore.json"));
    path.into()
}

/// Whether a file of this name contains a policy, waiver or deny list. Hidden files of editors do not.
pub fn is_document(name: &str) -> bool {
    let extension = Path::new(name).extension().and_then(|e| e.to_str()).map(str::to_ascii_lowercase);
    let hidden = Path::new(name).components().next_back().is_some_and(
        |last| matches!(last, Component::Normal(n) if n.to_str().is_some_and(|n| n.starts_with('.'))),
    );
    matches!(extension.as_deref(), Some("yaml" | "yml" | "json")) && !hidden && !is_bundle(name)
}

/// Whether a file of this name contains a signed document.
pub fn is_bundle(name: &str) -> bool {
    name.ends_with(BUNDLE)
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
            ("a.YAML", true, false),
            ("a.yaml.sigstore.json", false, true),
            (".a.yaml.swp", false, false),
            (".hidden.yaml", false, false),
            ("key.pub", false, false),
        ] {
            assert_eq!((is_document(name), is_bundle(name)), (yaml, bundle), "{name}");
        }
    }
}
