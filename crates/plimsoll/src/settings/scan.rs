//! Settings of `plimsoll scan`.

use std::collections::BTreeSet;
use std::path::PathBuf;

use plimsoll_core::text::shown;
use plimsoll_core::{Kind, Timestamp};
use plimsoll_gather::Access;
use plimsoll_image::layers::LayerDigests;
use plimsoll_vuln::Threshold;

use super::network::key_access_beside;
use super::updating::UpdatingSettings;
use super::vex_signers::VexSigners;
use super::{Context, Platforms, read_file, read_within, reading_access};
use crate::args::scan::{Format, Scan};
use crate::failure::Failure;
use crate::render::scan::{Compared, FORMATS, InvalidTemplate, ScanFormat, Template};
use crate::report::baseline::Baseline;

/// What is written.
pub(crate) enum Output {
    /// What was found, in a format of the list.
    Result(Format),
    /// Why there is a finding, or none.
    Explanation {
        /// The vulnerabilities, as they were written.
        ids: Vec<String>,
        as_json: bool,
    },
}

/// What is scanned, and against what.
pub(crate) struct ScanSettings {
    /// The subjects, as they were written.
    pub(crate) subjects: Vec<String>,
    /// A list with more of them; `-` is standard input.
    pub(crate) subjects_from: Option<PathBuf>,
    pub(crate) platforms: Platforms,
    /// The catalogers that are switched off.
    pub(crate) without: BTreeSet<&'static str>,
    /// Whether layers are read as a whole.
    pub(crate) digests: LayerDigests,
    /// Whether findings count in what is for development only.
    pub(crate) development: bool,
    /// What a finding must not be like.
    pub(crate) fail_on: Vec<Threshold>,
    /// VEX documents, or folders of them.
    pub(crate) vex: Vec<PathBuf>,
    /// Whose VEX counts, of that which is attached to images.
    pub(crate) vex_signers: Option<VexSigners>,
    /// Files of ignore rules.
    pub(crate) ignore_files: Vec<PathBuf>,
    pub(crate) access: Access,
    /// Folder of the advisory database.
    pub(crate) database: PathBuf,
    /// How it is updated if it lacks something.
    pub(crate) updating: Option<UpdatingSettings>,
    /// The instant by which feeds are fresh or not.
    pub(crate) now: Timestamp,
    pub(crate) output: Output,
    /// What the format `template` writes.
    pub(crate) template: Option<Template>,
    /// An earlier result, with which this one is compared.
    pub(crate) baseline: Option<Baseline>,
    /// A newer edition of the base image, of which to say what it fixes.
    pub(crate) newer_base: Option<String>,
    /// Where the result goes; nothing means standard output.
    pub(crate) file: Option<PathBuf>,
}

impl ScanSettings {
    pub(crate) fn resolve(arguments: &Scan, context: &Context<'_>) -> Result<Self, Failure> {
        let access = reading_access(&arguments.reading, context)?;
        let keys = key_access_beside(&access, context);
        Ok(Self {
            subjects: arguments.subjects.clone(),
            subjects_from: arguments.subjects_from.clone(),
            platforms: Platforms::resolve(&arguments.reading),
            without: arguments.catalogers.off(),
            digests: arguments.layers.digests(),
            development: arguments.include_dev_deps,
            fail_on: arguments.fail_on.clone(),
            vex: arguments.vex.clone(),
            vex_signers: VexSigners::resolve(&arguments.vex_trust, &keys, context)?,
            ignore_files: arguments.ignore_file.clone(),
            database: context.database_folder(&arguments.db)?,
            updating: UpdatingSettings::resolve(&arguments.updating, &access, context)?,
            access,
            now: context.now(&arguments.instant),
            output: output(arguments)?,
            template: template(arguments, context)?,
            baseline: baseline(arguments, context)?,
            newer_base: arguments.newer_base.clone(),
            file: arguments.reading.file.output_file.clone(),
        })
    }

    /// The format of the result.
    pub(crate) fn format(&self) -> &'static dyn ScanFormat {
        match &self.output {
            Output::Result(format) => format.0,
            Output::Explanation { .. } => FORMATS[0],
        }
    }

    /// Whether the result is for people at a terminal.
    pub(crate) fn is_table(&self) -> bool {
        self.format().name() == FORMATS[0].name()
    }
}

fn output(arguments: &Scan) -> Result<Output, Failure> {
    let format = arguments.output;
    if arguments.explain.is_empty() {
        return Ok(Output::Result(format));
    }
    let as_json = match format.0.name() {
        "table" => false,
        "json" => true,
        other => {
            let what = format!("got `-o {other}` with --explain, expected table or json");
            return Err(Failure::new(Kind::Usage, what).with_hint("leave one of them out"));
        }
    };
    let together = [
        (arguments.baseline.is_some(), "--baseline"),
        (!arguments.fail_on.is_empty(), "--fail-on"),
        (arguments.newer_base.is_some(), "--newer-base"),
    ];
    if let Some((_, flag)) = together.into_iter().find(|(is_given, _)| *is_given) {
        let what = format!("got {flag} with --explain, which counts no findings");
        return Err(Failure::new(Kind::Usage, what).with_hint("leave one of them out"));
    }
    Ok(Output::Explanation { ids: arguments.explain.clone(), as_json })
}

fn template(arguments: &Scan, context: &Context<'_>) -> Result<Option<Template>, Failure> {
    let is_asked = arguments.output.0.name() == "template";
    match &arguments.template {
        Some(path) if is_asked => {
            let bytes = read_file(path, context.limits.document_bytes)?;
            let name = path.to_string_lossy();
            let template = Template::parse(&name, &bytes).map_err(|InvalidTemplate(what)| {
                Failure::new(Kind::Usage, format!("{}: {what}", shown(&name)))
                    .with_hint("docs/scan.md has an example; the values are those of `-o json`")
            })?;
            Ok(Some(template))
        }
        Some(_) => Err(Failure::new(Kind::Usage, "--template has no effect in this format")
            .with_hint("add `-o template`")),
        None if is_asked => Err(Failure::new(Kind::Usage, "`-o template` needs a template")
            .with_hint("name its file with --template FILE")),
        None => Ok(None),
    }
}

fn baseline(arguments: &Scan, context: &Context<'_>) -> Result<Option<Baseline>, Failure> {
    let Some(path) = &arguments.baseline else { return Ok(None) };
    let format = arguments.output.0;
    if format.compared() == Compared::Refused {
        let what = format!("`-o {}` has no place for a comparison with an earlier result", format.name());
        let can: Vec<&str> = FORMATS
            .iter()
            .filter(|format| format.compared() != Compared::Refused)
            .map(|format| format.name())
            .collect();
        return Err(Failure::new(Kind::Usage, what).with_hint(format!("these have: {}", can.join(", "))));
    }
    let limit = context.limits.statement_bytes;
    let bytes = read_within(path, limit, "statement_bytes")?;
    Baseline::parse(&bytes, limit, &path.to_string_lossy()).map(Some)
}
