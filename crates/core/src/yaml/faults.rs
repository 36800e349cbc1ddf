//! Every fault of a document, not only the first, for those who correct it.
//!
//! What decides is [`read`](super::read), which stops at the first fault. Only a document that it refuses is read again here:
//! each time with the values that were at fault left out, until nothing is at fault or only the whole document is left. So
//! there is one description of a format, its types, and lines are those of the text:
//!
//! ```yaml
//! spec:
//!   phse: ga              # left out in the second pass,
//!   vulnerabilities:
//!     maxAge: tomorrow    # which stops here
//! ```
//!
//! A field that only misses because it was left out is no fault. Neither is a fault that is told twice.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::de::value::StrDeserializer;
use serde::de::{DeserializeOwned, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_path_to_error::Segment;
use serde_saphyr::options::DuplicateKeyPolicy;

use super::{Error, Size, explain, joined, known_part, options, readable};

/// Faults of one document that are told. Who made more will read the document again after correcting these.
pub const MAX_FAULTS: usize = 20;
/// Bytes that all passes over one document may read. The largest deny lists are read some four times.
const PASS_BYTES: usize = 64 << 20;
/// Passes over one document: each fault can lead to leaving out what contains it, up to the whole.
const PASSES: usize = MAX_FAULTS * 3;

/// What could be read of a document with faults.
#[derive(Debug)]
pub struct Faulty<T> {
    /// What is left of it, for checks of what the faults do not touch. Never the document.
    pub rest: Option<T>,
    /// What is wrong, in the order in which it was found; at least one.
    pub faults: Vec<Error>,
    /// Paths of the values that are not in `rest`, as messages write them.
    pub left_out: Vec<String>,
    /// Whether there may be more.
    pub more: bool,
}

/// [`read`](super::read), but with every fault up to [`MAX_FAULTS`].
pub fn read_or_faults<T: DeserializeOwned>(
    bytes: &[u8],
    origin: &str,
    size: Size,
) -> Result<T, Box<Faulty<T>>> {
    let first = match super::read(bytes, origin, size) {
        Ok(document) => return Ok(document),
        Err(first) => first,
    };
    let mut faulty = Faulty { rest: None, faults: vec![first], left_out: Vec::new(), more: false };
    let Ok(text) = readable(bytes, origin) else { return Err(Box::new(faulty)) };
    let mut skips = Skips::default();
    let passes = (PASS_BYTES / text.len().max(1)).clamp(2, PASSES);
    for _ in 0..passes {
        match pass::<T>(text, size, &skips) {
            Ok(rest) => {
                faulty.rest = Some(rest);
                return Err(Box::new(faulty));
            }
            Err(Stop { error, shown, steps }) => {
                let follows = follows(error.without_snippet(), &steps, &skips, &faulty.faults);
                let fault = explain(&error, origin, &shown);
                if !follows && !faulty.faults.iter().any(|known| known.is_same(&fault)) {
                    if faulty.faults.len() == MAX_FAULTS {
                        break;
                    }
                    faulty.faults.push(fault);
                }
                let Some(path) = skips.leave_out(steps) else { return Err(Box::new(faulty)) };
                faulty.left_out.push(path);
            }
        }
    }
    faulty.more = true;
    Err(Box::new(faulty))
}

/// Where a pass ended.
struct Stop {
    error: serde_saphyr::Error,
    /// The path as messages write it.
    shown: String,
    /// The path in the document.
    steps: Vec<Step>,
}

fn pass<T: DeserializeOwned>(text: &str, size: Size, skips: &Skips) -> Result<T, Stop> {
    let mut options = options(text.len(), size);
    // `Key` refuses them, so that what comes after them is reached in the next pass.
    options.duplicate_keys = DuplicateKeyPolicy::LastWins;
    let (mut shown, mut steps) = (String::new(), Vec::new());
    let read = serde_saphyr::with_deserializer_from_str_with_options(text, options, |inner| {
        serde_path_to_error::deserialize(Filter { inner, skips }).map_err(|error| {
            steps = skips.steps(error.path());
            shown = known_part(error.path());
            error.into_inner()
        })
    });
    read.map_err(|error| {
        let error = as_parser_says(error);
        if let Some(key) = key_at_fault(error.without_snippet())
            && steps.last() != Some(&Step::Key(key.to_owned()))
        {
            steps.push(Step::Key(key.to_owned()));
        }
        Stop { error, shown: if steps.is_empty() { shown } else { written(&steps) }, steps }
    })
}

/// What `Key` says of a key that is there twice.
const TWICE: &str = "this key is here twice: ";

/// The parser's own error for a key that is there twice.
fn as_parser_says(error: serde_saphyr::Error) -> serde_saphyr::Error {
    match error.without_snippet() {
        serde_saphyr::Error::Message { msg, location } => match msg.strip_prefix(TWICE) {
            Some(key) => {
                serde_saphyr::Error::DuplicateMappingKey { key: Some(key.to_owned()), location: *location }
            }
            None => error,
        },
        _ => error,
    }
}

/// The key that is at fault itself, where the path only leads to what contains it.
fn key_at_fault(error: &serde_saphyr::Error) -> Option<&str> {
    match error {
        serde_saphyr::Error::SerdeUnknownField { field, .. } => Some(field),
        serde_saphyr::Error::DuplicateMappingKey { key, .. } => key.as_deref(),
        _ => None,
    }
}

/// Whether a field only misses because it was left out, or because it stands there under a name like its own.
fn follows(error: &serde_saphyr::Error, steps: &[Step], skips: &Skips, told: &[Error]) -> bool {
    let serde_saphyr::Error::SerdeMissingField { field, .. } = error else { return false };
    let parent = steps.iter().fold(skips, |at, step| at.at(step));
    let of_parent = |path: &str| {
        parent.below.keys().any(|step| written(&[steps, std::slice::from_ref(step)].concat()) == path)
    };
    parent.at(&Step::Key((*field).to_owned())).here
        || told.iter().any(|told| {
            matches!(told, Error::UnknownField { nearest: Some(name), path, .. } if name == field && of_parent(path))
        })
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    Key(String),
    /// Counted in the document, with what is left out.
    Index(usize),
}

fn written(steps: &[Step]) -> String {
    steps.iter().fold(String::new(), |path, step| match step {
        Step::Key(key) => joined(&path, key),
        Step::Index(index) => format!("{path}[{index}]"),
    })
}

/// The values that a pass leaves out, as a tree of paths.
#[derive(Debug, Default)]
struct Skips {
    here: bool,
    below: BTreeMap<Step, Skips>,
}

static NOTHING: Skips = Skips { here: false, below: BTreeMap::new() };

impl Skips {
    fn at(&self, step: &Step) -> &Self {
        self.below.get(step).unwrap_or(&NOTHING)
    }

    /// The path in the document for one among what the types were given: entries of lists that were left out count.
    fn steps(&self, path: &serde_path_to_error::Path) -> Vec<Step> {
        let (mut at, mut steps) = (self, Vec::new());
        for segment in path {
            let step = match segment {
                Segment::Map { key } => Step::Key(key.clone()),
                Segment::Seq { index } => {
                    let mut given = (0..).filter(|real| !at.at(&Step::Index(*real)).here);
                    Step::Index(given.nth(*index).unwrap_or(*index))
                }
                Segment::Enum { .. } | Segment::Unknown => break,
            };
            at = at.at(&step);
            steps.push(step);
        }
        steps
    }

    /// Leaves the value out, or what contains it if that was not enough. Nothing is left of the whole document.
    fn leave_out(&mut self, mut steps: Vec<Step>) -> Option<String> {
        while !steps.is_empty() {
            let mut at = &mut *self;
            for step in &steps {
                at = at.below.entry(step.clone()).or_default();
            }
            if !std::mem::replace(&mut at.here, true) {
                return Some(written(&steps));
            }
            steps.pop();
        }
        None
    }
}

/// Gives a type what another deserializer reads, without what is left out.
struct Filter<'s, T> {
    inner: T,
    skips: &'s Skips,
}

