//! What a document states that an inventory has no place for: whether the elements that guidelines ask for are there.

/// An element that a component may state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Element {
    /// Who supplies, makes or publishes it.
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
    /// What it depends on, or that it depends on nothing, or what depends on it.
    Dependencies,
}

/// A document's statements about itself, and per component which elements are there. Empty unless the document was read in
/// whole.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stated {
    /// Who made the document: people and organisations.
    pub authors: Vec<String>,
    /// Whether it names the tool that made it.
    pub names_tool: bool,
    /// Whether it says in which phase of the life cycle it was made.
    pub names_phase: bool,
    /// What it is about.
    pub subject: SubjectKind,
    /// Identifiers that its relationships use and nothing in it has. Not collected from JSON of CycloneDX and SPDX 2, whose
    /// text is checked itself.
    pub dangling: Vec<String>,
    /// The components, in the order of the document.
    pub components: Vec<StatedComponent>,
    /// How many of them are not in the inventory, because they have no package URL that can be read.
    pub unusable: usize,
}

/// What a document is about.
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
    /// A component with nothing but a name; `id` is what relationships call it.
    pub(crate) fn new(id: Option<&str>, name: &str) -> Self {
        Self { name: name.chars().take(80).collect(), id: id.map(str::to_owned), elements: 0 }
    }

    /// Whether it states `element`.
    pub fn has(&self, element: Element) -> bool {
        self.elements & (1 << element as u16) != 0
    }

    /// The same with those elements that are there.
    pub(crate) fn with<const N: usize>(mut self, elements: [(Element, bool); N]) -> Self {
        elements.iter().filter(|(_, is_there)| *is_there).for_each(|(element, _)| self.insert(*element));
        self
    }

    pub(crate) fn insert(&mut self, element: Element) {
        self.elements |= 1 << element as u16;
    }
}
