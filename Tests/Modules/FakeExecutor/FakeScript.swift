import ExecutorKit

/// What the fake module is told by the target's YAML, below `fake:`.
struct FakeScript: Sendable {
  /// `ready`, `unhealthy`, `absent`, `crash` or `hang`.
  var probe: String
  /// `ok`, `fail:<failure class>`, `crash` or `hang` (ignores cancelling).
  var prepare: String
  /// How the build command ends: `ok`, `exit:<status>`, `signal:<number>`, `timeout`, `oom`,
  /// `fail:<failure class>`, `crash`, `hang` (ignores cancelling), `wait` (until it is cancelled) or
  /// `chatter` (prints until it is cancelled).
  var command: String
  /// An ELF file on the host to "produce"; empty: no binary.
  var binary: String
  /// The produced binary's name; default: the crate's name.
  var name: String?
  /// Whether every build produces other bytes.
  var isUnstable: Bool
  /// What the build prints to standard error before it ends.
  var log: String
  /// The build waits until this file exists.
  var waitFor: String
  /// How smoke runs end, in the words of ``command``.
  var smoke: String
  /// What smoke runs print; default: `<crate> <version>`.
  var answer: String?
  /// The Rust version that the environment claims.
  var toolchain: String
  /// What the environment tells its host part is made of; nil: it cannot be shared.
  var hostDigest: String?
  /// `ok`, `crash` or `hang`.
  var tearDown: String

  init(_ configuration: ConfigurationValue) {
    let map = configuration.map ?? [:]
    func text(_ key: String, _ otherwise: String) -> String { map[key]?.text ?? otherwise }
    probe = text("probe", "ready")
    prepare = text("prepare", "ok")
    command = text("command", "ok")
    binary = text("binary", "")
    name = map["name"]?.text
    isUnstable = text("unstable", "no") == "yes"
    log = text("log", "")
    waitFor = text("wait-for", "")
    smoke = text("smoke", "ok")
    answer = map["answer"]?.text
    toolchain = text("toolchain", "1.96.0")
    hostDigest = map["host-digest"]?.text
    tearDown = text("tear-down", "ok")
  }

  static let keys = [
    key("probe", "ready", "ready, unhealthy, absent, crash or hang"),
    key("prepare", "ok", "ok, fail:<class>, crash or hang"),
    key(
      "command", "ok",
      "ok, exit:<n>, signal:<n>, timeout, oom, fail:<class>, crash, hang, wait or chatter"),
    key("binary", "", "an ELF file to produce"),
    key("name", "", "the produced binary's name, if not the crate's"),
    key("unstable", "no", "yes: every build produces other bytes"),
    key("log", "", "what the build prints"),
    key("wait-for", "", "a file that the build waits for"),
    key("smoke", "ok", "how smoke runs end, in the words of `command`"),
    key("answer", "", "what smoke runs print"),
    key("toolchain", "1.96.0", "the Rust version to claim"),
    key("host-digest", "", "what the environment's host part is made of"),
    key("tear-down", "ok", "ok, crash or hang"),
  ]

  private static func key(_ name: String, _ value: String, _ summary: String) -> ConfigurationKey {
    ConfigurationKey(name, .text, summary: summary, defaultValue: .text(value))
  }

  /// The failure that an instruction such as `fail:disk-full` names.
  func failure(in instruction: String) -> ExecutorFailure {
    let word = String(instruction.dropFirst("fail:".count))
    return ExecutorFailure(FailureClass(rawValue: word) ?? .infrastructure, "told to fail: \(word)")
  }
}
