"""Repositories that python-tuf makes, sound ones and broken ones, each named after the step of the client workflow
(The Update Framework 1.0, section 5) that it is about.

    python cases.py OUT NOW FILE

writes OUT/CASE/STAGE/…, what a mirror shows at that stage, OUT/CASE/first.json, the first root, and OUT/cases.json: for each
stage when a client comes, and whether it may take what it finds.
"""

import copy, hashlib
from repository import (
    DAY, FILE, NAME, NOW, CryptoSigner, DelegatedRole, MetaFile, SuccinctRoles, TargetFile, at, case, edited, write,
)

NEW = CryptoSigner.generate_ed25519
fresh = lambda count: [CryptoSigner.generate_ecdsa() for _ in range(count)]

# 5.3, the root.


@case("5.3", "a-sound-repository-and-the-same-again")
def _(r):
    yield True, 0
    yield True, 60


@case("5.3", "new-keys-signed-by-old-and-new")
def _(r):
    yield True, 0
    r.rotate_root(keys=fresh(3))
    r.rotate_root(keys=fresh(3))
    yield True, 0


@case("5.3.4", "new-keys-that-the-old-ones-did-not-sign")
def _(r):
    keys = fresh(3)
    r.rotate_root(keys=keys, signers=keys)
    yield False, 0


@case("5.3.4", "new-keys-that-did-not-sign")
def _(r):
    r.rotate_root(keys=fresh(3), signers=r.signers["root"])
    yield False, 0


@case("5.3.4", "one-signature-of-two")
def _(r):
    r.rotate_root(signers=r.signers["root"][:1])
    yield False, 0


@case("5.3.4", "one-signature-twice")
def _(r):
    r.rotate_root(signers=r.signers["root"][:1])

    def twice(root):
        root["signatures"].append(root["signatures"][0])

    r.files["2.root.json"] = edited(r.files["2.root.json"], twice)
    yield False, 0


@case("5.3.4", "a-signature-of-a-key-that-is-not-the-roots")
def _(r):
    r.rotate_root(signers=r.signers["root"][:1] + r.signers["targets"])
    yield False, 0


@case("5.3.4", "more-signatures-than-needed-one-by-a-stranger")
def _(r):
    r.rotate_root(signers=r.signers["root"] + fresh(1))
    yield True, 0


@case("5.3.5", "a-root-that-leaves-one-out")
def _(r):
    r.rotate_root(version=3)
    yield False, 0


@case("5.3.5", "a-root-of-the-version-that-is-there")
def _(r):
    r.rotate_root(version=1)
    yield False, 0


@case("5.3.8", "a-root-that-was-seen-in-a-failed-update-is-not-hidden-again")
def _(r):
    withdrawn = dict(r.files)
    r.signers["timestamp"] = [NEW()]
    r.rotate_root()
    yield False, 0  # The timestamp is still by the key that root 2 withdraws.
    r.files = withdrawn
    yield False, 0
    r.files = dict(withdrawn)
    r.publish_root(r.signers["root"])
    r.next()
    r.publish()
    yield True, 0


@case("5.3.10", "the-last-root-has-expired")
def _(r):
    r.root.expires = at(NOW - 1)
    r.rotate_root()
    yield False, 0


@case("5.3.10", "a-root-on-the-way-has-expired")
def _(r):
    r.root.expires = at(NOW - 1)
    r.rotate_root()
    r.root.expires = at(NOW + DAY)
    r.rotate_root()
    yield True, 0


@case("5.3.11", "versions-that-ran-ahead-come-back-by-new-keys")
def _(r):
    r.timestamp.version = r.snapshot.version = 1_000_000
    r.publish()
    yield True, 0
    r.timestamp.version = r.snapshot.version = 2
    r.publish()
    yield False, 0
    r.signers["timestamp"], r.signers["snapshot"] = [NEW()], [NEW()]
    r.rotate_root()
    r.publish()
    yield True, 0


@case("5.3.11", "versions-that-ran-ahead-stay-where-only-the-key-of-another-role-changed")
def _(r):
    r.timestamp.version = 1_000_000
    r.publish()
    yield True, 0
    r.signers["snapshot"] = [NEW()]
    r.rotate_root()
    r.timestamp.version = 2
    r.publish()
    yield False, 0


