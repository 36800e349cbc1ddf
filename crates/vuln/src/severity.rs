//! The severity of an advisory, and its source.
//!
//! Owns the scale, the reading of CVSS vectors and of publishers' words. It does not apply the order of
//! [`SeveritySource`], which decides which of several sources counts: that happens where advisories are read and
//! merged.
//!
//! Follows the qualitative scale of CVSS v3.1, section 5, which v4.0 keeps: 0 none, 0.1–3.9 low, 4.0–6.9 medium,
//! 7.0–8.9 high, 9.0–10.0 critical.

use std::fmt;

use serde::Serialize;

/// The qualitative severity. `Unrated` is the lowest: it means that there is no rating, not that it is harmless.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// No source gives a rating.
    #[default]
    Unrated,
    /// Rated as harmless: CVSS 0.0.
    None,
    /// CVSS 0.1–3.9.
    Low,
    /// CVSS 4.0–6.9.
    Medium,
    /// CVSS 7.0–8.9.
    High,
    /// CVSS 9.0–10.0.
    Critical,
}

impl Severity {
    /// All of them, the least first.
    pub const ALL: [Self; 6] =
        [Self::Unrated, Self::None, Self::Low, Self::Medium, Self::High, Self::Critical];

    /// The lower-case name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Unrated => "unrated",
            Self::None => "none",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }

    /// A publisher's word: `CRITICAL`, `high`, `MODERATE`, … `None` for words that are not ratings.
    pub fn from_word(word: &str) -> Option<Self> {
        [
            ("critical", Self::Critical),
            ("high", Self::High),
            ("important", Self::High),
            ("medium", Self::Medium),
            ("moderate", Self::Medium),
            ("low", Self::Low),
            // Ubuntu's word for what hardly ever matters; to leave it without a rating would say that nobody looked.
            ("negligible", Self::Low),
            ("none", Self::None),
        ]
        .into_iter()
        .find(|(known, _)| known.eq_ignore_ascii_case(word))
        .map(|(_, severity)| severity)
    }

    /// The severity of a score from 0 to 10. `None` if it is not one.
    pub fn from_score(score: f64) -> Option<Self> {
        match score {
            0.0 => Some(Self::None),
            _ if !(0.0..=10.0).contains(&score) => None,
            _ if score < 4.0 => Some(Self::Low),
            _ if score < 7.0 => Some(Self::Medium),
            _ if score < 9.0 => Some(Self::High),
            _ => Some(Self::Critical),
        }
    }

    /// The severity of a CVSS vector (v2, v3.0, v3.1, v4.0), by the score of its metrics. `None` if it is not a vector.
    pub fn from_cvss(vector: &str) -> Option<Self> {
        // The crate parses into fixed fields; the bound avoids scanning a megabyte of text.
        const MAX_VECTOR_BYTES: usize = 512;
        if vector.len() > MAX_VECTOR_BYTES || !has_base_metrics(vector) {
            return None;
        }
        let parsed: cvss::Cvss = vector.parse().ok()?;
        Some(match parsed.severity() {
            cvss::Severity::None => Self::None,
            cvss::Severity::Low => Self::Low,
            cvss::Severity::Medium => Self::Medium,
            cvss::Severity::High => Self::High,
            cvss::Severity::Critical => Self::Critical,
        })
    }
}

/// Whether every mandatory metric is present. The crate scores a vector without them as 0.0, so `CVSS:3.1/AV:N` would
/// look harmless.
fn has_base_metrics(vector: &str) -> bool {
    let mandatory: &[&str] = if vector.starts_with("CVSS:4") {
        &["AV", "AC", "AT", "PR", "UI", "VC", "VI", "VA", "SC", "SI", "SA"]
    } else if vector.starts_with("CVSS:3") {
        &["AV", "AC", "PR", "UI", "S", "C", "I", "A"]
    } else {
        &["AV", "AC", "Au", "C", "I", "A"]
    };
    let has =
        |metric: &&str| vector.split('/').filter_map(|m| m.split_once(':')).any(|(name, _)| name == *metric);
    mandatory.iter().all(has)
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Where a severity comes from; the first of these that exists counts.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize)]
#[serde(rename_all = "lowercase", tag = "kind", content = "value")]
pub enum SeveritySource {
    /// The publisher's own rating for this package.
    Vendor,
    /// A CVSS vector in the advisory.
    Cvss(String),
    /// Another advisory about the same vulnerability, by its identifier.
    Alias(String),
    /// There is no rating.
    #[default]
    None,
}

impl SeveritySource {
    /// A smaller rank takes precedence.
    pub fn rank(&self) -> u8 {
        match self {
            Self::Vendor => 0,
            Self::Cvss(_) => 1,
            Self::Alias(_) => 2,
            Self::None => 3,
        }
    }
}

/// A severity with its source.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize)]
pub struct Rating {
    /// The severity.
    pub severity: Severity,
    /// Its source.
    pub source: SeveritySource,
}

impl Rating {
    /// Of two ratings for the same vulnerability, the one that counts: that of the preferred source, then the
    /// higher severity.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        let key = |r: &Self| (r.source.rank(), std::cmp::Reverse(r.severity));
        if key(&other) < key(&self) { other } else { self }
    }

    /// Whether there is a rating.
    pub fn is_rated(&self) -> bool {
        self.severity != Severity::Unrated
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vectors_of_every_version_are_rated() {
        for (vector, severity) in [
            ("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", Severity::Critical),
            ("CVSS:3.0/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:L", Severity::Medium),
            ("CVSS:3.1/AV:L/AC:H/PR:H/UI:R/S:U/C:N/I:N/A:N", Severity::None),
            ("CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N", Severity::Critical),
            ("AV:N/AC:L/Au:N/C:P/I:P/A:P", Severity::High),
        ] {
            assert_eq!(Severity::from_cvss(vector), Some(severity), "{vector}");
        }
        for vector in [
            "",
            "7.5",
            "CVSS:3.1/AV:N",
            "CVSS:9.9/AV:N",
            "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H",
            &"x".repeat(1 << 20),
        ] {
            assert_eq!(Severity::from_cvss(vector), None);
        }
    }

    #[test]
    fn the_vendor_counts_before_a_higher_score() {
        let rating = |severity, source| Rating { severity, source };
        let vendor = rating(Severity::Low, SeveritySource::Vendor);
        let cvss = rating(Severity::Critical, SeveritySource::Cvss("CVSS:3.1/…".into()));
        let alias = rating(Severity::High, SeveritySource::Alias("GHSA-1".into()));
        assert_eq!(cvss.clone().or(vendor.clone()), vendor);
        assert_eq!(alias.clone().or(cvss.clone()), cvss);
        assert_eq!(Rating::default().or(alias.clone()), alias);
        assert_eq!(rating(Severity::Low, SeveritySource::Alias("A".into())).or(alias.clone()), alias);
    }
}
