//! The encoding of the facts of one layer.
//!
//! ```text
//! SHA-256 of the entry's name and of the rest         32 bytes
//! Layer, as MessagePack                               the rest
//! ```
//!
//! The checksum includes the name, so an entry under another name also counts as damaged. The bytes after the checksum
//! are what this program wrote, and reading them is bounded by their length in any case: hashes and names are copied
//! from them, and lists contain only items that are present, whatever number they claim. Facts that several files share
//! are written once.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::Arc;

use plimsoll_core::rootfs::{Fact, FactCodec, FileFacts, Outcome, Purpose};
use plimsoll_core::{Algorithm, Digest, Hasher};
use serde::de::Visitor;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::layers::facts::{Facts, Ledger, Node, Record, Target, Verified};
use crate::layers::paths::Hashes;

/// Bytes of the checksum.
const SUM: usize = 32;

/// The entry named `name` for `facts`. `None` if one of them is of a kind that is not kept.
pub(crate) fn encode(facts: &Facts, name: &str, codec: &dyn FactCodec) -> Option<Vec<u8>> {
    let mut bytes = encode_layer(facts, vec![0; SUM], codec)?;
    let (sum, rest) = bytes.split_at_mut_checked(SUM)?;
    sum.copy_from_slice(checksum(name, rest).as_bytes());
    Some(bytes)
}

/// Appends the part after the checksum to `front`. Equal facts give equal bytes.
pub(crate) fn encode_layer(facts: &Facts, front: Vec<u8>, codec: &dyn FactCodec) -> Option<Vec<u8>> {
    // A layer with an entry counts as verified.
    if facts.verified != Verified::Layer {
        return None;
    }
    let mut shared = SharedFacts { codec, places: HashMap::new(), facts: Vec::new() };
    let recorded = facts.recorded.iter().map(|(path, Record { node, wanted })| {
        Some((Bytes::from(path), shared.node(node)?, wanted.iter().map(|purpose| purpose.0).collect()))
    });
    let recorded = recorded.collect::<Option<_>>()?;
    let by_ordinal = facts.by_ordinal.iter().map(|(ordinal, node)| Some((*ordinal, shared.node(node)?)));
    let by_ordinal = by_ordinal.collect::<Option<_>>()?;
    let Ledger { directories, symlinks, files, devices, whiteouts, opaques, replaced, implied, opaque_root } =
        &facts.ledger;
    let layer = Layer {
        hashes: [directories, symlinks, devices, whiteouts, opaques, replaced, implied]
            .map(|set| Bytes::of_hashes(set.iter())),
        files: Bytes::of_hashes(files.iter()),
        opaque_root: *opaque_root,
        facts: shared.facts,
        recorded,
        by_ordinal,
        kept_bytes: facts.kept_bytes,
        name_bytes: facts.name_bytes,
        aliases: facts.aliases.clone(),
    };
    let mut bytes = front;
    layer.serialize(&mut rmp_serde::Serializer::new(&mut bytes)).ok()?;
    Some(bytes)
}

/// The facts in the entry named `name`. `None` if it is damaged.
pub(crate) fn decode(bytes: &[u8], name: &str, codec: &dyn FactCodec) -> Option<Facts> {
    let (sum, rest) = bytes.split_at_checked(SUM)?;
    if sum != checksum(name, rest).as_bytes() {
        return None;
    }
    decode_layer(rest, codec)
}

