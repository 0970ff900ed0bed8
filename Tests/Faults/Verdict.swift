import Postgres

/// One thing that must hold at the end.
struct Check: Codable, Sendable {
  let name: String
  /// What must hold, for people.
  let claim: String
  /// How many rows or files were looked at.
  var looked = 0
  var violations: [String] = []
  /// What is allowed, but to be known.
  var remarks: [String] = []
  var holds: Bool { violations.isEmpty }

  init(_ name: String, _ claim: String) {
    self.name = name
    self.claim = claim
  }
}

/// Holds database, storage and the fleet's book against each other.
struct Verdict: Sendable {
  let connection: PostgresConnection
  let storage: String
  let book: Book
  let versions: [Registry.Version]
  /// The builders' names by their numbers in the book.
  let builders: [String]

  func checks() async throws -> [Check] {
    [
      try await finalStates(), try await openLeases(), try await numbers(), try await doubles(),
      try await publishedAttempts(), try await toldAttempts(), try await seenMeanwhile(),
      try await artifacts(), try await unreferenced(), try await leftovers(),
      try await constraints(),
    ]
  }

  // MARK: Helpers

  func rows<Value: Sendable>(
    _ sql: String, _ read: @Sendable (PostgresRow) throws -> Value
  ) async throws -> [Value] {
    try await connection.query(sql).map(read)
  }

  /// Each row of the column `text` is a violation.
  func texts(_ sql: String) async throws -> [String] { try await rows(sql) { try $0.text("text") } }

  func count(_ from: String) async throws -> Int {
    try await rows("SELECT count(*) AS n FROM \(from)") { try $0.int("n") }.first ?? 0
  }
}
