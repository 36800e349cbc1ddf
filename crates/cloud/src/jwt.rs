//! JSON Web Tokens (RFC 7519): signing one as a Google service account does, and reading the expiry of one.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeyPair;
use aws_lc_rs::signature::RSA_PKCS1_SHA256;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use plimsoll_core::json;
use serde::Deserialize;
use serde_json::Value;

/// A token over `claims`, signed with an RSA key (RS256). The key is PKCS #8 as PEM. Errors reveal nothing
/// about the key.
pub(super) fn signed(key_pem: &str, key_id: &str, claims: &Value) -> Result<String, &'static str> {
    let key = der(key_pem).ok_or("the private key is not PEM (-----BEGIN PRIVATE KEY-----)")?;
    let key = KeyPair::from_pkcs8(&key).map_err(|_| "the private key is not an RSA key as PKCS #8")?;
    let mut header = serde_json::json!({"alg": "RS256", "typ": "JWT"});
    if let (Some(header), false) = (header.as_object_mut(), key_id.is_empty()) {
        header.insert("kid".to_owned(), key_id.into());
    }
    let text = format!(
        "{}.{}",
        URL_SAFE_NO_PAD.encode(header.to_string()),
        URL_SAFE_NO_PAD.encode(claims.to_string())
    );
    let mut signature = vec![0; key.public_modulus_len()];
    key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), text.as_bytes(), &mut signature)
        .map_err(|_| "the private key does not sign")?;
    Ok(format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature)))
}

/// The `exp` of a token, in seconds since 1970. Nothing is verified: it only says how long the token can be reused.
pub(super) fn expiry(token: &str) -> Option<i64> {
    #[derive(Deserialize)]
    struct Claims {
        exp: i64,
    }
    let mut parts = token.split('.');
    let (Some(_), Some(claims), Some(_), None) = (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return None;
    };
    let claims = URL_SAFE_NO_PAD.decode(claims).ok()?;
    json::from_slice::<Claims>(&claims, crate::refusal::ANSWER).ok().map(|c| c.exp)
}

/// The first block of a PEM text.
fn der(pem: &str) -> Option<Vec<u8>> {
    let (_, rest) = pem.split_once("-----BEGIN PRIVATE KEY-----")?;
    let (text, _) = rest.split_once("-----END PRIVATE KEY-----")?;
    STANDARD.decode(text.split_whitespace().collect::<String>()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_expiry_is_read_where_there_is_one() {
        let token = |claims: &str| format!("e30.{}.x", URL_SAFE_NO_PAD.encode(claims));
        assert_eq!(expiry(&token(r#"{"exp":1500000000,"aud":"x"}"#)), Some(1_500_000_000));
        for none in
            [token(r#"{"aud":"x"}"#), token("[]"), "opaque".to_owned(), "a.b".to_owned(), "a.!.c".to_owned()]
        {
            assert_eq!(expiry(&none), None, "{none}");
        }
    }

    #[test]
    fn a_key_that_is_none_is_told_without_it() {
        for key in ["s3cret", "-----BEGIN PRIVATE KEY-----\ns3cret\n-----END PRIVATE KEY-----"] {
            let problem = signed(key, "1", &serde_json::json!({})).unwrap_err();
            assert!(!problem.contains("s3cret"), "{problem}");
        }
    }
}
