/// Who a module is.
public struct ModuleDescription: Codable, Sendable, Equatable {
  /// The name under which targets choose it (`executor:`) and configure it, such as `docker-cross`.
  public var name: String
  /// The module's own version (semver).
  public var version: String
  /// The kit version that it was built with.
  public var kitVersion: Int32
  /// The keys that it reads from its part of a target's YAML.
  public var configuration: [ConfigurationKey]

  public init(name: String, version: String, configuration: [ConfigurationKey] = []) {
    self.name = name
    self.version = version
    self.kitVersion = executorKitVersionAtBuild()
    self.configuration = configuration
  }
}

/// One key of a module's configuration in a target's YAML.
public struct ConfigurationKey: Codable, Sendable, Equatable {
  public enum Kind: String, Codable, Sendable { case text, list, map, boolean, number }
  public var name: String
  public var kind: Kind
  /// What the key means, in a line.
  public var summary: String
  /// The value where the key is absent; nil: the key is required.
  public var defaultValue: ConfigurationValue?

  public init(
    _ name: String, _ kind: Kind, summary: String, defaultValue: ConfigurationValue? = nil
  ) {
    self.name = name
    self.kind = kind
    self.summary = summary
    self.defaultValue = defaultValue
  }
}

/// A value of a module's configuration, as read from YAML: encodes as plain JSON.
public enum ConfigurationValue: Codable, Sendable, Equatable {
  case text(String)
  case number(Double)
  case boolean(Bool)
  case list([ConfigurationValue])
  case map([String: ConfigurationValue])

  public init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    if let value = try? container.decode(Bool.self) {
      self = .boolean(value)
    } else if let value = try? container.decode(Double.self) {
      self = .number(value)
    } else if let value = try? container.decode(String.self) {
      self = .text(value)
    } else if let value = try? container.decode([ConfigurationValue].self) {
      self = .list(value)
    } else {
      self = .map(try container.decode([String: ConfigurationValue].self))
    }
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    switch self {
    case .text(let value): try container.encode(value)
    case .number(let value): try container.encode(value)
    case .boolean(let value): try container.encode(value)
    case .list(let value): try container.encode(value)
    case .map(let value): try container.encode(value)
    }
  }

  /// The text, or nil for any other kind.
  public var text: String? { if case .text(let value) = self { value } else { nil } }
  /// The map, or nil for any other kind.
  public var map: [String: ConfigurationValue]? {
    if case .map(let value) = self { value } else { nil }
  }
  /// The list, or nil for any other kind.
  public var list: [ConfigurationValue]? {
    if case .list(let value) = self { value } else { nil }
  }
}
