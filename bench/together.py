#!/usr/bin/env python3
"""Tries the changes that `cargo mutants` lists, all of them in one build.

    bench/together.py OUTPUT [ARGS for `cargo mutants --list`]

`cargo mutants` builds and tests once for each change; of a day, most is compiling. Here each function that is changed has all of
its changed bodies beside its own, and a number in the environment chooses one. A first run of each test alone notes which
functions it reaches, so that for a change only the tests that can notice it are run. Nothing in this tree changes: it is copied
to OUTPUT/tree, and built in OUTPUT/build.

OUTPUT/mutants.out has caught.txt, missed.txt, timeout.txt and unviable.txt, as `cargo mutants` writes them. What does not compile
in this form is unviable; functions that are evaluated while compiling (`const fn`) are in left_out.txt, and for `cargo mutants`.
Ends with 2 if something was missed.
"""

import collections
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

# A change that makes a test hang counts as noticed.
WAIT = 60
# Tests that are run in one process; those that take the least time are first.
PARCEL = 8
# Builds, each without the changes that did not compile in the one before.
ROUNDS = 30

CHOOSE = """
static CHOSEN: std::sync::LazyLock<u32> = std::sync::LazyLock::new(|| {
    std::env::var("PLIMSOLL_CHANGE").ok().and_then(|it| it.parse().ok()).unwrap_or_default()
});
static REACHED: std::sync::Mutex<std::collections::BTreeSet<u32>> =
    std::sync::Mutex::new(std::collections::BTreeSet::new());
#[doc(hidden)]
#[allow(warnings, clippy::all)]
pub fn chosen_change(function: u32) -> u32 {
    use std::io::Write as _;
    if let Some(path) = std::env::var_os("PLIMSOLL_REACHED") {
        if REACHED.lock().map(|mut it| it.insert(function)).unwrap_or_default() {
            let mut file = std::fs::OpenOptions::new().append(true).create(true).open(path).unwrap();
            file.write_all(format!("{function}\\n").as_bytes()).unwrap();
        }
    }
    *CHOSEN
}
"""


def say(text):
    print(f"==> {text}", flush=True)


class Change:
    """A change of the list, with places as offsets into the text of its file."""

    def __init__(self, number, listed, starts):
        def at(place):
            return starts[place["line"] - 1] + place["column"] - 1

        self.number, self.name, self.package = number, listed["name"], listed["package"]
        self.start, self.end = at(listed["span"]["start"]), at(listed["span"]["end"])
        self.replacement = listed["replacement"]
        function = listed.get("function")
        self.function = function and (at(function["span"]["start"]), at(function["span"]["end"]))


def line_starts(text):
    starts = [0]
    for line in text.split("\n"):
        starts.append(starts[-1] + len(line) + 1)
    return starts


def body_of(text, start, end):
    """The offset of the brace that opens the body of the function at `start`."""
    at, depth = start, 0
    while at < end:
        if text.startswith("//", at):
            at = text.index("\n", at)
        elif text.startswith("/*", at):
            at = text.index("*/", at) + 1
        elif text[at] in "([":
            depth += 1
        elif text[at] in ")]":
            depth -= 1
        elif text[at] == "{" and depth == 0:
            return at
        at += 1
    raise ValueError(text[start:end])


