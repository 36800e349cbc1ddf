//! Where a publisher's files are, and what their indexes announce of them.

use jiff::SignedDuration;
use plimsoll_core::Digest;

/// A publisher's file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Location {
    /// Its name below FROM.
    pub(crate) file: String,
    /// Its place below the publisher's address.
    pub(crate) path: String,
    /// What an index announces of it. If that is what is there, the file is not asked for.
    pub(crate) announced: Option<Announced>,
    /// Whether it names further files, see [`super::Publisher::follow`].
    pub(crate) is_index: bool,
    /// Whether it may not be there. An index that is not names what it would name if it were empty.
    pub(crate) is_optional: bool,
    /// How long it need not be asked for again, because another file has what changes until then.
    pub(crate) keep_for: Option<SignedDuration>,
    /// What is known from the index that named it, for those that follow this one.
    pub(crate) note: String,
}

/// What an index announces of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Announced {
    /// The digest of the file.
    Stored(Digest),
    /// The digest of its content, if it is compressed by gzip.
    Uncompressed(Digest),
    /// Another text when it changes, such as a time.
    Version(String),
}

impl Announced {
    /// How it is recorded.
    pub(crate) fn text(&self) -> String {
        match self {
            Self::Stored(digest) => format!("stored {digest}"),
            Self::Uncompressed(digest) => format!("uncompressed {digest}"),
            Self::Version(version) => format!("version {version}"),
        }
    }
}

impl Location {
    pub(crate) fn new(file: impl Into<String>, path: impl Into<String>) -> Self {
        Self {
            file: file.into(),
            path: path.into(),
            announced: None,
            is_index: false,
            is_optional: false,
            keep_for: None,
            note: String::new(),
        }
    }

    /// The same, which names further files.
    pub(crate) fn index(self) -> Self {
        Self { is_index: true, ..self }
    }

    /// The same, which may not be there.
    pub(crate) fn optional(self) -> Self {
        Self { is_optional: true, ..self }
    }

    pub(crate) fn announced(self, announced: Announced) -> Self {
        Self { announced: Some(announced), ..self }
    }

    pub(crate) fn keep_for(self, time: SignedDuration) -> Self {
        Self { keep_for: Some(time), ..self }
    }

    pub(crate) fn note(self, note: impl Into<String>) -> Self {
        Self { note: note.into(), ..self }
    }
}

/// What is known when an index is followed.
pub(crate) struct Situation<'a> {
    /// The publisher's files that were received.
    pub(crate) files: &'a [String],
    /// Whether one of them is there as it was received.
    pub(crate) is_whole: &'a dyn Fn(&str) -> bool,
}
