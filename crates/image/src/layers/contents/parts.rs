//! Reading a layer by its table of contents: only the files that matter, by ranges of a registry.
//!
//! Trust comes from the verified manifest: it contains the digest of the table, and the table contains the digest of
//! each part of each file. So everything that is read agrees with the table. Whether the table agrees with the tar
//! cannot be checked without the tar, and the layer's own digest and diff ID cannot be computed. A caller who needs
//! these reads the layer as a whole, see [`super::check`]; nothing that is read here counts as that.
//!
//! Everything odd leads to the layer being read as a whole ([`Refusal::Whole`]): a registry that sends no parts, a table that
//! cannot be read, that does not have the digest in the manifest, or that lists a path twice, parts that overlap, are
//! outside the layer or have another digest. So does a layer most of which is needed: a few large requests are faster
//! than many small ones.

use std::collections::HashSet;
use std::io::Read as _;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};

use plimsoll_core::{Algorithm, Digest, Hasher, Limits};

use super::TABLE;
use super::format::{Announced, Format, only};
use super::ranges::{Cursor, Ranges, Refusal, start_of, united};
use super::table::{Chunk, Listed, Row, listed};
use crate::inflate::{Budget, Inflate, agreed};
use crate::layers::facts::Facts;
use crate::layers::paths::Keyed;
use crate::layers::scan::{Entries, Interest, Scan};
use crate::tar::{Entry, Kind, clean_link, normalise};
use crate::{Descriptor, Error, Source};

/// Smaller layers are read as a whole: three requests take longer.
const SMALL: u64 = 256 << 10;
/// A layer is read as a whole if more quarters of it than these are needed.
const QUARTERS: u64 = 3;
/// Parts that are closer than this are requested together: a request takes about as long as this many bytes.
const GAP: u64 = 64 << 10;
/// The most requests for the files of one layer. To need no more, parts that are further apart are requested together.
const REQUESTS: usize = 128;
/// Uncompressed bytes in one buffer.
const PIECE: usize = 64 << 10;

/// Whether a layer may be read in parts: its descriptor announces one table, and it is not small.
pub(in crate::layers) fn is_readable_in_parts(layer: &Descriptor) -> bool {
    layer.size > SMALL && only(layer).is_some()
}

/// Reads the files of a layer that matter, by its table of contents.
pub(in crate::layers) fn read_in_parts(
    source: &dyn Source,
    layer: &Descriptor,
    interest: &Interest<'_>,
    mut scan: Scan<'_>,
    keyed: &Keyed,
    limits: &Limits,
    cancelled: &AtomicBool,
) -> Result<Facts, Refusal> {
    let ranges = Ranges { source, layer, limits, cancelled, what: format!("layer {}", layer.digest) };
    let facts = entries(&ranges, interest, keyed).and_then(|mut entries| {
        let facts = scan.in_order(&mut entries, &ranges.what);
        // The reason is more exact than the error that was made of it.
        match (entries.refusal.take(), facts) {
            (Some(refusal), _) => Err(refusal),
            (None, Ok(Some(facts))) => Ok(facts),
            (None, Ok(None)) => Err(Refusal::new("its entries depend on their order")),
            (None, Err(error)) => Err(error.into()),
        }
    });
    match facts {
        Ok(facts) => Ok(scan.found(facts)),
        Err(refusal) => {
            scan.give_back();
            Err(refusal)
        }
    }
}

