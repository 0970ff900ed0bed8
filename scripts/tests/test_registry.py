"""Behaviour of the registry scripts that needs no network and no Debian packages."""

import http.client
import json
import pathlib
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from debian_registry import files, manifests, server  # noqa: E402
from debian_registry.requirements import requirement_matches  # noqa: E402


def crate(folder, name, version, **manifest):
    tree = pathlib.Path(folder) / f"{name}-{version}-source"
    (tree / "src").mkdir(parents=True)
    (tree / "src/main.rs").write_text("fn main() {}\n")
    return manifests.Crate(tree, {"package": {"name": name, "version": version}} | manifest)


class Requirements(unittest.TestCase):
    def test_a_caret_keeps_the_leftmost_number_that_is_not_zero(self):
        for requirement, version, expected in [
                ("1.2", "1.9.0", True), ("1.2", "2.0.0", False), ("0.3.1", "0.3.9", True),
                ("0.3.1", "0.4.0", False), ("~1.2", "1.3.0", False), ("=1.2.3", "1.2.3", True),
                (">=1, <3", "2.5.0", True), (">= 0.8.2, < 0.10", "0.10.0", False), ("*", "7.0.0", True),
                ("1", "1.0.0-alpha.1", False)]:
            self.assertEqual(requirement_matches(requirement, version), expected, (requirement, version))


class Manifests(unittest.TestCase):
    def test_an_absent_optional_dependency_goes_with_the_features_that_need_it(self):
        with tempfile.TemporaryDirectory() as folder:
            one = crate(folder, "one", "1.0.0",
                        dependencies={"gone": {"version": "1", "optional": True}},
                        features={"default": ["extra"], "extra": ["gone"], "plain": []})
            manifests.prune_all([one], {"one": [one]})
            self.assertEqual(one.manifest["dependencies"], {})
            self.assertEqual(one.manifest["features"], {"default": [], "plain": []})


class Files(unittest.TestCase):
    def test_the_same_crate_gives_the_same_bytes(self):
        with tempfile.TemporaryDirectory() as first, tempfile.TemporaryDirectory() as second:
            self.assertEqual(files.pack(crate(first, "one", "1.0.0")), files.pack(crate(second, "one", "1.0.0")))

    def test_index_paths_follow_the_length_of_the_name(self):
        self.assertEqual([files.index_path(name) for name in ("a", "ab", "abc", "Hexyl")],
                         ["1/a", "2/ab", "3/a/abc", "he/xy/hexyl"])


class Serving(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        files.Registry(self.folder).publish(crate(folder.name, "hexyl", "0.8.0"))
        (self.folder / "secret").write_text("secret")
        serving = server.serving(self.folder, 0)
        self.port = serving.__enter__()
        self.addCleanup(serving.__exit__, None, None, None)

    def get(self, path, **headers):
        connection = http.client.HTTPConnection("127.0.0.1", self.port)
        self.addCleanup(connection.close)
        connection.request("GET", path, headers={name.replace("_", "-"): value for name, value in headers.items()})
        answer = connection.getresponse()
        return answer, answer.read()

    def test_an_unchanged_file_is_not_sent_again(self):
        answer, content = self.get("/index/he/xy/hexyl")
        self.assertEqual((answer.status, json.loads(content)["vers"]), (200, "0.8.0"))
        for headers in ({"If_None_Match": answer.headers["ETag"]},
                        {"If_Modified_Since": answer.headers["Last-Modified"]}):
            self.assertEqual((self.get("/index/he/xy/hexyl", **headers)[0].status), 304)
        changed, _ = self.get("/index/he/xy/hexyl", If_None_Match='"other"',
                              If_Modified_Since=answer.headers["Last-Modified"])
        self.assertEqual(changed.status, 200)

    def test_config_names_the_port_that_is_served(self):
        _, content = self.get("/index/config.json")
        self.assertIn(f"127.0.0.1:{self.port}/", json.loads(content)["dl"])

    def test_only_the_registry_is_served(self):
        for path in ("/secret", "/index/../secret", "/crates/../secret", "/index/", "/index/he", "/crates/none.crate"):
            self.assertEqual(self.get(path)[0].status, 404, path)


if __name__ == "__main__":
    unittest.main()
