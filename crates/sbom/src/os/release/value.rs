//! Values as a shell reads them, without expansion: `'12'`, `"Debian \"12\""`, `12`.

/// Bytes of a value. The name becomes part of each package URL, so an unbounded one would cost its length for each
/// package.
pub(super) const MAX_VALUE: usize = 256;

/// A value without quotes and backslashes.
pub(super) fn unquoted(value: &str) -> String {
    let inner = |quote| value.strip_prefix(quote).and_then(|v| v.strip_suffix(quote));
    if let Some(single) = inner('\'') {
        return single.to_owned();
    }
    let value = inner('"').unwrap_or(value);
    let mut plain = String::with_capacity(value.len());
    let mut chars = value.chars();
    while let Some(c) = chars.next() {
        if c == '\\' { plain.extend(chars.next()) } else { plain.push(c) }
    }
    plain
}
