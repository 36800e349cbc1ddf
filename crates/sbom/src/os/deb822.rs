//! dpkg's paragraphs: fields with continuation lines, paragraphs separated by an empty line.
//!
//! Follows deb822(5), as far as dpkg's own database uses it. Only the fields that an inventory needs are kept, as
//! slices of the input. A line that is neither field nor continuation, or a needed field that occurs twice, makes its
//! paragraph invalid: two readers would see different packages.
//!
//! ```text
//! Package: libc6
//! Status: install ok installed
//! Architecture: amd64
//! Source: glibc (2.36-9)
//! Version: 2.36-9
//! Description: GNU C Library: Shared libraries
//!  Contains the standard libraries that are used by nearly all programs.
//! ```

/// The needed fields of one paragraph; values without the continuation lines.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Paragraph<'a> {
    /// Number of its first line, from 1.
    pub(crate) line: usize,
    pub(crate) package: Option<&'a [u8]>,
    pub(crate) status: Option<&'a [u8]>,
    pub(crate) version: Option<&'a [u8]>,
    pub(crate) source: Option<&'a [u8]>,
    pub(crate) architecture: Option<&'a [u8]>,
    pub(crate) maintainer: Option<&'a [u8]>,
    pub(crate) homepage: Option<&'a [u8]>,
}

/// An invalid paragraph.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Malformed {
    pub(crate) line: usize,
    pub(crate) what: &'static str,
}

/// The paragraphs of `content`, in their order.
pub(crate) fn paragraphs(content: &[u8]) -> impl Iterator<Item = Result<Paragraph<'_>, Malformed>> {
    let mut lines = content.split(|b| *b == b'\n').enumerate();
    std::iter::from_fn(move || {
        let (number, first) = lines.find(|(_, line)| !line.is_empty())?;
        let mut paragraph = Paragraph { line: number + 1, ..Paragraph::default() };
        let mut fault =
            field(&mut paragraph, first, true).err().map(|what| Malformed { line: number + 1, what });
        for (number, line) in lines.by_ref().take_while(|(_, line)| !line.is_empty()) {
            if let Err(what) = field(&mut paragraph, line, false) {
                fault.get_or_insert(Malformed { line: number + 1, what });
            }
        }
        Some(fault.map_or(Ok(paragraph), Err))
    })
}

fn field<'a>(paragraph: &mut Paragraph<'a>, line: &'a [u8], first: bool) -> Result<(), &'static str> {
    if matches!(line.first(), Some(b' ' | b'\t')) {
        return if first { Err("a continuation line without a field") } else { Ok(()) };
    }
    let mut halves = line.splitn(2, |b| *b == b':');
    let (Some(name), Some(value)) = (halves.next(), halves.next()) else {
        return Err("a line without a colon");
    };
    if name.is_empty() || !name.iter().all(u8::is_ascii_graphic) {
        return Err("an invalid field name");
    }
    let slot = if name.eq_ignore_ascii_case(b"Package") {
        &mut paragraph.package
    } else if name.eq_ignore_ascii_case(b"Status") {
        &mut paragraph.status
    } else if name.eq_ignore_ascii_case(b"Version") {
        &mut paragraph.version
    } else if name.eq_ignore_ascii_case(b"Source") {
        &mut paragraph.source
    } else if name.eq_ignore_ascii_case(b"Architecture") {
        &mut paragraph.architecture
    } else if name.eq_ignore_ascii_case(b"Maintainer") {
        &mut paragraph.maintainer
    } else if name.eq_ignore_ascii_case(b"Homepage") {
        &mut paragraph.homepage
    } else {
        return Ok(());
    };
    if slot.replace(value.trim_ascii()).is_some() {
        return Err("a field that occurs twice");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn reads_fields_across_continuations_and_empty_lines() {
        let text = b"\n\nPackage: a\nConffiles:\n /etc/a 0\nversion:  1 \n\n\nPackage: b\nVersion: 2\n";
        let found: Vec<_> = paragraphs(text).map(Result::unwrap).collect();
        assert_eq!(found.len(), 2);
        assert_eq!(
            (found[0].line, found[0].package, found[0].version),
            (3, Some(&b"a"[..]), Some(&b"1"[..]))
        );
        assert_eq!((found[1].line, found[1].package), (9, Some(&b"b"[..])));
    }

    #[test]
    fn one_bad_paragraph_does_not_affect_others() {
        let text =
            b"Package: a\nVersion: 1\nVersion: 2\n\nPackage: b\ngarbage\n\n more\n\n\x00: x\n\nPackage: c\n";
        let found: Vec<_> = paragraphs(text).collect();
        assert_eq!(found[0], Err(Malformed { line: 3, what: "a field that occurs twice" }));
        assert_eq!(found[1], Err(Malformed { line: 6, what: "a line without a colon" }));
        assert_eq!(found[2], Err(Malformed { line: 8, what: "a continuation line without a field" }));
        assert!(found[3].is_err());
        assert_eq!(found[4].as_ref().unwrap().package, Some(&b"c"[..]));
        assert_eq!(found.len(), 5);
    }

    proptest! {
        #[test]
        fn never_panics(content in proptest::collection::vec(any::<u8>(), 0..400)) {
            let _ = paragraphs(&content).count();
        }
    }
}