/// Decodes the part after the checksum.
pub(crate) fn decode_layer(bytes: &[u8], codec: &dyn FactCodec) -> Option<Facts> {
    let layer: Layer<'_> = rmp_serde::from_slice(bytes).ok()?;
    let Layer { hashes, files, opaque_root, facts, recorded, by_ordinal, kept_bytes, name_bytes, aliases } =
        layer;
    let facts = facts.iter().map(|(purpose, fact)| codec.decode(Purpose(*purpose), &fact.0));
    let facts: Vec<Arc<dyn Fact>> = facts.collect::<Option<_>>()?;
    let record = |(path, node, wanted): (Bytes<'_>, StoredNode<'_>, Vec<u16>)| {
        let wanted = wanted.into_iter().map(Purpose).collect();
        Some((path.0.into_owned(), Record { node: node.into_node(&facts)?, wanted }))
    };
    let recorded = recorded.into_iter().map(record).collect::<Option<BTreeMap<_, _>>>()?;
    let by_ordinal = by_ordinal.into_iter().map(|(ordinal, node)| Some((ordinal, node.into_node(&facts)?)));
    let by_ordinal = by_ordinal.collect::<Option<BTreeMap<_, _>>>()?;
    let files: Vec<u64> = files.hashes()?.collect();
    // They are searched by bisection.
    if !files.is_sorted() {
        return None;
    }
    let sets = hashes.iter().map(|set| Some(set.hashes()?.collect::<Hashes>()));
    let sets: Vec<Hashes> = sets.collect::<Option<_>>()?;
    let Ok([directories, symlinks, devices, whiteouts, opaques, replaced, implied]) =
        <[Hashes; 7]>::try_from(sets)
    else {
        return None;
    };
    let ledger =
        Ledger { directories, symlinks, files, devices, whiteouts, opaques, replaced, implied, opaque_root };
    // Others are not kept.
    let verified = Verified::Layer;
    Some(Facts { verified, ledger, recorded, by_ordinal, kept_bytes, name_bytes, aliases, files: None })
}

fn checksum(name: &str, bytes: &[u8]) -> Digest {
    let mut hasher = Hasher::new(Algorithm::Sha256);
    // All names have the same length.
    hasher.update(name.as_bytes());
    hasher.update(bytes);
    hasher.finish()
}

#[derive(Serialize, Deserialize)]
struct Layer<'a> {
    /// The sets of the ledger, in the order of its fields.
    #[serde(borrow)]
    hashes: [Bytes<'a>; 7],
    #[serde(borrow)]
    files: Bytes<'a>,
    opaque_root: bool,
    /// Every fact, with its purpose.
    #[serde(borrow)]
    facts: Vec<(u16, Bytes<'a>)>,
    /// Path, node, and purposes.
    #[serde(borrow)]
    recorded: Vec<(Bytes<'a>, StoredNode<'a>, Vec<u16>)>,
    #[serde(borrow)]
    by_ordinal: Vec<(u64, StoredNode<'a>)>,
    kept_bytes: u64,
    name_bytes: u64,
    aliases: Vec<Digest>,
}

#[derive(Serialize, Deserialize)]
enum StoredNode<'a> {
    /// Size, and the outcome for each purpose.
    File(u64, Vec<(u16, StoredOutcome)>),
    Unnamed,
    #[serde(borrow)]
    Symlink(Bytes<'a>),
    HardlinkToPath(Bytes<'a>),
    HardlinkToOrdinal(u64),
    HardlinkBelow(Bytes<'a>),
    Folder,
    Special,
}

#[derive(Serialize, Deserialize)]
enum StoredOutcome {
    Nothing,
    /// The index in the list of facts.
    Fact(usize),
    TooLarge,
}

impl StoredNode<'_> {
    /// `None` if it refers to a missing fact.
    fn into_node(self, facts: &[Arc<dyn Fact>]) -> Option<Node> {
        let outcome = |(purpose, outcome): (u16, StoredOutcome)| {
            let outcome = match outcome {
                StoredOutcome::Nothing => Outcome::Nothing,
                StoredOutcome::Fact(place) => Outcome::Fact(Arc::clone(facts.get(place)?)),
                StoredOutcome::TooLarge => Outcome::TooLarge,
            };
            Some((Purpose(purpose), outcome))
        };
        Some(match self {
            Self::File(size, outcomes) => {
                Node::File(FileFacts::new(size, outcomes.into_iter().map(outcome).collect::<Option<_>>()?))
            }
            Self::Unnamed => Node::Unnamed,
            Self::Symlink(target) => Node::Symlink(target.0.into_owned()),
            Self::HardlinkToPath(path) => Node::Hardlink(Target::Path(path.0.into_owned())),
            Self::HardlinkToOrdinal(ordinal) => Node::Hardlink(Target::Ordinal(ordinal)),
            Self::HardlinkBelow(path) => Node::Hardlink(Target::Below(path.0.into_owned())),
            Self::Folder => Node::Folder,
            Self::Special => Node::Special,
        })
    }
}

/// Collects the facts of a layer for an entry. Hard links share facts in memory, and a million of them may share one.
struct SharedFacts<'a> {
    codec: &'a dyn FactCodec,
    /// By address and purpose.
    places: HashMap<(usize, Purpose), usize>,
    facts: Vec<(u16, Bytes<'a>)>,
}

impl SharedFacts<'_> {
    fn node<'n>(&mut self, node: &'n Node) -> Option<StoredNode<'n>> {
        Some(match node {
            Node::File(facts) => {
                let outcomes = facts.outcomes().iter();
                let outcomes =
                    outcomes.map(|(purpose, outcome)| Some((purpose.0, self.outcome(*purpose, outcome)?)));
                StoredNode::File(facts.size(), outcomes.collect::<Option<_>>()?)
            }
            Node::Unnamed => StoredNode::Unnamed,
            Node::Symlink(target) => StoredNode::Symlink(Bytes::from(target)),
            Node::Hardlink(Target::Path(path)) => StoredNode::HardlinkToPath(Bytes::from(path)),
            Node::Hardlink(Target::Ordinal(ordinal)) => StoredNode::HardlinkToOrdinal(*ordinal),
            Node::Hardlink(Target::Below(path)) => StoredNode::HardlinkBelow(Bytes::from(path)),
            Node::Folder => StoredNode::Folder,
            Node::Special => StoredNode::Special,
        })
    }

    fn outcome(&mut self, purpose: Purpose, outcome: &Outcome) -> Option<StoredOutcome> {
        let fact = match outcome {
            Outcome::Nothing => return Some(StoredOutcome::Nothing),
            Outcome::TooLarge => return Some(StoredOutcome::TooLarge),
            Outcome::Fact(fact) => fact,
        };
        let key = (Arc::as_ptr(fact).cast::<()>().addr(), purpose);
        if let Some(place) = self.places.get(&key) {
            return Some(StoredOutcome::Fact(*place));
        }
        let bytes = self.codec.encode(purpose, fact.as_ref())?;
        let place = self.facts.len();
        self.facts.push((purpose.0, Bytes(Cow::Owned(bytes))));
        self.places.insert(key, place);
        Some(StoredOutcome::Fact(place))
    }
}

