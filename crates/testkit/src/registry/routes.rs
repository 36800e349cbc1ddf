//! The distribution API's endpoints over the store.

use super::fault::Fault;
use super::wire::{Answer, Request};
use super::{Shared, State};
use plimsoll_core::Digest;
use serde_json::{Value, json};

const INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// Answers a request as the specification says; `fault` only matters if it changes what is stored.
pub(super) fn route(request: &Request, state: &mut State, shared: &Shared, fault: Option<&Fault>) -> Answer {
    let gate = &shared.options.gate;
    let path = request.path();
    if path == "/token" {
        return gate.token(request, &mut state.tokens);
    }
    let Some(rest) = path.strip_prefix("/v2/") else {
        return Answer::error(404, "NOT_FOUND", "no such page");
    };
    let (repository, place) = split(rest);
    let action = if matches!(request.method.as_str(), "GET" | "HEAD") { "pull" } else { "push" };
    if let Some(refusal) = gate.refuse(request, &state.tokens, &shared.base(), repository, action) {
        return refusal;
    }
    match place {
        Place::Root => Answer::new(200).header("Content-Type", "application/json").body("{}"),
        Place::Manifest(reference) => manifest(request, state, shared, repository, reference, fault),
        Place::Blob(digest) => blob(request, state, repository, digest, fault),
        Place::Upload(session) => upload(request, state, repository, session),
        Place::Referrers(digest) => referrers(request, state, shared, repository, digest),
        Place::Tags if state.repository(repository).manifests.is_empty() => {
            Answer::error(404, "NAME_UNKNOWN", "no such repository")
        }
        Place::Tags => {
            let tags: Vec<&String> = state.repository(repository).tags.keys().collect();
            let body = json!({"name": repository, "tags": tags}).to_string();
            Answer::new(200).header("Content-Type", "application/json").body(body)
        }
        Place::Elsewhere => Answer::error(404, "NAME_UNKNOWN", "no such endpoint"),
    }
}

