#!/usr/bin/env python3
"""What a registry sync costs, from a git or sparse index into PostgreSQL, beside COPY and curl.

    scripts/bench_sync.py [--quick] [--crates N --versions N] [--kills N] [--sparse-crates N] [--output FILE]

Makes an index of made-up crates with crates.io's shape (Benchmarks/SyntheticIndex; kept in --indexes for
the next run), starts a PostgreSQL, a backend and registry syncs as processes of the real programs, and
measures: the first sync; COPY of its rows into an empty database with the same schema; a sync of 100
changed crates; with --kills, that a sync killed again and again ends in the same database; and the first and
the next sync of a sparse index over HTTP/2, beside curl (bench_sparse.py). Prints its tables and writes one
JSON file. docs/benchmarks.md tells how to read both.
"""

import argparse
import contextlib
import json
import os
import pathlib
import random
import re
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import bench_goals
import bench_sparse

ROOT = pathlib.Path(__file__).resolve().parent.parent
# What the farm knows of an index, without row numbers and times.
DUMPS = {
    "crates": "SELECT name, normalized_name, description, repository, license FROM crates ORDER BY 1",
    "versions": "SELECT c.name, to_jsonb(v) - ARRAY['id', 'crate_id', 'created_at', 'updated_at', "
                "'ingested_at', 'seen_at'] FROM versions v JOIN crates c ON c.id = v.crate_id "
                "ORDER BY 1, 2",
    "jobs": "SELECT c.name, v.version, j.target, j.state FROM jobs j JOIN versions v "
            "ON v.id = j.version_id JOIN crates c ON c.id = v.crate_id ORDER BY 1, 2, 3",
}


def say(text):
    print(f"bench_sync: {text}", file=sys.stderr, flush=True)


class Child:
    """A process whose peak memory (VmHWM) and processor time are known when it has ended."""

    def __init__(self, command, log, **options):
        self.log = log
        self.started = time.monotonic()
        with open(log, "ab") as errors:
            self.process = subprocess.Popen(
                [str(part) for part in command], stdout=subprocess.PIPE, stderr=errors, **options)

    def peak(self):
        """The most memory so far in bytes, of a process that runs."""
        for line in pathlib.Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) << 10
        return 0

    def wait(self):
        """Waits for the end: seconds, peak memory, processor seconds."""
        # Its output is a line or two.
        output = self.process.stdout.read().decode()
        _, status, usage = os.wait4(self.process.pid, 0)
        self.process.returncode = os.waitstatus_to_exitcode(status)
        if self.process.returncode != 0:
            sys.exit(f"bench_sync: {self.process.args[:2]} failed:\n"
                     + pathlib.Path(self.log).read_text()[-3000:])
        return {"seconds": time.monotonic() - self.started, "memory": usage.ru_maxrss << 10,
                "processor": usage.ru_utime + usage.ru_stime, "output": output.strip()}

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.kill()


