//! The identities that clouds give this machine: when they are used, for which registries, and how long they
//! are kept.

use std::collections::HashMap;
use std::ffi::OsString;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use plimsoll_core::text::shown;
use plimsoll_core::{Kind, Timestamp};
use plimsoll_http::{Client, Request, Url};
use tokio::sync::Mutex;

use crate::environment::{Environment, Mode};
use crate::login::{Login, TimedLogin};
use crate::secret::Secret;
use crate::step::{Failure, Step};
use crate::{aws, azure, google};

/// Credentials are not used in the last minutes before they expire: downloading a layer may take that long.
const MARGIN: Duration = Duration::from_mins(5);
/// How long the absence of an identity is remembered, so that a hundred subjects do not ask a hundred times.
const REMEMBERED: Duration = Duration::from_secs(30);

/// The identities of this machine. Clones share what was fetched.
#[derive(Clone)]
pub struct Cloud {
    shared: Arc<Shared>,
}

struct Shared {
    environment: Environment,
    granted: Mutex<HashMap<String, CachedLogin>>,
}

struct CachedLogin {
    outcome: Result<Option<Login>, Failure>,
    until: Instant,
}

impl Cloud {
    /// The identities by `mode`, environment variables and a clock. Nothing else is read before a registry
    /// asks for credentials.
    pub fn from_env(
        mode: Mode,
        variable: impl Fn(&str) -> Option<OsString> + Send + Sync + 'static,
        now: fn() -> Timestamp,
    ) -> Self {
        let environment = Environment { mode, variable: Box::new(variable), now };
        Self { shared: Arc::new(Shared { environment, granted: Mutex::default() }) }
    }

    /// The identity for a registry, by its host as references name it; `None` if it is not a cloud's
    /// registry, or the user disabled identities. Sends no request yet.
    pub fn identity(&self, host: &str) -> Option<CloudIdentity> {
        if self.shared.environment.mode == Mode::Off {
            return None;
        }
        Some(CloudIdentity { cloud: self.clone(), target: RegistryKind::from_host(host)? })
    }
}

/// Requests to the clouds' key services. The caller chooses the endpoint.
impl Cloud {
    /// A call of Amazon's JSON protocol: `POST url` with this document, signed with the machine's keys.
    /// `None` if the environment has no keys.
    pub async fn amazon(
        &self,
        client: &Client,
        (service, region): (&str, &str),
        target: &str,
        url: Url,
        body: &[u8],
    ) -> Result<Option<Request>, Failure> {
        const STEP: Step = Step {
            cloud: aws::CLOUD,
            what: "signing a request",
            hint: "check the region, in the key's ARN or AWS_REGION",
        };
        if !aws::is_region(region) {
            return Err(STEP.denied(format!("got the region {}", shown(region))));
        }
        let Some(environment) = self.environment() else { return Ok(None) };
        let Some(keys) = aws::keys(environment, client, region).await? else { return Ok(None) };
        let call = aws::Call { service, region, target };
        aws::signed(STEP, environment, &keys, &call, url, body).map(Some)
    }

    /// A Google access token with the scope `cloud-platform`. `None` if the environment has no identity.
    pub async fn google(&self, client: &Client) -> Result<Option<Secret>, Failure> {
        let Some(environment) = self.environment() else { return Ok(None) };
        let fetched = google::credentials(environment, client).await?;
        Ok(fetched.and_then(|granted| match granted.login {
            Login::Password { password, .. } => Some(password),
            Login::IdentityToken(_) => None,
        }))
    }

    /// A Microsoft Entra token for `audience`. `None` if the environment has no identity.
    pub async fn azure(&self, client: &Client, audience: &str) -> Result<Option<Secret>, Failure> {
        let Some(environment) = self.environment() else { return Ok(None) };
        azure::entra(environment, client, audience).await
    }

    fn environment(&self) -> Option<&Environment> {
        let environment = &self.shared.environment;
        (environment.mode != Mode::Off).then_some(environment)
    }
}

impl fmt::Debug for Cloud {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cloud").field("mode", &self.shared.environment.mode).finish_non_exhaustive()
    }
}

/// This machine's identity for one registry, fetched when the registry asks for it.
#[derive(Debug, Clone)]
pub struct CloudIdentity {
    cloud: Cloud,
    target: RegistryKind,
}

impl PartialEq for CloudIdentity {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.cloud.shared, &other.cloud.shared) && self.target == other.target
    }
}

impl Eq for CloudIdentity {}

impl CloudIdentity {
    /// The credentials for `registry`, its own URL; `None` if the environment has no identity. Fetched once,
    /// and again shortly before they expire.
    pub async fn credentials(&self, client: &Client, registry: &Url) -> Result<Option<Login>, Failure> {
        // Without TLS, anyone on the path could read the credentials.
        if registry.scheme() != "https" {
            let step = Step { cloud: self.target.cloud(), what: "sending credentials", hint: HTTPS };
            return Err(step.failed(Kind::Unauthorized, "credentials are not sent without TLS"));
        }
        // A mirror's configuration may send a name to another host, which does not belong to the cloud.
        if registry.host_str().and_then(RegistryKind::from_host).as_ref() != Some(&self.target) {
            let host = registry.host_str().map(shown).unwrap_or_default();
            let step = Step { cloud: self.target.cloud(), what: "sending credentials", hint: OTHER_HOST };
            return Err(step.failed(
                Kind::Unauthorized,
                format!("{host} is not the registry that the credentials are for"),
            ));
        }
        // The lock is held while fetching, so that several layers that start at once cause one request.
        let mut granted = self.cloud.shared.granted.lock().await;
        let key = self.target.key(registry);
        if let Some(kept) = granted.get(&key).filter(|kept| Instant::now() < kept.until) {
            return kept.outcome.clone();
        }
        let environment = &self.cloud.shared.environment;
        let fetched = match &self.target {
            RegistryKind::Ecr(registry) => aws::credentials(environment, client, registry).await,
            RegistryKind::Google => google::credentials(environment, client).await,
            RegistryKind::Acr => azure::credentials(environment, client, registry).await,
        };
        let (outcome, life) = match fetched {
            Ok(Some(TimedLogin { login, life })) => (Ok(Some(login)), life.saturating_sub(MARGIN)),
            Ok(None) => (Ok(None), REMEMBERED),
            Err(failure) => (Err(failure), REMEMBERED),
        };
        let now = Instant::now();
        let until = now.checked_add(life).unwrap_or(now);
        granted.insert(key, CachedLogin { outcome: outcome.clone(), until });
        outcome
    }
}

