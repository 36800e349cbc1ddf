//! The contents of a trusted root or signing config, one line per authority, log and service.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use plimsoll_core::Timestamp;
use plimsoll_verify::TrustedRoot;
use serde::Serialize;

use crate::signing_config::{Service, SigningConfig};

/// An authority, a log or a service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    /// What it is.
    pub kind: EntryKind,
    /// Where it is, if it is stated.
    pub url: String,
    /// Its owner: the subject of the root certificate, or the operator.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The algorithm of its key; for authorities, the number of certificates; for services, the version.
    pub detail: String,
    /// A log's ID, in base64.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// From when it counts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start: Option<Timestamp>,
    /// Until when it counts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end: Option<Timestamp>,
    /// Whether it counts now. A past one still counts for signatures of its time.
    pub in_force: bool,
}

/// What an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum EntryKind {
    /// Issues certificates to signers.
    CertificateAuthority,
    /// Records signatures.
    TransparencyLog,
    /// Records certificates.
    CertificateLog,
    /// Signs timestamps.
    TimestampAuthority,
    /// Identifies signers.
    IdentityProvider,
}

impl EntryKind {
    /// The name for people.
    pub fn shown(self) -> &'static str {
        match self {
            Self::CertificateAuthority => "certificate authority",
            Self::TransparencyLog => "transparency log",
            Self::CertificateLog => "certificate log",
            Self::TimestampAuthority => "timestamp authority",
            Self::IdentityProvider => "identity provider",
        }
    }
}

/// The authorities and logs of a trusted root.
pub fn entries(root: &TrustedRoot, now: Timestamp) -> Vec<Entry> {
    let root = root.material();
    let mut entries = Vec::new();
    let mut add =
        |kind, url: &str, name: Option<String>, detail: String, id: Option<String>, range: Option<_>| {
            let (start, end) = range.unzip();
            let end = end.flatten();
            entries.push(Entry {
                kind,
                url: url.to_owned(),
                name,
                detail,
                id,
                start,
                end,
                in_force: holds(start, end, now),
            });
        };
    for authority in &root.certificate_authorities {
        let name = joined([&authority.subject.organization, &authority.subject.common_name]);
        let detail = certificates(authority.cert_chain.certificates.len());
        let range = authority.valid_for.map(|range| (range.start, range.end));
        add(EntryKind::CertificateAuthority, &authority.uri, name, detail, None, range);
    }
    for log in &root.tlogs {
        let id = Some(STANDARD.encode(log.log_id.key_id.as_bytes()));
        let range = log.public_key.valid_for.map(|range| (range.start, range.end));
        let detail = log.public_key.key_details.as_str().to_owned();
        add(EntryKind::TransparencyLog, &log.base_url, None, detail, id, range);
    }
    for log in &root.ctlogs {
        let id = Some(STANDARD.encode(log.log_id.key_id.as_bytes()));
        let range = log.public_key.valid_for.map(|range| (range.start, range.end));
        let detail = log.public_key.key_details.as_str().to_owned();
        add(EntryKind::CertificateLog, &log.base_url, None, detail, id, range);
    }
    for authority in &root.timestamp_authorities {
        let name = joined([&authority.subject.organization, &authority.subject.common_name]);
        let detail = certificates(authority.cert_chain.certificates.len());
        let range = authority.valid_for.map(|range| (range.start, range.end));
        let url = authority.uri.as_deref().unwrap_or_default();
        add(EntryKind::TimestampAuthority, url, name, detail, None, range);
    }
    entries
}

/// The services of a signing config.
pub fn services(config: &SigningConfig, now: Timestamp) -> Vec<Entry> {
    let kinds = [
        (EntryKind::CertificateAuthority, &config.ca_urls),
        (EntryKind::IdentityProvider, &config.oidc_urls),
        (EntryKind::TransparencyLog, &config.rekor_tlog_urls),
        (EntryKind::TimestampAuthority, &config.tsa_urls),
    ];
    let entry = |kind, service: &Service| Entry {
        kind,
        url: service.url.clone(),
        name: Some(service.operator.clone()).filter(|operator| !operator.is_empty()),
        detail: format!("version {}", service.major_api_version),
        id: None,
        start: Some(service.valid_for.start),
        end: service.valid_for.end,
        in_force: holds(Some(service.valid_for.start), service.valid_for.end, now),
    };
    kinds
        .into_iter()
        .flat_map(|(kind, services)| services.iter().map(move |service| entry(kind, service)))
        .collect()
}

fn holds(start: Option<Timestamp>, end: Option<Timestamp>, now: Timestamp) -> bool {
    start.is_none_or(|start| start <= now) && end.is_none_or(|end| now <= end)
}

fn certificates(count: usize) -> String {
    if count == 1 { "1 certificate".to_owned() } else { format!("{count} certificates") }
}

fn joined(parts: [&Option<String>; 2]) -> Option<String> {
    let parts: Vec<&str> =
        parts.into_iter().flatten().map(String::as_str).filter(|text| !text.is_empty()).collect();
    (!parts.is_empty()).then(|| parts.join(" "))
}
