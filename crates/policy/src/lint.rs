//! Parts of a policy that its author probably did not mean, or that weaken it.
//!
//! A lint never changes a policy's meaning: contradictions are refused when the document is read. Codes are stable.

mod identity;

use plimsoll_core::quantity::count;
use std::fmt;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use crate::action::Action;
use crate::authority::{Authority, KeyOrIdentity, Window};
use crate::exclusion::Exclusions;
use crate::pattern::Pattern;
use crate::policy::Policy;
use crate::preset::{Phase, Tier};
use crate::setting::OnUnknown;

/// One finding about a policy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Diagnostic {
    /// The stable code.
    pub code: Code,
    /// How bad it is.
    pub severity: Severity,
    /// Where in the document: `spec.waivers.approvers[0]`.
    pub path: String,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub hint: String,
}

/// How bad a finding of the lint is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Severity {
    /// The policy is weaker than its phase suggests, on purpose or not.
    Warning,
    /// The author cannot have intended it.
    Error,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Warning => "warning",
            Self::Error => "error",
        })
    }
}

macro_rules! codes {
    ($($(#[doc = $doc:literal])+ $name:ident = $code:literal,)+) => {
        /// The findings that the lint knows.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        #[non_exhaustive]
        pub enum Code {
            $($(#[doc = $doc])+ #[serde(rename = $code)] $name,)+
        }

        impl Code {
            /// Every code.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// `PL001`.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $code,)+ }
            }
        }
    };
}

codes! {
    /// An approver's key also signs images or attests SBOMs: the signer could waive an image's faults.
    ApproverSigns = "PL001",
    /// The list of blocking severities omits one that is higher than another in the list.
    BlockListGap = "PL002",
    /// Nothing blocks, or not even CRITICAL does.
    NothingBlocks = "PL003",
    /// Waivers count without a signature.
    UnsignedWaivers = "PL004",
    /// Signatures are not required although the phase is beta or ga.
    SignaturesOptional = "PL005",
    /// The SBOM is not required although the phase is beta or ga.
    SbomOptional = "PL006",
    /// A pattern can match no repository name.
    PatternWithoutPath = "PL007",
    /// A pattern of the allow-list matches everything.
    PatternMatchesAll = "PL008",
    /// `match` or `registries.allow` names nothing.
    EmptyList = "PL009",
    /// A key's window ends before it starts.
    WindowInverted = "PL010",
    /// A key's window is over.
    KeyExpired = "PL011",
    /// A key's window has not begun.
    KeyNotYetValid = "PL012",
    /// A key's window ends within 30 days.
    KeyExpiresSoon = "PL013",
    /// Two entries of a list have the same key or identity.
    SameKey = "PL014",
    /// No waiver can ever get the two approvals that it needs.
    SecondApproverImpossible = "PL015",
    /// Second approvers are named, but no first ones.
    NoApprovers = "PL016",
    /// Missing evidence only warns.
    UnknownWarns = "PL017",
    /// Images need not be pinned by digest.
    NotPinned = "PL018",
    /// Findings without a fix are left out.
    UnfixedIgnored = "PL019",
    /// Unrated findings count as less than HIGH.
    UnratedLenient = "PL020",
    /// The database may be older than a week.
    DatabaseMayBeOld = "PL021",
    /// Waivers may run longer than the defaults for their class.
    LongWaivers = "PL022",
    /// Fewer keys count now than required.
    ThresholdUnreachableNow = "PL023",
    /// A pattern does not fix which workflow or ref of a CI system may sign.
    IdentityWithoutWorkflow = "PL024",
    /// A pattern matches every subject or every issuer.
    IdentityMatchesAll = "PL025",
    /// A pattern allows any text before the part that it names.
    IdentityUnanchored = "PL026",
    /// One signer may fit two entries, but counts for only one of them.
    IdentitiesOverlap = "PL027",
    /// Certificates count without a log.
    LogsIgnored = "PL028",
    /// An excluded path may be anywhere in the image.
    ExclusionAnywhere = "PL029",
    /// Layers may be read by their tables of contents.
    LayersUnhashed = "PL030",
    /// A rule only warns or records, although the phase is beta or ga.
    ActionLenient = "PL031",
    /// Somebody who deploys may also be a signer of provenances.
    DeployerBuilds = "PL032",
    /// A provenance counts whatever repository was built.
    ProvenanceWithoutSource = "PL033",
    /// A base is listed that images can only claim.
    BaseOnlyClaimed = "PL034",
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Policy {
    /// Finds parts that weaken the policy or are probably mistakes. `now` decides which keys have expired.
    pub fn lint(&self, now: Timestamp) -> Vec<Diagnostic> {
        let mut lint = Lint { found: Vec::new() };
        for rule in self.rules() {
            rule.lint(self, now, &mut lint);
        }
        lint.waivers(self, now);
        lint.found.sort_by(|a, b| (a.code, &a.path).cmp(&(b.code, &b.path)));
        lint.found
    }
}

/// Collects the findings.
pub(crate) struct Lint {
    found: Vec<Diagnostic>,
}

impl Lint {
    pub(crate) fn warn(&mut self, code: Code, path: &str, message: impl Into<String>, hint: &str) {
        self.add(code, Severity::Warning, path, message.into(), hint);
    }

    pub(crate) fn error(&mut self, code: Code, path: &str, message: impl Into<String>, hint: &str) {
        self.add(code, Severity::Error, path, message.into(), hint);
    }

    fn add(&mut self, code: Code, severity: Severity, path: &str, message: String, hint: &str) {
        self.found.push(Diagnostic { code, severity, path: path.to_owned(), message, hint: hint.to_owned() });
    }

    /// Reports `onUnknown: warn`, which lets a rule pass without evidence.
    pub(crate) fn on_unknown(&mut self, path: &str, on_unknown: OnUnknown) {
        if on_unknown == OnUnknown::Warn {
            let message = "an image that could not be examined passes like one without findings";
            self.warn(
                Code::UnknownWarns,
                path,
                message,
                "remove `onUnknown: warn` once evidence is complete",
            );
        }
    }

    /// Reports a rule of the policy's own that blocks nothing, which may have been forgotten after a trial.
    pub(crate) fn action(&mut self, path: &str, action: Action, phase: Phase) {
        if phase >= Phase::Beta && !action.is_deny() {
            let message = "images that do not satisfy this rule pass, although the phase is no longer pilot";
            self.warn(Code::ActionLenient, path, message, "remove the line, so that the rule denies");
        }
    }

    pub(crate) fn patterns(&mut self, path: &str, patterns: Option<&[Pattern]>, empty: &str) {
        if patterns.is_some_and(<[_]>::is_empty) {
            self.error(
                Code::EmptyList,
                path,
                format!("empty list: {empty}"),
                "add a pattern, or remove the line",
            );
        }
        for (index, pattern) in patterns.into_iter().flatten().enumerate() {
            if pattern.lacks_registry() {
                let message = format!("`{pattern}` can match no image: names are registry/repository");
                let hint = "write the registry too, as in registry.example/team/**; Docker Hub's is docker.io/library/NAME";
                self.error(Code::PatternWithoutPath, &format!("{path}[{index}]"), message, hint);
            }
        }
    }

    pub(crate) fn exclusions(&mut self, path: &str, exclusions: &Exclusions) {
        for (index, exclusion) in exclusions.iter().enumerate().filter(|(_, it)| it.path.is_anywhere()) {
            let pattern = exclusion.path.as_str();
            let message =
                format!("`{pattern}` has no fixed beginning: whoever builds an image decides what it covers");
            let hint = "name the first folder, as in srv/app/**/testdata/**";
            self.warn(Code::ExclusionAnywhere, &format!("{path}[{index}].path"), message, hint);
        }
    }

    pub(crate) fn authorities(&mut self, path: &str, authorities: &[Authority], now: Timestamp) {
        for (index, authority) in authorities.iter().enumerate() {
            let path = format!("{path}[{index}]");
            let (name, noun) = (&authority.name, authority.noun());
            let before = authorities.get(..index).unwrap_or_default();
            if let Some(other) = before.iter().find(|other| other.same_as(authority)) {
                let other = &other.name;
                let message = format!("{name} has the same {noun} as {other}; the two count once");
                self.error(Code::SameKey, &format!("{path}.{noun}"), message, "give each its own");
            } else if let Some(other) = before.iter().find(|other| other.overlaps(authority)) {
                let other = &other.name;
                let message = format!(
                    "a signer that fits {name} may also fit {other}, but counts for only one of them"
                );
                self.warn(Code::IdentitiesOverlap, &path, message, "narrow the pattern");
            }
            if let KeyOrIdentity::Identity(identity) = &authority.who {
                self.identity(&format!("{path}.identity"), identity);
            }
            let at_end = format!("{path}.{noun}.notAfter");
            if let (Some(start), Some(end)) = (authority.not_before, authority.not_after)
                && end <= start
            {
                let message = format!(
                    "the {noun} of {name} never counts: notAfter {end} is not after notBefore {start}"
                );
                self.error(Code::WindowInverted, &at_end, message, "swap the two instants");
                continue;
            }
            match authority.window(now) {
                Window::Over(end) => {
                    let message = format!("the {noun} of {name} has not counted since {end}");
                    self.warn(
                        Code::KeyExpired,
                        &at_end,
                        message,
                        "sign again with a valid one, and remove this one",
                    );
                }
                Window::NotYet(start) => {
                    let message = format!("the {noun} of {name} does not count before {start}");
                    self.warn(
                        Code::KeyNotYetValid,
                        &format!("{path}.{noun}.notBefore"),
                        message,
                        "this is normal while keys rotate",
                    );
                }
                Window::Open => {
                    if let Some(end) = authority
                        .not_after
                        .filter(|end| end.duration_since(now) < SignedDuration::from_hours(30 * 24))
                    {
                        let message = format!("the {noun} of {name} counts only until {end}");
                        self.warn(Code::KeyExpiresSoon, &at_end, message, "add its successor");
                    }
                }
            }
        }
    }

    fn waivers(&mut self, policy: &Policy, now: Timestamp) {
        let waivers = &policy.waivers;
        let lists = [
            ("spec.waivers.approvers", &waivers.approvers),
            ("spec.waivers.secondApprover", &waivers.second),
        ];
        for (path, list) in lists {
            self.authorities(path, list, now);
            for (index, approver) in list.iter().enumerate() {
                let images = policy.signatures.entries().map(|signer| (signer, "signs images"));
                let sboms = policy.sbom.attested_by.iter().map(|signer| (signer, "attests SBOMs"));
                let databases = policy.vulnerabilities.database.signed_by.iter();
                let databases = databases.map(|signer| (signer, "signs databases"));
                let vex = policy.vulnerabilities.vex.signed_by.iter().map(|signer| (signer, "signs VEX"));
                let asked = policy.rules().filter_map(|rule| rule.attestations(policy));
                let asked = asked.flat_map(|it| it.signed_by).map(|signer| (signer, "attests"));
                let signer = images
                    .chain(sboms)
                    .chain(databases)
                    .chain(vex)
                    .chain(asked)
                    .find(|(signer, _)| signer.overlaps(approver) || signer.is_named(&approver.name));
                if let Some((signer, does)) = signer {
                    let message = format!("{} approves waivers and {does} as {}", approver.name, signer.name);
                    self.error(
                        Code::ApproverSigns,
                        &format!("{path}[{index}]"),
                        message,
                        "use separate keys or identities, and other people",
                    );
                }
            }
        }
        if waivers.allow_unsigned {
            let message = "anybody who can write a waiver file can waive";
            self.warn(
                Code::UnsignedWaivers,
                "spec.waivers.allowUnsigned",
                message,
                "name approvers, and sign with plimsoll waiver sign",
            );
        }
        let pair = |a: &Authority| {
            let differs = |b: &Authority| !a.same_as(b) && !a.is_named(&b.name);
            waivers.second.iter().any(differs)
        };
        if !waivers.second.is_empty() && waivers.approvers.is_empty() {
            let message = "no waiver can count: second approvers are named, but no approvers";
            self.error(Code::NoApprovers, "spec.waivers.approvers", message, "name approvers");
        } else if !waivers.second.is_empty() && !waivers.approvers.iter().any(pair) {
            let message = "no waiver can count: the only second approver is the approver";
            self.error(
                Code::SecondApproverImpossible,
                "spec.waivers.secondApprover",
                message,
                "name somebody else",
            );
        }
        let high = if policy.tier == Tier::Core { 14 } else { 60 };
        let days = waivers.max_days;
        for (name, got, usual) in
            [("critical", days.critical, 30), ("high", days.high, high), ("other", days.other, 90)]
        {
            if got > usual {
                let message = format!("waivers for {name} may run {}; {usual} is usual", count(got, "day"));
                self.warn(
                    Code::LongWaivers,
                    &format!("spec.waivers.maxDays.{name}"),
                    message,
                    "shorten it; a waiver can be renewed",
                );
            }
        }
    }
}
