"""The table of what a benchmark aimed at and what it reached."""


def lines(goals):
    """A header and a line for each goal: its name, what was reached, the bound, and the verdict."""
    found = [f"{'GOAL':<56} {'REACHED':>9} {'BOUND':>7}"]
    for goal in goals:
        verdict = {True: "met", False: "missed", None: "not measured"}[goal["met"]]
        reached = "-" if goal["reached"] is None else f"{goal['reached']:.2f}"
        found.append(f"{goal['goal']:<56} {reached:>9} {goal['bound']:>7}  {verdict}")
    return found