# 5.4, the timestamp.


@case("5.4.2", "a-timestamp-by-another-roles-key")
def _(r):
    r.files["timestamp.json"] = r.sign(r.timestamp, r.signers["snapshot"])
    yield False, 0


@case("5.4.2", "a-timestamp-with-one-signature-of-two")
def _(r):
    r.signers["timestamp"].append(NEW())
    r.root.roles["timestamp"].threshold = 2
    r.rotate_root()
    r.files["timestamp.json"] = r.sign(r.timestamp, r.signers["timestamp"][:1])
    yield False, 0
    r.files["timestamp.json"] = r.sign(r.timestamp, r.signers["timestamp"])
    yield True, 0


@case("5.4.2", "a-timestamp-that-was-changed")
def _(r):
    def later(document):
        document["signed"]["version"] = 7

    r.files["timestamp.json"] = edited(r.files["timestamp.json"], later)
    yield False, 0


@case("5.4.2", "a-snapshot-in-place-of-the-timestamp")
def _(r):
    r.files["timestamp.json"] = r.sign(r.snapshot, r.signers["timestamp"])
    yield False, 0


@case("5.4.3", "rollback-of-the-timestamp")
def _(r):
    before = r.files["timestamp.json"]
    r.next("timestamp")
    r.publish(False, False)
    yield True, 0
    r.files["timestamp.json"] = before
    yield False, 0


@case("5.4.3", "rollback-of-the-snapshot-in-a-newer-timestamp")
def _(r):
    before = copy.deepcopy(r.timestamp.snapshot_meta)
    r.next("timestamp", "snapshot")
    r.publish()
    yield True, 0
    r.next("timestamp")
    r.timestamp.snapshot_meta = before
    r.publish(False, False)
    yield False, 0


@case("5.4.4", "freeze")
def _(r):
    yield True, 0
    yield False, 2 * DAY


@case("5.4.4", "a-timestamp-that-has-expired-already")
def _(r):
    r.timestamp.expires = at(NOW - 1)
    r.publish()
    yield False, 0


# 5.5, the snapshot.


@case("5.5.2", "hash-and-length-as-the-timestamp-says")
def _(r):
    r.hashes = True
    r.publish()
    yield True, 0


@case("5.5.2", "a-snapshot-with-another-hash")
def _(r):
    r.hashes = True
    r.publish()
    r.timestamp.snapshot_meta.hashes = {"sha256": "0" * 64}
    r.publish(False, False)
    yield False, 0


@case("5.5.2", "a-snapshot-of-another-length")
def _(r):
    r.hashes = True
    r.publish()
    r.timestamp.snapshot_meta.length -= 1
    r.publish(False, False)
    yield False, 0


@case("5.5.3", "a-snapshot-by-another-roles-key")
def _(r):
    r.files["1.snapshot.json"] = r.sign(r.snapshot, r.signers["timestamp"])
    yield False, 0


@case("5.5.4", "a-snapshot-of-another-version")
def _(r):
    r.snapshot.version = 2
    r.files["1.snapshot.json"] = r.sign(r.snapshot, r.signers["snapshot"])
    yield False, 0


@case("5.5.5", "rollback-of-the-list-of-files")
def _(r):
    r.next()
    r.publish()
    yield True, 0
    r.next("timestamp", "snapshot")
    r.targets["targets"].version = 1
    r.publish()
    yield False, 0


@case("5.5.5", "a-list-that-is-missing-from-the-next-snapshot")
def _(r):
    r.snapshot.meta["other.json"] = MetaFile(1)
    r.publish()
    yield True, 0
    del r.snapshot.meta["other.json"]
    r.next("timestamp", "snapshot")
    r.publish()
    yield False, 0


@case("5.5.5", "rollback-below-a-snapshot-that-a-newer-timestamp-has-replaced")
def _(r):
    r.next()
    r.publish()
    yield True, 0
    r.next("timestamp", "snapshot")
    kept = r.snapshot.version
    r.publish(False)
    del r.files[f"{kept}.snapshot.json"]
    yield False, 0
    r.next("timestamp", "snapshot")
    r.targets["targets"].version = 1
    r.publish()
    yield False, 0


