//! The catalogers that there are.

use plimsoll_sbom::CatalogerInfo;
use serde::Serialize;

/// The version of the JSON result.
const CATALOGERS_V1: &str = "plimsoll.dev/catalogers/v1";

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Report<'a> {
    schema_version: &'static str,
    catalogers: Vec<Cataloger<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Cataloger<'a> {
    id: &'a str,
    version: u32,
    purl_types: &'a [&'a str],
    paths: &'a [&'a str],
}

impl<'a> Report<'a> {
    pub(crate) fn new(catalogers: &'a [CatalogerInfo]) -> Self {
        let cataloger = |info: &'a CatalogerInfo| Cataloger {
            id: info.id,
            version: info.version,
            purl_types: info.purl_types,
            paths: &info.paths,
        };
        Self { schema_version: CATALOGERS_V1, catalogers: catalogers.iter().map(cataloger).collect() }
    }
}
