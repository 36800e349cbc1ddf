//! Whether a program contains the functions that advisories about its components name.
//!
//! Go advisories name packages and functions, and Go programs list their functions. A missing function cannot be
//! called, not even by reflection: the linker keeps everything that reflection could reach.

use plimsoll_core::Ecosystem;
use plimsoll_sbom::Component;

use crate::database::VulnerableFunctions;

/// The name of the standard library as a module.
const STANDARD_LIBRARY: &str = "stdlib";

/// Whether any function is present. `None` if that is unknown.
pub(super) fn linked(component: &Component, vulnerable: &[VulnerableFunctions]) -> Option<bool> {
    let functions = component.functions.as_ref().filter(|_| component.ecosystem == Ecosystem::Go)?;
    let mut known = None;
    for VulnerableFunctions { package, names } in vulnerable {
        if !is_in_module(package, &component.name) {
            continue;
        }
        if package.ends_with("/...") {
            return None;
        }
        // `init#1` is the second function of that name.
        let name = |name: &str| name.split('#').next().is_some_and(|name| functions.has(package, name));
        let is_linked =
            if names.is_empty() { functions.has(package, "") } else { names.iter().any(|it| name(it)) };
        known = Some(known.unwrap_or(false) || is_linked);
    }
    known
}

fn is_in_module(package: &str, module: &str) -> bool {
    if module == STANDARD_LIBRARY {
        // Paths that can be fetched start with a host.
        return package.split('/').next().is_some_and(|first| !first.contains('.'));
    }
    package.strip_prefix(module).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use plimsoll_sbom::LinkedFunctions;

    use super::*;

    fn component(purl: &str) -> Component {
        let names =
            ["golang.org/x/net/html.Parse", "golang.org/x/net/http2.(*Framer).ReadFrame", "net/http.Get"];
        let functions = LinkedFunctions::from_names(names).map(Arc::new);
        Component { functions, ..Component::from_purl(purl.parse().unwrap()) }
    }

    fn vulnerable(list: &[(&str, &[&str])]) -> Vec<VulnerableFunctions> {
        let one = |(package, names): &(&str, &[&str])| VulnerableFunctions {
            package: (*package).to_owned(),
            names: names.iter().map(|name| (*name).to_owned()).collect(),
        };
        list.iter().map(one).collect()
    }

    #[test]
    fn functions_are_present_missing_or_unknown() {
        let (net, std) = ("pkg:golang/golang.org/x/net@v0.1.0", "pkg:golang/stdlib@1.20");
        for (purl, list, expected) in [
            (net, &[("golang.org/x/net/html", &["Parse", "Render"][..])][..], Some(true)),
            (net, &[("golang.org/x/net/html", &["Render"])], Some(false)),
            (
                net,
                &[("golang.org/x/net/html", &["Render"]), ("golang.org/x/net/http2", &["Framer.ReadFrame"])],
                Some(true),
            ),
            (net, &[("golang.org/x/net/http2", &["Transport.RoundTrip"])], Some(false)),
            (net, &[("golang.org/x/net/http2", &[])], Some(true)),
            (net, &[("golang.org/x/net/websocket", &[])], Some(false)),
            // About another module with the same prefix.
            (net, &[("golang.org/x/network", &["A"]), ("net/http", &["Get"])], None),
            (net, &[], None),
            // Also about everything in it.
            (net, &[("golang.org/x/net/html", &["Render"]), ("golang.org/x/net/...", &[])], None),
            (std, &[("net/http", &["Get"])], Some(true)),
            (std, &[("net/http", &["Post"])], Some(false)),
            (std, &[("golang.org/x/net/html", &["Parse"])], None),
            // A module of another ecosystem with that name.
            ("pkg:npm/net@1.0.0", &[("net/http", &["Get"])], None),
        ] {
            assert_eq!(linked(&component(purl), &vulnerable(list)), expected, "{purl} {list:?}");
        }
        let unknown = Component { functions: None, ..component(net) };
        assert_eq!(linked(&unknown, &vulnerable(&[("golang.org/x/net/html", &["Render"])])), None);
    }
}
