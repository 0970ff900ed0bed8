import Cryptography
public import ExecutorKit
import FarmModel

extension Plan {
  /// ``planDigest(_:)`` of this plan's inputs: limits and checks change nothing about it.
  public var digest: String { planDigest(inputs) }
}

/// The digest of all that can change the bytes of a build's output: SHA-256 over canonical JSON, 64
/// lower-case hexadecimal digits. Two plans with one digest share one build.
public func planDigest(_ inputs: BuildInputs) -> String {
  var finite = inputs
  finite.configuration = inputs.configuration.withoutInfinities
  do {
    return SHA256.hex(of: try CanonicalJSON.encode(finite))
  } catch {
    // Everything but numbers that are not finite can be encoded, and those were replaced. Should it
    // fail all the same, the digest equals none of a plan that can be built.
    return SHA256.hex(of: "\(inputs.crate) \(inputs.version) \(inputs.target): \(error)")
  }
}

extension ConfigurationValue {
  /// JSON has no word for infinity: such a number is written as a text.
  fileprivate var withoutInfinities: ConfigurationValue {
    switch self {
    case .number(let value) where !value.isFinite: .text("\(value)")
    case .list(let items): .list(items.map(\.withoutInfinities))
    case .map(let pairs): .map(pairs.mapValues(\.withoutInfinities))
    case .text, .number, .boolean: self
    }
  }
}
