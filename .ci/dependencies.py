#!/usr/bin/env python3
"""Checks what the workspace depends on: licences, sources, bans, and the Rust version it needs.

Reads `cargo metadata` from standard input and names every package that breaks a rule. The rules are
those of deny.toml, and that no dependency of a member needs a newer Rust than the member promises.
"""

import json
import re
import sys

LICENCES = {
    "0BSD",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "CDLA-Permissive-2.0",
    "ISC",
    "MIT",
    "Unicode-3.0",
    "Zlib",
}
BANNED = {"openssl", "openssl-sys", "native-tls"}
REGISTRY = "registry+https://github.com/rust-lang/crates.io-index"


def is_allowed(licence):
    """Whether one may choose allowed licences only. `/` is the old way to write OR."""
    words = re.findall(r"[()]|[^\s()]+", licence.replace("/", " OR "))
    python, names = [], []
    for word in words:
        if word in ("AND", "OR"):
            python.append(word.lower())
        elif word in "()":
            python.append(word)
        elif word == "WITH" or (names and names[-1].endswith(" WITH")):
            names[-1] += " " + word
            python[-1] = str(names[-1] in LICENCES)
        else:
            names.append(word)
            python.append(str(word in LICENCES))
    # Only `and`, `or`, parentheses, True and False are left.
    return bool(names) and eval(" ".join(python), {"__builtins__": {}})


def version(text):
    parts = [int(part) for part in text.split(".")]
    return tuple(parts + [0] * (3 - len(parts)))


def needed(root, nodes):
    """What a package needs to be built and run, itself included."""
    found, waiting = set(), [root]
    while waiting:
        package = waiting.pop()
        if package in found:
            continue
        found.add(package)
        for dependency in nodes[package]["deps"]:
            if any(kind["kind"] != "dev" for kind in dependency["dep_kinds"]):
                waiting.append(dependency["pkg"])
    return found


def complaints(metadata):
    packages = {package["id"]: package for package in metadata["packages"]}
    nodes = {node["id"]: node for node in metadata["resolve"]["nodes"]}
    for package in packages.values():
        name = f'{package["name"]} {package["version"]}'
        if not is_allowed(package["license"] or ""):
            yield f'{name}: licence {package["license"]}'
        if package["source"] not in (None, REGISTRY):
            yield f'{name}: comes from {package["source"]}'
        if package["name"] in BANNED:
            yield f"{name}: is banned"
    for member in metadata["workspace_members"]:
        promised = packages[member]["rust_version"]
        for dependency in needed(member, nodes):
            package = packages[dependency]
            if version(package["rust_version"] or "0") > version(promised):
                name = f'{package["name"]} {package["version"]}'
                yield f'{name}: needs Rust {package["rust_version"]}, over the {promised} promised'


found = sorted(set(complaints(json.load(sys.stdin))))
print("\n".join(found) if found else "dependencies: nothing to complain of")
sys.exit(1 if found else 0)
