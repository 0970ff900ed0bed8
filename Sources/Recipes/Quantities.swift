/// Sizes and durations as people write them.
enum Quantities {
  static let sizeExample = "a size such as 4GiB, 512MiB or 65536"
  static let durationExample = "a duration such as 90s, 15m or 2h"

  /// Bytes: a whole number with `KiB`, `MiB`, `GiB`, `bytes` or nothing behind it; above 0 and at
  /// most 1 PiB.
  static func size(_ text: String) -> Int64? {
    let units: [String: Int64] = [
      "": 1, "bytes": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30,
    ]
    return quantity(text, units, maximum: 1 << 50)
  }

  /// Seconds: a whole number with `s`, `m` or `h` behind it; above 0 and at most a week.
  static func duration(_ text: String) -> Int? {
    quantity(text, ["s": 1, "m": 60, "h": 3600], maximum: 7 * 24 * 3600).map { Int($0) }
  }

  /// A whole number from 1 to `maximum`.
  static func count(_ text: String, maximum: Int64) -> Int? {
    quantity(text, ["": 1], maximum: maximum).map { Int($0) }
  }

  private static func quantity(_ text: String, _ units: [String: Int64], maximum: Int64) -> Int64? {
    let digits = text.prefix { ("0"..."9").contains($0) }
    let unit = text.dropFirst(digits.count).drop { $0 == " " }
    guard let number = Int64(digits), let factor = units[String(unit)] else { return nil }
    let (value, overflows) = number.multipliedReportingOverflow(by: factor)
    return !overflows && value >= 1 && value <= maximum ? value : nil
  }
}
