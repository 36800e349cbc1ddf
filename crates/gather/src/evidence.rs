//! Collects inventory, findings and signatures in parallel, as far as the policies need them.

use std::borrow::Cow;
use std::path::Path;
use std::sync::Arc;
use std::thread;

use plimsoll_core::rootfs::FileSet;
use plimsoll_core::{Cancel, Digest};
use plimsoll_image::artifact::{Absent, Artifact, Image};
use plimsoll_image::layers::LayerDigests;
use plimsoll_image::{Progress, Source, rootdir};
use plimsoll_policy::{
    AttestationFacts, ConfigurationParts, Evidence, ImageConfiguration, ImageDigests, InventorySource,
    Narrowed, SbomFacts, SbomSearch, Signatures, SignaturesByPolicy, SubjectFacts, SubjectKind, VexFacts,
    VulnerabilityFacts,
};
use plimsoll_sbom::{Inventory, Problem, ProblemCode};
use plimsoll_vuln::ScanSettings;

use crate::asked_attestations::AskedAttestations;
use crate::attested_sbom::{AttestedSboms, Outcome};
use crate::attested_vex::AttestedVex;
use crate::collection::{Collection, Layers, with_hint};
use crate::database::database;
use crate::signatures::signatures;
use crate::{Error, OpenedSubject, Subject};

/// Collects the evidence about each platform of `opened`. Missing evidence is marked as missing; an artifact that
/// cannot be read completely is an error.
pub fn evidence(opened: &OpenedSubject, collection: &Collection<'_>) -> Result<Vec<Evidence>, Error> {
    match opened {
        OpenedSubject::Image { source, artifact, subject, .. } => {
            let images = artifact.select_within(collection.platform, collection.layers.limits())?;
            let there = images
                .into_iter()
                .map(|image| of_image(source.as_ref(), artifact, image, subject, collection));
            let absent = artifact.absent(collection.platform).into_iter();
            there.chain(absent.map(|absent| Ok(of_absent(absent, subject, collection)))).collect()
        }
        OpenedSubject::RootDir(dir) => {
            let inventory =
                inventory(opened, None, collection.layers, collection.progress, collection.cancel)?;
            let reason = format!("{} is a folder, which has no digest that could be signed", dir.display());
            Ok(vec![without_image(SubjectKind::RootDir, &inventory, None, reason, collection)])
        }
        OpenedSubject::File { digest, .. } => {
            let inventory =
                inventory(opened, None, collection.layers, collection.progress, collection.cancel)?;
            let reason = format!("signatures of single files are not searched for ({digest})");
            let signatures = Signatures::Unavailable { reason }.into();
            let unsigned = String::new();
            let evidence = without_image(SubjectKind::File, &inventory, None, unsigned, collection);
            Ok(vec![Evidence { signatures, ..evidence }])
        }
        OpenedSubject::Sbom { document, digest, .. } => {
            let reason = "the subject is an SBOM; the artifact that it describes was not read".to_owned();
            let kind = SubjectKind::Sbom;
            Ok(vec![without_image(kind, &document.inventory, Some(*digest), reason, collection)])
        }
    }
}

/// The inventory of a subject; of `image` if the subject has several. An SBOM is read into one.
pub fn inventory<'a>(
    opened: &'a OpenedSubject,
    image: Option<&Image>,
    layers: &Layers,
    progress: &dyn Progress,
    cancel: &Cancel,
) -> Result<Cow<'a, Inventory>, Error> {
    match (opened, image) {
        (OpenedSubject::Image { source, .. }, Some(image)) => {
            of_layers(source.as_ref(), image, layers, layers.digests, progress, cancel).map(Cow::Owned)
        }
        (OpenedSubject::Image { .. }, None) => {
            let image = opened.one_image(None)?;
            inventory(opened, image, layers, progress, cancel)
        }
        (OpenedSubject::RootDir(dir), _) => {
            let files = rootdir::read(dir, layers.catalogers, layers.limits(), progress, cancel)?;
            layers.catalog(&files, cancel).map(Cow::Owned)
        }
        (OpenedSubject::File { path, digest, size }, _) => Ok(Cow::Owned(of_file(path, digest, *size))),
        (OpenedSubject::Sbom { document, .. }, _) => Ok(Cow::Borrowed(&document.inventory)),
    }
}

/// The inventory of a missing image: a gap, not an empty inventory.
pub fn of_nothing(absent: &Absent) -> Inventory {
    let place = absent.platform().to_string();
    let problem = Problem::new(ProblemCode::ImageAbsent, place, absent.missing.clone());
    Inventory { problems: vec![problem], ..Inventory::default() }
}

