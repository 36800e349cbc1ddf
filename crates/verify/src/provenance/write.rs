//! Writing a provenance in SLSA v1, from the build environment and the caller's additions.

use std::collections::BTreeMap;

use plimsoll_core::Timestamp;
use serde_json::{Map, Value, json};

use super::{Material, Repository, Source};
use crate::Error;
use crate::error::excerpt;

/// The build type outside GitHub's workflows, and for any build with parameters. Its external parameters are `source`
/// (`repository`, `ref`), `config` (`path`) and those that the caller names; see `docs/provenance.md`.
pub const CI_BUILD_TYPE: &str = "https://plimsoll.dev/buildtypes/ci/v1";

const GITHUB_BUILD_TYPE: &str = "https://actions.github.io/buildtypes/workflow/v1";

/// Parameter names that the build types use themselves.
const RESERVED: [&str; 4] = ["source", "config", "workflow", "buildConfigSource"];

/// The facts about a build.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Build {
    /// Who ran it: a URI. Required for writing.
    pub builder: Option<String>,
    /// Versions of the builder's parts, by name.
    pub tools: BTreeMap<String, String>,
    /// The build type, if it is neither of the two known ones.
    pub build_type: Option<String>,
    /// What was built.
    pub source: Option<Source>,
    /// The build configuration.
    pub config: Option<String>,
    /// The external parameters.
    pub parameters: BTreeMap<String, String>,
    /// The builder's internal parameters.
    pub internal: Map<String, Value>,
    /// The inputs besides the source.
    pub materials: Vec<Material>,
    /// The outputs besides the subjects: logs, verdicts.
    pub byproducts: Vec<Material>,
    /// The run.
    pub invocation: Option<String>,
    /// When it started.
    pub started: Option<Timestamp>,
    /// When it ended.
    pub finished: Option<Timestamp>,
    github: bool,
}

impl Build {
    /// The build from the variables of GitHub's workflows and of GitLab's or Buildkite's jobs; an empty one outside of
    /// them. An invalid variable is an error: an unnoticed gap in a provenance would be worse.
    pub fn from_environment(variable: &dyn Fn(&str) -> Option<String>) -> Result<Self, Error> {
        let variables = Variables(variable);
        if variables.is("GITHUB_ACTIONS") {
            github(&variables)
        } else if variables.is("GITLAB_CI") {
            gitlab(&variables)
        } else if variables.is("BUILDKITE") {
            buildkite(&variables)
        } else {
            Ok(Self::default())
        }
    }

    /// The predicate of type `https://slsa.dev/provenance/v1`.
    pub fn to_predicate(&self) -> Result<Value, Error> {
        let Some(builder) = self.builder.as_deref().filter(|builder| !builder.is_empty()) else {
            return Err(Error::ProvenanceInput {
                what: "builder",
                got: String::new(),
                expected: "a URI, from the build environment or named by the caller",
            });
        };
        // Followed by a dot, such a name would look like one of their members.
        let reserved =
            |name: &&String| name.is_empty() || RESERVED.contains(&name.split('.').next().unwrap_or(name));
        if let Some(name) = self.parameters.keys().find(reserved) {
            let expected = "a name other than source, config, workflow and buildConfigSource";
            return Err(Error::ProvenanceInput { what: "parameter", got: excerpt(name), expected });
        }
        let (build_type, mut external) = self.external();
        external
            .extend(self.parameters.iter().map(|(name, value)| (name.clone(), Value::from(value.as_str()))));
        let mut dependencies: Vec<Value> = self.source.iter().map(of_source).collect();
        dependencies.extend(self.materials.iter().map(Material::to_value));
        let mut definition = json!({"buildType": build_type, "externalParameters": external});
        put(&mut definition, "internalParameters", (!self.internal.is_empty()).then(|| json!(self.internal)));
        put(&mut definition, "resolvedDependencies", (!dependencies.is_empty()).then(|| json!(dependencies)));
        let mut run = json!({"builder": {"id": builder}});
        let versions = (!self.tools.is_empty()).then(|| json!(self.tools));
        if let Some(builder) = run.get_mut("builder") {
            put(builder, "version", versions);
        }
        let mut metadata = json!({});
        put(&mut metadata, "invocationId", self.invocation.as_ref().map(|run| json!(run)));
        put(&mut metadata, "startedOn", self.started.map(|time| json!(time)));
        put(&mut metadata, "finishedOn", self.finished.map(|time| json!(time)));
        let known = metadata.as_object().is_some_and(|all| !all.is_empty());
        put(&mut run, "metadata", known.then_some(metadata));
        let byproducts: Vec<Value> = self.byproducts.iter().map(Material::to_value).collect();
        put(&mut run, "byproducts", (!byproducts.is_empty()).then(|| json!(byproducts)));
        Ok(json!({"buildDefinition": definition, "runDetails": run}))
    }

