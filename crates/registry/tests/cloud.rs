//! The identities that clouds give a machine, all the way into their registries. The stand-ins check what the real
//! services check, so that a wrong signature, grant or header fails here.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::sync::Arc;

use plimsoll_cloud::{Cloud, Mode};
use plimsoll_core::{Classify as _, Kind, Limits, Reference, Timestamp, clock};
use plimsoll_http::{Client, Resolve, Resolving, Settings};
use plimsoll_image::{Error, Source as _};
use plimsoll_registry::Registry;
use plimsoll_registry::auth::{Credentials, Keyring};
use plimsoll_testkit as testkit;
use serde_json::json;
use tempfile::TempDir;
use testkit::cloud::{Aws, Azure, Google, Service};
use testkit::{Answer, Artifact, ImageBuilder, Layer};

const ECR: &str = "123456789012.dkr.ecr.eu-west-1.amazonaws.com";
const GAR: &str = "europe-west1-docker.pkg.dev";
const ACR: &str = "contoso.azurecr.io";

/// Every name is this machine.
struct Here;

impl Resolve for Here {
    fn resolve<'a>(&'a self, _host: &'a str) -> Resolving<'a> {
        Box::pin(async { Ok(vec![IpAddr::V4(Ipv4Addr::LOCALHOST)]) })
    }
}

