//! Images of this machine's container engines: where their stores and sockets are, and remarks about an image from one.

use std::ffi::OsString;
use std::path::Path;
use std::sync::Arc;

use plimsoll_core::{Cancel, Limits};
use plimsoll_image::local::containerd::{self, Containerd};
use plimsoll_image::local::docker::{self, Docker};
use plimsoll_image::local::podman::{self, Podman, StoreEnvironment};
use plimsoll_image::{Error as ImageError, Source};
use plimsoll_registry::SocketEngine;

use crate::Error;
use crate::subject::Engine;

/// The image called `name`, and a remark about it. Stops when `cancel` says so.
pub(crate) fn open(
    engine: Engine,
    name: &str,
    env: &dyn Fn(&str) -> Option<OsString>,
    limits: Limits,
    cancel: &Cancel,
) -> Result<(Box<dyn Source>, Option<String>), Error> {
    let opened = match engine {
        Engine::Docker => of_docker(&docker::socket(env)?, name, limits, cancel),
        Engine::Podman => of_podman(env, name, limits, cancel),
        Engine::Containerd => of_containerd(env, name, limits),
    };
    opened.map_err(|source| match source {
        // `docker:24` can also be an image in a registry.
        ImageError::NoSuchImage { .. } | ImageError::NoStore { .. } if engine == Engine::Docker => {
            Error::NotLocal { name: name.to_owned(), source }
        }
        other => other.into(),
    })
}

fn of_docker(
    socket: &Path,
    name: &str,
    limits: Limits,
    cancel: &Cancel,
) -> Result<(Box<dyn Source>, Option<String>), ImageError> {
    let image = Docker::open(Arc::new(SocketEngine::new(socket, cancel)), name, limits, cancel)?;
    let remark = image.remark();
    Ok((Box::new(image), remark))
}

fn of_podman(
    env: &dyn Fn(&str) -> Option<OsString>,
    name: &str,
    limits: Limits,
    cancel: &Cancel,
) -> Result<(Box<dyn Source>, Option<String>), ImageError> {
    let around = StoreEnvironment { env, uid: podman::effective_user(), root: Path::new("/") };
    let directories = podman::directories(&around, &limits)?;
    match Podman::open(&directories, name, limits.clone()) {
        Ok(image) => Ok((Box::new(image), None)),
        // The store is inside a virtual machine, or of a kind that cannot be read; its service answers like Docker's.
        Err(error @ (ImageError::NoStore { .. } | ImageError::UnknownFormat { .. })) => {
            match docker::podman_socket(env) {
                Some(socket) => of_docker(&socket, name, limits, cancel),
                None => Err(error),
            }
        }
        Err(error) => Err(error),
    }
}

fn of_containerd(
    env: &dyn Fn(&str) -> Option<OsString>,
    name: &str,
    limits: Limits,
) -> Result<(Box<dyn Source>, Option<String>), ImageError> {
    let namespace = env("CONTAINERD_NAMESPACE").and_then(|value| value.into_string().ok());
    let namespace = namespace.as_deref().filter(|value| !value.is_empty());
    let image = Containerd::open(&containerd::roots(env), namespace, name, limits)?;
    let remark = image.narrowed().map(|(index, platform)| {
        format!("only {platform} of the index {index} is on this machine; the others are not covered")
    });
    Ok((Box::new(image), remark))
}
