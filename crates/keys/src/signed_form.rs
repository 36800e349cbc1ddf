//! Files whose signature would also be valid under another protocol.
//!
//! A file is signed as it is. Some protocols sign raw bytes too. The author of a file with such bytes then
//! gets a signature under that protocol: of an image, of a repository's metadata, of a certificate. No reader
//! can distinguish the two. This module recognises these files; `plimsoll-signing` refuses them.
//!
//! Readers of these protocols are lenient (Go's JSON ignores the case of names and takes the last of two), so
//! a file is recognised by what any of these readers must find in it, in any place. It takes one pass in
//! constant memory: of a JSON document, only the occurrence of names is kept.

use std::fmt;
use std::io::{self, BufRead, BufReader, Read};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// How many bytes are examined, except in JSON: more than the protected headers, origins and prefixes of any
/// protocol.
const HEAD_BYTES: usize = 64 * 1024;

/// What else the signature of a file would be a signature of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignedForm {
    /// DSSE's encoding of type and payload, which is how statements are signed.
    Dsse,
    /// The payload of an image signature in cosign's older format ("simple signing").
    ImageSignature,
    /// The signed part of TUF metadata, or of an in-toto layout or link.
    TufMetadata,
    /// The head of a transparency log, another signed note, or a witness's cosignature.
    Checkpoint,
    /// A transparency log's promise to include an entry (SET).
    LogPromise,
    /// Header and payload of a JSON Web Signature, which is how tokens and Notary's signatures are made.
    Jws,
    /// The structure that COSE signs.
    Cose,
    /// The structure that `ssh-keygen -Y sign` signs, which Git uses too.
    Ssh,
    /// A certificate without its signature, a certificate request, a revocation list or an OCSP response.
    Certificate,
    /// The attributes of a CMS signature: of a timestamp, an S/MIME message, a commit.
    Cms,
}

impl fmt::Display for SignedForm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Dsse => "a DSSE envelope, such as the statement of an attestation",
            Self::ImageSignature => "an image, in the older format of cosign",
            Self::TufMetadata => "TUF metadata or an in-toto layout",
            Self::Checkpoint => "a checkpoint of a transparency log",
            Self::LogPromise => "a transparency log's promise to include an entry",
            Self::Jws => "a JSON Web Signature, such as a token",
            Self::Cose => "a COSE message",
            Self::Ssh => "an SSH signature, such as that of a Git commit",
            Self::Certificate => {
                "a certificate, or of a certificate request, revocation list or OCSP response"
            }
            Self::Cms => "a CMS message, such as a timestamp",
        })
    }
}

/// The form of the file in `reader`, which may not be read to the end.
pub(crate) fn recognise(reader: impl Read) -> io::Result<Option<SignedForm>> {
    let mut reader = BufReader::with_capacity(HEAD_BYTES, reader);
    let mut head = Vec::new();
    reader.by_ref().take(HEAD_BYTES as u64).read_to_end(&mut head)?;
    if head.trim_ascii_start().starts_with(b"{") {
        return in_json(io::Cursor::new(head).chain(reader));
    }
    Ok(in_head(&head))
}

fn in_head(head: &[u8]) -> Option<SignedForm> {
    let form = match head {
        [b'D', b'S', b'S', b'E', b'v', b'1', b' ', ..] => SignedForm::Dsse,
        [b'S', b'S', b'H', b'S', b'I', b'G', ..] => SignedForm::Ssh,
        // An array of four or five whose first element is one of the contexts of RFC 9052, 4.4.
        [0x84, 0x6a, rest @ ..] if rest.starts_with(b"Signature1") => SignedForm::Cose,
        [0x85, 0x69, rest @ ..] if rest.starts_with(b"Signature") => SignedForm::Cose,
        [0x30, ..] if is_certificate(head) => SignedForm::Certificate,
        // A set of attributes, one of which is the content type (RFC 5652, 5.4).
        [0x31, ..] if contains(head, &CONTENT_TYPE) => SignedForm::Cms,
        _ if is_checkpoint(head) => SignedForm::Checkpoint,
        _ if is_jws(head) => SignedForm::Jws,
        _ => return None,
    };
    Some(form)
}

