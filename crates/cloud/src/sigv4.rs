//! Amazon's request signatures, version 4: for requests with a body, the path `/` and no query.
//!
//! This is own code, because each of the maintained libraries needs some fifty crates for what is five HMACs.
//! Checked with the vectors that Amazon publishes.
//!
//! ```text
//! Authorization: AWS4-HMAC-SHA256 Credential=AKID…/20150830/us-east-1/ecr/aws4_request, SignedHeaders=host;x-amz-date,
//!  Signature=…
//! ```

use std::fmt::Write as _;

use aws_lc_rs::{digest, hmac};
use plimsoll_core::Timestamp;

use crate::aws_keys::Keys;

/// What is signed.
pub(super) struct Signing<'a> {
    pub(super) keys: &'a Keys,
    pub(super) region: &'a str,
    pub(super) service: &'a str,
    pub(super) now: Timestamp,
    pub(super) method: &'a str,
    /// Names in lower case and alphabetical order, including `host` and `x-amz-date`.
    pub(super) headers: &'a [(&'a str, &'a str)],
    pub(super) body: &'a [u8],
}

impl Signing<'_> {
    /// The value of `Authorization`.
    pub(super) fn authorization(&self) -> String {
        let date = date(self.now);
        let day = date.get(..8).unwrap_or_default();
        let names = self.headers.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(";");
        let mut canonical = format!("{}\n/\n\n", self.method);
        for (name, value) in self.headers {
            // Writing to a String cannot fail.
            let _ = writeln!(canonical, "{name}:{}", value.trim());
        }
        let _ = write!(canonical, "\n{names}\n{}", sha256(self.body));
        let scope = format!("{day}/{}/{}/aws4_request", self.region, self.service);
        let text = format!("AWS4-HMAC-SHA256\n{date}\n{scope}\n{}", sha256(canonical.as_bytes()));
        let mut key = format!("AWS4{}", self.keys.secret.reveal()).into_bytes();
        for part in [day, self.region, self.service, "aws4_request"] {
            key = mac(&key, part).as_ref().to_vec();
        }
        let signature = hex(mac(&key, &text).as_ref());
        let id = &self.keys.id;
        format!("AWS4-HMAC-SHA256 Credential={id}/{scope}, SignedHeaders={names}, Signature={signature}")
    }
}

/// `20150830T123600Z`, the value of `X-Amz-Date`.
pub(super) fn date(now: Timestamp) -> String {
    let mut date: String = now.to_string().chars().filter(|c| !matches!(c, '-' | ':')).take(15).collect();
    date.push('Z');
    date
}

fn mac(key: &[u8], text: &str) -> hmac::Tag {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text.as_bytes())
}

fn sha256(bytes: &[u8]) -> String {
    hex(digest::digest(&digest::SHA256, bytes).as_ref())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Secret;

    /// From Amazon's published test suite: key, scope, time.
    fn signed(method: &str, headers: &[(&str, &str)], body: &[u8]) -> String {
        let keys = Keys {
            id: "AKIDEXAMPLE".to_owned(),
            secret: Secret::new("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"),
            session: None,
        };
        let now = "2015-08-30T12:36:00Z".parse().unwrap();
        let (region, service) = ("us-east-1", "service");
        Signing { keys: &keys, region, service, now, method, headers, body }.authorization()
    }

    #[test]
    fn amazons_published_vectors_hold() {
        let vanilla = [("host", "example.amazonaws.com"), ("x-amz-date", "20150830T123600Z")];
        assert_eq!(
            signed("GET", &vanilla, b""),
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, \
             SignedHeaders=host;x-amz-date, \
             Signature=5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"
        );
        let post = signed("POST", &vanilla, b"");
        assert!(post.ends_with("5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"), "{post}");
        let with_body = [
            ("content-type", "application/x-www-form-urlencoded"),
            ("host", "example.amazonaws.com"),
            ("x-amz-date", "20150830T123600Z"),
        ];
        let post = signed("POST", &with_body, b"Param1=value1");
        assert!(post.ends_with("ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a"), "{post}");
    }

    #[test]
    fn the_date_has_no_punctuation_and_no_fraction() {
        assert_eq!(date("2026-11-21T09:08:07.654321Z".parse().unwrap()), "20261121T090807Z");
        assert_eq!(date("2026-11-21T09:08:07Z".parse().unwrap()), "20261121T090807Z");
    }
}
