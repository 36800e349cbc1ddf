//! What is wrong with a document: the first fault for whoever obeys it, all of them for whoever corrects it.
//!
//! Checks after reading tell a [`Faults`] what they find and go on without it. A check of several fields at once is a
//! [`Faults::consequence`]: where one of these fields is at fault itself, it would tell of what nobody wrote.

use std::cell::RefCell;

use plimsoll_core::yaml;
use serde::de::DeserializeOwned;

use crate::error::Error;

/// Why a document cannot be used.
#[derive(Debug)]
pub struct DocumentFaults {
    /// At least one, in the order in which they were found; at most [`yaml::MAX_FAULTS`].
    pub faults: Vec<Error>,
    /// Whether there may be more.
    pub more: bool,
}

/// Collects the faults of one document.
#[derive(Debug)]
pub(crate) struct Faults<'a> {
    pub(crate) origin: &'a str,
    found: RefCell<Vec<Error>>,
    /// The paths of what is at fault, and of what was left out while reading.
    paths: RefCell<Vec<String>>,
}

impl<'a> Faults<'a> {
    pub(crate) fn new(origin: &'a str) -> Self {
        Self { origin, found: RefCell::default(), paths: RefCell::default() }
    }

    /// Takes a fault at `path`.
    pub(crate) fn add(&self, path: &str, error: Error) {
        self.paths.borrow_mut().push(path.to_owned());
        self.found.borrow_mut().push(error);
    }

    /// A value of its own that is not allowed.
    pub(crate) fn invalid(&self, path: &str, reason: impl Into<String>) {
        let error =
            Error::Invalid { origin: self.origin.to_owned(), path: path.to_owned(), reason: reason.into() };
        self.add(path, error);
    }

    /// A contradiction between the values at or below the paths `of`, told at `path`.
    pub(crate) fn consequence(&self, path: &str, of: &[&str], reason: impl Into<String>) {
        let concerns = |fault: &str| {
            of.iter().any(|field| {
                let (outer, inner) =
                    if fault.len() < field.len() { (fault, *field) } else { (*field, fault) };
                inner.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
            })
        };
        if !self.paths.borrow().iter().any(|fault| concerns(fault)) {
            self.invalid(path, reason);
        }
    }

    /// `document`, if nothing is wrong with it; or the first fault.
    pub(crate) fn first_or<T>(self, document: T) -> Result<T, Error> {
        self.found.into_inner().into_iter().next().map_or(Ok(document), Err)
    }
}

/// Reads a document and checks it, to the first fault.
pub(crate) fn read<D: DeserializeOwned, T>(
    bytes: &[u8],
    origin: &str,
    size: yaml::Size,
    check: impl FnOnce(D, &Faults<'_>) -> T,
) -> Result<T, Error> {
    let faults = Faults::new(origin);
    let checked = check(yaml::read(bytes, origin, size)?, &faults);
    faults.first_or(checked)
}

/// [`read`], with all faults.
pub(crate) fn read_or_faults<D: DeserializeOwned, T>(
    bytes: &[u8],
    origin: &str,
    size: yaml::Size,
    check: impl FnOnce(D, &Faults<'_>) -> T,
) -> Result<T, DocumentFaults> {
    let faults = Faults::new(origin);
    let (document, more) = match yaml::read_or_faults(bytes, origin, size) {
        Ok(document) => (Some(document), false),
        Err(partly) => {
            let yaml::Faulty { rest, faults: found, left_out, more } = *partly;
            faults.found.borrow_mut().extend(found.into_iter().map(Error::Document));
            faults.paths.borrow_mut().extend(left_out);
            (rest, more)
        }
    };
    let checked = document.map(|document| check(document, &faults));
    let mut found = faults.found.into_inner();
    match checked {
        Some(checked) if found.is_empty() => Ok(checked),
        _ => {
            let more = more || found.len() > yaml::MAX_FAULTS;
            found.truncate(yaml::MAX_FAULTS);
            Err(DocumentFaults { faults: found, more })
        }
    }
}
