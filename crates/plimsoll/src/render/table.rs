//! Plain text for people: columns, colours, and escaped foreign text.

use std::borrow::Cow;
use std::io::{self, Write};

use plimsoll_core::{Digest, Purl, quantity, text};

/// Whether the text may have colours.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Paint(pub(crate) bool);

/// The meaning of a text, which decides its colour.
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

/// The style of the text: its colours, and how much is shown.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Page {
    pub(crate) paint: Paint,
    /// The number of characters in a line. Without it, nothing is wrapped or cut.
    pub(crate) width: Option<usize>,
    /// Everything, and whole digests.
    pub(crate) verbose: bool,
}

impl Page {
    /// A digest, short unless everything is requested.
    pub(crate) fn digest(self, digest: &Digest) -> String {
        if self.verbose { digest.to_string() } else { short(digest) }
    }

    /// Writes `lead`, which is `indent` characters wide, then `text`, wrapped between words. Further lines are indented
    /// equally.
    pub(crate) fn paragraph(
        self,
        out: &mut dyn Write,
        lead: &str,
        indent: usize,
        text: &str,
    ) -> io::Result<()> {
        let room = self.width.map_or(usize::MAX, |width| width.saturating_sub(indent).max(NARROW));
        let (mut line, mut used) = (lead.to_owned(), 0);
        for word in text.split(' ') {
            let width = word.chars().count();
            if used > 0 && used + 1 + width > room {
                writeln!(out, "{}", line.trim_end())?;
                (line, used) = (" ".repeat(indent), 0);
            }
            if used > 0 {
                line.push(' ');
                used += 1;
            }
            line.push_str(word);
            used += width;
        }
        writeln!(out, "{}", line.trim_end())
    }

    /// Writes rows as [`columns`] does, the widest cells cut until they fit into the width.
    pub(crate) fn columns<const N: usize>(
        self,
        out: &mut dyn Write,
        indent: &str,
        header: Option<[&str; N]>,
        rows: &[[String; N]],
    ) -> io::Result<()> {
        let Some(width) = self.width.filter(|_| !self.verbose) else {
            return columns(out, indent, header, rows);
        };
        let mut widths = widths(header.as_ref(), rows);
        let room = width.saturating_sub(indent.len() + 2 * N.saturating_sub(1));
        let mut excess = widths.iter().sum::<usize>().saturating_sub(room);
        while excess > 0 {
            let Some(widest) = widths.iter_mut().max().filter(|widest| **widest > NARROW) else { break };
            *widest -= 1;
            excess -= 1;
        }
        let fitted: Vec<[String; N]> = rows
            .iter()
            .map(|row| {
                let mut cells = row.clone();
                cells.iter_mut().zip(widths).for_each(|(cell, width)| *cell = fit(cell, width));
                cells
            })
            .collect();
        columns(out, indent, header, &fitted)
    }
}

/// No cell or line is made narrower, because the rest would be meaningless.
const NARROW: usize = 16;

/// `text` in at most `width` characters. A path keeps its end, which is more useful; anything else its start.
pub(crate) fn fit(text: &str, width: usize) -> String {
    let length = text.chars().count();
    if length <= width {
        return text.to_owned();
    }
    let kept = width.max(NARROW).min(length).saturating_sub(1);
    if text.contains('/') {
        let end: String = text.chars().skip(length - kept).collect();
        // Half a name misleads, unless little else would remain.
        let whole = end.find('/').and_then(|position| end.get(position..));
        let end = whole.filter(|whole| whole.chars().count() * 2 > kept).unwrap_or(&end);
        format!("…{end}")
    } else {
        text.chars().take(kept).chain("…".chars()).collect()
    }
}

fn widths<const N: usize>(header: Option<&[&str; N]>, rows: &[[String; N]]) -> [usize; N] {
    let mut widths = header.map_or([0; N], |names| names.map(|name| name.chars().count()));
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    widths
}

/// Writes rows in aligned columns, two spaces apart; the last column is not padded.
pub(crate) fn columns<const N: usize>(
    out: &mut dyn Write,
    indent: &str,
    header: Option<[&str; N]>,
    rows: &[[String; N]],
) -> io::Result<()> {
    let widths = widths(header.as_ref(), rows);
    let header = header.map(|names| names.map(str::to_owned));
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

/// Writes the first items, and the number of the others.
pub(crate) fn first<T>(
    items: &[T],
    most: usize,
    out: &mut dyn Write,
    mut line: impl FnMut(&T, &mut dyn Write) -> io::Result<()>,
    more: impl FnOnce(usize) -> String,
) -> io::Result<()> {
    items.iter().take(most).try_for_each(|item| line(item, out))?;
    match items.len().checked_sub(most) {
        Some(rest) if rest > 0 => writeln!(out, "{}", more(rest)),
        _ => Ok(()),
    }
}

/// The name of a component, with the package that the advisory names if it differs:
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

/// The first 12 digits of a digest: enough to distinguish digests if the whole one is shown as well.
pub(crate) fn short(digest: &Digest) -> String {
    let digits = digest.hex();
    format!("{}:{}", digest.algorithm().name(), digits.get(..12).unwrap_or(&digits))
}

/// ` (layer 2 of 3, sha256:0123456789ab)`, after a path. Empty if the layer is unknown.
pub(crate) fn in_layer(index: Option<usize>, layers: &[Digest], page: Page) -> String {
    let Some(index) = index else { return String::new() };
    let layer = quantity::layer(index, layers.len());
    match layers.get(index) {
        Some(digest) if page.verbose => format!(" ({layer}, {digest})"),
        _ => format!(" ({layer})"),
    }
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
        assert_eq!(short(&Digest::sha256(b"")), "sha256:e3b0c44298fc");
    }

    fn page(width: usize) -> Page {
        Page { paint: Paint(false), width: Some(width), verbose: false }
    }

    #[test]
    fn a_table_is_cut_to_the_page_where_it_is_widest() {
        let path = "usr/lib/python3/dist-packages/PyMySQL-1.1.0.dist-info/METADATA";
        let rows = [["PYSEC-1".to_owned(), path.to_owned()], ["a".to_owned(), "b".to_owned()]];
        let text = |page: Page| {
            let mut out = Vec::new();
            page.columns(&mut out, "  ", Some(["ID", "PATH"]), &rows).unwrap();
            String::from_utf8(out).unwrap()
        };
        let cut = text(page(40));
        assert!(cut.lines().all(|line| line.chars().count() <= 40), "{cut}");
        assert!(cut.contains("PYSEC-1  …") && cut.contains("dist-info/METADATA\n"), "{cut}");
        assert!(text(Page { width: None, ..page(0) }).contains(path));
        assert!(text(Page { verbose: true, ..page(40) }).contains(path));
    }

    #[test]
    fn a_paragraph_is_broken_between_words_and_hangs() {
        let mut out = Vec::new();
        page(24).paragraph(&mut out, "FAIL  ", 6, "one two three four five").unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), "FAIL  one two three four\n      five\n");
    }
}
