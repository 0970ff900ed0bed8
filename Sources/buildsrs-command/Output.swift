import Foundation

/// Prints a value as JSON for scripts: sorted keys in snake case, as the API's, dates in ISO 8601.
func printJSON(_ value: some Encodable) throws {
  let encoder = JSONEncoder()
  encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
  encoder.dateEncodingStrategy = .iso8601
  encoder.keyEncodingStrategy = .convertToSnakeCase
  print(String(decoding: try encoder.encode(value), as: UTF8.self))
}

/// How long ago something was, in the largest fitting unit; `never` for nil.
func ago(_ date: Date?, now: Date = Date()) -> String {
  guard let date else { return "never" }
  let seconds = max(0, Int(now.timeIntervalSince(date)))
  switch seconds {
  case ..<120: return "\(seconds) s ago"
  case ..<7200: return "\(seconds / 60) min ago"
  case ..<172_800: return "\(seconds / 3600) h ago"
  default: return "\(seconds / 86400) days ago"
  }
}