    /// The build type and its own parameters. GitHub's allows none besides the workflow.
    fn external(&self) -> (&str, Map<String, Value>) {
        let mut external = Map::new();
        let source = self.source.as_ref();
        let reference = source.and_then(|source| source.reference.as_deref());
        if let (true, true, None, Some(source), Some(reference), Some(path)) =
            (self.github, self.parameters.is_empty(), &self.build_type, source, reference, &self.config)
        {
            let workflow = json!({"repository": source.repository, "ref": reference, "path": path});
            external.insert("workflow".into(), workflow);
            return (GITHUB_BUILD_TYPE, external);
        }
        if let Some(source) = source {
            let mut stated = json!({"repository": source.repository});
            put(&mut stated, "ref", reference.map(Value::from));
            external.insert("source".into(), stated);
        }
        if let Some(path) = &self.config {
            external.insert("config".into(), json!({"path": path}));
        }
        (self.build_type.as_deref().unwrap_or(CI_BUILD_TYPE), external)
    }
}

fn of_source(source: &Source) -> Value {
    let at = source.reference.as_ref().map(|reference| format!("@{reference}")).unwrap_or_default();
    let mut dependency = json!({"uri": format!("git+{}{at}", source.repository)});
    put(&mut dependency, "digest", source.commit.as_ref().map(|commit| json!({"gitCommit": commit})));
    dependency
}

fn put(object: &mut Value, name: &str, value: Option<Value>) {
    if let (Some(members), Some(value)) = (object.as_object_mut(), value) {
        members.insert(name.to_owned(), value);
    }
}

/// The environment of a build.
struct Variables<'a>(&'a dyn Fn(&str) -> Option<String>);

impl Variables<'_> {
    fn get(&self, name: &str) -> Option<String> {
        (self.0)(name).filter(|value| !value.is_empty())
    }

    fn is(&self, name: &str) -> bool {
        self.get(name).as_deref() == Some("true")
    }

    fn need(&self, name: &'static str) -> Result<String, Error> {
        self.get(name).ok_or(Error::ProvenanceInput {
            what: name,
            got: String::new(),
            expected: "a variable that the build environment sets",
        })
    }

    fn commit(&self, name: &'static str) -> Result<String, Error> {
        let commit = self.need(name)?;
        if matches!(commit.len(), 40 | 64) && commit.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Ok(commit.to_ascii_lowercase());
        }
        Err(Error::ProvenanceInput {
            what: name,
            got: excerpt(&commit),
            expected: "the whole digest of a commit",
        })
    }

    /// The set variables among these, under other names.
    fn collect(&self, names: &[(&str, &str)]) -> Map<String, Value> {
        let each =
            names.iter().filter_map(|(key, name)| Some(((*key).to_owned(), Value::from(self.get(name)?))));
        each.collect()
    }
}

fn github(variables: &Variables<'_>) -> Result<Build, Error> {
    let server = variables.get("GITHUB_SERVER_URL").unwrap_or_else(|| "https://github.com".to_owned());
    let name = variables.need("GITHUB_REPOSITORY")?;
    let repository: Repository = format!("{server}/{name}").parse()?;
    // `team/app/.github/workflows/release.yml@refs/heads/main`
    let workflow = variables.need("GITHUB_WORKFLOW_REF")?;
    let path = workflow.split_once('@').and_then(|(path, _)| path.strip_prefix(&format!("{name}/")));
    let (run, attempt) = (variables.need("GITHUB_RUN_ID")?, variables.get("GITHUB_RUN_ATTEMPT"));
    let internal = variables.collect(&[
        ("event_name", "GITHUB_EVENT_NAME"),
        ("repository_id", "GITHUB_REPOSITORY_ID"),
        ("repository_owner_id", "GITHUB_REPOSITORY_OWNER_ID"),
        ("runner_environment", "RUNNER_ENVIRONMENT"),
    ]);
    let runner = variables.collect(&[
        ("os", "RUNNER_OS"),
        ("arch", "RUNNER_ARCH"),
        ("image", "ImageOS"),
        ("image_version", "ImageVersion"),
    ]);
    let mut build = Build {
        builder: Some(format!("{server}/{workflow}")),
        config: path.map(str::to_owned),
        invocation: Some(format!(
            "{repository}/actions/runs/{run}/attempts/{}",
            attempt.as_deref().unwrap_or("1")
        )),
        source: Some(Source {
            repository,
            reference: Some(variables.need("GITHUB_REF")?),
            commit: Some(variables.commit("GITHUB_SHA")?),
        }),
        github: true,
        ..Build::default()
    };
    build.internal.insert("github".into(), Value::Object(internal));
    if !runner.is_empty() {
        build.internal.insert("runner".into(), Value::Object(runner));
    }
    Ok(build)
}

