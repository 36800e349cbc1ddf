//! Amazon: STS, the API of ECR, a container's agent, an instance's metadata service, distinguished by their
//! paths.

use aws_lc_rs::{digest, hmac};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::{Issuer, Service, form, later, reply, seconds};
use crate::{Answer, Request};
use std::fmt::Write as _;
use std::sync::Arc;

/// Access keys of one account.
struct Keys {
    id: &'static str,
    secret: &'static str,
    session: &'static str,
}

/// A user's keys, without a session.
const USER: Keys = Keys { id: "AKIATESTKITUSER", secret: "user/secret+key", session: "" };
/// A role's keys, which every other way leads to.
const ROLE: Keys =
    Keys { id: "ASIATESTKITROLE", secret: "role/secret+key", session: "role//session+token==" };
const AGENT_TOKEN: &str = "agent-token";
const ROLE_ARN: &str = "arn:aws:iam::123456789012:role/scan";

/// A running stand-in.
pub struct Aws {
    service: Service,
    issuer: Arc<Issuer>,
}

impl Aws {
    /// The password that a signed request gets.
    pub const PASSWORD: &'static str = "ecr-passw0rd";

    /// Starts it for registries in `region`: private ones (`ecr`), or the public one (`ecr-public`).
    pub fn start(region: &'static str, signing_name: &'static str) -> Self {
        let issuer = Arc::new(Issuer::new());
        let trusted = Arc::clone(&issuer);
        let service = Service::start(move |request| answer(request, &trusted, region, signing_name));
        Self { service, issuer }
    }

    /// The service, for its URL and log.
    pub fn service(&self) -> &Service {
        &self.service
    }

    /// Environment variables of a user with static keys.
    pub fn user(&self) -> Vec<(&'static str, String)> {
        let mut set = self.endpoints();
        set.extend([
            ("AWS_ACCESS_KEY_ID", USER.id.to_owned()),
            ("AWS_SECRET_ACCESS_KEY", USER.secret.to_owned()),
        ]);
        set
    }

    /// A shared credentials file with these keys in `profile`.
    pub fn shared_file(&self, profile: &str) -> String {
        format!(
            "[other]\naws_access_key_id = AKIAOTHER\naws_secret_access_key = x\n\n[{profile}]\naws_access_key_id = {}\n\
             aws_secret_access_key = {}\n",
            USER.id, USER.secret
        )
    }

    /// Environment variables that name this stand-in.
    pub fn endpoints(&self) -> Vec<(&'static str, String)> {
        [
            "AWS_ENDPOINT_URL_STS",
            "AWS_ENDPOINT_URL_ECR",
            "AWS_ENDPOINT_URL_ECR_PUBLIC",
            "AWS_EC2_METADATA_SERVICE_ENDPOINT",
        ]
        .map(|name| (name, self.service.url()))
        .into()
    }

    /// The role that a token of [`Self::web_token`] may assume.
    pub fn role_arn(&self) -> &'static str {
        ROLE_ARN
    }

    /// A token that the role trusts.
    pub fn web_token(&self) -> String {
        self.issuer.for_audience("sts.amazonaws.com")
    }

    /// A token that is correctly signed, but for another audience.
    pub fn foreign_token(&self) -> String {
        self.issuer.for_audience("somebody.else")
    }

    /// Environment variables of a container with an agent.
    pub fn container(&self) -> Vec<(&'static str, String)> {
        let mut set = self.endpoints();
        set.extend([
            ("AWS_CONTAINER_CREDENTIALS_FULL_URI", format!("{}/agent", self.service.url())),
            ("AWS_CONTAINER_AUTHORIZATION_TOKEN", AGENT_TOKEN.to_owned()),
        ]);
        set
    }
}

