//! Packages of PEAR and PECL: PEAR's record of each, in PHP's serialisation format.
//!
//! ```text
//! a:5:{s:4:"name";s:9:"memcached";s:7:"version";a:2:{s:7:"release";s:5:"3.2.0";s:3:"api";s:5:"3.2.0";}}
//! ```
//!
//! Only the values at the outermost level and the one below are read, by their names; PHP never sees a record. Older
//! records have the version as text.

use plimsoll_core::rootfs::Bound;

use super::described::Described;
use super::shown::component;
use crate::cataloger::Selection;
use crate::inventory::Component;
use crate::licence::Licence;

/// Finds packages of PEAR.
pub(crate) const PEAR: Described = Described {
    id: "pear",
    version: 1,
    purl_types: &["pear"],
    selections: &[Selection::whole(&["**/.registry/*.reg", "**/.registry/*/*.reg"], Bound::Metadata)],
    marks_folders: false,
    read: |file| Some(record(file.content).map(|found| vec![found])),
};

/// How deep arrays may be nested. Records have some five levels.
const MAX_DEPTH: usize = 32;

fn record(content: &[u8]) -> Result<Component, String> {
    let mut fields = Fields::default();
    let mut reader = Reader { rest: content, fields: &mut fields };
    reader.array(&mut Vec::new()).ok_or("is not a record of PEAR's")?;
    let Fields { name, channel, version, licence } = fields;
    let channel = if channel.is_empty() { "pear.php.net" } else { &channel };
    let mut found = component("pear", channel, &name, &version)?;
    found.licenses = Licence::stated(&licence).into_iter().collect();
    Ok(found)
}

#[derive(Default)]
struct Fields {
    name: String,
    channel: String,
    version: String,
    licence: String,
}

impl Fields {
    fn take(&mut self, path: &[&[u8]], text: &[u8]) {
        let field = match path {
            [b"name" | b"package"] => &mut self.name,
            [b"channel"] => &mut self.channel,
            [b"version"] | [b"version", b"release"] => &mut self.version,
            [b"license"] | [b"license", b"_content"] => &mut self.licence,
            _ => return,
        };
        if field.is_empty() {
            *field = String::from_utf8_lossy(text).into_owned();
        }
    }
}

/// Reads serialised values.
struct Reader<'a, 'f> {
    rest: &'a [u8],
    fields: &'f mut Fields,
}

impl<'a> Reader<'a, '_> {
    /// Reads the array at these keys. `None` if there is none.
    fn array(&mut self, path: &mut Vec<&'a [u8]>) -> Option<()> {
        let count = self.number(b"a:", b':')?;
        self.literal(b"{")?;
        for _ in 0..count {
            let key = if self.rest.starts_with(b"s:") {
                self.text()?
            } else {
                self.number(b"i:", b';')?;
                b""
            };
            path.push(key);
            match self.rest.first()? {
                b's' => {
                    let text = self.text()?;
                    self.fields.take(path, text);
                }
                b'a' if path.len() < MAX_DEPTH => self.array(path)?,
                b'i' | b'd' | b'b' => self.skip()?,
                b'N' => self.literal(b"N;")?,
                _ => return None,
            }
            path.pop();
        }
        self.literal(b"}")
    }

    fn text(&mut self) -> Option<&'a [u8]> {
        let length = self.number(b"s:", b':')?;
        self.literal(b"\"")?;
        let (text, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        self.literal(b"\";")?;
        Some(text)
    }

    /// A number between these delimiters.
    fn number(&mut self, before: &[u8], after: u8) -> Option<usize> {
        self.literal(before)?;
        let end = self.rest.iter().take(12).position(|byte| *byte == after)?;
        let number = str::from_utf8(self.rest.get(..end)?).ok()?.parse().ok()?;
        self.rest = self.rest.get(end + 1..)?;
        Some(number)
    }

    /// Skips a value that is not needed.
    fn skip(&mut self) -> Option<()> {
        let end = self.rest.iter().take(64).position(|byte| *byte == b';')?;
        self.rest = self.rest.get(end + 1..)?;
        Some(())
    }

    fn literal(&mut self, text: &[u8]) -> Option<()> {
        self.rest = self.rest.strip_prefix(text)?;
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shown(content: &[u8]) -> Result<String, String> {
        record(content).map(|it| it.purl.to_string())
    }

    #[test]
    fn records_of_both_forms_are_read() {
        let newer = b"a:4:{s:4:\"name\";s:3:\"apc\";s:7:\"channel\";s:12:\"pecl.php.net\";s:4:\"file\";a:1:{i:0;a:2:{s:4:\"name\";s:1:\"x\";s:1:\"n\";N;}}\
            s:7:\"version\";a:1:{s:7:\"release\";s:5:\"3.2.0\";}}";
        assert_eq!(shown(newer).unwrap(), "pkg:pear/pecl.php.net/apc@3.2.0");
        let older = b"a:3:{s:7:\"package\";s:11:\"Archive_Tar\";s:7:\"version\";s:6:\"1.4.14\";s:8:\"_lastmod\";i:1700000000;}";
        assert_eq!(shown(older).unwrap(), "pkg:pear/pear.php.net/Archive_Tar@1.4.14");
        assert_eq!(shown(b"a:0:{}").unwrap_err(), "names a package ``, which is not a valid name");
    }

    #[test]
    fn lengths_beyond_the_record_are_reported() {
        for content in [
            b"".as_slice(),
            b"O:8:\"stdClass\":0:{}",
            b"a:1:{s:99999999999:\"x\";i:1;}",
            b"a:999999999:{}",
            b"a:1:{s:4:\"name\";R:1;}",
            &b"a:1:{s:1:\"a\";".repeat(100),
        ] {
            assert_eq!(shown(content).unwrap_err(), "is not a record of PEAR's");
        }
    }

    proptest! {
        #[test]
        fn nothing_panics(content in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = shown(&content);
        }
    }
}
