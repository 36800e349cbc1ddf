//! Amazon ECR: a signed `GetAuthorizationToken` turns this machine's access keys into a registry password.
//!
//! Keys are searched for in this order, and only the first place that the environment names is used:
//! 1. `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_SESSION_TOKEN`
//! 2. `AWS_WEB_IDENTITY_TOKEN_FILE` with `AWS_ROLE_ARN`: STS `AssumeRoleWithWebIdentity` (EKS, CI systems)
//! 3. `AWS_CONTAINER_CREDENTIALS_FULL_URI` or `…_RELATIVE_URI` (EKS pod identity, ECS)
//! 4. the shared credentials file, static keys only
//! 5. the instance's metadata service, version 2, if the user enables it
//!
//! ```json
//! {"authorizationData": [{"authorizationToken": "QVdTOnBhc3N3b3Jk", "expiresAt": 1480586400.0}]}
//! ```

use std::path::PathBuf;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use plimsoll_core::text::shown;
use plimsoll_core::{Kind, Timestamp};
use plimsoll_http::{Client, HeaderName, HeaderValue, Method, Request, Url, header};
use serde::Deserialize;

use crate::aws_keys::Keys;
use crate::environment::{Environment, Mode};
use crate::login::{Login, TimedLogin};
use crate::refusal::element;
use crate::secret::Secret;
use crate::sigv4::{self, Signing};
use crate::step::{Failure, NEAR, Step, form};

pub(super) const CLOUD: &str = "Amazon";

/// The user name of every password.
const USER: &str = "AWS";
/// Where containers on ECS get their keys.
const ECS: &str = "http://169.254.170.2";
/// Hosts besides loopback that a relative or full URI may lead to without TLS: ECS, and the pod identity
/// agent of EKS.
const CONTAINER_HOSTS: [&str; 3] = ["169.254.170.2", "169.254.170.23", "[fd00:ec2::23]"];
const IMDS: &str = "http://169.254.169.254";

/// An ECR registry, from its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ecr {
    region: String,
    service: &'static str,
    target: &'static str,
    /// The API of the registry's own region and kind.
    pub(super) endpoint: String,
    /// The variable that overrides it.
    variable: &'static str,
}

impl Ecr {
    /// `<account>.dkr.ecr[-fips].<region>.amazonaws.com[.cn]`, its dual-stack form
    /// `<account>.dkr-ecr[-fips].<region>.on.aws`, or `public.ecr.aws`.
    pub(super) fn from_host(host: &str) -> Option<Self> {
        if host == "public.ecr.aws" {
            return Some(Self {
                region: "us-east-1".to_owned(),
                service: "ecr-public",
                target: "SpencerFrontendService.GetAuthorizationToken",
                endpoint: "https://api.ecr-public.us-east-1.amazonaws.com/".to_owned(),
                variable: "AWS_ENDPOINT_URL_ECR_PUBLIC",
            });
        }
        let (account, rest) = host.split_once('.')?;
        if account.len() != 12 || !account.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        let (kind, rest) = ["dkr.ecr-fips.", "dkr.ecr.", "dkr-ecr-fips.", "dkr-ecr."]
            .into_iter()
            .find_map(|kind| Some((kind, rest.strip_prefix(kind)?)))?;
        let (region, domain) = rest.split_once('.')?;
        if !is_region(region) {
            return None;
        }
        let fips = kind.contains("fips");
        let endpoint = match (kind.starts_with("dkr-"), domain) {
            (false, "amazonaws.com" | "amazonaws.com.cn" | "amazonaws.eu") => {
                let name = if fips { "ecr-fips" } else { "api.ecr" };
                format!("https://{name}.{region}.{domain}/")
            }
            (true, "on.aws" | "on.amazonwebservices.com.cn") => {
                let name = if fips { "ecr-fips" } else { "ecr" };
                let domain = if domain == "on.aws" { "api.aws" } else { "api.amazonwebservices.com.cn" };
                format!("https://{name}.{region}.{domain}/")
            }
            _ => return None,
        };
        Some(Self {
            region: region.to_owned(),
            service: "ecr",
            target: "AmazonEC2ContainerRegistry_V20150921.GetAuthorizationToken",
            endpoint,
            variable: "AWS_ENDPOINT_URL_ECR",
        })
    }
}

