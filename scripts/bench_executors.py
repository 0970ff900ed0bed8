#!/usr/bin/python3
"""Measure what a build costs with each executor beside the bare command in the same environment.

    bench_executors.py --registry DIR [--builder PROGRAM] [--crate NAME] [--only TEXT]...
                       [--sccache PROGRAM] [--json FILE]

For each target and executor that is ready, one after another in this run:

    FIRST   a builder that has nothing: the crates are downloaded and unpacked
    SECOND  the crates are in the store; nothing of an earlier build is used
    BARE    the very command of that build's log, by hand in the same environment and folders,
            without the farm: what docker or chroot and Cargo need
    SHARED  with the host part (build scripts, macros) that another target's build has left
    CACHED  with a warm compile cache (sccache), where --sccache names the program

RATIO is SECOND to BARE, and OVER the seconds between them (goal: at most 1.05 and 2 s). Needs root and
BUILDSRS_CACHE_DIRECTORY, both of which `./bootstrap bench` sees to.
"""

import argparse
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

import e2e

# What registers QEMU's user-mode emulation for a target's programs.
EMULATORS = {
    "aarch64-unknown-linux-gnu": "qemu-aarch64",
    "armv7-unknown-linux-gnueabihf": "qemu-arm",
    "powerpc64le-unknown-linux-gnu": "qemu-ppc64le",
    "s390x-unknown-linux-gnu": "qemu-s390x",
}
COLUMNS = ("TARGET", "EXECUTOR", "FIRST", "SECOND", "BARE", "RATIO", "OVER", "SHARED", "CACHED")


class Bench:
    def __init__(self, arguments, registry, folder):
        self.arguments = arguments
        self.registry = registry
        self.folder = folder

    def build(self, state, target, executor, *flags):
        """The report of one build and what it printed beside."""
        command = [
            self.arguments.builder, "build", self.arguments.crate, "--target", target,
            "--executor", executor, "--registry-url", self.registry.url, "--json",
            "--state-directory", state, "--output", self.folder / "out", *flags,
        ]
        result = subprocess.run(command, capture_output=True, text=True)
        if result.returncode != 0:
            sys.exit(f"{target} by {executor} was not built:\n{result.stderr[-2000:]}")
        return json.loads(result.stdout), result.stderr

    def row(self, target, executor):
        state = self.folder / f"{target}-{executor}"
        first, _ = self.build(state, target, executor)
        shutil.rmtree(state / "host-parts", ignore_errors=True)
        second, log = self.build(state, target, executor, "--keep")
        work = pathlib.Path(line_after(log, "kept: "))
        bare = Bare(work, line_with(log, "env -C /build "), second["environment"])
        shared = None
        if (state / "host-parts").exists():
            shared = seconds(self.build(state, target, executor)[0])
        return {
            "target": target, "executor": executor, "first": seconds(first),
            "second": seconds(second), "bare": bare.seconds(executor, target), "shared": shared,
            "cached": self.cached(state, target, executor), "stages": second["seconds"],
        }

    def cached(self, state, target, executor):
        if not self.arguments.sccache or executor == "qemu":
            return None
        flags = ["--compile-cache", state / "cache", "--sccache", self.arguments.sccache]
        for _ in range(2):
            shutil.rmtree(state / "host-parts", ignore_errors=True)
            report, _ = self.build(state, target, executor, *flags)
        return seconds(report)


