/// Sizes and durations as people write them.
enum Quantities {
  static let sizeExample = "a size such as 4GiB, 512MiB or 65536"
  static let durationExample = "a duration such as 90s, 15m or 2h"

  /// How many processes, threads or jobs at once.
  static let maximumCount = 1_000_000
  /// 1 PiB.
  static let maximumSize: Int64 = 1 << 50
  /// A week, in seconds.
  static let maximumDuration: Int64 = 7 * 24 * 3600
  /// Bytes that a unit stands for.
  static let sizeUnits: [String: Int64] = [
    "": 1, "bytes": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30,
  ]
  /// Seconds that a unit stands for.
  static let durationUnits: [String: Int64] = ["s": 1, "m": 60, "h": 3600]

  /// What a whole number must be, as messages say it.
  static func countExpected(_ maximum: Int) -> String {
    maximum == 3 ? "1, 2 or 3" : "a whole number from 1 to \(maximum)"
  }

  /// Bytes: a whole number with `KiB`, `MiB`, `GiB`, `bytes` or nothing behind it; above 0 and at
  /// most 1 PiB.
  static func size(_ text: String) -> Int64? {
    quantity(text, sizeUnits, maximum: maximumSize)
  }

  /// Seconds: a whole number with `s`, `m` or `h` behind it; above 0 and at most a week.
  static func duration(_ text: String) -> Int? {
    quantity(text, durationUnits, maximum: maximumDuration).map { Int($0) }
  }

  /// A size as people write it, in the largest unit of which it is a whole number.
  static func text(size: Int64) -> String { text(size, sizeUnits.filter { $0.key != "bytes" }) }

  /// A duration likewise.
  static func text(seconds: Int) -> String { text(Int64(seconds), durationUnits) }

  private static func text(_ value: Int64, _ units: [String: Int64]) -> String {
    let fitting = units.filter { value.isMultiple(of: $0.value) && value > 0 }
    guard let best = fitting.max(by: { $0.value < $1.value }) else { return "\(value)" }
    return "\(value / best.value)\(best.key)"
  }

  /// A whole number: digits and nothing else.
  static func count(_ text: String) -> Int64? {
    text.utf8.allSatisfy { (48...57).contains($0) } ? Int64(text) : nil
  }

  private static func quantity(_ text: String, _ units: [String: Int64], maximum: Int64) -> Int64? {
    let digits = text.prefix { ("0"..."9").contains($0) }
    let unit = text.dropFirst(digits.count).drop { $0 == " " }
    guard let number = Int64(digits), let factor = units[String(unit)] else { return nil }
    let (value, overflows) = number.multipliedReportingOverflow(by: factor)
    return !overflows && value >= 1 && value <= maximum ? value : nil
  }
}