fn answer(request: &Request, issuer: &Issuer, region: &str, signing_name: &str) -> Answer {
    let given = || {
        reply(
            200,
            &json!({
                "Code": "Success", "AccessKeyId": ROLE.id, "SecretAccessKey": ROLE.secret, "Token": ROLE.session,
                "Expiration": later(3600).to_string(), "RoleArn": ROLE_ARN
            }),
        )
    };
    let has_token = request.header("x-aws-ec2-metadata-token") == Some("imds-token");
    match (request.method.as_str(), request.target.as_str()) {
        ("POST", "/") if request.header("x-amz-target").is_some() => ecr(request, region, signing_name),
        ("POST", "/") => sts(request, issuer),
        ("GET", "/agent") if request.header("authorization") == Some(AGENT_TOKEN) => given(),
        ("GET", "/agent") => reply(400, &json!({"code": "InvalidToken", "message": AGENT_TOKEN})),
        ("PUT", "/latest/api/token") => {
            let life =
                request.header("x-aws-ec2-metadata-token-ttl-seconds").and_then(|v| v.parse::<u32>().ok());
            match life {
                Some(1..=21600) if request.header("x-forwarded-for").is_none() => {
                    Answer::new(200).body("imds-token")
                }
                _ => Answer::new(400),
            }
        }
        ("GET", "/latest/meta-data/iam/security-credentials/") if has_token => {
            Answer::new(200).body("scan-role")
        }
        ("GET", "/latest/meta-data/iam/security-credentials/scan-role") if has_token => given(),
        ("GET", _) => Answer::new(401),
        _ => Answer::new(404),
    }
}