/// Fetches the table, and plans what to fetch of the files.
fn entries<'r>(
    ranges: &'r Ranges<'r>,
    interest: &Interest<'_>,
    keyed: &Keyed,
) -> Result<TableEntries<'r>, Refusal> {
    let Some(Announced { format, values }) = only(ranges.layer) else {
        return Err(Refusal::new("its table of contents is not announced"));
    };
    let table = format.table(ranges, &values)?;
    let rows = listed(&table.bytes, &ranges.what, ranges.limits)?;
    let files = files(rows, table.end, keyed, ranges.limits)?;
    let mut parts = Vec::new();
    let mut buffer = Vec::new();
    for file in &files {
        let mut needed = interest.needed(&file.entry, ranges.limits, &mut buffer);
        for part in &file.parts {
            if needed == 0 {
                break;
            }
            needed = needed.saturating_sub(part.size);
            parts.extend((!part.zeros).then(|| part.stored.clone()));
        }
    }
    let requests = requests(parts);
    let length = |range: &Range<u64>| range.end.saturating_sub(range.start);
    let wanted =
        requests.iter().map(length).fold(ranges.size().saturating_sub(table.end), u64::saturating_add);
    if wanted > ranges.size() / 4 * QUARTERS {
        return Err(Refusal::new(format!("{wanted} of its {} bytes are needed", ranges.size())));
    }
    tracing::debug!(
        wanted,
        requests = requests.len(),
        files = files.len(),
        "reading parts of {}",
        ranges.what
    );
    Ok(TableEntries {
        files: files.into_iter(),
        current: None,
        root: root(),
        cursor: Cursor::new(ranges, requests),
        ranges,
        format,
        budget: Budget::new(ranges.size(), ranges.limits),
        produced: 0,
        refusal: None,
    })
}

fn requests(parts: Vec<Range<u64>>) -> Vec<Range<u64>> {
    let (mut gap, mut requests) = (GAP, united(parts, GAP));
    while requests.len() > REQUESTS {
        gap = gap.saturating_mul(2);
        requests = united(requests, gap);
    }
    requests
}

/// An entry of a layer, as its table describes it.
struct ListedFile {
    entry: Entry,
    /// The digest of the whole content, if the table has it.
    digest: Option<Digest>,
    parts: Vec<Part>,
}

/// A part of a file's content.
struct Part {
    /// Its offset in the layer, compressed.
    stored: Range<u64>,
    size: u64,
    digest: Option<Digest>,
    zeros: bool,
}

/// Checks everything about the rows of a table that the tar reader checks about a tar, and the places of files.
fn files(rows: Vec<Listed>, end: u64, keyed: &Keyed, limits: &Limits) -> Result<Vec<ListedFile>, Refusal> {
    if rows.len() as u64 > limits.entries {
        return Err(Refusal::new("its table of contents has too many entries"));
    }
    let (mut files, mut paths, mut logical) = (Vec::with_capacity(rows.len()), HashSet::new(), 0_u64);
    for (Listed { row, chunks, .. }, ordinal) in rows.into_iter().zip(0_u64..) {
        let mut file = file(&row, ordinal, limits)?;
        logical = logical.saturating_add(file.entry.size);
        if logical > limits.unpacked_bytes {
            return Err(Refusal::new("its table of contents lists too many bytes"));
        }
        // Readers disagree about which of two counts. A tar may need a second one, a table does not.
        if !paths.insert(keyed.hash(&file.entry.path)) {
            return Err(Refusal::new("its table of contents lists a path twice"));
        }
        file.parts = parts(&chunks, file.digest)?;
        files.push(file);
    }
    places(&mut files, end)?;
    Ok(files)
}