class Farm:
    """A PostgreSQL of this run's own, and what a backend needs."""

    def __init__(self, arguments, folder):
        self.buildsrs = arguments.programs / "buildsrs"
        self.folder = folder
        self.token = folder / "registry.token"
        self.token.write_text(secrets.token_hex(16) + "\n")
        self.token.chmod(0o600)
        self.recipes = folder / "recipes"
        self.recipes.mkdir()
        shutil.copy(ROOT / "recipes/_default.yaml", self.recipes)
        # Only what somebody asks for is to be built: no `.crate` is to be looked into.
        self.targets = folder / "targets"
        self.targets.mkdir()
        triple = "x86_64-unknown-linux-gnu.yaml"
        text = (ROOT / "targets" / triple).read_text()
        text, found = re.subn(r"(?m)^tier: .*$", "tier: 3", text)
        if found != 1:
            sys.exit(f"bench_sync: targets/{triple} names no tier")
        (self.targets / triple).write_text(text)
        self.url = self.command("database", "start", "--directory", folder / "postgres")
        for setting in ("max_wal_size = '4GB'", "shared_buffers = '512MB'"):
            self.sql("postgres", f"ALTER SYSTEM SET {setting}")
        self.command("database", "stop", "--directory", folder / "postgres")
        self.command("database", "start", "--directory", folder / "postgres")

    def end(self):
        self.command("database", "stop", "--directory", self.folder / "postgres")

    def command(self, *arguments):
        done = subprocess.run([self.buildsrs, *arguments], capture_output=True, text=True)
        if done.returncode != 0:
            sys.exit(f"bench_sync: buildsrs {arguments[0]} failed:\n{done.stderr}")
        return done.stdout.strip()

    def address(self, database):
        """The URL of another database of the same server."""
        if "dbname=" in self.url:
            return " ".join(
                f"dbname={database}" if word.startswith("dbname=") else word
                for word in self.url.split())
        begin, _, options = self.url.partition("?")
        return f"{begin.rpartition('/')[0]}/{database}" + (f"?{options}" if options else "")

    def sql(self, database, text, output=None):
        done = subprocess.run(
            ["psql", self.address(database), "--no-psqlrc", "--quiet", "--tuples-only",
             "--no-align", "--set", "ON_ERROR_STOP=1", "--command", text],
            stdout=output or subprocess.PIPE, stderr=subprocess.PIPE)
        if done.returncode != 0:
            sys.exit(f"bench_sync: psql failed: {done.stderr.decode()}")
        return b"" if output else done.stdout

    def make_database(self, name):
        """An empty database with the farm's schema."""
        self.sql("postgres", f"CREATE DATABASE {name}")
        address = self.address(name)
        self.command("migrate", "--migrations-directory", ROOT / "migrations", "--database-url",
                     address)
        return address

    @contextlib.contextmanager
    def backend(self, database):
        """A backend that serves: its child and its URL."""
        state = self.folder / f"backend-{database}"
        key = state / "signing.key"
        address = self.address(database)
        state.mkdir(exist_ok=True)
        if not key.exists():
            self.command("keys", "generate", "--signing-key-file", key, "--database-url", address,
                         "--state-directory", state)
        child = Child(
            [self.buildsrs, "backend", "--listen", "127.0.0.1:0", "--signing-key-file", key,
             "--registry-token-file", self.token, "--targets-directory", self.targets,
             "--recipes-directory", self.recipes, "--database-url", address, "--state-directory",
             state], self.folder / f"{database}.log")
        try:
            line = child.process.stdout.readline().decode()
            if "http" not in line:
                sys.exit("bench_sync: the backend does not start:\n" + child.log.read_text()[-3000:])
            yield child, line.split()[-1]
        finally:
            child.stop()

    def sync_command(self, name, index, backend, *more):
        """A registry sync that looks once, with a state of its own."""
        return [self.buildsrs, "registry-sync", "--once", "--registry-url", index, "--backend-url",
                backend, "--registry-token-file", self.token, "--state-directory",
                self.folder / f"sync-{name}", "--log-level", "notice", *more]

    def sync(self, name, index, backend):
        return Child(self.sync_command(name, index, backend), self.folder / f"sync-{name}.log")

    def copy(self, source, target):
        """Seconds of COPY of all rows of a sync from one database into another, in its order."""
        seconds = 0
        size = 0
        for table in ("registries", "crates", "versions"):
            file = self.folder / f"{table}.copy"
            # Columns that are computed are not copied.
            columns = self.sql(source, "SELECT string_agg(quote_ident(attname), ',' ORDER BY attnum) "
                               f"FROM pg_attribute WHERE attrelid = '{table}'::regclass AND attnum > 0 "
                               "AND NOT attisdropped AND attgenerated = ''").decode().strip()
            with open(file, "wb") as output:
                self.sql(source, f"COPY (SELECT {columns} FROM {table}) TO STDOUT", output)
            size += file.stat().st_size
            begin = time.monotonic()
            with open(file, "rb") as rows:
                done = subprocess.run(
                    ["psql", self.address(target), "--no-psqlrc", "--quiet", "--set",
                     "ON_ERROR_STOP=1", "--command",
                     f"COPY {table} ({columns}) FROM STDIN WITH (FORMAT text)"],
                    stdin=rows, stderr=subprocess.PIPE)
            if done.returncode != 0:
                sys.exit(f"bench_sync: COPY failed: {done.stderr.decode()}")
            seconds += time.monotonic() - begin
            file.unlink()
        return {"seconds": seconds, "bytes": size}

    def dump(self, database):
        # The columns grow with the schema; only those that differ from run to run are left out.
        return {name: self.sql(database, text) for name, text in DUMPS.items()}


