/// A file of YAML in memory, named as messages name it.
public struct SourceText: Sendable, Equatable {
  /// The largest file that is read, in bytes: 1 MiB, a hundred times the largest sensible one.
  public static let maximumBytes = 1 << 20

  /// The path as given, such as `targets/x86_64-unknown-linux-gnu.yaml`.
  public var path: String
  /// The file's content, which need not be UTF-8: reading it tells.
  public var bytes: [UInt8]

  /// A file's content under the name that messages give it.
  public init(path: String, bytes: [UInt8]) {
    self.path = path
    self.bytes = bytes
  }

  /// The same with a text in place of its bytes.
  public init(path: String, text: String) {
    self.init(path: path, bytes: Array(text.utf8))
  }

  /// The path's last part without `.yaml`.
  public var stem: String {
    let name = path.split(separator: "/").last.map(String.init) ?? path
    return name.hasSuffix(".yaml") ? String(name.dropLast(5)) : name
  }

  /// The bytes without a byte order mark, which some editors write: it is no part of the text.
  var content: ArraySlice<UInt8> {
    bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? bytes.dropFirst(3) : bytes[...]
  }

  /// How many characters stand before the bytes stop being UTF-8; nil: they all are.
  func charactersBeforeInvalid() -> Int? {
    if String(validating: content, as: UTF8.self) != nil { return nil }
    var count = 0
    var decoder = UTF8()
    var iterator = content.makeIterator()
    while case .scalarValue = decoder.decode(&iterator) { count += 1 }
    return count
  }
}