pub(super) fn is_region(text: &str) -> bool {
    (1..=32).contains(&text.len())
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

/// The password for `ecr`; `None` if the environment has no keys.
pub(super) async fn credentials(
    environment: &Environment,
    client: &Client,
    ecr: &Ecr,
) -> Result<Option<TimedLogin>, Failure> {
    match keys(environment, client, &ecr.region).await? {
        Some(keys) => token(environment, client, ecr, &keys).await.map(Some),
        None => Ok(None),
    }
}

async fn token(
    environment: &Environment,
    client: &Client,
    ecr: &Ecr,
    keys: &Keys,
) -> Result<TimedLogin, Failure> {
    /// The private registry returns a list, the public one a single object.
    #[derive(Deserialize)]
    struct Answer {
        #[serde(rename = "authorizationData")]
        data: OneOrMany,
    }
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum OneOrMany {
        Many(Vec<Data>),
        One(Data),
    }
    #[derive(Deserialize)]
    struct Data {
        #[serde(rename = "authorizationToken")]
        token: String,
        #[serde(rename = "expiresAt")]
        expires: Option<f64>,
    }
    const STEP: Step = Step {
        cloud: CLOUD,
        what: "asking ECR for a password (GetAuthorizationToken)",
        hint: "check that the keys are valid, that their policy allows ecr:GetAuthorizationToken, and this machine's clock",
    };
    let url = match environment.get(ecr.variable) {
        Some(url) => STEP.endpoint(ecr.variable, &url)?,
        None => STEP.endpoint("endpoint", &ecr.endpoint)?,
    };
    let call = Call { service: ecr.service, region: &ecr.region, target: ecr.target };
    let request = signed(STEP, environment, keys, &call, url, b"{}")?;
    let answer: Answer = STEP.ask_json(client, request).await?;
    let first = match answer.data {
        OneOrMany::One(one) => Some(one),
        OneOrMany::Many(many) => many.into_iter().next(),
    };
    let Data { token, expires } = first.ok_or_else(|| STEP.denied("the answer holds no token"))?;
    let pair = STANDARD.decode(token).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    let password = pair.as_deref().and_then(|pair| pair.strip_prefix("AWS:"));
    let password = password.ok_or_else(|| STEP.denied("the token is not base64 of AWS:password"))?;
    #[expect(clippy::cast_possible_truncation, reason = "saturates, and a time is far below")]
    let expires = expires.and_then(|seconds| Timestamp::from_second(seconds as i64).ok());
    // Tokens live for twelve hours.
    let life = expires.map_or(Duration::from_hours(1), |then| environment.until(then));
    Ok(TimedLogin { login: Login::password(USER, password), life })
}

/// A call in Amazon's JSON protocol 1.1.
pub(super) struct Call<'a> {
    pub(super) service: &'a str,
    pub(super) region: &'a str,
    /// The operation, as `X-Amz-Target` names it.
    pub(super) target: &'a str,
}

/// A signed `POST /` with this document.
pub(super) fn signed(
    step: Step,
    environment: &Environment,
    keys: &Keys,
    call: &Call<'_>,
    mut url: Url,
    body: &[u8],
) -> Result<Request, Failure> {
    let host = url.host_str().unwrap_or_default();
    let host = url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
    let now = environment.now();
    let date = sigv4::date(now);
    let mut headers =
        vec![("content-type", "application/x-amz-json-1.1"), ("host", &*host), ("x-amz-date", &*date)];
    if let Some(session) = &keys.session {
        headers.push(("x-amz-security-token", session.reveal()));
    }
    headers.push(("x-amz-target", call.target));
    let (region, service) = (call.region, call.service);
    let signing = Signing { keys, region, service, now, method: "POST", headers: &headers, body };
    let authorization = step.header(&signing.authorization())?;
    url.set_path("/");
    url.set_query(None);
    let mut request = Request::post(url, body.to_vec()).header(header::AUTHORIZATION, authorization);
    for (name, value) in headers.iter().filter(|(name, _)| *name != "host") {
        let name = HeaderName::try_from(*name).map_err(|_| step.denied("a header's name is invalid"))?;
        request = request.header(name, step.header(value)?);
    }
    Ok(request)
}

