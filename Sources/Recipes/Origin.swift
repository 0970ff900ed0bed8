import FarmModel

/// Where the values of a plan come from: a file and the places of its keys.
public struct Origin: Sendable, Equatable {
  /// The path as given, such as `recipes/ripgrep.yaml`.
  public var file: String
  public var keys: [String: SourcePosition]

  public init(file: String, keys: [String: SourcePosition] = [:]) {
    self.file = file
    self.keys = keys
  }

  /// `recipes/ripgrep.yaml:4`; nil: the file says nothing about the key.
  func place(of key: String) -> String? {
    guard let position = keys[key] else { return nil }
    // An author's own words come without the lines they stood in.
    return file == AuthorMetadata.origin ? file : "\(file):\(position.line)"
  }
}