const OTHER_HOST: &str = "log in to that host itself, or take the mirror out of the configuration";
const HTTPS: &str = "leave out --insecure-registry for this host; cloud registries have TLS";

/// The cloud that a registry belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
enum RegistryKind {
    Ecr(aws::Ecr),
    Google,
    Acr,
}

impl RegistryKind {
    /// Decided by the whole name; the port does not matter, because the certificate is for the name.
    fn from_host(host: &str) -> Option<Self> {
        let name = host.rsplit_once(':').map_or(host, |(name, _)| name).to_ascii_lowercase();
        if let Some(ecr) = aws::Ecr::from_host(&name) {
            Some(Self::Ecr(ecr))
        } else if google::is_registry(&name) {
            Some(Self::Google)
        } else if azure::is_registry(&name) {
            Some(Self::Acr)
        } else {
            None
        }
    }

    fn cloud(&self) -> &'static str {
        match self {
            Self::Ecr(_) => aws::CLOUD,
            Self::Google => google::CLOUD,
            Self::Acr => azure::CLOUD,
        }
    }

    /// The scope of the credentials: Google's are for all its registries, Amazon's for those of a region, Azure's for
    /// one registry.
    fn key(&self, registry: &Url) -> String {
        match self {
            Self::Ecr(ecr) => ecr.endpoint.clone(),
            Self::Google => "google".to_owned(),
            Self::Acr => registry.origin().ascii_serialization(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_whole_name_is_a_clouds_registry() {
        for (host, cloud) in [
            ("123456789012.dkr.ecr.us-east-1.amazonaws.com", "Amazon"),
            ("123456789012.dkr.ecr.us-east-1.amazonaws.com:8443", "Amazon"),
            ("123456789012.dkr.ecr-fips.us-gov-west-1.amazonaws.com", "Amazon"),
            ("123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn", "Amazon"),
            ("123456789012.dkr-ecr.eu-west-1.on.aws", "Amazon"),
            ("public.ecr.aws", "Amazon"),
            ("europe-west1-docker.pkg.dev", "Google"),
            ("gcr.io", "Google"),
            ("eu.gcr.io", "Google"),
            ("Contoso.azurecr.io", "Azure"),
            ("contoso.azurecr.cn", "Azure"),
            ("contoso.azurecr.us", "Azure"),
        ] {
            assert_eq!(RegistryKind::from_host(host).map(|t| t.cloud()), Some(cloud), "{host}");
        }
        for host in [
            "123456789012.dkr.ecr.us-east-1.amazonaws.com.evil.example",
            "evil-123456789012.dkr.ecr.us-east-1.amazonaws.com",
            "123456789012.dkr.ecr.us-east-1.evilamazonaws.com",
            "123456789012.dkr.ecr.a.b.amazonaws.com",
            "123456789012.dkr.ecr..amazonaws.com",
            "12345678901.dkr.ecr.us-east-1.amazonaws.com",
            "123456789012.dkr-ecr.us-east-1.amazonaws.com",
            "123456789012.dkr.ecr.us-east-1.on.aws",
            "x.public.ecr.aws",
            "ecr.aws",
            "docker.pkg.dev",
            "-docker.pkg.dev",
            "a.b-docker.pkg.dev",
            "europe-west1-python.pkg.dev",
            "evilgcr.io",
            "a.b.gcr.io",
            "gcr.io.evil.example",
            "azurecr.io",
            "evilazurecr.io",
            "a.b.azurecr.io",
            "contoso.azurecr.io.evil.example",
            "contoso.azurecr.de",
            "registry.example",
        ] {
            assert!(RegistryKind::from_host(host).is_none(), "{host}");
        }
    }

    #[test]
    fn a_host_that_answers_for_a_cloud_gets_nothing() {
        let cloud = Cloud::from_env(Mode::Auto, |_| None, plimsoll_core::clock::now);
        let identity = cloud.identity("gcr.io").unwrap();
        let client = Client::new(plimsoll_http::Settings::default()).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        for (base, expected) in [
            ("https://mirror.example/v2/", "mirror.example is not the registry that the credentials are for"),
            (
                "https://contoso.azurecr.io/v2/",
                "contoso.azurecr.io is not the registry that the credentials are for",
            ),
            ("http://gcr.io/v2/", "credentials are not sent without TLS"),
        ] {
            let base = Url::parse(base).unwrap();
            let failure = runtime.block_on(identity.credentials(&client, &base)).unwrap_err();
            assert_eq!(failure.problem, expected);
        }
    }

    #[test]
    fn the_mode_is_the_users() {
        let cloud = |mode| Cloud::from_env(mode, |_| None, plimsoll_core::clock::now);
        assert!(cloud(Mode::Off).identity("gcr.io").is_none());
        assert!(cloud(Mode::Auto).identity("gcr.io").is_some());
        assert!(cloud(Mode::default()).identity("gcr.io").is_some());
        assert!(cloud(Mode::default()).identity("registry.example").is_none());
    }
}
