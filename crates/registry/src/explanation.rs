//! What a registry or token service says about its refusal.

use plimsoll_core::text::shown;
use plimsoll_http::{Response, header};
use serde::Deserialize;

/// Bytes of an error document that are read; messages beyond are cut.
const EXPLANATION: u64 = 16 * 1024;

/// The registry's explanation of a refusal, safe for a terminal: the first error of the API's error document, or the
/// beginning of the body.
pub(crate) async fn explanation(response: &mut Response) -> String {
    #[derive(Deserialize)]
    struct Document {
        #[serde(default)]
        errors: Vec<Item>,
        #[serde(default)]
        details: Option<String>,
    }
    #[derive(Deserialize)]
    struct Item {
        #[serde(default)]
        code: String,
        #[serde(default)]
        message: String,
    }
    let is_page = response.header(&header::CONTENT_TYPE).is_some_and(|t| t.starts_with("text/html"));
    let Ok(body) = response.body.bytes(EXPLANATION).await else { return String::new() };
    if is_page {
        return String::new();
    }
    let Ok(document) = serde_json::from_slice::<Document>(&body) else {
        return shown(String::from_utf8_lossy(&body).trim());
    };
    match document.errors.first() {
        Some(Item { code, message }) if message.is_empty() => shown(code),
        Some(Item { message, .. }) => shown(message),
        None => document.details.map(|d| shown(&d)).unwrap_or_default(),
    }
}
