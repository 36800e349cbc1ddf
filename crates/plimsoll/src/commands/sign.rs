//! `plimsoll sign`.

use std::collections::BTreeMap;

use plimsoll_core::{Limits, clock};
use plimsoll_signing::{Content, image};
use plimsoll_verify::COSIGN_SIGN_V1;

use crate::args::sign::Sign;
use crate::commands::attest::{keep, one_file_for_one_image};
use crate::commands::place::{self, Place};
use crate::failure::{Exit, Failure};
use crate::output::Console;
use crate::settings::Signing;

pub(super) fn run(arguments: &Sign, limits: &Limits, console: Console) -> Result<Exit, Failure> {
    one_file_for_one_image(&arguments.upload, arguments.subjects.len())?;
    let access = place::access(&arguments.network, limits)?;
    let signing = Signing::new(&arguments.signing, &place::keys(&access), console)?;
    let who = signing.describe();
    let annotations: BTreeMap<String, String> = arguments.annotation.iter().cloned().collect();
    for text in &arguments.subjects {
        let place = Place::open(text, arguments.repository.named(), &access)?;
        let targets = place.targets(arguments.platform.platform.as_ref(), arguments.recursive)?;
        one_file_for_one_image(&arguments.upload, targets.len())?;
        for target in targets {
            let statement = image::statement(&target.descriptor, &annotations);
            let bundle = signing.sign(Content::Statement(&statement), limits)?;
            keep(&arguments.upload, &bundle)?;
            let digest = target.descriptor.digest;
            let mut name = place.name_of(&digest);
            if let Some(platform) = &target.platform {
                name = format!("{name} for {platform}");
            }
            if !arguments.upload.attaches() {
                console.say(format_args!("signed {name} with {who}; nothing was attached"));
                continue;
            }
            let store = place.evidence();
            let signed = plimsoll_attach::attach_bundle(
                store,
                &target.descriptor,
                &bundle,
                COSIGN_SIGN_V1,
                clock::now(),
            )?;
            console.say(format_args!(
                "signed {name} with {who}; bundle {}, referrer {}",
                signed.bundle, signed.referrer
            ));
        }
    }
    Ok(Exit::Done)
}
