//! A quick check that accepts most strict JSON documents.
//!
//! One walk over the bytes that allocates only for member names. It says yes only to documents that the walk
//! with serde would accept. It leaves everything invalid or unusual (escaped member names, surrogates,
//! exponents, very long numbers) to that walk. So it never refuses a document, and errors are worded in one
//! place. Matching an SBOM of thousands of components takes three walks over it; this is the first.

use super::DEPTH;

/// Objects with more members than this are sorted to find duplicate names; in smaller ones each name is compared with
/// each.
const FEW: usize = 16;

/// A number without an exponent and with at most this many digits is certainly finite as a 64-bit float; the
/// largest float has 309 digits.
const DIGITS: usize = 300;

/// Whether `bytes` are certainly one JSON document in UTF-8, no deeper than [`DEPTH`], without duplicate
/// names. `false` only means that this check cannot tell.
pub(super) fn is_strict(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else { return false };
    let mut walk = Walk { rest: text.as_bytes(), names: Vec::new() };
    walk.space();
    walk.value(0).is_some() && {
        walk.space();
        walk.rest.is_empty()
    }
}

struct Walk<'a> {
    rest: &'a [u8],
    /// Member names of all open objects, those of the innermost object last.
    names: Vec<&'a [u8]>,
}

impl<'a> Walk<'a> {
    /// `None` for everything that is not certainly valid.
    fn value(&mut self, depth: usize) -> Option<()> {
        match self.next()? {
            b'"' => self.string().map(|_| ()),
            b'{' if depth < DEPTH => self.object(depth + 1),
            b'[' if depth < DEPTH => self.array(depth + 1),
            b't' => self.literal(b"rue"),
            b'f' => self.literal(b"alse"),
            b'n' => self.literal(b"ull"),
            b'-' => match self.next()? {
                first @ b'0'..=b'9' => self.number(first),
                _ => None,
            },
            first @ b'0'..=b'9' => self.number(first),
            _ => None,
        }
    }

    fn object(&mut self, depth: usize) -> Option<()> {
        self.space();
        if self.rest.first() == Some(&b'}') {
            self.next();
            return Some(());
        }
        let start = self.names.len();
        loop {
            self.expect(b'"')?;
            let (name, escaped) = self.string()?;
            if escaped {
                return None;
            }
            self.names.push(name);
            self.space();
            self.expect(b':')?;
            self.space();
            self.value(depth)?;
            self.space();
            match self.next()? {
                b',' => self.space(),
                b'}' => break,
                _ => return None,
            }
        }
        let names = self.names.get_mut(start..)?;
        let different = if names.len() <= FEW {
            let mut names = &*names;
            loop {
                let Some((name, others)) = names.split_first() else { break true };
                if others.contains(name) {
                    break false;
                }
                names = others;
            }
        } else {
            names.sort_unstable();
            names.is_sorted_by(|one, next| one != next)
        };
        self.names.truncate(start);
        different.then_some(())
    }

    fn array(&mut self, depth: usize) -> Option<()> {
        self.space();
        if self.rest.first() == Some(&b']') {
            self.next();
            return Some(());
        }
        loop {
            self.value(depth)?;
            self.space();
            match self.next()? {
                b',' => self.space(),
                b']' => return Some(()),
                _ => return None,
            }
        }
    }

    /// The rest of a string, as it is written, and whether it has escapes.
    fn string(&mut self) -> Option<(&'a [u8], bool)> {
        let start = self.rest;
        let mut escaped = false;
        loop {
            self.rest = self.rest.get(plain(self.rest)..)?;
            match self.next()? {
                b'"' => {
                    let length = start.len() - self.rest.len() - 1;
                    return Some((start.get(..length)?, escaped));
                }
                b'\\' => {
                    escaped = true;
                    self.escape()?;
                }
                // Control characters must be escaped.
                _ => return None,
            }
        }
    }

    fn escape(&mut self) -> Option<()> {
        match self.next()? {
            b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Some(()),
            b'u' => {
                let (digits, rest) = self.rest.split_at_checked(4)?;
                // U+D800 to U+DFFF must come in pairs.
                let surrogate = matches!(digits, [b'd' | b'D', b'8'..=b'9' | b'a'..=b'f' | b'A'..=b'F', ..]);
                self.rest = rest;
                (digits.iter().all(u8::is_ascii_hexdigit) && !surrogate).then_some(())
            }
            _ => None,
        }
    }

    /// The rest of a number without exponent, of which `first` is the first digit.
    fn number(&mut self, first: u8) -> Option<()> {
        let before = self.rest.len();
        let whole = self.digits();
        if first == b'0' && whole > 0 {
            return None;
        }
        if self.rest.first() == Some(&b'.') {
            self.next();
            if self.digits() == 0 {
                return None;
            }
        }
        let exponent = matches!(self.rest.first(), Some(b'e' | b'E'));
        (!exponent && before - self.rest.len() < DIGITS).then_some(())
    }

