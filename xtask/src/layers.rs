//! Which crate may use which.
//!
//! The crates have an order, and each row says which of the crates above it may be used: [`HOUSE`]. `testkit` is for
//! tests only, and no async runtime, TLS or HTTP may reach the pure crates. Pure crates take bytes, so that their
//! verdicts can be replayed, fuzzed, and run without a network.
//!
//! A new edge is a decision: it is added to the table in the change that needs it, with its reason in the commit. An
//! unused edge is a fault too, so that the table stays true.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;

use crate::graph::Graph;

/// One crate, by its name without `plimsoll-`.
struct Room {
    name: &'static str,
    reach: Reach,
    /// The crates that the product's code uses.
    uses: &'static [&'static str],
    /// Crates that its tests use in addition.
    in_tests: &'static [&'static str],
}

/// Whether a crate may reach the network.
#[derive(PartialEq, Eq)]
enum Reach {
    /// It takes bytes, and never opens a connection.
    Pure,
    Network,
}

use Reach::{Network, Pure};

const fn room(name: &'static str, reach: Reach, uses: &'static [&'static str]) -> Room {
    Room { name, reach, uses, in_tests: &[] }
}

/// The house, top first. A crate that is missing here is a fault.
const HOUSE: &[Room] = &[
    room("core", Pure, &[]),
    room("files", Pure, &["core"]),
    room("verify", Pure, &["core"]),
    room("image", Pure, &["core", "files"]),
    room("sbom", Pure, &["core"]),
    room("vuln", Pure, &["core", "sbom"]),
    room("policy", Pure, &["core", "verify", "sbom", "vuln"]),
    room("attach", Pure, &["core", "files", "verify", "image"]),
    room("http", Network, &["core"]),
    Room { in_tests: &["sbom"], ..room("feeds", Network, &["core", "files", "vuln", "http"]) },
    room("cloud", Network, &["core", "http"]),
    room("registry", Network, &["core", "files", "image", "http", "cloud"]),
    room("trust", Network, &["core", "files", "verify", "http"]),
    room("keys", Network, &["core", "verify", "http", "cloud"]),
    Room {
        in_tests: &["registry"],
        ..room("signing", Network, &["core", "verify", "image", "attach", "http", "trust", "keys"])
    },
    room(
        "gather",
        Network,
        &["core", "verify", "image", "sbom", "vuln", "policy", "attach", "http", "cloud", "registry"],
    ),
    Room {
        in_tests: &["cloud", "registry"],
        ..room(
            "judge",
            Network,
            &["core", "files", "verify", "image", "vuln", "policy", "http", "trust", "gather"],
        )
    },
    room(
        "plimsoll",
        Network,
        &[
            "core", "files", "verify", "image", "sbom", "vuln", "policy", "attach", "http", "feeds", "cloud",
            "registry", "trust", "keys", "signing", "gather", "judge",
        ],
    ),
];

/// Used by tests of any crate, shipped by none.
const TEST_ONLY: &str = "testkit";

/// Development tasks: uses none of the crates, so that it builds when they do not.
const TASKS: &str = "xtask";

/// Runtimes, TLS and HTTP implementations. (`http` is only types and does no harm.)
const NETWORK: &[&str] = &[
    "async-executor",
    "async-std",
    "axum",
    "curl",
    "h2",
    "h3",
    "hyper",
    "hyper-util",
    "isahc",
    "mio",
    "native-tls",
    "openssl",
    "quinn",
    "reqwest",
    "rustls",
    "smol",
    "tokio",
    "tokio-rustls",
    "tonic",
    "ureq",
];

/// A violation of the order.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// A workspace crate that the table does not name.
    Unplaced { name: String },
    /// The table names a crate that does not exist.
    Missing { name: String },
    /// The table lets a crate use one that is not above it.
    Upward { from: String, to: String },
    /// A crate uses one that the table does not let it use.
    Forbidden { from: String, to: String },
    /// The table allows an edge that is not used.
    Unused { from: String, to: String },
    /// The product would ship the crate that is for tests.
    ShipsTests { from: String },
    /// Network code reaches a pure crate, by this path.
    Network { path: Vec<String> },
}

