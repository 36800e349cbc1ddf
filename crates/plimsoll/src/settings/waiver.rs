//! Settings of `plimsoll waiver`.

use std::collections::BTreeSet;
use std::path::PathBuf;

use jiff::SignedDuration;
use plimsoll_core::{Digest, Kind, Limits, Timestamp};
use plimsoll_judge::Roots;
use plimsoll_policy::{RuleName, WaiverDraft};

use super::signing::SigningSettings;
use super::{Context, Format, Keys, roots};
use crate::args::waiver::{Command, New, Show, Sign, Waiver};
use crate::failure::Failure;

/// Settings of `plimsoll waiver`.
pub(crate) enum WaiverSettings<'a> {
    New(Box<NewSettings>),
    Sign(Box<SignSettings<'a>>),
    Show(Box<ShowSettings<'a>>),
}

/// Settings of `plimsoll waiver new`.
pub(crate) struct NewSettings {
    pub(crate) draft: WaiverDraft,
    /// Files of ignore rules whose vulnerabilities it accepts as well.
    pub(crate) ignore_files: Vec<PathBuf>,
    /// The bound of such a file.
    pub(crate) document_bytes: u64,
    /// Where it goes; nothing means standard output.
    pub(crate) file: Option<PathBuf>,
    /// Whether a file that is there is replaced.
    pub(crate) force: bool,
}

/// Settings of `plimsoll waiver sign`.
pub(crate) struct SignSettings<'a> {
    /// The document.
    pub(crate) waiver: PathBuf,
    pub(crate) signing: SigningSettings,
    /// Where the bundle goes; nothing means beside the document and the signatures that it has.
    pub(crate) bundle: Option<PathBuf>,
    pub(crate) limits: &'a Limits,
}

/// Settings of `plimsoll waiver show`.
pub(crate) struct ShowSettings<'a> {
    /// Waivers, or folders of them.
    pub(crate) waivers: Vec<PathBuf>,
    /// The policies under which they may count.
    pub(crate) policy: Option<PathBuf>,
    /// What certificates are verified with; no service is contacted.
    pub(crate) roots: Roots,
    /// The instant at which they are in force or not.
    pub(crate) now: Timestamp,
    pub(crate) format: Format,
    /// Where the result goes; nothing means standard output.
    pub(crate) file: Option<PathBuf>,
    pub(crate) limits: &'a Limits,
}

impl<'a> WaiverSettings<'a> {
    pub(crate) fn resolve(arguments: &Waiver, context: &Context<'a>) -> Result<Self, Failure> {
        Ok(match &arguments.command {
            Command::New(arguments) => Self::New(Box::new(NewSettings::resolve(arguments, context)?)),
            Command::Sign(arguments) => Self::Sign(Box::new(SignSettings::resolve(arguments, context)?)),
            Command::Show(arguments) => Self::Show(Box::new(ShowSettings::resolve(arguments, context)?)),
        })
    }
}

impl NewSettings {
    fn resolve(arguments: &New, context: &Context<'_>) -> Result<Self, Failure> {
        let issued = arguments.issued.unwrap_or_else(|| context.second());
        let expires = match (arguments.expires, arguments.days) {
            (Some(expires), _) => expires,
            (None, days) => {
                let days = SignedDuration::from_hours(24 * i64::from(days.unwrap_or_default()));
                issued.checked_add(days).map_err(|error| Failure::new(Kind::Usage, error.to_string()))?
            }
        };
        let mut rules: BTreeSet<&str> = arguments.rule.iter().map(RuleName::as_str).collect();
        if !arguments.cve.is_empty() || !arguments.ignore_file.is_empty() {
            rules.insert("vulnerabilities");
        }
        if rules.is_empty() {
            return Err(Failure::new(Kind::Usage, "no rule that the waiver is about")
                .with_hint("name vulnerabilities with --cve or --ignore-file, or another rule with --rule"));
        }
        let (images, digests) = scope(&arguments.scope)?;
        let draft = WaiverDraft {
            name: arguments.name.clone(),
            description: arguments.description.clone(),
            rules: rules.into_iter().map(str::to_owned).collect(),
            cves: arguments.cve.clone(),
            images,
            digests,
            reason: arguments.reason.clone(),
            risk_assessment: arguments.risk.clone(),
            controls: arguments.control.clone(),
            owner: arguments.owner.clone(),
            issued,
            expires,
        };
        Ok(Self {
            draft,
            ignore_files: arguments.ignore_file.clone(),
            document_bytes: context.limits.document_bytes,
            file: arguments.file.output_file.clone(),
            force: arguments.overwriting.force,
        })
    }
}

impl<'a> SignSettings<'a> {
    fn resolve(arguments: &Sign, context: &Context<'a>) -> Result<Self, Failure> {
        let keys = Keys::resolve(&arguments.network, context)?;
        Ok(Self {
            waiver: arguments.waiver.clone(),
            signing: SigningSettings::resolve(&arguments.signing, keys, context)?,
            bundle: arguments.file.output_file.clone(),
            limits: context.limits,
        })
    }
}

impl<'a> ShowSettings<'a> {
    fn resolve(arguments: &Show, context: &Context<'a>) -> Result<Self, Failure> {
        let offline = plimsoll_http::Settings { offline: true, ..plimsoll_http::Settings::default() };
        Ok(Self {
            waivers: arguments.waivers.clone(),
            policy: arguments.policy.clone(),
            roots: roots(&arguments.root, &offline, context)?,
            now: context.now(&arguments.instant),
            format: arguments.output,
            file: arguments.file.output_file.clone(),
            limits: context.limits,
        })
    }
}

/// Patterns over repositories, and digests. `REPOSITORY@DIGEST` is both, and then both have to fit.
fn scope(scopes: &[String]) -> Result<(Vec<String>, Vec<String>), Failure> {
    let (mut images, mut digests) = (Vec::new(), Vec::new());
    let is_digest = |text: &str| text.parse::<Digest>().is_ok();
    let (alone, named): (Vec<&String>, Vec<&String>) = scopes.iter().partition(|scope| is_digest(scope));
    digests.extend(alone.into_iter().cloned());
    for scope in named {
        match scope.split_once('@') {
            Some((image, digest)) if is_digest(digest) => {
                images.push(image.to_owned());
                digests.push(digest.to_owned());
            }
            // Cut off, or in another spelling.
            None if !scope.starts_with("sha256:") && !scope.starts_with("sha512:") => {
                images.push(scope.clone());
            }
            _ => {
                let message = format!("--scope: got {scope}, expected a whole digest");
                return Err(Failure::new(Kind::Usage, message).with_hint("its form: sha256: and 64 digits"));
            }
        }
    }
    // A document has one list of each, and an image must match both, so a pattern cannot be added for another image.
    let mixed = !digests.is_empty() && !images.is_empty();
    if mixed && scopes.iter().any(|scope| is_digest(scope) || !scope.contains('@')) {
        return Err(Failure::new(
            Kind::Usage,
            "--scope: got digests and repositories, and an image would have to fit one of each",
        )
        .with_hint("write REPOSITORY@DIGEST, or a waiver for each"));
    }
    for list in [&mut images, &mut digests] {
        list.sort();
        list.dedup();
    }
    Ok((images, digests))
}
