public import ExecutorKit

/// A target that this builder's own files define, and which module builds it.
public struct OfferedTarget: Sendable, Equatable {
  public var triple: String
  /// The executor module's name.
  public var executor: String
  /// The module's part of the target's YAML.
  public var configuration: ConfigurationValue

  public init(triple: String, executor: String, configuration: ConfigurationValue) {
    self.triple = triple
    self.executor = executor
    self.configuration = configuration
  }
}
