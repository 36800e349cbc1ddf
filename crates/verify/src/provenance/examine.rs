//! Compares a verified provenance with its certificate and with the expectations.

use plimsoll_core::{Digest, Limits, Purl};
use serde::Serialize;
use serde_json::Value;

use super::level::{GITHUB, WORKFLOWS, level};
use super::{Aspect, Finding, Form, Level, Provenance, Repository, RequiredMaterial};
use crate::error::excerpt;
use crate::{CertificateIdentity, Claim, Error, Signer, Statement, Subject, Text, Verified};

/// The builder's name in older GitHub provenances; the kind of machine may follow it.
const RUNNER: &str = "https://github.com/actions/runner";

/// Expectations about a provenance. Unset ones are not checked.
#[derive(Debug, Clone, Default)]
pub struct Expected {
    /// Who ran the build.
    pub builder: Option<Text>,
    /// The build type.
    pub build_type: Option<Text>,
    /// What was built.
    pub repository: Option<Repository>,
    /// The whole ref: `refs/heads/main` is neither `main` nor `refs/tags/main`.
    pub reference: Option<Text>,
    /// The commit.
    pub commit: Option<String>,
    /// The build configuration.
    pub config: Option<String>,
    /// External parameters and their values.
    pub parameters: Vec<(String, String)>,
    /// Whether external parameters are refused that are neither in `parameters` nor part of the build type itself:
    /// anybody who could set one could have changed the result (SLSA v1.0, "Verifying artifacts", step 2).
    pub no_other_parameters: bool,
    /// The required materials.
    pub materials: Vec<RequiredMaterial>,
    /// Whether there must be materials, each with a digest.
    pub pinned_materials: bool,
    /// At least this level.
    pub level: Option<Level>,
    /// Builders, by their whole identifier, with the level that each reaches if a trusted signer signed for it.
    pub builders: Vec<(String, Level)>,
    /// The name of the subject with the artifact's digest. A name authorises nothing; this can only refuse.
    pub subject_name: Option<String>,
}

/// A provenance from a trusted signer, and the result of each expectation.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ExaminedProvenance {
    /// Its content.
    pub provenance: Provenance,
    /// What was built: from the certificate if it says so, else from the provenance.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<Origin>,
    /// The level that it shows.
    pub level: Level,
    /// Everything that was compared.
    pub findings: Vec<Finding>,
}

/// What is known about the artifact's source.
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

    /// The first difference.
    pub fn difference(&self) -> Option<&Finding> {
        self.findings.iter().find(|finding| !finding.holds)
    }
}

