#!/usr/bin/python3
"""Build real crates with every executor that this machine can run, and print one table.

    e2e.py [--builder PROGRAM] --registry DIR [--output DIR] [--json FILE] [--only TEXT]...
           [--thorough]

Each crate is built by `buildsrs-builder build --twice` for each target by each executor that
`probe` calls ready; every binary is run on its own architecture by the build itself. A build under
emulation is 15 to 25 times slower, so the executor `qemu` builds the large crates for its first
target only, and only the tiny crate twice; `--thorough` builds everything twice everywhere.

The table tells crate, target, executor, seconds of the first build, size of the archive, glibc
floor, what the program answered, whether the second build had the same bytes, and what an old Debian
says of the program (check_floor.sh): it must start there when its floor is low enough, and the loader
must refuse it when it is not. A last row, linked by gcc, shows that the floor comes from zig. Exit code
0: everything was built, is the same, and starts as promised; 1: something is not; 2: wrong usage.
"""

import argparse
import json
import pathlib
import re
import subprocess
import sys
import tempfile
import time

TINY, MIDDLE, LARGE = "rustdoc-stripper", "hexyl", "ripgrep"
# Debian's ripgrep has its allocator for musl patched away and does not compile there; fd is as large.
LARGE_FOR_MUSL = "fd-find"
COLUMNS = ("CRATE", "TARGET", "EXECUTOR", "SECONDS", "KB", "GLIBC", "ANSWERED", "TWICE", "OLD DEBIAN")


def say(text):
    print(text, file=sys.stderr, flush=True)


class Registry:
    """Serves the registry that `make_registry.py make` has made, until it is left."""

    def __init__(self, directory):
        self.directory = directory

    def __enter__(self):
        script = pathlib.Path(__file__).with_name("make_registry.py")
        self.process = subprocess.Popen(
            [sys.executable, script, "serve", "--out", self.directory, "--port", "0"],
            stdout=subprocess.PIPE,
            text=True,
        )
        port = self.process.stdout.readline().strip()
        if not port:
            sys.exit("the registry cannot be served; run ./bootstrap registry")
        self.url = f"sparse+http://127.0.0.1:{port}/index/"
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()


def ready_environments(builder):
    """Pairs of target and executor that the builder calls ready."""
    answer = subprocess.run([builder, "probe", "--json"], stdout=subprocess.PIPE, check=True)
    targets = json.loads(answer.stdout)["targets"]
    for target in targets:
        if "ready" not in target["health"]:
            say(f"left out: {target['triple']} by {target['module']}: {reason(target['health'])}")
    return [(t["triple"], t["module"]) for t in targets if "ready" in t["health"]]


def reason(health):
    facts = next(iter(health.values()))
    return "; ".join(facts[key] for key in ("reason", "remedy") if facts.get(key))


def planned(environments, thorough):
    """What to build: (crate, target, executor, whether twice)."""
    emulated = [target for target, executor in environments if executor == "qemu"]
    for target, executor in environments:
        large = LARGE_FOR_MUSL if target.endswith("-musl") else LARGE
        if executor != "qemu" or thorough:
            yield from ((crate, target, executor, True) for crate in (TINY, MIDDLE, large))
        else:
            yield TINY, target, executor, True
            if target == emulated[0]:
                yield MIDDLE, target, executor, False
                yield large, target, executor, False


def build(arguments, registry, state, crate, target, executor, twice, recipes=None, label=""):
    output = arguments.output / f"{crate}-{target}-{executor}{label}"
    command = [
        arguments.builder, "build", crate, "--target", target, "--executor", executor,
        "--registry-url", registry.url, "--state-directory", state, "--output", output, "--json",
    ]
    started = time.monotonic()
    if recipes:
        command += ["--recipes-directory", recipes]
    log = output.with_name(output.name + ".log")
    with log.open("w") as errors:
        result = subprocess.run(
            command + (["--twice"] if twice else []), stdout=subprocess.PIPE, stderr=errors)
    elapsed = time.monotonic() - started
    try:
        report = json.loads(result.stdout)
    except ValueError:
        report = {"outcome": {"failure_class": "not built", "message": f"see {log}"}}
    row = {
        "crate": crate + label, "target": target, "executor": executor,
        "elapsed": round(elapsed, 1), "ok": result.returncode == 0, "log": str(log),
        "output": str(output), **row_of(report),
    }
    if executor == "docker-cross" and row["seconds"] is not None:
        start_on_old_debian(row)
    return row


