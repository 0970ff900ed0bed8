"""Cargo's version requirements."""

import re


def parse_version(text):
    """The release numbers and the pre-release tag of a semantic version."""
    text = text.split("+")[0]
    release, _, pre = text.partition("-")
    return tuple(int(part) for part in release.split(".")), pre


def requirement_matches(requirement, version):
    """Whether cargo's version requirement accepts `version` (pre-releases are compared by release)."""
    release, pre = parse_version(version)
    if pre and "-" not in requirement:
        return False
    return all(comparator_matches(part.strip(), release) for part in requirement.split(","))


def comparator_matches(comparator, release):
    operator, numbers = re.fullmatch(r"(>=|<=|[<>=^~])?\s*v?(.*)", comparator).groups()
    parts = [part for part in re.split(r"[-+]", numbers)[0].split(".") if part not in ("*", "x", "X", "")]
    given = tuple(int(part) for part in parts)
    if not given:
        return True
    low = given + (0,) * (3 - len(given))
    if operator == ">":
        return release >= bump(given, len(given) - 1)
    if operator == ">=":
        return release >= low
    if operator == "<":
        return release < low
    if operator == "<=":
        return release < bump(given, len(given) - 1)
    if operator == "=" or "*" in numbers:
        changing = len(given) - 1
    elif operator == "~":
        changing = min(1, len(given) - 1)
    else:
        changing = next((i for i, part in enumerate(given) if part), len(given) - 1)
    return low <= release < bump(given, changing)


def bump(given, position):
    """The first release past those that share `given` up to `position`."""
    raised = given[:position] + (given[position] + 1,)
    return raised + (0,) * (3 - len(raised))
