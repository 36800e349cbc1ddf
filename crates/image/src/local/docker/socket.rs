//! Where the engine listens: `DOCKER_HOST`, the socket of a rootless engine, the machine's own.

use std::ffi::OsString;
use std::path::PathBuf;

use crate::Error;

const MACHINE: &str = "/var/run/docker.sock";

/// Docker's socket. Only sockets of this machine are used: over a network, the images would be those of
/// another machine.
pub fn socket(env: &dyn Fn(&str) -> Option<OsString>) -> Result<PathBuf, Error> {
    if let Some(host) = env("DOCKER_HOST").filter(|host| !host.is_empty()) {
        let host = host.to_string_lossy().into_owned();
        return match host.strip_prefix("unix://") {
            Some(path) if path.starts_with('/') => Ok(path.into()),
            _ => Err(Error::RemoteEngine { got: plimsoll_core::text::shown(&host) }),
        };
    }
    let rootless = in_runtime_folder(env, "docker.sock").filter(|path| path.exists());
    Ok(rootless.unwrap_or_else(|| MACHINE.into()))
}

/// The socket of Podman's service, if there is one.
pub fn podman_socket(env: &dyn Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    let own = in_runtime_folder(env, "podman/podman.sock");
    [own, Some("/run/podman/podman.sock".into())].into_iter().flatten().find(|path| path.exists())
}

fn in_runtime_folder(env: &dyn Fn(&str) -> Option<OsString>, name: &str) -> Option<PathBuf> {
    env("XDG_RUNTIME_DIR").filter(|folder| !folder.is_empty()).map(|folder| PathBuf::from(folder).join(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_socket_is_the_one_that_dockers_own_tools_use() {
        let folder = tempfile::tempdir().unwrap();
        let runtime = folder.path().as_os_str().to_owned();
        let env = |host: &'static str| {
            let runtime = runtime.clone();
            move |name: &str| match name {
                "DOCKER_HOST" if !host.is_empty() => Some(OsString::from(host)),
                "XDG_RUNTIME_DIR" => Some(runtime.clone()),
                _ => None,
            }
        };
        assert_eq!(socket(&env("")).unwrap(), PathBuf::from(MACHINE));
        std::fs::write(folder.path().join("docker.sock"), "").unwrap();
        assert_eq!(socket(&env("")).unwrap(), folder.path().join("docker.sock"));
        assert_eq!(socket(&env("unix:///x/d.sock")).unwrap(), PathBuf::from("/x/d.sock"));
        for remote in ["tcp://127.0.0.1:2375", "ssh://me@host", "unix://relative", "/x/d.sock"] {
            assert!(matches!(socket(&env(remote)), Err(Error::RemoteEngine { .. })), "{remote}");
        }
    }
}
