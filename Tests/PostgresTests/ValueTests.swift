import Foundation
import Testing

@testable import Postgres

@Suite("Typed values", .timeLimit(.minutes(3))) struct ValueTests {
  @Test("every kind of value comes back as it was sent")
  func roundTrip() async throws {
    let uuid = UUID()
    let date = Date(timeIntervalSince1970: 1_795_352_645.25)
    try await withConnection { connection in
      let row = try await connection.query(
        """
        SELECT $1::text AS text, $2::bigint AS int, $3::boolean AS bool, $4::float8 AS double,
          $5::bytea AS bytes, $6::jsonb AS json, $7::uuid AS uuid, $8::timestamptz AS date,
          $9::text[] AS texts, $10::bigint[] AS ints
        """,
        [
          "día \"x\" \\ \n", .int(Int64.min), true, 0.1, .bytes(Array(0...255)),
          .json("{\"a\": [1]}"), .uuid(uuid), .timestamp(date),
          .textArray(["", "a,b", "NULL", "q\"\\", "{}"]), .intArray([-1, Int64.max]),
        ]
      ).single()
      #expect(try row.text("text") == "día \"x\" \\ \n")
      #expect(try row.int("int") == Int.min)
      #expect(try row.bool("bool"))
      #expect(try row.double("double") == 0.1)
      #expect(try row.bytes("bytes") == Array(0...255))
      #expect(try row.text("json") == "{\"a\": [1]}")
      #expect(try row.uuid("uuid") == uuid)
      #expect(try row.date("date") == date)
      #expect(try row.textArray("texts") == ["", "a,b", "NULL", "q\"\\", "{}"])
      #expect(try row.intArray("ints") == [-1, Int.max])
    }
  }

  @Test("rows for COPY hold any value")
  func copyText() async throws {
    let text = "tab\t, line\n, \r\\N \\."
    try await withConnection { connection in
      try await connection.execute("CREATE TABLE t (a text, b bytea, c text[], d int)")
      let lines = try [
        CopyText.line([.text(text), .bytes([0, 92, 255]), .textArray(["\\", "\n"]), nil]),
        CopyText.line([.text("\\N"), nil, .textArray([]), 7]),
      ]
      #expect(try await connection.copyIn("COPY t FROM STDIN", chunks: lines) == 2)
      let rows = try await connection.query("SELECT * FROM t ORDER BY d NULLS FIRST")
      #expect(try rows[0].text("a") == text)
      #expect(try rows[0].bytes("b") == [0, 92, 255])
      #expect(try rows[0].textArray("c") == ["\\", "\n"])
      #expect(try rows[0].optionalInt("d") == nil)
      #expect(try rows[1].text("a") == "\\N")
      #expect(try rows[1].int("d") == 7)
    }
    #expect(throws: PostgresError.self) { try CopyText.line(["\0"]) }
  }

  @Test("empty arrays, empty bytes and NULLs are kept apart")
  func empty() async throws {
    try await withConnection { connection in
      let row = try await connection.query(
        "SELECT $1::text[] AS a, $2::bytea AS b, $3::text AS c, $4::timestamptz AS d",
        [.textArray([]), .bytes([]), "", nil]
      ).single()
      #expect(try row.textArray("a") == [])
      #expect(try row.bytes("b") == [])
      #expect(try row.optionalText("c") == "")
      #expect(try row.optionalDate("d") == nil)
    }
  }

  @Test("sums and counts are whole numbers whatever SQL calls their type")
  func numeric() async throws {
    try await withConnection { connection in
      let row = try await connection.query(
        "SELECT sum(n) AS sum, 2::smallint AS small, 'NaN'::float8 AS nan FROM (VALUES (1::bigint), (2)) v(n)"
      ).single()
      #expect(try row.int("sum") == 3)
      #expect(try row.int("small") == 2)
      #expect(try row.double("nan").isNaN)
    }
  }

  @Test("a wrong type, a NULL and a missing column are errors that name the column")
  func decodingErrors() async throws {
    try await withConnection { connection in
      let row = try await connection.query("SELECT 'x' AS a, NULL AS b, ARRAY[NULL, 'y'] AS c")
        .single()
      #expect(throws: PostgresDecodingError(column: "a", expected: "a whole number", found: "text"))
      { try row.int("a") }
      #expect(throws: PostgresDecodingError(column: "a", expected: "bytea", found: "text")) {
        try row.optionalBytes("a")
      }
      #expect(throws: PostgresDecodingError(column: "b", expected: "text", found: "NULL")) {
        try row.text("b")
      }
      #expect(
        throws: PostgresDecodingError(
          column: "c", expected: "an array without NULLs", found: "text[]")
      ) { try row.textArray("c") }
      let missing = #expect(throws: PostgresDecodingError.self) { try row.text("d") }
      #expect(
        missing?.description
          == "column “d”: expected text, found no such column (there are: a, b, c)")
    }
  }

  @Test("times are read in any offset and written in UTC")
  func timestamps() {
    let cases: [(String, Double)] = [
      ("1970-01-01 00:00:00+00", 0), ("2000-02-29 12:00:00.5+00", 951_825_600.5),
      ("1969-12-31 23:59:59.5+00", -0.5), ("2026-11-22 14:04:05+01", 1_795_352_645),
      ("2026-11-22 07:34:05-05:30", 1_795_352_645), ("1900-03-01 00:00:00+00", -2_203_891_200),
    ]
    for (text, seconds) in cases {
      #expect(TimestampText.decode(text)?.timeIntervalSince1970 == seconds, "\(text)")
    }
    #expect(
      TimestampText.encode(Date(timeIntervalSince1970: 951_825_600.5))
        == "2000-02-29 12:00:00.500000+00")
    #expect(
      TimestampText.encode(Date(timeIntervalSince1970: -0.25)) == "1969-12-31 23:59:59.750000+00")
    for text in ["infinity", "0044-03-15 00:00:00+00 BC", "2026-11-22", "22.11.2026 12:00:00", ""] {
      #expect(TimestampText.decode(text) == nil, "\(text)")
    }
    #expect(TimestampText.encode(.distantFuture) == "4001-01-01 00:00:00.000000+00")
    #expect(TimestampText.encode(Date(timeIntervalSince1970: 1e15)) == nil)
    #expect(TimestampText.encode(Date(timeIntervalSince1970: .nan)) == nil)
  }

  @Test("malformed array and bytea texts are refused, never a crash")
  func malformed() {
    for text in ["", "{", "{a", "{\"a", "{\"a\\", "{a,}", "{{1}}", "[0:1]={1,2}", "{a}b", "{,}"] {
      #expect(ArrayText.decode(text) == nil, "\(text)")
    }
    for text in ["", "\\", "\\x0", "\\xzz", "00"] {
      #expect(Array(text.utf8).withUnsafeBytes(ByteaText.decode) == nil, "\(text)")
    }
  }

  @Test("an address shows no password, and keeps everything else")
  func address() throws {
    let address = try PostgresAddress(
      "postgresql://ann:s%20cret@db.example:5433/farm?connect_timeout=2&sslpassword=hush")
    #expect(address.database == "farm")
    #expect(address.connectTimeout == .seconds(2))
    #expect(
      address.description
        == "postgresql:///farm?connect_timeout=2&host=db.example&port=5433&user=ann")
    #expect(!String(reflecting: address).contains("cret"))
    #expect(try PostgresAddress(address.connectionString) == address)
    #expect(address.withDatabase("other").database == "other")
    let error = #expect(throws: PostgresError.self) {
      try PostgresAddress("postgresql://ann:secret@[broken")
    }
    #expect(error?.sqlState == "08001")
    #expect(error?.message.contains("secret") == false)
  }
}
