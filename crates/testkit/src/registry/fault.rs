//! How the registry can misbehave, and for which requests.
//!
//! A pattern is a glob over `METHOD /path` (`*` matches any text, slashes too); without a method it matches every
//! method: `*/blobs/*`, `GET */manifests/1.0`, `PUT */manifests/sha256-*`.

use super::wire::{Answer, Delivery};
use std::time::Duration;

/// One way to misbehave.
#[derive(Debug, Clone)]
pub enum Fault {
    /// This complete answer instead of the right one, for faults without a variant.
    Answer(Answer),
    /// This status with the registry API's error document.
    Status(u16),
    /// This status with a `Retry-After` header.
    RetryAfter(u16, String),
    /// The request is read, and nothing is ever sent.
    Stall,
    /// Headers and this many bytes of the body, then nothing, the connection stays open.
    StallAfter(usize),
    /// One byte of the body per interval.
    Trickle(Duration),
    /// Close the connection without an answer.
    Close,
    /// Headers with the full length, half of the body, then close.
    HalfThenClose,
    /// Headers with the full length, this many bytes of the body, then close.
    CloseAfter(usize),
    /// The last byte of the body is changed; the size is right.
    WrongBytes,
    /// This many zero bytes after the right body, all announced in `Content-Length`.
    Longer(usize),
    /// The last bytes are missing, and `Content-Length` agrees with that.
    Shorter(usize),
    /// Another `Docker-Content-Digest`.
    DigestHeader(String),
    /// Another `Content-Type`.
    ContentType(String),
    /// The body is gzipped and says so in `Content-Encoding`.
    ContentEncodingGzip,
    /// `Transfer-Encoding: chunked` and no length.
    Chunked,
    /// `Range` is ignored: 200 and the whole body.
    IgnoreRange,
    /// 206 with a `Content-Range` that starts elsewhere than asked, and other bytes.
    WrongContentRange,
    /// A redirect with this status to this URL.
    Redirect(u16, String),
    /// An additional `Link` header, e.g. `</v2/app/referrers/sha256:…>; rel="next"`.
    Link(String),
    /// Each answer links to a further page of itself, forever (a counter in the query).
    EndlessPages,
    /// Only the first half of the body, as if it were complete: JSON that ends in the middle.
    TruncatedJson,
    /// Space padding in front of the body up to this many bytes: valid JSON that is too big.
    Oversized(usize),
    /// A write is confirmed but not stored, like the lost update of a concurrent writer.
    LoseWrite,
    /// 401 with this `WWW-Authenticate` header.
    Challenge(String),
}

/// The fate of an answer.
pub(super) enum Outcome {
    Send(Answer, Delivery),
    StallForEver,
    Close,
}

impl Fault {
    /// Whether the request must not reach the store.
    pub(super) fn keeps_from_store(&self) -> bool {
        matches!(
            self,
            Self::Answer(_)
                | Self::Status(_)
                | Self::RetryAfter(..)
                | Self::Stall
                | Self::Close
                | Self::Redirect(..)
                | Self::Challenge(_)
        )
    }

    /// Changes the right answer into the wrong one. `target` is the request's path and query.
    pub(super) fn apply(&self, target: &str, mut answer: Answer) -> Outcome {
        let delivery = match self {
            Self::Stall => return Outcome::StallForEver,
            Self::Close => return Outcome::Close,
            Self::Answer(other) => {
                answer = other.clone();
                Delivery::Whole
            }
            Self::Status(status) => {
                answer = Answer::error(*status, "UNKNOWN", "told to fail");
                Delivery::Whole
            }
            Self::RetryAfter(status, after) => {
                answer =
                    Answer::error(*status, "TOOMANYREQUESTS", "told to fail").header("Retry-After", after);
                Delivery::Whole
            }
            Self::Challenge(challenge) => {
                answer = Answer::error(401, "UNAUTHORIZED", "authentication required")
                    .header("WWW-Authenticate", challenge);
                Delivery::Whole
            }
            Self::Redirect(status, to) => {
                answer = Answer::new(*status).header("Location", to);
                Delivery::Whole
            }
            Self::StallAfter(count) => Delivery::StallAfter(*count),
            Self::Trickle(interval) => Delivery::Trickle(*interval),
            Self::HalfThenClose => Delivery::CloseAfter(answer.body.len() / 2),
            Self::CloseAfter(count) => Delivery::CloseAfter(*count),
            Self::Chunked => Delivery::Chunked,
            other => {
                other.alter(target, &mut answer);
                Delivery::Whole
            }
        };
        Outcome::Send(answer, delivery)
    }

