//! Extended headers: `LENGTH KEY=VALUE\n`, where LENGTH counts the whole record, itself included.
//!
//! Follows POSIX.1-2017, "pax Extended Header". A malformed record is an error, never skipped: a reader that
//! continues with the ustar fields sees another archive than a reader that stops (CVE-2025-62518,
//! RUSTSEC-2026-0112).

use crate::error::TarProblem;

/// What the records say about the next entry. Empty values mean "not set", as Go reads them.
#[derive(Debug, Default)]
pub(super) struct Records {
    path: Option<Vec<u8>>,
    link: Option<Vec<u8>>,
    size: Option<u64>,
    structural: Option<String>,
    overlay_attribute: Option<String>,
    pub(super) sparse: SparseRecords,
}

/// GNU's sparse formats 0.0, 0.1 and 1.0.
#[derive(Debug, Default)]
pub(super) struct SparseRecords {
    pub(super) major: Option<Vec<u8>>,
    pub(super) minor: Option<Vec<u8>>,
    pub(super) name: Option<Vec<u8>>,
    pub(super) size: Option<Vec<u8>>,
    pub(super) real_size: Option<Vec<u8>>,
    /// `offset,length,offset,length…`; format 0.0's single records end up here too.
    pub(super) map: Option<Vec<u8>>,
}

/// Attributes that overlay file systems (the kernel's, with the rights of root or of a user, and
/// fuse-overlayfs) act upon.
const OVERLAY_ATTRIBUTES: [&[u8]; 3] = [b"trusted.overlay.", b"user.overlay.", b"user.fuseoverlayfs."];

/// Format 0.0 repeats two records for each piece, an offset and then a length.
#[derive(Default)]
struct SparsePairs {
    map: Vec<u8>,
    count: usize,
}

impl SparsePairs {
    fn take(&mut self, is_offset: bool, value: &[u8]) -> Result<(), TarProblem> {
        // A value with a comma would shift the turns of all that follow.
        if is_offset != self.count.is_multiple_of(2) || value.contains(&b',') {
            return Err(TarProblem::Pax("sparse offsets and lengths do not take turns"));
        }
        if self.count > 0 {
            self.map.push(b',');
        }
        self.map.extend_from_slice(value);
        self.count += 1;
        Ok(())
    }
}

impl Records {
    pub(super) fn parse(mut bytes: &[u8]) -> Result<Self, TarProblem> {
        let mut records = Self::default();
        let mut turns = SparsePairs::default();
        while !bytes.is_empty() {
            let (key, value, rest) = record(bytes)?;
            bytes = rest;
            records.take(key, value, &mut turns)?;
        }
        if turns.count > 0 {
            records.sparse.map = Some(turns.map);
        }
        Ok(records)
    }

    fn take(&mut self, key: &[u8], value: &[u8], turns: &mut SparsePairs) -> Result<(), TarProblem> {
        if key.starts_with(b"GNU.sparse.") || matches!(key, b"path" | b"linkpath" | b"size") {
            self.structural.get_or_insert_with(|| String::from_utf8_lossy(key).into_owned());
        }
        if let Some(attribute) = key.strip_prefix(b"SCHILY.xattr.")
            && OVERLAY_ATTRIBUTES.iter().any(|prefix| attribute.starts_with(prefix))
        {
            self.overlay_attribute = Some(String::from_utf8_lossy(attribute).into_owned());
        }
        let set = || (!value.is_empty()).then(|| value.to_vec());
        match key {
            b"path" => self.path = set(),
            b"linkpath" => self.link = set(),
            b"size" if value.is_empty() => self.size = None,
            b"size" => self.size = Some(decimal(value).ok_or(TarProblem::Pax("`size` is not a number"))?),
            b"GNU.sparse.major" => self.sparse.major = set(),
            b"GNU.sparse.minor" => self.sparse.minor = set(),
            b"GNU.sparse.name" => self.sparse.name = set(),
            b"GNU.sparse.size" => self.sparse.size = set(),
            b"GNU.sparse.realsize" => self.sparse.real_size = set(),
            b"GNU.sparse.map" => self.sparse.map = set(),
            b"GNU.sparse.offset" => turns.take(true, value)?,
            b"GNU.sparse.numbytes" => turns.take(false, value)?,
            _ => {}
        }
        Ok(())
    }