/// The object identifier of the attribute `contentType`, 1.2.840.113549.1.9.3, in DER.
const CONTENT_TYPE: [u8; 11] = [0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x03];

/// Whether it is a sequence that starts like one that authorities sign. A private key starts like a certificate without
/// a version, but no name and no time follow.
fn is_certificate(head: &[u8]) -> bool {
    let Some((0x30, mut inside, _)) = element(head) else { return false };
    if matches!(inside, [0xa0, 3, 2, 1, 0..=2, ..]) {
        return true;
    }
    let tags = [(); 4].map(|()| match element(inside) {
        Some((tag, _, rest)) => {
            inside = rest;
            tag
        }
        None => 0,
    });
    // Serial number or version, algorithm, issuer; then the validity of a certificate, or the time of a revocation list (5.1).
    // A request has version, name, key, attributes (RFC 2986, 4.1).
    let is_issued = matches!(tags, [0x02, 0x30, 0x30, 0x30 | 0x17 | 0x18 | 0xa0]);
    // An OCSP response: responder, time, answers (RFC 6960, 4.2.1).
    is_issued || matches!(tags, [0xa1 | 0xa2, 0x18, 0x30, _])
}

/// Tag, content and rest of a DER element. The content may be truncated.
fn element(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (tag, length, rest) = match bytes {
        [tag, short, rest @ ..] if *short < 0x80 => (*tag, usize::from(*short), rest),
        [tag, long, rest @ ..] => {
            let (length, rest) = rest.split_at_checked(usize::from(long & 0x7f))?;
            let length = length
                .iter()
                .fold(0_usize, |sum, byte| sum.saturating_mul(256).saturating_add((*byte).into()));
            (*tag, length, rest)
        }
        _ => return None,
    };
    let (content, rest) = rest.split_at_checked(length).unwrap_or((rest, &[]));
    Some((tag, content, rest))
}

/// Whether it starts with the lines of a log's head: origin, size, root hash (C2SP tlog-checkpoint), or with the lines
/// that witnesses write before them (C2SP tlog-cosignature).
fn is_checkpoint(head: &[u8]) -> bool {
    if head.starts_with(b"cosignature/v1\n") {
        return true;
    }
    let mut lines = head.split(|byte| *byte == b'\n');
    let (Some(origin), Some(size), Some(root)) = (lines.next(), lines.next(), lines.next()) else {
        return false;
    };
    let is_number = !size.is_empty() && size.iter().all(u8::is_ascii_digit);
    !origin.is_empty() && is_number && STANDARD.decode(root).is_ok_and(|root| root.len() == 32)
}

/// Whether it begins with a header that names an algorithm, and a dot (RFC 7515, 5.1).
fn is_jws(head: &[u8]) -> bool {
    let Some(header) = head.split(|byte| *byte == b'.').next().filter(|header| header.len() < head.len())
    else {
        return false;
    };
    let Ok(header) = URL_SAFE_NO_PAD.decode(header) else { return false };
    names_of(&header[..]).is_ok_and(|found| found.algorithm)
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

/// A document that stops being JSON is not a signed form, because every reader refuses it. A failure of the
/// source is still an error.
fn in_json(reader: impl BufRead) -> io::Result<Option<SignedForm>> {
    let found = names_of(reader)?;
    Ok(match found {
        Found { image: true, .. } => Some(SignedForm::ImageSignature),
        Found { kind: true, .. } => Some(SignedForm::TufMetadata),
        Found { promise: [true, true], .. } => Some(SignedForm::LogPromise),
        _ => None,
    })
}

fn names_of(reader: impl Read) -> io::Result<Found> {
    let mut found = Found::default();
    let mut deserializer = serde_json::Deserializer::from_reader(reader);
    match deserializer.deserialize_map(Document(&mut found)) {
        Err(error) if error.is_io() => Err(error.into()),
        _ => Ok(found),
    }
}

/// What was found in the part of a document that was read.
#[derive(Debug, Default)]
struct Found {
    /// `critical.image`.
    image: bool,
    /// `_type` with a role of TUF, or `layout` or `link`.
    kind: bool,
    /// `alg`.
    algorithm: bool,
    /// `body` and `integratedTime`, which together are what Rekor signs.
    promise: [bool; 2],
}

struct Document<'a>(&'a mut Found);