impl fmt::Display for Fault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unplaced { name } => write!(out, "{name} has no row in the table of crates"),
            Self::Missing { name } => {
                write!(out, "the table of crates has a row for {name}, which does not exist")
            }
            Self::Upward { from, to } => {
                write!(out, "the table of crates lets {from} use {to}, which is not above it")
            }
            Self::Forbidden { from, to } => {
                write!(out, "{from} uses {to}, which the table of crates does not allow")
            }
            Self::Unused { from, to } => {
                write!(out, "the table of crates lets {from} use {to}, but it does not")
            }
            Self::ShipsTests { from } => {
                write!(out, "{from} uses {TEST_ONLY} outside [dev-dependencies]")
            }
            Self::Network { path } => write!(out, "network code reaches a pure crate: {}", path.join(" → ")),
        }
    }
}

/// All faults of the workspace.
pub(crate) fn check(graph: &Graph) -> Vec<Fault> {
    faults(graph, HOUSE)
}

fn faults(graph: &Graph, house: &[Room]) -> Vec<Fault> {
    let mut faults = upward(house);
    for room in house {
        let Some(id) = graph.members.iter().find(|id| short(graph.name(id)) == room.name) else {
            faults.push(Fault::Missing { name: room.name.to_owned() });
            continue;
        };
        let taken = Taken::by(graph, id);
        faults.extend(taken.faults(room));
        if room.reach == Pure {
            faults.extend(network_paths(graph, id).into_iter().map(|path| Fault::Network { path }));
        }
    }
    for name in graph.members.iter().map(|id| short(graph.name(id))) {
        if name != TEST_ONLY && name != TASKS && house.iter().all(|room| room.name != name) {
            faults.push(Fault::Unplaced { name: name.to_owned() });
        }
    }
    faults.extend(support_faults(graph));
    faults
}

/// A crate's name in the table.
fn short(name: &str) -> &str {
    name.strip_prefix("plimsoll-").unwrap_or(name)
}

/// Rows that allow crates that are not above them.
fn upward(house: &[Room]) -> Vec<Fault> {
    let mut above: Vec<&str> = Vec::new();
    let mut faults = Vec::new();
    for room in house {
        for to in room.uses.iter().chain(room.in_tests).filter(|to| !above.contains(*to)) {
            faults.push(Fault::Upward { from: room.name.to_owned(), to: (*to).to_owned() });
        }
        above.push(room.name);
    }
    faults
}

/// The crates of the workspace that one of them uses.
struct Taken<'a> {
    shipped: Vec<&'a str>,
    in_tests: Vec<&'a str>,
}

impl<'a> Taken<'a> {
    fn by(graph: &'a Graph, id: &str) -> Self {
        let mut taken = Self { shipped: Vec::new(), in_tests: Vec::new() };
        for edge in graph.edges(id).iter().filter(|edge| graph.members.contains(&edge.to)) {
            let list = if edge.shipped { &mut taken.shipped } else { &mut taken.in_tests };
            list.push(short(graph.name(&edge.to)));
        }
        taken
    }

    fn faults(&self, room: &Room) -> Vec<Fault> {
        let mut faults = Vec::new();
        for to in &self.shipped {
            if *to == TEST_ONLY {
                faults.push(Fault::ShipsTests { from: room.name.to_owned() });
            } else if !room.uses.contains(to) {
                faults.push(Fault::Forbidden { from: room.name.to_owned(), to: (*to).to_owned() });
            }
        }
        for to in self.in_tests.iter().filter(|to| **to != TEST_ONLY) {
            if !room.uses.contains(to) && !room.in_tests.contains(to) {
                faults.push(Fault::Forbidden { from: room.name.to_owned(), to: (*to).to_owned() });
            }
        }
        let unused = room.uses.iter().filter(|to| !self.shipped.contains(to));
        let unused = unused.chain(room.in_tests.iter().filter(|to| !self.in_tests.contains(to)));
        faults.extend(unused.map(|to| Fault::Unused { from: room.name.to_owned(), to: (*to).to_owned() }));
        faults
    }
}

