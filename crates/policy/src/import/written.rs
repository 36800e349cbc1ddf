//! A policy that is written from another tool's: only signatures and attestations decide, as there.

use super::fields::ImportNote;
use crate::draft::{push, quoted};

/// The policy as it will be written.
#[derive(Debug)]
pub(super) struct Written {
    pub(super) name: String,
    /// Patterns over `registry/repository`. Empty: everything.
    pub(super) images: Vec<String>,
    pub(super) pinned: bool,
    /// Whether it denies, or only reports.
    pub(super) required: bool,
    pub(super) certificate_log: bool,
    pub(super) threshold: usize,
    pub(super) any_of: Vec<Signer>,
    pub(super) all_of: Vec<Signer>,
    pub(super) attestations: Vec<Attestation>,
}

/// An attestation that images must have. Whether it is required is as for signatures.
#[derive(Debug)]
pub(super) struct Attestation {
    pub(super) name: String,
    pub(super) predicate_type: String,
    pub(super) threshold: usize,
    pub(super) signed_by: Vec<Signer>,
    /// Whether it denies, or only reports.
    pub(super) required: bool,
}

/// Someone whose signature counts.
#[derive(Debug, Clone)]
pub(super) struct Signer {
    pub(super) name: String,
    pub(super) who: Who,
}

#[derive(Debug, Clone)]
pub(super) enum Who {
    Key { pem: String, logged: bool },
    Identity { issuer: Text, subject: Text },
}

#[derive(Debug, Clone)]
pub(super) enum Text {
    Exact(String),
    Pattern(String),
}

impl Text {
    /// A regular expression that may match anywhere, as one that matches the whole.
    pub(super) fn anywhere(expression: &str) -> Result<Self, String> {
        // By itself first: the group around it must not give a broken expression such as `a)|(b` a meaning.
        plimsoll_verify::Pattern::new(expression).map_err(|error| error.to_string())?;
        let whole = expression.strip_prefix('^').and_then(|rest| rest.strip_suffix('$'));
        Ok(match whole {
            // With alternatives, each anchor belongs to one of them only.
            Some(inner) if !inner.contains('|') && !inner.ends_with('\\') => Self::Pattern(inner.to_owned()),
            _ => Self::Pattern(format!(".*(?:{expression}).*")),
        })
    }

    /// A pattern in which `*` stands for any characters.
    pub(super) fn wildcard(pattern: &str) -> Self {
        if pattern.contains('*') {
            let parts: Vec<String> = pattern.split('*').map(escaped).collect();
            Self::Pattern(parts.join(".*"))
        } else {
            Self::Exact(pattern.to_owned())
        }
    }

    fn to_yaml(&self) -> String {
        match self {
            Self::Exact(text) => quoted(text),
            Self::Pattern(pattern) => format!("{{ pattern: {} }}", serde_json::Value::from(pattern.as_str())),
        }
    }
}

/// The text as a regular expression that matches it alone.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        // These alone: `\<` would be the beginning of a word.
        if matches!(c, '\\' | '.' | '+' | '*' | '?' | '(' | ')' | '|' | '[' | ']' | '{' | '}' | '^' | '$') {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}