impl<'de> Visitor<'de> for Document<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(Name(name)) = map.next_key()? {
            match name {
                "critical" => self.0.image |= map.next_value::<Member>()?.has_image,
                "_type" => self.0.kind |= map.next_value::<Member>()?.is_role,
                name => {
                    self.0.algorithm |= name == "alg";
                    self.0.promise[0] |= name == "body";
                    self.0.promise[1] |= name == "integratedTime";
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(())
    }
}

/// A name that matters, in any case, or an empty one.
struct Name(&'static str);

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Names;
        impl Visitor<'_> for Names {
            type Value = Name;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a name")
            }
            fn visit_str<E>(self, name: &str) -> Result<Name, E> {
                let known = ["critical", "image", "_type", "alg", "body", "integratedTime"];
                let found = known.into_iter().find(|known| name.eq_ignore_ascii_case(known));
                Ok(Name(found.unwrap_or_default()))
            }
        }
        deserializer.deserialize_str(Names)
    }
}

/// The `_type` of everything that is signed as canonical JSON: the roles of TUF, and in-toto's documents from
/// before statements.
const ROLES: [&str; 7] = ["root", "timestamp", "snapshot", "targets", "mirrors", "layout", "link"];

/// A value, reduced to what matters. Lists and objects are not kept, so that depth costs nothing.
#[derive(Debug, Default)]
struct Member {
    has_image: bool,
    is_role: bool,
}

impl<'de> Deserialize<'de> for Member {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;
        impl<'de> Visitor<'de> for Members {
            type Value = Member;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a value")
            }
            fn visit_str<E>(self, text: &str) -> Result<Member, E> {
                let is_role = ROLES.iter().any(|role| text.eq_ignore_ascii_case(role));
                Ok(Member { is_role, ..Member::default() })
            }
            fn visit_bool<E>(self, _: bool) -> Result<Member, E> {
                Ok(Member::default())
            }
            fn visit_i64<E>(self, _: i64) -> Result<Member, E> {
                Ok(Member::default())
            }
            fn visit_u64<E>(self, _: u64) -> Result<Member, E> {
                Ok(Member::default())
            }
            fn visit_f64<E>(self, _: f64) -> Result<Member, E> {
                Ok(Member::default())
            }
            fn visit_unit<E>(self) -> Result<Member, E> {
                Ok(Member::default())
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Member, A::Error> {
                while list.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Member::default())
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Member, A::Error> {
                let mut member = Member::default();
                while let Some(Name(name)) = map.next_key()? {
                    member.has_image |= name == "image";
                    map.next_value::<IgnoredAny>()?;
                }
                Ok(member)
            }
        }
        deserializer.deserialize_any(Members)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(file: &[u8]) -> Option<SignedForm> {
        recognise(file).unwrap()
    }

