"""What the fuzzing script reads in libFuzzer's log."""

import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

import fuzz  # noqa: E402

QUIET = """\
INFO: seed corpus: files: 9 min: 7b max: 2411b total: 4098b rss: 61Mb
#10\tINITED cov: 1204 ft: 2811 corp: 8/3988b exec/s: 0 rss: 65Mb
#4096\tpulse  cov: 1300 ft: 3000 corp: 21/9Kb lim: 4096 exec/s: 2048 rss: 70Mb
#9000\tDONE   cov: 1310 ft: 3012 corp: 22/9Kb lim: 4096 exec/s: 1500 rss: 71Mb
Done 9000 runs in 6 second(s)
stat::number_of_executed_units: 9000
stat::average_exec_per_sec:     1500
stat::new_units_added:          14
stat::slowest_unit_time_sec:    0
stat::peak_rss_mb:              72
"""
BROKEN = """\
#10\tINITED cov: 1204 ft: 2811 corp: 8/3988b exec/s: 0 rss: 65Mb
finding: the lines one by one are other entries than all at once
==77== ERROR: libFuzzer: deadly signal
"""


class Log(unittest.TestCase):
    def test_figures_of_a_run_that_found_nothing(self):
        self.assertEqual(
            fuzz.figures_of(QUIET),
            {"seconds": 6, "inputs": 9000, "rate": 1500, "branches": 1310, "corpus": 22, "memory": 72,
             "finding": None})

    def test_the_first_finding_is_told_in_its_own_words(self):
        figures = fuzz.figures_of(BROKEN)
        self.assertEqual(figures["finding"], "the lines one by one are other entries than all at once")
        self.assertEqual((figures["inputs"], figures["seconds"]), (10, None))

    def test_every_target_has_a_corpus_and_a_dictionary(self):
        for target in fuzz.TARGETS:
            self.assertTrue(any((fuzz.FUZZ / "corpus" / target).iterdir()), target)
            self.assertTrue((fuzz.FUZZ / "dictionaries" / f"{target}.dict").exists(), target)


if __name__ == "__main__":
    unittest.main()