enum Place<'a> {
    Root,
    Manifest(&'a str),
    Blob(&'a str),
    Upload(&'a str),
    Referrers(&'a str),
    Tags,
    Elsewhere,
}

/// Repository names contain slashes, so the endpoint is searched for from the right.
fn split(rest: &str) -> (&str, Place<'_>) {
    if rest.is_empty() {
        return ("", Place::Root);
    }
    if let Some(repository) = rest.strip_suffix("/tags/list") {
        return (repository, Place::Tags);
    }
    if let Some((repository, session)) = rest.rsplit_once("/blobs/uploads/") {
        return (repository, Place::Upload(session));
    }
    if let Some((repository, reference)) = rest.rsplit_once("/manifests/") {
        return (repository, Place::Manifest(reference));
    }
    if let Some((repository, digest)) = rest.rsplit_once("/blobs/") {
        return (repository, Place::Blob(digest));
    }
    if let Some((repository, digest)) = rest.rsplit_once("/referrers/") {
        return (repository, Place::Referrers(digest));
    }
    ("", Place::Elsewhere)
}

fn manifest(
    request: &Request,
    state: &mut State,
    shared: &Shared,
    name: &str,
    reference: &str,
    fault: Option<&Fault>,
) -> Answer {
    let repository = state.repository(name);
    match request.method.as_str() {
        "GET" | "HEAD" => match repository.manifest(reference) {
            None => Answer::error(404, "MANIFEST_UNKNOWN", "manifest unknown"),
            Some((digest, manifest)) => {
                let answer = Answer::new(200)
                    .header("Content-Type", &manifest.media_type)
                    .header("Docker-Content-Digest", &digest);
                let bytes = manifest.bytes.clone();
                versioned(request, shared, answer, &format!("\"{digest}\""), bytes)
            }
        },
        "PUT" => {
            let current = repository.manifest(reference).map(|(digest, _)| format!("\"{digest}\""));
            let moved = request.header("if-match").is_some_and(|wanted| current.as_deref() != Some(wanted));
            let exists = request.header("if-none-match") == Some("*") && current.is_some();
            if shared.options.etags && (moved || exists) {
                return Answer::error(412, "PRECONDITION_FAILED", "the tag has moved");
            }
            let Ok(value) = serde_json::from_slice::<Value>(&request.body) else {
                return Answer::error(400, "MANIFEST_INVALID", "not JSON");
            };
            let missing = repository.missing(&value);
            if !missing.is_empty() {
                return Answer::error(400, "MANIFEST_BLOB_UNKNOWN", &missing.join(", "));
            }
            let digest = Digest::sha256(&request.body).to_string();
            if reference.contains(':') && reference != digest {
                return Answer::error(400, "DIGEST_INVALID", "the body has another digest");
            }
            if !matches!(fault, Some(Fault::LoseWrite)) {
                let media_type = request.header("content-type").unwrap_or_default();
                repository.put_manifest(media_type, request.body.clone());
                if !reference.contains(':') {
                    repository.tags.insert(reference.to_owned(), digest.clone());
                }
            }
            let answer = Answer::new(201)
                .header("Location", format!("/v2/{name}/manifests/{digest}"))
                .header("Docker-Content-Digest", &digest);
            match value["subject"]["digest"].as_str() {
                Some(subject) if shared.options.referrers => answer.header("OCI-Subject", subject),
                _ => answer,
            }
        }
        "DELETE" => {
            let removed = repository.manifests.remove(reference).is_some();
            let removed = repository.tags.remove(reference).is_some() || removed;
            Answer::new(if removed { 202 } else { 404 })
        }
        _ => Answer::error(405, "UNSUPPORTED", "method not allowed"),
    }
}

fn blob(request: &Request, state: &mut State, name: &str, digest: &str, fault: Option<&Fault>) -> Answer {
    let Some(bytes) = state.repository(name).blobs.get(digest) else {
        return Answer::error(404, "BLOB_UNKNOWN", "blob unknown");
    };
    let answer = Answer::new(200)
        .header("Content-Type", "application/octet-stream")
        .header("Accept-Ranges", "bytes")
        .header("ETag", format!("\"{digest}\""))
        .header("Docker-Content-Digest", digest);
    let range = request.header("range").filter(|_| !matches!(fault, Some(Fault::IgnoreRange)));
    // The range is of another version, so the whole content is sent.
    let range = range.filter(|_| request.header("if-range").is_none_or(|of| of == format!("\"{digest}\"")));
    if let Some(range) = range.and_then(|r| r.strip_prefix("bytes=")) {
        let (from, to) = range.split_once('-').unwrap_or((range, ""));
        let from: usize = from.parse().unwrap_or(0);
        let last = bytes.len().saturating_sub(1);
        let to: usize = to.parse().unwrap_or(last).min(last);
        if from > to {
            return Answer::error(416, "RANGE_INVALID", "range not satisfiable");
        }
        let part = bytes[from..=to].to_vec();
        let content_range = format!("bytes {from}-{to}/{}", bytes.len());
        return Answer { status: 206, ..answer }.header("Content-Range", content_range).body(part);
    }
    with_body(request, answer, bytes.clone())
}

fn upload(request: &Request, state: &mut State, name: &str, session: &str) -> Answer {
    let begun = state.uploads_begun;
    match request.method.as_str() {
        "POST" => {
            if let (Some(mount), Some(from)) = (request.query("mount"), request.query("from"))
                && let Some(bytes) = state.repository(&from).blobs.get(&mount).cloned()
            {
                state.repository(name).blobs.insert(mount.clone(), bytes);
                return Answer::new(201).header("Location", format!("/v2/{name}/blobs/{mount}"));
            }
            if let Some(digest) = request.query("digest") {
                return finish(state, name, &digest, request.body.clone());
            }
            state.uploads_begun += 1;
            let session = format!("upload-{begun}");
            state.uploads.insert(session.clone(), Vec::new());
            // The query represents the state that real registries put there; clients must keep it.
            Answer::new(202).header("Location", format!("/v2/{name}/blobs/uploads/{session}?_state=s{begun}"))
        }
        "PATCH" => {
            let Some(buffer) = state.uploads.get_mut(session) else {
                return Answer::error(404, "BLOB_UPLOAD_UNKNOWN", "no such upload");
            };
            buffer.extend_from_slice(&request.body);
            Answer::new(202)
                .header("Location", format!("/v2/{name}/blobs/uploads/{session}?_state=p"))
                .header("Range", format!("0-{}", buffer.len().saturating_sub(1)))
        }
        "PUT" => {
            let Some(mut bytes) = state.uploads.remove(session) else {
                return Answer::error(404, "BLOB_UPLOAD_UNKNOWN", "no such upload");
            };
            if request.query("_state").is_none() {
                return Answer::error(400, "BLOB_UPLOAD_INVALID", "the upload's state was lost");
            }
            bytes.extend_from_slice(&request.body);
            finish(state, name, &request.query("digest").unwrap_or_default(), bytes)
        }
        _ => Answer::error(405, "UNSUPPORTED", "method not allowed"),
    }
}

fn finish(state: &mut State, name: &str, digest: &str, bytes: Vec<u8>) -> Answer {
    if Digest::sha256(&bytes).to_string() != digest {
        return Answer::error(400, "DIGEST_INVALID", "the body has another digest");
    }
    state.repository(name).blobs.insert(digest.to_owned(), bytes);
    Answer::new(201)
        .header("Location", format!("/v2/{name}/blobs/{digest}"))
        .header("Docker-Content-Digest", digest)
}

fn referrers(request: &Request, state: &mut State, shared: &Shared, name: &str, digest: &str) -> Answer {
    if !shared.options.referrers {
        return Answer::error(404, "NOT_FOUND", "no referrers API here");
    }
    let mut all = state.repository(name).referrers(digest);
    let wanted = request.query("artifactType");
    if let Some(wanted) = &wanted {
        all.retain(|d| d["artifactType"].as_str() == Some(wanted));
    }
    let first: usize = request.query("first").and_then(|v| v.parse().ok()).unwrap_or(0).min(all.len());
    let last = first.saturating_add(shared.options.referrers_page).min(all.len());
    let body = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": &all[first..last]}).to_string();
    let mut answer = Answer::new(200).header("Content-Type", INDEX);
    if last < all.len() {
        answer = answer.header("Link", format!("</v2/{name}/referrers/{digest}?first={last}>; rel=\"next\""));
    }
    if wanted.is_some() {
        answer = answer.header("OCI-Filters-Applied", "artifactType");
    }
    let etag = format!("\"{}\"", Digest::sha256(body.as_bytes()).hex());
    versioned(request, shared, answer, &etag, body.into_bytes())
}

/// Adds an `ETag`, and omits the body for clients that have that version.
fn versioned(request: &Request, shared: &Shared, answer: Answer, etag: &str, bytes: Vec<u8>) -> Answer {
    if !shared.options.etags {
        return with_body(request, answer, bytes);
    }
    if request.header("if-none-match") == Some(etag) {
        return Answer::new(304).header("ETag", etag);
    }
    with_body(request, answer.header("ETag", etag), bytes)
}

/// For `HEAD` the length is announced and the body left out by the caller.
fn with_body(request: &Request, answer: Answer, bytes: Vec<u8>) -> Answer {
    if request.method == "HEAD" {
        return answer.header("Content-Length", bytes.len().to_string());
    }
    answer.body(bytes)
}
