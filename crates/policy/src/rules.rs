//! The rules, one file each, and the list of them.
//!
//! A rule brings its part of the document with the text of its schema, its meaning with presets applied, its
//! lints, the evidence that it needs, and its answer. Only [`BUILT_IN`] and the fields of the document name a
//! rule. A policy's own rule is another implementation of [`Rule`], with its own name.

pub(crate) mod age;
pub(crate) mod attestation;
pub(crate) mod bases;
pub(crate) mod configuration;
pub(crate) mod custom;
pub(crate) mod deny_list;
pub(crate) mod digest;
mod name;
pub(crate) mod policy_match;
pub(crate) mod provenance;
pub(crate) mod registries;
pub(crate) mod sbom;
pub(crate) mod secrets;
pub(crate) mod signatures;
pub(crate) mod vulnerabilities;

pub use self::name::RuleName;
use crate::policy::Policy;
use crate::rule::{Needs, Rule, Waivable};
use crate::setting::Name;

/// Every built-in rule, in the order in which they are applied and shown.
pub(crate) const BUILT_IN: &[&dyn Rule] = &[
    &deny_list::DenyListRule,
    &policy_match::MatchRule,
    &digest::DigestRule,
    &registries::RegistriesRule,
    &signatures::SignaturesRule,
    &provenance::ProvenanceRule,
    &sbom::SbomRule,
    &vulnerabilities::VulnerabilitiesRule,
    &bases::BasesRule,
    &configuration::ConfigurationRule,
    &secrets::SecretsRule,
    &age::AgeRule,
];

/// The public description of a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleInfo {
    /// The stable name.
    pub name: RuleName,
    /// What is true if it passes, in one line.
    pub about: &'static str,
    /// The part of the policy document that it reads.
    pub section: &'static str,
    /// Whether it can be waived.
    pub waivable: bool,
}

/// Every built-in rule, in the order in which they are applied and shown.
pub fn built_in() -> impl Iterator<Item = RuleInfo> {
    BUILT_IN.iter().map(|rule| RuleInfo {
        name: rule.name(),
        about: rule.about(),
        section: rule.section(),
        waivable: rule.waivable() != Waivable::Nothing,
    })
}

/// The rules that policies define, each kind by what its names begin with, what is true if one passes, and what a waiver can
/// accept of it.
pub(crate) const OF_POLICIES: &[(&str, &str, Waivable)] = &[
    (attestation::PREFIX, "It has this attestation.", Waivable::Failure),
    (custom::PREFIX, "What the policy asks in its own words is true.", Waivable::Failure),
];

/// The rule of this name, built-in or of a policy, and what a waiver can accept of it.
pub(crate) fn named(name: &str) -> Option<(RuleName, Waivable)> {
    if let Some(rule) = find(name) {
        return Some((rule.name(), rule.waivable()));
    }
    let (prefix, _, waivable) = OF_POLICIES.iter().find(|(prefix, ..)| name.starts_with(prefix))?;
    let own: Name = name.strip_prefix(prefix)?.parse().ok()?;
    Some((RuleName::of_policy(prefix, &own), *waivable))
}

/// The rule of this name.
pub(crate) fn find(name: &str) -> Option<&'static dyn Rule> {
    BUILT_IN.iter().copied().find(|rule| rule.name() == *name)
}

impl Policy {
    /// The rules in force under it, in the order in which they are applied.
    pub(crate) fn rules(&self) -> impl Iterator<Item = &dyn Rule> {
        let own = self.attestations.iter().map(|rule| -> &dyn Rule { rule });
        let custom = self.custom.iter().map(|rule| -> &dyn Rule { rule });
        BUILT_IN.iter().copied().chain(own).chain(custom)
    }

    /// The evidence that its rules need.
    pub fn needs(&self) -> Needs {
        self.rules().map(|rule| rule.needs(self)).fold(Needs::default(), Needs::and)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_are_stable_and_ordered_as_listed() {
        let names: Vec<RuleName> = built_in().map(|rule| rule.name).collect();
        let shown: Vec<&str> = names.iter().map(RuleName::as_str).collect();
        assert_eq!(
            shown,
            [
                "deny-list",
                "policy",
                "digest",
                "registries",
                "signatures",
                "provenance",
                "sbom",
                "vulnerabilities",
                "bases",
                "configuration",
                "secrets",
                "age",
            ]
        );
        assert!(names.is_sorted());
        assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len());
        let custom = RuleName::built_in("a-rule-of-ones-own");
        assert!(names.iter().all(|name| *name < custom));
    }

    #[test]
    fn every_rule_reads_a_part_that_documents_have() {
        let schema = crate::schema::policy();
        let fields = &schema["$defs"]["PolicySpec"]["properties"];
        for rule in built_in() {
            let field = rule.section.strip_prefix("spec.").unwrap();
            assert!(fields.get(field).is_some(), "{}: {}", rule.name, rule.section);
        }
    }

    /// What no rule asks for is not gathered, so each has to ask for its own, whatever the others ask for.
    #[test]
    fn each_rule_asks_for_the_evidence_that_it_judges() {
        let policy = Policy::builtin();
        let day = jiff::SignedDuration::from_hours(24);
        let nothing = Needs::default();
        for (name, needs) in [
            ("deny-list", nothing),
            ("policy", nothing),
            ("digest", nothing),
            ("registries", nothing),
            ("signatures", Needs { signatures: true, ..nothing }),
            ("sbom", Needs { inventory: true, ..nothing }),
            ("vulnerabilities", Needs { inventory: true, findings: Some(day), ..nothing }),
        ] {
            assert_eq!(find(name).unwrap().needs(&policy), needs, "{name}");
        }
    }
}
