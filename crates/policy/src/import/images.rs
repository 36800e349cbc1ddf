//! Patterns over image references, as patterns over repository names.
//!
//! Other tools compare a pattern with the whole reference, tag or digest included; here it is compared with
//! `registry/repository`. So the end of a pattern has to cover tags and digests.

/// Alternatives that one pattern may become.
const MAX_ALTERNATIVES: usize = 16;

/// How far `*` and `**` of a language reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stars {
    /// `*` stays within a path segment, `**` does not.
    TwoKinds,
    /// `*` crosses path segments.
    Crossing,
}

/// What a pattern over references stands for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Images {
    Everything,
    /// Any of these patterns over `registry/repository`.
    Matching(Vec<String>),
}

/// The patterns that match the same repositories, and what differs.
pub(super) fn patterns(text: &str, stars: Stars) -> Result<(Images, Option<String>), String> {
    // Exactly these two are about Docker Hub.
    let text = match (text, stars) {
        ("*", Stars::TwoKinds) => "index.docker.io/library/*",
        ("*/*", Stars::TwoKinds) => "index.docker.io/*/*",
        (text, _) => text,
    };
    let (name, note) = name_part(text, stars)?;
    if matches!((name, stars), ("*", Stars::Crossing) | ("**", Stars::TwoKinds)) {
        return Ok((Images::Everything, note));
    }
    if !name.contains('/') {
        return Err(
            "names no registry, so that it depends on how an image is written; write the registry".to_owned()
        );
    }
    if name.contains('?') {
        return Err("`?` cannot be carried over; write the names".to_owned());
    }
    let mut alternatives = vec![String::new()];
    let last = name.matches('/').count();
    for (index, segment) in name.split('/').enumerate() {
        let forms = match (segment, stars) {
            // All that is below, or one segment or more between.
            ("*", Stars::Crossing) | ("**", Stars::TwoKinds) => {
                vec![if index == last { "**" } else { "*/**" }.to_owned()]
            }
            _ => segment_forms(segment, stars)?,
        };
        let joined = alternatives.iter().flat_map(|start| {
            let between = if index == 0 { "" } else { "/" };
            forms.iter().map(move |form| format!("{start}{between}{form}"))
        });
        alternatives = joined.collect();
        if alternatives.len() > MAX_ALTERNATIVES {
            return Err(format!("stands for more than {MAX_ALTERNATIVES} patterns; write shorter ones"));
        }
    }
    if stars == Stars::Crossing {
        // Kyverno reads `nginx` as `docker.io/nginx`, and everybody else as `docker.io/library/nginx`.
        let official = |name: &String| {
            let (registry, rest) = name.split_once('/')?;
            let hub =
                matches!(registry, "docker.io" | "index.docker.io") && !rest.contains('/') && rest != "**";
            hub.then(|| format!("{registry}/library/{rest}"))
        };
        let official: Vec<String> = alternatives.iter().filter_map(official).collect();
        alternatives.extend(official);
    }
    Ok((Images::Matching(alternatives), note))
}

/// The part before tag and digest.
fn name_part(text: &str, stars: Stars) -> Result<(&str, Option<String>), String> {
    let last = text.rfind('/').map_or(0, |slash| slash + 1);
    let Some(mark) = text.get(last..).and_then(|rest| rest.find([':', '@'])).map(|at| at + last) else {
        let before = text.get(last..).unwrap_or_default().trim_end_matches('*');
        if text.ends_with('*') && !before.contains('*') {
            return Ok((text, None));
        }
        if text.ends_with('*') {
            let reason = "has a star that may stand for the beginning of a tag; write the end of the name, and the tag as";
            return Err(format!("{reason} :* or @*"));
        }
        let reach = if stars == Stars::Crossing { "*" } else { "**" };
        return Err(format!("matches no tag and no digest; write {text}:{reach} or {text}{reach}"));
    };
    let (name, version) = text.split_at(mark);
    // A registry's port, if there is no repository: the registry is all that it names.
    let any = ["*", "**", "sha256:*", "sha256:**"];
    if !version.get(1..).is_some_and(|version| any.contains(&version)) {
        return Err("is about a tag or a digest, and patterns here are about repositories".to_owned());
    }
    // A star runs over `@sha256` too, if what follows it is the end of that.
    let after = name.rsplit('*').next().unwrap_or_default();
    if name.contains('*') && !after.is_empty() && "@sha256".ends_with(after) {
        return Err("matches every digest by the end of `sha256`; write the end of the name".to_owned());
    }
    let note = if version.starts_with(':') {
        "some are about repositories by tag; here they are about them by digest too"
    } else {
        "some are about repositories by digest; here they are about them by tag too"
    };
    Ok((name, Some(note.to_owned())))
}

