//! The known name that a mistyped one most likely stands for: for fields, settings, limits, schemas.

/// The name in `known` that is most similar to `got`, if any is similar. Case is ignored, and a dash equals
/// an underscore.
pub fn nearest<'a>(got: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let plain = |name: &str| name.to_lowercase().replace('_', "-");
    let got = plain(got);
    known
        .into_iter()
        .map(|name| (strsim::normalized_damerau_levenshtein(&got, &plain(name)), name))
        .filter(|(likeness, _)| *likeness >= 0.6)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_likely_name_is_offered_and_no_other() {
        let known = ["maxAge", "layer_bytes", "offline"];
        assert_eq!(nearest("maxAeg", known), Some("maxAge"));
        assert_eq!(nearest("LAYER-BYTE", known), Some("layer_bytes"));
        assert_eq!(nearest("ofline", known), Some("offline"));
        assert_eq!(nearest("zebra", known), None);
        assert_eq!(nearest("", known), None);
    }
}
