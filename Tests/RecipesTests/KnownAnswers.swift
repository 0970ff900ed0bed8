import Testing

/// What a program of a crate with a recipe answers, as its documentation or a build of it shows.
struct KnownAnswer: Sendable, CustomTestStringConvertible {
  var crate: String
  var version: String
  /// The smoke test's command.
  var command: String
  var output: String

  var testDescription: String { "\(crate) \(version)" }

  init(_ crate: String, _ version: String, _ command: String, _ output: String) {
    self.crate = crate
    self.version = version
    self.command = command
    self.output = output
  }

  static let all = [
    KnownAnswer("bat", "0.22.1", "bat --version", "bat 0.22.1"),
    KnownAnswer("bottom", "0.9.6", "btm --version", "bottom 0.9.6"),
    KnownAnswer("broot", "1.30.0", "broot --version", "broot 1.30.0"),
    KnownAnswer("cargo-audit", "0.18.3", "cargo-audit audit --version", "cargo-audit 0.18.3"),
    KnownAnswer("cargo-binstall", "1.4.6", "cargo-binstall -V", "1.4.6"),
    KnownAnswer("cargo-deny", "0.14.3", "cargo-deny --version", "cargo-deny 0.14.3"),
    KnownAnswer(
      "cargo-nextest", "0.9.59", "cargo-nextest nextest --version", "cargo-nextest 0.9.59"),
    KnownAnswer("choose", "1.3.4", "choose --version", "choose 1.3.4"),
    KnownAnswer("diesel_cli", "2.1.1", "diesel --version", "diesel 2.1.1"),
    KnownAnswer("dua-cli", "2.20.1", "dua --version", "dua 2.20.1"),
    KnownAnswer("du-dust", "0.8.6", "dust --version", "Dust 0.8.6"),
    KnownAnswer("exa", "0.10.1", "exa --version", "exa - list files on the command-line\nv0.10.1"),
    KnownAnswer(
      "eza", "0.14.0", "eza --version",
      "eza - A modern, maintained replacement for ls\nv0.14.0 [+git]"),
    KnownAnswer("fd-find", "8.6.0", "fd --version", "fd 8.6.0"),
    KnownAnswer("fd-find", "8.6.0", "fd --version", "fdfind 8.6.0"),
    KnownAnswer("git-delta", "0.16.5", "delta --version", "delta 0.16.5"),
    KnownAnswer("grex", "1.4.4", "grex --version", "grex 1.4.4"),
    KnownAnswer("hexyl", "0.8.0", "hexyl --version", "hexyl 0.8.0"),
    KnownAnswer("hyperfine", "1.15.0", "hyperfine --version", "hyperfine 1.15.0"),
    KnownAnswer("just", "1.13.0", "just --version", "just 1.13.0"),
    KnownAnswer("lsd", "0.23.1", "lsd --version", "lsd 0.23.1"),
    KnownAnswer("mdbook", "0.4.40", "mdbook --version", "mdbook v0.4.40"),
    KnownAnswer("miniserve", "0.24.0", "miniserve --version", "miniserve 0.24.0"),
    KnownAnswer("nu", "0.106.0", "nu --version", "0.106.0"),
    KnownAnswer("oxipng", "9.0.0", "oxipng --version", "oxipng 9.0.0"),
    KnownAnswer("pastel", "0.9.0", "pastel --version", "pastel 0.9.0"),
    KnownAnswer("procs", "0.14.4", "procs --version", "procs 0.14.4"),
    KnownAnswer("ripgrep", "13.0.0", "rg --version", "ripgrep 13.0.0"),
    KnownAnswer("samply", "0.11.0", "samply --version", "samply 0.11.0"),
    KnownAnswer("sccache", "0.7.4", "sccache --version", "sccache 0.7.4"),
    KnownAnswer("sd", "0.7.6", "sd --version", "sd 0.7.6"),
    KnownAnswer("sqlx-cli", "0.9.0", "sqlx --version", "sqlx-cli-sqlx 0.9.0"),
    KnownAnswer("starship", "1.16.0", "starship --version", "starship 1.16.0\nbranch:"),
    KnownAnswer("taplo-cli", "0.8.1", "taplo --version", "taplo 0.8.1"),
    KnownAnswer("tealdeer", "1.8.1", "tldr --version", "tealdeer 1.8.1"),
    KnownAnswer(
      "tokei", "12.1.2", "tokei --version",
      "tokei 12.1.2 compiled with serialization support: cbor, json, yaml"),
    KnownAnswer("trunk", "0.18.3", "trunk --version", "trunk 0.18.3"),
    KnownAnswer("typos-cli", "1.16.23", "typos --version", "typos-cli 1.16.23"),
    KnownAnswer("vivid", "0.8.0", "vivid --version", "vivid 0.8.0"),
    KnownAnswer("wasm-pack", "0.12.1", "wasm-pack --version", "wasm-pack 0.12.1"),
    KnownAnswer("watchexec-cli", "1.23.0", "watchexec --version", "watchexec 1.23.0"),
    KnownAnswer("xsv", "0.13.0", "xsv --version", "0.13.0"),
    KnownAnswer("zoxide", "0.4.3", "zoxide --version", "zoxide v0.4.3"),
  ]
}
