internal import CYAML
import Glibc

extension SourceLines {
  /// The line, cut to what a terminal holds, with a caret under the column; nil beyond the end.
  func excerpt(at position: SourcePosition) -> String? {
    let line = position.line - 1
    guard let length = length(ofLine: line) else { return nil }
    let first = max(0, min(position.column - 1, length) - 60)
    guard let scalars = characters(ofLine: line, from: first, most: 90) else { return nil }
    let shown = scalars.map { Self.printable($0) }
    let before = shown.prefix(max(0, position.column - 1 - first))
    let number = String(position.line)
    let margin = String(repeating: " ", count: number.count)
    let indent = String(repeating: " ", count: DisplayWidth.of(before))
    let text = String(String.UnicodeScalarView(shown))
    return " \(number) | \(text)\n \(margin) | \(indent)^"
  }

  /// One character of a line: what would move the cursor or steer a terminal becomes a space.
  private static func printable(_ scalar: Unicode.Scalar) -> Unicode.Scalar {
    switch scalar.properties.generalCategory {
    case .control, .format, .lineSeparator, .paragraphSeparator: " "
    default: scalar
    }
  }
}

/// How many columns of a terminal characters take: two for those of East Asia, none for accents that
/// stand over the letter before them.
enum DisplayWidth {
  /// Widths are a matter of the locale: this one knows all of Unicode and is part of glibc. Never freed.
  /// `locale_t` is a pointer to what never changes, which threads may share.
  private nonisolated(unsafe) static let unicode: locale_t? = newlocale(
    LC_CTYPE_MASK, "C.UTF-8", nil)

  static func of(_ scalars: some Sequence<Unicode.Scalar>) -> Int {
    guard let unicode else { return scalars.reduce(0) { count, _ in count + 1 } }
    let previous = uselocale(unicode)
    defer { uselocale(previous) }
    // -1 is of what a terminal does not show; most show a box for it.
    return scalars.reduce(0) { total, scalar in
      let width = wcwidth(wchar_t(bitPattern: scalar.value))
      return total + (width < 0 ? 1 : Int(width))
    }
  }
}
