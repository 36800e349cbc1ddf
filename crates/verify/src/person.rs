//! Who counts as one person, wherever signers are counted or must be different people.
//!
//! - One key is one person, by its ID, whatever it is called.
//! - One issuer with one subject is one person, whatever else the certificates say: a workflow's runs, refs that are claims,
//!   a certificate anew for each signature.
//! - Letter case makes nobody a second person. Issuers differ in whether they tell `Alice@example` from `alice@example`, and
//!   hosts of repositories mostly do not. Taking two people for one asks for another signature; taking one for two would
//!   make a threshold of two nothing.
//! - A name is compared in the same way.
//!
//! That somebody holds both a key and an account cannot be seen, nor that two people share a key.

use crate::{KeyId, Signer};

/// A signer as thresholds count them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Person(Kind);

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Kind {
    Key(KeyId),
    Identity { issuer: String, subject: String },
}

impl Signer {
    /// Who signed, as far as two of them are two.
    pub fn person(&self) -> Person {
        Person(match self {
            Self::Key(id) => Kind::Key(*id),
            Self::Certificate(holder) => {
                Kind::Identity { issuer: folded(&holder.issuer), subject: folded(&holder.subject) }
            }
        })
    }
}

impl Person {
    /// Whether this is who goes by `name`, as far as that can be told: a certificate's subject is a name, a key has none.
    pub fn goes_by(&self, name: &str) -> bool {
        match &self.0 {
            Kind::Key(_) => false,
            Kind::Identity { subject, .. } => *subject == folded(name),
        }
    }
}

/// Whether both are names of one person.
pub fn same_name(one: &str, other: &str) -> bool {
    folded(one) == folded(other)
}

/// What is equal for all spellings of a name, for sets of names.
pub fn folded(name: &str) -> String {
    // Capital and small letters are not one to one: what has the same capitals is one name, too, such as `ſ` and `s`.
    name.to_uppercase().to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::CertificateIdentity;

    fn holder(issuer: &str, subject: &str) -> Signer {
        Signer::Certificate(Box::new(CertificateIdentity {
            issuer: issuer.to_owned(),
            subject: subject.to_owned(),
            claims: [(crate::Claim::SourceRef, subject.to_owned())].into(),
        }))
    }

    #[test]
    fn spelling_and_claims_make_nobody_a_second_person() {
        let alice = holder("https://issuer.example", "alice@example").person();
        assert_eq!(holder("https://issuer.example", "Alice@Example").person(), alice);
        assert_eq!(holder("https://Issuer.example", "alice@example").person(), alice);
        assert_ne!(holder("https://issuer.example", "bob@example").person(), alice);
        // Somebody else may have the name elsewhere.
        assert_ne!(holder("https://other.example", "alice@example").person(), alice);
        assert!(alice.goes_by("ALICE@example") && !alice.goes_by("alice"));
    }

    #[test]
    fn names_are_compared_without_case() {
        assert!(same_name("SecOps@example", "secops@EXAMPLE"));
        assert!(same_name("straſe", "STRASE"));
        assert!(!same_name("secops", "secops2"));
        assert_eq!(folded("Release"), folded("RELEASE"));
    }
}
