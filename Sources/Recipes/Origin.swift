import FarmModel

/// Where the values of a plan come from: a file and the places of its keys.
public struct Origin: Sendable, Equatable {
  /// The path as given, such as `recipes/ripgrep.yaml`.
  public var file: String
  /// The places of keys, such as `features`, of keys inside of them, such as `limits.memory`, and of the
  /// items of lists, such as `needed[libssl.so.3]`.
  public var keys: [String: SourcePosition]

  /// - Parameter keys: where the file says something; empty: nowhere.
  public init(file: String, keys: [String: SourcePosition] = [:]) {
    self.file = file
    self.keys = keys
  }

  /// The places of a mapping's keys, and of everything inside of those that `nested` names.
  init(_ keys: MappingReader, within nested: [String]) {
    self.init(file: keys.reader.source.path, keys: keys.keyPositions)
    for key in nested {
      if let node = keys[key] { add(node, key) }
    }
  }

  /// Of what stands twice the first counts.
  private mutating func add(_ node: YAMLNode, _ path: String) {
    switch node.content {
    case .scalar: break
    case .mapping(let entries):
      for entry in entries {
        let name = "\(path).\(entry.key)"
        keys[name] = keys[name] ?? entry.keyPosition
        add(entry.value, name)
      }
    case .sequence(let items):
      for item in items {
        guard let text = item.scalarText else { continue }
        let name = "\(path)[\(text)]"
        keys[name] = keys[name] ?? item.position
      }
    }
  }

  /// `recipes/ripgrep.yaml:4`; nil: the file says nothing about the key.
  func place(of key: String) -> String? {
    guard let position = keys[key] else { return nil }
    // An author's own words come without the lines they stood in.
    return file == AuthorMetadata.origin ? file : "\(file):\(position.line)"
  }
}
