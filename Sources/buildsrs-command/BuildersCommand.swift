import ArgumentParser
import BuilderProtocol
import CommandLineSupport
import Cryptography
import Database
import ExecutorKit
import Foundation
import Scheduling

/// The machines that build.
struct BuildersCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "builders",
    abstract: "Lists, invites, approves and drains builders.",
    discussion: """
      A builder shows its public key. An unknown one waits until it is approved, unless it brings \
      an invitation.

      EXAMPLES
        buildsrs builders invite --output invitation
        buildsrs-builder run --enrolment-token-file invitation
        buildsrs builders list
        buildsrs builders approve build-7
        buildsrs builders drain build-7
        buildsrs builders drain build-7 --off
      """,
    subcommands: [List.self, Invite.self, Approve.self, Disable.self, Drain.self])

  struct List: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Lists the builders.")
    @OptionGroup var common: CommonOptions
    @OptionGroup var database: DatabaseOptions
    @Flag(help: "Print JSON.") var json = false

    func run() async throws {
      let builders = try await common.settings(database).withFarmDatabase {
        try await $0.builders()
      }
      if json { return try printJSON(builders.map(BuilderLine.init)) }
      var table = TextTable([
        .init("ID", .right), .init("NAME"), .init("STATE"), .init("LEASES", .right),
        .init("SLOTS", .right), .init("SEEN"), .init("KEY"), .init("TARGETS"),
      ])
      for builder in builders {
        table.add([
          .init(String(builder.id)), .init(builder.name),
          .init(builder.standing, builder.standing == "approved" ? .green : .yellow),
          .init(String(builder.leases)), .init(builder.profile.map { String($0.slots) } ?? "–"),
          .init(ago(builder.lastSeenAt)), .init(String(builder.publicKey.prefix(16))),
          .init(builder.readyTargets.joined(separator: " ")),
        ])
      }
      print(table.text(for: Terminal()))
    }
  }

  struct Invite: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Makes an invitation, by which one builder is approved at once.")
    @OptionGroup var common: CommonOptions
    @OptionGroup var database: DatabaseOptions
    @Option(help: "Who it is for.") var note = ""
    @Option(help: "After how many hours it is worth nothing.") var hours = 24
    @Option(
      help: "Write it to this file (mode 0600) and not to standard output.", completion: .file())
    var output: String?

    func validate() throws {
      guard (1...8760).contains(hours) else { throw ValidationError("--hours must be 1 to 8760") }
    }

    func run() async throws {
      let token = Random.token()
      try await common.settings(database).withFarmDatabase {
        try await $0.invite(
          tokenHash: SHA256.hex(of: token), note: note, validForSeconds: hours * 3600)
      }
      guard let output else { return print(token) }
      let written = FileManager.default.createFile(
        atPath: output, contents: Data((token + "\n").utf8),
        attributes: [.posixPermissions: 0o600])
      guard written else { throw CommandFailure("cannot write \(output)") }
    }
  }

  struct Approve: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Lets a builder in that waits, or one that was disabled.")
    @OptionGroup var change: StateChange
    func run() async throws { try await change.apply(.approved) }
  }

  struct Disable: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Gives a builder no more jobs, and refuses it when it connects.",
      discussion: """
        What it has is taken from it: its jobs are others' at once, without a charge for anybody, and its \
        uploads are refused. `builders approve` lets it in again.
        """)
    @OptionGroup var change: StateChange
    func run() async throws { try await change.apply(.disabled) }
  }

  struct Drain: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Gives a builder no more jobs; what it has it finishes.",
      discussion: """
        Its program stays connected: `builders list` says “draining”, then “drained”. --off gives it jobs \
        again and also ends a pause after failures of its own.
        """)
    @Argument(help: "The builder's name, number, or the beginning of its key (8 digits or more).")
    var builder: String
    @Flag(help: "Give it jobs again.") var off = false
    @OptionGroup var common: CommonOptions
    @OptionGroup var database: DatabaseOptions
    @Flag(help: "Print JSON.") var json = false

    func run() async throws {
      let changed = try await common.settings(database).withFarmDatabase {
        try await $0.setDraining(builder, !off)
      }
      guard !changed.isEmpty else {
        throw CommandFailure("there is no builder “\(builder)”: see `buildsrs builders list`")
      }
      if json { return try printJSON(changed.map(BuilderLine.init)) }
      for builder in changed {
        let left = builder.leases == 0 ? "" : ", \(builder.leases) jobs are still running on it"
        print("\(builder.name) (\(builder.id)): \(builder.standing)\(left)")
      }
    }
  }

  struct StateChange: ParsableArguments {
    @Argument(help: "The builder's name, number, or the beginning of its key (8 digits or more).")
    var builder: String
    @OptionGroup var common: CommonOptions
    @OptionGroup var database: DatabaseOptions
    @Flag(help: "Print JSON.") var json = false

    func apply(_ state: StoredBuilder.State) async throws {
      let changed = try await common.settings(database).withFarmDatabase {
        try await $0.setBuilderState(builder, to: state)
      }
      guard !changed.isEmpty else {
        throw CommandFailure("there is no builder “\(builder)”: see `buildsrs builders list`")
      }
      if json { return try printJSON(changed.map(BuilderLine.init)) }
      for builder in changed { print("\(builder.name) (\(builder.id)): \(builder.state.rawValue)") }
    }
  }
}

/// A builder as `--json` prints it.
private struct BuilderLine: Encodable {
  let id: Int64
  let name: String
  let publicKey: String
  let state: StoredBuilder.State
  let leases: Int
  let version: String?
  let createdAt: Date
  let lastSeenAt: Date?
  let draining: Bool
  let quarantinedUntil: Date?
  let slots: Int?
  /// Those that it can build for now.
  let targets: [String]

  init(_ builder: StoredBuilder) {
    id = builder.id
    name = builder.name
    publicKey = builder.publicKey
    state = builder.state
    leases = builder.leases
    version = builder.version
    createdAt = builder.createdAt
    lastSeenAt = builder.lastSeenAt
    draining = builder.isDraining
    quarantinedUntil = builder.quarantinedUntil
    slots = builder.profile?.slots
    targets = builder.readyTargets
  }
}

extension StoredBuilder {
  /// Its state in one word or two, with what keeps it from getting jobs.
  fileprivate var standing: String {
    guard state == .approved else { return state.rawValue }
    if isDraining { return leases == 0 ? "drained" : "draining" }
    guard let quarantinedUntil else { return state.rawValue }
    return "pauses \(Int(max(0, quarantinedUntil.timeIntervalSinceNow).rounded(.up))) s"
  }

  /// What it has told of itself; nil: nothing yet.
  fileprivate var profile: Capabilities? {
    capabilities.flatMap { try? JSONDecoder().decode(Capabilities.self, from: Data($0.utf8)) }
  }

  /// Sorted, each once.
  fileprivate var readyTargets: [String] {
    let ready = (profile?.targets ?? []).filter {
      if case .ready = $0.health { true } else { false }
    }
    return Set(ready.map(\.triple)).sorted()
  }
}
