//! Pinned dependencies that a Python or Haskell project declares itself: `pyproject.toml` (PEP 621), `setup.cfg` and
//! `stack.yaml`. Ranges are resolved by lock files, and left to them.
//!
//! ```toml
//! [project]
//! dependencies = ["flask==3.0.0", "idna>=3"]
//! ```
//!
//! ```text
//! [options]
//! install_requires =
//!     flask==3.0.0
//! ```
//!
//! ```yaml
//! extra-deps:
//! - HTTP-4000.3.16@sha256:6042…,5947
//! ```

use serde::Deserialize;

use super::{Locked, requirements};

#[derive(Deserialize)]
struct Document {
    project: Option<Project>,
}

#[derive(Deserialize)]
struct Project {
    #[serde(default)]
    dependencies: Vec<String>,
}

pub(super) fn pyproject(text: &str) -> Result<Vec<Locked>, String> {
    let Document { project } = super::toml(text)?;
    Ok(pinned(project.iter().flat_map(|it| &it.dependencies).map(String::as_str)))
}

pub(super) fn setup_cfg(text: &str) -> Result<Vec<Locked>, String> {
    let (mut section, mut is_list, mut lines, mut sections) = ("", false, Vec::new(), 0_usize);
    for line in text.lines() {
        if line.starts_with('[') && line.trim_end().ends_with(']') {
            section = line.trim_end();
            sections += 1;
            is_list = false;
        } else if !line.starts_with([' ', '\t']) {
            let (key, value) = line.split_once('=').unwrap_or((line, ""));
            is_list = section == "[options]" && key.trim() == "install_requires";
            lines.extend(is_list.then_some(value));
        } else if is_list {
            lines.push(line);
        }
    }
    if sections == 0 {
        return Err("is not a configuration: it has no section".to_owned());
    }
    Ok(pinned(lines.into_iter()))
}

fn pinned<'a>(requirements: impl Iterator<Item = &'a str>) -> Vec<Locked> {
    requirements.filter_map(requirements::requirement).filter(|it| it.version.is_some()).collect()
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Stack {
    #[serde(default)]
    extra_deps: Vec<Extra>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Extra {
    Hackage(String),
    /// From a repository or archive, without a version.
    Elsewhere {
        #[serde(alias = "github", alias = "hg", alias = "archive", alias = "url")]
        git: String,
    },
    Other(serde::de::IgnoredAny),
}

pub(super) fn stack(text: &str) -> Result<Vec<Locked>, String> {
    let Stack { extra_deps } = super::yaml(text)?;
    let one = |extra: Extra| {
        let text = match extra {
            Extra::Hackage(text) => text,
            Extra::Elsewhere { git } => {
                let name = git.trim_end_matches('/').rsplit(['/', ':']).next().unwrap_or(&git);
                return Some(Locked::unpinned(name.trim_end_matches(".git")));
            }
            Extra::Other(_) => return Some(Locked::new("an extra dependency", "")),
        };
        let (name, version) = text.split('@').next()?.rsplit_once('-')?;
        version.starts_with(|c: char| c.is_ascii_digit()).then(|| Locked::new(name, version))
    };
    Ok(extra_deps.into_iter().filter_map(one).collect())
}
