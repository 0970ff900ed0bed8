import CPostgres

/// Where a database is and how to log in, in the words of libpq: a URI
/// (`postgresql://USER@HOST:PORT/DATABASE?host=/socket/directory`) or `host=… dbname=…` pairs
/// (PostgreSQL's documentation, 34.1.1 Connection Strings).
public struct PostgresAddress: Sendable, Equatable {
  let options: [String: String]

  /// - Throws: `PostgresError` with SQLSTATE 08001 when the text is neither form. The text is not
  ///   repeated: it may hold a password.
  public init(_ connectionString: String) throws {
    guard !connectionString.utf8.contains(0),
      let parsed = PQconninfoParse(connectionString, nil)
    else {
      throw PostgresError.client(
        "08001",
        "the database address is not one that libpq reads: expected "
          + "postgresql://USER@HOST/DATABASE or host=… dbname=… user=…")
    }
    defer { PQconninfoFree(parsed) }
    var options: [String: String] = [:]
    var option = parsed
    while let keyword = option.pointee.keyword {
      if let value = option.pointee.val {
        options[String(cString: keyword)] = String(cString: value)
      }
      option += 1
    }
    self.options = options
  }

  init(options: [String: String]) { self.options = options }

  /// The database's name, when the address says one.
  public var database: String? { options["dbname"] }

  /// The same server and user, another database.
  public func withDatabase(_ name: String) -> PostgresAddress {
    PostgresAddress(options: options.merging(["dbname": name]) { $1 })
  }

  /// How long connecting may take: `connect_timeout` of the address, else 5 s.
  var connectTimeout: Duration {
    guard let seconds = options["connect_timeout"].flatMap(Int.init), seconds > 0 else {
      return .seconds(5)
    }
    return .seconds(seconds)
  }

  /// A libpq URI with everything in it, the password too: for child processes, never for logs.
  public var connectionString: String { uri(showing: { _ in true }) }

  private func uri(showing isShown: (String) -> Bool) -> String {
    let pairs = options.sorted { $0.key < $1.key }
      .filter { $0.key != "dbname" && isShown($0.key) }
      .map { "\($0.key)=\(percentEncoded($0.value))" }
    let query = pairs.isEmpty ? "" : "?" + pairs.joined(separator: "&")
    return "postgresql:///\(percentEncoded(database ?? ""))\(query)"
  }
}

extension PostgresAddress: CustomStringConvertible, CustomDebugStringConvertible {
  /// The URI without password or pass file.
  public var description: String { uri(showing: { !$0.contains("pass") }) }

  /// The same: no password.
  public var debugDescription: String { description }
}

/// RFC 3986's unreserved characters and `/` stay, the rest is written as `%XX`.
private func percentEncoded(_ text: String) -> String {
  var result = ""
  for byte in text.utf8 {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."),
      UInt8(ascii: "_"), UInt8(ascii: "~"), UInt8(ascii: "/"):
      result.unicodeScalars.append(Unicode.Scalar(byte))
    default:
      let hex = String(byte, radix: 16, uppercase: true)
      result += "%" + (hex.count == 1 ? "0" + hex : hex)
    }
  }
  return result
}
