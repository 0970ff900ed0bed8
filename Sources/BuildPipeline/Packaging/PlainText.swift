import Foundation

/// Makes text that strangers wrote fit for a line of a control file, a list or a terminal.
enum PlainText {
  /// One line: without control characters, invisible direction marks and private characters, with
  /// single spaces, and not longer than so many characters.
  static func line(_ text: String, limit: Int) -> String {
    // The first cut keeps a text of many megabytes from being worked on.
    let words = visible(String(text.prefix(4 * limit))).split(whereSeparator: \.isWhitespace)
    let line = words.joined(separator: " ")
    guard line.count > limit else { return line }
    let cut = line.prefix(limit - 1)
    // Between two words, unless there is but one long one.
    let end = cut.lastIndex(of: " ").map { cut[..<$0] } ?? cut
    return String(end.count > limit / 2 ? end : cut) + "…"
  }

  /// Lines without what ``line(_:limit:)`` takes out, each with its own indentation.
  static func lines(_ text: String) -> [String] {
    text.replacing("\r\n", with: "\n").split(separator: "\n", omittingEmptySubsequences: false)
      .map { line in
        let plain = visible(line.replacing("\t", with: "    "))
        return String(plain.reversed().drop(while: \.isWhitespace).reversed())
      }
  }

  /// Breaks one line into lines of so many characters where it has spaces.
  static func wrap(_ line: String, width: Int) -> [String] {
    var lines: [String] = []
    for word in line.split(separator: " ") {
      if let last = lines.last, last.count + word.count < width {
        lines[lines.count - 1] = last + " " + word
      } else {
        lines.append(String(word))
      }
    }
    return lines
  }

  /// An address that begins with `http://` or `https://` and is nothing but printable ASCII; nil for
  /// anything else.
  static func webAddress(_ text: String?) -> String? {
    guard let text, text.hasPrefix("https://") || text.hasPrefix("http://"),
      text.utf8.count <= 1000, text.utf8.allSatisfy({ (33...126).contains($0) }),
      !text.contains(where: { "<>\"\\^`{|}".contains($0) }), URL(string: text)?.host != nil
    else { return nil }
    return text
  }

  private static func visible(_ text: some StringProtocol) -> String {
    var scalars = String.UnicodeScalarView()
    for scalar in text.unicodeScalars {
      switch scalar.properties.generalCategory {
      case .control, .format, .lineSeparator, .paragraphSeparator, .privateUse, .surrogate,
        .unassigned:
        scalars.append(" ")
      default: scalars.append(scalar)
      }
    }
    return String(scalars)
  }
}
