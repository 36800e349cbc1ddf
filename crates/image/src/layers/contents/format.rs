//! The formats of tables of contents, and the list of them.
//!
//! A member says how a manifest announces its table and where the table is. Rows are the same in all of them (`table.rs`).

use plimsoll_core::Digest;

use super::estargz::Estargz;
use super::ranges::{Ranges, Refusal};
use super::zstd_chunked::ZstdChunked;
use crate::Descriptor;
use crate::media::Compression;

/// A format of layers with a table of contents.
pub(super) trait Format: Sync {
    /// The annotations of a layer that announce a table. All of them must be present.
    fn annotations(&self) -> &'static [&'static str];

    /// How each part of a file is compressed.
    fn compression(&self) -> Compression;

    /// Fetches the table, which must have the digest in the annotations: `announced`, in the order of
    /// [`Self::annotations`].
    fn table(&self, layer: &Ranges<'_>, announced: &[&str]) -> Result<FetchedTable, Refusal>;
}

/// A verified table.
pub(super) struct FetchedTable {
    pub(super) bytes: Vec<u8>,
    /// The parts of files end before this offset in the layer.
    pub(super) end: u64,
}

/// Every format, each under each name.
pub(super) const LIST: [&dyn Format; 3] = [&Estargz, &ZstdChunked::CURRENT, &ZstdChunked::FORMER];

/// A table that a layer's descriptor announces.
pub(super) struct Announced<'a> {
    pub(super) format: &'static dyn Format,
    pub(super) values: Vec<&'a str>,
}

/// The only table that a manifest announces completely. Of two, runtimes may use either.
pub(super) fn only(layer: &Descriptor) -> Option<Announced<'_>> {
    let values = |format: &dyn Format| -> Vec<&str> {
        let names = format.annotations().iter();
        names.filter_map(|name| layer.annotations.get(*name).map(String::as_str)).collect()
    };
    let mut announced = LIST.into_iter().filter(|format| !values(*format).is_empty());
    let format = announced.next().filter(|_| announced.next().is_none())?;
    let values = values(format);
    (values.len() == format.annotations().len()).then_some(Announced { format, values })
}

/// The digest in an annotation.
pub(super) fn digest(text: &str) -> Result<Digest, Refusal> {
    text.parse().map_err(|_| Refusal::new("its table of contents is announced by an invalid digest"))
}
