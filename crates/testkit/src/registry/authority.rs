//! Authorization: no authentication, HTTP basic, or bearer tokens from the registry's own `/token` endpoint
//! (the token flow of the distribution project, with the OAuth2 `POST` for identity tokens).

use super::wire::{Answer, Request};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use std::collections::BTreeMap;

/// The kind of authentication.
#[derive(Debug, Clone, Default)]
pub(super) enum Authentication {
    #[default]
    Open,
    Basic {
        user: String,
        password: String,
    },
    Bearer {
        user: String,
        password: String,
        /// Accepted by `POST /token` with `grant_type=refresh_token`.
        identity_token: Option<String>,
        /// Whether a token requested without credentials may pull.
        anonymous_pull: bool,
        /// Another realm than the registry's own `/token`.
        realm: Option<String>,
    },
}

/// Tokens given out: token → scopes granted.
#[derive(Default)]
pub(super) struct Tokens {
    granted: BTreeMap<String, Vec<String>>,
    /// How many tokens were issued: a token is never issued a second time.
    issued: u64,
}

impl Tokens {
    pub(super) fn forget(&mut self) {
        self.granted.clear();
    }
}

impl Authentication {
    /// `Some(answer)` if the request is refused. `action` is `pull` or `push` on `repository`.
    pub(super) fn refuse(
        &self,
        request: &Request,
        tokens: &Tokens,
        base: &str,
        repository: &str,
        action: &str,
    ) -> Option<Answer> {
        let authorization = request.header("authorization").unwrap_or_default();
        let challenge = match self {
            Self::Open => return None,
            Self::Basic { user, password } => {
                if basic(authorization).as_deref() == Some(&format!("{user}:{password}")) {
                    return None;
                }
                "Basic realm=\"testkit\"".to_owned()
            }
            Self::Bearer { realm, .. } => {
                let needed = format!("repository:{repository}:");
                let granted =
                    authorization.strip_prefix("Bearer ").and_then(|token| tokens.granted.get(token));
                let enough = granted.is_some_and(|scopes| {
                    repository.is_empty()
                        || scopes.iter().any(|scope| {
                            scope.strip_prefix(&needed).is_some_and(|a| a.split(',').any(|a| a == action))
                        })
                });
                if enough {
                    return None;
                }
                let realm = realm.clone().unwrap_or_else(|| format!("{base}/token"));
                let actions = if action == "push" { "pull,push" } else { "pull" };
                let scope = if repository.is_empty() {
                    String::new()
                } else {
                    format!(",scope=\"repository:{repository}:{actions}\"")
                };
                format!("Bearer realm=\"{realm}\",service=\"testkit\"{scope}")
            }
        };
        let answer = Answer::error(401, "UNAUTHORIZED", "authentication required");
        Some(answer.header("WWW-Authenticate", challenge))
    }

    /// The token endpoint.
    pub(super) fn token(&self, request: &Request, tokens: &mut Tokens) -> Answer {
        let Self::Bearer { user, password, identity_token, anonymous_pull, .. } = self else {
            return Answer::error(404, "UNKNOWN", "no token endpoint here");
        };
        let form: BTreeMap<String, String> = if request.method == "POST" {
            url::form_urlencoded::parse(&request.body).into_owned().collect()
        } else {
            let query = request.target.split_once('?').map_or("", |(_, q)| q);
            url::form_urlencoded::parse(query.as_bytes()).into_owned().collect()
        };
        let known = if request.method == "POST" {
            let field = |name: &str| form.get(name).map_or("", String::as_str);
            if field("client_id").is_empty() || field("service") != "testkit" {
                return Answer::error(400, "INVALID", "client_id and service are required");
            }
            match field("grant_type") {
                "refresh_token" => identity_token.as_deref().is_some_and(|t| t == field("refresh_token")),
                "password" => field("username") == user && field("password") == password,
                _ => return Answer::error(400, "UNSUPPORTED", "unsupported grant_type"),
            }
        } else {
            match request.header("authorization") {
                Some(header) if basic(header).as_deref() == Some(&format!("{user}:{password}")) => true,
                Some(_) => return Answer::error(401, "UNAUTHORIZED", "incorrect username or password"),
                None => false,
            }
        };
        if request.method == "POST" && !known {
            return Answer::error(401, "UNAUTHORIZED", "incorrect username or password");
        }
        let mut scopes = Vec::new();
        for scope in form.get("scope").map_or("", String::as_str).split(' ').filter(|s| !s.is_empty()) {
            let Some((name, actions)) = scope.rsplit_once(':') else { continue };
            let actions: Vec<&str> =
                actions.split(',').filter(|a| known || (*anonymous_pull && *a == "pull")).collect();
            if !actions.is_empty() {
                scopes.push(format!("{name}:{}", actions.join(",")));
            }
        }
        tokens.issued += 1;
        let token = format!("testkit-token-{}", tokens.issued);
        tokens.granted.insert(token.clone(), scopes);
        // The distribution token flow uses `token`, OAuth2 uses `access_token`.
        let name = if request.method == "POST" { "access_token" } else { "token" };
        let body = json!({name: token, "expires_in": 300}).to_string();
        Answer::new(200).header("Content-Type", "application/json").body(body)
    }
}

fn basic(authorization: &str) -> Option<String> {
    String::from_utf8(STANDARD.decode(authorization.strip_prefix("Basic ")?).ok()?).ok()
}
