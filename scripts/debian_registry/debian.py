"""Crates out of Debian's packages, by a private apt that changes nothing on the machine."""

import os
import pathlib
import re
import subprocess

from .manifests import read_crate

KEYRING = pathlib.Path("/usr/share/keyrings/debian-archive-keyring.gpg")
# The machine's own settings (proxies, say) are read before these.
APT_CONFIG = """\
Dir::Etc::SourceList "{root}/sources.list";
Dir::Etc::SourceParts "/dev/null";
Dir::Etc::Preferences "/dev/null";
Dir::Etc::PreferencesParts "/dev/null";
Dir::State "{root}/state";
Dir::State::status "{root}/status";
Dir::Cache "{root}/cache";
APT::Architecture "{architecture}";
APT::Architectures {{ "{architecture}"; }};
APT::Install-Recommends "false";
APT::Sandbox::User "root";
"""


class DebianError(Exception):
    """Debian's packages are not to be had; the text says why and what to do."""


def release_name():
    """The code name of this Debian."""
    for line in pathlib.Path("/etc/os-release").read_text().splitlines():
        if line.startswith("VERSION_CODENAME="):
            return line.partition("=")[2].strip('"')
    raise DebianError("/etc/os-release names no release; this needs Debian 12 or newer")


def machine_archive(release):
    """The address of the archive that this machine's apt has `release` of."""
    listing = subprocess.run(["apt-get", "indextargets", "Created-By: Packages"],
                             stdout=subprocess.PIPE, text=True, check=True).stdout
    for target in listing.split("\n\n"):
        fields = dict(line.split(": ", 1) for line in target.splitlines() if ": " in line)
        if (fields.get("Origin"), fields.get("Release"), fields.get("Component")) == ("Debian", release, "main"):
            return fields["Repo-URI"]
    raise DebianError(f"apt knows no archive of Debian {release}; run as root: apt-get update")


class Apt:
    """A private apt with an empty package status, so results do not depend on what is installed."""

    def __init__(self, root, archive, release):
        self.root = root.resolve()
        for folder in ("state/lists/partial", "cache/archives/partial"):
            (self.root / folder).mkdir(parents=True, exist_ok=True)
        (self.root / "status").touch()
        signed_by = f"[signed-by={KEYRING}] " if KEYRING.exists() else ""
        (self.root / "sources.list").write_text(
            "".join(f"{kind} {signed_by}{archive} {release} main\n" for kind in ("deb", "deb-src")))
        architecture = subprocess.run(["dpkg", "--print-architecture"], stdout=subprocess.PIPE,
                                      text=True, check=True).stdout.strip()
        (self.root / "apt.conf").write_text(APT_CONFIG.format(root=self.root, architecture=architecture))
        self.environment = os.environ | {"APT_CONFIG": str(self.root / "apt.conf"), "LC_ALL": "C.UTF-8"}

    def run(self, *arguments, cwd=None):
        result = subprocess.run(
            ["apt-get", "-q", *arguments], cwd=cwd, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=self.environment)
        if result.returncode != 0:
            raise DebianError(f"apt-get {' '.join(arguments)[:200]} failed:\n{result.stdout}")
        return result.stdout

    def rust_packages(self, request):
        """The librust-* packages, as (name, version), that `request` needs, itself included."""
        if request.startswith("src:"):
            plan = self.run("--simulate", "build-dep", request.removeprefix("src:"))
        else:
            # Where Debian splits a crate's features, the plain package leaves out the default ones' needs.
            with_defaults = request.removesuffix("-dev") + "+default-dev"
            plan = self.run("--simulate", "install", request,
                            *filter(self.is_known, [with_defaults]))
        return set(re.findall(r"^Inst (librust-\S+) \((\S+) ", plan, re.MULTILINE))

    def is_known(self, package):
        """Whether a package of this name exists or is provided by another."""
        return bool(subprocess.run(["apt-cache", "showpkg", package], env=self.environment, text=True,
                                   stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout)

    def unpack_binaries(self, packages, debs, root):
        debs.mkdir(parents=True, exist_ok=True)
        root.mkdir(parents=True, exist_ok=True)
        self.run("download", *(f"{name}={version}" for name, version in sorted(packages)), cwd=debs)
        for name, version in sorted(packages):
            # apt writes a version's epoch colon as %3a in file names.
            found = list(debs.glob(f"{name}_{version.replace(':', '%3a')}_*.deb"))
            subprocess.run(["dpkg-deb", "-x", found[0], root], check=True)

    def unpack_source(self, source, folder):
        """Downloads and unpacks one Debian source package with Debian's patches applied."""
        folder.mkdir(parents=True, exist_ok=True)
        self.run("--download-only", "source", source, cwd=folder)
        description = next(folder.glob("*.dsc"))
        tree = folder / "tree"
        unpacked = subprocess.run(["dpkg-source", "-x", description.name, tree.name], cwd=folder, text=True,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        if unpacked.returncode != 0:
            raise DebianError(f"dpkg-source -x {description.name} failed:\n{unpacked.stdout}")
        return tree


def collect_crates(packages, work, archive, release, progress, keep_going=False):
    """Downloads and unpacks the asked-for packages and all that they need, as crates.

    With `keep_going`, a source package that the archive does not have is left out.
    """
    apt = Apt(work / "apt", archive, release)
    progress("reading the package lists of Debian " + release)
    apt.run("update")
    needed = set().union(*(apt.rust_packages(request) for request in packages))
    progress(f"downloading {len(needed)} packages")
    apt.unpack_binaries(needed, work / "debs", work / "root")
    crates = {}
    for manifest in sorted((work / "root/usr/share/cargo/registry").glob("*/Cargo.toml")):
        crate = read_crate(manifest.parent)
        crate.asked_for = any(ships(request, crate) for request in packages)
        crates[crate.file_stem] = crate
    for source in (request.removeprefix("src:") for request in packages if request.startswith("src:")):
        progress(f"unpacking the source of {source}")
        try:
            crate = read_crate(apt.unpack_source(source, work / "sources" / source))
        except DebianError as error:
            if not keep_going:
                raise
            progress(f"left out: {source}: {str(error).strip().splitlines()[-1]}")
            continue
        crate.asked_for = True
        crates[crate.file_stem] = crate
    return list(crates.values())


def ships(package, crate):
    """Whether a package is the crate's: librust-NAME-dev, with - for _ and, for old ones, a version."""
    name = re.escape(crate.name.replace("_", "-").lower())
    return re.fullmatch(rf"librust-{name}(-[0-9.]+)?-dev", package) is not None