type Variables = Vec<(&'static str, String)>;

fn cloud_at(mode: Mode, variables: Variables, now: fn() -> Timestamp) -> Cloud {
    let variables: HashMap<_, _> = variables.into_iter().collect();
    Cloud::from_env(mode, move |name| variables.get(name).map(Into::into), now)
}

fn cloud(variables: Variables) -> Cloud {
    cloud_at(Mode::Auto, variables, clock::now)
}

/// With the metadata service of the machine.
fn machine(variables: Variables) -> Cloud {
    cloud_at(Mode::Metadata, variables, clock::now)
}

fn with(mut variables: Variables, more: &[(&'static str, &str)]) -> Variables {
    variables.extend(more.iter().map(|(name, value)| (*name, (*value).to_owned())));
    variables
}

fn image() -> Artifact {
    ImageBuilder::new().layer(Layer::new().file("etc/os-release", "ID=debian\n")).build()
}

/// The registry `name` as the client finds it, with the identity that `cloud` has for it.
fn open(fake: &testkit::Registry, name: &str, cloud: &Cloud) -> Registry {
    let reference: Reference = format!("{name}:{}/app:1", fake.addr().port()).parse().unwrap();
    let settings = Settings {
        retries: 0,
        extra_roots: fake.ca_pem().map(|pem| pem.as_bytes().to_vec()).into_iter().collect(),
        ..Settings::default()
    };
    let client = Client::with_resolver(settings, Arc::new(Here)).unwrap();
    let credentials = Credentials::find(&reference, &Keyring::empty(), cloud).unwrap();
    Registry::new(client, &reference, credentials, Limits::default()).unwrap()
}

fn pull(fake: &testkit::Registry, name: &str, cloud: &Cloud) -> Result<(), Error> {
    let image = image();
    image.push(fake, "app", "1");
    let top = open(fake, name, cloud).resolve()?;
    assert_eq!(top.digest, image.digest());
    Ok(())
}

fn file(folder: &TempDir, name: &str, content: impl AsRef<[u8]>) -> String {
    let path: PathBuf = folder.path().join(name);
    std::fs::write(&path, content).unwrap();
    path.to_str().unwrap().to_owned()
}

fn ecr() -> testkit::Registry {
    testkit::Registry::builder().basic("AWS", Aws::PASSWORD).named(ECR).start()
}

fn gar() -> testkit::Registry {
    testkit::Registry::builder().bearer("oauth2accesstoken", Google::TOKEN).named(GAR).start()
}

fn acr(azure: &Azure) -> testkit::Registry {
    testkit::Registry::builder()
        .bearer("nobody", "pa55")
        .identity_token(azure.refresh_token())
        .also(azure.exchange(ACR))
        .named(ACR)
        .start()
}

/// Everything that could be shown of an error.
fn told(error: &Error) -> String {
    format!("{error} {error:?} {}", error.hint().unwrap_or_default())
}

#[test]
fn amazons_registry_opens_with_every_kind_of_keys() {
    let (aws, fake, folder) = (Aws::start("eu-west-1", "ecr"), ecr(), TempDir::new().unwrap());
    let web = file(&folder, "token", aws.web_token());
    let shared = file(&folder, "credentials", aws.shared_file("scan"));
    let agent = file(&folder, "agent", "agent-token\n");
    let ways: [(&str, Variables); 5] = [
        ("static", aws.user()),
        (
            "web identity",
            with(aws.endpoints(), &[("AWS_WEB_IDENTITY_TOKEN_FILE", &web), ("AWS_ROLE_ARN", aws.role_arn())]),
        ),
        ("container", aws.container()),
        (
            "container, token in a file",
            with(
                aws.container(),
                &[
                    ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", &agent),
                    ("AWS_CONTAINER_AUTHORIZATION_TOKEN", "x"),
                ],
            ),
        ),
        (
            "shared file",
            with(aws.endpoints(), &[("AWS_SHARED_CREDENTIALS_FILE", &shared), ("AWS_PROFILE", "scan")]),
        ),
    ];
    for (way, variables) in ways {
        pull(&fake, ECR, &cloud(variables)).unwrap_or_else(|e| panic!("{way}: {e}"));
    }
    pull(&fake, ECR, &machine(aws.endpoints())).unwrap();
}

#[test]
fn amazons_public_registry_has_an_api_of_its_own() {
    let aws = Aws::start("us-east-1", "ecr-public");
    let name = "public.ecr.aws";
    let fake = testkit::Registry::builder().bearer("AWS", Aws::PASSWORD).named(name).start();
    pull(&fake, name, &cloud(aws.user())).unwrap();
}

#[test]
fn googles_registry_opens_with_every_kind_of_credentials_file() {
    let (google, fake, folder) = (Google::start(), gar(), TempDir::new().unwrap());
    let subject = file(&folder, "token", format!("{}\n", google.foreign_token()));
    let from_url = json!({
        "url": format!("{}/subject", google.service().url()), "headers": {"x-workload": "ci"},
        "format": {"type": "json", "subject_token_field_name": "value"}
    });
    for (way, content) in [
        ("service account", google.service_account()),
        ("user", google.authorized_user()),
        ("federated, from a file", google.external_account(&json!({"file": subject}), true)),
        ("federated, from a URL", google.external_account(&from_url, true)),
    ] {
        let path = file(&folder, "adc.json", content.to_string());
        let cloud = cloud(vec![("GOOGLE_APPLICATION_CREDENTIALS", path)]);
        pull(&fake, GAR, &cloud).unwrap_or_else(|e| panic!("{way}: {e}"));
    }
    // If the pool's principal has the role itself, no account is impersonated.
    let direct =
        testkit::Registry::builder().bearer("oauth2accesstoken", Google::FEDERATED).named(GAR).start();
    let path =
        file(&folder, "adc.json", google.external_account(&json!({"file": subject}), false).to_string());
    pull(&direct, GAR, &cloud(vec![("GOOGLE_APPLICATION_CREDENTIALS", path)])).unwrap();
    // The metadata server, and only when it is asked for.
    let server = ("GCE_METADATA_HOST", google.service().host());
    let asked = google.service().requests().len();
    let error = pull(&fake, GAR, &cloud(vec![server.clone()])).unwrap_err();
    assert_eq!((error.kind(), google.service().requests().len()), (Kind::Unauthorized, asked), "{error}");
    pull(&fake, GAR, &machine(vec![server])).unwrap();
}

#[test]
fn azures_registry_opens_with_every_kind_of_identity() {
    let azure = Azure::start(ACR);
    let (fake, folder) = (acr(&azure), TempDir::new().unwrap());
    let token = file(&folder, "token", azure.workload_token());
    for (way, variables) in [
        ("workload", with(azure.client(), &[("AZURE_FEDERATED_TOKEN_FILE", &token)])),
        ("secret", azure.client_with_secret()),
        ("app", azure.app()),
    ] {
        pull(&fake, ACR, &cloud(variables)).unwrap_or_else(|e| panic!("{way}: {e}"));
    }
    pull(&fake, ACR, &machine(azure.machine())).unwrap();
}

#[test]
fn credentials_are_used_until_shortly_before_they_expire() {
    let (aws, fake) = (Aws::start("eu-west-1", "ecr"), ecr());
    let cloud = cloud(aws.user());
    for _ in 0..3 {
        pull(&fake, ECR, &cloud).unwrap();
    }
    assert_eq!(aws.service().requests().len(), 1);

    // An access token that lives for less than the margin is asked for again.
    let short = Service::start(|_| {
        let body = json!({"access_token": Google::TOKEN, "expires_in": 60}).to_string();
        Answer::new(200).header("Metadata-Flavor", "Google").body(body)
    });
    let (cloud, fake) = (machine(vec![("GCE_METADATA_HOST", short.host())]), gar());
    for _ in 0..2 {
        pull(&fake, GAR, &cloud).unwrap();
    }
    assert_eq!(short.requests().len(), 2);
}

#[test]
fn a_login_comes_before_the_cloud() {
    let (aws, fake, folder) = (Aws::start("eu-west-1", "ecr"), ecr(), TempDir::new().unwrap());
    let host = format!("{ECR}:{}", fake.addr().port());
    let login = json!({"auths": {&host: {"username": "me", "password": "mine"}}}).to_string();
    let files = Keyring::from_files([file(&folder, "config.json", login).into()]);
    let reference: Reference = format!("{host}/app:1").parse().unwrap();
    let found = Credentials::find(&reference, &files, &cloud(aws.user())).unwrap();
    assert_eq!(found, Some(Credentials::password("me", "mine")));
    let found = Credentials::find(&reference, &Keyring::empty(), &cloud(aws.user())).unwrap();
    assert!(matches!(found, Some(Credentials::Cloud(_))));
    let off = cloud_at(Mode::Off, aws.user(), clock::now);
    assert_eq!(Credentials::find(&reference, &Keyring::empty(), &off).unwrap(), None);
    assert!(aws.service().requests().is_empty(), "nobody is asked before the registry asks");
}

#[test]
fn an_identity_token_of_a_login_is_exchanged_and_never_shown() {
    let fake = testkit::Registry::builder().bearer("me", "pa55").identity_token("ref-resh").start();
    let (image, folder) = (image(), TempDir::new().unwrap());
    image.push(&fake, "app", "1");
    let reference: Reference = fake.reference("app", "1").parse().unwrap();
    let pull = |token: &str| {
        // As docker writes it: the user name beside the token, without a password.
        let login = json!({"auths": {fake.host(): {"auth": "bWU6", "identitytoken": token}}}).to_string();
        let files = Keyring::from_files([file(&folder, "config.json", login).into()]);
        let credentials = Credentials::find(&reference, &files, &cloud(Vec::new())).unwrap();
        let client = Client::new(Settings { retries: 0, ..Settings::default() }).unwrap();
        Registry::new(client, &reference, credentials, Limits::default()).unwrap().resolve()
    };
    assert_eq!(pull("ref-resh").unwrap().digest, image.digest());
    let asked = fake.requests_to("POST /token");
    let body = String::from_utf8(asked[0].body.clone()).unwrap();
    assert_eq!(asked.len(), 1);
    assert_eq!(
        body,
        "grant_type=refresh_token&client_id=plimsoll&service=testkit&scope=repository%3Aapp%3Apull&refresh_token=ref-resh"
    );
    assert!(fake.requests().iter().all(|r| !r.target.contains("ref-resh")), "never in a URL");
    let error = pull("ref-used").unwrap_err();
    assert_eq!(error.kind(), Kind::Unauthorized);
    assert!(!told(&error).contains("ref-used"), "{}", told(&error));
}

#[test]
fn an_identity_token_is_no_password() {
    let fake = testkit::Registry::builder().basic("me", "pa55").start();
    image().push(&fake, "app", "1");
    let reference: Reference = fake.reference("app", "1").parse().unwrap();
    let token = Credentials::IdentityToken(plimsoll_registry::auth::Secret::new("ref-resh"));
    let client = Client::new(Settings { retries: 0, ..Settings::default() }).unwrap();
    let error =
        Registry::new(client, &reference, Some(token), Limits::default()).unwrap().resolve().unwrap_err();
    assert!(
        error.to_string().contains("an identity token is known for it, but it requires a password"),
        "{error}"
    );
}

#[test]
fn a_failed_identity_and_the_refusal_are_told_together() {
    let (aws, fake, folder) = (Aws::start("eu-west-1", "ecr"), ecr(), TempDir::new().unwrap());
    let foreign = aws.foreign_token();
    let web = file(&folder, "token", &foreign);
    let variables =
        with(aws.endpoints(), &[("AWS_WEB_IDENTITY_TOKEN_FILE", &web), ("AWS_ROLE_ARN", aws.role_arn())]);
    let error = pull(&fake, ECR, &cloud(variables)).unwrap_err();
    assert_eq!(error.kind(), Kind::Unauthorized);
    let text = error.to_string();
    for part in [
        " answered 401",
        "the identity that Amazon gives this machine could not be used",
        "asking STS for the role's keys (AssumeRoleWithWebIdentity): 127.0.0.1 answered 400: InvalidIdentityToken",
    ] {
        assert!(text.contains(part), "{text}");
    }
    assert!(error.hint().unwrap().contains("AWS_WEB_IDENTITY_TOKEN_FILE"));
    assert!(!told(&error).contains(&foreign) && !text.contains("may quote"), "{}", told(&error));
}

#[test]
fn every_way_that_is_refused_says_so_without_a_secret() {
    let (aws, google, azure) = (Aws::start("eu-west-1", "ecr"), Google::start(), Azure::start(ACR));
    let (ecr, gar, acr, folder) = (ecr(), gar(), acr(&azure), TempDir::new().unwrap());
    let wrong = file(&folder, "wrong", "wr0ng-s3cret");
    let none = file(&folder, "none", "[default]\nregion = eu-west-1\nsso_session = wr0ng-s3cret\n");
    let mut user = google.authorized_user();
    user["refresh_token"] = "wr0ng-s3cret".into();
    let user = file(&folder, "user.json", user.to_string());
    let mut account = google.service_account();
    account["private_key"] = testkit::cloud::Issuer::new().pem().into();
    let account = file(&folder, "account.json", account.to_string());
    let external = google.external_account(&json!({"file": wrong}), true);
    let external = file(&folder, "external.json", external.to_string());
    let program = google.external_account(&json!({"executable": {"command": "/bin/wr0ng-s3cret"}}), false);
    let program = file(&folder, "program.json", program.to_string());
    let adc = |path: &str| vec![("GOOGLE_APPLICATION_CREDENTIALS", path.to_owned())];
    let cases: Vec<(&testkit::Registry, &str, Variables, &str)> = vec![
        (
            &ecr,
            ECR,
            with(aws.user(), &[("AWS_SECRET_ACCESS_KEY", "wr0ng-s3cret")]),
            "answered 400: InvalidSignatureException",
        ),
        (&ecr, ECR, with(aws.user(), &[("AWS_SECRET_ACCESS_KEY", "")]), "AWS_SECRET_ACCESS_KEY is not set"),
        (
            &ecr,
            ECR,
            with(aws.container(), &[("AWS_CONTAINER_AUTHORIZATION_TOKEN", "wr0ng-s3cret")]),
            "answered 400: InvalidToken",
        ),
        (&ecr, ECR, with(aws.endpoints(), &[("AWS_SHARED_CREDENTIALS_FILE", &none)]), "has no static keys"),
        (
            &ecr,
            ECR,
            with(aws.endpoints(), &[("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://agent.example/")]),
            "expected an https URL (http only on loopback)",
        ),
        (&gar, GAR, adc(&user), "answered 400: invalid_grant"),
        (&gar, GAR, adc(&account), "answered 400: invalid_grant"),
        (&gar, GAR, adc(&external), "answered 400: invalid_grant"),
        (&gar, GAR, adc(&program), "programs, certificates and Amazon's metadata are not supported"),
        (&gar, GAR, adc(&wrong), "is not a credentials file"),
        (&gar, GAR, adc("/does/not/exist"), "/does/not/exist: "),
        (
            &acr,
            ACR,
            with(azure.client(), &[("AZURE_CLIENT_SECRET", "wr0ng-s3cret")]),
            "answered 401: invalid_client",
        ),
        (
            &acr,
            ACR,
            with(azure.client(), &[("AZURE_FEDERATED_TOKEN_FILE", &wrong)]),
            "answered 401: invalid_client",
        ),
        (
            &acr,
            ACR,
            with(azure.app(), &[("IDENTITY_HEADER", "wr0ng-s3cret")]),
            "asking the app's identity endpoint: 127.0.0.1 answered 401",
        ),
        (
            &acr,
            ACR,
            with(azure.app(), &[("AZURE_TENANT_ID", "other")]),
            "contoso.azurecr.io answered 401: BAD_REQUEST",
        ),
    ];
    for (fake, name, variables, expected) in cases {
        let error = pull(fake, name, &cloud(variables)).unwrap_err();
        assert_eq!(error.kind(), Kind::Unauthorized, "{error}");
        assert!(error.to_string().contains(expected), "{error}\nexpected: {expected}");
        assert!(error.hint().is_some(), "{error}");
        let told = told(&error);
        assert!(
            !told.contains("s3cret") && !told.contains("may quote") && !told.contains("PRIVATE"),
            "{told}"
        );
    }
}

#[test]
fn a_clock_that_is_wrong_is_hinted_at() {
    let (aws, fake) = (Aws::start("eu-west-1", "ecr"), ecr());
    let error = pull(&fake, ECR, &cloud_at(Mode::Auto, aws.user(), || Timestamp::UNIX_EPOCH)).unwrap_err();
    assert!(error.to_string().contains("RequestExpired"), "{error}");
    assert!(error.hint().unwrap().contains("clock"));
}

#[test]
fn passing_trouble_is_transient() {
    let fake = ecr();
    let aws = Aws::start("eu-west-1", "ecr");
    let variables = aws.user();
    drop(aws);
    let error = pull(&fake, ECR, &cloud(variables)).unwrap_err();
    assert_eq!(error.kind(), Kind::Transient, "{error}");
    // What a service in trouble says is not repeated: it may be the request.
    let busy = Service::start(|_| Answer::new(503).body("s3cret"));
    let variables = with(Aws::start("x", "x").user(), &[("AWS_ENDPOINT_URL_ECR", &busy.url())]);
    let error = pull(&fake, ECR, &cloud(variables)).unwrap_err();
    assert_eq!(error.kind(), Kind::Transient, "{error}");
    assert!(!told(&error).contains("s3cret"), "{}", told(&error));
}

#[test]
fn a_public_repository_opens_although_the_identity_fails() {
    let fake = testkit::Registry::builder().bearer("x", "y").anonymous_pull().named(GAR).start();
    let missing = vec![("GOOGLE_APPLICATION_CREDENTIALS", "/does/not/exist".to_owned())];
    pull(&fake, GAR, &cloud(missing)).unwrap();
}

#[test]
fn answers_that_are_too_large_or_lead_elsewhere_are_failures() {
    let (fake, folder) = (gar(), TempDir::new().unwrap());
    let elsewhere =
        Service::start(|_| Answer::new(200).body(json!({"access_token": Google::TOKEN}).to_string()));
    let to = format!("{}/token", elsewhere.url());
    let large = Service::start(|_| Answer::new(200).body(vec![b' '; 70_000]));
    let moved = Service::start(move |_| Answer::new(307).header("Location", to.clone()));
    let nothing = Service::start(|_| Answer::new(200).body(r#"{"access_token":""}"#));
    let unlike = Service::start(|_| Answer::new(200).body(r#"["s3cret"]"#));
    for (service, expected) in [
        (&large, "larger than 65536 bytes"),
        (&moved, "answered 307"),
        (&nothing, "holds no token"),
        (&unlike, "not the expected JSON"),
    ] {
        let mut user = Google::start().authorized_user();
        user["token_uri"] = service.url().into();
        let path = file(&folder, "adc.json", user.to_string());
        let error = pull(&fake, GAR, &cloud(vec![("GOOGLE_APPLICATION_CREDENTIALS", path)])).unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
        assert!(!told(&error).contains("s3cret"), "{}", told(&error));
    }
    assert!(elsewhere.requests().is_empty());
}

#[test]
fn only_a_metadata_server_is_accepted_at_the_metadata_address() {
    let fake = gar();
    let other = Service::start(|_| Answer::new(200).body(json!({"access_token": Google::TOKEN}).to_string()));
    let error = pull(&fake, GAR, &machine(vec![("GCE_METADATA_HOST", other.host())])).unwrap_err();
    assert!(error.to_string().contains("does not say Metadata-Flavor: Google"), "{error}");
}

/// R10 for clouds: names below one provider's domain are of one site, and belong to anybody.
#[test]
fn r10_a_neighbour_below_the_same_domain_gets_no_token() {
    let (google, folder) = (Google::start(), TempDir::new().unwrap());
    let path = file(&folder, "adc.json", google.authorized_user().to_string());
    let cloud = cloud(vec![("GOOGLE_APPLICATION_CREDENTIALS", path)]);
    let neighbour = testkit::Registry::builder().bearer("x", "y").named("evil-docker.pkg.dev").start();
    let realm = format!("https://evil-docker.pkg.dev:{}/token", neighbour.addr().port());
    let fake = testkit::Registry::builder()
        .bearer("oauth2accesstoken", Google::TOKEN)
        .realm(&realm)
        .named(GAR)
        .start();
    let image = image();
    image.push(&fake, "app", "1");
    let reference: Reference = format!("{GAR}:{}/app:1", fake.addr().port()).parse().unwrap();
    let roots = [&fake, &neighbour].map(|r| r.ca_pem().unwrap().as_bytes().to_vec());
    let settings = Settings { retries: 0, extra_roots: roots.into(), ..Settings::default() };
    let client = Client::with_resolver(settings, Arc::new(Here)).unwrap();
    let credentials = Credentials::find(&reference, &Keyring::empty(), &cloud).unwrap();
    let error =
        Registry::new(client, &reference, credentials, Limits::default()).unwrap().resolve().unwrap_err();
    assert_eq!(error.kind(), Kind::Unauthorized);
    assert!(error.to_string().contains("is another host"), "{error}");
    let asked = neighbour.requests_to("GET /token");
    assert!(!asked.is_empty() && asked.iter().all(|r| r.header("authorization").is_none()), "{asked:?}");
}

#[test]
fn r13_nothing_of_the_identity_goes_over_plain_http() {
    let aws = Aws::start("eu-west-1", "ecr");
    let fake = testkit::Registry::builder().basic("AWS", Aws::PASSWORD).start();
    image().push(&fake, "app", "1");
    let host = format!("{ECR}:{}", fake.addr().port());
    let reference: Reference = format!("{host}/app:1").parse().unwrap();
    let settings = Settings { retries: 0, plain_http: vec![host], ..Settings::default() };
    let client = Client::with_resolver(settings, Arc::new(Here)).unwrap();
    let credentials = Credentials::find(&reference, &Keyring::empty(), &cloud(aws.user())).unwrap();
    let error =
        Registry::new(client, &reference, credentials, Limits::default()).unwrap().resolve().unwrap_err();
    assert!(error.to_string().contains("not sent without TLS"), "{error}");
    assert!(aws.service().requests().is_empty());
    assert!(fake.requests().iter().all(|r| r.header("authorization").is_none()));
}
