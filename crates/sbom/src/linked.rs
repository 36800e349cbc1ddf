//! The functions in a program, so that a finding can say that the functions of an advisory are missing.
//!
//! Kept as a sorted list of 32-bit hashes: large programs have a hundred thousand functions. A collision can make a
//! function appear present, but never missing.

use std::{fmt, iter};

use memchr::memchr3;
use serde::{Deserialize, Serialize};

/// The functions of one program, by package and name.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkedFunctions {
    /// Sorted.
    hashes: Box<[u32]>,
}

impl LinkedFunctions {
    /// The functions with these names, as Go's linker writes them: `golang.org/x/net/html.(*Tokenizer).Next`. `None` if
    /// there are none, or too many.
    pub fn from_names<'a>(names: impl IntoIterator<Item = &'a str>) -> Option<Self> {
        let mut collector = Collector::default();
        names.into_iter().all(|name| collector.add(name.as_bytes())).then(|| collector.finish())?
    }

    /// Whether a function of `package` is present: by its name (`Decode`), or by type and name for a method
    /// (`Decoder.Token`). With an empty name, whether any function of the package is.
    pub fn has(&self, package: &str, name: &str) -> bool {
        let hash = name.bytes().fold(hash_of_package(package.bytes()), with);
        self.hashes.binary_search(&folded(hash)).is_ok()
    }

    /// The bytes that it needs.
    pub(crate) fn bytes(&self) -> usize {
        size_of_val(&*self.hashes)
    }
}

impl fmt::Debug for LinkedFunctions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LinkedFunctions({})", self.hashes.len())
    }
}

/// Collects the names of a program's functions.
pub(crate) struct Collector {
    /// The most hashes that are kept.
    max: usize,
    hashes: Vec<u32>,
    /// The package of the last function, as the linker wrote it: the functions of a package follow each other.
    package: Vec<u8>,
    /// The hash of that package, to which those of names are added. `None` before the first one.
    hash_of_package: Option<u64>,
    /// The hash of the last function, or of the type of the last method: the methods of a type follow each other.
    owner: u64,
}

/// The default for this limit, 8 MiB: ten times what the largest examined program needs.
const MAX_HASHES: usize = 2 << 20;

impl Default for Collector {
    fn default() -> Self {
        Self { max: MAX_HASHES, hashes: Vec::new(), package: Vec::new(), hash_of_package: None, owner: 0 }
    }
}

impl Collector {
    /// Takes a name as Go's linker writes it, `golang.org/x/net/html.(*Tokenizer).Next.func1`. Returns false if there are too
    /// many. Allocates nothing for most names: the largest programs have a million.
    pub(crate) fn add(&mut self, name: &[u8]) -> bool {
        let (hash_of_package, name) = match self.in_last_package(name) {
            Some(found) => found,
            None => match split(name) {
                Some((package, name)) => (self.enter(package), name),
                None => return true,
            },
        };
        self.add_to_package(hash_of_package, name);
        if self.hashes.len() < self.max {
            return true;
        }
        self.sort();
        // The list is sorted again whenever half of it is new.
        self.hashes.len() <= self.max / 2
    }

    /// The hash of the last package, and the name in it, if [`split`] would find this package again.
    fn in_last_package<'a>(&self, name: &'a [u8]) -> Option<(u64, &'a [u8])> {
        let hash = self.hash_of_package?;
        let name = name.strip_prefix(self.package.as_slice())?.strip_prefix(b".")?;
        // A slash before the first type means that the dot was one in the path of a longer package.
        let is_longer = memchr3(b'/', b'[', b'(', name).is_some_and(|at| name.get(at) == Some(&b'/'));
        (!is_longer).then_some((hash, name))
    }

    /// Goes on to another package.
    fn enter(&mut self, package: &[u8]) -> u64 {
        let hash = hash_of_package(unescaped(package));
        self.package.clear();
        self.package.extend_from_slice(package);
        self.hash_of_package = Some(hash);
        self.hashes.push(folded(hash));
        hash
    }

    /// Adds `Tokenizer` and `Tokenizer.Next` for `(*Tokenizer[go.shape.int]).Next.func1`.
    fn add_to_package(&mut self, hash_of_package: u64, name: &[u8]) {
        let name = name.strip_suffix(b"-fm").unwrap_or(name);
        let (mut hash, mut owner, mut depth) = (hash_of_package, None, 0_usize);
        for byte in name {
            match byte {
                b'[' => depth += 1,
                b']' => depth = depth.saturating_sub(1),
                b'(' | b'*' | b')' => {}
                _ if depth > 0 => {}
                b'.' if owner.is_some() => break,
                byte => {
                    if *byte == b'.' {
                        owner = Some(hash);
                    }
                    hash = with(hash, *byte);
                }
            }
        }
        let hash_of_owner = owner.unwrap_or(hash);
        if hash_of_owner != self.owner {
            self.owner = hash_of_owner;
            self.hashes.push(folded(hash_of_owner));
        }
        if owner.is_some() {
            self.hashes.push(folded(hash));
        }
    }

    /// All of them. `None` if there was no name.
    pub(crate) fn finish(mut self) -> Option<LinkedFunctions> {
        self.sort();
        (!self.hashes.is_empty()).then(|| LinkedFunctions { hashes: self.hashes.into_boxed_slice() })
    }

    fn sort(&mut self) {
        self.hashes.sort_unstable();
        self.hashes.dedup();
    }
}

