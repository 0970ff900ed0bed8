"""Which recipes are built, and what counts as built."""

import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

import recipes  # noqa: E402


class Choosing(unittest.TestCase):
    def test_what_the_registry_has_is_built_and_the_rest_is_told(self):
        self.assertEqual(recipes.chosen([], ["bat", "fd-find", "nu"], {"fd-find": "8.6.0", "other": "1.0.0"}),
                         (["fd-find"], ["bat", "nu"]))

    def test_only_what_is_asked_for(self):
        self.assertEqual(recipes.chosen(["bat"], ["bat", "nu"], {"bat": "1.0.0", "nu": "1.0.0"}), (["bat"], []))

    def test_a_crate_without_a_recipe_is_refused(self):
        with self.assertRaisesRegex(LookupError, "no recipe of x"):
            recipes.chosen(["x"], ["bat"], {})

    def test_the_default_recipe_is_no_crates(self):
        names = recipes.recipe_names(pathlib.Path(__file__).resolve().parent.parent.parent / "recipes")
        self.assertIn("ripgrep", names)
        self.assertNotIn("_default", names)


class Rows(unittest.TestCase):
    def test_a_program_that_only_starts_does_not_hold(self):
        for smoke, expected in (("expected: bat 1", True), ("answered: ", True), ("started: ", False)):
            self.assertIs(recipes.holds({"seconds": 1.0, "smoke": smoke}), expected)
        self.assertFalse(recipes.holds({"seconds": None}))


if __name__ == "__main__":
    unittest.main()
