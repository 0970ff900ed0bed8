#!/usr/bin/env python3
"""What the queue costs: the farm's own through its gateway, and others, on one server in one run.

    scripts/bench_queue.py [--quick] [--rows N …] [--load-minutes N] [--output FILE]

Starts `bench-queue`, which starts a PostgreSQL of its own; on the same server, queue_peers.py measures
pgbench, procrastinate, pgqueuer and Buildbot, in a Python environment that is made on first use from
PyPI. Prints one table and writes one JSON file. docs/benchmarks.md tells how to read both.
"""

import argparse
import json
import pathlib
import signal
import subprocess
import sys
import tempfile
import venv

import bench_goals

ROOT = pathlib.Path(__file__).resolve().parent.parent
PEERS = ROOT / "Benchmarks/queue_peers.py"
REQUIREMENTS = ROOT / "Benchmarks/queue_peers.txt"
REFERENCE = "pgbench, 8 clients"
# What the farm is to reach, as (its figure, the other's, at least so many times).
GOALS = [
    ("gateway, 64 builders", REFERENCE, 1), ("gateway, 64 builders", "procrastinate", 10),
    ("gateway, 64 builders", "pgqueuer, batch 10", 1), ("gateway, 64 builders", "Buildbot", 500),
]


def environment(folder):
    """The Python with the other queues; made anew when their versions change."""
    python, stamp = folder / "bin/python", folder / "requirements.txt"
    wanted = REQUIREMENTS.read_text()
    if not stamp.exists() or stamp.read_text() != wanted:
        print(f"bench_queue: installing other queues into {folder}", file=sys.stderr)
        venv.create(folder, with_pip=True, clear=True)
        subprocess.run(
            [python, "-m", "pip", "install", "--quiet", "--requirement", REQUIREMENTS], check=True,
            stdout=sys.stderr)
        stamp.write_text(wanted)
    return python


def measure(arguments, folder):
    own, peers = folder / "own.json", folder / "peers.json"
    # The others' figures are taken for as long as the farm's own.
    seconds = arguments.seconds or (10 if arguments.quick else 20)
    command = [
        arguments.bench, "--programs", arguments.programs, "--checkout", ROOT, "--output", own,
        "--seconds", str(seconds), *(["--quick"] if arguments.quick else [])]
    for rows in arguments.rows:
        command += ["--rows", str(rows)]
    if arguments.load_minutes is not None:
        command += ["--load-minutes", str(arguments.load_minutes)]
    if not arguments.no_peers:
        command += [
            "--", environment(arguments.environment), PEERS, "--output", peers, "--seconds",
            str(seconds)]
    # A Ctrl-C is bench-queue's to handle, which has servers to stop.
    handler = signal.signal(signal.SIGINT, signal.SIG_IGN)
    status = subprocess.run(command).returncode
    signal.signal(signal.SIGINT, handler)
    if not own.exists():
        sys.exit(status or "bench-queue has written nothing")
    report = json.loads(own.read_text())
    report["peers"] = json.loads(peers.read_text()) if peers.exists() else []
    report["rates"] = rates(report)
    report["goals"] = goals(report)
    arguments.output.write_text(json.dumps(report, indent=2, sort_keys=True) + "\n")
    return report, status


# --- reading -----------------------------------------------------------------


def rate_name(row):
    plural = "" if row["builders"] == 1 else "s"
    kind = "" if row["ending"] == "compileFailure" else ", success with one file"
    kind += ", ranks in single file" if row["is_single_file"] else ""
    return f"gateway, {row['builders']} builder{plural}{kind}"


def rates(report):
    """All rates by name: jobs a second."""
    result = {rate_name(row): row["jobs_per_second"] for row in report["throughput"]}
    for row in report["peers"]:
        if "jobs_per_second" in row:
            result[row["name"]] = row["jobs_per_second"]
    return result


