//! The flag that chooses catalogers.

use std::collections::BTreeSet;
use std::ffi::OsStr;

use clap::Args;
use clap::builder::{PossibleValue, StringValueParser, TypedValueParser};
use plimsoll_core::nearest;

use super::shared::IMAGES;

/// Which catalogers are used.
#[derive(Debug, Clone, Args)]
pub(crate) struct CatalogerChoice {
    /// Switch catalogers off (-NAME) or on again (+NAME), in this order; `all` names each of them. Those that are off are
    /// reported as missing. `sbom cataloger list` shows the names; may be repeated
    #[arg(long, value_name = "+NAME,-NAME", env = "PLIMSOLL_CATALOGERS", hide_short_help = true, value_delimiter = ',', allow_hyphen_values = true, value_parser = ChangeParser, hide_possible_values = true, help_heading = IMAGES)]
    pub(crate) catalogers: Vec<CatalogerChange>,
}

/// One change to the catalogers in use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CatalogerChange {
    on: bool,
    /// `None` for all of them.
    id: Option<&'static str>,
}

impl CatalogerChoice {
    /// Those that are switched off.
    pub(crate) fn off(&self) -> BTreeSet<&'static str> {
        let mut off = BTreeSet::new();
        for change in &self.catalogers {
            for id in ids().filter(|id| change.id.is_none_or(|changed| changed == *id)) {
                if change.on {
                    off.remove(id)
                } else {
                    off.insert(id)
                };
            }
        }
        off
    }
}

/// Reads changes, and offers them to shells that complete.
#[derive(Debug, Clone, Copy)]
struct ChangeParser;

impl TypedValueParser for ChangeParser {
    type Value = CatalogerChange;

    fn parse_ref(
        &self,
        command: &clap::Command,
        argument: Option<&clap::Arg>,
        value: &OsStr,
    ) -> Result<CatalogerChange, clap::Error> {
        let parser = StringValueParser::new().try_map(|text| parse_change(&text));
        parser.parse_ref(command, argument, value)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        let names = || ids().chain([ALL]);
        let off = names().map(|id| format!("-{id}"));
        Some(Box::new(off.chain(names().map(|id| format!("+{id}"))).map(PossibleValue::new)))
    }
}

/// The name that stands for each of them.
const ALL: &str = "all";

fn ids() -> impl Iterator<Item = &'static str> {
    plimsoll_sbom::catalogers().into_iter().map(|cataloger| cataloger.id)
}

fn parse_change(text: &str) -> Result<CatalogerChange, String> {
    let text = text.trim();
    let (on, name) = match (text.strip_prefix('+'), text.strip_prefix('-')) {
        (Some(name), _) => (true, name),
        (None, Some(name)) => (false, name),
        (None, None) => return Err("expected +NAME or -NAME, such as -telltales".to_owned()),
    };
    if name == ALL {
        return Ok(CatalogerChange { on, id: None });
    }
    let found = ids().find(|id| *id == name);
    found.map(|id| CatalogerChange { on, id: Some(id) }).ok_or_else(|| {
        let nearest = nearest(name, ids().chain([ALL]));
        let nearest = nearest.map(|name| format!(", did you mean `{name}`?")).unwrap_or_default();
        format!("there is no cataloger `{name}`{nearest}")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn off(texts: &[&str]) -> Vec<&'static str> {
        let catalogers = texts.iter().map(|text| parse_change(text).unwrap()).collect();
        CatalogerChoice { catalogers }.off().into_iter().collect()
    }

    #[test]
    fn changes_apply_in_their_order() {
        assert_eq!(off(&[]), [""; 0]);
        assert_eq!(off(&["-npm", "-java"]), ["java", "npm"]);
        assert_eq!(off(&["-npm", "+npm"]), [""; 0]);
        assert_eq!(off(&["+npm", "-npm"]), ["npm"]);
        assert_eq!(off(&["-all"]).len(), ids().count());
        assert_eq!(off(&["-all", "+npm"]).len(), ids().count() - 1);
        assert_eq!(off(&["-all", "+all"]), [""; 0]);
    }

    #[test]
    fn an_unknown_name_is_an_error_with_the_nearest() {
        let error = |text| parse_change(text).unwrap_err();
        assert_eq!(error("-pyhton"), "there is no cataloger `pyhton`, did you mean `python`?");
        assert!(error("npm").contains("expected +NAME or -NAME"));
        for text in ["", "-", "+", "-zzzzzzzz"] {
            assert!(!error(text).contains("did you mean"), "{text}");
        }
    }
}
