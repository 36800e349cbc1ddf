//! Settings of `plimsoll scan`.

use std::collections::BTreeSet;
use std::path::PathBuf;

use plimsoll_core::Timestamp;
use plimsoll_gather::Access;
use plimsoll_image::layers::LayerDigests;
use plimsoll_vuln::Threshold;

use super::updating::UpdatingSettings;
use super::{Context, Platforms, reading_access};
use crate::args::scan::Scan;
use crate::failure::Failure;

pub(crate) use crate::args::scan::Format;

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
    /// Files of ignore rules.
    pub(crate) ignore_files: Vec<PathBuf>,
    pub(crate) access: Access,
    /// Folder of the advisory database.
    pub(crate) database: PathBuf,
    /// How it is updated if it lacks something.
    pub(crate) updating: Option<UpdatingSettings>,
    /// The instant by which feeds are fresh or not.
    pub(crate) now: Timestamp,
    pub(crate) format: Format,
    /// Where the result goes; nothing means standard output.
    pub(crate) file: Option<PathBuf>,
}

impl ScanSettings {
    pub(crate) fn resolve(arguments: &Scan, context: &Context<'_>) -> Result<Self, Failure> {
        let access = reading_access(&arguments.reading, context)?;
        Ok(Self {
            subjects: arguments.subjects.clone(),
            subjects_from: arguments.subjects_from.clone(),
            platforms: Platforms::resolve(&arguments.reading),
            without: arguments.catalogers.off(),
            digests: arguments.layers.digests(),
            development: arguments.include_dev_deps,
            fail_on: arguments.fail_on.clone(),
            vex: arguments.vex.clone(),
            ignore_files: arguments.ignore_file.clone(),
            database: context.database_folder(&arguments.db)?,
            updating: UpdatingSettings::resolve(&arguments.updating, &access, context)?,
            access,
            now: context.now(&arguments.instant),
            format: arguments.output,
            file: arguments.reading.file.output_file.clone(),
        })
    }
}