/// Compares a verified provenance of `about` with its certificate and with the expectations.
///
/// 1. **Form.** The predicate type is supported, as a whole URI and version, and the predicate has its form: if the
///    build type defines where the source is, it is there.
/// 2. **Certificate.** Repository, ref, commit, build configuration, event, runner, run and builder, as far as both the
///    provenance and the certificate state them, are the same. The issuer vouches for the certificate, while the build
///    wrote the predicate. The caller cannot waive this.
/// 3. **Subject.** In npm's publish attestation, the package URL and the predicate name the same version.
/// 4. **Expectations.** Each one that is set, over the whole text. A part that the provenance lacks does not match.
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
    // A provenance that contradicts its certificate proves nothing; expectations do not change the level.
    let level = level(&provenance, certificate, &expected.builders, findings.hold());
    findings.subject_name(&subjects, expected);
    let source = origin(&provenance, certificate);
    findings.origin(source.as_ref(), expected);
    findings.text(Aspect::Builder, provenance.builder.as_deref(), expected.builder.as_ref());
    findings.text(Aspect::BuildType, provenance.build_type.as_deref(), expected.build_type.as_ref());
    if let Some(config) = &expected.config {
        let got = match workload(certificate) {
            Some(certificate) => config_of(certificate),
            None => provenance.config.clone(),
        };
        findings.add(Aspect::BuildConfig, got.as_deref(), config, |got| got == config);
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
            let both = vouched.parse::<Repository>().ok().zip(stated.parse::<Repository>().ok());
            both.is_some_and(|(vouched, stated)| vouched.is(&stated))
        });
        same(Claim::SourceRef, source.and_then(|source| source.reference.as_deref()), &equal);
        same(Claim::SourceDigest, source.and_then(|source| source.commit.as_deref()), &equal);
        same(Claim::BuildTrigger, provenance.trigger.as_deref(), &equal);
        same(Claim::RunnerEnvironment, provenance.runner.as_deref(), &equal);
        same(Claim::SourceRepositoryId, provenance.repository_id.as_deref(), &equal);
        same(Claim::SourceOwnerId, provenance.owner_id.as_deref(), &equal);
        // Elsewhere a configuration may be called by the name of a job, or be another file than the one that ran.
        let stated = provenance.config.as_deref();
        if let (Some(stated), Some(vouched)) = (stated, config_of(certificate))
            && (provenance.is_workflow() || stated.starts_with(".github/workflows/") || stated == vouched)
        {
            same(Claim::BuildConfig, Some(stated), &|stated, _| stated == vouched);
        }
        let vouched = certificate.claims.get(&Claim::RunInvocation).map_or("", String::as_str);
        // If the build type says that it is the run's address, it is compared whatever its form.
        let addressed = |run: &str| host(run).is_some() && host(run) == host(vouched);
        let run = provenance.invocation.as_deref().filter(|run| provenance.is_workflow() || addressed(run));
        same(Claim::RunInvocation, run, &equal);
        if let Some(id) = &provenance.builder {
            self.builder(id, certificate);
        }
    }

    /// The builder is who the certificate says that it is, in whatever form the build writes about itself.
    fn builder(&mut self, id: &str, certificate: &CertificateIdentity) {
        let claim = |claim| certificate.claims.get(&claim).map(String::as_str);
        let mut same = |claim: Claim, holds: bool, vouched: &str| {
            self.push(Aspect::Certificate, Some(claim.name()), holds, Some(id), vouched);
        };
        // GitHub's certificates are for the workflow that signed, also where they do not say so in a claim of its own.
        let subject = (certificate.issuer == GITHUB).then_some(certificate.subject.as_str());
        let run = claim(Claim::RunInvocation);
        match claim(Claim::BuildSignerUri).or(subject) {
            Some(signer) if signer.contains(WORKFLOWS) => match id.strip_prefix(RUNNER) {
                // Older provenances name the kind of machine.
                Some("") => {}
                Some(kind) => {
                    let vouched = claim(Claim::RunnerEnvironment);
                    let holds = vouched.is_some() && kind.strip_prefix('/') == vouched;
                    same(Claim::RunnerEnvironment, holds, vouched.unwrap_or("nothing"));
                }
                // A delegator signs for the workflow that called it, and names that one.
                None if is_delegator(signer) => {}
                // BuildKit names the run.
                None if run.is_some_and(|run| run == id || run.starts_with(&format!("{id}/attempts/"))) => {}
                None => same(Claim::BuildSignerUri, id == signer, signer),
            },
            signer => {
                // Others name machines and pipelines, which no certificate has, and always their own.
                let vouched = signer.and_then(host).or_else(|| run.and_then(host));
                if let Some(vouched) = vouched
                    && host(id) != Some(vouched)
                {
                    same(Claim::BuildSignerUri, false, vouched);
                }
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
            let holds = got.is_some_and(|got| got.is(wanted));
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
            // If a material is listed twice with different digests, it is unknown which one was used.
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

/// The certificate, if it is one for a workload. What it does not say is unknown then: the build that it was issued to wrote
/// the predicate. A person or a service that signs for others vouches for all of it.
fn workload(certificate: Option<&CertificateIdentity>) -> Option<&CertificateIdentity> {
    certificate.filter(|certificate| !certificate.claims.is_empty() || certificate.issuer == GITHUB)
}

/// The source: what the certificate says, if it is for a workload.
fn origin(provenance: &Provenance, certificate: Option<&CertificateIdentity>) -> Option<Origin> {
    let stated = provenance.source.as_ref();
    let origin = match workload(certificate) {
        Some(certificate) => {
            let claim = |claim| certificate.claims.get(&claim);
            Origin {
                // An unreadable address is no reason to trust the build instead.
                repository: claim(Claim::SourceRepository).and_then(|vouched| vouched.parse().ok()),
                reference: claim(Claim::SourceRef).cloned(),
                commit: claim(Claim::SourceDigest).cloned(),
            }
        }
        None => Origin {
            repository: stated.map(|source| source.repository.clone()),
            reference: stated.and_then(|source| source.reference.clone()),
            commit: stated.and_then(|source| source.commit.clone()),
        },
    };
    (origin != Origin::default()).then_some(origin)
}

/// The path of the configuration that ran, by the certificate: within the repository, or the whole address of one
/// elsewhere. GitLab puts two slashes before the path, since its groups nest. The ref may rightly be another than the
/// source's.
fn config_of(certificate: &CertificateIdentity) -> Option<String> {
    let whole = certificate.claims.get(&Claim::BuildConfig)?;
    let address = whole.split_once("@refs/").or_else(|| whole.split_once('@'));
    let address = address.map_or(whole.as_str(), |(address, _)| address);
    let within = match certificate.claims.get(&Claim::SourceRepository) {
        Some(repository) => address.split_at_checked(repository.len()).and_then(|(head, path)| {
            let same = head.parse::<Repository>().ok()?.is(&repository.parse().ok()?);
            path.strip_prefix("//").or_else(|| path.strip_prefix('/')).filter(|_| same)
        }),
        None => address.find(WORKFLOWS).and_then(|start| address.get(start + 1..)),
    };
    Some(within.unwrap_or(address).to_owned())
}

/// Whether a workflow is one of those that sign for builders of others ("bring your own builder" of the SLSA generators),
/// in a released version.
fn is_delegator(signer: &str) -> bool {
    const WORKFLOWS: &str = "https://github.com/slsa-framework/slsa-github-generator/.github/workflows/";
    let Some((name, reference)) = signer.strip_prefix(WORKFLOWS).and_then(|rest| rest.split_once('@')) else {
        return false;
    };
    let released = reference.strip_prefix("refs/tags/v").is_some_and(|version| {
        let parts: Vec<&str> = version.split('.').collect();
        parts.len() == 3 && parts.iter().all(|part| part.parse::<u32>().is_ok())
    });
    released && ["delegator_generic_slsa3.yml", "delegator_lowperms-generic_slsa3.yml"].contains(&name)
}

/// Scheme and host. Builds also use addresses of other kinds, which no certificate has.
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

/// An address with a digest must be shown in full, or two of them look the same.
fn shown(text: &str) -> String {
    const SHOWN: usize = 512;
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

/// A parameter's value as users type it: a text without quotes.
fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