pub(super) async fn keys(
    environment: &Environment,
    client: &Client,
    region: &str,
) -> Result<Option<Keys>, Failure> {
    let variable = |name: &str| environment.get(name);
    if let Some(id) = variable("AWS_ACCESS_KEY_ID") {
        const STEP: Step = Step {
            cloud: CLOUD,
            what: "reading AWS_ACCESS_KEY_ID",
            hint: "set AWS_SECRET_ACCESS_KEY as well",
        };
        let secret = variable("AWS_SECRET_ACCESS_KEY")
            .ok_or_else(|| STEP.denied("AWS_SECRET_ACCESS_KEY is not set"))?;
        return Keys::new(STEP, &id, &secret, variable("AWS_SESSION_TOKEN").as_deref()).map(Some);
    }
    if let Some(file) = environment.path("AWS_WEB_IDENTITY_TOKEN_FILE") {
        return web_identity(environment, client, region, file).await.map(Some);
    }
    let full = variable("AWS_CONTAINER_CREDENTIALS_FULL_URI");
    let relative = variable("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
    if full.is_some() || relative.is_some() {
        return container(environment, client, relative, full).await.map(Some);
    }
    if let Some(keys) = shared_file(environment)? {
        return Ok(Some(keys));
    }
    let disabled = variable("AWS_EC2_METADATA_DISABLED").is_some_and(|v| v.eq_ignore_ascii_case("true"));
    if environment.mode == Mode::Metadata && !disabled {
        return instance(environment, client).await.map(Some);
    }
    Ok(None)
}

/// Exchanges a token from another issuer for the keys of a role.
async fn web_identity(
    environment: &Environment,
    client: &Client,
    region: &str,
    file: PathBuf,
) -> Result<Keys, Failure> {
    const STEP: Step = Step {
        cloud: CLOUD,
        what: "asking STS for the role's keys (AssumeRoleWithWebIdentity)",
        hint: "check AWS_ROLE_ARN, AWS_WEB_IDENTITY_TOKEN_FILE, and the role's trust policy",
    };
    let role = environment.get("AWS_ROLE_ARN");
    let role =
        role.ok_or_else(|| STEP.denied("AWS_WEB_IDENTITY_TOKEN_FILE is set, but AWS_ROLE_ARN is not"))?;
    let session = environment.get("AWS_ROLE_SESSION_NAME").unwrap_or_else(|| "plimsoll".to_owned());
    let token = STEP.token_file(&file)?;
    let url = if let Some(url) = environment.get("AWS_ENDPOINT_URL_STS") {
        STEP.endpoint("AWS_ENDPOINT_URL_STS", &url)?
    } else {
        let named = ["AWS_REGION", "AWS_DEFAULT_REGION"].iter().find_map(|name| environment.get(name));
        let region = named.filter(|r| is_region(r)).unwrap_or_else(|| region.to_owned());
        let domain = match region.split('-').next() {
            Some("cn") => "amazonaws.com.cn",
            Some("eusc") => "amazonaws.eu",
            _ => "amazonaws.com",
        };
        STEP.endpoint("endpoint", &format!("https://sts.{region}.{domain}/"))?
    };
    let request = form(
        url,
        &[
            ("Action", "AssumeRoleWithWebIdentity"),
            ("Version", "2011-06-15"),
            ("RoleArn", &role),
            ("RoleSessionName", &session),
            ("WebIdentityToken", token.reveal()),
        ],
    );
    let (_, body) = STEP.ask(client, request).await?;
    let text = std::str::from_utf8(&body).unwrap_or_default();
    let field = |name| element(text, name).ok_or_else(|| STEP.denied(format!("the answer has no {name}")));
    Keys::new(STEP, field("AccessKeyId")?, field("SecretAccessKey")?, Some(field("SessionToken")?))
}

/// Keys, as container and instance services return them.
#[derive(Deserialize)]
struct TemporaryKeys {
    #[serde(rename = "AccessKeyId")]
    id: String,
    #[serde(rename = "SecretAccessKey")]
    secret: String,
    #[serde(rename = "Token")]
    session: Option<String>,
}

impl TemporaryKeys {
    fn keys(self, step: Step) -> Result<Keys, Failure> {
        Keys::new(step, &self.id, &self.secret, self.session.as_deref())
    }
}

/// The keys from the container's agent (EKS pod identity, ECS).
async fn container(
    environment: &Environment,
    client: &Client,
    relative: Option<String>,
    full: Option<String>,
) -> Result<Keys, Failure> {
    const STEP: Step = Step {
        cloud: CLOUD,
        what: "asking the container's agent for keys",
        hint: "check AWS_CONTAINER_CREDENTIALS_FULL_URI and the AWS_CONTAINER_AUTHORIZATION_TOKEN that belongs to it",
    };
    let (name, text) = match (relative, full) {
        (Some(path), _) if path.starts_with('/') => {
            ("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", format!("{ECS}{path}"))
        }
        (Some(_), _) => {
            return Err(STEP.denied("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI does not begin with a slash"));
        }
        (None, full) => ("AWS_CONTAINER_CREDENTIALS_FULL_URI", full.unwrap_or_default()),
    };
    let near = Url::parse(&text).ok().filter(|url| {
        url.scheme() == "http" && url.host_str().is_some_and(|host| CONTAINER_HOSTS.contains(&host))
    });
    let mut request = match near {
        Some(url) => Request::get(url).to_metadata_service(),
        None => Request::get(STEP.endpoint(name, &text)?),
    };
    let token = match environment.path("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE") {
        Some(file) => Some(STEP.token_file(&file)?),
        None => environment.get("AWS_CONTAINER_AUTHORIZATION_TOKEN").map(Secret::new),
    };
    if let Some(token) = token {
        request = request.header(header::AUTHORIZATION, STEP.header(token.reveal())?);
    }
    STEP.ask_json::<TemporaryKeys>(client, request).await?.keys(STEP)
}

/// The shared credentials file: static keys of a profile. `None` if there is no such file or profile and the user did not
/// name one.
fn shared_file(environment: &Environment) -> Result<Option<Keys>, Failure> {
    const STEP: Step = Step {
        cloud: CLOUD,
        what: "reading the shared credentials file",
        hint: "name a profile with aws_access_key_id and aws_secret_access_key in AWS_PROFILE; single sign-on, assumed \
               roles and credential_process are not read: run `aws configure export-credentials --format env` for those",
    };
    let named = environment.path("AWS_SHARED_CREDENTIALS_FILE");
    let profile = environment.get("AWS_PROFILE");
    let wanted = named.is_some() || profile.is_some();
    let path = named.or_else(|| environment.path("HOME").map(|home| home.join(".aws/credentials")));
    let profile = profile.unwrap_or_else(|| "default".to_owned());
    let Some(path) = path else {
        return if wanted { Err(STEP.denied("HOME is not set")) } else { Ok(None) };
    };
    if !wanted && !path.exists() {
        return Ok(None);
    }
    let place = shown(&path.display().to_string());
    let text =
        String::from_utf8(STEP.file(&path)?).map_err(|_| STEP.denied(format!("{place}: not UTF-8")))?;
    let Some(found) = section(&text, &profile) else {
        let problem = format!("{place} has no profile {}", shown(&profile));
        return if wanted { Err(STEP.denied(problem)) } else { Ok(None) };
    };
    let field = |name: &str| found.iter().rev().find(|(key, _)| *key == name).map(|(_, value)| *value);
    match (field("aws_access_key_id"), field("aws_secret_access_key")) {
        (Some(id), Some(secret)) => Keys::new(STEP, id, secret, field("aws_session_token")).map(Some),
        _ => Err(STEP.denied(format!("profile {} in {place} has no static keys", shown(&profile)))),
    }
}

/// The settings of a section of an INI file.
fn section<'a>(text: &'a str, name: &str) -> Option<Vec<(&'a str, &'a str)>> {
    let mut found: Option<Vec<(&str, &str)>> = None;
    let mut inside = false;
    for line in text.lines().map(str::trim) {
        if let Some(title) = line.strip_prefix('[') {
            inside = title.split(']').next().is_some_and(|title| title.trim() == name);
            if inside {
                found.get_or_insert_default();
            }
        } else if let (true, Some(settings), Some((key, value))) = (inside, &mut found, line.split_once('='))
            && !line.starts_with(['#', ';'])
        {
            settings.push((key.trim(), value.trim()));
        }
    }
    found
}

