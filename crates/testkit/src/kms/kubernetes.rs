//! The API server of a Kubernetes cluster, as far as it has secrets.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use crate::cloud::{Service, reply};

const TOKEN: &str = "account-t0ken";

/// A running stand-in with one secret, `signing` in the namespace `build`.
pub struct Kubernetes {
    service: Service,
}

impl Kubernetes {
    /// Starts it with these fields in the secret.
    pub fn start(fields: &[(&str, &[u8])]) -> Self {
        let data: Map<String, Value> =
            fields.iter().map(|(name, value)| ((*name).to_owned(), json!(STANDARD.encode(value)))).collect();
        let secret = json!({"apiVersion": "v1", "kind": "Secret", "type": "Opaque", "data": data});
        Self {
            service: Service::start(move |request| {
                if request.header("authorization") != Some(&format!("Bearer {TOKEN}")) {
                    return reply(401, &json!({"kind": "Status", "code": 401, "reason": "Unauthorized"}));
                }
                match (request.method.as_str(), request.target.as_str()) {
                    ("GET", "/api/v1/namespaces/build/secrets/signing") => reply(200, &secret),
                    _ => reply(404, &json!({"kind": "Status", "code": 404, "reason": "NotFound"})),
                }
            }),
        }
    }

    /// A kubeconfig whose current user may read the secret.
    pub fn config(&self) -> String {
        format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: here\ncontexts:\n- name: here\n  context: {{cluster: c, user: u}}\n\
             clusters:\n- name: c\n  cluster:\n    server: {}\nusers:\n- name: other\n  user: {{token: wrong}}\n\
             - name: u\n  user: {{token: {TOKEN}}}\n",
            self.service.url()
        )
    }
}