fn file(row: &Row, ordinal: u64, limits: &Limits) -> Result<ListedFile, Refusal> {
    let odd = |problem: &str| Refusal::new(format!("its table of contents lists {problem}"));
    let kind = match row.r#type.as_str() {
        "reg" => Kind::File,
        "dir" => Kind::Directory,
        "symlink" => Kind::Symlink,
        "hardlink" => Kind::Hardlink,
        "char" | "block" => Kind::Device,
        "fifo" => Kind::Other,
        _ => return Err(odd("an entry of an unknown type")),
    };
    // JSON writers put this in place of bytes that are not UTF-8.
    if [&row.name, &row.link_name].iter().any(|text| text.contains(char::REPLACEMENT_CHARACTER)) {
        return Err(odd("a name that is not UTF-8"));
    }
    let mut path = Vec::new();
    let is_path = normalise(row.name.as_bytes(), &mut path) && (kind == Kind::Directory || !path.is_empty());
    if !is_path || path == TABLE {
        return Err(odd("an invalid name"));
    }
    if row.name.len().max(row.link_name.len()) as u64 > limits.path_bytes {
        return Err(odd("a name that is too long"));
    }
    let is_link = matches!(kind, Kind::Symlink | Kind::Hardlink);
    if is_link && (row.link_name.is_empty() || row.link_name.contains('\0')) {
        return Err(odd("a link without a target"));
    }
    if kind == Kind::Hardlink && clean_link(row.link_name.as_bytes()).is_empty() {
        return Err(odd("a link without a target"));
    }
    let overlay = |name: &String| name.starts_with("trusted.overlay.") || name.starts_with("user.overlay.");
    if row.xattrs.iter().flatten().any(|(name, _)| overlay(name)) {
        return Err(odd("attributes of an overlay file system"));
    }
    let digest = match row.digest.as_str() {
        "" => None,
        text => Some(text.parse().map_err(|_| odd("an invalid digest"))?),
    };
    let mode = u32::try_from(row.mode & 0o7777).map_err(|_| odd("an invalid mode"))?;
    let size = if kind == Kind::File { row.size } else { 0 };
    let link = if is_link { row.link_name.clone().into_bytes() } else { Vec::new() };
    let entry = Entry { path, kind, link, size, mode, ordinal, offset: 0, is_sparse: false };
    Ok(ListedFile { entry, digest, parts: Vec::new() })
}

/// The parts of a file. Their ends are known later.
fn parts(chunks: &[Chunk], digest: Option<Digest>) -> Result<Vec<Part>, Refusal> {
    let is_only = chunks.len() == 1;
    let each = chunks.iter().map(|chunk| {
        let place = |place: i64| u64::try_from(place).ok();
        let (offset, end) = (place(chunk.offset).filter(|offset| *offset > 0), place(chunk.end_offset));
        let (Some(offset), Some(end), 0) = (offset, end, chunk.inner_offset) else {
            return Err(Refusal::new("its table of contents does not say where a file is"));
        };
        let digest = chunk.digest.or(digest.filter(|_| is_only));
        if digest.is_none() && !chunk.zeros {
            return Err(Refusal::new("its table of contents lists a file without a digest"));
        }
        Ok(Part { stored: offset..end, size: chunk.size, digest, zeros: chunk.zeros })
    });
    each.collect()
}

/// Determines the ends of parts: where the table states, or else where the next part starts. They may not overlap, and
/// they are in the order of the table.
fn places(files: &mut [ListedFile], end: u64) -> Result<(), Refusal> {
    let mut next = end;
    for file in files.iter_mut().rev() {
        // zstd:chunked has the end of a file in its first row.
        let stated = file.parts.first().map(|part| part.stored.end).filter(|end| *end > 0);
        let mut last = stated.unwrap_or(next);
        for part in file.parts.iter_mut().rev() {
            part.stored.end = last;
            if part.stored.is_empty() || last > next {
                return Err(Refusal::new(
                    "its table of contents lists files that overlap, or are outside the layer",
                ));
            }
            (last, next) = (part.stored.start, part.stored.start);
        }
    }
    Ok(())
}

/// The entries of a table, and as much of their content as is requested.
struct TableEntries<'r> {
    files: std::vec::IntoIter<ListedFile>,
    current: Option<ListedFile>,
    /// The result of [`Entries::entry`] before the first entry.
    root: Entry,
    cursor: Cursor<'r>,
    ranges: &'r Ranges<'r>,
    format: &'static dyn Format,
    /// What all parts together may become: as much as the layer, which they are parts of. Each for itself, thousands of them would
    /// have as many times the floor of the ratio.
    budget: Budget,
    /// What they became so far.
    produced: u64,
    /// Why reading failed.
    refusal: Option<Refusal>,
}

fn root() -> Entry {
    Entry {
        path: Vec::new(),
        kind: Kind::Directory,
        link: Vec::new(),
        size: 0,
        mode: 0,
        ordinal: 0,
        offset: 0,
        is_sparse: false,
    }
}