class File:
    """A source file, and what is to change in it."""

    def __init__(self, path, numbers):
        self.path, self.text, self.changes, self.numbers = path, path.read_text(), [], numbers

    def functions(self, without):
        found = collections.defaultdict(list)
        for change in self.changes:
            if change.function and change.number not in without:
                found[change.function].append(change)
        return found

    def written(self, without, left_out):
        """The text with all changes in it but those `without`."""
        functions = self.functions(without)

        def inside(one, other):
            return one != other and other[0] <= one[0] and one[1] <= other[1]

        def render(low, high, spans):
            parts, at = [], low
            for span in sorted(span for span in spans if not any(inside(span, other) for other in spans)):
                brace, close = body_of(self.text, *span), span[1] - 1
                within = [other for other in spans if inside(other, span)]
                parts.append(self.text[at : brace + 1])
                head = self.text[self.text.rfind("\n", 0, span[0]) + 1 : brace]
                body = render(brace + 1, close, within)
                if re.search(r"\bconst\s+(unsafe\s+|async\s+)*fn\b", head):
                    left_out.update(change.number for change in functions[span])
                    parts.append(body)
                else:
                    parts.append(f" match crate::chosen_change({self.numbers.of(self.path, span)}) {{\n")
                    for change in functions[span]:
                        changed = f"{self.text[brace + 1 : change.start]}{change.replacement}{self.text[change.end : close]}"
                        parts.append(f"/*<{change.number}*/ {change.number} => {{ {changed} }}\n/*>{change.number}*/\n")
                    parts.append(f"_ => {{{body}}} }} ")
                at = close
            return "".join([*parts, self.text[at:high]])

        return render(0, len(self.text), list(functions))


class Numbers:
    """A number for each function."""

    def __init__(self):
        self.known = {}

    def of(self, path, span):
        return self.known.setdefault((path, span), len(self.known) + 1)


def changes_in(message, tree):
    """The changes in which the compiler finds an error."""
    for span in sorted(message["spans"], key=lambda span: not span["is_primary"]):
        path = tree / span["file_name"]
        if not path.is_relative_to(tree) or not path.exists():
            continue
        for line in reversed(path.read_text().split("\n")[: span["line_start"]]):
            if re.search(r"/\*>\d+\*/", line):
                break
            if begun := re.search(r"/\*<(\d+)\*/", line):
                return {int(begun.group(1))}
    return set()


def build(tree, environment, files, libraries, packages):
    """Builds the tests with as many changes as compile. Returns the programs, what did not compile, and what was left out."""
    unviable = set()
    for _ in range(ROUNDS):
        left_out = set()
        for file in files.values():
            file.path.write_text(file.written(unviable, left_out))
        for path, text in libraries.items():
            path.write_text((path.read_text() if path in files else text) + CHOOSE)
        command = ["cargo", "test", "--no-run", "--message-format=json"]
        command += [argument for package in packages for argument in ("--package", package)]
        ran = subprocess.run(command, cwd=tree, env=environment, stdout=subprocess.PIPE, text=True, check=False)
        messages = [json.loads(line) for line in ran.stdout.splitlines() if line.startswith("{")]
        if ran.returncode == 0:
            programs = [it for it in messages if it["reason"] == "compiler-artifact" and it["executable"]]
            return [(it["manifest_path"], it["executable"]) for it in programs if it["profile"]["test"]], unviable, left_out
        broken = set()
        for it in messages:
            if it["reason"] == "compiler-message" and it["message"]["level"] == "error":
                broken |= changes_in(it["message"], tree)
        if not broken:
            sys.exit("the tests do not build, and no change is the reason")
        say(f"{len(broken)} changes do not compile")
        unviable |= broken
    sys.exit(f"after {ROUNDS} builds, some changes still do not compile")


def environment_of(manifest, environment, **more):
    return {**environment, "CARGO_MANIFEST_DIR": str(Path(manifest).parent), **more}


def reached(programs, environment):
    """Each test with the time that it takes and the functions that it reaches."""
    tests = []
    for manifest, program in programs:
        folder, own = Path(manifest).parent, environment_of(manifest, environment)
        listed = subprocess.run([program, "--list", "--format=terse"], cwd=folder, env=own, stdout=subprocess.PIPE, text=True, check=True)
        for test in [line.removesuffix(": test") for line in listed.stdout.splitlines() if line.endswith(": test")]:
            with tempfile.TemporaryDirectory() as scratch:
                noted = Path(scratch) / "reached"
                begun = time.monotonic()
                command = [program, "--exact", test]
                ran = subprocess.run(command, cwd=folder, env={**own, "PLIMSOLL_REACHED": str(noted)}, capture_output=True, check=False)
                took = time.monotonic() - begun
                if ran.returncode != 0:
                    sys.exit(f"{test} fails without any change")
                functions = set(map(int, noted.read_text().split())) if noted.exists() else set()
            tests.append((took, manifest, program, test, functions))
    return tests