def make_index(arguments):
    """A bare repository with the index at `refs/heads/main`."""
    name = f"{arguments.crates}-{arguments.versions}-{arguments.seed}.git"
    repository = arguments.indexes / name
    if not repository.exists():
        say(f"making an index of {arguments.crates:,} crates and {arguments.versions:,} versions")
        arguments.indexes.mkdir(parents=True, exist_ok=True)
        partial = repository.with_suffix(".partial")
        shutil.rmtree(partial, ignore_errors=True)
        subprocess.run(["git", "init", "--quiet", "--bare", "--initial-branch=main", partial],
                       check=True)
        fast_import(arguments, partial)
        partial.rename(repository)
    return repository


def fast_import(arguments, repository, *more):
    maker = subprocess.Popen(
        [arguments.programs / "bench-sync-index", "--crates", str(arguments.crates), "--versions",
         str(arguments.versions), "--seed", str(arguments.seed), *more], stdout=subprocess.PIPE)
    subprocess.run(["git", f"--git-dir={repository}", "fast-import", "--quiet", "--done", "--force"],
                   stdin=maker.stdout, check=True)
    if maker.wait() != 0:
        sys.exit("bench_sync: bench-sync-index failed")


def own_copy(repository, folder):
    """A repository that shares the files of another, to which commits can be added."""
    copy = folder / "index.git"
    subprocess.run(["git", "clone", "--quiet", "--bare", repository, copy], check=True)
    return copy


def make_sparse(arguments):
    """The files of a sparse index; None where none is to be measured."""
    if not arguments.sparse_crates:
        return None
    index = bench_sparse.Index(arguments.programs, arguments.indexes, arguments.sparse_crates,
                               10 * arguments.sparse_crates, arguments.seed)
    say(f"a sparse index of {index.crates:,} crates")
    index.make()
    return index


def measure(arguments, farm, index, report):
    farm.make_database("synced")
    with farm.backend("synced") as (backend, url):
        say("first sync")
        sync = farm.sync("first", index, url).wait()
        report["first"] = {"sync": sync, "backend_memory": backend.peak()}
        report["rows"] = {
            table: int(farm.sql("synced", f"SELECT count(*) FROM {table}"))
            for table in ("crates", "versions")}
        say(f"{sync['seconds']:.1f} s; COPY of the same rows")
        # What the server still does for the sync is not COPY's.
        farm.sql("synced", "CHECKPOINT")
        farm.make_database("copied")
        report["copy"] = farm.copy("synced", "copied")
        farm.sql("copied", "CHECKPOINT")
        report["following"] = []
        for change in range(1, 4):
            fast_import(arguments, farm.folder / "index.git", "--change", str(change), "--changed",
                        str(arguments.changed))
            say(f"sync of {arguments.changed} changed crates")
            report["following"].append(farm.sync("first", index, url).wait())


def kills(arguments, farm, report):
    """A small index: synced once without and once with kills, at moments by chance."""
    small = argparse.Namespace(**vars(arguments))
    small.crates, small.versions = 2000, 40_000
    index = f"git+file://{make_index(small)}"
    chance = random.Random(arguments.seed)
    farm.make_database("undisturbed")
    with farm.backend("undisturbed") as (_, url):
        whole = farm.sync("undisturbed", index, url).wait()["seconds"]
    farm.make_database("killed")
    done = 0
    with farm.backend("killed") as (_, url):
        while done < arguments.kills:
            sync = farm.sync("killed", index, url)
            time.sleep(chance.uniform(0, whole / 2))
            if sync.process.poll() is not None:
                # It was faster than the kill: the next begins anew.
                shutil.rmtree(farm.folder / "sync-killed")
            else:
                done += 1
            sync.kill()
        farm.sync("killed", index, url).wait()
    first, second = farm.dump("undisturbed"), farm.dump("killed")
    report["kills"] = {"kills": done, "seconds": whole, "same": first == second,
                       "rows": {name: text.count(b"\n") for name, text in first.items()}}


