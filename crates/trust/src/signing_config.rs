//! The signing configuration: which services of an instance are used.
//!
//! Version 0.2 of Sigstore's `signing_config.json`:
//!
//! ```json
//! {
//!   "mediaType": "application/vnd.dev.sigstore.signingconfig.v0.2+json",
//!   "caUrls": [{"url": "https://ca.example", "majorApiVersion": 1, "validFor": {"start": "2026-01-01T00:00:00Z"}, "operator": "example"}],
//!   "rekorTlogUrls": [{"url": "https://log.example", "majorApiVersion": 2, "validFor": {"start": "2026-01-01T00:00:00Z"}, "operator": "example"}],
//!   "rekorTlogConfig": {"selector": "ANY"}
//! }
//! ```
//!
//! Among the services of one kind, those count that are valid now and speak a known version. Of each
//! operator, only the service with the highest version counts, and among these the newest. If the
//! configuration names a kind but no service counts, that is an error, so that nothing is signed without the
//! log entry that it should have.

use plimsoll_core::{Limits, Timestamp, json, text};
use plimsoll_http::Url;
use serde::Deserialize;
use serde_json::Value;

use crate::Error;

/// Services of one kind.
const MOST_SERVICES: usize = 64;
const MEDIA_TYPE: &str = "application/vnd.dev.sigstore.signingconfig.v0.2+json";

/// A signing configuration. None of its services has been contacted.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SigningConfig {
    #[serde(default)]
    pub(crate) ca_urls: Vec<Service>,
    #[serde(default)]
    pub(crate) oidc_urls: Vec<Service>,
    #[serde(default)]
    pub(crate) rekor_tlog_urls: Vec<Service>,
    #[serde(default)]
    rekor_tlog_config: Selection,
    #[serde(default)]
    pub(crate) tsa_urls: Vec<Service>,
    #[serde(default)]
    tsa_config: Selection,
}

/// A transparency log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Log {
    /// Its base, below which the API begins.
    pub url: Url,
    /// The version of its API.
    pub version: LogVersion,
}

/// The version of a log's API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogVersion {
    /// Rekor v1: it states the time of the entry.
    V1,
    /// Rekor v2: it states no time, so a timestamp authority must.
    V2,
}

/// How unknown members are treated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnknownMembers {
    /// They are refused: in a handwritten file they are typing errors.
    Refuse,
    /// They are ignored: an instance may publish a newer form in its TUF repository, and an update must
    /// survive that.
    Skip,
}

/// A service of an instance.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Service {
    pub(crate) url: String,
    pub(crate) major_api_version: u32,
    pub(crate) valid_for: Period,
    #[serde(default, deserialize_with = "or_empty")]
    pub(crate) operator: String,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Period {
    pub(crate) start: Timestamp,
    #[serde(default)]
    pub(crate) end: Option<Timestamp>,
}

#[derive(Debug, Clone, Default, Deserialize)]
struct Selection {
    #[serde(default)]
    selector: Selector,
    #[serde(default)]
    count: Option<u32>,
}

/// Some writers of protobuf's JSON form write null for unset members.
fn or_empty<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum Selector {
    #[default]
    Any,
    All,
    Exact,
    /// Undefined or unknown: any number would be a guess.
    #[serde(other)]
    Other,
}

const MEMBERS: &[&str] =
    &["mediaType", "caUrls", "oidcUrls", "rekorTlogUrls", "rekorTlogConfig", "tsaUrls", "tsaConfig"];
const SERVICES: &[&str] = &["caUrls", "oidcUrls", "rekorTlogUrls", "tsaUrls"];
const SELECTIONS: &[&str] = &["rekorTlogConfig", "tsaConfig"];

/// The first unknown member, with its parents.
fn unknown(config: &Value) -> Option<String> {
    let stranger = |value: &Value, known: &[&str]| {
        value.as_object()?.keys().find(|name| !known.contains(&name.as_str())).cloned()
    };
    if let Some(name) = stranger(config, MEMBERS) {
        return Some(name);
    }
    let services = SERVICES.iter().flat_map(|kind| {
        let list = config.get(kind).and_then(Value::as_array).into_iter().flatten();
        list.enumerate().map(move |(index, service)| (format!("{kind}[{index}]"), service))
    });
    for (path, service) in services {
        if let Some(name) = stranger(service, &["url", "majorApiVersion", "validFor", "operator"]) {
            return Some(format!("{path}.{name}"));
        }
        let period = service.get("validFor").unwrap_or(&Value::Null);
        if let Some(name) = stranger(period, &["start", "end"]) {
            return Some(format!("{path}.validFor.{name}"));
        }
    }
    SELECTIONS.iter().find_map(|kind| {
        let name = stranger(config.get(kind)?, &["selector", "count"])?;
        Some(format!("{kind}.{name}"))
    })
}

/// The services that a configuration selects.
#[derive(Debug)]
pub struct SelectedServices {
    /// The certificate authority's base.
    pub authority: Option<Url>,
    /// The logs: each of them gets an entry.
    pub logs: Vec<Log>,
    /// The timestamp authorities, each with the complete URL for requests.
    pub timestamps: Vec<Url>,
    /// The OpenID provider for interactive sign-in.
    pub issuer: Option<Url>,
}

