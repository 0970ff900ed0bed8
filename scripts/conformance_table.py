#!/usr/bin/python3
"""Print what the conformance suite has found as one table: modules by properties.

    conformance_table.py REPORT

REPORT is the JSON file that the tests wrote to BUILDSRS_CONFORMANCE_REPORT. Exit code 0: everything
holds; 1: something does not, or nothing was tried; 2: wrong usage.
"""

import json
import pathlib
import sys


def cell(row):
    if row is None:
        return "not tried"
    measured = row.get("measured")
    return ("✔" if row["holds"] else "✘") + (f" {measured}" if measured else "")


def table(report):
    rows = report["rows"]
    names = {}
    for row in rows:
        names.setdefault((row["kind"], row["name"]), {})[f"{row['module']}:{row['target']}"] = row
    # Properties first, then hostile crates, each by name.
    order = sorted(names, key=lambda key: (key[0] != "property", key))
    lines = [("PROPERTY OR HOSTILE CRATE", *report["candidates"])]
    for key in order:
        lines.append((key[1], *(cell(names[key].get(one)) for one in report["candidates"])))
    return lines


def main():
    if len(sys.argv) != 2 or sys.argv[1].startswith("-"):
        print(__doc__, file=sys.stderr)
        sys.exit(2)
    try:
        report = json.loads(pathlib.Path(sys.argv[1]).read_text())
    except (OSError, ValueError) as error:
        sys.exit(f"no report in {sys.argv[1]}: {error}")
    lines = table(report)
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    for line in lines:
        print("  ".join(text.ljust(width) for text, width in zip(line, widths)).rstrip())
    bad = [row for row in report["rows"] if not row["holds"]]
    for row in bad:
        print(f"\n{row['module']}:{row['target']}: {row['name']}", file=sys.stderr)
        for finding in row["findings"]:
            print(f"  {finding}", file=sys.stderr)
    for left in report["leftovers"]:
        print(f"left on the machine: {left}", file=sys.stderr)
    untried = any(text == "not tried" for line in lines for text in line)
    print(f"{len(report['rows']) - len(bad)} hold, {len(bad)} do not; "
          f"{len(report['leftovers'])} things left on the machine")
    sys.exit(1 if bad or report["leftovers"] or untried or not report["rows"] else 0)


if __name__ == "__main__":
    main()