macro_rules! forward {
    ($($method:ident($($argument:ident: $type:ty),*))+) => {
        $(fn $method<V: Visitor<'de>>(self, $($argument: $type,)* visitor: V) -> Result<V::Value, D::Error> {
            self.inner.$method($($argument,)* Filter { inner: visitor, skips: self.skips })
        })+
    };
}

impl<'de, D: Deserializer<'de>> Deserializer<'de> for Filter<'_, D> {
    type Error = D::Error;

    forward! {
        deserialize_any() deserialize_bool() deserialize_i8() deserialize_i16() deserialize_i32()
        deserialize_i64() deserialize_i128() deserialize_u8() deserialize_u16() deserialize_u32()
        deserialize_u64() deserialize_u128() deserialize_f32() deserialize_f64() deserialize_char()
        deserialize_str() deserialize_string() deserialize_bytes() deserialize_byte_buf() deserialize_option()
        deserialize_unit() deserialize_unit_struct(name: &'static str)
        deserialize_newtype_struct(name: &'static str) deserialize_seq() deserialize_tuple(len: usize)
        deserialize_tuple_struct(name: &'static str, len: usize) deserialize_map() deserialize_identifier()
        deserialize_ignored_any()
    }

    /// As a map, so that a field that is there twice reaches the type, which refuses it with its path.
    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.deserialize_map(visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.inner.deserialize_enum(name, variants, visitor)
    }

    fn is_human_readable(&self) -> bool {
        self.inner.is_human_readable()
    }
}

macro_rules! visit {
    ($($method:ident: $type:ty)+) => {
        $(fn $method<E: serde::de::Error>(self, value: $type) -> Result<V::Value, E> {
            self.inner.$method(value)
        })+
    };
}

impl<'de, V: Visitor<'de>> Visitor<'de> for Filter<'_, V> {
    type Value = V::Value;

    visit! {
        visit_bool: bool visit_i8: i8 visit_i16: i16 visit_i32: i32 visit_i64: i64 visit_i128: i128 visit_u8: u8
        visit_u16: u16 visit_u32: u32 visit_u64: u64 visit_u128: u128 visit_f32: f32 visit_f64: f64
        visit_char: char visit_str: &str visit_borrowed_str: &'de str visit_string: String visit_bytes: &[u8]
        visit_borrowed_bytes: &'de [u8] visit_byte_buf: Vec<u8>
    }

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.expecting(f)
    }

    fn visit_none<E: serde::de::Error>(self) -> Result<V::Value, E> {
        self.inner.visit_none()
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<V::Value, E> {
        self.inner.visit_unit()
    }

    fn visit_some<D: Deserializer<'de>>(self, inner: D) -> Result<V::Value, D::Error> {
        self.inner.visit_some(Filter { inner, skips: self.skips })
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, inner: D) -> Result<V::Value, D::Error> {
        self.inner.visit_newtype_struct(Filter { inner, skips: self.skips })
    }

    fn visit_seq<A: SeqAccess<'de>>(self, inner: A) -> Result<V::Value, A::Error> {
        self.inner.visit_seq(Entries { inner, skips: self.skips, index: 0 })
    }

    fn visit_map<A: MapAccess<'de>>(self, inner: A) -> Result<V::Value, A::Error> {
        self.inner.visit_map(Fields { inner, skips: self.skips, of_value: &NOTHING, known: BTreeSet::new() })
    }

