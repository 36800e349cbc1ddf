//! Settings of `plimsoll provenance`.

pub(crate) mod verify;

use std::collections::BTreeMap;
use std::path::PathBuf;

use plimsoll_core::{Kind, Platform};
use plimsoll_gather::Access;
use plimsoll_verify::provenance::{Build, Material, Source};

use super::{Context, access};
use crate::args::provenance::{Generate, Provenance, ProvenanceCommand};
use crate::failure::Failure;

/// Settings of `plimsoll provenance`.
pub(crate) enum ProvenanceSettings {
    Generate(Box<GenerateSettings>),
    Verify(Box<verify::VerifySettings>),
}

impl ProvenanceSettings {
    pub(crate) fn resolve(arguments: &Provenance, context: &Context<'_>) -> Result<Self, Failure> {
        Ok(match &arguments.command {
            ProvenanceCommand::Generate(arguments) => {
                Self::Generate(Box::new(GenerateSettings::resolve(arguments, context)?))
            }
            ProvenanceCommand::Verify(arguments) => {
                Self::Verify(Box::new(verify::VerifySettings::resolve(arguments, context)?))
            }
        })
    }
}

/// How something was built, as far as flags and environment say, and where to find out the rest.
pub(crate) struct GenerateSettings {
    /// What the environment says, and over that, what the flags say.
    pub(crate) build: Build,
    /// What went in, by digest.
    pub(crate) materials: Vec<Material>,
    /// Files that list the materials.
    pub(crate) material_lists: Vec<PathBuf>,
    /// Images that went in.
    pub(crate) material_images: Vec<String>,
    /// Files that went in.
    pub(crate) material_files: Vec<PathBuf>,
    /// Files that the build left beside the subjects.
    pub(crate) byproducts: Vec<PathBuf>,
    /// The subjects of a whole statement; `None` means the predicate alone.
    pub(crate) statement_about: Option<Vec<String>>,
    /// The one image of an index, instead of the index.
    pub(crate) platform: Option<Platform>,
    pub(crate) access: Access,
    /// Where the result goes; nothing means standard output.
    pub(crate) file: Option<PathBuf>,
}

impl GenerateSettings {
    fn resolve(arguments: &Generate, context: &Context<'_>) -> Result<Self, Failure> {
        let access = access(&arguments.network, context)?;
        let mut build = Build::from_environment(&|name| context.text(name))?;
        describe(&mut build, arguments)?;
        Ok(Self {
            build,
            materials: arguments.material.clone(),
            material_lists: arguments.materials.clone(),
            material_images: arguments.material_image.clone(),
            material_files: arguments.material_file.clone(),
            byproducts: arguments.byproduct.clone(),
            statement_about: arguments.as_statement.then(|| arguments.subjects.clone()),
            platform: arguments.platform.platform.clone(),
            access,
            file: arguments.file.output_file.clone(),
        })
    }
}

/// Puts what the flags say over what the environment says.
fn describe(build: &mut Build, arguments: &Generate) -> Result<(), Failure> {
    let usage = |message: &str| Failure::new(Kind::Usage, message);
    let over = |known: &mut Option<String>, said: &Option<String>| {
        if let Some(said) = said {
            *known = Some(said.clone());
        }
    };
    over(&mut build.builder, &arguments.builder_id);
    over(&mut build.build_type, &arguments.build_type);
    over(&mut build.config, &arguments.build_config);
    over(&mut build.invocation, &arguments.invocation_id);
    if let Some(repository) = &arguments.source_repository
        && build.source.as_ref().is_none_or(|source| source.repository != *repository)
    {
        // The ref and the commit of the environment are another repository's.
        build.source = Some(Source { repository: repository.clone(), reference: None, commit: None });
    }
    match &mut build.source {
        Some(source) => {
            over(&mut source.reference, &arguments.source_ref);
            over(&mut source.commit, &arguments.source_digest);
        }
        None if arguments.source_ref.is_some() || arguments.source_digest.is_some() => {
            return Err(
                usage("a ref or commit of which repository?").with_hint("pass --source-repository URL")
            );
        }
        None => {}
    }
    build.started = arguments.started_on.or(build.started);
    build.finished = arguments.finished_on.or(build.finished);
    if let (Some(started), Some(finished)) = (build.started, build.finished)
        && finished < started
    {
        return Err(usage("the build ended before it started"));
    }
    build.parameters = once("--parameter", &arguments.parameter)?;
    build.tools = once("--tool", &arguments.tool)?;
    Ok(())
}

/// Each name may come once: with two values, it would be unclear which one counts.
fn once(flag: &str, pairs: &[(String, String)]) -> Result<BTreeMap<String, String>, Failure> {
    let mut all = BTreeMap::new();
    for (name, value) in pairs {
        if all.insert(name.clone(), value.clone()).is_some() {
            return Err(Failure::new(Kind::Usage, format!("{flag} {name} is given twice")));
        }
    }
    Ok(all)
}
