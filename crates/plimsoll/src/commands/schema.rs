//! `plimsoll schema`.

use plimsoll_core::{Kind, nearest};

use crate::failure::{Exit, Failure};
use crate::output;
use crate::render::table::columns;
use crate::schemas::{ALL, find};
use crate::settings::schema::SchemaSettings;

pub(super) fn run(settings: &SchemaSettings) -> Result<Exit, Failure> {
    let Some(name) = &settings.name else {
        let rows: Vec<_> =
            ALL.iter().map(|schema| [schema.name.to_owned(), schema.about.to_owned()]).collect();
        output::emit(None, |out| columns(out, "", Some(["NAME", "OF"]), &rows))?;
        return Ok(Exit::Done);
    };
    let Some(schema) = find(name) else {
        let nearest = nearest(name, ALL.iter().map(|schema| schema.name));
        let nearest = nearest.map(|name| format!(", did you mean `{name}`?")).unwrap_or_default();
        return Err(Failure::new(Kind::Usage, format!("there is no schema `{name}`{nearest}"))
            .with_hint("`plimsoll schema` lists them"));
    };
    output::emit_json(None, &schema.document())?;
    Ok(Exit::Done)
}