    fn visit_enum<A: serde::de::EnumAccess<'de>>(self, inner: A) -> Result<V::Value, A::Error> {
        self.inner.visit_enum(inner)
    }
}

impl<'de, S: DeserializeSeed<'de>> DeserializeSeed<'de> for Filter<'_, S> {
    type Value = S::Value;

    fn deserialize<D: Deserializer<'de>>(self, inner: D) -> Result<S::Value, D::Error> {
        self.inner.deserialize(Filter { inner, skips: self.skips })
    }
}

struct Entries<'s, A> {
    inner: A,
    skips: &'s Skips,
    index: usize,
}

impl<'de, A: SeqAccess<'de>> SeqAccess<'de> for Entries<'_, A> {
    type Error = A::Error;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, inner: S) -> Result<Option<S::Value>, A::Error> {
        loop {
            let skips = self.skips.at(&Step::Index(self.index));
            self.index += 1;
            if !skips.here {
                return self.inner.next_element_seed(Filter { inner, skips });
            }
            if self.inner.next_element::<IgnoredAny>()?.is_none() {
                return Ok(None);
            }
        }
    }
}

struct Fields<'s, A> {
    inner: A,
    skips: &'s Skips,
    /// What is left out of the value whose key was read.
    of_value: &'s Skips,
    known: BTreeSet<String>,
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Fields<'_, A> {
    type Error = A::Error;

    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, mut seed: S) -> Result<Option<S::Value>, A::Error> {
        loop {
            let key = Key { seed, skips: self.skips, known: &mut self.known };
            match self.inner.next_key_seed(key)? {
                None => return Ok(None),
                Some(ReadKey::Given(key, of_value)) => {
                    self.of_value = of_value;
                    return Ok(Some(key));
                }
                Some(ReadKey::LeftOut(unused)) => {
                    self.inner.next_value::<IgnoredAny>()?;
                    seed = unused;
                }
            }
        }
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, inner: S) -> Result<S::Value, A::Error> {
        self.inner.next_value_seed(Filter { inner, skips: std::mem::replace(&mut self.of_value, &NOTHING) })
    }
}