@case("5.5.6", "a-snapshot-that-has-expired")
def _(r):
    r.snapshot.expires = at(NOW - 1)
    r.publish()
    yield False, 0


@case("5.5", "mix-and-match")
def _(r):
    r.hashes = True
    r.publish()
    yield True, 0
    r.next()
    r.publish()
    first = dict(r.files)
    r.snapshot.unrecognized_fields["other"] = 1
    r.publish()
    r.files["timestamp.json"] = first["timestamp.json"]
    yield False, 0
    r.files = first
    yield True, 0


# 5.6, the lists of files.


@case("5.6.2", "a-list-with-another-hash")
def _(r):
    r.snapshot.meta["targets.json"].hashes = {"sha256": "0" * 64}
    r.publish(False)
    yield False, 0


@case("5.6.3", "a-list-by-another-roles-key")
def _(r):
    r.files["1.targets.json"] = r.sign(r.targets["targets"], r.signers["snapshot"])
    yield False, 0


@case("5.6.4", "a-list-of-another-version")
def _(r):
    r.targets["targets"].version = 2
    r.files["1.targets.json"] = r.sign(r.targets["targets"], r.signers["targets"])
    yield False, 0


@case("5.6.5", "a-list-that-has-expired")
def _(r):
    r.targets["targets"].expires = at(NOW - 1)
    r.publish()
    yield False, 0


def delegated(r, paths=None, threshold=1, signers=None, count=1, role="a", terminating=False, prefixes=None, **changes):
    keys = [NEW() for _ in range(count)]
    ids = [key.public_key.keyid for key in keys]
    entry = DelegatedRole(role, ids, threshold, terminating, paths, prefixes)
    r.delegate({role: entry}, keys=keys)
    r.add(role, keys if signers is None else signers(keys), **changes)
    r.publish()
    return entry, keys


for number, (pattern, good) in enumerate([
    (NAME, True), ("*", True), ("*.json", True), ("trusted_root.jso?", True), ("trusted_*", True),
    ("other.json", False), ("*/" + NAME, False), ("?", False), ("trusted_root.json?", False),
    ("TRUSTED_ROOT.JSON", False), ("trusted_root", False), ("./" + NAME, False), ("**", True),
]):
    @case("5.6.7", f"path-{number}")
    def _(r):
        delegated(r, [pattern])
        yield good, 0


prefix = hashlib.sha256(NAME.encode()).hexdigest()
for number, (prefixes, good) in enumerate([
    ([prefix[:2]], True), ([prefix], True), (["00" if prefix[:2] != "00" else "01"], False),
    (["zz", prefix[:1]], True), ([prefix[1:3]], False),
]):
    @case("5.6.7", f"hash-prefix-{number}")
    def _(r):
        delegated(r, prefixes=prefixes)
        yield good, 0


@case("5.6.7", "a-delegated-role-that-is-signed-by-another-key")
def _(r):
    delegated(r, ["*"], signers=lambda keys: [NEW()])
    yield False, 0


@case("5.6.7", "a-delegated-role-that-is-signed-by-its-parent")
def _(r):
    delegated(r, ["*"], signers=lambda keys: r.signers["targets"])
    yield False, 0


@case("5.6.7", "a-delegated-role-with-one-signature-of-two")
def _(r):
    delegated(r, ["*"], threshold=2, count=3, signers=lambda keys: keys[:1])
    yield False, 0


@case("5.6.7", "a-delegated-role-with-two-signatures-of-three")
def _(r):
    delegated(r, ["*"], threshold=2, count=3, signers=lambda keys: keys[1:])
    yield True, 0


@case("5.6.7", "a-delegated-role-that-has-expired")
def _(r):
    delegated(r, ["*"], expires=at(NOW - 1))
    yield False, 0


@case("5.6.7", "a-delegated-role-that-the-snapshot-leaves-out")
def _(r):
    delegated(r, ["*"])
    del r.snapshot.meta["a.json"]
    r.publish(False)
    yield False, 0


