//! New waivers: from what the user states about a risk to the document that an approver signs.

use std::fmt::Write as _;

use jiff::Timestamp;

use crate::error::Error;
use crate::waiver::Waiver;

/// The content of a new waiver. Nothing is checked before [`WaiverDraft::write`].
#[derive(Debug, Clone)]
pub struct WaiverDraft {
    /// The name in its metadata.
    pub name: String,
    /// For people.
    pub description: Option<String>,
    /// Rules by their names: `vulnerabilities`, `sbom`, `attestation/tests`.
    pub rules: Vec<String>,
    /// Vulnerabilities by identifier.
    pub cves: Vec<String>,
    /// Patterns over `registry/repository`.
    pub images: Vec<String>,
    /// Index or manifest digests.
    pub digests: Vec<String>,
    /// Why the risk is taken.
    pub reason: String,
    /// What could happen, and how likely.
    pub risk_assessment: String,
    /// What lowers the risk in the meantime.
    pub controls: Vec<String>,
    /// Who is responsible for it.
    pub owner: String,
    /// From when it counts.
    pub issued: Timestamp,
    /// Until when it counts.
    pub expires: Timestamp,
}

impl WaiverDraft {
    /// The document in YAML, and the waiver read back from it, so that the strict checks for files apply here
    /// too.
    pub fn write(&self) -> Result<(String, Waiver), Error> {
        let text = self.to_yaml();
        let waiver = Waiver::from_unsigned(text.as_bytes(), &format!("waiver {}", self.name))?;
        Ok((text, waiver))
    }

    fn to_yaml(&self) -> String {
        let mut text =
            format!("apiVersion: plimsoll.dev/v1\nkind: Waiver\nmetadata:\n  name: {}\n", quoted(&self.name));
        if let Some(description) = &self.description {
            push(&mut text, &format!("  description: {}", quoted(description)));
        }
        push(&mut text, "spec:");
        let lists = [
            ("rules", &self.rules),
            ("cves", &self.cves),
            ("images", &self.images),
            ("digests", &self.digests),
        ];
        for (name, values) in lists {
            if !values.is_empty() {
                let values: Vec<String> = values.iter().map(|value| quoted(value)).collect();
                push(&mut text, &format!("  {name}: [{}]", values.join(", ")));
            }
        }
        push(&mut text, &format!("  reason: {}", quoted(&self.reason)));
        push(&mut text, &format!("  riskAssessment: {}", quoted(&self.risk_assessment)));
        push(&mut text, "  controls:");
        for control in &self.controls {
            push(&mut text, &format!("    - {}", quoted(control)));
        }
        push(&mut text, &format!("  owner: {}", quoted(&self.owner)));
        push(&mut text, &format!("  issued: {}", self.issued));
        push(&mut text, &format!("  expires: {}", self.expires));
        text
    }
}

pub(crate) fn push(text: &mut String, line: &str) {
    // Writing to a String cannot fail.
    let _ = writeln!(text, "{line}");
}

/// A scalar that YAML reads as this text: plain if nothing in it has a meaning in YAML, otherwise as a JSON
/// string, which YAML reads too.
pub(crate) fn quoted(text: &str) -> String {
    let first = text.chars().next();
    let plain = first.is_some_and(|c| c.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '@' | '/'))
        // Words that some YAML reader takes for another type.
        && !["true", "false", "null", "yes", "no", "on", "off", "y", "n"]
            .contains(&text.to_ascii_lowercase().as_str());
    if plain { text.to_owned() } else { serde_json::Value::from(text).to_string() }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn draft(text: &str) -> WaiverDraft {
        WaiverDraft {
            name: "W-1".into(),
            description: Some(text.into()),
            rules: vec!["vulnerabilities".into()],
            cves: vec!["CVE-2026-1".into()],
            images: vec!["registry.example/team/app".into()],
            digests: Vec::new(),
            reason: text.into(),
            risk_assessment: text.into(),
            controls: vec![text.into(), "egress closed".into()],
            owner: text.into(),
            issued: "2026-11-20T00:00:00Z".parse().unwrap(),
            expires: "2026-12-01T00:00:00Z".parse().unwrap(),
        }
    }

    #[test]
    fn a_written_document_is_easy_to_read() {
        let (text, waiver) = draft("alice@example").write().unwrap();
        assert_eq!(
            text,
            "apiVersion: plimsoll.dev/v1\nkind: Waiver\nmetadata:\n  name: W-1\n  description: alice@example\nspec:\n  \
             rules: [vulnerabilities]\n  cves: [CVE-2026-1]\n  images: [registry.example/team/app]\n  \
             reason: alice@example\n  riskAssessment: alice@example\n  controls:\n    - alice@example\n    - \"egress closed\"\n  \
             owner: alice@example\n  issued: 2026-11-20T00:00:00Z\n  expires: 2026-12-01T00:00:00Z\n"
        );
        assert_eq!(waiver.name(), "W-1");
    }

    #[test]
    fn empty_and_misleading_text_cannot_be_written() {
        for (bad, problem) in [
            ("", "spec.reason: says nothing"),
            (" ", "spec.reason: says nothing"),
            ("a\u{202e}b", "invisible character U+202E"),
            ("a\u{feff}", "invisible character U+FEFF"),
        ] {
            let error = draft(bad).write().unwrap_err().to_string();
            assert!(error.contains(problem), "{bad:?}: {error}");
        }
        let wide = WaiverDraft { images: vec!["**".into()], ..draft("x") };
        assert!(wide.write().unwrap_err().to_string().contains("too wide"));
        let rule = WaiverDraft { rules: vec!["signatures".into()], ..draft("x") };
        assert!(rule.write().unwrap_err().to_string().contains("cannot be waived"));
    }

    proptest! {
        /// No text can end its line, add a field, or be read back as another text.
        #[test]
        fn every_text_that_is_accepted_comes_back(text in "[ -~\n\tä€😀]{1,40}") {
            if let Ok((_, waiver)) = draft(&text).write() {
                prop_assert_eq!(waiver.document()["spec"]["reason"].as_str(), Some(text.as_str()));
                prop_assert_eq!(waiver.document()["metadata"]["description"].as_str(), Some(text.as_str()));
                prop_assert_eq!(waiver.document()["spec"]["controls"].as_array().map(Vec::len), Some(2));
            } else {
                prop_assert!(text.trim().is_empty(), "{:?} was refused", text);
            }
        }
    }
}