/// Reads a key, unless its value is left out.
struct Key<'s, 'k, S> {
    seed: S,
    skips: &'s Skips,
    known: &'k mut BTreeSet<String>,
}

enum ReadKey<'s, T, S> {
    Given(T, &'s Skips),
    LeftOut(S),
}

impl<'de, 's, S: DeserializeSeed<'de>> DeserializeSeed<'de> for Key<'s, '_, S> {
    type Value = ReadKey<'s, S::Value, S>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de, 's, S: DeserializeSeed<'de>> Visitor<'de> for Key<'s, '_, S> {
    type Value = ReadKey<'s, S::Value, S>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a field")
    }

    fn visit_str<E: serde::de::Error>(self, key: &str) -> Result<Self::Value, E> {
        let skips = self.skips.at(&Step::Key(key.to_owned()));
        if skips.here {
            return Ok(ReadKey::LeftOut(self.seed));
        }
        if !self.known.insert(key.to_owned()) {
            return Err(E::custom(format_args!("{TWICE}{key}")));
        }
        Ok(ReadKey::Given(self.seed.deserialize(StrDeserializer::new(key))?, skips))
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields, rename_all = "camelCase")]
    #[allow(dead_code, reason = "only its reading is tested")]
    struct Outer {
        name: String,
        #[serde(default)]
        list: Vec<Inner>,
        #[serde(default)]
        flag: Option<bool>,
        #[serde(default)]
        by_name: BTreeMap<String, Inner>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields, rename_all = "camelCase")]
    #[allow(dead_code, reason = "only its reading is tested")]
    struct Inner {
        max_age: u8,
        #[serde(default)]
        words: Vec<Word>,
    }

    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(rename_all = "lowercase")]
    enum Word {
        One,
        Two,
    }

    fn faults(text: &str) -> Faulty<Outer> {
        *read_or_faults::<Outer>(text.as_bytes(), "p", Size::DOCUMENT).unwrap_err()
    }

    fn told(faulty: &Faulty<Outer>) -> Vec<String> {
        faulty.faults.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn every_fault_of_a_document_is_told_once_with_its_line() {
        let text = "\
name: x
flga: true
list:
  - maxAge: often
  - maxAge: 2
    words: [one, tow, two, three]
  - maxAeg: 3
  - maxAge: 4
flag: maybe
byName:
  a: {maxAge: 1, zebra: 1}
  a.b: {maxAge: 300}
zebra: {flag: true}
";
        let faulty = faults(text);
        let told = told(&faulty);
        let expected = [
            "p: line 2: flga: unknown field, did you mean \"flag\"?",
            "p: line 4: list[0].maxAge: ",
            "p: line 6: list[1].words[1]: unknown value `tow`",
            "p: line 6: list[1].words[3]: unknown value `three`",
            "p: line 7: list[2].maxAeg: unknown field, did you mean \"maxAge\"?",
            "p: line 9: flag: ",
            "p: line 11: byName.a.zebra: unknown field",
            "p: line 12: byName.a.b.maxAge: ",
            "p: line 13: zebra: unknown field",
        ];
        assert_eq!(told.len(), expected.len(), "{told:#?}");
        for (told, expected) in told.iter().zip(expected) {
            assert!(told.starts_with(expected), "{told} is not {expected}");
        }
        assert!(!faulty.more);
        let rest = faulty.rest.unwrap();
        assert_eq!(rest.list.iter().map(|inner| inner.max_age).collect::<Vec<_>>(), [2, 4]);
        assert_eq!(rest.list[0].words, [Word::One, Word::Two]);
    }

    #[test]
    fn what_is_left_out_makes_no_faults_of_its_own() {
        // The name is required, is at fault itself, and therefore not missing as well.
        let faulty = faults("name: [x]\nflag: 3\n");
        assert_eq!(told(&faulty).len(), 2, "{:?}", faulty.faults);
        assert!(faulty.rest.is_none());
        let faulty = faults("flag: 3\n");
        let told = told(&faulty);
        assert!(told.len() == 2 && told[1].contains("missing field `name`"), "{told:?}");
    }

    #[test]
    fn a_key_twice_hides_nothing_after_it() {
        let told =
            told(&faults("name: x\nflag: true\nflag: false\nlist: [{maxAge: 1, maxAge: 2}]\nzebra: 1\n"));
        assert_eq!(told.len(), 3, "{told:#?}");
        for (told, expected) in
            told.iter().zip(["flag: duplicate key", "list[0].maxAge: duplicate", "zebra: unknown"])
        {
            assert!(told.contains(expected), "{told}");
        }
    }

    #[test]
    fn text_that_is_not_yaml_is_told_once() {
        for text in
            ["name: x\nlist: [{maxAge: 1}\n", "name: x\nflag: true: b\n", "- a\n", "", "name: \u{202e}\n"]
        {
            let faulty = faults(text);
            assert_eq!(faulty.faults.len(), 1, "{text:?}: {:?}", faulty.faults);
            assert!(faulty.rest.is_none(), "{text:?}");
        }
        // What stands before it is told as well, when the parser got there.
        let told = told(&faults("flag: 3\nname: x\nlist: [{maxAge: 1}\n"));
        assert!(told[0].contains("line 1: flag") && told.len() == 2, "{told:?}");
    }

    #[test]
    fn the_number_of_faults_is_bounded() {
        let many: String = (0..1000).fold("name: x\n".to_owned(), |text, n| text + &format!("field{n}: 1\n"));
        let faulty = faults(&many);
        assert_eq!(faulty.faults.len(), MAX_FAULTS);
        assert!(faulty.more && faulty.rest.is_none());
    }

    #[test]
    fn a_sound_document_is_read_as_ever() {
        let text = b"name: x\nlist: [{maxAge: 1}]\n";
        assert!(read_or_faults::<Outer>(text, "p", Size::DOCUMENT).is_ok());
    }
}
