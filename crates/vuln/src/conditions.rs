//! The conditions, besides the version, under which an advisory applies to a component.
//!
//! Some advisories apply to a package only in one module stream (`nodejs:18`), on some architectures, or in one of
//! several products that a distribution sells under one name. Owns these conditions and their evaluation.
//!
//! An answer has three values, as for versions: if the inventory lacks what a condition needs, the answer is unknown,
//! and the scan reports a gap instead of calling the component unaffected.

use plimsoll_sbom::Component;

/// The conditions of one entry, all of which must be met. Empty ones always are.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Conditions<'a> {
    /// The module stream that the package is from: `nodejs:18`.
    pub module: Option<&'a str>,
    /// One of these architectures.
    pub architectures: Vec<&'a str>,
    /// One of these products, by CPE or by the publisher's own name for it.
    pub products: Vec<&'a str>,
}

/// The properties of a component in the inventory that conditions may need.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Traits<'a> {
    /// The module that it is from, `name:stream` and more. Empty if it is from none.
    pub module: Option<&'a str>,
    /// The architecture it was built for.
    pub architecture: Option<&'a str>,
}

impl<'a> Traits<'a> {
    /// The traits that a component's package URL contains, `rpmmod` and `arch`, and its version: distributions write
    /// `.module` into the release of each package that they build for a module, so a package without it is from none.
    pub fn of_component(component: &'a Component) -> Self {
        let in_none = (!component.version.contains(".module")).then_some("");
        let purl = &component.purl;
        Self { module: purl.qualifier("rpmmod").or(in_none), architecture: purl.qualifier("arch") }
    }
}

impl Conditions<'_> {
    /// Whether there are no conditions.
    pub fn is_empty(&self) -> bool {
        self.module.is_none() && self.architectures.is_empty() && self.products.is_empty()
    }

    /// Whether a component with these `traits` meets them; `None` if its inventory does not say.
    pub fn hold(&self, traits: &Traits<'_>) -> Option<bool> {
        let module = self.module.map_or(Some(true), |asked| Some(stream(traits.module?) == stream(asked)));
        let architecture = match traits.architecture {
            _ if self.architectures.is_empty() => Some(true),
            // Built for all architectures.
            Some("noarch" | "all") => Some(true),
            Some(architecture) => Some(self.architectures.contains(&architecture)),
            None => None,
        };
        // Inventories do not name the product yet.
        let product = self.products.is_empty().then_some(true);
        let parts = [module, architecture, product];
        if parts.contains(&Some(false)) {
            Some(false)
        } else if parts.contains(&None) {
            None
        } else {
            Some(true)
        }
    }
}

/// Name and stream of a module; the rest is its build: `nodejs:18:8070020230306:bd1311ed`.
fn stream(module: &str) -> (&str, &str) {
    let mut parts = module.split(':');
    (parts.next().unwrap_or_default(), parts.next().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn traits<'a>(module: Option<&'a str>, architecture: Option<&'a str>) -> Traits<'a> {
        Traits { module, architecture }
    }

    #[test]
    fn a_module_condition_is_met_by_every_build_of_its_stream() {
        let conditions = Conditions { module: Some("nodejs:18"), ..Conditions::default() };
        for (module, expected) in [
            (Some("nodejs:18"), Some(true)),
            (Some("nodejs:18:8070020230306:bd1311ed"), Some(true)),
            (Some("nodejs:20"), Some(false)),
            (Some("nodejs"), Some(false)),
            (Some(""), Some(false)),
            (None, None),
        ] {
            assert_eq!(conditions.hold(&traits(module, None)), expected, "{module:?}");
        }
    }

    #[test]
    fn a_condition_that_the_inventory_does_not_answer_is_undecided() {
        let architectures = Conditions { architectures: vec!["x86_64", "aarch64"], ..Conditions::default() };
        assert_eq!(architectures.hold(&traits(None, Some("aarch64"))), Some(true));
        assert_eq!(architectures.hold(&traits(None, Some("noarch"))), Some(true));
        assert_eq!(architectures.hold(&traits(None, Some("s390x"))), Some(false));
        assert_eq!(architectures.hold(&Traits::default()), None);
        let products = Conditions { products: vec!["cpe:/o:example:linux:9"], ..architectures.clone() };
        assert_eq!(products.hold(&traits(None, Some("aarch64"))), None);
        assert_eq!(products.hold(&traits(None, Some("s390x"))), Some(false));
        assert!(Conditions::default().is_empty() && !products.is_empty());
        assert_eq!(Conditions::default().hold(&Traits::default()), Some(true));
    }
}
