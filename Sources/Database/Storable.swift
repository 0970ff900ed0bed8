/// A text without U+0000, which PostgreSQL's `text` cannot hold and which build scripts, manifests
/// and builders may send: U+FFFD stands in its place.
func storable(_ text: String) -> String {
  guard text.utf8.contains(0) else { return text }
  return String(
    String.UnicodeScalarView(text.unicodeScalars.map { $0.value == 0 ? "\u{FFFD}" : $0 }))
}

/// The same for an optional text.
func storable(_ text: String?) -> String? { text.map { storable($0) } }

/// A message of a builder, of at most 16 KiB: what it says beyond that is in its log.
func storableMessage(_ text: String) -> String {
  let most = 16 << 10
  guard text.utf8.count > most else { return storable(text) }
  return storable(String(decoding: text.utf8.prefix(most), as: UTF8.self) + " …")
}

/// JSON without the escape of U+0000, which `jsonb` refuses. An escaped backslash before `u0000` is
/// a text of six characters and stays.
func storableJSON(_ json: String) -> String {
  guard json.contains("\\u0000") else { return json }
  var output = ""
  var rest = json[...]
  while let backslash = rest.firstIndex(of: "\\") {
    output += rest[..<backslash]
    let length = rest[backslash...].hasPrefix("\\u0000") ? 6 : 2
    let escape = rest[backslash...].prefix(length)
    output += length == 6 ? "\u{FFFD}" : escape
    rest = rest[escape.endIndex...]
  }
  return output + rest
}
