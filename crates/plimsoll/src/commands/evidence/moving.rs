//! `plimsoll evidence copy`, `save` and `load`.

use std::sync::Arc;

use plimsoll_attach::layout::LayoutStore;
use plimsoll_attach::transfer::Transfer;
use plimsoll_core::Kind;
use plimsoll_core::quantity::{count, size};
use plimsoll_gather::{Access, Subject, open_registry};
use plimsoll_image::{Descriptor, Source, Store};

use crate::commands::place::Place;
use crate::failure::{Exit, Failure};
use crate::output::Console;
use crate::progress::Bar;
use crate::settings::evidence::TransferSettings;

pub(super) fn run(settings: &TransferSettings, console: Console) -> Result<Exit, Failure> {
    let (to, access) = (&settings.to, &settings.from.access);
    let place = super::open(&settings.from)?;
    let top = place.store.resolve()?;
    let (destination, name) = open(to, &place.subject, &top, access)?;
    let mount_from = match (&place.subject, to) {
        (Subject::Registry(from), Subject::Registry(to)) if from.registry() == to.registry() => {
            Some(from.repository().to_owned())
        }
        _ => None,
    };
    let Place { store, evidence_repository, subject, .. } = place;
    let (source, evidence_repository): (Box<dyn Source>, Option<Box<dyn Store>>) =
        (store, evidence_repository);
    let evidence =
        evidence_repository.map(|store| -> Arc<dyn Source> { Arc::from(store as Box<dyn Source>) });
    let transfer = Transfer {
        source: Arc::from(source),
        evidence,
        mount_from,
        limits: access.limits.clone(),
        progress: Arc::new(Bar::new(console)),
    };
    let done = transfer.run(&top, destination.as_ref(), &name)?;
    drop(transfer);
    for (descriptor, reason) in &done.left {
        console.warn(format_args!("referrer {} was not copied: {reason}", descriptor.digest));
    }
    console.say(format_args!(
        "copied {subject} ({}) to {to}: {}, {}, {}, {} ({})",
        top.digest,
        count(done.manifests, "manifest"),
        count(done.referrers, "referrer"),
        count(done.legacy_tags, "older tag"),
        count(done.blobs, "blob"),
        size(done.bytes)
    ));
    Ok(Exit::Done)
}

/// The destination, and the name there.
fn open(
    to: &Subject,
    from: &Subject,
    top: &Descriptor,
    access: &Access,
) -> Result<(Box<dyn Store>, String), Failure> {
    let digest = top.digest.to_string();
    let pinned = |wanted: &str| {
        Failure::new(Kind::Usage, format!("{to} names {wanted}, but the copied image is {digest}"))
            .with_hint("leave the digest out: it stays the same in any case")
    };
    match to {
        Subject::Registry(reference) => {
            if let Some(wanted) = reference.digest().filter(|wanted| *wanted != top.digest) {
                return Err(pinned(&wanted.to_string()));
            }
            let name = reference.tag().map_or(digest.clone(), str::to_owned);
            Ok((Box::new(open_registry(reference, access)?), name))
        }
        Subject::Layout(directory, selector) => {
            let name = match (selector, from) {
                (Some(name), _) if name.contains(':') && *name != digest => return Err(pinned(name)),
                (Some(name), _) => name.clone(),
                // In a separate folder, the image keeps its tag.
                (None, Subject::Registry(reference)) => reference.tag().unwrap_or(&digest).to_owned(),
                (None, Subject::Layout(_, selector)) => selector.clone().unwrap_or(digest),
                (None, _) => digest,
            };
            Ok((Box::new(LayoutStore::create(directory, access.limits.clone())?), name))
        }
        _ => Err(Failure::new(Kind::Usage, format!("{to} cannot store an image with its evidence"))
            .with_hint("copy to a registry, or to oci:DIR")),
    }
}
