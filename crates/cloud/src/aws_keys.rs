//! Amazon's access keys.

use crate::secret::Secret;
use crate::step::{Failure, Step};

/// Access keys.
#[derive(Debug, Clone)]
pub(crate) struct Keys {
    pub(crate) id: String,
    pub(crate) secret: Secret,
    pub(crate) session: Option<Secret>,
}

impl Keys {
    /// Refuses keys that cannot sign, or that would corrupt a header.
    pub(crate) fn new(step: Step, id: &str, secret: &str, session: Option<&str>) -> Result<Self, Failure> {
        let printable = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic());
        if ![id, secret].into_iter().chain(session).all(printable) {
            return Err(step.denied("the keys have spaces or invalid characters"));
        }
        let session = session.map(Secret::new);
        Ok(Self { id: id.to_owned(), secret: Secret::new(secret), session })
    }
}
