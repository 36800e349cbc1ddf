//! Real data that others published. It is stored beside the project, which contains none of it.

use std::path::{Path, PathBuf};

/// A file or folder of `../shared/data`. If it is missing, prints that and returns `None`.
///
/// `$PLIMSOLL_TEST_DATA` names another folder. `./test --without-data` names one that does not exist, to show
/// what the tests cover without the data.
#[allow(clippy::print_stderr, reason = "what was skipped, and why, is for whoever runs the tests")]
pub fn published_data(path: &str) -> Option<PathBuf> {
    let folder = std::env::var_os("PLIMSOLL_TEST_DATA")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"), PathBuf::from);
    let found = folder.join(path);
    if found.exists() {
        return Some(found);
    }
    eprintln!("skipped: no ../shared/data");
    None
}
