//! `plimsoll db export` and `plimsoll db import`.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::Path;

use plimsoll_core::{Cancel, Kind, quantity};
use plimsoll_feeds::archive::{Archive, write};
use plimsoll_signing::{Content, database};
use plimsoll_verify::{Bundle, verify};
use plimsoll_vuln::Database;

use crate::commands::signer::Signing;
use crate::failure::{Exit, Failure};
use crate::output::{self, Console};
use crate::report::verification::with_step;
use crate::settings::db::{ExportSettings, ImportSettings};
use crate::settings::{TrustSettings, cannot_read};

pub(super) fn export(settings: &ExportSettings<'_>, console: Console) -> Result<Exit, Failure> {
    let ExportSettings { folder, file, signing, force, limits } = settings;
    output::is_free(file.as_deref(), *force)?;
    let opened = Database::open(folder)?;
    let list = opened.list().digest();
    let (signature, who) = match signing {
        Some(signing) => {
            let signing = Signing::open(signing, console)?;
            let feeds = opened.status();
            let feeds =
                feeds.iter().map(|feed| (feed.ecosystem.as_str(), feed.publisher.as_str(), feed.as_of));
            let statement = database::statement(&list, feeds);
            (
                Some(signing.sign(Content::Statement(&statement), limits)?),
                format!("signed with {}", signing.describe()),
            )
        }
        None => match opened.signature() {
            Some(read) => {
                let read = read.map_err(|reason| Failure::new(Kind::Failed, reason))?;
                (Some(read.to_vec()), "with the signature that it was imported with".to_owned())
            }
            None => (None, "not signed".to_owned()),
        },
    };
    let mut failed = None;
    output::emit(file.as_deref(), |out| {
        write(&opened, signature.as_deref(), out).map_err(|error| {
            let told = io::Error::other(error.to_string());
            // A closed pipe is told by its own kind.
            let told = match &error {
                plimsoll_feeds::Error::Export(source) => source.kind().into(),
                _ => told,
            };
            failed = Some(error);
            told
        })
    })
    .map_err(|failure| match failed.take() {
        Some(plimsoll_feeds::Error::Export(_)) | None => failure,
        Some(error) => error.into(),
    })?;
    console.say(format_args!("exported the database in {} ({list}), {who}", folder.display()));
    Ok(Exit::Done)
}

pub(super) fn import(settings: &ImportSettings<'_>, console: Console) -> Result<Exit, Failure> {
    let ImportSettings { folder, file, rules, trust, limits } = settings;
    let input: Box<dyn BufRead> = if file.as_os_str() == "-" {
        Box::new(io::stdin().lock())
    } else {
        Box::new(BufReader::new(File::open(file).map_err(|error| cannot_read(file, &error))?))
    };
    let archive = Archive::open(input, limits)?;
    // Nothing but the list and the signature has been read so far.
    let by = match trust {
        Some(trust) => format!("signed by {}", signer(&archive, trust, file, settings)?),
        None => "whose signature nobody verified".to_owned(),
    };
    let feeds = archive.install(folder, rules, &Cancel::never())?;
    for feed in &feeds {
        let age = quantity::age(rules.now, feed.as_of);
        console.say(format_args!(
            "{} from {}: {}, as of {} ({age})",
            feed.ecosystem,
            feed.publisher,
            quantity::count(feed.advisories, "advisory"),
            feed.as_of
        ));
    }
    console.say(format_args!("the database in {} is that of {}, {by}", folder.display(), file.display()));
    Ok(Exit::Done)
}

/// Who signed the list of the archive, if it is one of those who are trusted.
fn signer<R: BufRead>(
    archive: &Archive<R>,
    trust: &TrustSettings,
    file: &Path,
    settings: &ImportSettings<'_>,
) -> Result<String, Failure> {
    let denied = |reason: String| Failure::new(Kind::Denied, format!("{}: {reason}", file.display()));
    let Some(signature) = archive.signature() else {
        return Err(denied("nobody signed it".to_owned()).with_hint(
            "`plimsoll db export --sign` signs one; --insecure-ignore-signature takes it as it is",
        ));
    };
    let list = archive.list().digest();
    let bundle = Bundle::parse(signature, settings.limits)?;
    let verified = verify(&bundle, Some(&list), &trust.check()).map_err(|error| {
        let step = error.failed_step();
        let failure = Failure::from(error);
        if failure.kind() != Kind::Denied {
            return failure;
        }
        let refused = denied(with_step(step, failure.to_string()));
        match failure.hint() {
            Some(hint) => refused.with_hint(hint),
            None => refused,
        }
    })?;
    verified.value().vouches_for_database(&list).map_err(denied)?;
    Ok(verified.signer().to_string())
}
