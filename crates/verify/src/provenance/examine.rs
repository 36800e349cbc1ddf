//! A verified provenance against its certificate and against what is expected.

use plimsoll_core::{Digest, Limits, Purl};
use serde::Serialize;
use serde_json::Value;

use super::level::{GITHUB, level};
use super::{Aspect, Finding, Form, Level, Provenance, Repository, RequiredMaterial, Source};
use crate::error::excerpt;
use crate::{CertificateIdentity, Claim, Error, Signer, Statement, Subject, Text, Verified};

/// What older provenances of GitHub's call the builder; whose machine it was may stand behind it.
const RUNNER: &str = "https://github.com/actions/runner";

/// What a provenance has to say. What is not set is not asked for.
#[derive(Debug, Clone, Default)]
pub struct Expected {
    /// Who ran the build.
    pub builder: Option<Text>,
    /// What the parameters mean.
    pub build_type: Option<Text>,
    /// What was built.
    pub repository: Option<Repository>,
    /// The whole ref: `refs/heads/main` is neither `main` nor `refs/tags/main`.
    pub reference: Option<Text>,
    /// The commit.
    pub commit: Option<String>,
    /// The file that says how to build.
    pub config: Option<String>,
    /// External parameters, and their values.
    pub parameters: Vec<(String, String)>,
    /// No external parameter may be there that neither `parameters` names nor the build type itself has: whoever could set
    /// it could have changed the result (SLSA v1.0, "Verifying artifacts", step 2).
    pub no_other_parameters: bool,
    /// What has to have gone in.
    pub materials: Vec<RequiredMaterial>,
    /// Each material has a digest, and there is one.
    pub pinned_materials: bool,
    /// At least this level.
    pub level: Option<Level>,
    /// Builders, by their whole identifier, and which level each reaches when somebody trusted signed for it.
    pub builders: Vec<(String, Level)>,
    /// What the subject with the artifact's digest is called. A name authorises nothing; this can only refuse.
    pub subject_name: Option<String>,
}

/// A provenance that somebody trusted signed, and what became of each expectation.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ExaminedProvenance {
    /// What it says.
    pub provenance: Provenance,
    /// What was built: as the certificate says where it does, else as the provenance says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<Origin>,
    /// The level that it shows.
    pub level: Level,
    /// Everything that was compared.
    pub findings: Vec<Finding>,
}

/// What is known of where the artifact comes from.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Origin {
    /// The repository.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repository: Option<Repository>,
    /// The ref.
    #[serde(rename = "ref", skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// The commit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
}

impl ExaminedProvenance {
    /// Whether everything is as expected.
    pub fn holds(&self) -> bool {
        self.findings.iter().all(|finding| finding.holds)
    }

    /// The first thing that is not.
    pub fn difference(&self) -> Option<&Finding> {
        self.findings.iter().find(|finding| !finding.holds)
    }
}

/// Compares a verified provenance of `about` with its certificate and with what is expected.
///
/// 1. **Form.** The predicate type is one that is read, as a whole URI and version, and the predicate has its form: a build type
///    that says where its source stands has it there.
/// 2. **Certificate.** Repository, ref, commit, build configuration, event, runner, run and builder, as far as both the provenance
///    and the certificate state them, are the same. The issuer vouches for the certificate; the predicate is only what the
///    build wrote. This is not for the caller to waive.
/// 3. **Subject.** Of npm's publish attestation, the package URL and the predicate name the same version.
/// 4. **Expectations.** Each one that is set, over the whole text. What the provenance does not say does not hold.
pub fn examine(
    attestation: &Verified<Statement>,
    about: &Digest,
    expected: &Expected,
    limits: &Limits,
) -> Result<ExaminedProvenance, Error> {
    let statement = attestation.value();
    let provenance = Provenance::read(statement, limits)?;
    let certificate = match attestation.signer() {
        Signer::Certificate(certificate) => Some(certificate.as_ref()),
        Signer::Key(_) => None,
    };
    let mut findings = Findings(Vec::new());
    if let Some(certificate) = certificate {
        findings.certificate(&provenance, certificate);
    }
    let subjects: Vec<&Subject> = statement.naming(about).collect();
    findings.subject(&provenance, &subjects);
    // Of a provenance that contradicts its certificate nothing is known; what somebody expects of it changes no level.
    let level = level(&provenance, certificate, &expected.builders, findings.hold());
    findings.subject_name(&subjects, expected);
    let source = origin(&provenance, certificate);
    findings.origin(source.as_ref(), expected);
    findings.text(Aspect::Builder, provenance.builder.as_deref(), expected.builder.as_ref());
    findings.text(Aspect::BuildType, provenance.build_type.as_deref(), expected.build_type.as_ref());
    if let Some(config) = &expected.config {
        findings.add(Aspect::BuildConfig, provenance.config.as_deref(), config, |got| got == config);
    }
    findings.parameters(&provenance, expected);
    findings.materials(&provenance, expected);
    if let Some(wanted) = expected.level {
        findings
            .add(Aspect::Level, Some(&level.to_string()), &format!("{wanted} or more"), |_| level >= wanted);
    }
    Ok(ExaminedProvenance { provenance, source, level, findings: findings.0 })
}

