//! Just enough DER to write certificates and timestamps, and to write them wrongly.

/// One element: tag, length, content.
pub fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len();
    let mut out = vec![tag];
    if length < 0x80 {
        out.push(u8::try_from(length).unwrap());
    } else {
        let bytes = length.to_be_bytes();
        let bytes = &bytes[bytes.iter().position(|byte| *byte != 0).unwrap()..];
        out.push(0x80 | u8::try_from(bytes.len()).unwrap());
        out.extend(bytes);
    }
    out.extend(content);
    out
}

/// A SEQUENCE.
pub fn sequence(parts: &[Vec<u8>]) -> Vec<u8> {
    element(0x30, &parts.concat())
}

/// A SET OF, sorted as DER requires.
pub fn set(parts: &[Vec<u8>]) -> Vec<u8> {
    let mut parts = parts.to_vec();
    parts.sort();
    element(0x31, &parts.concat())
}

/// An OBJECT IDENTIFIER from its dotted form.
pub fn oid(dotted: &str) -> Vec<u8> {
    let arcs: Vec<u64> = dotted.split('.').map(|arc| arc.parse().unwrap()).collect();
    let mut content = Vec::new();
    for arc in std::iter::once(arcs[0] * 40 + arcs[1]).chain(arcs[2..].iter().copied()) {
        let mut groups = vec![u8::try_from(arc & 0x7f).unwrap()];
        let mut rest = arc >> 7;
        while rest > 0 {
            groups.push(0x80 | u8::try_from(rest & 0x7f).unwrap());
            rest >>= 7;
        }
        groups.reverse();
        content.extend(groups);
    }
    element(6, &content)
}

/// A non-negative INTEGER from big-endian bytes.
pub fn integer(bytes: &[u8]) -> Vec<u8> {
    let start = bytes.iter().position(|byte| *byte != 0).unwrap_or(bytes.len().saturating_sub(1));
    let mut content = bytes[start..].to_vec();
    if content.is_empty() || content[0] & 0x80 != 0 {
        content.insert(0, 0);
    }
    element(2, &content)
}

/// An OCTET STRING.
pub fn octets(content: &[u8]) -> Vec<u8> {
    element(4, content)
}

/// A BIT STRING of whole bytes.
pub fn bits(content: &[u8]) -> Vec<u8> {
    element(3, &[&[0], content].concat())
}

/// A UTF8String.
pub fn utf8(text: &str) -> Vec<u8> {
    element(12, text.as_bytes())
}

/// BOOLEAN TRUE.
pub fn truth() -> Vec<u8> {
    element(1, &[0xff])
}

/// A GeneralizedTime.
pub fn generalized_time(time: i64) -> Vec<u8> {
    element(0x18, civil(time).as_bytes())
}

/// A UTCTime, for years from 1950 to 2049.
pub fn utc_time(time: i64) -> Vec<u8> {
    element(0x17, &civil(time).as_bytes()[2..])
}

/// `YYYYMMDDhhmmssZ`.
fn civil(time: i64) -> String {
    let time = plimsoll_core::Timestamp::from_second(time).unwrap().to_string();
    time.chars().filter(char::is_ascii_digit).collect::<String>() + "Z"
}
