#!/usr/bin/python3
"""Turn Debian's packaged Rust crates into a crates.io-style sparse registry.

    make_registry.py make --out DIR [--again] [--keep-going] [PACKAGE...]
    make_registry.py serve --out DIR [--port PORT]

A PACKAGE is a binary package that ships a crate's source (`librust-hexyl-dev`; the needs of its
default features come along) or a Debian source package (`src:rust-ripgrep`); without any, the
programs of the demo and the tests. `make` asks apt which `librust-*` packages each one needs,
downloads and unpacks them in a folder of its own (nothing is installed) and writes

    DIR/index/      sparse index: config.json and one file per crate
    DIR/crates/     <name>-<version>.crate archives, byte-reproducible
    DIR/notes.txt   what had to be dropped from manifests
    DIR/ready.json  what it was made from; a DIR without it is not complete

It does nothing, and needs no network, where DIR was made from the same packages before. `serve`
answers http://127.0.0.1:PORT/index/ and /crates/ until it is stopped; it prints the port (0: one
that is free) as a line of its own once it listens. Cargo uses it with

    [source.crates-io]
    replace-with = "local"
    [source.local]
    registry = "sparse+http://127.0.0.1:PORT/index/"

Each crate's Cargo.toml is rewritten before it is packed, so that manifest and index always agree:
  * development dependencies are dropped (Debian ships few of them);
  * an optional or target-specific dependency that no crate in the registry satisfies is dropped,
    along with the features that need it.
A crate that was asked for and has a binary also gets a Cargo.lock made against this registry, since
the upstream one names other versions and checksums.

Needs python >= 3.11, apt, dpkg-dev and, for the lock files, cargo >= 1.78: all of Debian's own.
"""

import argparse
import contextlib
import fcntl
import json
import pathlib
import shutil
import signal
import sys
import threading
import time

from debian_registry import debian, files, locks, manifests, server

DEFAULT_PACKAGES = [
    "librust-hexyl-dev",
    "librust-rustdoc-stripper-dev",
    "src:rust-fd-find",
    "src:rust-ripgrep",
]
DEFAULT_PORT = 8799
# To be raised when the same packages would give other files.
FORMAT = 1


class Progress:
    """Lines with the seconds since the start, on standard error."""

    def __init__(self):
        self.started = time.monotonic()

    def __call__(self, text):
        print(f"  {time.monotonic() - self.started:5.1f} s  {text}", file=sys.stderr, flush=True)


def inputs_of(packages):
    return {"format": FORMAT, "release": debian.release_name(), "packages": sorted(packages)}


def is_ready(folder, inputs):
    try:
        return json.loads((folder / "ready.json").read_text())["inputs"] == inputs
    except (FileNotFoundError, ValueError, KeyError):
        return False


def make(arguments):
    packages = arguments.packages or DEFAULT_PACKAGES
    inputs = inputs_of(packages)
    out = arguments.out.resolve()
    out.parent.mkdir(parents=True, exist_ok=True)
    with open(out.with_name(out.name + ".lock"), "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if is_ready(out, inputs) and not arguments.again:
            print(f"the registry is there: {out}", file=sys.stderr)
            return 0
        # Under the lock nobody else is at work: what lies here is of a run that was killed.
        scratch = out.with_name(out.name + ".making")
        shutil.rmtree(scratch, ignore_errors=True)
        scratch.mkdir()
        try:
            make_in(scratch, packages, inputs, arguments)
            replace(out, scratch / "registry")
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
    return 0


def make_in(scratch, packages, inputs, arguments):
    progress = Progress()
    archive = debian.machine_archive(inputs["release"])
    crates = debian.collect_crates(
        packages, scratch / "work", archive, inputs["release"], progress, arguments.keep_going)
    by_name = {}
    for crate in crates:
        by_name.setdefault(crate.name, []).append(crate)
    folder = scratch / "registry"
    notes = manifests.prune_all(crates, by_name)
    progress(f"packing {len(crates)} crates")
    registry = files.Registry(folder)
    for crate in crates:
        registry.publish(crate)
    (folder / "notes.txt").write_text("\n".join(notes) + "\n")
    programs = locks.lock_programs(
        crates, by_name, registry, folder, arguments.cargo, progress, arguments.keep_going)
    (folder / "ready.json").write_text(json.dumps({"inputs": inputs, "programs": programs}, indent=2) + "\n")


def replace(out, made):
    """Puts a finished registry in its place; a kill in between leaves the old one or none."""
    old = out.with_name(out.name + ".making") / "old"
    if out.exists():
        out.rename(old)
    made.rename(out)


def serve(arguments):
    folder = arguments.out.resolve()
    if not (folder / "ready.json").exists():
        print(f"error: {folder} is no complete registry; run ./bootstrap registry first", file=sys.stderr)
        return 1
    stopped = threading.Event()
    # A parent with threads may have blocked them for its children.
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM, signal.SIGINT})
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: stopped.set())
    try:
        with server.serving(folder, arguments.port) as port:
            print(port, flush=True)
            print(f"serving sparse+http://127.0.0.1:{port}/index/", file=sys.stderr, flush=True)
            stopped.wait()
    except OSError as error:
        print(f"error: port {arguments.port}: {error.strerror}; choose another, or 0", file=sys.stderr)
        return 1
    return 0


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for command, text in ((make, "make the registry"), (serve, "serve it")):
        subparser = commands.add_parser(command.__name__, help=text)
        subparser.set_defaults(command=command)
        subparser.add_argument("--out", type=pathlib.Path, required=True, help="folder of the registry")
        if command is make:
            subparser.add_argument("packages", nargs="*", metavar="PACKAGE",
                                   help="librust-NAME-dev, or src:rust-NAME; default: " + " ".join(DEFAULT_PACKAGES))
            subparser.add_argument("--again", action="store_true", help="also when it is there")
            subparser.add_argument("--keep-going", action="store_true",
                                   help="leave out what is not to be had or cannot be resolved, and say so")
            subparser.add_argument("--cargo", default="/usr/bin/cargo", help="cargo that makes the lock files")
        else:
            subparser.add_argument("--port", type=int, default=DEFAULT_PORT, help="0: one that is free")
    return parser.parse_args()


def main():
    arguments = parse_arguments()
    try:
        return arguments.command(arguments)
    except (debian.DebianError, locks.LockError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
