"""A repository that python-tuf makes and signs, and the cases that are written of it: see cases.py."""

import datetime, hashlib, json, os, sys
from urllib import parse
from securesystemslib.signer import CryptoSigner
from tuf.api.metadata import (
    DelegatedRole, Delegations, Metadata, MetaFile, Root, Snapshot, SuccinctRoles, TargetFile, Targets, Timestamp,
)
from tuf.api.serialization.json import JSONSerializer

OUT, NOW, FILE = sys.argv[1], int(sys.argv[2]), open(sys.argv[3], "rb").read()
NAME = "trusted_root.json"
DAY = 24 * 3600
CASES = []


def at(seconds):
    return datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc)


class Repository:
    """What is published, and the keys of each role."""

    def __init__(self):
        self.signers = {role: [CryptoSigner.generate_ed25519()] for role in ["timestamp", "snapshot", "targets"]}
        self.signers["root"] = [CryptoSigner.generate_ecdsa() for _ in range(3)]
        later = at(NOW + 30 * DAY)
        self.root = Root(expires=later, consistent_snapshot=True)
        self.set_keys()
        self.root.roles["root"].threshold = 2
        self.targets = {"targets": Targets(expires=later, targets={NAME: TargetFile.from_data(NAME, FILE)})}
        self.snapshot = Snapshot(expires=later)
        self.timestamp = Timestamp(expires=at(NOW + DAY))
        self.files = {"targets/" + self.file_name(FILE): FILE}
        self.hashes = False
        self.publish_root(self.signers["root"])
        self.first = self.files["1.root.json"]
        self.publish()

    @staticmethod
    def file_name(data):
        return hashlib.sha256(data).hexdigest() + "." + NAME

    def set_keys(self):
        for role, signers in self.signers.items():
            if role in self.root.roles:
                self.root.roles[role].keyids = []
                for signer in signers:
                    self.root.add_key(signer.public_key, role)

    def sign(self, signed, signers):
        metadata = Metadata(signed)
        for signer in signers:
            metadata.sign(signer, append=True)
        return metadata.to_bytes(JSONSerializer())

    def publish_root(self, signers):
        self.files[f"{self.root.version}.root.json"] = self.sign(self.root, signers)

    def rotate_root(self, signers=None, keys=None, version=None):
        """The next root; signed by the old and the new keys unless told otherwise."""
        old = self.signers["root"]
        self.signers["root"] = keys or old
        self.set_keys()
        self.root.version += 1
        number = self.root.version
        if version is not None:
            self.root.version = version
        chosen = signers if signers is not None else list({id(s): s for s in old + self.signers["root"]}.values())
        self.files[f"{number}.root.json"] = self.sign(self.root, chosen)
        self.root.version = number

    def publish(self, lists=True, snapshot=True):
        """Everything below the root, in the versions that are set."""
        if lists:
            for role, signed in self.targets.items():
                data = self.sign(signed, self.signers[role])
                self.files[f"{signed.version}.{quoted(role)}.json"] = data
                self.snapshot.meta[f"{role}.json"] = self.meta(signed.version, data)
        if snapshot:
            data = self.sign(self.snapshot, self.signers["snapshot"])
            self.files[f"{self.snapshot.version}.snapshot.json"] = data
            self.timestamp.snapshot_meta = self.meta(self.snapshot.version, data)
        self.files["timestamp.json"] = self.sign(self.timestamp, self.signers["timestamp"])

    def meta(self, version, data):
        if not self.hashes:
            return MetaFile(version)
        return MetaFile(version, len(data), {"sha256": hashlib.sha256(data).hexdigest()})

    def next(self, *roles):
        for role in roles or ["timestamp", "snapshot", "targets"]:
            (self.targets[role] if role in self.targets else getattr(self, role)).version += 1

    def delegate(self, roles=None, succinct=None, keys=(), by="targets"):
        """Moves the file out of `by`, into roles that are added with `add`."""
        self.targets[by].targets = {}
        self.targets[by].delegations = Delegations(
            {signer.public_key.keyid: signer.public_key for signer in keys}, roles=roles, succinct_roles=succinct
        )

    def add(self, role, signers, has_file=True, **changes):
        targets = {NAME: TargetFile.from_data(NAME, FILE)} if has_file else {}
        self.targets[role] = Targets(**{"expires": at(NOW + 30 * DAY), "targets": targets, **changes})
        self.signers[role] = signers


def quoted(role):
    return parse.quote(role, "")


def case(step, name):
    """A case: its function takes a repository and yields (good, seconds) after each stage is in place."""

    def add(build):
        repository = Repository()
        folder = f"{step}-{name}"
        stages = []
        for good, when in build(repository):
            path = os.path.join(OUT, folder, str(len(stages)))
            for file, data in repository.files.items():
                os.makedirs(os.path.dirname(os.path.join(path, file)), exist_ok=True)
                with open(os.path.join(path, file), "wb") as out:
                    out.write(data)
            stages.append({"at": NOW + when, "good": good})
        with open(os.path.join(OUT, folder, "first.json"), "wb") as out:
            out.write(repository.first)
        CASES.append({"name": folder, "stages": stages})

    return add


def edited(data, edit):
    document = json.loads(data)
    edit(document)
    return json.dumps(document).encode()


def write():
    with open(os.path.join(OUT, "cases.json"), "w") as out:
        json.dump(CASES, out)
