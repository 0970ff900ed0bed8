"""Lock files for the programs, since the upstream ones name other versions and checksums."""

import os
import pathlib
import shutil
import subprocess
import tempfile

from .manifests import dependency_tables, detailed, to_toml
from .server import serving


class LockError(Exception):
    """A program's dependencies cannot be resolved in the registry."""


def lock_programs(crates, by_name, registry, folder, cargo, progress, keep_going=False):
    """Publishes every asked-for program again with a lock file; returns their names and versions.

    With `keep_going`, a program whose dependencies cannot be resolved is left out of them.
    """
    locked = []
    programs = [crate for crate in crates if crate.asked_for and crate.has_binary()]
    # A dependency's checksum is in its dependents' lock files, so it gets its own lock file first.
    programs.sort(key=lambda crate: closure_size(crate, by_name))
    with serving(folder, 0) as port:
        for crate in programs:
            try:
                crate.lock_file = make_lock_file(crate, port, cargo)
            except LockError as error:
                if not keep_going:
                    raise
                progress(f"left out: {str(error).strip().splitlines()[0]}")
                continue
            registry.publish(crate)
            progress(f"{crate.file_stem}: locked to {crate.lock_file.count(b'[[package]]') - 1} crates")
            locked.append(crate.file_stem)
    return locked


def make_lock_file(crate, port, cargo):
    """Resolves the crate's dependencies against the served registry."""
    with tempfile.TemporaryDirectory() as scratch:
        scratch = pathlib.Path(scratch)
        config = scratch / "config.toml"
        config.write_text(cargo_config(port))
        tree = scratch / crate.file_stem
        shutil.copytree(crate.folder, tree, ignore=shutil.ignore_patterns("Cargo.lock", "debian"))
        (tree / "Cargo.toml").write_text(to_toml(crate.manifest))
        try:
            result = subprocess.run(
                [cargo, "--config", config, "generate-lockfile", "--manifest-path", tree / "Cargo.toml"],
                env=cargo_environment(scratch / "cargo-home"), cwd=scratch,
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, stdin=subprocess.DEVNULL)
        except FileNotFoundError as error:
            raise LockError(f"{cargo} is missing; run ./bootstrap install") from error
        if result.returncode != 0:
            raise LockError(f"{crate.file_stem} cannot be resolved in the registry:\n{result.stdout}")
        return (tree / "Cargo.lock").read_bytes()


def cargo_environment(home):
    """Debian's own tools and nothing of a user's Rust set-up."""
    kept = {name: value for name, value in os.environ.items()
            if not name.startswith(("CARGO", "RUST")) and not name.lower().endswith("_proxy")}
    return kept | {"CARGO_HOME": str(home), "PATH": "/usr/bin:/bin"}


def cargo_config(port):
    return ("[source.crates-io]\nreplace-with = \"local\"\n"
            f"[source.local]\nregistry = \"sparse+http://127.0.0.1:{port}/index/\"\n")


def closure_size(crate, by_name):
    """How many crate names the crate can reach; a crate reaches more than any crate it depends on."""
    seen = set()
    waiting = [crate]
    while waiting:
        for _, _, table in dependency_tables(waiting.pop().manifest):
            for alias, dependency in table.items():
                name = detailed(dependency).get("package", alias)
                if name not in seen:
                    seen.add(name)
                    waiting.extend(by_name.get(name, ()))
    return len(seen)