/// No cataloger reads single files, so this is a gap, not an empty inventory.
fn of_file(path: &Path, digest: &Digest, size: u64) -> Inventory {
    let detail = format!("{digest}, {size} bytes: no cataloger reads single files");
    let problem = Problem::new(ProblemCode::NotCataloged, path.display().to_string(), detail);
    Inventory { problems: vec![problem], ..Inventory::default() }
}

fn of_layers(
    source: &dyn Source,
    image: &Image,
    layers: &Layers,
    digests: LayerDigests,
    progress: &dyn Progress,
    cancel: &Cancel,
) -> Result<Inventory, Error> {
    layers.catalog(&layers.shared.read_as(source, image, digests, progress)?, cancel)
}

/// Layers are read by their tables of contents if all policies allow that.
fn of_layers_under_policies(
    source: &dyn Source,
    image: &Image,
    collection: &Collection<'_>,
) -> Result<Inventory, Error> {
    let Collection { layers, progress, cancel, .. } = collection;
    of_layers(source, image, layers, collection.layer_digests(), *progress, cancel)
}

const NO_INVENTORY: &str = "no rule of the policy needs an inventory";

fn of_image(
    source: &dyn Source,
    artifact: &Artifact,
    image: &Image,
    subject: &Subject,
    collection: &Collection<'_>,
) -> Result<Evidence, Error> {
    let around = source.surroundings()?;
    let mut digests = ImageDigests {
        index: artifact.is_index().then_some(artifact.top.digest),
        manifest: image.manifest.digest,
        config: image.config.digest,
        layers: image.layers.iter().map(|layer| layer.descriptor.digest).collect(),
        diff_ids: image.layers.iter().map(|layer| layer.diff_id).collect(),
        indexes: image.indexes.iter().copied().chain(around.indexes).collect(),
        stated: around.stated,
        aliases: image.aliases.clone(),
    };
    let Collected { signatures, inventory, from, sbom_search, vex, attestations, aliases } =
        match AttestedSboms::new(subject, image, collection) {
            Some(sboms) => attested_or_read(source, image, &digests, sboms, collection)?,
            None => with_layers(source, image, &digests, collection)?,
        };
    digests.aliases.extend(aliases);
    let mut facts = asked_for(subject, collection);
    facts.platform = Some(image.platform.clone());
    facts.digests = Some(digests);
    Ok(Evidence {
        subject: facts,
        signatures,
        sbom: inventory.as_ref().map_or_else(
            || SbomFacts::Unavailable { reason: NO_INVENTORY.to_owned() },
            |inventory| sbom_facts(inventory, &from, None),
        ),
        sbom_search,
        database: database(collection),
        vulnerabilities: inventory.as_ref().map_or_else(
            || VulnerabilityFacts::Unavailable { reason: NO_INVENTORY.to_owned() },
            |inventory| vulnerabilities(inventory, collection),
        ),
        vex,
        attestations,
        configuration: Some(Arc::new(configuration(image))),
        narrowed: inventory
            .as_ref()
            .map_or_else(Vec::new, |inventory| narrowed(inventory, &from, None, collection)),
    })
}

/// What rules look at in the configuration of an image.
fn configuration(image: &Image) -> ImageConfiguration {
    let steps = image.history.iter().chain(&image.unmatched_history);
    let history: Vec<&str> = steps.filter_map(|step| step.created_by.as_deref()).collect();
    ImageConfiguration::new(&ConfigurationParts {
        created: image.created,
        user: image.user.as_deref(),
        labels: &image.labels,
        ports: &image.ports,
        environment: &image.environment,
        history: &history,
    })
}

/// Why there are no signatures after a panic.
const SEARCH_FAILED: &str = "internal error while searching for signatures";

/// What was collected about an image.
struct Collected {
    signatures: SignaturesByPolicy,
    inventory: Option<Inventory>,
    /// The source of the inventory.
    from: InventorySource,
    sbom_search: SbomSearch,
    vex: VexFacts,
    attestations: AttestationFacts,
    /// Digests of layers by another algorithm.
    aliases: Vec<Digest>,
}

