//! The content of an image: catalogers, the inventory that they make, and reading and writing SBOM documents.
//!
//! - [`select`] lists the files of a root file system that are needed, and what is kept of each, [`catalog()`] turns
//!   that into an [`Inventory`]; [`catalogers()`] lists the kinds of packages that are found.
//! - [`formats`] lists the formats of documents, with the versions that are read and written. [`DocumentFormat::write`] streams
//!   a document; equal input gives equal bytes.
//! - [`read()`] recognises and reads a document, of Plimsoll or of others.
//!
//! Nothing here does I/O of its own, and nothing foreign is trusted: a file that cannot be read becomes a [`Problem`]
//! of the inventory, never a silently shorter list.

mod binaries;
mod cataloger;
mod catalogers;
mod comparison;
mod context;
mod conversion;
mod cpe;
mod cpe_name;
mod document;
mod documents;
mod elements;
mod embedded;
mod error;
mod fact;
mod installed;
mod inventory;
mod language;
mod licence;
mod licence_text;
mod linked;
mod loader;
mod lockfiles;
mod magic;
mod matcher;
mod native_image;
mod os;
mod ownership;
mod package_note;
mod path;
mod pattern;
mod score;
mod storage;
mod telltales;
mod test_data;
mod union;
mod validation;
mod zip;

pub use catalogers::{CatalogerInfo, Catalogers, catalog, catalog_until, catalogers, os_paths, select};
pub use comparison::{Aspect, Change, ChangeKind, ChangedIn, Comparison, Order, Side, compare};
pub use conversion::{Loss, unread, unwritten};
pub use cpe::products;
pub use document::{BaseEvidence, BaseImage, Build, Completeness, Document, DocumentSubject, Phase};
pub use documents::envelope::Envelope;
pub use documents::format::{DocumentFormat, ReadDocument};
pub use documents::stated::{Element, Stated, StatedComponent, SubjectKind};
pub use documents::xml::XmlError;
pub use documents::{
    formats, read, read_document, read_document_until, read_whole, write_cyclonedx, write_spdx,
};
pub use error::Error;
pub use inventory::{
    Checksum, ChecksumAlgorithm, Component, ComponentId, ComponentIndex, Declaration, DetectedLicence, Files,
    InvalidDeclaration, InvalidDetection, Inventory, Location, Origin, OsRelease, Owner, OwnerEvidence,
    Problem, ProblemCode, ProblemSeverity, Relationship, RelationshipKind, Requester, Scope, SourcePackage,
};
pub use licence::Licence;
pub use linked::LinkedFunctions;
pub use ownership::is_of_distributions;
pub use score::{Guideline, Score, ScoredElement, score};
pub use telltales::EXECUTABLES;
pub use union::merge;
pub use validation::{Finding, Level, Validation, ValidationExtent, validate};
