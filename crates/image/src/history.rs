//! The steps by which an image says that it was built, and where its base ends according to them.
//!
//! Follows the OCI image specification ("Image Configuration", `history`). Builders copy the steps of the base and append their
//! own, without saying where the base ends:
//!
//! ```text
//! /bin/sh -c #(nop) ADD file:3ad9… in /      layer 1
//! /bin/sh -c #(nop)  CMD ["bash"]            no layer: the base ends here
//! RUN /bin/sh -c apt-get install nginx       layer 2
//! CMD ["nginx"]                              no layer
//! ```
//!
//! Nobody verifies these texts. Who wants to know for sure compares layers.

use serde::Deserialize;

/// A step of the build.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Step {
    /// The command, as the builder writes it.
    pub created_by: Option<String>,
    /// A remark of the builder.
    pub comment: Option<String>,
    /// Whether it made no layer.
    pub empty_layer: bool,
}

/// The base of an image, as its history tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Base {
    /// Its name, if a builder wrote it down: `docker.io/library/debian:12`.
    pub name: Option<String>,
    /// How many layers are its own.
    pub layers: usize,
}

/// What Docker's classic builder and Buildah put in front of everything but `RUN`.
const NO_COMMAND: &str = "/bin/sh -c #(nop)";

impl Step {
    /// Whether it says what to run: what images end with.
    fn ends_an_image(&self) -> bool {
        let written = self.created_by.as_deref().unwrap_or_default();
        let instruction = written.strip_prefix(NO_COMMAND).unwrap_or(written).trim_start();
        let name = instruction.split(|c: char| c.is_whitespace() || c == '[').next();
        self.empty_layer && matches!(name, Some("CMD" | "ENTRYPOINT"))
    }

    /// The image that Buildah says a build began with. It names an image that has no name by its identifier, which the
    /// steps of one build among themselves do.
    fn from(&self) -> Option<&str> {
        let name = self.comment.as_deref()?.split_once("FROM ")?.1.trim();
        let is_identifier = name.len() >= 12 && name.bytes().all(|byte| byte.is_ascii_hexdigit());
        (!name.is_empty() && !is_identifier && !name.contains(char::is_whitespace)).then_some(name)
    }
}

/// Where the base ends: before the last step that names the image that it began with, else behind the last command of an image
/// on which another layer was put. Of several commands that follow each other the last one counts, since images end with
/// `ENTRYPOINT` and `CMD`. Nothing, if no step tells, or if the steps tell of no layers.
///
/// Where a build writes a command before its last layers, these appear as built on the others. That cannot be seen here.
pub fn base(steps: &[Step]) -> Option<Base> {
    let layers = |end: usize| steps.iter().take(end).filter(|step| !step.empty_layer).count();
    let named = steps.iter().enumerate().rev().find_map(|(at, step)| Some((at, step.from()?)));
    let found = if let Some((at, name)) = named {
        Base { name: Some(name.to_owned()), layers: layers(at) }
    } else {
        let last_layer = steps.iter().rposition(|step| !step.empty_layer)?;
        let end = steps.iter().take(last_layer).rposition(Step::ends_an_image)?;
        Base { name: None, layers: layers(end) }
    };
    (found.layers > 0).then_some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Steps that are written `+` for a layer, then the command, then `//` and the remark.
    fn found_base(steps: &[&str]) -> Option<(usize, Option<String>)> {
        let steps: Vec<Step> = steps
            .iter()
            .map(|text| {
                let (command, comment) = text.split_once("//").map_or((*text, None), |it| (it.0, Some(it.1)));
                Step {
                    created_by: Some(command.trim_start_matches('+').trim().to_owned()),
                    comment: comment.map(str::to_owned),
                    empty_layer: !text.starts_with('+'),
                }
            })
            .collect();
        base(&steps).map(|base| (base.layers, base.name))
    }

    #[test]
    fn the_base_ends_with_the_last_command_below_a_layer() {
        let debian = ["+/bin/sh -c #(nop) ADD file:3ad9 in /", r#"/bin/sh -c #(nop)  CMD ["bash"]"#];
        let python = ["ENV PATH=/usr/local/bin", "+RUN /bin/sh -c apt-get update", r#"CMD ["python3"]"#];
        let app = ["WORKDIR /app", "+COPY . . # buildkit", r#"ENTRYPOINT ["app"]"#, r#"CMD ["--help"]"#];
        assert_eq!(found_base(&debian), None, "a base itself");
        assert_eq!(found_base(&[&debian[..], &python[..]].concat()), Some((1, None)));
        assert_eq!(found_base(&[&debian[..], &python[..], &app[..]].concat()), Some((2, None)));
        assert_eq!(found_base(&["+RUN x", "ENTRYPOINT [\"a\"]", "CMD [\"b\"]", "+COPY y"]), Some((1, None)));
    }

    #[test]
    fn a_build_that_names_its_base_is_believed_before_commands() {
        let steps = [
            "+ADD a",
            "CMD a",
            "+/bin/sh -c b//FROM docker.io/library/debian:12",
            "CMD b",
            "+/bin/sh -c c//FROM 3a5fce89bd6c",
        ];
        assert_eq!(found_base(&steps), Some((1, Some("docker.io/library/debian:12".to_owned()))));
        assert_eq!(found_base(&["+/bin/sh -c b//FROM scratch"]), None, "there is nothing below it");
    }

    #[test]
    fn a_history_without_information_has_no_base() {
        assert_eq!(found_base(&[]), None);
        assert_eq!(found_base(&["CMD a", "+RUN b"]), None, "no layer below");
        assert_eq!(found_base(&["+RUN a", "+RUN CMD", "+CMDER x", "+RUN b"]), None);
        assert_eq!(found_base(&["+RUN a", "CMDS", "EXPOSE 80", "+RUN b"]), None);
    }
}
