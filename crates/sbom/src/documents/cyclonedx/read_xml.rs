//! Reading CycloneDX from XML, element by element: a component is added when it ends.

use std::borrow::Cow;

use super::part::{
    Composition, Dependency, Evidence, Hash, LicenceChoice, Metadata, Named, NamedLicence, Occurrence, Part,
    Property, component, depend, file, finish,
};
use crate::Error;
use crate::documents::collector::{Collector, dangling};
use crate::documents::format::{ReadDocument, Reading};
use crate::documents::json::{FEW, Few};
use crate::documents::xml::{Element, Xml, XmlError};
use crate::inventory::ComponentIndex;

/// Completes `document` by what is in the root of `xml`.
pub(super) fn read(
    mut xml: Xml<'_>,
    mut document: ReadDocument,
    reading: &Reading<'_>,
) -> Result<ReadDocument, Error> {
    let mut walk =
        Walk { xml: &mut xml, collector: Collector::new(reading), declared: Vec::new(), used: Vec::new() };
    let mut head = None;
    let mut compositions = Few::default();
    while let Some(child) = walk.xml.child()? {
        match child.name() {
            "metadata" => {
                let metadata = walk.metadata()?;
                walk.once(&mut head, "metadata", metadata)?;
            }
            "components" => {
                walk.components()?;
            }
            "compositions" => walk.compositions(&mut compositions)?,
            "services" if reading.is_whole() => walk.services()?,
            "dependencies" if reading.is_whole() => walk.dependencies()?,
            _ => walk.xml.skip()?,
        }
    }
    let Walk { collector, declared, used, .. } = walk;
    xml.close()?;
    let declared = declared.iter().map(String::as_str).collect();
    let used = used.iter().map(String::as_str).filter(|id| !id.starts_with("urn:cdx:"));
    document.stated.dangling = dangling(used, &declared);
    finish(collector, document, head.unwrap_or_default(), &compositions.0)
}

type Text = Cow<'static, str>;

struct Walk<'x, 'a> {
    xml: &'x mut Xml<'a>,
    collector: Collector,
    /// Identifiers that are defined, and those that are used.
    declared: Vec<String>,
    used: Vec<String>,
}

