//! `plimsoll sign`.

use plimsoll_signing::{Content, image};
use plimsoll_verify::COSIGN_SIGN_V1;

use crate::commands::attest::keep;
use crate::commands::each;
use crate::commands::place::Place;
use crate::commands::signer::Signing;
use crate::failure::{Exit, Failure};
use crate::output::{self, Console};
use crate::settings::sign::SignSettings;

pub(super) fn run(settings: &SignSettings, console: Console) -> Result<Exit, Failure> {
    let (upload, limits) = (&settings.upload, &settings.access.limits);
    output::is_free(upload.bundle.as_deref(), settings.signing.force)?;
    let signing = Signing::open(&settings.signing, console)?;
    let who = signing.describe();
    Ok(each(&settings.subjects, console, |text| {
        let place = Place::open(text, &settings.evidence_repository, &settings.access)?;
        let targets = place.targets(settings.platform.as_ref(), settings.recursive)?;
        upload.has_room_for(targets.len())?;
        for target in targets {
            let statement = image::statement(&target.descriptor, &settings.annotations);
            let bundle = signing.sign(Content::Statement(&statement), limits)?;
            keep(upload, settings.signing.force, &bundle)?;
            let digest = target.descriptor.digest;
            let mut name = place.name_of(&digest);
            if let Some(platform) = &target.platform {
                name = format!("{name} for {platform}");
            }
            if !upload.attaches {
                console.say(format_args!("signed {name} with {who}; nothing was attached"));
                continue;
            }
            let store = place.evidence();
            let signed = plimsoll_attach::attach_bundle(
                store,
                &target.descriptor,
                &bundle,
                COSIGN_SIGN_V1,
                (settings.signing.clock)(),
            )?;
            console.say(format_args!(
                "signed {name} with {who}; bundle {}, referrer {}",
                signed.bundle, signed.referrer
            ));
        }
        Ok(())
    }))
}
