//! Plain text for people: columns, colours, and foreign text made harmless.

use std::borrow::Cow;
use std::io::{self, Write};

use plimsoll_core::{Purl, text};

/// Whether the text may carry colours.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Paint(pub(crate) bool);

/// What a piece of text means, which decides its colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tone {
    Good,
    Bad,
    Doubt,
    Quiet,
    Strong,
}

impl Paint {
    /// `text` in the colour of `tone`. The text is the program's own; foreign text goes through [`safe`] first.
    pub(crate) fn paint(self, tone: Tone, text: &str) -> Cow<'_, str> {
        if !self.0 {
            return Cow::Borrowed(text);
        }
        let code = match tone {
            Tone::Good => "32",
            Tone::Bad => "1;31",
            Tone::Doubt => "33",
            Tone::Quiet => "2",
            Tone::Strong => "1",
        };
        Cow::Owned(format!("\x1b[{code}m{text}\x1b[0m"))
    }
}

/// Foreign text, safe to show on a terminal.
pub(crate) fn safe(text: &str) -> Cow<'_, str> {
    text::terminal(text)
}

/// Writes rows in aligned columns, two spaces apart; the last column is not padded.
pub(crate) fn columns<const N: usize>(
    out: &mut dyn Write,
    indent: &str,
    header: Option<[&str; N]>,
    rows: &[[String; N]],
) -> io::Result<()> {
    let header = header.map(|names| names.map(str::to_owned));
    let mut widths = [0; N];
    for row in header.iter().chain(rows) {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    for row in header.iter().chain(rows) {
        let mut line = String::from(indent);
        for (position, (cell, width)) in row.iter().zip(widths).enumerate() {
            line.push_str(cell);
            if position + 1 < N {
                let padding = width - cell.chars().count() + 2;
                line.extend(std::iter::repeat_n(' ', padding));
            }
        }
        writeln!(out, "{}", line.trim_end())?;
    }
    Ok(())
}

/// A component as people know it, with the package that the advisory names where that is another one:
/// `libapt-pkg6.0 (apt)`.
pub(crate) fn package(component: Option<&Purl>, advisory: &str) -> String {
    match component.map(Purl::name) {
        Some(name)
            if !name.eq_ignore_ascii_case(advisory)
                && component.is_some_and(|p| p.package_type() == "deb") =>
        {
            format!("{} ({})", safe(name), safe(advisory))
        }
        _ => safe(advisory).into_owned(),
    }
}

/// `1 finding`, `2 findings`.
pub(crate) fn count(number: usize, thing: &str) -> String {
    if number == 1 { format!("1 {thing}") } else { format!("{number} {thing}s") }
}

/// The first 12 digits of a digest: enough to tell digests apart, where the whole one stands elsewhere.
pub(crate) fn short(digest: &plimsoll_core::Digest) -> String {
    let digits = digest.hex();
    format!("{}:{}", digest.algorithm().name(), digits.get(..12).unwrap_or(&digits))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_align_and_do_not_trail() {
        let mut out = Vec::new();
        let rows = [["a".to_owned(), "long cell".to_owned()], ["bbb".to_owned(), String::new()]];
        columns(&mut out, "  ", Some(["X", "Y"]), &rows).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), "  X    Y\n  a    long cell\n  bbb\n");
    }

    #[test]
    fn short_digests_keep_the_algorithm() {
        assert_eq!(short(&plimsoll_core::Digest::sha256(b"")), "sha256:e3b0c44298fc");
    }
}