impl Written {
    pub(super) fn to_yaml(&self, from: &str, origin: &str, notes: &[ImportNote]) -> String {
        let mut text = String::new();
        // Where the file lay is nobody's business who reads the policy.
        let file = origin.rsplit(['/', '\\']).next().unwrap_or_default();
        push(&mut text, &format!("# Imported from {}, {}.", one_line(from), one_line(file)));
        for note in notes {
            push(&mut text, &format!("# {}: {}", one_line(&note.path), one_line(&note.message)));
        }
        push(&mut text, "apiVersion: plimsoll.dev/v1");
        push(&mut text, "kind: Policy");
        push(&mut text, &format!("metadata:\n  name: {}", quoted(&self.name)));
        push(&mut text, "spec:\n  phase: pilot");
        if !self.images.is_empty() {
            push(&mut text, "  match:\n    images:");
            for image in &self.images {
                push(&mut text, &format!("      - {}", serde_json::Value::from(image.as_str())));
            }
        }
        push(&mut text, &format!("  digest:\n    pinned: {}", self.pinned));
        if !self.certificate_log {
            push(&mut text, "  trust:\n    certificateLog: false");
        }
        let signers_named = !self.any_of.is_empty() || !self.all_of.is_empty();
        push(&mut text, &format!("  signatures:\n    required: {}", self.required && signers_named));
        if !self.any_of.is_empty() {
            push(&mut text, &format!("    threshold: {}", self.threshold));
        }
        signers(&mut text, "    ", "anyOf", &self.any_of);
        signers(&mut text, "    ", "allOf", &self.all_of);
        if !self.attestations.is_empty() {
            push(&mut text, "  attestations:");
        }
        for attestation in &self.attestations {
            push(&mut text, &format!("    - name: {}", quoted(&attestation.name)));
            push(&mut text, &format!("      predicateType: {}", quoted(&attestation.predicate_type)));
            push(&mut text, &format!("      threshold: {}", attestation.threshold));
            if !attestation.required {
                push(&mut text, "      action: audit");
            }
            signers(&mut text, "      ", "signedBy", &attestation.signed_by);
        }
        push(&mut text, "  # Only reported, as the policy that this is from says nothing about them.");
        push(&mut text, "  sbom:\n    required: false\n    onUnknown: warn");
        push(&mut text, "  vulnerabilities:\n    block: []\n    onUnknown: warn");
        text
    }
}

fn signers(text: &mut String, indent: &str, list: &str, signers: &[Signer]) {
    if signers.is_empty() {
        return;
    }
    push(text, &format!("{indent}{list}:"));
    for signer in signers {
        push(text, &format!("{indent}  - name: {}", quoted(&signer.name)));
        match &signer.who {
            Who::Key { pem, logged } => {
                push(text, &format!("{indent}    key:"));
                if *logged {
                    push(text, &format!("{indent}      transparencyLog: true"));
                }
                push(text, &format!("{indent}      pem: |"));
                for line in pem.lines().map(str::trim).filter(|line| !line.is_empty()) {
                    push(text, &format!("{indent}        {line}"));
                }
            }
            Who::Identity { issuer, subject } => {
                push(text, &format!("{indent}    identity:"));
                push(text, &format!("{indent}      issuer: {}", issuer.to_yaml()));
                push(text, &format!("{indent}      subject: {}", subject.to_yaml()));
            }
        }
    }
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn matches(text: &Text, subject: &str) -> bool {
        match text {
            Text::Exact(exact) => exact == subject,
            Text::Pattern(pattern) => {
                let pattern = plimsoll_verify::Pattern::new(pattern).unwrap();
                plimsoll_verify::Text::Pattern(pattern).matches(subject)
            }
        }
    }

    #[test]
    fn an_expression_that_may_match_anywhere_still_does() {
        for (expression, yes, no) in [
            ("kubernetes.default", "https://kubernetes.default.svc", "https://kubernetes-other"),
            ("^https://a$", "https://a", "https://a/b"),
            ("^a|b$", "ax", "xa"),
            ("^a|b$", "xb", "bx"),
            (r"^cost\$", "cost$ more", "more cost$"),
        ] {
            let text = Text::anywhere(expression).unwrap();
            assert!(matches(&text, yes), "{expression} {text:?} {yes}");
            assert!(!matches(&text, no), "{expression} {text:?} {no}");
        }
    }

    #[test]
    fn a_broken_expression_gets_no_meaning() {
        for broken in ["a)|(b", "(", "[a"] {
            assert!(Text::anywhere(broken).is_err(), "{broken}");
        }
    }

    proptest! {
        #[test]
        fn everything_but_a_star_is_literal(before in "[ -)+-~]{0,12}", after in "[ -)+-~]{0,12}", between in "[ -~]{0,12}") {
            let text = Text::wildcard(&format!("{before}*{after}"));
            let subject = format!("{before}{between}{after}");
            prop_assert!(matches(&text, &subject));
            let other = format!("{before}{after}");
            prop_assert!(matches(&text, &other));
            let alien = format!("\u{e9}{before}{after}");
            let expected = before.is_empty();
            prop_assert_eq!(matches(&text, &alien), expected);
        }
    }
}