/// Signatures are a few small requests, layers take long. Both run at the same time.
fn with_layers(
    source: &dyn Source,
    image: &Image,
    digests: &ImageDigests,
    collection: &Collection<'_>,
) -> Result<Collected, Error> {
    let mut vex = AttestedVex::new(digests.manifest, collection);
    let mut asked = AskedAttestations::new(collection);
    let (signatures, read) = thread::scope(|scope| {
        let signatures =
            scope.spawn(|| signatures(source, digests, collection, None, vex.as_mut(), asked.as_mut()));
        let needs_inventory = collection.needs().inventory;
        let read = if collection.has_denials_by_another_name(image) {
            let read = collection.layers.shared.read_with_aliases(source, image, collection.progress);
            let catalog = |files: &FileSet| collection.layers.catalog(files, collection.cancel);
            read.map_err(Error::from).and_then(|(files, aliases)| {
                Ok((needs_inventory.then(|| catalog(&files)).transpose()?, aliases))
            })
        } else {
            let read = || of_layers_under_policies(source, image, collection);
            needs_inventory.then(read).transpose().map(|inventory| (inventory, Vec::new()))
        };
        (signatures.join(), read)
    });
    let (inventory, aliases) = read?;
    let signatures = signatures.unwrap_or_else(|_| {
        // What was found before may be corrected by what was not.
        vex = None;
        if let Some(asked) = &mut asked {
            asked.failed(SEARCH_FAILED);
        }
        Signatures::Unavailable { reason: SEARCH_FAILED.to_owned() }.into()
    });
    let from = InventorySource::Cataloged;
    let vex = vex.map(AttestedVex::finish).unwrap_or_default();
    let attestations = asked.map(AskedAttestations::finish).unwrap_or_default();
    let sbom_search = SbomSearch::default();
    Ok(Collected { signatures, inventory, from, sbom_search, vex, attestations, aliases })
}

/// One after the other, because an attested SBOM makes reading the layers unnecessary. Foreign bundles are read on a
/// separate thread, as in [`with_layers`]: if it panics, there are no signatures and no attested SBOM, and the run
/// continues.
fn attested_or_read(
    source: &dyn Source,
    image: &Image,
    digests: &ImageDigests,
    mut sboms: AttestedSboms<'_>,
    collection: &Collection<'_>,
) -> Result<Collected, Error> {
    let searched = thread::scope(|scope| {
        let search = scope.spawn(move || {
            let mut vex = AttestedVex::new(digests.manifest, collection);
            let mut asked = AskedAttestations::new(collection);
            let signatures =
                signatures(source, digests, collection, Some(&mut sboms), vex.as_mut(), asked.as_mut());
            let vex = vex.map(AttestedVex::finish).unwrap_or_default();
            (signatures, sboms.finish(), vex, asked.map(AskedAttestations::finish).unwrap_or_default())
        });
        search.join()
    });
    let (signatures, outcome, vex, attestations) = searched.unwrap_or_else(|_| {
        let image_read = Some(format!("could not search for attested SBOMs: {SEARCH_FAILED}"));
        let search = SbomSearch { refused: Vec::new(), image_read };
        let signatures = Signatures::Unavailable { reason: SEARCH_FAILED.to_owned() }.into();
        (signatures, Outcome::NotFound(search), VexFacts::default(), AttestationFacts::default())
    });
    let (inventory, from, sbom_search) = match outcome {
        Outcome::Found(attestation, inventory) => {
            (*inventory, InventorySource::Attested(attestation), SbomSearch::default())
        }
        Outcome::NotFound(search) => {
            let read = of_layers_under_policies(source, image, collection)?;
            (read, InventorySource::Cataloged, search)
        }
    };
    let (inventory, aliases) = (Some(inventory), Vec::new());
    Ok(Collected { signatures, inventory, from, sbom_search, vex, attestations, aliases })
}

/// What is known without the image itself. No rule can pass for it, so that a verdict about all platforms includes this
/// one.
fn of_absent(absent: &Absent, subject: &Subject, collection: &Collection<'_>) -> Evidence {
    let inventory = of_nothing(absent);
    let reason = format!("the image for {} is missing: {}", absent.platform(), absent.missing);
    let facts = asked_for(subject, collection);
    Evidence {
        subject: SubjectFacts { platform: Some(absent.platform()), ..facts },
        signatures: Signatures::Unavailable { reason }.into(),
        sbom: sbom_facts(&inventory, &InventorySource::Cataloged, None),
        sbom_search: SbomSearch::default(),
        database: database(collection),
        vulnerabilities: vulnerabilities(&inventory, collection),
        vex: VexFacts::default(),
        attestations: AttestationFacts::default(),
        configuration: None,
        narrowed: Vec::new(),
    }
}