def goals(report):
    """What was aimed at, what was reached, and whether that is enough; None: not measured."""
    found = []
    speeds = rates(report)

    def goal(name, reached, bound, enough):
        found.append({"goal": name, "reached": reached, "bound": bound,
                      "met": None if reached is None else enough(reached)})

    for own, other, least in GOALS:
        # Where no way to run the other queue is named, its best one.
        best = speeds.get(other) or max(
            (rate for name, rate in speeds.items() if name.startswith(other + ",")), default=None)
        mine = speeds.get(own)
        goal(f"{own}, to {other}", mine / best if mine and best else None, least,
             lambda reached, least=least: reached >= least)
    claims = report["claims"]
    grown = None
    if len(claims) > 1:
        grown = claims[-1]["ready_to_assign"]["p50"] / claims[0]["ready_to_assign"]["p50"]
    goal("claim with the most rows to the fewest, median", grown, 1.5, lambda reached: reached <= 1.5)
    for idle in report["idle_farms"]:
        goal(f"new version to assign, {idle['builders']} idle, p99 in ms",
             idle["version_to_assign"]["summary"]["p99"], 50, lambda reached: reached <= 50)
    idle = report.get("idle_builders")
    if idle:
        goal(f"backend with {idle['builders']} idle builders, MB", idle["memory_most"] / 1e6, 200,
             lambda reached: reached < 200)
        goal("its connections", idle["connections_most"], 8, lambda reached: reached <= 8)
    return found


def table(report):
    lines = []
    reference = report["rates"].get(REFERENCE)
    lines.append(f"{'JOBS A SECOND':<46} {'RATE':>9} {'TO PGBENCH':>11}")
    for name, rate in report["rates"].items():
        ratio = f"{rate / reference:.3f}" if reference else "-"
        lines.append(f"{name:<46} {rate:>9.1f} {ratio:>11}")
    for row in report["peers"]:
        if "reason" in row:
            lines.append(f"{row['name']:<46} {'-':>9} {'-':>11}  {row['reason'].splitlines()[0][:60]}")
    lines.append("")
    lines.append(
        f"{'PROCESSOR MILLISECONDS A JOB':<46} {'BACKEND':>9} {'POSTGRES':>11} {'BUILDERS':>9}")
    for row in report["throughput"]:
        if row["jobs"]:
            used = [row["processor_seconds"][who] * 1000 / row["jobs"]
                    for who in ("backend", "postgres", "builders")]
            lines.append(f"{rate_name(row):<46} {used[0]:>9.2f} {used[1]:>11.2f} {used[2]:>9.2f}")
    lines.append("")
    lines.append(f"{'MILLISECONDS':<46} {'P50':>9} {'P90':>9} {'P99':>9} {'MOST':>9}")

    def latency(name, summary):
        figures = " ".join(f"{summary[key]:>9.2f}" for key in ("p50", "p90", "p99", "maximum"))
        lines.append(f"{name:<46} {figures}")

    for row in report["claims"]:
        latency(f"claim, {row['pending_rows']:,} pending", row["ready_to_assign"])
        if row.get("statement"):
            statement = row["statement"]
            lines.append(
                f"  its statement alone: mean {statement['mean_milliseconds']:.3f}, "
                f"{statement['blocks_per_call']:.0f} blocks")
    for row in report["idle_farms"]:
        latency(f"version to assign, {row['builders']} idle", row["version_to_assign"]["summary"])
        latency(f"notify to assign, {row['builders']} idle", row["notify_to_assign"]["summary"])
    load = report.get("load")
    for minute in load["minutes"] if load else []:
        if minute.get("ready_to_assign"):
            latency(f"claim under load, minute {minute['number']} ({minute['jobs']} jobs)",
                    minute["ready_to_assign"])
    lines += ["", *bench_goals.lines(report["goals"])]
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bench", type=pathlib.Path, default=ROOT / ".build/release/bench-queue")
    parser.add_argument("--programs", type=pathlib.Path, default=ROOT / ".build/release",
                        help="where buildsrs is")
    parser.add_argument("--environment", type=pathlib.Path, default=ROOT / ".local/queue-peers",
                        help="where the other queues are installed")
    parser.add_argument("--output", type=pathlib.Path, default=ROOT / ".local/bench-queue.json")
    parser.add_argument("--no-peers", action="store_true", help="the farm's own queue only")
    group = parser.add_argument_group("as bench-queue has them")
    group.add_argument("--quick", action="store_true", help="small sizes")
    group.add_argument("--rows", action="append", type=int, default=[], help="pending rows")
    group.add_argument("--load-minutes", type=float)
    group.add_argument("--seconds", type=int, help="of each throughput, the others' too")
    arguments = parser.parse_args()
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="buildsrs-bench-") as folder:
        report, status = measure(arguments, pathlib.Path(folder))
    print(table(report))
    print(f"\nwritten: {arguments.output}", file=sys.stderr)
    sys.exit(status)


if __name__ == "__main__":
    main()
