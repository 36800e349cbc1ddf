"""Lists every tar in a folder as Python's tarfile reads it, one line per entry; see peers.rs for the columns."""

import hashlib
import os
import sys
import tarfile


def hexed(text):
    return text.encode("utf-8", "surrogateescape").hex()


def line(archive, member, kind, size, content):
    head, digest = content[:16].hex(), hashlib.sha256(content).hexdigest()
    link = member.linkname if kind in ("symlink", "hardlink") else ""
    print(archive, kind, size, digest, "=" + head, "=" + hexed(member.name), "=" + hexed(link), sep="\t")


def kind_of(member):
    if member.isfile():
        return "file"
    if member.issym():
        return "symlink"
    if member.islnk():
        return "hardlink"
    return "directory" if member.isdir() else "other"


def list_archive(name, path):
    try:
        with tarfile.open(path, "r:") as archive:
            for member in archive:
                kind = kind_of(member)
                content = archive.extractfile(member).read() if kind == "file" else b""
                line(name, member, kind, len(content), content)
    except Exception as error:  # whatever it raises, it does not read the archive
        print(name, "error", repr(str(error)), sep="\t")


for name in sorted(os.listdir(sys.argv[1])):
    list_archive(name, os.path.join(sys.argv[1], name))
