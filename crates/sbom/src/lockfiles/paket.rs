//! `paket.lock`: NuGet packages, indented by four blanks, their dependencies by six; and files of GitHub repositories.
//!
//! ```text
//! NUGET
//!   remote: https://api.nuget.org/v3/index.json
//!     NUnit (2.6.4)
//!       NUnit.Console (>= 3.0)
//!
//! GROUP Test
//! GITHUB
//!   remote: fsprojects/Paket
//!     modules/Octokit.fs (a25c2f256a99242c1106b5a3478aae6bb68c7a93)
//! ```

use super::Locked;

pub(super) fn read(text: &str) -> Result<Vec<Locked>, String> {
    let (mut locked, mut section, mut remote, mut sections) = (Vec::new(), "", "", 0_usize);
    for line in text.lines() {
        if !line.starts_with(' ') {
            section = line.trim_end();
            sections += usize::from(matches!(section, "NUGET" | "GITHUB" | "GIT" | "HTTP"));
            continue;
        }
        if let Some(address) = line.trim_start().strip_prefix("remote:") {
            remote = address.trim();
            // Packages from elsewhere have no version.
            if matches!(section, "GIT" | "HTTP") {
                let name = remote.trim_end_matches('/').rsplit(['/', ':']).next().unwrap_or(remote);
                locked.push(Locked::unpinned(name.trim_end_matches(".git")).of_type("generic"));
            }
            continue;
        }
        let Some(entry) = line.strip_prefix("    ").filter(|entry| !entry.starts_with(' ')) else { continue };
        // `- framework: …` may follow the version.
        let Some((name, rest)) = entry.split_once(" (") else { continue };
        let version = rest.split(')').next().unwrap_or(rest);
        match section {
            "NUGET" => locked.push(Locked::new(name, version)),
            "GITHUB" => locked.push(Locked::new(remote, version).of_type("github")),
            _ => {}
        }
    }
    if sections == 0 {
        return Err("is not a lock file: it has none of NUGET, GITHUB, GIT and HTTP".to_owned());
    }
    Ok(locked)
}
