//! Settings of `plimsoll db export` and `plimsoll db import`.

use std::path::PathBuf;

use plimsoll_core::{Kind, Limits};
use plimsoll_feeds::ImportConditions;

use crate::args::db::{Export, Import};
use crate::failure::Failure;
use crate::settings::signing::SigningSettings;
use crate::settings::{Context, Keys, TrustSettings, key_access};

/// Which database is written where, and who signs it.
pub(crate) struct ExportSettings<'a> {
    /// Folder of the database.
    pub(crate) folder: PathBuf,
    /// The archive; nothing means standard output.
    pub(crate) file: Option<PathBuf>,
    /// What signs it, if it is signed again.
    pub(crate) signing: Option<SigningSettings>,
    /// Whether an existing archive is replaced.
    pub(crate) force: bool,
    pub(crate) limits: &'a Limits,
}

/// Which archive replaces which database, and its requirements.
pub(crate) struct ImportSettings<'a> {
    /// Folder of the database.
    pub(crate) folder: PathBuf,
    /// The archive, or `-` for standard input.
    pub(crate) file: PathBuf,
    pub(crate) rules: ImportConditions,
    /// Who must have signed it. `None` if that does not matter.
    pub(crate) trust: Option<TrustSettings>,
    pub(crate) limits: &'a Limits,
}

impl<'a> ExportSettings<'a> {
    pub(crate) fn resolve(arguments: &Export, context: &Context<'a>) -> Result<Self, Failure> {
        let with = &arguments.signing;
        let signing = if arguments.sign {
            let keys = Keys::resolve(&arguments.network, context)?;
            Some(SigningSettings::resolve(with, keys, context)?)
        } else if with.key.is_some() || with.keyless.names_services() {
            return Err(Failure::new(
                Kind::Usage,
                "got what signs the database, and nothing asks for a signature",
            )
            .with_hint("pass --sign as well"));
        } else {
            None
        };
        Ok(Self {
            folder: context.database_folder(&arguments.db)?,
            file: (arguments.file.as_os_str() != "-").then(|| arguments.file.clone()),
            signing,
            force: with.overwriting.force,
            limits: context.limits,
        })
    }
}

impl<'a> ImportSettings<'a> {
    pub(crate) fn resolve(arguments: &Import, context: &Context<'a>) -> Result<Self, Failure> {
        let Import { trust, insecure_ignore_signature, .. } = arguments;
        let names_signers = !trust.key.is_empty()
            || !trust.certificate_identity.is_empty()
            || !trust.certificate_identity_regexp.is_empty();
        let trust = match (insecure_ignore_signature, names_signers) {
            (true, true) => {
                let message = "got a trusted signer and --insecure-ignore-signature, expected one of them";
                return Err(Failure::new(Kind::Usage, message));
            }
            (true, false) => None,
            (false, _) => {
                let access = key_access(&arguments.network, context)?;
                Some(TrustSettings::new(trust, &access, context)?)
            }
        };
        let max_age = arguments.max_age.map(jiff::SignedDuration::try_from).transpose();
        let max_age = max_age.map_err(|_| Failure::new(Kind::Usage, "--max-age is too long"))?;
        Ok(Self {
            folder: context.database_folder(&arguments.db)?,
            file: arguments.file.clone(),
            rules: ImportConditions {
                now: context.now(&arguments.instant),
                max_age,
                allow_older: arguments.allow_older,
            },
            trust,
            limits: context.limits,
        })
    }
}