def goals(report):
    found = []

    def goal(name, reached, bound):
        met = None if reached is None else reached <= bound
        found.append({"goal": name, "reached": reached, "bound": bound, "met": met})

    if "sparse" in report:
        sparse = report["sparse"]
        goal("sync of a sparse index with nothing new, times curl",
             sparse["sync_again"]["seconds"] / sparse["curl_again"]["seconds"], 2)
        goal("sync of a sparse index, peak memory in MB", sparse["sync"]["memory"] / 1e6, 500)
    if "first" not in report:
        return found
    first, copy = report["first"], report["copy"]
    goal("first sync, times COPY of the same rows", first["sync"]["seconds"] / copy["seconds"], 3)
    goal("sync, peak memory in MB", first["sync"]["memory"] / 1e6, 500)
    goal("backend, peak memory in MB", first["backend_memory"] / 1e6, 500)
    goal(f"sync of {report['changed']} changed crates, median in s",
         sorted(run["seconds"] for run in report["following"])[1], 1)
    if "kills" in report:
        goal(f"databases that {report['kills']['kills']} kills have made differ",
             0 if report["kills"]["same"] else 1, 0)
    return found


def table(report):
    sparse = bench_sparse.lines(report["sparse"]) if "sparse" in report else []
    if "first" not in report:
        return "\n".join([*sparse[1:], "", *bench_goals.lines(report["goals"])])
    rows = report["rows"]
    lines = [f"{rows['crates']:,} crates, {rows['versions']:,} versions", ""]
    lines.append(f"{'':<44} {'SECONDS':>9} {'PROCESSOR':>10} {'PEAK MB':>9}")

    def row(name, seconds, processor=None, memory=None):
        processor = "-" if processor is None else f"{processor:.2f}"
        memory = "-" if memory is None else f"{memory / 1e6:.0f}"
        lines.append(f"{name:<44} {seconds:>9.2f} {processor:>10} {memory:>9}")

    first = report["first"]["sync"]
    row("first sync from git", first["seconds"], first["processor"], first["memory"])
    lines.append(f"{'  its backend':<44} {'':>9} {'-':>10} "
                 f"{report['first']['backend_memory'] / 1e6:>9.0f}")
    row("COPY of the same rows", report["copy"]["seconds"])
    for number, run in enumerate(report["following"], 1):
        row(f"sync of {report['changed']} changed crates, run {number}", run["seconds"],
            run["processor"], run["memory"])
    if "kills" in report:
        found = report["kills"]
        lines.append(f"{found['kills']} kills of a sync of {found['rows']['versions']:,} versions: "
                     + ("the same database" if found["same"] else "ANOTHER DATABASE"))
    lines += [*sparse, "", *bench_goals.lines(report["goals"])]
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--programs", type=pathlib.Path, default=ROOT / ".build/release",
                        help="where buildsrs and bench-sync-index are")
    parser.add_argument("--indexes", type=pathlib.Path, default=ROOT / ".local/bench-sync",
                        help="where indexes are kept for the next run")
    parser.add_argument("--output", type=pathlib.Path, default=ROOT / ".local/bench-sync.json")
    parser.add_argument("--quick", action="store_true", help="5,000 crates, 50,000 versions")
    parser.add_argument("--crates", type=int, help="crates of the git index; 0: none is synced")
    parser.add_argument("--versions", type=int)
    parser.add_argument("--changed", type=int, default=100, help="crates that change")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--kills", type=int, default=10, help="kills of a small sync; 0: none")
    parser.add_argument("--sparse-crates", type=int,
                        help="crates of the sparse index, 20,000 or 200,000; 0: none is synced")
    arguments = parser.parse_args()
    if arguments.crates is None:
        arguments.crates = 5_000 if arguments.quick else 200_000
    if arguments.sparse_crates is None:
        arguments.sparse_crates = 20_000 if arguments.quick else 200_000
    arguments.versions = arguments.versions or 10 * arguments.crates
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    report = {"crates": arguments.crates, "changed": arguments.changed, "cores": os.cpu_count(),
              "load_before": os.getloadavg()[0]}
    repository = make_index(arguments) if arguments.crates else None
    sparse = make_sparse(arguments)
    with tempfile.TemporaryDirectory(prefix="buildsrs-bench-") as name:
        folder = pathlib.Path(name)
        # The server's user is another one where root starts it.
        folder.chmod(0o755)
        farm = Farm(arguments, folder)
        try:
            if arguments.kills:
                kills(arguments, farm, report)
            if repository:
                measure(arguments, farm, f"git+file://{own_copy(repository, folder)}", report)
            if sparse:
                report["sparse"] = bench_sparse.measure(Child, farm, sparse, folder / "nginx", say)
        finally:
            farm.end()
    report["goals"] = goals(report)
    arguments.output.write_text(json.dumps(report, indent=2, sort_keys=True) + "\n")
    print(table(report))
    say(f"written: {arguments.output}")


if __name__ == "__main__":
    main()