def start_on_old_debian(row):
    """Adds what the old system says, and whether that fits the floor that the artifact tells."""
    script = pathlib.Path(__file__).with_name("check_floor.sh")
    check = subprocess.run(
        [script, pathlib.Path(row["output"]) / row["archive"]], capture_output=True, text=True)
    lines = re.findall(r" glibc ([\d.]+): (starts|refused|fails with \d+): ", check.stdout)
    if check.returncode == 77:
        row["old"] = "none to be had"
        return
    row["old"] = "; ".join(f"{found} on {glibc}" for glibc, found in lines) or "not tried"
    wanted = [
        "starts" if numbers(row["glibc"] or "0") <= numbers(glibc) else "refused"
        for glibc, _ in lines]
    if not lines or wanted != [found for _, found in lines]:
        row["ok"] = False
        row["failure"] = "on an old Debian: " + (check.stdout + check.stderr).strip()


def numbers(version):
    return [int(number) for number in version.split(".")]


def linked_by_gcc(arguments, registry, state, folder):
    """The same program with the linker of the image: its floor is that of the image."""
    recipes = pathlib.Path(folder) / "recipes"
    recipes.mkdir()
    (recipes / "_default.yaml").write_text("default-features: true\n")
    (recipes / f"{MIDDLE}.yaml").write_text(f"crate: {MIDDLE}\nversions:\n  - linker: gcc\n")
    target = "x86_64-unknown-linux-gnu"
    return build(
        arguments, registry, state, MIDDLE, target, "docker-cross", False, recipes=recipes,
        label="-gcc")


def row_of(report):
    if "binaries" not in report:
        return {"seconds": None, "failure": failure(report.get("outcome", {}))}
    archive = next(a for a in report["artifacts"] if a["kind"] == "binary")
    floors = [b["inspection"].get("glibcFloor") for b in report["binaries"]]
    floors = [floor for floor in floors if floor]
    smoke = report["binaries"][0]["smoke"][0]
    return {
        "seconds": round(sum(report["seconds"].values()), 1),
        "stages": report["seconds"],
        "bytes": archive["size"],
        "archive": archive["name"],
        "glibc": max(floors, key=numbers) if floors else None,
        "smoke": f"{smoke['verdict']}: {first_line(smoke['output'])}",
        "reproducibility": report.get("reproducibility", {}).get("verdict", "untested"),
        "differing": report.get("reproducibility", {}).get("differing", []),
    }


def first_line(text):
    return next((line for line in text.splitlines() if line.strip()), "")


def failure(outcome):
    words = (outcome.get("failure_class"), outcome.get("message"))
    return ": ".join(word.splitlines()[0] for word in words if word) or "not built"


def cells(row):
    if row["seconds"] is None:
        return (row["crate"], row["target"], row["executor"], "–", "–", "–", row["failure"][:60], "–", "–")
    return (
        row["crate"], row["target"], row["executor"], f"{row['seconds']:.1f}",
        f"{row['bytes'] / 1000:.0f}", row["glibc"] or "none", row["smoke"][:34],
        row["reproducibility"], row.get("old", "–"),
    )


def print_lines(lines):
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    for line in lines:
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip())


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--builder", default=".local/bin/buildsrs-builder", type=pathlib.Path)
    parser.add_argument("--registry", required=True, type=pathlib.Path)
    parser.add_argument("--output", default=pathlib.Path(".local/e2e"), type=pathlib.Path)
    parser.add_argument("--json", type=pathlib.Path, help="also write all figures to this file")
    parser.add_argument(
        "--only", action="append", default=[], help="only rows with this text; all of them, repeated")
    parser.add_argument("--thorough", action="store_true")
    arguments = parser.parse_args()
    arguments.output.mkdir(parents=True, exist_ok=True)
    rows = []
    with Registry(arguments.registry) as registry, tempfile.TemporaryDirectory(
        prefix="state-", dir=arguments.output, ignore_cleanup_errors=True
    ) as state:
        plans = [
            plan for plan in planned(ready_environments(arguments.builder), arguments.thorough)
            if all(text in " ".join(plan[:3]) for text in arguments.only)
        ]
        for number, plan in enumerate(plans, 1):
            say(f"[{number}/{len(plans)}] {plan[0]} for {plan[1]} by {plan[2]}")
            rows.append(build(arguments, registry, state, *plan))
            say(f"    {'  '.join(cells(rows[-1])[3:])} ({rows[-1]['elapsed']} s in all)")
        if any(plan[:3] == (MIDDLE, "x86_64-unknown-linux-gnu", "docker-cross") for plan in plans):
            say(f"{MIDDLE} linked by gcc, to compare")
            rows.append(linked_by_gcc(arguments, registry, state, state))
    if arguments.json:
        arguments.json.write_text(json.dumps(rows, indent=1) + "\n")
    print_lines([COLUMNS] + [cells(row) for row in rows])
    bad = [row for row in rows if not row["ok"]]
    for row in bad:
        why = row.get("failure") or "differs: " + ", ".join(row["differing"])
        say(f"{row['crate']} for {row['target']} by {row['executor']}: {why} (log: {row['log']})")
    if not rows:
        sys.exit("nothing was built: no executor is ready for any target")
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