def verdict(change, function, tests, environment):
    """What the tests that reach the function say of the change."""
    groups = collections.defaultdict(list)
    for took, manifest, program, test, functions in sorted(tests, key=lambda it: it[0]):
        if function in functions and f"plimsoll-{Path(manifest).parent.name}" == change.package:
            groups[manifest, program].append((took, test))
    parcels = []
    for place, found in groups.items():
        for first in range(0, len(found), PARCEL):
            some = found[first : first + PARCEL]
            parcels.append((sum(took for took, _ in some), *place, [test for _, test in some]))
    for took, manifest, program, some in sorted(parcels):
        own = environment_of(manifest, environment, PLIMSOLL_CHANGE=str(change.number))
        command = [program, "--exact", *some]
        try:
            ran = subprocess.run(command, cwd=Path(manifest).parent, env=own, capture_output=True, timeout=WAIT + 10 * took, check=False)
        except subprocess.TimeoutExpired:
            return "timeout"
        if ran.returncode != 0:
            return "caught"
    return "missed"


def main():
    if len(sys.argv) < 2 or sys.argv[1] in ("-h", "--help"):
        sys.exit(__doc__)
    output = Path(sys.argv[1]).resolve()
    here = Path(__file__).resolve().parent.parent
    tree = output / "tree"
    shutil.rmtree(tree, ignore_errors=True)
    for name in subprocess.run(["git", "ls-files", "-z"], cwd=here, stdout=subprocess.PIPE, text=True, check=True).stdout.split("\0"):
        if name and (here / name).is_file():
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(here / name, tree / name)
    command = ["cargo", "mutants", "--list", "--json", "--no-shuffle", *sys.argv[2:]]
    listed = json.loads(subprocess.run(command, cwd=tree, stdout=subprocess.PIPE, check=True).stdout)
    numbers, files, changes = Numbers(), {}, []
    for number, it in enumerate(listed, 1):
        path = tree / it["file"]
        file = files.setdefault(path, None) or File(path, numbers)
        files[path] = file
        change = Change(number, it, line_starts(file.text))
        file.changes.append(change)
        changes.append((file, change))
    packages = sorted({change.package for _, change in changes})
    libraries = [tree / "crates" / package.removeprefix("plimsoll-") / "src/lib.rs" for package in packages]
    libraries = {path: path.read_text() for path in libraries}
    environment = {
        **os.environ,
        "CARGO_TARGET_DIR": os.environ.get("CARGO_TARGET_DIR", str(output / "build")),
        "INSTA_UPDATE": "no",
    }
    say(f"{len(changes)} changes in {len(files)} files of {', '.join(packages)}")
    programs, unviable, left_out = build(tree, environment, files, libraries, packages)
    say(f"{len(unviable)} do not compile, {len(left_out)} are left out; {len(programs)} programs of tests")
    tests = reached(programs, environment)
    say(f"{len(tests)} tests")
    folder = output / "mutants.out"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    count = collections.Counter()
    names = ["caught", "missed", "timeout", "unviable", "left_out"]
    written = {name: (folder / f"{name}.txt").open("w") for name in names}
    for file, change in changes:
        if change.number in unviable:
            result = "unviable"
        elif change.number in left_out or not change.function:
            result = "left_out"
        else:
            result = verdict(change, numbers.of(file.path, change.function), tests, environment)
        count[result] += 1
        print(change.name, file=written[result], flush=True)
        if result == "missed":
            print(f"missed: {change.name}", flush=True)
    say(", ".join(f"{count[name]} {name}" for name in names))
    sys.exit(2 if count["missed"] else 0)


if __name__ == "__main__":
    main()
