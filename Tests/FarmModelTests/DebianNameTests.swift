import FarmModel
import Testing

@Suite("Names of Debian packages")
struct DebianNameTests {
  @Test(
    "a package is named after crate, version and Debian's word for the machine",
    arguments: [
      ("ripgrep", "13.0.0", "x86_64-unknown-linux-gnu", "ripgrep_13.0.0_amd64.deb"),
      ("Cargo_Deb", "1.0.0", "aarch64-unknown-linux-musl", "cargo-deb_1.0.0_arm64.deb"),
      ("ab", "1.0.0-rc.1", "i686-unknown-linux-gnu", "ab_1.0.0~rc.1_i386.deb"),
      ("ab", "1.0.0-a-b+c-d", "armv7-unknown-linux-gnueabihf", "ab_1.0.0~a~b+c~d_armhf.deb"),
      ("ab", "1.0.0", "armv7-unknown-linux-musleabihf", "ab_1.0.0_armhf.deb"),
      ("ab", "1.0.0", "powerpc64le-unknown-linux-gnu", "ab_1.0.0_ppc64el.deb"),
      ("ab", "1.0.0", "s390x-unknown-linux-gnu", "ab_1.0.0_s390x.deb"),
      ("ab", "1.0.0", "riscv64gc-unknown-linux-musl", "ab_1.0.0_riscv64.deb"),
    ])
  func names(crate: String, version: String, target: String, expected: String) {
    #expect(ArtifactName.debian(crate: crate, version: version, target: target) == expected)
    #expect(ArtifactName.isSafe(expected))
  }

  @Test(
    "no crate takes the place of a package that Debian stands on",
    arguments: [
      "bash", "Bash", "sudo", "libc6", "base_files", "linux-image-amd64", "coreutils",
      "liblockfile-bin", "libnss-systemd", "zlib1g", "libpam0g", "openssl", "openssh_sftp_server",
      "gpg", "python3", "python3-minimal", "dbus-daemon", "linux-headers-amd64", "systemd-boot",
      "runit", "unattended-upgrades", "network-manager",
    ])
  func baseSystem(crate: String) {
    #expect(DebianName.package(crate: crate) == nil)
  }

  @Test(
    "names that only look like such a package are free",
    arguments: [
      "bashrs", "libra", "uutils", "fd-find", "linux-info", "grex", "openssl-probe", "pyo3",
    ])
  func free(crate: String) {
    #expect(DebianName.package(crate: crate) == crate)
  }

  @Test("what Debian has no word for has no package")
  func none() {
    for target in [
      "x86_64-unknown-linux-gnux32", "x86_64-pc-windows-gnu", "aarch64-apple-darwin",
      "mips-unknown-linux-gnu", "arm-unknown-linux-gnueabihf", "x86_64-unknown-freebsd", "",
    ] {
      #expect(DebianName.architecture(target: target) == nil, "\(target)")
    }
    for crate in ["a", "_ab", "../ab", ""] {
      #expect(DebianName.package(crate: crate) == nil, "\(crate)")
    }
  }
}