impl Entries for TableEntries<'_> {
    fn advance(&mut self) -> Result<bool, Error> {
        self.current = self.files.next();
        Ok(self.current.is_some())
    }

    fn entry(&self) -> &Entry {
        self.current.as_ref().map_or(&self.root, |file| &file.entry)
    }

    fn pieces(&mut self, count: u64, mut take: impl FnMut(&[u8])) -> Result<(), Error> {
        let Some(file) = self.current.take() else { return Ok(()) };
        let read = self.content(&file, count, &mut take);
        self.current = Some(ListedFile { parts: Vec::new(), ..file });
        read.map_err(|refusal| {
            // The reader only has to stop.
            self.refusal = Some(refusal);
            Error::Cancelled
        })
    }
}

impl TableEntries<'_> {
    /// Passes up to `count` bytes of a file to `take`. A part is always read to its end, because its digest must be
    /// compared.
    fn content(&mut self, file: &ListedFile, count: u64, take: &mut dyn FnMut(&[u8])) -> Result<(), Refusal> {
        let mut whole = file.digest.map(|digest| Hasher::new(digest.algorithm()));
        let (mut left, ranges, budget, mut produced) = (count, self.ranges, self.budget, self.produced);
        for part in &file.parts {
            if left == 0 {
                // The digest of the whole would need the rest.
                return Ok(());
            }
            let mut each = |piece: &[u8]| {
                if ranges.cancelled.load(Ordering::Relaxed) {
                    return Err(Refusal::Stopped(Error::Cancelled));
                }
                produced = produced.saturating_add(piece.len() as u64);
                budget.check(produced, &ranges.what).map_err(Error::from)?;
                if let Some(whole) = &mut whole {
                    whole.update(piece);
                }
                let step = usize::try_from(left).map_or(piece.len(), |left| left.min(piece.len()));
                take(piece.get(..step).unwrap_or(piece));
                left -= step as u64;
                Ok(())
            };
            if part.zeros {
                zeros(part.size, &mut each)?;
            } else {
                self.part(part, &mut each)?;
            }
            self.produced = produced;
        }
        if whole.map(Hasher::finish) == file.digest {
            return Ok(());
        }
        Err(Refusal::new("a file has another digest than its table of contents says"))
    }

    fn part(
        &mut self,
        part: &Part,
        take: &mut dyn FnMut(&[u8]) -> Result<(), Refusal>,
    ) -> Result<(), Refusal> {
        let Self { cursor, ranges, format, .. } = self;
        let length = part.stored.end.saturating_sub(part.stored.start);
        cursor.part(&part.stored, |stored| {
            let start = start_of(stored, &ranges.what)?;
            let compression = agreed(&start, &ranges.layer.media_type, &ranges.what)?;
            if compression != format.compression() {
                return Err(Refusal::new("a file is compressed in another way than its format says"));
            }
            let budget = Budget::new(length, ranges.limits);
            let stored = start.as_slice().chain(stored);
            let mut inflate = Inflate::new(stored, compression, budget, ranges.limits, &ranges.what)?;
            let mut hasher = Hasher::new(part.digest.map_or(Algorithm::Sha256, |digest| digest.algorithm()));
            let (mut left, mut piece) = (part.size, vec![0; PIECE]);
            while left > 0 {
                let step = usize::try_from(left).map_or(PIECE, |left| left.min(PIECE));
                let count = inflate.fill(piece.get_mut(..step).unwrap_or_default())?;
                let bytes = piece.get(..count).filter(|bytes| !bytes.is_empty());
                let bytes =
                    bytes.ok_or_else(|| Refusal::new("a file is shorter than its table of contents says"))?;
                hasher.update(bytes);
                take(bytes)?;
                left -= count as u64;
            }
            if part.digest != Some(hasher.finish()) {
                return Err(Refusal::new("a file has another digest than its table of contents says"));
            }
            Ok(())
        })
    }
}

fn zeros(count: u64, take: &mut dyn FnMut(&[u8]) -> Result<(), Refusal>) -> Result<(), Refusal> {
    const ZEROS: [u8; 4096] = [0; 4096];
    let mut left = count;
    while left > 0 {
        let step = usize::try_from(left).map_or(ZEROS.len(), |left| left.min(ZEROS.len()));
        take(ZEROS.get(..step).unwrap_or(&ZEROS))?;
        left -= step as u64;
    }
    Ok(())
}