/// The keys of the instance's role, from its metadata service. Version 2 only: version 1 answers anyone who
/// can make the machine send a `GET`.
async fn instance(environment: &Environment, client: &Client) -> Result<Keys, Failure> {
    const STEP: Step = Step {
        cloud: CLOUD,
        what: "asking the instance's metadata service for the role's keys",
        hint: "do not use --cloud-identity metadata on a machine that is not an instance, or give the instance a role; \
               in a container, the hop limit of the instance's metadata options must be at least 2",
    };
    const TOKEN: HeaderName = HeaderName::from_static("x-aws-ec2-metadata-token");
    const LIFE: HeaderName = HeaderName::from_static("x-aws-ec2-metadata-token-ttl-seconds");
    let base = environment.get("AWS_EC2_METADATA_SERVICE_ENDPOINT").unwrap_or_else(|| IMDS.to_owned());
    let url = |path: &str| {
        Url::parse(base.trim_end_matches('/')).ok().and_then(|u| u.join(path).ok()).ok_or_else(|| {
            STEP.denied(format!("AWS_EC2_METADATA_SERVICE_ENDPOINT: got {}, expected a URL", shown(&base)))
        })
    };
    let near = |method, path: &str| {
        Ok::<_, Failure>(Request::new(method, url(path)?).to_metadata_service().timeout(NEAR))
    };
    let request = near(Method::PUT, "/latest/api/token")?.header(LIFE, HeaderValue::from_static("60"));
    let (_, token) = STEP.ask(client, request).await?;
    let token = STEP.header(std::str::from_utf8(&token).unwrap_or_default().trim())?;
    let roles = "/latest/meta-data/iam/security-credentials/";
    let (_, role) = STEP.ask(client, near(Method::GET, roles)?.header(TOKEN, token.clone())).await?;
    let role = std::str::from_utf8(&role).unwrap_or_default().trim();
    let is_name = (1..=64).contains(&role.len())
        && role.bytes().all(|b| b.is_ascii_alphanumeric() || b"_+=,.@-".contains(&b));
    if !is_name || role.starts_with('.') {
        return Err(STEP.failed(Kind::Unauthorized, "the name of the role is invalid"));
    }
    let request = near(Method::GET, &format!("{roles}{role}"))?.header(TOKEN, token);
    STEP.ask_json::<TemporaryKeys>(client, request).await?.keys(STEP)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_api_is_that_of_the_registrys_region_and_kind() {
        for (host, endpoint) in [
            ("123456789012.dkr.ecr.eu-west-1.amazonaws.com", "https://api.ecr.eu-west-1.amazonaws.com/"),
            (
                "123456789012.dkr.ecr-fips.us-east-1.amazonaws.com",
                "https://ecr-fips.us-east-1.amazonaws.com/",
            ),
            (
                "123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn",
                "https://api.ecr.cn-north-1.amazonaws.com.cn/",
            ),
            ("123456789012.dkr-ecr.eu-west-1.on.aws", "https://ecr.eu-west-1.api.aws/"),
            ("123456789012.dkr-ecr-fips.us-east-2.on.aws", "https://ecr-fips.us-east-2.api.aws/"),
            ("public.ecr.aws", "https://api.ecr-public.us-east-1.amazonaws.com/"),
        ] {
            assert_eq!(Ecr::from_host(host).unwrap().endpoint, endpoint);
        }
    }

    #[test]
    fn an_element_is_taken_when_it_is_there_once_and_plain() {
        let xml = "<R><C><AccessKeyId>ASIA1</AccessKeyId>\n<Token> t </Token></C></R>";
        assert_eq!(element(xml, "AccessKeyId"), Some("ASIA1"));
        assert_eq!(element(xml, "Token"), Some("t"));
        for bad in ["<A>1</A><A>2</A>", "<A>1", "<A>&lt;</A>", "<A><B/></A>", "<AB>1</AB>"] {
            assert_eq!(element(bad, "A"), None, "{bad}");
        }
    }

    #[test]
    fn a_profile_is_read_from_its_own_section() {
        let text = "[default]\naws_access_key_id = A\n# [other]\n\n[ other ]\naws_access_key_id=B\n;x=y\n[default]\nz=1";
        assert_eq!(section(text, "default").unwrap(), [("aws_access_key_id", "A"), ("z", "1")]);
        assert_eq!(section(text, "other").unwrap(), [("aws_access_key_id", "B")]);
        assert_eq!(section(text, "none"), None);
    }
}