struct Findings(Vec<Finding>);

impl Findings {
    fn hold(&self) -> bool {
        self.0.iter().all(|finding| finding.holds)
    }

    fn add(&mut self, aspect: Aspect, got: Option<&str>, expected: &str, holds: impl Fn(&str) -> bool) {
        self.push(aspect, None, got.is_some_and(holds), got, expected);
    }

    fn push(&mut self, aspect: Aspect, of: Option<&str>, holds: bool, got: Option<&str>, expected: &str) {
        let got = got.map_or_else(|| "nothing".to_owned(), shown);
        let (of, expected) = (of.map(excerpt), shown(expected));
        self.0.push(Finding { aspect, of, holds, got, expected });
    }

    fn text(&mut self, aspect: Aspect, got: Option<&str>, expected: Option<&Text>) {
        if let Some(expected) = expected {
            self.add(aspect, got, &expected.to_string(), |got| expected.matches(got));
        }
    }

    /// Step 2.
    fn certificate(&mut self, provenance: &Provenance, certificate: &CertificateIdentity) {
        let mut same = |claim: Claim, stated: Option<&str>, is: &dyn Fn(&str, &str) -> bool| {
            if let (Some(stated), Some(vouched)) = (stated, certificate.claims.get(&claim)) {
                self.push(
                    Aspect::Certificate,
                    Some(claim.name()),
                    is(stated, vouched),
                    Some(stated),
                    vouched,
                );
            }
        };
        let equal = |stated: &str, vouched: &str| stated == vouched;
        let source = provenance.source.as_ref();
        let repository = source.map(|source| source.repository.as_str());
        same(Claim::SourceRepository, repository, &|stated, vouched| {
            vouched.parse::<Repository>().is_ok_and(|vouched| vouched.as_str() == stated)
        });
        same(Claim::SourceRef, source.and_then(|source| source.reference.as_deref()), &equal);
        same(Claim::SourceDigest, source.and_then(|source| source.commit.as_deref()), &equal);
        same(Claim::BuildTrigger, provenance.trigger.as_deref(), &equal);
        same(Claim::RunnerEnvironment, provenance.runner.as_deref(), &equal);
        same(Claim::SourceRepositoryId, provenance.repository_id.as_deref(), &equal);
        same(Claim::SourceOwnerId, provenance.owner_id.as_deref(), &equal);
        if let (Some(repository), Some(path)) = (repository, provenance.config.as_deref()) {
            // The ref of the configuration may rightly be another one than that of the source. npm's client puts repository
            // and ref around the path; a configuration of another repository has an address of another form.
            let vouched = certificate.claims.get(&Claim::BuildConfig).map_or("", String::as_str);
            let slashes = if vouched.starts_with(&format!("{repository}//")) { "//" } else { "/" };
            if slashes == "//" || provenance.is_workflow() || path.starts_with(".github/workflows/") {
                let stated = format!("{repository}{slashes}{path}");
                same(Claim::BuildConfig, Some(&stated), &|stated, vouched| {
                    vouched.split_once('@').is_some_and(|(vouched, _)| vouched == stated)
                });
            }
        }
        let vouched = certificate.claims.get(&Claim::RunInvocation).map_or("", String::as_str);
        // Where the build type says that it is the run's address, it is compared whatever it looks like.
        let addressed = |run: &str| host(run).is_some() && host(run) == host(vouched);
        let run = provenance.invocation.as_deref().filter(|run| provenance.is_workflow() || addressed(run));
        same(Claim::RunInvocation, run, &equal);
        // GitHub's builders are called by the workflow that signed, or, as of older ones, by the kind of machine.
        if let Some(id) = &provenance.builder {
            let machine = id.strip_prefix(RUNNER);
            if let Some(environment) = machine.and_then(|rest| rest.strip_prefix('/')) {
                same(Claim::RunnerEnvironment, Some(environment), &equal);
            } else if machine != Some("") && (provenance.is_workflow() || id.contains("/.github/workflows/"))
            {
                same(Claim::BuildSignerUri, Some(id), &equal);
            }
        }
    }

    /// Step 3.
    fn subject(&mut self, provenance: &Provenance, subjects: &[&Subject]) {
        if provenance.form == Form::NpmPublish {
            let stated =
                |name: &str| provenance.parameters.get(name).and_then(Value::as_str).unwrap_or_default();
            let wanted = format!("{}@{}", stated("name"), stated("version"));
            let got: Vec<String> =
                names(subjects).map(|name| npm_version(name).unwrap_or_else(|| name.to_owned())).collect();
            let holds = got.contains(&wanted);
            self.push(Aspect::SubjectName, None, holds, got.first().map(String::as_str), &wanted);
        }
    }

