//! Settings of `plimsoll schema`.

use crate::args::schema::Schema;

/// What `schema` prints.
pub(crate) struct SchemaSettings {
    /// Which one; none means the list of them.
    pub(crate) name: Option<String>,
}

impl SchemaSettings {
    pub(crate) fn resolve(arguments: &Schema) -> Self {
        Self { name: arguments.name.clone() }
    }
}
