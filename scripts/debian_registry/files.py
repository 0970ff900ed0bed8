"""The registry's files: `.crate` archives and the sparse index."""

import gzip
import hashlib
import io
import json
import os
import tarfile

from .manifests import dependency_tables, detailed, to_toml
from .requirements import parse_version

# Cargo's own fixed time for packed files; any constant makes the tarballs reproducible.
PACKED_FILE_TIME = 1153704088


def pack(crate):
    """The bytes of the crate's .crate tarball."""
    left_out = {"debian", ".git", ".pc", "target"}
    replaced = {"Cargo.toml": to_toml(crate.manifest).encode() + b"\n"}
    if crate.lock_file is not None:
        replaced["Cargo.lock"] = crate.lock_file
    buffer = io.BytesIO()
    with gzip.GzipFile(fileobj=buffer, mode="wb", mtime=0) as compressed, \
            tarfile.open(fileobj=compressed, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for path in sorted(crate.folder.rglob("*")):
            relative = path.relative_to(crate.folder)
            # Debian links a few large or duplicate files; the tarball holds what they point at.
            if relative.parts[0] in left_out or not path.is_file() \
                    or str(relative) in {*replaced, "Cargo.lock", ".cargo-checksum.json"}:
                continue
            add_file(archive, f"{crate.file_stem}/{relative}", path.read_bytes(),
                     executable=os.access(path, os.X_OK) and bool(path.stat().st_mode & 0o100))
        for name, content in replaced.items():
            add_file(archive, f"{crate.file_stem}/{name}", content, executable=False)
    return buffer.getvalue()


def add_file(archive, name, content, executable):
    entry = tarfile.TarInfo(name)
    entry.size = len(content)
    entry.mtime = PACKED_FILE_TIME
    entry.mode = 0o755 if executable else 0o644
    archive.addfile(entry, io.BytesIO(content))


def index_entry(crate, checksum):
    """The crate's line in the sparse index (the format is in the Cargo book, "Index Format")."""
    dependencies = []
    for target, kind, table in dependency_tables(crate.manifest):
        for alias, dependency in table.items():
            dependency = detailed(dependency)
            entry = {
                "name": alias,
                "req": dependency.get("version", "*"),
                "features": dependency.get("features", []),
                "optional": dependency.get("optional", False),
                "default_features": dependency.get("default-features",
                                                   dependency.get("default_features", True)),
                "target": target,
                "kind": kind,
            }
            if "package" in dependency:
                entry["package"] = dependency["package"]
            dependencies.append(entry)
    features = crate.manifest.get("features", {})
    # Old cargo versions skip entries whose features use this newer syntax.
    newer = {name: items for name, items in features.items()
             if any(item.startswith("dep:") or "?/" in item for item in items)}
    entry = {
        "name": crate.name,
        "vers": crate.version,
        "deps": dependencies,
        "cksum": checksum,
        "features": {name: items for name, items in features.items() if name not in newer},
        "yanked": False,
    }
    if newer:
        entry |= {"features2": newer, "v": 2}
    if "links" in crate.manifest["package"]:
        entry["links"] = crate.manifest["package"]["links"]
    return entry


def index_path(name):
    name = name.lower()
    if len(name) <= 2:
        return f"{len(name)}/{name}"
    if len(name) == 3:
        return f"3/{name[0]}/{name}"
    return f"{name[:2]}/{name[2:4]}/{name}"


class Registry:
    """A registry in the making, in an empty folder."""

    def __init__(self, folder):
        self.index = folder / "index"
        self.crates = folder / "crates"
        for part in (self.index, self.crates):
            part.mkdir(parents=True)
        # The server names its own port instead.
        (self.index / "config.json").write_text(config_json(8799))

    def publish(self, crate):
        """Writes the crate's tarball and its line in the index, replacing an earlier one."""
        content = pack(crate)
        (self.crates / f"{crate.file_stem}.crate").write_bytes(content)
        entry = index_entry(crate, hashlib.sha256(content).hexdigest())
        path = self.index / index_path(crate.name)
        path.parent.mkdir(parents=True, exist_ok=True)
        lines = path.read_text().splitlines() if path.exists() else []
        kept = [line for line in lines if json.loads(line)["vers"] != crate.version]
        kept.append(json.dumps(entry, separators=(",", ":")))
        kept.sort(key=lambda line: parse_version(json.loads(line)["vers"]))
        path.write_text("\n".join(kept) + "\n")


def config_json(port):
    return json.dumps({"dl": f"http://127.0.0.1:{port}/crates/{{crate}}-{{version}}.crate"})