/// What a segment becomes: a star that crosses segments is one that stays within, or one with segments between.
fn segment_forms(segment: &str, stars: Stars) -> Result<Vec<String>, String> {
    let (crossing, within) = match stars {
        Stars::Crossing => ("*", None),
        Stars::TwoKinds => ("**", Some("*")),
    };
    if segment.contains("***") || (stars == Stars::Crossing && segment.contains("**")) {
        return Err("has stars beside each other, expected one".to_owned());
    }
    let parts: Vec<&str> = segment.split(crossing).collect();
    if parts.len() > 3 {
        return Err("has too many stars in one segment; write shorter patterns".to_owned());
    }
    let mut forms = vec![String::new()];
    for (index, part) in parts.iter().enumerate() {
        if within.is_none() && part.contains('*') {
            return Err("has stars beside each other, expected one".to_owned());
        }
        let between: &[&str] = if index == 0 { &[""] } else { &["*", "*/**/*"] };
        forms = forms
            .iter()
            .flat_map(|start| between.iter().map(move |star| format!("{start}{star}{part}")))
            .collect();
    }
    Ok(forms)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pattern::{self, Pattern};

    fn applies(text: &str, stars: Stars, name: &str) -> bool {
        match patterns(text, stars).unwrap().0 {
            Images::Everything => true,
            Images::Matching(all) => {
                let all: Vec<Pattern> = all.iter().map(|one| Pattern::parse(one).unwrap()).collect();
                pattern::any(&all, name)
            }
        }
    }

    #[test]
    fn the_same_repositories_are_matched() {
        use Stars::{Crossing, TwoKinds};
        for (text, stars, yes, no) in [
            ("ghcr.io/team/*", TwoKinds, "ghcr.io/team/app", "ghcr.io/team/app/x"),
            ("ghcr.io/team/**", TwoKinds, "ghcr.io/team/app/x", "ghcr.io/other/app"),
            ("ghcr.io/team/ap**", TwoKinds, "ghcr.io/team/app/x", "ghcr.io/team/x/app"),
            ("ghcr.io/team/app:**", TwoKinds, "ghcr.io/team/app", "ghcr.io/team/app2"),
            ("ghcr.io/team/app@sha256:*", TwoKinds, "ghcr.io/team/app", "ghcr.io/team/app/x"),
            ("*", TwoKinds, "docker.io/library/debian", "docker.io/team/app"),
            ("*/*", TwoKinds, "docker.io/team/app", "ghcr.io/team/app"),
            ("ghcr.io/team/*", Crossing, "ghcr.io/team/app/x", "ghcr.io/team2/app"),
            ("ghcr.io/*/app:*", Crossing, "ghcr.io/a/b/app", "ghcr.io/app"),
            ("ghcr.io/team/a*z:*", Crossing, "ghcr.io/team/a/b/cz", "ghcr.io/team/az/b"),
            ("*/team/app:*", Crossing, "ghcr.io/team/app", "ghcr.io/team/app/x"),
            ("*/*:**", TwoKinds, "ghcr.io/app", "ghcr.io/team/app"),
            ("docker.io/nginx*", Crossing, "docker.io/library/nginx", "docker.io/library/debian"),
            ("docker.io/nginx*", Crossing, "docker.io/nginxinc/unit", "docker.io/team/nginx"),
            ("localhost:5000/app*", Crossing, "localhost:5000/app", "localhost:5001/app"),
        ] {
            assert!(applies(text, stars, yes), "{text} {yes} {:?}", patterns(text, stars));
            assert!(!applies(text, stars, no), "{text} {no} {:?}", patterns(text, stars));
        }
        assert!(applies("*", Crossing, "anything.example/at/all"));
        assert!(applies("**", TwoKinds, "anything.example/at/all"));
    }

    #[test]
    fn what_cannot_be_said_here_is_refused() {
        use Stars::{Crossing, TwoKinds};
        for (text, stars, reason) in [
            ("ghcr.io/team/app:1.0", TwoKinds, "about a tag"),
            ("ghcr.io/team/app:v*", Crossing, "about a tag"),
            ("ghcr.io/team/app", TwoKinds, "no tag and no digest"),
            ("ghcr.io/team/app", Crossing, "no tag and no digest"),
            ("nginx*", Crossing, "no registry"),
            ("*:**", TwoKinds, "no registry"),
            ("ghcr.io/team/*-prod*", Crossing, "beginning of a tag"),
            ("gcr.io/p/*a*", TwoKinds, "beginning of a tag"),
            ("ghcr.io/team/*56:*", Crossing, "every digest"),
            ("images.*", TwoKinds, "no registry"),
            ("ghcr.io/team/app-?:*", Crossing, "`?`"),
            ("ghcr.io/a*b*c*d*:*", Crossing, "too many stars"),
            ("ghcr.io/team/***", TwoKinds, "stars beside each other"),
            ("a*b/c*d/e*f/g*h/i*j:*", Crossing, "more than 16"),
        ] {
            let refused = patterns(text, stars).unwrap_err();
            assert!(refused.contains(reason), "{text}: {refused}");
        }
    }
}
