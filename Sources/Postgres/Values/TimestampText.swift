import Foundation

/// `timestamptz` in ISO form, `2026-11-22 13:04:05.25+00`, as every connection here asks for.
enum TimestampText {
  private static let microsecondsADay: Int64 = 86_400_000_000

  /// `nil` outside the years 1 to 9999.
  static func encode(_ date: Date) -> String? {
    let seconds = date.timeIntervalSince1970
    guard seconds >= -62_135_596_800, seconds < 253_402_300_800 else { return nil }
    let total = Int64((seconds * 1_000_000).rounded())
    let (days, rest) = floorDivide(total, microsecondsADay)
    let (year, month, day) = civil(fromDays: days)
    let second = rest / 1_000_000
    return padded(year, 4) + "-" + padded(month, 2) + "-" + padded(day, 2) + " "
      + padded(second / 3600, 2) + ":" + padded(second / 60 % 60, 2) + ":"
      + padded(second % 60, 2) + "." + padded(rest % 1_000_000, 6) + "+00"
  }

  /// `nil` for anything else: `infinity`, years BC, other date styles.
  static func decode(_ text: String) -> Date? {
    var parser = Parser(rest: text.utf8[...])
    guard let day = parser.date(), parser.take(" "), let time = parser.time(),
      let offset = parser.offset(), parser.rest.isEmpty
    else { return nil }
    let microseconds = day * microsecondsADay + time - offset * 1_000_000
    return Date(timeIntervalSince1970: Double(microseconds) / 1_000_000)
  }

  private struct Parser {
    var rest: Substring.UTF8View

    mutating func take(_ character: Unicode.Scalar) -> Bool {
      guard rest.first == UInt8(ascii: character) else { return false }
      rest.removeFirst()
      return true
    }

    mutating func number(digits: ClosedRange<Int>) -> Int64? {
      let run = rest.prefix { $0 >= UInt8(ascii: "0") && $0 <= UInt8(ascii: "9") }
      guard digits.contains(run.count) else { return nil }
      rest = rest.dropFirst(run.count)
      return Int64(Substring(run))
    }

    mutating func date() -> Int64? {
      guard let year = number(digits: 4...6), take("-"), let month = number(digits: 2...2),
        take("-"), let day = number(digits: 2...2), (1...12).contains(month), (1...31).contains(day)
      else { return nil }
      return days(fromYear: year, month: month, day: day)
    }

    mutating func time() -> Int64? {
      guard let hour = number(digits: 2...2), take(":"), let minute = number(digits: 2...2),
        take(":"), let second = number(digits: 2...2), let fraction = fraction()
      else { return nil }
      return (hour * 3600 + minute * 60 + second) * 1_000_000 + fraction
    }

    private mutating func fraction() -> Int64? {
      guard take(".") else { return 0 }
      let before = rest.count
      guard var value = number(digits: 1...6) else { return nil }
      for _ in (before - rest.count)..<6 { value *= 10 }
      return value
    }

    /// Seconds east of UTC, from `+HH`, `+HH:MM` or `+HH:MM:SS`.
    mutating func offset() -> Int64? {
      let sign: Int64 = rest.first == UInt8(ascii: "-") ? -1 : 1
      guard take("+") || take("-"), var seconds = number(digits: 2...2) else { return nil }
      seconds *= 3600
      for unit in [Int64(60), 1] where take(":") {
        guard let value = number(digits: 2...2) else { return nil }
        seconds += value * unit
      }
      return sign * seconds
    }
  }

  private static func padded(_ value: Int64, _ width: Int) -> String {
    let digits = String(value)
    return String(repeating: "0", count: max(0, width - digits.count)) + digits
  }

  private static func floorDivide(_ value: Int64, _ by: Int64) -> (Int64, Int64) {
    let (quotient, rest) = value.quotientAndRemainder(dividingBy: by)
    return rest < 0 ? (quotient - 1, rest + by) : (quotient, rest)
  }

  /// Days since 1970-01-01 in the proleptic Gregorian calendar. Years are counted from March, so
  /// that the leap day is the last of its year, in cycles of 400 years (146,097 days).
  private static func days(fromYear year: Int64, month: Int64, day: Int64) -> Int64 {
    let shifted = month <= 2 ? year - 1 : year
    let (cycle, yearOfCycle) = floorDivide(shifted, 400)
    let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
    let dayOfCycle = yearOfCycle * 365 + yearOfCycle / 4 - yearOfCycle / 100 + dayOfYear
    return cycle * 146_097 + dayOfCycle - 719_468
  }

  /// The inverse of `days`.
  private static func civil(fromDays days: Int64) -> (year: Int64, month: Int64, day: Int64) {
    let (cycle, dayOfCycle) = floorDivide(days + 719_468, 146_097)
    let yearOfCycle =
      (dayOfCycle - dayOfCycle / 1_460 + dayOfCycle / 36_524 - dayOfCycle / 146_096) / 365
    let dayOfYear = dayOfCycle - (365 * yearOfCycle + yearOfCycle / 4 - yearOfCycle / 100)
    let shiftedMonth = (5 * dayOfYear + 2) / 153
    let month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
    let year = cycle * 400 + yearOfCycle + (month <= 2 ? 1 : 0)
    return (year, month, dayOfYear - (153 * shiftedMonth + 2) / 5 + 1)
  }
}
