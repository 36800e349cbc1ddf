//! From a statement of any supported form to a [`Provenance`].

use plimsoll_core::{Limits, Timestamp};
use serde_json::{Map, Value};

use super::{Form, Material, Provenance, Repository, Source};
use crate::error::excerpt;
use crate::{Error, Statement, check_predicate};

/// GitHub's workflows: repository, ref and file are in `externalParameters.workflow`.
const WORKFLOW_TYPES: [&str; 2] = [
    "https://actions.github.io/buildtypes/workflow/v1",
    "https://slsa-framework.github.io/github-actions-buildtypes/workflow/v1",
];

impl Provenance {
    /// Whether it is of one of GitHub's own build types.
    pub(super) fn is_workflow(&self) -> bool {
        WORKFLOW_TYPES.iter().any(|known| self.build_type.as_deref() == Some(*known))
    }
}

pub(super) fn read(statement: &Statement, limits: &Limits) -> Result<Provenance, Error> {
    let form = Form::from_predicate_type(&statement.predicate_type)
        .ok_or_else(|| Error::NotProvenance { got: excerpt(&statement.predicate_type) })?;
    check_predicate(&statement.predicate_type, &statement.predicate, limits)?;
    let predicate = &statement.predicate;
    match form {
        Form::SlsaV1 => slsa_v1(predicate, &statement.predicate_type),
        Form::SlsaV0_2 => Ok(slsa_v0_2(predicate)),
        Form::NpmPublish | Form::PypiPublish => Ok(Provenance {
            parameters: predicate.as_object().cloned().unwrap_or_default(),
            ..Provenance::empty(form)
        }),
    }
}

fn slsa_v1(predicate: &Value, predicate_type: &str) -> Result<Provenance, Error> {
    let build_type = text(predicate, "/buildDefinition/buildType");
    let parameters = object(predicate, "/buildDefinition/externalParameters");
    let materials = materials(predicate.pointer("/buildDefinition/resolvedDependencies"));
    let internal = predicate.pointer("/buildDefinition/internalParameters");
    let stated_by = |pointer: &str| internal.and_then(|all| text(all, pointer));
    let github = |name: &str| stated_by(&format!("/github/{name}"));
    let (source, config) = if WORKFLOW_TYPES.iter().any(|known| build_type.as_deref() == Some(*known)) {
        workflow(&parameters, &materials, predicate_type)?
    } else {
        (stated(&parameters, &materials).or_else(|| only_repository(&materials)), config_of(&parameters))
    };
    Ok(Provenance {
        builder: text(predicate, "/runDetails/builder/id"),
        build_type,
        source,
        config,
        trigger: github("event_name")
            .or_else(|| stated_by("/gitlab/pipeline_source"))
            .or_else(|| stated_by("/buildkite/source")),
        runner: github("runner_environment"),
        repository_id: github("repository_id").or_else(|| stated_by("/gitlab/project_id")),
        owner_id: github("repository_owner_id"),
        parameters,
        materials,
        invocation: text(predicate, "/runDetails/metadata/invocationId"),
        started: time(predicate, "/runDetails/metadata/startedOn"),
        finished: time(predicate, "/runDetails/metadata/finishedOn"),
        ..Provenance::empty(Form::SlsaV1)
    })
}

fn slsa_v0_2(predicate: &Value) -> Provenance {
    let materials = materials(predicate.get("materials"));
    let source = match predicate.pointer("/invocation/configSource") {
        Some(config) => text(config, "/uri").and_then(|uri| {
            let (repository, reference) = Repository::with_ref(&uri).ok()?;
            let commit = digest(config, "sha1").or_else(|| digest(config, "gitCommit"));
            Some(Source { repository, reference: reference.map(str::to_owned), commit })
        }),
        None => only_repository(&materials),
    };
    // npm's client uses the variables' names, the SLSA generators use lower case.
    let environment = |name: &str| {
        let find = |name: &str| text(predicate, &format!("/invocation/environment/{name}"));
        find(name).or_else(|| find(&name.to_ascii_lowercase()))
    };
    Provenance {
        builder: text(predicate, "/builder/id"),
        build_type: text(predicate, "/buildType"),
        source,
        config: text(predicate, "/invocation/configSource/entryPoint"),
        trigger: environment("GITHUB_EVENT_NAME"),
        repository_id: environment("GITHUB_REPOSITORY_ID"),
        owner_id: environment("GITHUB_REPOSITORY_OWNER_ID"),
        parameters: object(predicate, "/invocation/parameters"),
        materials,
        invocation: text(predicate, "/metadata/buildInvocationId")
            .or_else(|| text(predicate, "/metadata/buildInvocationID")),
        started: time(predicate, "/metadata/buildStartedOn"),
        finished: time(predicate, "/metadata/buildFinishedOn"),
        ..Provenance::empty(Form::SlsaV0_2)
    }
}

