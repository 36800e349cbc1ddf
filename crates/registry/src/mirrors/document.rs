//! A TOML file whose values know their line, so that a message can say where something is wrong.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use plimsoll_core::text::shown;
use plimsoll_core::{Limits, read};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::Error;

/// The text of a configuration file.
pub(super) struct Document {
    pub(super) path: PathBuf,
    text: String,
}

impl Document {
    /// Reads a file; `None` when it does not exist.
    pub(super) fn open(path: &Path) -> Result<Option<Self>, Error> {
        let Some(bytes) = contents(path)? else { return Ok(None) };
        let text = String::from_utf8(bytes).map_err(|_| fault(path, "not UTF-8"))?;
        Ok(Some(Self { path: path.to_owned(), text }))
    }

    pub(super) fn parse(&self) -> Result<Table<'_>, Error> {
        let table = DeTable::parse(&self.text).map_err(|error| {
            self.at(
                error.span().map_or(0, |span| span.start),
                format!("not TOML: {}", shown(error.message())),
            )
        })?;
        Ok(Table { document: self, start: table.span().start, entries: table.into_inner() })
    }

    /// `FILE:LINE`, for a place in the text.
    fn place(&self, offset: usize) -> String {
        let before = self.text.as_bytes().get(..offset).unwrap_or_default();
        let line = before.split(|byte| *byte == b'\n').count();
        format!("{}:{line}", self.path.display())
    }

    fn at(&self, offset: usize, problem: impl Into<String>) -> Error {
        Error::RegistryConfig { place: self.place(offset), problem: problem.into() }
    }
}

/// A table from which known keys are taken; those left at the end are unknown.
pub(super) struct Table<'d> {
    document: &'d Document,
    start: usize,
    entries: DeTable<'d>,
}

/// A value and the position of its key.
pub(super) struct Value<'d> {
    document: &'d Document,
    key: String,
    start: usize,
    content: DeValue<'d>,
}

impl<'d> Table<'d> {
    /// `FILE:LINE` of the table's beginning.
    pub(super) fn place(&self) -> String {
        self.document.place(self.start)
    }

    pub(super) fn fault(&self, problem: impl Into<String>) -> Error {
        self.document.at(self.start, problem)
    }

    pub(super) fn take(&mut self, key: &str) -> Option<Value<'d>> {
        let (name, value) = self.entries.remove_entry(key)?;
        Some(Value::new(self.document, &name, value))
    }

    /// Takes a string that is not empty.
    pub(super) fn text(&mut self, key: &str) -> Result<Option<(String, Value<'d>)>, Error> {
        let Some(value) = self.take(key) else { return Ok(None) };
        match &value.content {
            DeValue::String(text) if !text.trim().is_empty() => Ok(Some((text.trim().to_owned(), value))),
            DeValue::String(_) => Ok(None),
            other => Err(value.fault(format!("got {}, expected a string", kind(other)))),
        }
    }

    /// Takes a flag; the place of its key when it is set.
    pub(super) fn flag(&mut self, key: &str) -> Result<Option<Value<'d>>, Error> {
        let Some(value) = self.take(key) else { return Ok(None) };
        match &value.content {
            DeValue::Boolean(set) => Ok(set.then_some(value)),
            other => Err(value.fault(format!("got {}, expected true or false", kind(other)))),
        }
    }

    /// Takes an array of tables, `[[key]]`.
    pub(super) fn tables(&mut self, key: &str) -> Result<Vec<Self>, Error> {
        let Some(value) = self.take(key) else { return Ok(Vec::new()) };
        value.items()?.into_iter().map(Value::table).collect()
    }

    /// All entries, in the order of the file.
    pub(super) fn all(self) -> Vec<(String, Value<'d>)> {
        let document = self.document;
        let mut all: Vec<_> = self
            .entries
            .into_iter()
            .map(|(name, value)| (name.get_ref().to_string(), Value::new(document, &name, value)))
            .collect();
        all.sort_by_key(|(_, value)| value.start);
        all
    }

    /// Warns about each entry that was not taken.
    pub(super) fn finish(self) {
        for (name, value) in self.all() {
            tracing::warn!("{}: `{}` is unknown and ignored", value.place(), shown(&name));
        }
    }
}

impl<'d> Value<'d> {
    fn new(document: &'d Document, key: &Spanned<impl ToString>, value: Spanned<DeValue<'d>>) -> Self {
        let (key, start) = (shown(&key.get_ref().to_string()), key.span().start);
        Self { document, key, start, content: value.into_inner() }
    }

    /// `FILE:LINE` of the key.
    pub(super) fn place(&self) -> String {
        self.document.place(self.start)
    }

    pub(super) fn fault(&self, problem: impl AsRef<str>) -> Error {
        self.document.at(self.start, format!("`{}`: {}", self.key, problem.as_ref()))
    }

    pub(super) fn string(&self) -> Result<String, Error> {
        self.as_str().map(str::to_owned).ok_or_else(|| self.expected("a string"))
    }

    pub(super) fn as_str(&self) -> Option<&str> {
        match &self.content {
            DeValue::String(text) => Some(text),
            _ => None,
        }
    }

    pub(super) fn expected(&self, what: &str) -> Error {
        self.fault(format!("got {}, expected {what}", kind(&self.content)))
    }

    pub(super) fn is_array(&self) -> bool {
        matches!(self.content, DeValue::Array(_))
    }

    pub(super) fn items(self) -> Result<Vec<Self>, Error> {
        match self.content {
            DeValue::Array(items) => Ok(items
                .into_iter()
                .map(|item| Self {
                    document: self.document,
                    key: self.key.clone(),
                    start: item.span().start,
                    content: item.into_inner(),
                })
                .collect()),
            _ => Err(self.expected("an array")),
        }
    }

    pub(super) fn table(self) -> Result<Table<'d>, Error> {
        match self.content {
            DeValue::Table(entries) => Ok(Table { document: self.document, start: self.start, entries }),
            _ => Err(self.expected("a table")),
        }
    }
}

fn kind(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) | DeValue::Float(_) => "a number",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a time",
        DeValue::Array(_) => "an array",
        DeValue::Table(_) => "a table",
    }
}

/// A file's bytes, within the limit for documents; `None` when it does not exist.
pub(super) fn contents(path: &Path) -> Result<Option<Vec<u8>>, Error> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            return Ok(None);
        }
        Err(error) => return Err(fault(path, &error.to_string())),
    };
    let limit = Limits::default().document_bytes;
    let bytes = read::to_end(file, limit, "document_bytes", "the file");
    bytes.map(Some).map_err(|error| fault(path, &error.to_string()))
}

/// The names in a folder, sorted; nothing when it does not exist.
pub(super) fn names(folder: &Path) -> Result<Vec<String>, Error> {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            return Ok(Vec::new());
        }
        Err(error) => return Err(fault(folder, &error.to_string())),
    };
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry.map_err(|error| fault(folder, &error.to_string()))?;
        // No name that we look for is outside UTF-8.
        names.extend(entry.file_name().to_str().map(str::to_owned));
    }
    names.sort();
    Ok(names)
}

/// A problem of a whole file.
pub(super) fn fault(path: &Path, problem: &str) -> Error {
    Error::RegistryConfig { place: path.display().to_string(), problem: problem.to_owned() }
}