    #[test]
    fn the_signed_forms_of_other_protocols_are_recognised() {
        let root = STANDARD.encode([7; 32]);
        let jws =
            format!("{}.{}", URL_SAFE_NO_PAD.encode(r#"{"alg":"ES256"}"#), URL_SAFE_NO_PAD.encode("{}"));
        let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
        let late = format!("{{\"pad\":\"{}\",\"critical\":{{\"image\":1}}}}", "x".repeat(200_000));
        for (file, expected) in [
            (&b"DSSEv1 28 application/vnd.in-toto+json 2 {}"[..], SignedForm::Dsse),
            (
                br#"{"critical":{"identity":{},"image":{"docker-manifest-digest":"sha256:00"},"type":"x"}}"#,
                SignedForm::ImageSignature,
            ),
            // Documents that lenient readers accept as the same.
            (b" \n{\"Critical\":{\"IMAGE\":{}}}", SignedForm::ImageSignature),
            (br#"{"\u0063ritical":{"imag\u0065":{}}}"#, SignedForm::ImageSignature),
            (br#"{"critical":{"image":{}},"critical":1}"#, SignedForm::ImageSignature),
            (
                format!("{{\"x\":{deep},\"critical\":{{\"x\":{deep},\"image\":1}}}}").as_bytes(),
                SignedForm::ImageSignature,
            ),
            (
                format!("{{\"_type\":[{deep}],\"critical\":{{\"image\":1}}}}").as_bytes(),
                SignedForm::ImageSignature,
            ),
            (late.as_bytes(), SignedForm::ImageSignature),
            (br#"{"_type":"root","spec_version":"1.0.31","version":2}"#, SignedForm::TufMetadata),
            (br#"{"_type":"Targets"}"#, SignedForm::TufMetadata),
            (br#"{"_type":"link","name":"build"}"#, SignedForm::TufMetadata),
            (format!("log.example\n12\n{root}\n").as_bytes(), SignedForm::Checkpoint),
            (format!("log.example\n12\n{root}\nTimestamp: 1\n").as_bytes(), SignedForm::Checkpoint),
            (b"cosignature/v1\ntime 1700000000\nlog.example\n12\n", SignedForm::Checkpoint),
            (br#"{"body":"e30=","integratedTime":1,"logID":"00","logIndex":0}"#, SignedForm::LogPromise),
            (jws.as_bytes(), SignedForm::Jws),
            (b"\x84\x6aSignature1\x43\xa1\x01\x26\x40\x40", SignedForm::Cose),
            (b"SSHSIG\0\0\0\x04file", SignedForm::Ssh),
            (b"\x30\x82\x01\x00\xa0\x03\x02\x01\x02\x02\x01\x01", SignedForm::Certificate),
            // A version 1 certificate, a revocation list, a request, and an OCSP response.
            (b"\x30\x0b\x02\x01\x01\x30\x02\x06\x00\x30\x00\x30\x00", SignedForm::Certificate),
            (b"\x30\x82\x01\x00\x02\x01\x01\x30\x81\x02\x06\x00\x30\x00\x17\x0d", SignedForm::Certificate),
            (b"\x30\x09\x02\x01\x00\x30\x00\x30\x00\xa0\x00", SignedForm::Certificate),
            (b"\x30\x06\xa2\x00\x18\x00\x30\x00", SignedForm::Certificate),
            (b"\x31\x1a\x30\x18\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x09\x03\x31\x0b", SignedForm::Cms),
        ] {
            let shown = String::from_utf8_lossy(&file[..file.len().min(60)]).into_owned();
            assert_eq!(form(file), Some(expected), "{shown}");
        }
    }

    #[test]
    fn ordinary_files_are_accepted() {
        let statement = br#"{"_type":"https://in-toto.io/Statement/v1","subject":[]}"#;
        for file in [
            &b""[..],
            b"DSSEv2 28",
            b" DSSEv1 ",
            b"{",
            b"{}",
            b"{{ template }}",
            statement,
            br#"{"critical":true,"image":"app"}"#,
            br#"{"critical":["image"],"_type":7}"#,
            br#"{"vulnerabilities":{"critical":{"image":"app"}}}"#,
            br#"[{"critical":{"image":1}}]"#,
            b"name\n12\nnot a hash\n",
            b"www.example.org is a host",
            b"v1.2.3",
            b"\x30\x03\x02\x01\x05",
            // A private key (RFC 5208), a signature, and invalid lengths.
            b"\x30\x09\x02\x01\x00\x30\x00\x04\x00\xa0\x00",
            b"\x30\x06\x02\x01\x01\x02\x01\x01",
            b"\x30\xff\xff\xff",
            br#"{"body":"text","time":1}"#,
            b"\x1f\x8b\x08\0",
            b"#!/bin/sh\n",
        ] {
            assert_eq!(form(file), None, "{}", String::from_utf8_lossy(file));
        }
    }

    /// A source that fails halfway is different from a document that stops being JSON.
    #[test]
    fn a_failing_source_is_no_answer() {
        struct Broken;
        impl Read for Broken {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::Error::other("unplugged"))
            }
        }
        for start in [&b"{\"a\":"[..], b"text"] {
            assert_eq!(recognise(start.chain(Broken)).unwrap_err().to_string(), "unplugged");
        }
    }
}
