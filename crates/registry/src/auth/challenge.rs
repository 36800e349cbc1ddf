//! `WWW-Authenticate`: what a registry asks for (RFC 9110, section 11.6.1).
//!
//! ```text
//! WWW-Authenticate: Bearer realm="https://auth.example/token",service="registry.example",scope="repository:app:pull"
//! ```

use plimsoll_http::{HeaderMap, header};

/// Headers longer than this are ignored; real ones have some 200 characters.
const LONGEST: usize = 8 * 1024;

/// A challenge with a scheme that we can answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Challenge {
    Basic,
    Bearer {
        /// The token server's URL, not checked yet.
        realm: String,
        service: Option<String>,
    },
}

impl Challenge {
    /// The challenge to answer: the first `Bearer`, else a `Basic`. A challenge that names a parameter twice is
    /// invalid.
    pub(crate) fn from_headers(headers: &HeaderMap) -> Option<Self> {
        let values = headers.get_all(header::WWW_AUTHENTICATE).iter();
        let challenges: Vec<Self> = values
            .filter_map(|value| value.to_str().ok())
            .filter(|value| value.len() <= LONGEST)
            .flat_map(split)
            .filter_map(Raw::read)
            .collect();
        let bearer = challenges.iter().find(|c| matches!(c, Self::Bearer { .. }));
        bearer.or_else(|| challenges.first()).cloned()
    }
}

struct Raw {
    scheme: String,
    params: Vec<(String, String)>,
}

impl Raw {
    fn read(self) -> Option<Challenge> {
        let mut realm = None;
        let mut service = None;
        for (name, value) in self.params {
            let slot = match name.as_str() {
                "realm" => &mut realm,
                "service" => &mut service,
                _ => continue,
            };
            if slot.replace(value).is_some() {
                return None;
            }
        }
        match self.scheme.as_str() {
            "basic" => Some(Challenge::Basic),
            "bearer" => Some(Challenge::Bearer { realm: realm?, service }),
            _ => None,
        }
    }
}

/// Splits a header value into its challenges. Commas separate parameters as well as challenges: a word without a
/// following `=` starts the next challenge. Stops at text that does not match the grammar.
fn split(value: &str) -> Vec<Raw> {
    let mut challenges: Vec<Raw> = Vec::new();
    let mut rest = value;
    loop {
        rest = rest.trim_start_matches([' ', '\t', ',']);
        let end = rest.find(|c: char| !is_token(c)).unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        if word.is_empty() {
            return challenges;
        }
        let word = word.to_ascii_lowercase();
        match (after.trim_start_matches([' ', '\t']).strip_prefix('='), challenges.last_mut()) {
            (Some(after), Some(challenge)) => {
                let Some((text, after)) = parameter(after.trim_start_matches([' ', '\t'])) else {
                    challenges.pop();
                    return challenges;
                };
                challenge.params.push((word, text));
                rest = after;
            }
            (Some(_), None) => return challenges,
            (None, _) => {
                challenges.push(Raw { scheme: word, params: Vec::new() });
                rest = after;
            }
        }
    }
}

/// A token or a quoted string at the start of `text`, and what follows it.
fn parameter(text: &str) -> Option<(String, &str)> {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find(|c: char| c == ',' || c.is_ascii_whitespace()).unwrap_or(text.len());
        let (word, rest) = text.split_at(end);
        return (!word.is_empty()).then(|| (word.to_owned(), rest));
    };
    let mut plain = String::new();
    let mut characters = quoted.char_indices();
    while let Some((at, c)) = characters.next() {
        match c {
            '"' => return Some((plain, quoted.get(at + 1..)?)),
            '\\' => plain.push(characters.next()?.1),
            c => plain.push(c),
        }
    }
    None
}

fn is_token(c: char) -> bool {
    c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c)
}

#[cfg(test)]
mod tests {
    use super::*;
    use plimsoll_http::HeaderValue;

    fn parsed(values: &[&str]) -> Option<Challenge> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(header::WWW_AUTHENTICATE, HeaderValue::from_str(value).unwrap());
        }
        Challenge::from_headers(&headers)
    }

    fn bearer(realm: &str, service: Option<&str>) -> Challenge {
        Challenge::Bearer { realm: realm.to_owned(), service: service.map(str::to_owned) }
    }

    #[test]
    fn reads_what_registries_send() {
        let full =
            r#"Bearer realm="https://a.example/t",service="r.example",scope="repository:a,b:pull,push""#;
        assert_eq!(parsed(&[full]), Some(bearer("https://a.example/t", Some("r.example"))));
        assert_eq!(parsed(&[r#"bearer  Realm = "x" , error="invalid_token""#]), Some(bearer("x", None)));
        assert_eq!(parsed(&["Basic realm=\"r\""]), Some(Challenge::Basic));
        assert_eq!(parsed(&["Basic"]), Some(Challenge::Basic));
        assert_eq!(parsed(&["Bearer realm=plain"]), Some(bearer("plain", None)));
        for plain in ["Bearer realm=plain,service=s", "Bearer realm=plain , service=s"] {
            assert_eq!(parsed(&[plain]), Some(bearer("plain", Some("s"))), "{plain}");
        }
        assert_eq!(parsed(&[r#"Bearer realm="a\"b""#]), Some(bearer("a\"b", None)));
    }

    #[test]
    fn bearer_is_taken_before_basic_wherever_it_stands() {
        assert_eq!(parsed(&["Basic realm=\"r\", Bearer realm=\"x\""]), Some(bearer("x", None)));
        assert_eq!(
            parsed(&["Basic realm=\"r\"", "Negotiate", "Bearer realm=\"x\""]),
            Some(bearer("x", None))
        );
    }

    #[test]
    fn a_challenge_that_cannot_be_answered_is_ignored() {
        for bad in [
            "",
            "Negotiate",
            "Bearer",
            "Bearer service=\"s\"",
            "Bearer realm=\"open",
            "realm=\"x\"",
            r#"Bearer realm="x",realm="y""#,
        ] {
            assert_eq!(parsed(&[bad]), None, "{bad}");
        }
        assert_eq!(parsed(&[&format!("Bearer realm=\"{}\"", "a".repeat(9000))]), None);
        assert_eq!(parsed(&[]), None);
    }
}
