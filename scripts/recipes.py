#!/usr/bin/python3
"""Build crates by their recipes, with the executor of the farm's main target, and print one table.

    recipes.py [--builder PROGRAM] --registry DIR [--recipes DIR] [--output DIR] [--json FILE] [CRATE]...

Of the recipes' crates (default: all) those are built that the registry in DIR (`make_registry.py
make`) has as programs: by `buildsrs-builder build`, as the farm would, for x86_64-unknown-linux-gnu.
The table tells crate, version, seconds of the build, size of the archive, glibc floor, and what each
program answered; what the registry lacks is told below it. Exit code 0: all of them were built and
answered as their recipe expects; 1: one was not, or none was there; 2: wrong usage.
"""

import argparse
import json
import pathlib
import sys
import tempfile

import e2e

TARGET, EXECUTOR = "x86_64-unknown-linux-gnu", "docker-cross"
COLUMNS = ("CRATE", "VERSION", "SECONDS", "KB", "GLIBC", "ANSWERED")


def recipe_names(folder):
    return sorted(path.stem for path in folder.glob("*.yaml") if not path.stem.startswith("_"))


def programs(registry):
    """The registry's programs: crate and version."""
    made = json.loads((registry / "ready.json").read_text())
    return dict(program.rsplit("-", 1) for program in made["programs"])


def chosen(wanted, recipes, there):
    """What to build, and what cannot be: the wanted crates with a recipe that the registry has."""
    without_recipe = [crate for crate in wanted if crate not in recipes]
    if without_recipe:
        raise LookupError(f"there is no recipe of {', '.join(without_recipe)}")
    names = wanted or recipes
    return [name for name in names if name in there], [name for name in names if name not in there]


def cells(row):
    if row["seconds"] is None:
        return (row["crate"], row["version"], "–", "–", "–", row["failure"][:80])
    return (row["crate"], row["version"], f"{row['seconds']:.1f}", f"{row['bytes'] / 1000:.0f}",
            row["glibc"] or "none", row["smoke"])


def holds(row):
    """Built, and where a recipe expects something, with that answer: anything else fails the build."""
    return row["seconds"] is not None and row["smoke"].partition(":")[0] in ("expected", "answered")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--builder", default=pathlib.Path(".local/bin/buildsrs-builder"), type=pathlib.Path)
    parser.add_argument("--registry", required=True, type=pathlib.Path)
    parser.add_argument("--recipes", default=pathlib.Path("recipes"), type=pathlib.Path)
    parser.add_argument("--output", default=pathlib.Path(".local/recipes"), type=pathlib.Path)
    parser.add_argument("--json", type=pathlib.Path, help="also write all figures to this file")
    parser.add_argument("crates", nargs="*", metavar="CRATE")
    arguments = parser.parse_args()
    there = programs(arguments.registry)
    try:
        names, absent = chosen(arguments.crates, recipe_names(arguments.recipes), there)
    except LookupError as error:
        parser.error(error)
    arguments.output.mkdir(parents=True, exist_ok=True)
    rows = []
    with e2e.Registry(arguments.registry) as registry, tempfile.TemporaryDirectory(
        prefix="state-", dir=arguments.output, ignore_cleanup_errors=True
    ) as state:
        for number, name in enumerate(names, 1):
            e2e.say(f"[{number}/{len(names)}] {name} {there[name]}")
            row = e2e.build(arguments, registry, state, name, TARGET, EXECUTOR, False, recipes=arguments.recipes)
            rows.append(row | {"crate": name, "version": there[name]})
            e2e.say(f"    {'  '.join(cells(rows[-1])[2:])}")
    if arguments.json:
        arguments.json.write_text(json.dumps(rows, indent=1) + "\n")
    e2e.print_lines([COLUMNS, *map(cells, rows)])
    e2e.say(f"not in the registry: {', '.join(absent) or 'none'}")
    bad = [row for row in rows if not holds(row)]
    for row in bad:
        e2e.say(f"{row['crate']}: {row.get('failure') or row['smoke']} (log: {row['log']})")
    sys.exit(0 if rows and not bad else 1)


if __name__ == "__main__":
    main()