/// The test kit may use only `core`, and tasks none of the crates.
fn support_faults(graph: &Graph) -> Vec<Fault> {
    let mut faults = Vec::new();
    for (name, allowed) in [(TEST_ONLY, &["core"][..]), (TASKS, &[])] {
        let Some(id) = graph.members.iter().find(|id| short(graph.name(id)) == name) else { continue };
        let Taken { shipped, in_tests } = Taken::by(graph, id);
        let forbidden = shipped.into_iter().chain(in_tests).filter(|to| !allowed.contains(to));
        faults.extend(forbidden.map(|to| Fault::Forbidden { from: name.to_owned(), to: to.to_owned() }));
    }
    faults
}

/// The shortest way to each piece of network code that a crate ships.
fn network_paths(graph: &Graph, start: &str) -> Vec<Vec<String>> {
    let mut came_from: BTreeMap<&str, &str> = BTreeMap::new();
    let mut queue = VecDeque::from([start]);
    let mut found = Vec::new();
    while let Some(id) = queue.pop_front() {
        if NETWORK.contains(&graph.name(id)) {
            found.push(path_to(graph, &came_from, id));
            continue; // what network code itself uses adds nothing
        }
        for edge in graph.edges(id).iter().filter(|edge| edge.shipped) {
            if edge.to != start && !came_from.contains_key(edge.to.as_str()) {
                came_from.insert(&edge.to, id);
                queue.push_back(&edge.to);
            }
        }
    }
    found
}

