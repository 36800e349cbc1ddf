//! `configuration`: the user, the ports and the labels of the image are as allowed.
//!
//! ```yaml
//! configuration:
//!   user: nonRoot
//!   allowPorts: [8080/tcp]
//!   labels: { org.opencontainers.image.source: { pattern: 'https://github\.com/team/.*' } }
//! ```
//!
//! Whoever starts the image can choose another user, and a process can listen on any port: this is about what happens without
//! further settings. A user that is a name is not shown to be another than root, because the image's own `/etc/passwd` says which
//! number it has; Kubernetes refuses it for the same reason under `runAsNonRoot`. Labels are claims, and prove nothing.

use std::collections::BTreeMap;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, de::Error as _};

use super::RuleName;
use crate::action::Action;
use crate::evidence::{ImageConfiguration, with_protocol};
use crate::identity::Text;
use crate::lint::Lint;
use crate::policy::Policy;
use crate::rule::{Answer, Context, Needs, Rule, Waivable, effect_of};
use crate::setting::Setting;
use crate::verdict::{Effect, Outcome};

/// What the configuration of images must be like. What is left out is not compared.
#[derive(Debug, Clone, Default, Deserialize, Serialize, JsonSchema)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct ConfigurationSpec {
    /// `nonRoot`: processes start as a user with a number other than 0.
    #[serde(skip_serializing_if = "Setting::is_unset")]
    user: Setting<UserRule>,
    /// The only ports that it may expose: `8080/tcp`; without a protocol, of TCP.
    #[serde(skip_serializing_if = "Setting::is_unset")]
    allow_ports: Setting<Vec<Port>>,
    /// Labels that it must have, each with this text or a match of this pattern.
    #[serde(skip_serializing_if = "Setting::is_unset")]
    labels: Setting<BTreeMap<String, Text>>,
    /// What follows if it is not so.
    #[serde(skip_serializing_if = "Setting::is_unset")]
    action: Setting<Action>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
enum UserRule {
    /// A user with a number other than 0.
    NonRoot,
    /// A user with a number other than 0, or with another name than `root`, whose number only the image's own files show.
    NonRootOrNamed,
}

/// A port as configurations write it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(transparent)]
struct Port(String);

impl<'de> Deserialize<'de> for Port {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let written = String::deserialize(deserializer)?;
        let text = with_protocol(&written);
        let (number, protocol) = text.split_once('/').unwrap_or((&text, ""));
        let is_port = number.parse::<u16>().is_ok_and(|port| port > 0) && !number.starts_with(['+', '0']);
        if is_port && ["tcp", "udp", "sctp"].contains(&protocol) {
            Ok(Self(text))
        } else {
            Err(D::Error::custom(format!("expected a port such as 8080/tcp, got {written:?}")))
        }
    }
}

const NAME: RuleName = RuleName::built_in("configuration");

/// The rule.
pub(crate) struct ConfigurationRule;

impl Rule for ConfigurationRule {
    fn name(&self) -> RuleName {
        NAME
    }

    fn about(&self) -> &'static str {
        "Its user, ports and labels are as allowed."
    }

    fn section(&self) -> &'static str {
        "spec.configuration"
    }

    fn needs(&self, _: &Policy) -> Needs {
        Needs::default()
    }

    fn waivable(&self) -> Waivable {
        Waivable::Failure
    }

    fn lint(&self, policy: &Policy, _: Timestamp, lint: &mut Lint) {
        if let Some(wanted) = &policy.configuration {
            lint.action("spec.configuration.action", wanted.action.clone().or_default(), policy.phase);
        }
    }

    fn evaluate(&self, context: &Context<'_>) -> Answer {
        let Some(wanted) = &context.policy.configuration else {
            let reason = "the policy allows any configuration";
            return Answer::new(NAME, Outcome::NotApplicable, Effect::Block, reason);
        };
        let effect = effect_of(wanted.action.clone().or_default());
        let Some(configuration) = context.configuration() else {
            return Answer::new(NAME, Outcome::Unknown, effect, NOT_READ).hint(IN_ITS_PLACE);
        };
        let faults = wanted.faults(configuration);
        let hint = "set it in the build file, with USER, EXPOSE or LABEL, and build again";
        match faults.as_slice() {
            [] => Answer::new(NAME, Outcome::Pass, effect, "it is as allowed"),
            faults => {
                Answer::new(NAME, Outcome::Fail, effect, faults.join("; ")).hint(hint).or_waived(context)
            }
        }
    }
}

