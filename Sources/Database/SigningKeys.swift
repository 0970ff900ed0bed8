import Postgres

extension FarmDatabase {
  /// Registers the public half of a signing key; again is no change.
  ///
  /// - Parameters:
  ///   - id: minisign's key number, 16 upper-case hexadecimal digits.
  ///   - publicKey: the base64 line of minisign's public key file.
  public func registerSigningKey(id: String, publicKey: String) async throws {
    try await pool.run(SigningKeyStatements.Register(id: id, publicKey: publicKey))
  }

  /// Key number and public key of every registered key, the newest first.
  public func signingKeys() async throws -> [(id: String, publicKey: String)] {
    try await pool.run(SigningKeyStatements.List())
  }
}

enum SigningKeyStatements {
  static let all: [any Statement.Type] = [Register.self, List.self]

  struct Register: Statement {
    static let sql = """
      INSERT INTO signing_keys (key_id, public_key) VALUES ($1, $2) ON CONFLICT DO NOTHING
      """
    let parameters: [PostgresValue]
    init(id: String, publicKey: String) { parameters = [.text(id), .text(publicKey)] }
  }

  struct List: Statement {
    static let sql = "SELECT key_id, public_key FROM signing_keys ORDER BY created_at DESC"
    func decode(_ row: PostgresRow) throws -> (id: String, publicKey: String) {
      (try row.text("key_id"), try row.text("public_key"))
    }
  }
}