fn path_to(graph: &Graph, came_from: &BTreeMap<&str, &str>, end: &str) -> Vec<String> {
    let mut path = vec![graph.name(end).to_owned()];
    let mut at = end;
    while let Some(previous) = came_from.get(at) {
        path.push(graph.name(previous).to_owned());
        at = previous;
    }
    path.reverse();
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `members` are the workspace's; an edge is (from, to, kind) with kind "normal" or "dev".
    fn graph(members: &[&str], edges: &[(&str, &str, &str)]) -> Graph {
        let mut names: Vec<&str> = members.to_vec();
        names.extend(edges.iter().flat_map(|(from, to, _)| [*from, *to]));
        names.sort_unstable();
        names.dedup();
        let deps = |name: &str| -> Vec<serde_json::Value> {
            edges
                .iter()
                .filter(|(from, _, _)| *from == name)
                .map(|(_, to, kind)| {
                    let kind = (*kind != "normal").then_some(*kind);
                    serde_json::json!({ "pkg": to, "dep_kinds": [{ "kind": kind }] })
                })
                .collect()
        };
        let metadata = serde_json::json!({
            "packages": names.iter().map(|name| serde_json::json!({ "id": name, "name": name })).collect::<Vec<_>>(),
            "workspace_members": members,
            "resolve": { "nodes": names.iter()
                .map(|name| serde_json::json!({ "id": name, "deps": deps(name) })).collect::<Vec<_>>() },
        });
        Graph::parse(metadata.to_string().as_bytes()).unwrap()
    }

    const SMALL: &[Room] = &[
        room("core", Pure, &[]),
        room("http", Network, &["core"]),
        Room { in_tests: &["http"], ..room("sbom", Pure, &["core"]) },
    ];

    fn forbidden(from: &str, to: &str) -> Fault {
        Fault::Forbidden { from: from.to_owned(), to: to.to_owned() }
    }

    /// The small house with its edges, and others.
    fn small(more: &[(&str, &str, &str)]) -> Vec<Fault> {
        let mut edges = vec![
            ("plimsoll-http", "plimsoll-core", "normal"),
            ("plimsoll-http", "tokio", "normal"),
            ("plimsoll-sbom", "plimsoll-core", "normal"),
            ("plimsoll-sbom", "plimsoll-http", "dev"),
        ];
        edges.extend(more);
        faults(
            &graph(&["plimsoll-core", "plimsoll-http", "plimsoll-sbom", "plimsoll-testkit", "xtask"], &edges),
            SMALL,
        )
    }

    #[test]
    fn the_table_lets_crates_use_only_those_above_them() {
        assert_eq!(upward(HOUSE), []);
        let house = [room("core", Pure, &["files"]), room("files", Pure, &["core"])];
        assert_eq!(upward(&house), [Fault::Upward { from: "core".into(), to: "files".into() }]);
    }

    #[test]
    fn a_crate_uses_what_its_row_names() {
        assert_eq!(small(&[]), []);
    }

    #[test]
    fn a_crate_may_not_use_what_its_row_does_not_name_even_in_tests() {
        for kind in ["normal", "build", "dev"] {
            let faults = small(&[("plimsoll-core", "plimsoll-http", kind)]);
            assert!(faults.contains(&forbidden("core", "http")), "{kind}: {faults:?}");
        }
    }

    #[test]
    fn what_a_row_names_for_tests_is_not_for_the_product() {
        let faults = small(&[("plimsoll-sbom", "plimsoll-http", "normal")]);
        assert!(faults.contains(&forbidden("sbom", "http")), "{faults:?}");
    }

    #[test]
    fn a_row_that_names_what_is_not_used_is_a_fault() {
        let graph = graph(&["plimsoll-core", "plimsoll-http"], &[]);
        let house = [room("core", Pure, &[]), room("http", Network, &["core"])];
        assert_eq!(faults(&graph, &house), [Fault::Unused { from: "http".into(), to: "core".into() }]);
    }

    #[test]
    fn the_test_kit_is_never_shipped_and_uses_core_alone() {
        assert_eq!(small(&[("plimsoll-http", "plimsoll-testkit", "dev")]), []);
        let shipped = small(&[("plimsoll-http", "plimsoll-testkit", "normal")]);
        assert_eq!(shipped, [Fault::ShipsTests { from: "http".into() }]);
        assert_eq!(small(&[("plimsoll-testkit", "plimsoll-core", "normal")]), []);
        assert_eq!(small(&[("plimsoll-testkit", "plimsoll-http", "normal")]), [forbidden("testkit", "http")]);
    }

    #[test]
    fn network_code_is_found_through_other_crates_and_its_path_told() {
        let faults = small(&[
            ("plimsoll-sbom", "proofs", "normal"),
            ("proofs", "reqwest", "normal"),
            ("reqwest", "tokio", "normal"),
        ]);
        let path = ["plimsoll-sbom", "proofs", "reqwest"].map(str::to_owned).to_vec();
        assert_eq!(faults, [Fault::Network { path }]);
    }

    #[test]
    fn network_code_that_only_tests_use_is_fine() {
        assert_eq!(small(&[("plimsoll-sbom", "proptest", "dev"), ("proptest", "tokio", "normal")]), []);
    }

    #[test]
    fn a_new_crate_needs_a_row_and_a_row_a_crate() {
        let graph = graph(&["plimsoll-extras"], &[]);
        let house = [room("core", Pure, &[])];
        let expected = [Fault::Missing { name: "core".into() }, Fault::Unplaced { name: "extras".into() }];
        assert_eq!(faults(&graph, &house), expected);
    }

    #[test]
    fn tasks_use_no_crate_of_the_product() {
        assert_eq!(small(&[("xtask", "plimsoll-core", "normal")]), [forbidden("xtask", "core")]);
    }

    #[test]
    fn cycles_among_foreign_crates_end() {
        assert_eq!(
            small(&[("plimsoll-sbom", "a", "normal"), ("a", "b", "normal"), ("b", "a", "normal")]),
            []
        );
    }
}