/// Why nothing is known about a configuration.
pub(super) const NOT_READ: &str = "no configuration of an image was read";
/// What helps then.
pub(super) const IN_ITS_PLACE: &str = "judge the image itself, in its registry or a layout";

/// Ports are listed up to this number.
const SHOWN: usize = 8;

impl ConfigurationSpec {
    fn faults(&self, got: &ImageConfiguration) -> Vec<String> {
        let mut faults = Vec::new();
        if let Some(rule) = self.user.as_ref() {
            faults.extend(rule.fault(got.user.as_deref()));
        }
        if let Some(allowed) = self.allow_ports.as_ref() {
            let others: Vec<&str> = got
                .ports
                .iter()
                .filter(|port| !allowed.iter().any(|it| it.0 == **port))
                .map(String::as_str)
                .collect();
            if !others.is_empty() {
                let more = others.len().saturating_sub(SHOWN);
                let more = if more > 0 { format!(" and {more} more") } else { String::new() };
                let shown: Vec<&str> = others.into_iter().take(SHOWN).collect();
                faults
                    .push(format!("it exposes {}{more}, which the policy does not allow", shown.join(", ")));
            }
        }
        for (name, wanted) in self.labels.as_ref().into_iter().flatten() {
            match got.labels.get(name) {
                None => faults.push(format!("it has no label {name}")),
                Some(text) if !wanted.0.matches(text) => {
                    faults.push(format!("label {name}: got {}, expected {}", excerpt(text), wanted.0));
                }
                Some(_) => {}
            }
        }
        faults
    }
}

impl UserRule {
    /// Numbers as engines read them: `0`, `00`, `+0` and `-0` are root, and one beyond 31 bits is none.
    fn fault(self, user: Option<&str>) -> Option<String> {
        let Some(user) =
            user.map(|user| user.split(':').next().unwrap_or_default()).filter(|it| !it.is_empty())
        else {
            return Some("its processes start as root: it names no user".to_owned());
        };
        match user.parse::<i64>() {
            Ok(0) => Some("its processes start as root".to_owned()),
            Ok(number) if (1..=i64::from(i32::MAX)).contains(&number) => None,
            Ok(number) => Some(format!("got user {number}, which is not a user's number")),
            Err(_) if user.eq_ignore_ascii_case("root") => Some("its processes start as root".to_owned()),
            Err(_) if self == Self::NonRootOrNamed => None,
            Err(_) => Some(format!(
                "user {} is a name, which the image's own files may give to root; expected a number",
                excerpt(user)
            )),
        }
    }
}

/// A foreign text in a message.
fn excerpt(text: &str) -> String {
    const SHOWN: usize = 120;
    let shown: String = text.chars().take(SHOWN).collect();
    if shown.len() < text.len() { format!("{shown:?}…") } else { format!("{shown:?}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_other_than_root_only_if_its_number_shows_it() {
        for (user, strict, named) in [
            (None, false, false),
            (Some(""), false, false),
            (Some("0"), false, false),
            (Some("00"), false, false),
            (Some("+0"), false, false),
            (Some("-0"), false, false),
            (Some("0:1000"), false, false),
            (Some(":1000"), false, false),
            (Some("root"), false, false),
            (Some("root:app"), false, false),
            (Some("-1"), false, false),
            (Some("4294967296"), false, false),
            (Some("1"), true, true),
            (Some("1000"), true, true),
            (Some("1000:0"), true, true),
            (Some("app"), false, true),
            (Some("0x0"), false, true),
        ] {
            assert_eq!(UserRule::NonRoot.fault(user).is_none(), strict, "{user:?}");
            assert_eq!(UserRule::NonRootOrNamed.fault(user).is_none(), named, "{user:?}");
        }
    }

    #[test]
    fn ports_are_read_as_configurations_write_them() {
        let read = |text: &str| serde_json::from_value::<Port>(text.into()).map(|port| port.0);
        assert_eq!(read("8080").unwrap(), "8080/tcp");
        assert_eq!(read("53/UDP").unwrap(), "53/udp");
        for wrong in ["", "0", "65536", "http", "80/http", "+80", "080", "80-90"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