    fn subject_name(&mut self, subjects: &[&Subject], expected: &Expected) {
        if let Some(wanted) = &expected.subject_name {
            let holds = names(subjects).any(|name| same_name(name, wanted));
            self.push(Aspect::SubjectName, None, holds, names(subjects).next(), wanted);
        }
    }

    fn origin(&mut self, origin: Option<&Origin>, expected: &Expected) {
        if let Some(wanted) = &expected.repository {
            let got = origin.and_then(|origin| origin.repository.as_ref());
            let holds = got == Some(wanted);
            self.push(Aspect::SourceRepository, None, holds, got.map(Repository::as_str), wanted.as_str());
        }
        let reference = origin.and_then(|origin| origin.reference.as_deref());
        self.text(Aspect::SourceRef, reference, expected.reference.as_ref());
        if let Some(commit) = &expected.commit {
            let got = origin.and_then(|origin| origin.commit.as_deref());
            self.add(Aspect::SourceDigest, got, commit, |got| got == commit);
        }
    }

    fn parameters(&mut self, provenance: &Provenance, expected: &Expected) {
        for (name, wanted) in &expected.parameters {
            let got = provenance.parameter(name).map(plain);
            self.push(Aspect::Parameter, Some(name), got.as_ref() == Some(wanted), got.as_deref(), wanted);
        }
        if expected.no_other_parameters {
            let other = provenance.other_parameter(&expected.parameters);
            let got = other.as_deref().unwrap_or("no other parameter");
            self.push(Aspect::Parameter, None, other.is_none(), Some(got), "no other parameter");
        }
    }

    fn materials(&mut self, provenance: &Provenance, expected: &Expected) {
        for wanted in &expected.materials {
            // Where one thing is listed twice, with two digests, nobody knows which of them went in.
            let mut named = provenance.materials.iter().filter(|material| wanted.names(material)).peekable();
            let (there, other) = (named.peek().copied(), named.find(|material| !wanted.is(material)));
            let got = other.or(there).map(ToString::to_string);
            let holds = there.is_some() && other.is_none();
            self.push(Aspect::Material, None, holds, got.as_deref(), &wanted.to_string());
        }
        if expected.pinned_materials {
            let loose = provenance.materials.iter().find(|material| !material.is_pinned());
            let got = match (loose, provenance.materials.len()) {
                (Some(loose), _) => Some(format!("{loose} without one")),
                (None, 0) => None,
                (None, count) => Some(format!("{count} with a digest")),
            };
            let holds = loose.is_none() && !provenance.materials.is_empty();
            self.push(Aspect::Material, None, holds, got.as_deref(), "a digest of each material");
        }
    }
}

/// The source: the certificate's word comes first.
fn origin(provenance: &Provenance, certificate: Option<&CertificateIdentity>) -> Option<Origin> {
    let claim = |claim| certificate.and_then(|certificate| certificate.claims.get(&claim));
    let stated = provenance.source.as_ref();
    let repository = match claim(Claim::SourceRepository) {
        // An address that cannot be read is no reason to believe the build instead.
        Some(vouched) => vouched.parse().ok(),
        // Certificates of before 2023 say it in a form of their own, which is not read.
        None if certificate.is_some_and(|certificate| certificate.issuer == GITHUB) => None,
        None => stated.map(|source| source.repository.clone()),
    };
    let or = |vouched: Option<&String>, stated: Option<&String>| vouched.or(stated).cloned();
    let part = |of: fn(&Source) -> Option<&String>| stated.and_then(of);
    let origin = Origin {
        repository,
        reference: or(claim(Claim::SourceRef), part(|source| source.reference.as_ref())),
        commit: or(claim(Claim::SourceDigest), part(|source| source.commit.as_ref())),
    };
    (origin != Origin::default()).then_some(origin)
}

/// Scheme and host. Builds are known by addresses of other kinds as well, which no certificate has.
fn host(address: &str) -> Option<&str> {
    let rest = address.strip_prefix("https://")?;
    rest.split(['/', '?', '#']).next()
}

fn names<'a>(subjects: &[&'a Subject]) -> impl Iterator<Item = &'a str> {
    subjects.iter().map(|subject| subject.name.as_str()).filter(|name| !name.is_empty())
}

/// `pkg:npm/%40scope/name@1.0` as npm writes it: `@scope/name@1.0`.
fn npm_version(purl: &str) -> Option<String> {
    let purl: Purl = purl.parse().ok()?;
    if purl.package_type() != "npm" {
        return None;
    }
    let scope = purl.namespace().map(|scope| format!("{scope}/")).unwrap_or_default();
    Some(format!("{scope}{}@{}", purl.name(), purl.version()?))
}

/// The same text, or the same package URL in another spelling.
fn same_name(got: &str, wanted: &str) -> bool {
    let purl = |text: &str| text.parse::<Purl>().ok();
    got == wanted || purl(wanted).is_some_and(|wanted| purl(got) == Some(wanted))
}

/// An address with a digest behind it has to be seen as a whole, or nobody can tell two of them apart.
fn shown(text: &str) -> String {
    const SHOWN: usize = 512;
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

/// A parameter's value as it is typed: a text without quotes.
fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
