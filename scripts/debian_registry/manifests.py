"""Crates and their manifests: reading, pruning of what the registry lacks, writing."""

import dataclasses
import json
import pathlib
import re
import tomllib

from .requirements import requirement_matches

NORMAL, BUILD, DEV = "normal", "build", "dev"
DEPENDENCY_TABLES = {"dependencies": NORMAL, "build-dependencies": BUILD, "dev-dependencies": DEV}
# Spellings that cargo still reads in old manifests.
OLD_TABLE_NAMES = {"build_dependencies": "build-dependencies", "dev_dependencies": "dev-dependencies"}


@dataclasses.dataclass
class Crate:
    folder: pathlib.Path
    manifest: dict
    asked_for: bool = False
    lock_file: bytes | None = None

    @property
    def name(self):
        return self.manifest["package"]["name"]

    @property
    def version(self):
        return self.manifest["package"]["version"]

    @property
    def file_stem(self):
        return f"{self.name}-{self.version}"

    def has_binary(self):
        return bool(self.manifest.get("bin")) or (self.folder / "src/main.rs").exists() \
            or any(self.folder.glob("src/bin/*"))

    def feature_names(self):
        """Every feature that a dependent may name, optional dependencies being features too."""
        optional = {alias for _, _, table in dependency_tables(self.manifest)
                    for alias, dependency in table.items() if detailed(dependency).get("optional")}
        return {"default", *self.manifest.get("features", {}), *optional}


def read_crate(folder):
    manifest = tomllib.loads((folder / "Cargo.toml").read_text(encoding="utf-8"))
    for tables in (manifest, *manifest.get("target", {}).values()):
        for old, new in OLD_TABLE_NAMES.items():
            if old in tables:
                tables[new] = tables.pop(old)
    # A member's manifest names its workspace, which is not in the tarball.
    manifest.pop("workspace", None)
    return Crate(folder, manifest)


def dependency_tables(manifest):
    """Every dependency table of a manifest, as (target or None, kind, table)."""
    for target, tables in ((None, manifest), *manifest.get("target", {}).items()):
        for name, kind in DEPENDENCY_TABLES.items():
            if name in tables:
                yield target, kind, tables[name]


def detailed(dependency):
    return {"version": dependency} if isinstance(dependency, str) else dependency


def prune_all(crates, by_name):
    """Drops from each manifest what no crate in the registry can satisfy; returns notes about it.

    Dropping a feature of one crate can leave another crate's dependency on it
    unsatisfied, so this goes on until nothing changes.
    """
    notes = set()
    for crate in crates:
        for tables in (crate.manifest, *crate.manifest.get("target", {}).values()):
            tables.pop("dev-dependencies", None)
    while any([prune(crate, by_name, notes) for crate in crates]):
        pass
    return sorted(notes)


def prune(crate, by_name, notes):
    """One round of `prune_all` for one crate; returns whether it dropped anything."""
    missing = set()
    for target, _, table in dependency_tables(crate.manifest):
        for alias, dependency in list(table.items()):
            dependency = detailed(dependency)
            wanted = set(dependency.get("features", ()))
            if any(wanted <= match.feature_names() for match in matches(alias, dependency, by_name)):
                continue
            described = f"{dependency.get('package', alias)} {dependency.get('version', '*')}"
            if not (dependency.get("optional") or target):
                notes.add(f"{crate.file_stem}: needs {described} {sorted(wanted)}, which is absent")
                continue
            notes.add(f"{crate.file_stem}: dropped dependency {described}")
            del table[alias]
            missing.add(alias)
    kept = {alias: dependency for _, _, table in dependency_tables(crate.manifest)
            for alias, dependency in table.items()}
    # The same dependency may still be declared for another target.
    dropped = drop_features(crate.manifest.get("features", {}), missing - kept.keys(), kept, by_name)
    notes.update(f"{crate.file_stem}: dropped feature {feature}" for feature in dropped)
    return bool(missing or dropped)


def matches(alias, dependency, by_name):
    """The registry's crates that a dependency's name and version requirement accept."""
    dependency = detailed(dependency)
    return [crate for crate in by_name.get(dependency.get("package", alias), ())
            if requirement_matches(dependency.get("version", "*"), crate.version)]


def drop_features(features, missing, dependencies, by_name):
    """Removes, in place, the features that need what is missing; `default` only loses those items."""
    gone = set(missing)

    def is_broken(item):
        owner, slash, feature = item.removeprefix("dep:").partition("/")
        weak = owner.endswith("?")
        owner = owner.removesuffix("?")
        if owner in gone:
            return not weak
        if not slash or owner not in dependencies:
            return False
        return not any(feature in match.feature_names()
                       for match in matches(owner, dependencies[owner], by_name))

    dropped = set()
    while broken := {name for name, items in features.items()
                     if name != "default" and any(map(is_broken, items))}:
        for name in broken:
            del features[name]
        dropped |= broken
        gone |= broken
    for name, items in features.items():
        # What is left to remove: items of `default`, and weak items of a missing dependency.
        features[name] = [item for item in items
                          if not is_broken(item) and item.split("?/")[0] not in gone]
    return dropped


def to_toml(table, path=()):
    """Serialises a manifest; nested tables get headers, tables within arrays are written inline."""
    lines = []
    nested = {key: value for key, value in table.items() if isinstance(value, dict)}
    arrays = {key: value for key, value in table.items()
              if isinstance(value, list) and value and all(isinstance(item, dict) for item in value)}
    for key, value in table.items():
        if key not in nested and key not in arrays:
            lines.append(f"{toml_key(key)} = {toml_value(value)}")
    for key, value in nested.items():
        inner = path + (key,)
        lines += ["", f"[{'.'.join(map(toml_key, inner))}]", to_toml(value, inner)]
    for key, values in arrays.items():
        inner = path + (key,)
        for value in values:
            lines += ["", f"[[{'.'.join(map(toml_key, inner))}]]", to_toml(value, inner)]
    return "\n".join(lines)


def toml_key(key):
    return key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else toml_value(key)


def toml_value(value):
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{toml_key(k)} = {toml_value(v)}" for k, v in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(toml_value, value)) + "]"
    if isinstance(value, (str, bool, int, float)):
        # JSON's escapes for these are TOML's too, but for DEL, which TOML wants escaped.
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    return str(value)
