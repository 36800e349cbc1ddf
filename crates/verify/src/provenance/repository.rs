//! Addresses of source repositories, in a comparable form.
//!
//! Owns what counts as the same repository: scheme and host in lower case, no port 443, no `.git` and no slash at the
//! end. Anything else that URL readers treat differently is refused instead of rewritten: user names before an `@`, dot
//! segments, percent escapes, queries, letters outside ASCII. The path keeps its case, which some hosts ignore and others
//! do not: [`Repository::is`] compares as the host does.

use std::fmt;
use std::str::FromStr;

use serde::Serialize;

use crate::Error;
use crate::error::excerpt;

/// Longer than any real repository address.
const MOST: usize = 1024;

/// Hosts on which no two repositories differ in the case of their names alone.
const IGNORES_CASE: [&str; 3] = ["github.com", "gitlab.com", "bitbucket.org"];

/// The address of a repository: `https://github.com/team/app`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Repository(String);

impl Repository {
    /// The address.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The host: `github.com`.
    pub fn host(&self) -> &str {
        self.0.split('/').nth(2).unwrap_or_default()
    }

    /// Whether both are the same repository to their host. Some hosts ignore the case of names.
    pub fn is(&self, other: &Self) -> bool {
        self == other || (IGNORES_CASE.contains(&self.host()) && self.0.eq_ignore_ascii_case(&other.0))
    }

    /// Reads an address with or without a ref after it, as build systems write sources:
    /// `git+https://github.com/team/app@refs/heads/main`.
    pub fn with_ref(text: &str) -> Result<(Self, Option<&str>), Error> {
        let wrong = |problem| Error::Repository { got: excerpt(text), problem };
        let path = text.find("://").and_then(|scheme| {
            let authority = scheme + 3;
            Some(authority + text.get(authority..)?.find('/')?)
        });
        let Some(path) = path else { return Ok((text.parse()?, None)) };
        // An `@` before the path belongs to the authority and is refused there.
        match text.get(path..).and_then(|rest| rest.split_once('@')) {
            Some((_, "")) => Err(wrong("an empty ref")),
            Some((within, reference)) => {
                let address = text.get(..path + within.len()).unwrap_or_default();
                Ok((address.parse()?, Some(reference)))
            }
            None => Ok((text.parse()?, None)),
        }
    }
}

impl FromStr for Repository {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let wrong = |problem| Err(Error::Repository { got: excerpt(text), problem });
        if text.len() > MOST {
            return wrong("longer than 1024 bytes");
        }
        let address = text.strip_prefix("git+").unwrap_or(text);
        let rest = match address.split_once("://") {
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("https") => rest,
            _ => return wrong("expected https://HOST/PATH"),
        };
        if !rest.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~/:+@".contains(&byte)) {
            return wrong("has characters that URL readers treat differently");
        }
        let Some((authority, path)) = rest.split_once('/') else { return wrong("has no path") };
        if authority.contains('@') {
            return wrong("has a user name before the host");
        }
        let authority = authority.to_ascii_lowercase();
        let (host, port) = authority.split_once(':').unwrap_or((&authority, "443"));
        if host.is_empty() || host.split('.').any(str::is_empty) || host.contains('+') || host.contains('~') {
            return wrong("has no valid host");
        }
        if port.parse::<u16>().is_err() || port.starts_with('0') {
            return wrong("has no valid port");
        }
        if path.contains(['@', ':']) {
            return wrong("has an @ or : in its path");
        }
        let path = path.strip_suffix('/').unwrap_or(path);
        let path = path.strip_suffix(".git").unwrap_or(path);
        if path.strip_suffix(".git").is_some() {
            return wrong("ends in .git twice");
        }
        if path.split('/').any(|segment| segment.is_empty() || segment == "." || segment == "..") {
            return wrong("has an empty or dot segment");
        }
        let port = if port == "443" { String::new() } else { format!(":{port}") };
        Ok(Self(format!("https://{host}{port}/{path}")))
    }
}

impl fmt::Display for Repository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_repository_has_one_address() {
        for same in [
            "https://github.com/team/app",
            "git+https://github.com/team/app",
            "https://github.com/team/app.git",
            "https://github.com/team/app/",
            "HTTPS://GitHub.com/team/app",
            "https://github.com:443/team/app",
        ] {
            assert_eq!(same.parse::<Repository>().unwrap().as_str(), "https://github.com/team/app", "{same}");
        }
        for other in [
            "https://github.com/Team/app",
            "https://github.com/team/app2",
            "https://github.com/team",
            "https://github.com.evil.example/team/app",
            "https://github.com:8443/team/app",
            "https://gitlab.com/team/app",
            "https://github.com/..team/app",
        ] {
            assert_ne!(
                other.parse::<Repository>().unwrap().as_str(),
                "https://github.com/team/app",
                "{other}"
            );
        }
    }

    #[test]
    fn names_are_compared_as_their_host_compares_them() {
        let is = |one: &str, other: &str| {
            one.parse::<Repository>().unwrap().is(&other.parse::<Repository>().unwrap())
        };
        assert!(is("https://github.com/Team/App", "https://github.com/team/app"));
        assert!(is("https://gitlab.com/Team/App.git", "https://gitlab.com/team/app"));
        assert!(!is("https://git.example/Team/app", "https://git.example/team/app"));
        assert!(!is("https://github.com/team/app", "https://github.com/team/app2"));
        assert!(!is("https://github.com/team/app", "https://gitlab.com/team/app"));
    }

    #[test]
    fn an_ambiguous_address_is_refused() {
        for wrong in [
            "",
            "team/app",
            "http://github.com/team/app",
            "git+ssh://git@github.com/team/app",
            "git+git+https://github.com/team/app",
            "https://github.com",
            "https://github.com/",
            "https:///team/app",
            "https://github.com@evil.example/team/app",
            "https://user:pass@github.com/team/app",
            "https://github.com/evil/../team/app",
            "https://github.com/./team/app",
            "https://github.com//team/app",
            "https://github.com/team%2Fapp",
            "https://github.com/team/app?x",
            "https://github.com/team/app#x",
            "https://github.com\\evil.example/team/app",
            "https://github.com/team/app\n",
            "https://githu\u{431}.com/team/app",
            "https://github.com:99999/team/app",
            "https://github.com:/team/app",
            "https://github..com/team/app",
            "https://github.com/team/a:p",
            "https://github.com/.git",
            "https://github.com/team/app.git.git",
        ] {
            assert!(wrong.parse::<Repository>().is_err(), "{wrong:?}");
            assert!(
                Repository::with_ref(&format!("{wrong}@refs/heads/main")).is_err(),
                "{wrong:?} with a ref"
            );
        }
        assert!(format!("https://h.example/{}", "a".repeat(MOST)).parse::<Repository>().is_err());
    }

    #[test]
    fn a_ref_is_what_follows_the_first_at_sign_of_the_path() {
        let read = |text| Repository::with_ref(text).map(|(repository, reference)| (repository.0, reference));
        let app = "https://github.com/team/app".to_owned();
        let main = Some("refs/heads/main");
        assert_eq!(read("git+https://github.com/team/app@refs/heads/main").unwrap(), (app.clone(), main));
        assert_eq!(read("git+https://github.com/team/app.git").unwrap(), (app.clone(), None));
        assert_eq!(read("https://github.com/team/app@a@b").unwrap(), (app, Some("a@b")));
        assert!(read("https://github.com/team/app@").is_err());
        assert!(read("https://github.com@refs/heads/main").is_err());
    }
}