impl<'a> Walk<'_, 'a> {
    fn metadata(&mut self) -> Result<Metadata<'static>, Error> {
        let mut metadata = Metadata::default();
        while let Some(child) = self.xml.child()? {
            match child.name() {
                "timestamp" => self.text(&mut metadata.timestamp, "timestamp")?,
                "component" => {
                    let (part, _) = self.part(&child)?;
                    self.once(&mut metadata.component, "component", part)?;
                }
                "properties" => self.properties(&mut metadata.properties)?,
                "authors" => {
                    while self.xml.child()?.is_some() {
                        let named = self.named()?;
                        push(&mut metadata.authors, "author", named)?;
                    }
                }
                "supplier" => {
                    let named = self.named()?;
                    self.once(&mut metadata.supplier, "supplier", named)?;
                }
                "manufacturer" => {
                    let named = self.named()?;
                    self.once(&mut metadata.manufacturer, "manufacturer", named)?;
                }
                "manufacture" => {
                    let named = self.named()?;
                    self.once(&mut metadata.manufacture, "manufacture", named)?;
                }
                "tools" => metadata.has_tools |= self.names_any()?,
                "lifecycles" => metadata.has_lifecycles |= self.names_any()?,
                _ => self.xml.skip()?,
            }
        }
        Ok(metadata)
    }

    /// Adds the components of a list to the collector and returns their indexes.
    fn components(&mut self) -> Result<Vec<ComponentIndex>, Error> {
        let mut found = Vec::new();
        while let Some(child) = self.xml.child()? {
            if child.name() != "component" {
                self.xml.skip()?;
                continue;
            }
            self.collector.check()?;
            self.collector.count(1)?;
            let files = self.collector.files.len();
            let (part, mut inside) = self.part(&child)?;
            if let Some(outer) = component(&mut self.collector, &part) {
                self.collector.files.own_from(files, outer)?;
                for inner in inside {
                    self.collector.contain(outer, inner);
                }
                found.push(outer);
            } else {
                file(&mut self.collector, &part, None)?;
                found.append(&mut inside);
            }
        }
        Ok(found)
    }

    /// A component, and the indexes of those inside it. The depth of the document bounds the recursion.
    fn part(&mut self, element: &Element<'a>) -> Result<(Part<'static>, Vec<ComponentIndex>), Error> {
        let mut inside = Vec::new();
        let mut part = Part {
            r#type: self.attribute(element, "component", "type")?,
            reference: element.attribute("bom-ref")?.map(Cow::Owned),
            ..Part::default()
        };
        if self.collector.is_whole() {
            self.declared.extend(part.reference.as_deref().map(str::to_owned));
        }
        let mut name = None;
        while let Some(child) = self.xml.child()? {
            match child.name() {
                "name" => self.text(&mut name, "name")?,
                "version" => self.text(&mut part.version, "version")?,
                "description" => self.text(&mut part.description, "description")?,
                "purl" => self.text(&mut part.purl, "purl")?,
                "cpe" => self.text(&mut part.cpe, "cpe")?,
                "publisher" => self.text(&mut part.publisher, "publisher")?,
                "supplier" => {
                    let named = self.named()?;
                    self.once(&mut part.supplier, "supplier", named)?;
                }
                "manufacturer" => {
                    let named = self.named()?;
                    self.once(&mut part.manufacturer, "manufacturer", named)?;
                }
                "hashes" => {
                    while let Some(hash) = self.xml.child()? {
                        let alg = self.attribute(&hash, "hash", "alg")?;
                        let content = self.xml.text()?.into();
                        push(&mut part.hashes, "hash", Hash { alg, content })?;
                    }
                }
                "licenses" => self.licences(&mut part.licenses)?,
                "evidence" => {
                    let evidence = self.evidence()?;
                    self.once(&mut part.evidence, "evidence", evidence)?;
                }
                "properties" => self.properties(&mut part.properties)?,
                "components" => inside.append(&mut self.components()?),
                _ => self.xml.skip()?,
            }
        }
        part.name = name.ok_or_else(|| self.missing("component", "name"))?;
        Ok((part, inside))
    }

    /// An organisation or a person: the name inside it.
    fn named(&mut self) -> Result<Named<'static>, Error> {
        let mut name = None;
        while let Some(child) = self.xml.child()? {
            match child.name() {
                "name" => self.text(&mut name, "name")?,
                _ => self.xml.skip()?,
            }
        }
        Ok(Named { name })
    }

    fn licences(&mut self, licences: &mut Few<LicenceChoice<'static>>) -> Result<(), Error> {
        while let Some(child) = self.xml.child()? {
            let mut choice = LicenceChoice::default();
            match child.name() {
                "expression" => choice.expression = Some(self.xml.text()?.into()),
                "license" => {
                    let mut license = NamedLicence::default();
                    while let Some(child) = self.xml.child()? {
                        match child.name() {
                            "id" => self.text(&mut license.id, "id")?,
                            "name" => self.text(&mut license.name, "name")?,
                            _ => self.xml.skip()?,
                        }
                    }
                    choice.license = Some(license);
                }
                _ => {
                    self.xml.skip()?;
                    continue;
                }
            }
            push(licences, "license", choice)?;
        }
        Ok(())
    }

    fn evidence(&mut self) -> Result<Evidence<'static>, Error> {
        let mut evidence = Evidence::default();
        while let Some(child) = self.xml.child()? {
            if child.name() != "occurrences" {
                self.xml.skip()?;
                continue;
            }
            while let Some(_occurrence) = self.xml.child()? {
                let (mut location, mut additional_context) = (None, None);
                while let Some(child) = self.xml.child()? {
                    match child.name() {
                        "location" => self.text(&mut location, "location")?,
                        "additionalContext" => self.text(&mut additional_context, "additionalContext")?,
                        _ => self.xml.skip()?,
                    }
                }
                let location = location.ok_or_else(|| self.missing("occurrence", "location"))?;
                push(&mut evidence.occurrences, "occurrence", Occurrence { location, additional_context })?;
            }
        }
        Ok(evidence)
    }

    fn properties(&mut self, properties: &mut Few<Property<'static>>) -> Result<(), Error> {
        while let Some(property) = self.xml.child()? {
            let name = property.attribute("name")?.map(Cow::Owned);
            let value = Some(self.xml.text()?.into());
            push(properties, "property", Property { name, value })?;
        }
        Ok(())
    }

    /// `<dependency ref="a"><dependency ref="b"/></dependency>`.
    fn dependencies(&mut self) -> Result<(), Error> {
        while let Some(child) = self.xml.child()? {
            let mut dependency =
                Dependency { r#ref: self.attribute(&child, "dependency", "ref")?, ..Dependency::default() };
            while let Some(child) = self.xml.child()? {
                if child.name() == "dependency" {
                    let on = self.attribute(&child, "dependency", "ref")?;
                    push(&mut dependency.depends_on, "dependency", on)?;
                }
                self.xml.skip()?;
            }
            depend(&mut self.collector, &dependency)?;
            self.used.push(dependency.r#ref.into_owned());
            self.used.extend(dependency.depends_on.0.into_iter().map(Cow::into_owned));
        }
        Ok(())
    }

    /// `<composition><aggregate>complete</aggregate><assemblies><assembly ref="a"/></assemblies></composition>`.
    fn compositions(&mut self, compositions: &mut Few<Composition<'static>>) -> Result<(), Error> {
        while let Some(_composition) = self.xml.child()? {
            let (mut aggregate, mut assemblies) = (None, Few::default());
            while let Some(child) = self.xml.child()? {
                match child.name() {
                    "aggregate" => self.text(&mut aggregate, "aggregate")?,
                    "assemblies" => {
                        while let Some(assembly) = self.xml.child()? {
                            let part = assembly.attribute("ref")?.unwrap_or_default();
                            push(&mut assemblies, "assembly", part.into())?;
                            self.xml.skip()?;
                        }
                    }
                    _ => self.xml.skip()?,
                }
            }
            let aggregate = aggregate.unwrap_or_default();
            push(compositions, "composition", Composition { aggregate, assemblies })?;
        }
        Ok(())
    }

    /// Services are not read, but references to them are valid.
    fn services(&mut self) -> Result<(), Error> {
        while let Some(service) = self.xml.child()? {
            self.declared.extend(service.attribute("bom-ref")?);
            while let Some(child) = self.xml.child()? {
                if child.name() == "services" { self.services()? } else { self.xml.skip()? }
            }
        }
        Ok(())
    }

    /// Whether anything inside an element has a name or is a phase. The depth of the document bounds the recursion.
    fn names_any(&mut self) -> Result<bool, Error> {
        let mut any = false;
        while let Some(child) = self.xml.child()? {
            any |= match child.name() {
                "name" | "phase" => !self.xml.text()?.is_empty(),
                _ => self.names_any()?,
            };
        }
        Ok(any)
    }

    fn text(&mut self, into: &mut Option<Text>, name: &'static str) -> Result<(), Error> {
        let text = self.xml.text()?;
        self.once(into, name, text.into())
    }

    /// Sets a value that may occur once. Readers would interpret two of them differently.
    fn once<T>(&self, into: &mut Option<T>, name: &'static str, value: T) -> Result<(), Error> {
        match into.replace(value) {
            None => Ok(()),
            Some(_) => Err(XmlError::Repeated { name, at: self.xml.at() }.into()),
        }
    }

    fn attribute(
        &self,
        element: &Element<'a>,
        element_name: &'static str,
        name: &'static str,
    ) -> Result<Text, Error> {
        let value = element.attribute(name)?;
        value.map(Cow::Owned).ok_or_else(|| self.missing(element_name, name))
    }

    fn missing(&self, element: &'static str, name: &'static str) -> Error {
        XmlError::Missing { element, name, at: self.xml.at() }.into()
    }
}

fn push<T>(few: &mut Few<T>, name: &'static str, item: T) -> Result<(), Error> {
    if few.0.len() >= FEW {
        return Err(XmlError::TooMany { name }.into());
    }
    few.0.push(item);
    Ok(())
}
