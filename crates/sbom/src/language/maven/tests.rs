//! The dependencies of projects with several poms.

use plimsoll_core::Limits;
use plimsoll_core::rootfs::FileSet;

use crate::catalogers::select;
use crate::inventory::{Component, Inventory};

fn catalog(files: &[(&str, &str)]) -> Inventory {
    let mut set = FileSet::default();
    for (path, content) in files {
        set.add(select(), path, None, content.as_bytes());
    }
    crate::catalog(&set, &Limits::default())
}

fn found(inventory: &Inventory) -> Vec<String> {
    let mark = |it: &Component| if it.is_for_development() { " development" } else { "" };
    let one = |it: &Component| format!("{} {}{}", it.purl, it.locations[0].path, mark(it));
    inventory.components.iter().map(one).collect()
}

fn dependency(artifact: &str, more: &str) -> String {
    format!("<dependency><groupId>org.x</groupId><artifactId>{artifact}</artifactId>{more}</dependency>")
}

#[test]
fn versions_come_from_properties_parents_and_bills_of_materials() {
    let parent = format!(
        "<project><groupId>org.x</groupId><artifactId>parent</artifactId><version>7</version>\
         <properties><a.version>1.0</a.version><nested>${{a.version}}.1</nested><loop>${{loop}}</loop></properties>\
         <dependencyManagement><dependencies>{}{}{}</dependencies></dependencyManagement>\
         <dependencies>{}</dependencies></project>",
        dependency("managed", "<version>${nested}</version>"),
        dependency("tested", "<version>1</version><scope>test</scope>"),
        dependency("bill", "<version>3</version><type>pom</type><scope>import</scope>"),
        dependency("of-parent", "<version>${project.version}</version>"),
    );
    let child = format!(
        "<project><parent><groupId>org.x</groupId><artifactId>parent</artifactId><version>7</version></parent>\
         <artifactId>child</artifactId><dependencies>{}{}{}{}{}{}{}{}</dependencies></project>",
        dependency("a", "<version>${a.version}</version>"),
        dependency("managed", ""),
        dependency("tested", ""),
        dependency("of-bill", ""),
        dependency("sibling", "<version>${project.version}</version>"),
        dependency("looped", "<version>${loop}</version>"),
        dependency("range", "<version>[1,2)</version>"),
        dependency("only-tests", "<version>1</version><scope>test</scope>"),
    );
    let sibling =
        "<project><groupId>org.x</groupId><artifactId>sibling</artifactId><version>7</version></project>";
    let bill = format!(
        "<project><groupId>org.x</groupId><artifactId>bill</artifactId><version>3</version><dependencyManagement>\
         <dependencies>{}</dependencies></dependencyManagement><dependencies>{}</dependencies></project>",
        dependency("of-bill", "<version>${project.version}.5</version>"),
        dependency("of-another-project", "<version>1</version>"),
    );
    let inventory = catalog(&[
        ("srv/pom.xml", &parent),
        ("srv/child/pom.xml", &child),
        ("srv/sibling/pom.xml", sibling),
        ("root/.m2/repository/org/x/bill/3/bill-3.pom", &bill),
        // A pom that was fetched for it is not a project.
        (
            "root/.m2/repository/org/x/a/1.0/a-1.0.pom",
            "<project><groupId>org.x</groupId><artifactId>a</artifactId></project>",
        ),
        ("opt/war/META-INF/maven/org.x/y/pom.xml", &bill),
    ]);
    assert_eq!(
        found(&inventory),
        [
            "pkg:maven/org.x/a@1.0 srv/child/pom.xml",
            "pkg:maven/org.x/looped srv/child/pom.xml",
            "pkg:maven/org.x/managed@1.0.1 srv/child/pom.xml",
            "pkg:maven/org.x/of-bill@3.5 srv/child/pom.xml",
            "pkg:maven/org.x/of-parent@7 srv/child/pom.xml",
            "pkg:maven/org.x/of-parent@7 srv/pom.xml",
            "pkg:maven/org.x/only-tests@1 srv/child/pom.xml development",
            "pkg:maven/org.x/range srv/child/pom.xml",
            "pkg:maven/org.x/tested@1 srv/child/pom.xml development",
        ]
    );
}

#[test]
fn circular_and_invalid_poms_end() {
    let own = "<groupId>g</groupId><version>1</version>";
    let circle = |artifact: &str, parent: &str| {
        format!(
            "<project><parent>{own}<artifactId>{parent}</artifactId><relativePath>../{parent}</relativePath></parent>\
             <artifactId>{artifact}</artifactId><properties><p>${{q}}${{q}}</p><q>${{p}}${{p}}</q></properties>\
             <dependencies>{}</dependencies></project>",
            dependency("d", "<version>${p}</version>")
        )
    };
    let inventory = catalog(&[
        ("srv/a/pom.xml", &circle("a", "b")),
        ("srv/b/pom.xml", &circle("b", "a")),
        ("srv/c/pom.xml", "<html></html>"),
        ("srv/d/pom.xml", "<project><dependencies>"),
    ]);
    assert!(found(&inventory).iter().all(|it| it.starts_with("pkg:maven/org.x/d srv/")), "{inventory:?}");
    let told: Vec<&str> = inventory.problems.iter().map(|it| it.path.as_str()).collect();
    assert!(told.contains(&"srv/c/pom.xml") && told.contains(&"srv/d/pom.xml"), "{told:?}");
}

#[test]
fn an_unpacked_archive_is_identified_by_its_properties() {
    let inventory =
        catalog(&[("srv/META-INF/maven/g/a/pom.properties", "groupId=g\nartifactId=a\nversion=1.0\n")]);
    assert_eq!(found(&inventory), ["pkg:maven/g/a@1.0 srv/META-INF/maven/g/a/pom.properties"]);
}

/// A hundred projects below a parent that manages ten thousand versions cost no more than their own dependencies.
#[test]
fn managed_versions_are_not_examined_again_for_each_project() {
    let many = |names: &str| {
        (0..10_000).map(|n| dependency(&format!("{names}{n}"), "<version>1</version>")).collect::<String>()
    };
    let told = |managed: &str, inherited: &str, projects: usize| {
        let parent = format!(
            "<project><groupId>org.x</groupId><artifactId>parent</artifactId><version>7</version>\
             <dependencyManagement><dependencies>{managed}</dependencies></dependencyManagement>\
             <dependencies>{inherited}</dependencies></project>"
        );
        let children: Vec<(String, String)> = (0..projects).map(|n| (format!("srv/c{n}/pom.xml"), format!(
            "<project><parent><groupId>org.x</groupId><artifactId>parent</artifactId><version>7</version></parent>\
             <artifactId>c{n}</artifactId><dependencies>{}</dependencies></project>", dependency("m5", "")
        ))).collect();
        let mut files = vec![("srv/pom.xml", parent.as_str())];
        files.extend(children.iter().map(|(path, text)| (path.as_str(), text.as_str())));
        let inventory = catalog(&files);
        let cut = inventory
            .problems
            .iter()
            .filter(|it| ["than is examined", "than may be listed"].iter().any(|cut| it.detail.contains(cut)))
            .count();
        (inventory.components.iter().filter(|it| it.version == "1").count(), cut)
    };
    assert_eq!(told(&many("m"), "", 300), (300, 0));
    // If names contain properties or dependencies are inherited, there is a limit for all projects together.
    assert_eq!(told(&many("${project.version}m"), "", 300).1, 1);
    assert_eq!(told("", &many("c"), 300).1, 1);
}
