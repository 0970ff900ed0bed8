"""What the queue benchmark makes of its figures."""

import pathlib
import sys
import unittest
import unittest.mock

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

import bench_queue  # noqa: E402


USED = {"backend": 1.0, "postgres": 2.0, "builders": 0.5}


def summary(**figures):
    return {"p50": 1, "p90": 2, "p99": 3, "maximum": 4} | figures


def report():
    found = {
        "throughput": [
            {"builders": 64, "ending": "compileFailure", "is_single_file": False,
             "jobs_per_second": 900, "jobs": 900, "processor_seconds": USED},
            {"builders": 1, "ending": "success", "is_single_file": False, "jobs_per_second": 20, "jobs": 20, "processor_seconds": USED}],
        "peers": [
            {"name": "pgbench, 8 clients", "jobs_per_second": 1000},
            {"name": "procrastinate, concurrency 1", "jobs_per_second": 50},
            {"name": "procrastinate, 4 processes", "jobs_per_second": 90},
            {"name": "Buildbot, 8 workers", "reason": "it did not start\nand more"}],
        "claims": [
            {"pending_rows": 10, "ready_to_assign": summary()},
            {"pending_rows": 1000, "ready_to_assign": summary(p50=2)}],
        "idle_farms": [
            {"builders": 8, "version_to_assign": {"summary": summary(p99=49)},
             "notify_to_assign": {"summary": summary()}}],
        "idle_builders": {"builders": 1000, "memory_most": 90_000_000, "connections_most": 8},
    }
    found["rates"] = bench_queue.rates(found)
    found["goals"] = bench_queue.goals(found)
    return found


class Figures(unittest.TestCase):
    def goal(self, name):
        return next(goal for goal in report()["goals"] if goal["goal"].startswith(name))

    def test_a_rate_has_the_name_of_what_was_run(self):
        self.assertEqual(
            report()["rates"],
            {"gateway, 64 builders": 900, "gateway, 1 builder, success with one file": 20,
             "pgbench, 8 clients": 1000, "procrastinate, concurrency 1": 50,
             "procrastinate, 4 processes": 90})

    def test_a_goal_is_held_against_the_best_that_the_other_reaches(self):
        goal = self.goal("gateway, 64 builders, to procrastinate")
        self.assertEqual((goal["reached"], goal["met"]), (10, True))

    def test_batch_10_is_not_batch_100(self):
        found = report()
        found["rates"] = {"gateway, 64 builders": 900, "pgqueuer, batch 10": 600,
                          "pgqueuer, batch 100": 3000}
        with unittest.mock.patch.object(bench_queue, "rates", lambda report: report["rates"]):
            goals = bench_queue.goals(found)
        goal = next(goal for goal in goals if goal["goal"].endswith("pgqueuer, batch 10"))
        self.assertEqual(goal["reached"], 1.5)

    def test_a_missed_goal_is_told(self):
        self.assertIs(self.goal("gateway, 64 builders, to pgbench")["met"], False)
        self.assertIs(self.goal("claim with the most rows")["met"], False)

    def test_what_was_not_measured_is_neither_met_nor_missed(self):
        goal = self.goal("gateway, 64 builders, to Buildbot")
        self.assertEqual((goal["reached"], goal["met"]), (None, None))

    def test_the_table_gives_the_reason_of_a_missing_figure(self):
        text = bench_queue.table(report())
        self.assertIn("it did not start", text)
        self.assertNotIn("and more", text)
        self.assertIn("not measured", text)


if __name__ == "__main__":
    unittest.main()
