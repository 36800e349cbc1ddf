//! Berkeley DB's hash tables, in which rpm up to 4.15 stored its `Packages`.
//!
//! Follows `dbinc/db_page.h` and `hash/hash_page.c` of Berkeley DB 5.3; there is no other specification. Numbers have
//! the byte order of the machine that wrote the file, which its magic number shows. Records are found by reading each
//! page, not by hashing: freed pages have another type. A large item is stored in a chain of overflow pages.
//!
//! ```text
//! page      lsn 8, number 4, previous 4, next 4, entries 2, offset 2, level 1, type 1
//! page 0    magic 0x061561 at 12, page size at 20, encryption at 24, type at 25, last page at 32
//! hash      offsets of items, 2 bytes each, behind the head: key, value, key, value, …
//! item      type 1: the bytes follow; type 3: 3 unused, page of the chain 4, length 4
//! ```

use std::ops::ControlFlow;

use super::{Budget, Malformed, Visit, bytes_at, within};

const FORMAT: &str = "Berkeley DB hash";
const MAGIC: u32 = 0x0006_1561;
/// Bytes before the content of a page.
const HEAD: usize = 26;

const HASH_META: u8 = 8;
const HASH_UNSORTED: u8 = 2;
const HASH: u8 = 13;
const OVERFLOW: u8 = 7;

const KEY_DATA: u8 = 1;
const OFF_PAGE: u8 = 3;

/// Visits the value of each record whose key is not `skipped`, up to `max` bytes long.
pub(crate) fn visit(content: &[u8], skipped: u32, max: u64, visit: &mut Visit<'_>) -> Result<(), Malformed> {
    let table = Table::open(content)?;
    let mut budget = Budget::new(content);
    let mut buffer = Vec::new();
    for number in 1..=table.last_page {
        let Some(page) = table.page(number) else { break };
        let entries = match page.get(25) {
            Some(&HASH | &HASH_UNSORTED) => table.order.u16(page, 20).unwrap_or_default(),
            _ => continue,
        };
        for entry in (0..usize::from(entries)).step_by(2) {
            let record = table.record(page, number, entry, skipped, max, &mut budget, &mut buffer);
            let overlaps = matches!(record, Err(Malformed::Overlap { .. }));
            let step = match record.transpose() {
                Some(record) => visit(record),
                None => ControlFlow::Continue(()),
            };
            if overlaps || step.is_break() {
                return Ok(());
            }
        }
    }
    Ok(())
}

/// The byte order of a file.
#[derive(Clone, Copy)]
enum Order {
    Little,
    Big,
}

impl Order {
    fn u16(self, content: &[u8], at: usize) -> Option<u16> {
        let bytes = bytes_at(content, at)?;
        Some(match self {
            Self::Little => u16::from_le_bytes(bytes),
            Self::Big => u16::from_be_bytes(bytes),
        })
    }

    fn u32(self, content: &[u8], at: usize) -> Option<u32> {
        let bytes = bytes_at(content, at)?;
        Some(match self {
            Self::Little => u32::from_le_bytes(bytes),
            Self::Big => u32::from_be_bytes(bytes),
        })
    }
}

struct Table<'a> {
    content: &'a [u8],
    order: Order,
    page_size: usize,
    last_page: u32,
}

impl<'a> Table<'a> {
    fn open(content: &'a [u8]) -> Result<Self, Malformed> {
        let fits = |order: &Order| order.u32(content, 12) == Some(MAGIC);
        let format = Malformed::Format { format: FORMAT };
        let order = [Order::Little, Order::Big].into_iter().find(fits).ok_or(format.clone())?;
        let (Some(page_size), Some(last_page), Some(&encryption), Some(&HASH_META)) =
            (order.u32(content, 20), order.u32(content, 32), content.get(24), content.get(25))
        else {
            return Err(format);
        };
        if encryption != 0 {
            return Err(Malformed::Unsupported { format: FORMAT, what: "encryption" });
        }
        // Berkeley DB allows these and no others.
        if !(512..=65_536).contains(&page_size) || !page_size.is_power_of_two() {
            return Err(format);
        }
        let (got, expected) = (content.len() as u64, (u64::from(last_page) + 1) * u64::from(page_size));
        if got < expected {
            return Err(Malformed::CutOff { got, expected });
        }
        let page_size = usize::try_from(page_size).unwrap_or(usize::MAX);
        Ok(Self { content, order, page_size, last_page })
    }

