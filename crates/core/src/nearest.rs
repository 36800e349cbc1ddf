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

/// The name in `known` that `got` differs from by one slip of the keyboard, or by two if the name is long: letters that are
/// missing, too many, wrong or in the wrong order. For text that could mean something else: three letters of which two
/// differ are another word.
pub fn slip_of<'a>(got: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let distances = known.into_iter().map(|name| (strsim::damerau_levenshtein(got, name), name));
    let allowed = |name: &str| if name.len() >= LONG { 2 } else { 1 };
    distances.filter(|(distance, name)| *distance <= allowed(name)).min().map(|(_, name)| name)
}

/// Letters from which on a name may contain two slips.
const LONG: usize = 6;

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

    #[test]
    fn a_slip_is_told_from_another_word() {
        let known = ["oci", "file", "docker-archive"];
        for slip in ["oc", "ocii", "coi", "ici"] {
            assert_eq!(slip_of(slip, known), Some("oci"), "{slip}");
        }
        assert_eq!(slip_of("dockr-achive", known), Some("docker-archive"));
        for word in ["api", "gcc", "fire1", "docker-registry", ""] {
            assert_eq!(slip_of(word, known), None, "{word}");
        }
    }
}
