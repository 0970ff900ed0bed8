import Foundation

/// Points in time of an index (ISO 8601).
enum Timestamp {
  /// Seconds since 1970; nil where the text is no time.
  static func seconds(of text: String) -> Int64? {
    var text = text
    if let seconds = text.withUTF8({ plain($0) }) { return seconds }
    return (try? Date(text, strategy: .iso8601)).map { Int64($0.timeIntervalSince1970) }
  }

  /// `2025-01-02T03:04:05Z`, as crates.io writes them: Foundation needs microseconds for each.
  private static func plain(_ bytes: UnsafeBufferPointer<UInt8>) -> Int64? {
    guard bytes.count == 20, bytes[4] == 45, bytes[7] == 45, bytes[10] == 84, bytes[13] == 58,
      bytes[16] == 58, bytes[19] == 90, let year = number(bytes[0..<4]),
      let month = number(bytes[5..<7]), let day = number(bytes[8..<10]),
      let hour = number(bytes[11..<13]), let minute = number(bytes[14..<16]),
      let second = number(bytes[17..<19]), year >= 1970, (1...12).contains(month),
      (1...28).contains(day) || (29...31).contains(day) && day <= days(in: month, of: year),
      hour < 24, minute < 60, second < 60
    else { return nil }
    return ((daysBefore(year, month) + day - 1) * 24 + hour) * 3600 + minute * 60 + second
  }

  private static func number(_ digits: Slice<UnsafeBufferPointer<UInt8>>) -> Int64? {
    var number: Int64 = 0
    for digit in digits {
      guard (48...57).contains(digit) else { return nil }
      number = number * 10 + Int64(digit - 48)
    }
    return number
  }

  private static func isLeap(_ year: Int64) -> Bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
  }

  private static func days(in month: Int64, of year: Int64) -> Int64 {
    switch month {
    case 2: isLeap(year) ? 29 : 28
    case 4, 6, 9, 11: 30
    default: 31
    }
  }

  /// Days from 1970 to the first of a month.
  private static func daysBefore(_ year: Int64, _ month: Int64) -> Int64 {
    let years = year - 1
    let before = years * 365 + years / 4 - years / 100 + years / 400 - 719_162
    return before + (1..<month).reduce(0) { $0 + days(in: $1, of: year) }
  }
}