/// The source of a GitHub workflow. The build type demands all three parts.
fn workflow(
    parameters: &Map<String, Value>,
    materials: &[Material],
    predicate_type: &str,
) -> Result<(Option<Source>, Option<String>), Error> {
    let member = |name: &str| {
        let found =
            parameters.get("workflow").and_then(|workflow| workflow.get(name)).and_then(Value::as_str);
        found.filter(|found| !found.is_empty()).ok_or_else(|| Error::Predicate {
            predicate_type: predicate_type.to_owned(),
            path: format!("predicate.buildDefinition.externalParameters.workflow.{name}"),
            problem: "is missing, expected a text, as the build type demands".to_owned(),
        })
    };
    let (repository, reference, path) = (member("repository")?, member("ref")?, member("path")?);
    let repository: Repository = repository.parse()?;
    let commit = commit_of(&repository, Some(reference), materials);
    Ok((Some(Source { repository, reference: Some(reference.to_owned()), commit }), Some(path.to_owned())))
}

/// The source in other build types' parameters: `source`, as an address or as an object, or `buildConfigSource`.
fn stated(parameters: &Map<String, Value>, materials: &[Material]) -> Option<Source> {
    let stated = parameters.get("source").or_else(|| parameters.get("buildConfigSource"))?;
    let address = match stated {
        Value::String(address) => address.as_str(),
        other => other.get("repository").or_else(|| other.get("uri"))?.as_str()?,
    };
    let (repository, within) = Repository::with_ref(address).ok()?;
    let reference = stated.get("ref").and_then(Value::as_str).or(within).map(str::to_owned);
    let commit = commit_of(&repository, reference.as_deref(), materials);
    Some(Source { repository, reference, commit })
}

fn config_of(parameters: &Map<String, Value>) -> Option<String> {
    let within = |name: &str| parameters.get(name).and_then(|stated| stated.get("path"));
    within("config").or_else(|| within("buildConfigSource")).and_then(Value::as_str).map(str::to_owned)
}

/// The only repository among the materials; `None` if there are several, because any of them may have been built.
fn only_repository(materials: &[Material]) -> Option<Source> {
    let mut found: Option<Source> = None;
    for material in materials.iter().filter(|material| material.is_repository()) {
        let (repository, reference) = Repository::with_ref(material.uri.as_deref()?).ok()?;
        let source = Source {
            repository,
            reference: reference.map(str::to_owned),
            commit: material.commit().map(str::to_owned),
        };
        if found.as_ref().is_some_and(|first| *first != source) {
            return None;
        }
        found = Some(source);
    }
    found
}

/// The commit of a repository among the materials, unless they name different ones.
fn commit_of(repository: &Repository, reference: Option<&str>, materials: &[Material]) -> Option<String> {
    let mut found: Option<&str> = None;
    for material in materials {
        let Some(Ok((of, at))) = material.uri.as_deref().map(Repository::with_ref) else { continue };
        if !of.is(repository) || (at.is_some() && reference.is_some() && at != reference) {
            continue;
        }
        let Some(commit) = material.commit() else { continue };
        if found.is_some_and(|first| first != commit) {
            return None;
        }
        found = Some(commit);
    }
    found.map(str::to_owned)
}

fn materials(list: Option<&Value>) -> Vec<Material> {
    let items = list.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    items.iter().map(Material::read).collect()
}

fn text(value: &Value, pointer: &str) -> Option<String> {
    value.pointer(pointer).and_then(Value::as_str).filter(|text| !text.is_empty()).map(str::to_owned)
}

fn object(value: &Value, pointer: &str) -> Map<String, Value> {
    value.pointer(pointer).and_then(Value::as_object).cloned().unwrap_or_default()
}

fn digest(value: &Value, algorithm: &str) -> Option<String> {
    text(value, &format!("/digest/{algorithm}"))
}

fn time(value: &Value, pointer: &str) -> Option<Timestamp> {
    value.pointer(pointer)?.as_str()?.parse().ok()
}