    fn alter(&self, target: &str, answer: &mut Answer) {
        let taken = std::mem::take(answer);
        let length = taken.body.len();
        *answer = match self {
            Self::WrongBytes => {
                let mut body = taken.body.clone();
                if let Some(last) = body.last_mut() {
                    *last ^= 1;
                }
                taken.body(body)
            }
            Self::Longer(by) => {
                let mut body = taken.body.clone();
                body.resize(length + by, 0);
                taken.body(body)
            }
            Self::Shorter(by) => {
                let body = taken.body[..length.saturating_sub(*by)].to_vec();
                taken.body(body)
            }
            Self::TruncatedJson => {
                let body = taken.body[..length / 2].to_vec();
                taken.body(body)
            }
            Self::Oversized(size) => {
                let mut body = vec![b' '; size.saturating_sub(length)];
                body.extend_from_slice(&taken.body);
                taken.body(body)
            }
            Self::DigestHeader(digest) => taken.header("Docker-Content-Digest", digest),
            Self::ContentType(media_type) => taken.header("Content-Type", media_type),
            Self::ContentEncodingGzip => {
                let body = crate::layer::gzip(&taken.body);
                taken.header("Content-Encoding", "gzip").body(body)
            }
            Self::WrongContentRange => {
                let total = length + 1;
                taken.header("Content-Range", format!("bytes 1-{length}/{total}")).body(vec![0; length])
            }
            Self::Link(link) => taken.header("Link", link),
            Self::EndlessPages => {
                let path = target.split('?').next().unwrap_or_default();
                let page: u64 = target
                    .split_once("page=")
                    .and_then(|(_, rest)| rest.split('&').next()?.parse().ok())
                    .unwrap_or(0);
                taken.header("Link", format!("<{path}?page={}>; rel=\"next\"", page + 1))
            }
            _ => taken,
        };
    }
}

/// A fault, the requests that it applies to, and how often it still applies.
pub(super) struct Rule {
    pub(super) pattern: String,
    pub(super) fault: Fault,
    /// `None`: forever.
    pub(super) left: Option<u64>,
}

/// The first rule that matches, counted down.
pub(super) fn pick(rules: &mut [Rule], method: &str, path: &str) -> Option<Fault> {
    let subject = format!("{method} {path}");
    let rule = rules.iter_mut().find(|rule| rule.left != Some(0) && matches(&rule.pattern, &subject))?;
    if let Some(left) = rule.left.as_mut() {
        *left -= 1;
    }
    Some(rule.fault.clone())
}

/// Whether `pattern` matches `METHOD /path`.
pub(super) fn matches(pattern: &str, subject: &str) -> bool {
    if pattern.contains(' ') { glob(pattern, subject) } else { glob(&format!("* {pattern}"), subject) }
}

fn glob(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((prefix, rest)) => {
            let Some(text) = text.strip_prefix(prefix) else { return false };
            (0..=text.len()).filter(|&i| text.is_char_boundary(i)).any(|i| glob(rest, &text[i..]))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn patterns_match_method_and_path() {
        assert!(matches("*/blobs/*", "GET /v2/a/b/blobs/sha256:00"));
        assert!(matches("GET */manifests/1.0", "GET /v2/app/manifests/1.0"));
        assert!(!matches("PUT */manifests/1.0", "GET /v2/app/manifests/1.0"));
        assert!(!matches("*/manifests/1", "GET /v2/app/manifests/1.0"));
    }
}