/// What the user asked for, before anything is read.
fn asked_for(subject: &Subject, collection: &Collection<'_>) -> SubjectFacts {
    let mut facts = SubjectFacts {
        kind: SubjectKind::Registry,
        requested: collection.requested.to_owned(),
        repository: None,
        tag: None,
        pinned: None,
        digests: None,
        platform: None,
    };
    let local = |selector: &Option<String>| match selector.as_deref().map(|s| (s, s.parse())) {
        Some((_, Ok(digest))) => (None, Some(digest)),
        Some((tag, Err(_))) => (Some(tag.to_owned()), None),
        None => (None, None),
    };
    match subject {
        Subject::Registry(reference) => {
            facts.repository = Some(reference.name());
            facts.tag = reference.tag().map(str::to_owned);
            facts.pinned = reference.digest();
        }
        Subject::Layout(_, selector) => {
            facts.kind = SubjectKind::Layout;
            (facts.tag, facts.pinned) = local(selector);
        }
        Subject::Archive(_, selector) => {
            facts.kind = SubjectKind::Archive;
            (facts.tag, facts.pinned) = local(selector);
        }
        Subject::Folder(_) => facts.kind = SubjectKind::Layout,
        Subject::Local(_, name) => {
            facts.kind = SubjectKind::LocalImage;
            (facts.tag, facts.pinned) = named(name);
        }
        Subject::RootDir(_) | Subject::File(_) | Subject::Sbom(_) => {}
    }
    facts
}

/// Tag and digest of a local image's name. The repository in it comes from the engine and proves nothing.
fn named(name: &str) -> (Option<String>, Option<Digest>) {
    let (name, digest) = match name.rsplit_once('@') {
        Some((name, digest)) => (name, digest.parse().ok()),
        None => (name, name.parse().ok()),
    };
    let tag = match name.rsplit_once(':') {
        Some((_, tag)) if digest.is_none() && !tag.contains('/') => Some(tag.to_owned()),
        _ => None,
    };
    (tag, digest)
}

fn without_image(
    kind: SubjectKind,
    inventory: &Inventory,
    document: Option<Digest>,
    unsigned: String,
    collection: &Collection<'_>,
) -> Evidence {
    let source = if document.is_some() { InventorySource::Document } else { InventorySource::Cataloged };
    Evidence {
        subject: SubjectFacts {
            kind,
            requested: collection.requested.to_owned(),
            repository: None,
            tag: None,
            pinned: None,
            digests: None,
            platform: None,
        },
        signatures: Signatures::Impossible { reason: unsigned }.into(),
        sbom: sbom_facts(inventory, &source, document),
        sbom_search: SbomSearch::default(),
        database: database(collection),
        vulnerabilities: vulnerabilities(inventory, collection),
        vex: VexFacts::default(),
        attestations: AttestationFacts::default(),
        configuration: None,
        narrowed: narrowed(inventory, &source, document, collection),
    }
}

/// The inventory without the paths that policies leave out, made once for all policies that leave out the same.
fn narrowed(
    inventory: &Inventory,
    source: &InventorySource,
    document: Option<Digest>,
    collection: &Collection<'_>,
) -> Vec<Narrowed> {
    let mut all: Vec<Narrowed> = Vec::new();
    for under in collection.policies {
        let exclusions = under.policy.exclusions();
        if exclusions.is_empty() || all.iter().any(|known| known.exclusions == *exclusions) {
            continue;
        }
        let (rest, excluded) = exclusions.apply(inventory);
        all.push(Narrowed {
            exclusions: exclusions.clone(),
            excluded,
            sbom: sbom_facts(&rest, source, document),
            vulnerabilities: vulnerabilities(&rest, collection),
        });
    }
    all
}

fn sbom_facts(inventory: &Inventory, source: &InventorySource, digest: Option<Digest>) -> SbomFacts {
    SbomFacts::Inventory {
        source: source.clone(),
        components: inventory.components.len(),
        os: inventory.os.as_ref().map(plimsoll_sbom::OsRelease::distro),
        problems: inventory.problems.clone(),
        digest,
    }
}

fn vulnerabilities(inventory: &Inventory, collection: &Collection<'_>) -> VulnerabilityFacts {
    let Some(max_age) = collection.needs().findings else {
        return VulnerabilityFacts::Unavailable { reason: "no rule of the policy needs findings".to_owned() };
    };
    let database = match collection.database {
        Ok(database) => database,
        // The rule says how to build one.
        Err(error) => return VulnerabilityFacts::Unavailable { reason: error.to_string() },
    };
    let settings = ScanSettings { now: collection.now, max_age, development: false };
    match plimsoll_vuln::scan_until(inventory, database, &settings, collection.cancel) {
        Ok(scan) => VulnerabilityFacts::Scanned(Box::new(scan)),
        Err(error) => VulnerabilityFacts::Unavailable { reason: with_hint(&error) },
    }
}