fn wrong(problem: impl Into<String>) -> Error {
    Error::SigningConfig { problem: text::terminal(&problem.into()).into_owned() }
}

impl SigningConfig {
    /// Reads a configuration: strict JSON of at most 4 MiB, of version 0.2.
    pub fn parse(bytes: &[u8], members: UnknownMembers) -> Result<Self, Error> {
        let value =
            json::value(bytes, Limits::TRUSTED_ROOT_BYTES).map_err(|error| wrong(error.to_string()))?;
        // The media type first: another version has other members.
        let got = value.get("mediaType").and_then(Value::as_str).unwrap_or_default();
        if got != MEDIA_TYPE {
            let got: String = got.chars().take(100).collect();
            return Err(wrong(format!("got media type {got:?}, expected {MEDIA_TYPE}")));
        }
        if members == UnknownMembers::Refuse
            && let Some(path) = unknown(&value)
        {
            let path: String = path.chars().take(100).collect();
            return Err(wrong(format!("unknown member {path:?}")));
        }
        serde_json::from_value(value).map_err(|error| wrong(error.to_string()))
    }

    /// The services that it selects at `now`.
    pub fn choose(&self, now: Timestamp) -> Result<SelectedServices, Error> {
        let any = Selection::default();
        let authority = select("caUrls", &self.ca_urls, &any, &[1], now)?;
        let issuer = select("oidcUrls", &self.oidc_urls, &any, &[1], now)?;
        let logs = select("rekorTlogUrls", &self.rekor_tlog_urls, &self.rekor_tlog_config, &[1, 2], now)?;
        let timestamps = select("tsaUrls", &self.tsa_urls, &self.tsa_config, &[1], now)?;
        let log = |(url, version)| {
            let version = if version == 2 { LogVersion::V2 } else { LogVersion::V1 };
            Log { url, version }
        };
        Ok(SelectedServices {
            authority: authority.into_iter().next().map(|(url, _)| url),
            logs: logs.into_iter().map(log).collect(),
            timestamps: timestamps.into_iter().map(|(url, _)| url).collect(),
            issuer: issuer.into_iter().next().map(|(url, _)| url),
        })
    }
}

/// Reads a base URL from the user or a configuration: `https`, or `http` on this machine. The client enforces
/// that.
pub fn base_url(text: &str) -> Option<Url> {
    let url = Url::parse(text).ok()?;
    let sound = matches!(url.scheme(), "https" | "http")
        && url.username().is_empty()
        && url.password().is_none()
        && url.query().is_none()
        && url.fragment().is_none();
    sound.then_some(url)
}

/// The services that count, with their versions, in the order of the configuration.
fn select(
    kind: &str,
    services: &[Service],
    selection: &Selection,
    versions: &[u32],
    now: Timestamp,
) -> Result<Vec<(Url, u32)>, Error> {
    if services.len() > MOST_SERVICES {
        return Err(wrong(format!("{kind}: {} services, expected at most {MOST_SERVICES}", services.len())));
    }
    if services.is_empty() {
        return Ok(Vec::new());
    }
    let valid = |service: &&Service| {
        versions.contains(&service.major_api_version)
            && service.valid_for.start <= now
            && service.valid_for.end.is_none_or(|end| now <= end)
    };
    let better = |one: &Service, other: &Service| {
        (one.major_api_version, one.valid_for.start) > (other.major_api_version, other.valid_for.start)
    };
    let mut best: Vec<&Service> = Vec::new();
    for service in services.iter().filter(valid) {
        // A service without an operator may belong to anyone, so each counts as a separate operator.
        let same = |other: &&Service| !service.operator.is_empty() && other.operator == service.operator;
        match best.iter().position(same) {
            Some(at) => {
                if let Some(kept) = best.get_mut(at)
                    && better(service, kept)
                {
                    *kept = service;
                }
            }
            None => best.push(service),
        }
    }
    best.sort_by_key(|service| std::cmp::Reverse(service.major_api_version));
    let wanted = match selection.selector {
        Selector::All => best.len(),
        Selector::Any => 1,
        Selector::Exact => usize::try_from(selection.count.unwrap_or_default()).unwrap_or(usize::MAX),
        Selector::Other => {
            return Err(wrong(format!("{kind}: got an unknown selector, expected ANY, ALL or EXACT")));
        }
    };
    if best.is_empty() || wanted == 0 || best.len() < wanted {
        return Err(wrong(format!(
            "{kind}: got {} operators with a service that is valid at {now} and of API version {versions:?}, expected {}",
            best.len(),
            wanted.max(1)
        )));
    }
    let url = |service: &Service| match base_url(&service.url) {
        Some(url) => Ok((url, service.major_api_version)),
        None => Err(wrong(format!("{kind}: got URL {:?}, expected https://HOST", service.url))),
    };
    best.into_iter().take(wanted).map(url).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_holds_no_credentials_and_no_query() {
        for bad in ["ftp://a.example", "https://me:pass@a.example", "https://a.example/?x=1", "a.example"] {
            assert!(base_url(bad).is_none(), "{bad}");
        }
        assert!(base_url("https://a.example/prefix/").is_some());
    }
}
