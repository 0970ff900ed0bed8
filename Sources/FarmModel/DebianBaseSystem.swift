/// The packages that a Debian system stands on.
///
/// A crate's package of such a name and a higher version would take the place of the real one at the next
/// upgrade, and its maintainer the machine. Other names are left to the one who installs the file.
enum DebianBaseSystem {
  /// Whether a package's name belongs to the base system: packages of the priorities required, important
  /// and standard of Debian 12 (`Priority` in its package lists), what commonly gives a user rights, the
  /// kernel and shared libraries.
  static func owns(_ package: String) -> Bool {
    names.contains(package) || prefixes.contains { package.hasPrefix($0) }
      || (package.hasPrefix("lib") && package.last?.isNumber == true)
  }

  private static let prefixes = [
    "grub", "libc-", "libnss-", "libpam-", "linux-headers", "linux-image", "openssh-", "python3-",
    "systemd-",
  ]

  private static let names = Set(
    """
    adduser apt apt-listchanges apt-utils base-files base-passwd bash bash-completion bind9-dnsutils
    bind9-host bsdutils bzip2 ca-certificates cloud-init coreutils cpio cron cron-daemon-common dash
    dbus dbus-bin dbus-daemon debconf debconf-i18n debian-archive-keyring debian-faq debianutils
    diffutils dmidecode doas doc-debian dpkg e2fsprogs fdisk file findutils gettext-base gnupg gpg
    gpg-agent gpgv grep groff-base gzip hostname ifupdown inetutils-telnet init init-system-helpers
    initramfs-tools iproute2 iputils-ping isc-dhcp-client isc-dhcp-common kmod krb5-locales less
    liblockfile-bin libpam0g linux-base locales login login.defs logrotate lsof man-db manpages mawk
    media-types mime-support mount nano ncurses-base ncurses-bin ncurses-term netbase
    netcat-traditional network-manager nftables openssl passwd pciutils perl perl-base policykit-1
    polkitd procps python3 readline-common reportbug rsyslog runit sed sensible-utils shim-signed
    sudo sudo-rs systemd sysvinit-core sysvinit-utils tar tasksel tasksel-data traceroute tzdata ucf
    udev unattended-upgrades usr-is-merged usrmerge util-linux util-linux-extra vim-common vim-tiny
    wamerican wget whiptail xz-utils zlib1g
    """.split(whereSeparator: \.isWhitespace).map(String.init))
}
