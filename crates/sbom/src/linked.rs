//! The functions in a program, so that a finding can say that the functions of an advisory are missing.
//!
//! Kept as a sorted list of 32-bit hashes: large programs have a hundred thousand functions. A collision can make a
//! function appear present, but never missing.

use std::fmt;

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
        self.hashes.binary_search(&hash(package.as_bytes(), [name.as_bytes()])).is_ok()
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
    package: u32,
    owner: u32,
}

/// The default for this limit, 8 MiB: ten times what the largest examined program needs.
const MAX_HASHES: usize = 2 << 20;

impl Default for Collector {
    fn default() -> Self {
        Self { max: MAX_HASHES, hashes: Vec::new(), package: 0, owner: 0 }
    }
}

impl Collector {
    /// Takes a name as Go's linker writes it, `golang.org/x/net/html.(*Tokenizer).Next.func1`. Returns false if there are too
    /// many.
    pub(crate) fn add(&mut self, name: &[u8]) -> bool {
        let Some((package, name)) = split(name) else { return true };
        let package = unescaped(package);
        let name = plain(name);
        let mut parts = name.split(|byte| *byte == b'.');
        let (owner, method) = (parts.next().unwrap_or_default(), parts.next());
        // Functions of a package follow each other, as methods of a type do.
        let hash_of_package = hash(&package, [b"".as_slice()]);
        if hash_of_package != self.package {
            self.package = hash_of_package;
            self.hashes.push(hash_of_package);
        }
        let hash_of_owner = hash(&package, [owner]);
        if hash_of_owner != self.owner {
            self.owner = hash_of_owner;
            self.hashes.push(hash_of_owner);
        }
        if let Some(method) = method {
            self.hashes.push(hash(&package, [owner, b".", method]));
        }
        if self.hashes.len() < self.max {
            return true;
        }
        self.sort();
        // The list is sorted again whenever half of it is new.
        self.hashes.len() <= self.max / 2
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
fn unescaped(package: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(package.len());
    let mut rest = package;
    while let Some((byte, after)) = rest.split_first() {
        let escaped = after.split_at_checked(2).filter(|_| *byte == b'%');
        let escaped = escaped.and_then(|(digits, after)| Some((hex::decode(digits).ok()?, after)));
        if let Some((byte, after)) = escaped {
            plain.extend(byte);
            rest = after;
        } else {
            plain.push(*byte);
            rest = after;
        }
    }
    plain
}

/// `Tokenizer.Next` of `(*Tokenizer[go.shape.int]).Next-fm`.
fn plain(name: &[u8]) -> Vec<u8> {
    let name = name.strip_suffix(b"-fm").unwrap_or(name);
    let mut depth = 0_usize;
    let mut plain = Vec::with_capacity(name.len());
    for byte in name {
        match byte {
            b'[' => depth += 1,
            b']' => depth = depth.saturating_sub(1),
            b'(' | b'*' | b')' => {}
            byte if depth == 0 => plain.push(*byte),
            _ => {}
        }
    }
    plain
}

/// FNV-1a, folded.
fn hash<'a>(package: &'a [u8], name: impl IntoIterator<Item = &'a [u8]>) -> u32 {
    const START: u64 = 0xcbf2_9ce4_8422_2325;
    const FACTOR: u64 = 0x0000_0100_0000_01b3;
    let bytes = package.iter().chain(&[0]).chain(name.into_iter().flatten());
    let hash = bytes.fold(START, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(FACTOR));
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
