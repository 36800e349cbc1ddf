//! The caches, for people.

use std::io::{self, Write};

use plimsoll_core::quantity;

use super::table::{columns, safe};
use crate::report::cache::{CacheReport, Report};

/// Writes a row for each cache.
pub(crate) fn write(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    let row = |cache: &CacheReport| {
        let (bytes, limit) = (quantity::size(cache.bytes), quantity::size(cache.limit));
        [cache.name.to_owned(), bytes, limit, cache.files.to_string(), safe(&cache.folder).to_string()]
    };
    let rows: Vec<[String; 5]> = report.caches.iter().map(row).collect();
    columns(out, "", Some(["CACHE", "SIZE", "AT MOST", "FILES", "FOLDER"]), &rows)
}
