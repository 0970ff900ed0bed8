# Which archives this machine's apt uses, and how: what images and root file systems are made from.
# Sourced, never run; needs `fail` of whoever sources it.
# shellcheck shell=bash

# debian_release: the code name of this Debian.
debian_release() {
  # shellcheck disable=SC1091
  (. /etc/os-release && printf '%s\n' "${VERSION_CODENAME:-}")
}

# apt_sources: the archives of Debian itself that this machine's apt uses, as lines of `URI SUITE`.
apt_sources() {
  local release found
  release=$(debian_release)
  found=$(apt-get indextargets 'Created-By: Packages' | awk -v release="$release" '
    function flush() {
      if (origin == "Debian" && component == "main" && index(suite, release) == 1) print uri, suite
      uri = suite = origin = component = ""
    }
    /^$/ { flush() }
    $1 == "Repo-URI:" { uri = $2 }
    $1 == "Release:" { suite = $2 }
    $1 == "Origin:" { origin = $2 }
    $1 == "Component:" { component = $2 }
    END { flush() }' | sort -u)
  [ -n "$found" ] || fail "apt knows no archive of Debian $release" "run as root: apt-get update"
  printf '%s\n' "$found"
}

# apt_settings: those without which apt may not reach the archives, as lines of apt.conf. A proxy on
# 127.0.0.1 is out of reach of an image's build.
apt_settings() {
  apt-config dump | grep -E '^Acquire::(Check-Valid-Until|Check-Date|Max-ValidTime|ForceIPv[46]|https?::(Proxy|proxy|Verify-Peer|Verify-Host))[: ]' |
    grep -vE ' "";$' || true
}
