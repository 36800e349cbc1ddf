//! Statements of a document that an inventory does not contain: whether the elements that guidelines require are
//! present.

/// An element that a component may state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Element {
    /// Its supplier, maker or publisher.
    Supplier,
    /// Its version.
    Version,
    /// A package URL or a CPE.
    Identifier,
    /// A hash, by any algorithm.
    Hash,
    /// A hash of the SHA-512 family.
    StrongHash,
    /// A licence.
    Licence,
    /// The name of its file.
    FileName,
    /// Whether its file is executable, an archive and structured.
    FileProperties,
    /// Its dependencies, that it has none, or what depends on it.
    Dependencies,
}

/// A document's statements about itself, and which elements each component has. Empty unless the document was read
/// completely.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stated {
    /// Who made the document: people and organisations.
    pub authors: Vec<String>,
    /// Whether it names the tool that made it.
    pub names_tool: bool,
    /// Whether it says in which phase of the life cycle it was made.
    pub names_phase: bool,
    /// Its subject.
    pub subject: SubjectKind,
    /// Identifiers that its relationships use and that no element has. Not collected from CycloneDX and SPDX 2 as JSON,
    /// whose text itself is checked.
    pub dangling: Vec<String>,
    /// The components, in the order of the document.
    pub components: Vec<StatedComponent>,
    /// How many of them are not in the inventory, because they have no readable package URL.
    pub unusable: usize,
    /// How many files are not in the inventory: without SHA-1 and SHA-256, or twice with different ones.
    pub unusable_files: usize,
    /// How many files have a layer that is not in the inventory, because other files have none.
    pub files_without_layer: usize,
}

/// The kind of a document's subject.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum SubjectKind {
    /// Anything but an image.
    #[default]
    Other,
    /// An image.
    Image,
    /// An index of several platforms' images.
    Index,
}

/// One component of a document, usable or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatedComponent {
    /// Its name, shortened.
    pub name: String,
    pub(crate) id: Option<String>,
    elements: u16,
}

impl StatedComponent {
    /// A component with only a name. Relationships refer to it by `id`.
    pub(crate) fn new(id: Option<&str>, name: &str) -> Self {
        Self { name: name.chars().take(80).collect(), id: id.map(str::to_owned), elements: 0 }
    }

    /// Whether it states `element`.
    pub fn has(&self, element: Element) -> bool {
        self.elements & (1 << element as u16) != 0
    }

    /// The same with the given elements.
    pub(crate) fn with<const N: usize>(mut self, elements: [(Element, bool); N]) -> Self {
        elements.iter().filter(|(_, is_there)| *is_there).for_each(|(element, _)| self.insert(*element));
        self
    }

    pub(crate) fn insert(&mut self, element: Element) {
        self.elements |= 1 << element as u16;
    }
}
