//! Streaming a JSON document, one line per item.

use std::io::{self, Write};

use serde::Serialize;

/// A JSON object with one line for each member and array item: it can be streamed, and a `diff` of two documents shows
/// components.
pub(crate) struct Object<'w> {
    out: &'w mut dyn Write,
    first: bool,
}

impl<'w> Object<'w> {
    pub(crate) fn begin(out: &'w mut dyn Write) -> io::Result<Self> {
        out.write_all(b"{")?;
        Ok(Self { out, first: true })
    }

    pub(crate) fn member(&mut self, name: &str, value: &impl Serialize) -> io::Result<()> {
        self.name(name)?;
        serde_json::to_writer(&mut self.out, value)?;
        Ok(())
    }

    pub(crate) fn array<T: Serialize>(
        &mut self,
        name: &str,
        items: impl Iterator<Item = T>,
    ) -> io::Result<()> {
        self.name(name)?;
        let mut separator: &[u8] = b"[\n";
        let mut empty = true;
        for item in items {
            self.out.write_all(separator)?;
            serde_json::to_writer(&mut self.out, &item)?;
            (separator, empty) = (b",\n", false);
        }
        self.out.write_all(if empty { b"[]" } else { b"\n]" })
    }

    pub(crate) fn end(self) -> io::Result<()> {
        self.out.write_all(b"\n}\n")
    }

    fn name(&mut self, name: &str) -> io::Result<()> {
        self.out.write_all(if self.first { b"\n" } else { b",\n" })?;
        self.first = false;
        serde_json::to_writer(&mut self.out, name)?;
        self.out.write_all(b":")
    }
}