    fn page(&self, number: u32) -> Option<&'a [u8]> {
        let start = usize::try_from(number).ok()?.checked_mul(self.page_size)?;
        self.content.get(start..start.checked_add(self.page_size)?)
    }

    /// The value after the key with this entry number. `None` if the key is the skipped one.
    #[expect(clippy::too_many_arguments, reason = "its place, the request, and two scratch values")]
    fn record<'b>(
        &self,
        page: &'b [u8],
        number: u32,
        entry: usize,
        skipped: u32,
        max: u64,
        budget: &mut Budget,
        buffer: &'b mut Vec<u8>,
    ) -> Result<Option<&'b [u8]>, Malformed> {
        let wrong = |what| Malformed::Part { part: "page", number: number.into(), what };
        let item = |entry| self.item(page, entry).ok_or_else(|| wrong("has an item outside the page"));
        let key = item(entry)?;
        if key.first() == Some(&KEY_DATA) && self.order.u32(key, 1) == Some(skipped) && key.len() == 5 {
            return Ok(None);
        }
        let value = item(entry + 1)?;
        match value.split_first() {
            Some((&KEY_DATA, bytes)) => {
                budget.spend((bytes.len() as u64).max(1), "page", number)?;
                within(bytes.len() as u64, max, "page", number)?;
                Ok(Some(bytes))
            }
            Some((&OFF_PAGE, _)) => {
                let chain = self.order.u32(value, 4).zip(self.order.u32(value, 8));
                let (first, length) = chain.ok_or_else(|| wrong("has an item that is cut off"))?;
                budget.spend(u64::from(length).max(1), "page", number)?;
                within(length.into(), max, "page", number)?;
                self.chain(first, length, buffer)?;
                Ok(Some(buffer))
            }
            _ => Err(wrong("has an item of a type that rpm does not write")),
        }
    }

    /// An item of a hash page: from its offset to that of the item before it, which is stored after it.
    fn item<'p>(&self, page: &'p [u8], entry: usize) -> Option<&'p [u8]> {
        let offset = |entry: usize| self.order.u16(page, HEAD + 2 * entry).map(usize::from);
        let end = match entry.checked_sub(1) {
            Some(before) => offset(before)?,
            None => self.page_size,
        };
        page.get(offset(entry)?..end)
    }

    /// Joins the bytes of a chain of overflow pages.
    fn chain(&self, first: u32, length: u32, buffer: &mut Vec<u8>) -> Result<(), Malformed> {
        buffer.clear();
        let mut missing = usize::try_from(length).unwrap_or(usize::MAX);
        let mut number = first;
        while missing > 0 {
            let wrong = |what| Malformed::Part { part: "page", number: number.into(), what };
            let page = self.page(number).filter(|_| number != 0);
            let page = page.ok_or_else(|| wrong("is missing, and a record continues in it"))?;
            if page.get(25) != Some(&OVERFLOW) {
                return Err(wrong("is not an overflow page, and a record continues in it"));
            }
            let used = self.order.u16(page, 22).map_or(0, usize::from);
            // A page without bytes would make a chain endless.
            let bytes = page.get(HEAD..HEAD + used).filter(|bytes| (1..=missing).contains(&bytes.len()));
            let bytes = bytes.ok_or_else(|| wrong("has more or fewer bytes of a record than expected"))?;
            buffer.extend_from_slice(bytes);
            missing -= bytes.len();
            number = self.order.u32(page, 16).unwrap_or_default();
        }
        Ok(())
    }
}
