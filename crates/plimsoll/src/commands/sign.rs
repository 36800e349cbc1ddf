//! `plimsoll sign`.

use std::collections::BTreeMap;

use plimsoll_core::{Kind, Limits, clock};
use plimsoll_gather::{Access, Subject, open_registry};
use plimsoll_oci::layout::Layout;
use plimsoll_oci::{Descriptor, Store, image};
use plimsoll_signing::image::sign;
use plimsoll_signing::layout::LayoutStore;

use crate::args::sign::Sign;
use crate::failure::{Exit, Failure};
use crate::output::Console;
use crate::settings;

pub(super) fn run(arguments: &Sign, console: Console) -> Result<Exit, Failure> {
    let access = Access { http: settings::http(&arguments.network)?, limits: Limits::default() };
    let key = settings::private_key(&arguments.key)?;
    let annotations: BTreeMap<String, String> = arguments.annotation.iter().cloned().collect();
    for text in &arguments.subjects {
        let subject = Subject::parse(text)?;
        let store: Box<dyn Store> = match &subject {
            Subject::Registry(reference) => Box::new(open_registry(reference, &access)?),
            Subject::Layout(dir, selector) => {
                let layout = Layout::open(dir, selector.as_deref(), access.limits.clone())?;
                Box::new(LayoutStore::new(dir, layout, access.limits.clone()))
            }
            _ => {
                return Err(Failure::new(Kind::Usage, format!("{subject} cannot hold a signature"))
                    .with_hint("push it to a registry or unpack it into an OCI layout first"));
            }
        };
        let target = target(store.as_ref(), arguments, &access)?;
        let signed = sign(store.as_ref(), &target, &key, &annotations, clock::now())?;
        console.say(format_args!(
            "signed {}{} with key {}; bundle {}, referrer {}",
            subject,
            // A subject that names the digest has said it already.
            if text.ends_with(&target.digest.to_string()) {
                String::new()
            } else {
                format!(" ({})", target.digest)
            },
            key.public_key().id(),
            signed.bundle,
            signed.referrer
        ));
    }
    Ok(Exit::Done)
}

/// What is signed: what the subject resolves to, or the one image in it that `--platform` names.
fn target(store: &dyn Store, arguments: &Sign, access: &Access) -> Result<Descriptor, Failure> {
    let top = store.resolve()?;
    let Some(platform) = &arguments.platform.platform else { return Ok(top) };
    let artifact = image::load(store, &top, &access.limits)?;
    match artifact.select(Some(platform))?.as_slice() {
        [one] => Ok(one.manifest.clone()),
        several => Err(Failure::new(Kind::Usage, format!("{} images are for {platform}", several.len()))
            .with_hint("name the image by digest")),
    }
}