class Bare:
    """The command of a build that was kept, run again by hand in its folders."""

    FOLDERS = {"crate": "ro", "vendor": "ro", "cargo-home": "rw", "target": "rw"}

    def __init__(self, work, command, environment):
        self.work = work
        self.command = command
        self.environment = environment

    def seconds(self, executor, target):
        shutil.rmtree(self.work / "target")
        (self.work / "target").mkdir()
        mounts = [(self.work / name, f"/build/{name}", mode) for name, mode in self.FOLDERS.items()]
        mounts.append((self.work.parent.parent / "store", "/build/store", "ro"))
        started = time.monotonic()
        if executor == "docker-cross":
            result = self.in_container(mounts)
        else:
            result = self.in_root(mounts, executor, EMULATORS.get(target) if executor == "qemu" else None)
        elapsed = time.monotonic() - started
        if result.returncode != 0:
            sys.exit(f"the bare command failed:\n{result.stderr[-2000:]}")
        shutil.rmtree(self.work)
        return round(elapsed, 1)

    def in_container(self, mounts):
        shutil.chown(self.work / "target", "nobody", "nogroup")
        command = [
            "docker", "run", "--rm", "--network", "none", "--user", "65534:65534", "--read-only",
            "--tmpfs", "/tmp:rw,exec",
        ]
        for source, place, mode in mounts:
            command += ["--volume", f"{source}:{place}:{mode}"]
        command += [self.environment["digest"], "sh", "-c", self.command]
        return subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)

    def in_root(self, mounts, executor, emulator):
        """chroot, in a mount namespace of its own; for a foreign root with a private binfmt_misc."""
        cache = pathlib.Path(os.environ["BUILDSRS_CACHE_DIRECTORY"])
        root = cache / executor / self.environment["facts"]["root file system"] / "root"
        for folder in ("target", "cargo-home"):
            subprocess.run(["chown", "-R", "0:0", self.work / folder], check=True)
        # The root's entries one by one: it has no folders for what is mounted into it.
        lines = [
            "mount -t tmpfs tmpfs /mnt",
            f"for entry in {root}/*; do place=/mnt/${{entry##*/}}",
            "  if [ -L $entry ]; then cp -P $entry $place",
            "  else mkdir $place; mount --rbind $entry $place; fi",
            "done",
            "mkdir -p /mnt/tmp /mnt/dev /mnt/proc",
            "mount --rbind /dev /mnt/dev", "mount -t proc proc /mnt/proc",
        ]
        for source, place, _ in mounts:
            lines += [f"mkdir -p /mnt{place}", f"mount --bind {source} /mnt{place}"]
        if emulator:
            lines.insert(0, "mount -t binfmt_misc none /proc/sys/fs/binfmt_misc")
            lines.insert(1, f"tail -n 1 /usr/lib/binfmt.d/{emulator}.conf"
                            " >/proc/sys/fs/binfmt_misc/register")
        script = "set -e\n" + "\n".join(lines) + '\nexec chroot /mnt sh -c "$0"\n'
        return subprocess.run(
            ["unshare", "--map-root-user", "--mount", "--pid", "--fork", "--net", "bash", "-c",
             script, "export PATH=/usr/local/bin:/usr/bin:/bin; " + self.command],
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


def seconds(report):
    return round(sum(report["seconds"].values()), 1)


def line_with(log, start):
    return next(line for line in log.splitlines() if line.startswith(start))


def line_after(log, start):
    return line_with(log, start)[len(start):]


def cells(row):
    def text(value):
        return "–" if value is None else f"{value:.1f}"

    return (
        row["target"], row["executor"], text(row["first"]), text(row["second"]), text(row["bare"]),
        f"{row['second'] / row['bare']:.2f}", text(row["second"] - row["bare"]),
        text(row["shared"]), text(row["cached"]),
    )


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--builder", default=".local/bin/buildsrs-builder", type=pathlib.Path)
    parser.add_argument("--registry", required=True, type=pathlib.Path)
    parser.add_argument("--crate", default=e2e.MIDDLE)
    parser.add_argument("--only", action="append", default=[])
    parser.add_argument("--sccache", type=pathlib.Path)
    parser.add_argument("--folder", default=pathlib.Path(".local/bench"), type=pathlib.Path)
    parser.add_argument("--json", type=pathlib.Path, help="also write all figures to this file")
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    rows = []
    with e2e.Registry(arguments.registry) as registry, tempfile.TemporaryDirectory(
        dir=arguments.folder.resolve(), ignore_cleanup_errors=True
    ) as folder:
        bench = Bench(arguments, registry, pathlib.Path(folder))
        for target, executor in e2e.ready_environments(arguments.builder):
            if all(text in f"{target} {executor}" for text in arguments.only):
                e2e.say(f"{arguments.crate} for {target} by {executor}")
                rows.append(bench.row(target, executor))
                e2e.say("    " + "  ".join(cells(rows[-1])[2:]))
    if arguments.json:
        arguments.json.write_text(json.dumps(rows, indent=1) + "\n")
    e2e.print_lines([COLUMNS] + [cells(row) for row in rows])


if __name__ == "__main__":
    main()
