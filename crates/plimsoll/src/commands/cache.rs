//! `plimsoll cache`: where the caches are, and emptying them.

use plimsoll_core::quantity;
use plimsoll_files::cache::{Cache, Fill};

use crate::failure::{Exit, Failure};
use crate::output::{self, Console};
use crate::render;
use crate::report::cache::{CacheReport, Report};
use crate::settings::Format;
use crate::settings::cache::{CacheFolder, CacheSettings};

pub(super) fn run(settings: &CacheSettings, console: Console) -> Result<Exit, Failure> {
    match settings {
        CacheSettings::Status(folders, format) => status(folders, *format)?,
        CacheSettings::Clear(folders) => {
            for CacheFolder { name, folder, .. } in folders {
                let Fill { bytes, files } = Cache::clear(folder)?.unwrap_or_default();
                let (bytes, files) = (quantity::size(bytes), quantity::count(files, "file"));
                console.say(format_args!("{name}: removed {bytes} in {files} from {}", folder.display()));
            }
        }
    }
    Ok(Exit::Done)
}

fn status(folders: &[CacheFolder], format: Format) -> Result<(), Failure> {
    let one = |CacheFolder { name, folder, limit }: &CacheFolder| {
        let Fill { bytes, files } = Cache::look(folder)?.unwrap_or_default();
        Ok(CacheReport { name, folder: folder.display().to_string(), bytes, files, limit: *limit })
    };
    let report = Report::new(folders.iter().map(one).collect::<Result<_, Failure>>()?);
    match format {
        Format::Json => output::emit_json(None, &report),
        Format::Table => output::emit(None, |out| render::cache::write(&report, out)),
    }
}
