//! Lock files for Apple's systems: SwiftPM's `Package.resolved`, versions 1 to 3, and CocoaPods' `Podfile.lock`.
//!
//! ```json
//! {"pins": [{"identity": "swift-syntax", "kind": "remoteSourceControl",
//!            "location": "https://github.com/apple/swift-syntax.git", "state": {"version": "509.1.1"}}]}
//! ```
//!
//! Version 1 has the pins below `object`, and calls the location `repositoryURL`. A pin to a branch or commit has no version.
//!
//! ```text
//! PODS:
//!   - GlossButtonNode (3.1.2):
//!     - Texture/Core (~> 3)
//!   - PINCache/Core (3.0.3)          a part of the pod PINCache
//! ```

use serde::Deserialize;

use super::Locked;

#[derive(Deserialize)]
struct Document {
    pins: Option<Vec<Pin>>,
    object: Option<Pins>,
}

#[derive(Deserialize)]
struct Pins {
    pins: Vec<Pin>,
}

#[derive(Deserialize)]
struct Pin {
    #[serde(alias = "repositoryURL", default)]
    location: String,
    #[serde(default)]
    kind: String,
    state: State,
}

#[derive(Deserialize)]
struct State {
    version: Option<String>,
}

pub(super) fn swift(text: &str) -> Result<Vec<Locked>, String> {
    let Document { pins, object } = super::strict_json(text)?;
    let pins = pins.or(object.map(|it| it.pins)).ok_or("is not a lock file: it has no pins")?;
    // Folders belong to the project itself.
    let foreign = pins.into_iter().filter(|it| it.kind != "localSourceControl");
    let one = |Pin { location, state, .. }: Pin| {
        let name = repository(&location);
        match state.version {
            Some(version) => Locked::new(name, version),
            None => Locked::unpinned(name),
        }
    };
    Ok(foreign.map(one).collect())
}

/// `github.com/apple/swift-syntax` from any form of its address.
fn repository(address: &str) -> String {
    let rest = address.split_once("://").map_or(address, |(_, rest)| rest);
    let rest = rest.split_once('@').map_or(rest, |(_, rest)| rest);
    let rest = rest.trim_end_matches('/');
    let rest = rest.strip_suffix(".git").unwrap_or(rest);
    // `git@github.com:apple/swift-syntax`
    rest.replacen(':', "/", 1)
}

pub(super) fn pods(text: &str) -> Result<Vec<Locked>, String> {
    let (mut locked, mut section, mut has_section) = (Vec::new(), "", false);
    for line in text.lines() {
        if !line.starts_with(' ') {
            section = line.trim_end();
            has_section |= section.starts_with("PODS:");
            continue;
        }
        let Some(pod) = line.strip_prefix("  - ").filter(|_| section == "PODS:") else { continue };
        let pod = pod.trim_end().trim_end_matches(':').trim_matches('"');
        let (name, version) = pod.split_once(" (").unwrap_or((pod, ""));
        let (pod, part) = name.split_once('/').unwrap_or((name, ""));
        locked.push(Locked::new(pod, version.trim_end_matches(')')).subpath(part));
    }
    if has_section { Ok(locked) } else { Err("is not a lock file: it has no PODS".to_owned()) }
}
