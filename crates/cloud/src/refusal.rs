//! The error codes in the clouds' refusals.

use plimsoll_core::json;
use serde::Deserialize;

/// Bytes of an answer or of a file with a token or key. The largest tokens known have some 16 KiB.
pub(crate) const ANSWER: u64 = 64 * 1024;

/// The error code of a refusal in any of the clouds' documents: OAuth's and Azure's `error`, Google's `error.status`,
/// Amazon's `__type`, `code` and `Code`, in JSON or XML. A code is a word; anything else is not shown.
pub fn code(body: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct Refusal {
        #[serde(default)]
        error: Option<serde_json::Value>,
        #[serde(default, rename = "__type")]
        kind: Option<String>,
        #[serde(default, alias = "Code")]
        code: Option<String>,
        #[serde(default)]
        errors: Vec<Refusal>,
    }
    fn found(refusal: Refusal) -> Option<String> {
        let error = refusal.error.and_then(|error| {
            let text = if error.is_object() { error.get("status")?.as_str() } else { error.as_str() };
            text.map(str::to_owned)
        });
        let nested = || refusal.errors.into_iter().next().and_then(found);
        error.or(refusal.kind).or(refusal.code).or_else(nested)
    }
    let text = match json::from_slice::<Refusal>(body, ANSWER) {
        Ok(refusal) => found(refusal)?,
        Err(_) => element(std::str::from_utf8(body).ok()?, "Code")?.to_owned(),
    };
    // Amazon writes the name of the service before it: com.amazonaws.…#Name.
    let word = text.rsplit('#').next().unwrap_or_default();
    let is_word = (1..=64).contains(&word.len())
        && word.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.'));
    is_word.then(|| word.to_owned())
}

/// The text of an XML element that occurs once, without children and entities, as keys and codes are.
pub(crate) fn element<'a>(xml: &'a str, name: &str) -> Option<&'a str> {
    let (open, close) = (format!("<{name}>"), format!("</{name}>"));
    let (_, rest) = xml.split_once(&*open)?;
    let (text, rest) = rest.split_once(&*close)?;
    (!text.contains(['<', '&']) && !rest.contains(&*open)).then(|| text.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_shown_by_its_code_alone() {
        for (body, expected) in [
            (r#"{"error":"invalid_client","error_description":"s3cret"}"#, Some("invalid_client")),
            (
                r#"{"error":{"code":403,"status":"PERMISSION_DENIED","message":"s3cret"}}"#,
                Some("PERMISSION_DENIED"),
            ),
            (
                r#"{"__type":"com.amazon.coral.service#UnrecognizedClientException"}"#,
                Some("UnrecognizedClientException"),
            ),
            (
                r#"{"Code":"AssumeRoleUnauthorizedAccess","Message":"x"}"#,
                Some("AssumeRoleUnauthorizedAccess"),
            ),
            (r#"{"errors":[{"code":"UNAUTHORIZED","message":"s3cret"}]}"#, Some("UNAUTHORIZED")),
            (
                "<ErrorResponse><Error><Code>ExpiredTokenException</Code></Error></ErrorResponse>",
                Some("ExpiredTokenException"),
            ),
            (r#"{"error":"token s3cret refused"}"#, None),
            ("<Code>\u{1b}[2J</Code>", None),
            ("s3cret", None),
        ] {
            assert_eq!(code(body.as_bytes()).as_deref(), expected, "{body}");
        }
    }
}