/// Package and name. `None` for symbols that the linker generates, such as type descriptors.
fn split(name: &[u8]) -> Option<(&[u8], &[u8])> {
    if name.starts_with(b"type:") || name.starts_with(b"go:") {
        return None;
    }
    // Types in brackets have packages of their own.
    let end = name.iter().position(|byte| matches!(byte, b'[' | b'(')).unwrap_or(name.len());
    let last = name.get(..end)?.iter().rposition(|byte| *byte == b'/').map_or(0, |slash| slash + 1);
    let dot = last + name.get(last..end)?.iter().position(|byte| *byte == b'.')?;
    Some((name.get(..dot)?, name.get(dot + 1..)?))
}

/// `gopkg.in/yaml.v3` of `gopkg.in/yaml%2ev3`.
fn unescaped(package: &[u8]) -> impl Iterator<Item = u8> {
    let mut rest = package;
    iter::from_fn(move || {
        let (byte, after) = rest.split_first()?;
        let mut decoded = [0];
        if *byte == b'%'
            && let Some((digits, after)) = after.split_at_checked(2)
            && hex::decode_to_slice(digits, &mut decoded).is_ok()
        {
            rest = after;
            let [byte] = decoded;
            return Some(byte);
        }
        rest = after;
        Some(*byte)
    })
}

/// The state of the hash, FNV-1a, after a package and the zero byte behind it, which is in no path.
fn hash_of_package(package: impl IntoIterator<Item = u8>) -> u64 {
    const START: u64 = 0xcbf2_9ce4_8422_2325;
    package.into_iter().chain([0]).fold(START, with)
}

/// The state after one more byte.
fn with(hash: u64, byte: u8) -> u64 {
    const FACTOR: u64 = 0x0000_0100_0000_01b3;
    (hash ^ u64::from(byte)).wrapping_mul(FACTOR)
}

/// What is kept of a hash.
fn folded(hash: u64) -> u32 {
    #[expect(clippy::cast_possible_truncation, reason = "both halves are in it")]
    let folded = (hash ^ hash >> 32) as u32;
    folded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_as_advisories_write_them() {
        let linked = LinkedFunctions::from_names([
            "golang.org/x/net/html.(*Tokenizer).Next.func1",
            "golang.org/x/net/html.Parse",
            "gopkg.in/yaml%2ev3.(*parser).peek",
            "example.org/a.Map[go.shape.string,example.org/b/c.Key].Get",
            "example.org/a.(*List[...]).Push-fm",
            "net/http.HandlerFunc.ServeHTTP",
            "type:.eq.example.org/z.T",
            "main.main",
        ])
        .unwrap();
        for (package, name) in [
            ("golang.org/x/net/html", "Tokenizer.Next"),
            ("golang.org/x/net/html", "Parse"),
            ("golang.org/x/net/html", ""),
            ("gopkg.in/yaml.v3", "parser.peek"),
            ("example.org/a", "Map"),
            ("example.org/a", "Map.Get"),
            ("example.org/a", "List.Push"),
            ("net/http", "HandlerFunc.ServeHTTP"),
        ] {
            assert!(linked.has(package, name), "{package} {name}");
        }
        for (package, name) in [
            ("golang.org/x/net/html", "Tokenizer.Raw"),
            ("golang.org/x/net", "html.Parse"),
            ("golang.org/x/net", ""),
            ("example.org/b/c", "Key"),
            ("example.org/z", "T"),
        ] {
            assert!(!linked.has(package, name), "{package} {name}");
        }
    }

    #[test]
    fn a_package_is_told_from_one_whose_path_it_begins() {
        let names = [
            "example.Parse",
            "example.org/a.F",
            "example.org/a.b/c.G",
            "example.org/a.Map[example.org/k.Key].Get",
            "example.org/a.(*T[example.org/k.Key]).Set",
            "example.Last",
            "gopkg.in/yaml%2ev3.Marshal",
            "gopkg.in/yaml%2ev3.(*parser).peek",
        ];
        let functions = [
            ("example", "Parse"),
            ("example", "Last"),
            ("example.org/a", "F"),
            ("example.org/a.b/c", "G"),
            ("example.org/a", "Map"),
            ("example.org/a", "Map.Get"),
            ("example.org/a", "T"),
            ("example.org/a", "T.Set"),
            ("gopkg.in/yaml.v3", "Marshal"),
            ("gopkg.in/yaml.v3", "parser"),
            ("gopkg.in/yaml.v3", "parser.peek"),
        ];
        let packages = ["example", "example.org/a", "example.org/a.b/c", "gopkg.in/yaml.v3"];
        let turned = names.iter().rev().copied();
        for linked in [LinkedFunctions::from_names(names), LinkedFunctions::from_names(turned)] {
            let linked = linked.unwrap();
            assert!(functions.iter().all(|(package, name)| linked.has(package, name)), "{linked:?}");
            assert!(packages.iter().all(|package| linked.has(package, "")));
            // And nothing else.
            assert_eq!(linked.hashes.len(), functions.len() + packages.len());
        }
    }

    #[test]
    fn a_program_with_too_many_functions_proves_nothing() {
        let collector = || Collector { max: 1000, ..Collector::default() };
        let (mut many, mut few) = (collector(), collector());
        let taken = (0..5000).take_while(|number| many.add(format!("p.F{number}").as_bytes())).count();
        assert!((500..1000).contains(&taken), "{taken}");
        // Repeated names count once.
        assert!((0..5000).all(|number| few.add(format!("p.F{}", number % 100).as_bytes())));
        assert_eq!(few.finish().map(|linked| linked.hashes.len()), Some(101));
    }
}
