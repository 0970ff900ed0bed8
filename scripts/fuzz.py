#!/usr/bin/python3
"""Fuzz the readers of foreign bytes with libFuzzer, one after the other, and print one table.

    fuzz.py --program PROGRAM [--seconds N] [--work DIR] [TARGET]...

PROGRAM is `buildsrs-fuzz`, which `./bootstrap fuzz` builds. Each TARGET (default: all) runs for N
seconds (default 60) at the lowest priority, and begins with Tests/Fuzz/corpus/TARGET and with what
earlier runs have gathered in DIR/TARGET/corpus. A target ends at its first finding: an input that
traps, breaks a property, takes more than a second of the processor or 2 GB of memory. It is kept in
DIR/TARGET/found.

The table tells inputs tried, inputs a second, branches seen, size of the corpus, memory and findings.
Exit code 0: nothing was found; 1: something was, or a run failed; 2: wrong usage.
"""

import argparse
import os
import pathlib
import re
import subprocess
import sys

TARGETS = ("index", "crate", "manifest", "recipes", "semver")
COLUMNS = ("TARGET", "SECONDS", "INPUTS", "A SECOND", "BRANCHES", "CORPUS", "MB", "FOUND")
FUZZ = pathlib.Path(__file__).resolve().parent.parent / "Tests/Fuzz"
# The farm's smallest machines have as much; an honest input needs a tenth.
MEMORY_MB = 2048
LARGEST_INPUT = 64 << 10
# Swift's own handler of signals would end the process before libFuzzer has kept the input.
ENVIRONMENT = os.environ | {"SWIFT_BACKTRACE": "enable=no"}
# In seconds of the clock, for what never ends; the program itself counts those of the processor.
TIMEOUT = 20


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", type=pathlib.Path, required=True)
    parser.add_argument("--seconds", type=int, default=60, help="for each target")
    parser.add_argument("--work", type=pathlib.Path, default=pathlib.Path(".local/fuzz"))
    parser.add_argument("targets", nargs="*", metavar="TARGET", help="one of " + ", ".join(TARGETS))
    arguments = parser.parse_args()
    unknown = [target for target in arguments.targets if target not in TARGETS]
    if unknown:
        parser.error(f"there is no target {unknown[0]}; choose of {', '.join(TARGETS)}")
    if arguments.seconds < 1:
        parser.error("--seconds must be at least 1")
    return arguments


def fuzz(program, target, seconds, work):
    """Runs one target; returns what its log tells, with `found`, the files that broke something."""
    corpus, found, log = work / "corpus", work / "found", work / "log"
    for folder in (corpus, found):
        folder.mkdir(parents=True, exist_ok=True)
    before = set(found.iterdir())
    subprocess.run([program, "seeds", target, FUZZ, corpus], check=True)
    command = [
        program, target, f"-max_total_time={seconds}", f"-timeout={TIMEOUT}",
        f"-rss_limit_mb={MEMORY_MB}", f"-max_len={LARGEST_INPUT}", "-print_final_stats=1",
        f"-dict={FUZZ / 'dictionaries' / (target + '.dict')}", f"-artifact_prefix={found}/", corpus,
    ]
    with log.open("wb") as output:
        code = subprocess.run(
            command, stdout=output, stderr=subprocess.STDOUT, env=ENVIRONMENT, preexec_fn=lambda: os.nice(15)).returncode
    figures = figures_of(log.read_text(errors="replace"))
    return figures | {"target": target, "code": code, "log": log, "found": sorted(set(found.iterdir()) - before)}


def figures_of(log):
    """What libFuzzer tells at the end, and the last line of its progress."""
    stats = {name: int(value) for name, value in re.findall(r"^stat::(\w+):\s+(\d+)", log, re.MULTILINE)}
    progress = re.findall(r"^#(\d+)\s.*?cov: (\d+).*?corp: (\d+)/", log, re.MULTILINE)
    seconds = re.findall(r"^Done \d+ runs in (\d+) second", log, re.MULTILINE)
    return {
        "seconds": int(seconds[-1]) if seconds else None,
        "inputs": stats.get("number_of_executed_units", int(progress[-1][0]) if progress else 0),
        "rate": stats.get("average_exec_per_sec"),
        "branches": int(progress[-1][1]) if progress else 0,
        "corpus": int(progress[-1][2]) if progress else 0,
        "memory": stats.get("peak_rss_mb"),
        "finding": next(iter(re.findall(r"^(?:finding: |.*Fatal error: |(?=.*Assertion )|==\d+== ERROR: )(.*)$", log, re.MULTILINE)), None),
    }


def cells(row):
    values = (row[key] for key in ("seconds", "inputs", "rate", "branches", "corpus", "memory"))
    return (row["target"], *("–" if value is None else str(value) for value in values), str(len(row["found"])))


def main():
    arguments = parse_arguments()
    rows = []
    for target in arguments.targets or TARGETS:
        print(f"{target}: {arguments.seconds} s", file=sys.stderr, flush=True)
        rows.append(fuzz(arguments.program.resolve(), target, arguments.seconds, arguments.work / target))
    lines = [COLUMNS, *map(cells, rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(COLUMNS))]
    for line in lines:
        print("  ".join(text.ljust(width) for text, width in zip(line, widths)).rstrip())
    bad = [row for row in rows if row["found"] or row["code"] != 0]
    for row in bad:
        print(f"\n{row['target']}: {row['finding'] or 'the fuzzer failed'}; its log is {row['log']}", file=sys.stderr)
        for file in row["found"]:
            print(f"  again: {arguments.program} {row['target']} {file}", file=sys.stderr)
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