    pub(super) fn path(&self) -> Option<&[u8]> {
        self.path.as_deref()
    }

    pub(super) fn link(&self) -> Option<&[u8]> {
        self.link.as_deref()
    }

    /// An extended attribute by which overlay file systems hide or move content of lower layers. Some engines
    /// set it, others do not.
    pub(super) fn overlay_attribute(&self) -> Option<&str> {
        self.overlay_attribute.as_deref()
    }

    pub(super) fn size(&self) -> Option<u64> {
        self.size
    }

    pub(super) fn sparse_name(&self) -> Option<&[u8]> {
        self.sparse.name.as_deref()
    }

    /// The first record that changes which bytes belong to which name.
    pub(super) fn first_structural(&self) -> Option<&str> {
        self.structural.as_deref()
    }
}

/// Key, value, and what follows the record.
type Split<'a> = (&'a [u8], &'a [u8], &'a [u8]);

/// Splits the first record off.
fn record(bytes: &[u8]) -> Result<Split<'_>, TarProblem> {
    let malformed = TarProblem::Pax;
    // 20 digits hold any length that fits memory; the bound keeps the search short.
    let space = bytes.iter().take(21).position(|byte| *byte == b' ').ok_or(malformed("no length"))?;
    let (digits, _) = bytes.split_at(space);
    let length = decimal(digits).and_then(|n| usize::try_from(n).ok()).ok_or(malformed("bad length"))?;
    let whole = bytes.get(..length).ok_or(malformed("a record is longer than the header"))?;
    let rest = bytes.get(length..).unwrap_or_default();
    let body = whole.get(space + 1..).ok_or(malformed("a record is shorter than its length"))?;
    let body = body.strip_suffix(b"\n").ok_or(malformed("a record does not end in a line break"))?;
    let equals = body.iter().position(|byte| *byte == b'=').ok_or(malformed("a record has no `=`"))?;
    let (key, value) = body.split_at(equals);
    let value = value.get(1..).unwrap_or_default();
    if key.is_empty() {
        return Err(malformed("a record has no key"));
    }
    let named = matches!(key, b"path" | b"linkpath" | b"uname" | b"gname");
    if key.contains(&0) || (named && value.contains(&0)) {
        return Err(malformed("a NUL in a name"));
    }
    Ok((key, value, rest))
}

/// A decimal number of at most 63 bits, without sign.
pub(super) fn decimal(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let value = digits
        .iter()
        .try_fold(0_u64, |value, digit| value.checked_mul(10)?.checked_add(u64::from(digit - b'0')))?;
    (value >> 63 == 0).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_read_strictly() {
        let records = Records::parse(b"16 path=long/nm\n11 size=17\n8 path=\n").unwrap();
        assert_eq!((records.path(), records.size()), (None, Some(17)));
        for (bad, problem) in [
            (&b"path=x\n"[..], "no length"),
            (b"99 path=x\n", "a record is longer than the header"),
            (b"1 path=x\n", "a record is shorter than its length"),
            (b"10 path=xx", "a record does not end in a line break"),
            (b"9 path=x \n", "a record does not end in a line break"),
            (b"7 path\n", "a record has no `=`"),
            (b"5 =x\n", "a record has no key"),
            (b"11 size=-1\n", "`size` is not a number"),
            (b"11 path=a\0\n", "a NUL in a name"),
            (b"-9 path=x\n", "bad length"),
        ] {
            let error = Records::parse(bad).unwrap_err();
            assert!(
                matches!(error, TarProblem::Pax(got) if got == problem),
                "{:?}: {error:?}",
                String::from_utf8_lossy(bad)
            );
        }
    }

    #[test]
    fn sparse_records_of_the_first_format_take_turns() {
        let offset = b"23 GNU.sparse.offset=0\n";
        let length = b"25 GNU.sparse.numbytes=5\n";
        let good = Records::parse(&[&offset[..], length, offset, length].concat()).unwrap();
        assert_eq!(good.sparse.map.as_deref(), Some(&b"0,5,0,5"[..]));
        let comma = b"25 GNU.sparse.offset=0,5\n";
        for bad in [&[&offset[..], offset].concat()[..], length, comma] {
            let error = Records::parse(bad).unwrap_err();
            assert!(matches!(error, TarProblem::Pax(got) if got.contains("take turns")), "{error:?}");
        }
    }
}
