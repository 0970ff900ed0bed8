/// PostgreSQL's text and jsonb have no U+0000: in JSON it can only stand as the escape `\u0000`, which
/// becomes U+FFFD here, before anything is decoded.
func withoutNullCharacters(_ json: String) -> String {
  guard json.utf8.contains(UInt8(ascii: "\\")) else { return json }
  var output: [UInt8] = []
  var bytes = Array(json.utf8)[...]
  while let backslash = bytes.firstIndex(of: UInt8(ascii: "\\")) {
    output += bytes[..<backslash]
    let escape = bytes[backslash...]
    // An escape is two bytes at least: `\\` must not begin another one with its second byte.
    let isNull = escape.starts(with: Array(#"\u0000"#.utf8))
    output += isNull ? Array(#"\ufffd"#.utf8) : Array(escape.prefix(2))
    bytes = escape.dropFirst(isNull ? 6 : 2)
  }
  return String(decoding: output + bytes, as: UTF8.self)
}