/// Environment variables with the user's static keys.
pub(crate) fn user_keys() -> [(&'static str, String); 2] {
    [("AWS_ACCESS_KEY_ID", USER.id.to_owned()), ("AWS_SECRET_ACCESS_KEY", USER.secret.to_owned())]
}

/// `AssumeRoleWithWebIdentity`, which is not signed.
fn sts(request: &Request, issuer: &Issuer) -> Answer {
    let refused = |code: &str| {
        Answer::new(400).header("Content-Type", "text/xml").body(format!(
            "<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><Error><Type>Sender</Type>\
             <Code>{code}</Code><Message>a message that may quote the token</Message></Error></ErrorResponse>"
        ))
    };
    let Some(form) = form(request) else { return refused("MissingAction") };
    let field = |name: &str| form.get(name).map_or("", String::as_str);
    if field("Action") != "AssumeRoleWithWebIdentity" || field("Version") != "2011-06-15" {
        return refused("InvalidAction");
    }
    let session = field("RoleSessionName");
    if !(2..=64).contains(&session.len())
        || !session.bytes().all(|b| b.is_ascii_alphanumeric() || b"_+=,.@-".contains(&b))
    {
        return refused("ValidationError");
    }
    if issuer.verify(field("WebIdentityToken"), "sts.amazonaws.com").is_none() {
        return refused("InvalidIdentityToken");
    }
    if field("RoleArn") != ROLE_ARN {
        return refused("AccessDenied");
    }
    Answer::new(200).header("Content-Type", "text/xml").body(format!(
        "<AssumeRoleWithWebIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">\n\
         <AssumeRoleWithWebIdentityResult>\n<SubjectFromWebIdentityToken>ci</SubjectFromWebIdentityToken>\n\
         <Credentials>\n<SessionToken>{}</SessionToken>\n<SecretAccessKey>{}</SecretAccessKey>\n\
         <Expiration>{}</Expiration>\n<AccessKeyId>{}</AccessKeyId>\n</Credentials>\n\
         </AssumeRoleWithWebIdentityResult>\n</AssumeRoleWithWebIdentityResponse>",
        ROLE.session,
        ROLE.secret,
        later(3600),
        ROLE.id
    ))
}

/// `GetAuthorizationToken`, which is signed.
fn ecr(request: &Request, region: &str, signing_name: &str) -> Answer {
    let refused =
        |code: &str| reply(400, &json!({"__type": code, "message": "a message that may quote the keys"}));
    let public = signing_name == "ecr-public";
    let target = if public { "SpencerFrontendService" } else { "AmazonEC2ContainerRegistry_V20150921" };
    if request.header("x-amz-target") != Some(&format!("{target}.GetAuthorizationToken")) {
        return refused("UnknownOperationException");
    }
    if request.header("content-type") != Some("application/x-amz-json-1.1")
        || !serde_json::from_slice::<Value>(&request.body).is_ok_and(|v| v.is_object())
    {
        return refused("SerializationException");
    }
    if let Err(code) = signature(request, region, signing_name) {
        return refused(code);
    }
    let token = STANDARD.encode(format!("AWS:{}", Aws::PASSWORD));
    let data = json!({"authorizationToken": token, "expiresAt": later(43_200).as_second()});
    reply(
        200,
        &if public { json!({"authorizationData": data}) } else { json!({"authorizationData": [data]}) },
    )
}

/// Recomputes the signature from the request as it arrived.
pub(crate) fn signature(request: &Request, region: &str, signing_name: &str) -> Result<(), &'static str> {
    let header = request.header("authorization").ok_or("MissingAuthenticationTokenException")?;
    let parameters = header.strip_prefix("AWS4-HMAC-SHA256 ").ok_or("IncompleteSignatureException")?;
    let parameter = |name: &str| {
        parameters
            .split(',')
            .find_map(|p| p.trim().strip_prefix(name)?.strip_prefix('='))
            .ok_or("IncompleteSignatureException")
    };
    let (credential, signed, got) =
        (parameter("Credential")?, parameter("SignedHeaders")?, parameter("Signature")?);
    let (id, scope) = credential.split_once('/').ok_or("IncompleteSignatureException")?;
    let date = request.header("x-amz-date").ok_or("IncompleteSignatureException")?;
    let day = date.get(..8).ok_or("IncompleteSignatureException")?;
    if scope != format!("{day}/{region}/{signing_name}/aws4_request") {
        return Err("InvalidSignatureException");
    }
    let spelled = format!(
        "{}-{}-{}T{}:{}:{}Z",
        &date[..4],
        &date[4..6],
        &date[6..8],
        &date[9..11],
        &date[11..13],
        &date[13..15]
    );
    let at: plimsoll_core::Timestamp = spelled.parse().map_err(|_| "IncompleteSignatureException")?;
    if (at.as_second() - seconds()).abs() > 300 {
        return Err("RequestExpired");
    }
    let keys = [&USER, &ROLE].into_iter().find(|k| k.id == id).ok_or("UnrecognizedClientException")?;
    if request.header("x-amz-security-token").unwrap_or_default() != keys.session {
        return Err("UnrecognizedClientException");
    }
    let names: Vec<&str> = signed.split(';').collect();
    let has_to_be = |name: &str| name == "host" || name == "content-type" || name.starts_with("x-amz-");
    let all = request.headers.iter().filter(|(n, _)| has_to_be(n)).all(|(n, _)| names.contains(&n.as_str()));
    if !all || !names.is_sorted() {
        return Err("InvalidSignatureException");
    }
    let mut canonical = format!("{}\n/\n\n", request.method);
    for name in &names {
        let value = request.header(name).ok_or("InvalidSignatureException")?;
        let _ = writeln!(canonical, "{name}:{value}");
    }
    let hashed = hex(digest::digest(&digest::SHA256, &request.body).as_ref());
    let _ = write!(canonical, "\n{signed}\n{hashed}");
    let hashed = hex(digest::digest(&digest::SHA256, canonical.as_bytes()).as_ref());
    let text = format!("AWS4-HMAC-SHA256\n{date}\n{scope}\n{hashed}");
    let mut key = format!("AWS4{}", keys.secret).into_bytes();
    for part in [day, region, signing_name, "aws4_request"] {
        key = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &key), part.as_bytes()).as_ref().to_vec();
    }
    let expected = hex(hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &key), text.as_bytes()).as_ref());
    if got == expected { Ok(()) } else { Err("InvalidSignatureException") }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
