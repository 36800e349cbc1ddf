//! rpm's own format for `Packages.db`, "ndb": slots that point to blobs.
//!
//! Follows `lib/backend/ndb/rpmpkg.c` of rpm; there is no other specification. All numbers are little-endian. The file
//! starts with pages of slots, of which the first two are its header. Blobs follow, in units of 16 bytes.
//!
//! ```text
//! header  "RpmP", version 0, generation, pages of slots, next index
//! slot    "Slot", index of the package, offset and length of its blob in units
//! blob    "BlbS", index, generation, length in bytes; the bytes; checksum, length, "BlbE"
//! ```

use std::ops::ControlFlow;

use super::{Budget, Malformed, Visit, u32_le, within};

const PAGE: u64 = 4096;
const SLOT: usize = 16;
/// The unit of offsets and lengths of blobs.
const UNIT: u64 = 16;
const BLOB_HEAD: usize = 16;
const BLOB_TAIL: usize = 12;

const MAGIC: &[u8] = b"RpmP";
const SLOT_MAGIC: &[u8] = b"Slot";
const BLOB_MAGIC: &[u8] = b"BlbS";
const BLOB_END: &[u8] = b"BlbE";

/// Visits the blob of each package, up to `max` bytes long.
pub(crate) fn visit(content: &[u8], max: u64, visit: &mut Visit<'_>) -> Result<(), Malformed> {
    let format = Malformed::Format { format: "rpm ndb" };
    if content.get(..4) != Some(MAGIC) {
        return Err(format);
    }
    let (Some(0), Some(pages)) = (u32_le(content, 4), u32_le(content, 12)) else {
        return Err(Malformed::Unsupported { format: "rpm ndb", what: "an unknown version" });
    };
    let slots = u64::from(pages) * PAGE;
    let got = content.len() as u64;
    let cut_off = Malformed::CutOff { got, expected: slots };
    let slots = usize::try_from(slots).ok().and_then(|end| content.get(..end)).ok_or(cut_off)?;
    let mut budget = Budget::new(content);
    for (slot, number) in slots.chunks_exact(SLOT).zip(0_u64..).skip(2) {
        let record = blob(content, slot, number, max, &mut budget);
        let overlaps = matches!(record, Err(Malformed::Overlap { .. }));
        let step = match record.transpose() {
            Some(record) => visit(record),
            None => ControlFlow::Continue(()),
        };
        if overlaps || step.is_break() {
            break;
        }
    }
    Ok(())
}

/// The bytes that a slot points to. `None` for an empty slot.
fn blob<'a>(
    content: &'a [u8],
    slot: &[u8],
    number: u64,
    max: u64,
    budget: &mut Budget,
) -> Result<Option<&'a [u8]>, Malformed> {
    let wrong = |what| Malformed::Part { part: "slot", number, what };
    if slot.get(..4) != Some(SLOT_MAGIC) {
        return Err(wrong("is not a slot"));
    }
    let (Some(index), Some(offset), Some(units)) = (u32_le(slot, 4), u32_le(slot, 8), u32_le(slot, 12))
    else {
        return Err(wrong("is cut off"));
    };
    if index == 0 {
        return Ok(None);
    }
    let (start, length) = (u64::from(offset) * UNIT, u64::from(units) * UNIT);
    budget.spend(length.max(UNIT), "slot", number)?;
    let range = usize::try_from(start).ok().zip(usize::try_from(start + length).ok());
    let blob = range.and_then(|(start, end)| content.get(start..end));
    let blob = blob.ok_or_else(|| wrong("points beyond the end of the file"))?;
    if blob.get(..4) != Some(BLOB_MAGIC) || u32_le(blob, 4) != Some(index) {
        return Err(wrong("does not point to the blob of its package"));
    }
    let bytes = u32_le(blob, 12).unwrap_or_default();
    within(bytes.into(), max, "slot", number)?;
    let end = BLOB_HEAD.saturating_add(usize::try_from(bytes).unwrap_or(usize::MAX));
    let record = blob.get(BLOB_HEAD..end).ok_or_else(|| wrong("has a blob that is longer than its place"))?;
    if blob.len() < end + BLOB_TAIL || !blob.ends_with(BLOB_END) {
        return Err(wrong("has a blob that does not end where it should"));
    }
    Ok(Some(record))
}