@case("5.6.7", "rollback-of-a-delegated-role")
def _(r):
    delegated(r, ["*"], version=2)
    yield True, 0
    r.targets["a"].version = 1
    r.next()
    r.publish()
    yield False, 0


# A name with `..` is left out: python-tuf takes it, and we refuse it (u08).
@case("5.6.7", "a-role-with-a-slash-and-a-space-in-its-name")
def _(r):
    delegated(r, ["*"], role="a/b c")
    yield True, 0


def two(r, terminating, first_paths=("*",)):
    """The roles a, which has no such file, and b, which has it."""
    keys = [NEW(), NEW()]
    ids = [key.public_key.keyid for key in keys]
    roles = {
        "a": DelegatedRole("a", ids[:1], 1, terminating, list(first_paths)),
        "b": DelegatedRole("b", ids[1:], 1, False, ["*"]),
    }
    r.delegate(roles, keys=keys)
    r.add("a", keys[:1], has_file=False)
    r.add("b", keys[1:])
    r.publish()


@case("5.6.7", "the-second-role-has-it")
def _(r):
    two(r, False)
    yield True, 0


@case("5.6.7", "the-first-role-ends-the-search")
def _(r):
    two(r, True)
    yield False, 0


@case("5.6.7", "a-role-for-other-paths-ends-nothing")
def _(r):
    two(r, True, ["other"])
    yield True, 0


def nested(r, inner_paths, loop=False, has_file=True):
    """targets → a → b, and b → a in a circle."""
    keys = [NEW(), NEW()]
    ids = [key.public_key.keyid for key in keys]
    r.delegate({"a": DelegatedRole("a", ids[:1], 1, False, ["*"])}, keys=keys[:1])
    r.add("a", keys[:1], has_file=False)
    r.delegate({"b": DelegatedRole("b", ids[1:], 1, False, inner_paths)}, keys=keys[1:], by="a")
    r.add("b", keys[1:], has_file=has_file)
    if loop:
        r.delegate({"a": DelegatedRole("a", ids[:1], 1, False, ["*"])}, keys=keys[:1], by="b")
    r.publish()


@case("5.6.7", "a-role-below-a-role")
def _(r):
    nested(r, ["*.json"])
    yield True, 0


@case("5.6.7", "a-role-below-a-role-for-other-paths")
def _(r):
    nested(r, ["other"])
    yield False, 0


@case("5.6.7", "roles-in-a-circle")
def _(r):
    nested(r, ["*"], loop=True, has_file=False)
    yield False, 0


for bits in [1, 3, 4, 8]:
    for offset in [0, 1]:
        @case("5.6.7", f"hash-bins-of-{bits}-bits-" + ("the-files-bin" if offset == 0 else "its-neighbour"))
        def _(r):
            key = NEW()
            bins = SuccinctRoles([key.public_key.keyid], 1, bits, "bin")
            r.delegate(succinct=bins, keys=[key])
            names = list(bins.get_roles())
            chosen = (names.index(bins.get_role_for_target(NAME)) + offset) % len(names)
            for number, name in enumerate(names):
                r.add(name, [key], has_file=number == chosen)
            r.publish()
            yield offset == 0, 0


# 5.7, the file.


@case("5.7.2", "a-file-of-another-content")
def _(r):
    r.files["targets/" + r.file_name(FILE)] = FILE.replace(b"{", b"[", 1)
    yield False, 0


@case("5.7.2", "a-file-of-another-length")
def _(r):
    r.files["targets/" + r.file_name(FILE)] = FILE + b"\n"
    yield False, 0


@case("5.7.2", "a-file-that-is-missing")
def _(r):
    del r.files["targets/" + r.file_name(FILE)]
    yield False, 0


@case("5.7.2", "a-file-that-one-of-two-hashes-does-not-fit")
def _(r):
    described = TargetFile.from_data(NAME, FILE, ["sha256", "sha512"])
    described.hashes["sha512"] = "0" * 128
    r.targets["targets"].targets = {NAME: described}
    r.files["targets/" + "0" * 128 + "." + NAME] = FILE
    r.publish()
    yield False, 0


write()