    fn digits(&mut self) -> usize {
        let count = self.rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        self.rest = self.rest.get(count..).unwrap_or_default();
        count
    }

    fn literal(&mut self, rest: &[u8]) -> Option<()> {
        self.rest = self.rest.strip_prefix(rest)?;
        Some(())
    }

    fn space(&mut self) {
        while let Some((b' ' | b'\n' | b'\t' | b'\r', rest)) = self.rest.split_first() {
            self.rest = rest;
        }
    }

    fn expect(&mut self, byte: u8) -> Option<()> {
        (self.next()? == byte).then_some(())
    }

    fn next(&mut self) -> Option<u8> {
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(*first)
    }
}

/// How many bytes at the beginning need no unescaping in a string, eight at a time.
fn plain(bytes: &[u8]) -> usize {
    const LOW: u64 = u64::from_ne_bytes([0x01; 8]);
    const HIGH: u64 = LOW << 7;
    // The highest bit of each byte that is zero. Bytes above a zero byte may be marked too, bytes below it
    // never.
    const fn zeros(word: u64) -> u64 {
        word.wrapping_sub(LOW) & !word & HIGH
    }
    let (words, _) = bytes.as_chunks::<8>();
    for (position, word) in words.iter().enumerate() {
        let word = u64::from_le_bytes(*word);
        let control = word.wrapping_sub(LOW * 0x20) & !word & HIGH;
        let special = zeros(word ^ (LOW * 0x22)) | zeros(word ^ (LOW * 0x5c)) | control;
        if special != 0 {
            return position * 8 + (special.trailing_zeros() / 8) as usize;
        }
    }
    let start = words.len() * 8;
    let tail = bytes.get(start..).unwrap_or_default();
    start + tail.iter().take_while(|byte| !matches!(byte, b'"' | b'\\' | 0..0x20)).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The walk whose result counts.
    fn slow(bytes: &[u8]) -> bool {
        super::super::walk(bytes).is_ok()
    }

    #[test]
    fn documents_are_recognised_by_their_form_and_nothing_else_is() {
        for text in [
            r#"{"a": [1, -2.5, 0, true, false, null, "\u00e9 \n \" é"], "b": {"a": {}, "c": []}}"#,
            " [ ] \r\n",
            "0",
            "\"\"",
        ] {
            assert!(is_strict(text.as_bytes()) && slow(text.as_bytes()), "{text}");
        }
        let many: Vec<String> = (0..100).map(|n| format!("\"k{n}\":0")).collect();
        let many = many.join(",");
        assert!(is_strict(format!("{{{many}}}").as_bytes()));
        let deep = |n| "[".repeat(n) + &"]".repeat(n);
        assert!(is_strict(deep(DEPTH).as_bytes()));
        for text in [
            format!("{{{many},\"k7\":0}}"),
            deep(DEPTH + 1),
            "[".repeat(100_000),
            r#"{"a":1,"b":2,"a":3}"#.to_owned(),
            r#"{"\u0061":1,"a":2}"#.to_owned(),
            format!("1{}", "0".repeat(400)),
        ] {
            assert!(!is_strict(text.as_bytes()), "{text}");
        }
    }

    #[test]
    fn strings_end_at_the_first_special_byte_wherever_it_stands() {
        for special in (0..0x20).chain([b'"', b'\\']) {
            for length in 0..40 {
                let mut bytes = vec![b'x'; length];
                bytes.extend([special, b'"', 0x80, 0x20, special]);
                assert_eq!(plain(&bytes), length, "{special} after {length}");
            }
        }
        assert_eq!(plain("é€\u{7f}\u{80}".repeat(9).as_bytes()), 8 * 9);
    }

    proptest! {
        #[test]
        fn never_accepts_what_the_slow_walk_refuses(
            text in r#"([\[\]{}:, "\\a1]|"a":|\[1|\{"a":|"\\u(d8|00)[0-9a-e]{2}"|1e9|-0|\.5|null|tru|"é"){0,14}"#,
        ) {
            prop_assert!(!is_strict(text.as_bytes()) || slow(text.as_bytes()), "{text}");
        }

        #[test]
        fn never_accepts_a_damaged_document_that_the_slow_walk_refuses(position in 0_usize..75, byte: u8) {
            let mut bytes = br#"{"a": [1, -2.5, true, null, "\u00e9 \n", "\""], "b": {"a": {}, "c": [[]]}}"#.to_vec();
            let length = bytes.len();
            bytes[position % length] = byte;
            prop_assert!(!is_strict(&bytes) || slow(&bytes), "{}", String::from_utf8_lossy(&bytes));
        }
    }
}
