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
  func place(of key: String) -> String? { keys[key].map { "\(file):\($0.line)" } }
}