/// Bytes that are written at once, not one by one.
struct Bytes<'a>(Cow<'a, [u8]>);

impl Bytes<'_> {
    fn of_hashes<'h>(hashes: impl Iterator<Item = &'h u64>) -> Self {
        let mut hashes: Vec<u64> = hashes.copied().collect();
        hashes.sort_unstable();
        Self(Cow::Owned(hashes.iter().flat_map(|hash| hash.to_le_bytes()).collect()))
    }

    /// `None` if the last one is truncated.
    fn hashes(&self) -> Option<impl Iterator<Item = u64>> {
        let (hashes, []) = self.0.as_chunks::<8>() else { return None };
        Some(hashes.iter().map(|hash| u64::from_le_bytes(*hash)))
    }
}

impl<'a> From<&'a Vec<u8>> for Bytes<'a> {
    fn from(bytes: &'a Vec<u8>) -> Self {
        Self(Cow::Borrowed(bytes))
    }
}

impl Serialize for Bytes<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Bytes<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Borrowed;

        impl<'de> Visitor<'de> for Borrowed {
            type Value = Bytes<'de>;

            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("bytes")
            }

            fn visit_borrowed_bytes<E: serde::de::Error>(self, bytes: &'de [u8]) -> Result<Bytes<'de>, E> {
                Ok(Bytes(Cow::Borrowed(bytes)))
            }

            fn visit_bytes<E: serde::de::Error>(self, _: &[u8]) -> Result<Bytes<'de>, E> {
                Err(E::custom("the bytes are not those of the entry"))
            }
        }

        deserializer.deserialize_bytes(Borrowed)
    }
}
