//! Checks of TUF metadata before the client reads it.
//!
//! What `sigstore-tuf` does not require: JSON without duplicate names (which two readers read differently),
//! thresholds of at least one in every role (GHSA-fphv-w9fq-2525), delegations with unique names, and roles
//! whose keys differ. The client counts signatures by declared key ID, so the holder of one key that is
//! listed under two IDs would be two signers (CVE-2020-15093). A refusal here comes before any signature is
//! checked; it can only make the client stricter.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use plimsoll_core::json;
use serde_json::Value;

use crate::Error;
use crate::fault::{TrustFault, refused};

/// The roles that a delegation must not name, because it would replace their metadata.
const TOP_LEVEL: [&str; 4] = ["root", "timestamp", "snapshot", "targets"];
/// Real roots have five or six signatures.
const SIGNATURES: usize = 256;

/// Refuses metadata that fails these checks.
pub(super) fn metadata(mirror: &str, name: &str, bytes: &[u8], limit: u64) -> Result<Value, Error> {
    let wrong = |problem: String| refused(mirror, TrustFault::Malformed, format!("{name}: {problem}"));
    let value = json::value(bytes, limit).map_err(|error| wrong(error.to_string()))?;
    if value.get("signatures").and_then(Value::as_array).is_some_and(|list| list.len() > SIGNATURES) {
        return Err(wrong(format!("more than {SIGNATURES} signatures")));
    }
    let signed = value.get("signed").unwrap_or(&Value::Null);
    if let Some(roles) = signed.get("roles").and_then(Value::as_object) {
        for (role, keys) in roles {
            check_role(mirror, role, keys, signed.get("keys"))?;
        }
    }
    if let Some(delegations) = signed.get("delegations") {
        if let Some(bins) = delegations.get("succinct_roles") {
            if delegations.get("roles").is_some() {
                return Err(wrong("it delegates both by `roles` and by `succinct_roles`".to_owned()));
            }
            let prefix = bins.get("name_prefix").and_then(Value::as_str).unwrap_or_default();
            check_role(mirror, prefix, bins, delegations.get("keys"))?;
        }
        let mut names = BTreeSet::new();
        for role in delegations.get("roles").and_then(Value::as_array).into_iter().flatten() {
            let role_name = role.get("name").and_then(Value::as_str).unwrap_or_default();
            if role_name.is_empty() || TOP_LEVEL.contains(&role_name) {
                let problem = format!("{name}: it delegates to a role with the name {role_name:?}");
                return Err(refused(mirror, TrustFault::Name, problem));
            }
            if !names.insert(role_name) {
                return Err(refused(
                    mirror,
                    TrustFault::Name,
                    format!("{name}: it has the role {role_name} twice"),
                ));
            }
            if role.get("paths").is_some() == role.get("path_hash_prefixes").is_some() {
                return Err(wrong(format!("role {role_name}: expected one of paths and path_hash_prefixes")));
            }
            check_role(mirror, role_name, role, delegations.get("keys"))?;
        }
    }
    Ok(value)
}

fn check_role(mirror: &str, name: &str, role: &Value, keys: Option<&Value>) -> Result<(), Error> {
    if role.get("threshold").and_then(Value::as_u64).is_none_or(|threshold| threshold == 0) {
        let problem =
            format!("role {name}: got no threshold of at least 1, so that zero signatures would be enough");
        return Err(refused(mirror, TrustFault::Threshold, problem));
    }
    let mut seen: BTreeMap<Vec<u8>, &str> = BTreeMap::new();
    for id in role.get("keyids").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str) {
        let Some(material) = keys.and_then(|keys| keys.get(id)).and_then(material) else { continue };
        if let Some(other) = seen.insert(material, id) {
            let problem = format!("role {name}: the keys {other} and {id} are the same key");
            return Err(refused(mirror, TrustFault::SameKey, problem));
        }
    }
    Ok(())
}

/// The identity of a key, in any encoding: PEM or hexadecimal, with its point compressed or not.
fn material(key: &Value) -> Option<Vec<u8>> {
    const COORDINATE: usize = 32;
    let public = key.pointer("/keyval/public")?.as_str()?.trim();
    let der = if public.starts_with("-----BEGIN") {
        let body: String = public.lines().filter(|line| !line.starts_with("-----")).map(str::trim).collect();
        STANDARD.decode(body).unwrap_or_else(|_| public.as_bytes().to_vec())
    } else {
        public.to_ascii_lowercase().into_bytes()
    };
    let scheme = key.get("scheme").and_then(Value::as_str).unwrap_or_default();
    let tail = |count: usize| der.len().checked_sub(count).and_then(|start| der.get(start..));
    let material = match scheme {
        "ed25519" if public.starts_with("-----BEGIN") => {
            let raw = tail(COORDINATE)?;
            let mut text = String::with_capacity(2 * COORDINATE);
            for byte in raw {
                // Writing to a String cannot fail.
                let _ = write!(text, "{byte:02x}");
            }
            text.into_bytes()
        }
        // The holder of a key can also sign with the key of the opposite sign, so the first coordinate
        // identifies the key.
        "ecdsa-sha2-nistp256" | "ecdsa-sha2-nistp384" => {
            let size = if scheme.ends_with("384") { 48 } else { COORDINATE };
            match (tail(2 * size + 1), tail(size + 1)) {
                (Some([4, point @ ..]), _) => point.get(..size)?.to_vec(),
                (_, Some([2 | 3, x @ ..])) => x.to_vec(),
                _ => der,
            }
        }
        _ => der,
    };
    Some(material)
}