fn gitlab(variables: &Variables<'_>) -> Result<Build, Error> {
    let project = variables.need("CI_PROJECT_URL")?;
    let reference = match (variables.get("CI_COMMIT_TAG"), variables.get("CI_COMMIT_BRANCH")) {
        (Some(tag), _) => Some(format!("refs/tags/{tag}")),
        (None, Some(branch)) => Some(format!("refs/heads/{branch}")),
        (None, None) => variables.get("CI_MERGE_REQUEST_REF_PATH"),
    };
    let internal = variables.collect(&[
        ("job", "CI_JOB_NAME"),
        ("job_id", "CI_JOB_ID"),
        ("pipeline_source", "CI_PIPELINE_SOURCE"),
        ("project_id", "CI_PROJECT_ID"),
        ("runner_id", "CI_RUNNER_ID"),
        ("runner_version", "CI_RUNNER_VERSION"),
        ("architecture", "CI_RUNNER_EXECUTABLE_ARCH"),
        ("image", "CI_JOB_IMAGE"),
    ]);
    let started = variables.get("CI_JOB_STARTED_AT").and_then(|time| time.parse().ok());
    Ok(Build {
        // As GitLab's runner names itself.
        builder: Some(format!("{project}/-/runners/{}", variables.need("CI_RUNNER_ID")?)),
        source: Some(Source {
            repository: project.parse()?,
            reference,
            commit: Some(variables.commit("CI_COMMIT_SHA")?),
        }),
        config: Some(variables.get("CI_CONFIG_PATH").unwrap_or_else(|| ".gitlab-ci.yml".to_owned())),
        internal: Map::from_iter([("gitlab".to_owned(), Value::Object(internal))]),
        invocation: Some(variables.need("CI_JOB_URL")?),
        started,
        ..Build::default()
    })
}

fn buildkite(variables: &Variables<'_>) -> Result<Build, Error> {
    let (organisation, pipeline) =
        (variables.need("BUILDKITE_ORGANIZATION_SLUG")?, variables.need("BUILDKITE_PIPELINE_SLUG")?);
    let reference = match (variables.get("BUILDKITE_TAG"), variables.get("BUILDKITE_BRANCH")) {
        (Some(tag), _) => Some(format!("refs/tags/{tag}")),
        (None, branch) => branch.map(|branch| format!("refs/heads/{branch}")),
    };
    let internal = variables.collect(&[
        ("source", "BUILDKITE_SOURCE"),
        ("job_id", "BUILDKITE_JOB_ID"),
        ("agent_id", "BUILDKITE_AGENT_ID"),
        ("step_key", "BUILDKITE_STEP_KEY"),
        ("pull_request", "BUILDKITE_PULL_REQUEST"),
    ]);
    Ok(Build {
        builder: Some(format!("https://buildkite.com/{organisation}/{pipeline}")),
        source: Some(Source {
            repository: over_https(&variables.need("BUILDKITE_REPO")?).parse()?,
            reference,
            commit: Some(variables.commit("BUILDKITE_COMMIT")?),
        }),
        internal: Map::from_iter([("buildkite".to_owned(), Value::Object(internal))]),
        // As certificates for its jobs name the run.
        invocation: Some(format!(
            "{}#{}",
            variables.need("BUILDKITE_BUILD_URL")?,
            variables.need("BUILDKITE_JOB_ID")?
        )),
        ..Build::default()
    })
}

/// `git@HOST:PATH` and `ssh://git@HOST/PATH` are addresses for cloning; the repository is `https://HOST/PATH`.
fn over_https(address: &str) -> String {
    if let Some(rest) = address.strip_prefix("ssh://git@") {
        return format!("https://{rest}");
    }
    match address.strip_prefix("git@").and_then(|rest| rest.split_once(':')) {
        Some((host, path)) => format!("https://{host}/{path}"),
        None => address.to_owned(),
    }
}
