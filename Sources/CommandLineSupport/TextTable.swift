/// Rows in columns as wide as their widest cell, for people; scripts take `--json`.
///
/// Cells may be in colour, which is why no library does it: they count the colours' codes as letters.
public struct TextTable: Sendable {
  public enum Alignment: Sendable { case left, right }

  public struct Column: Sendable {
    public var title: String
    public var alignment: Alignment

    public init(_ title: String, _ alignment: Alignment = .left) {
      self.title = title
      self.alignment = alignment
    }
  }

  public struct Cell: Sendable, ExpressibleByStringLiteral {
    public var text: String
    public var styles: [TextStyle]

    public init(_ text: String, _ styles: TextStyle...) {
      self.text = text
      self.styles = styles
    }

    public init(stringLiteral text: String) { self.init(text) }
  }

  public var columns: [Column]
  private var rows: [[Cell]] = []

  public init(_ columns: [Column]) { self.columns = columns }

  /// Adds a row; cells that it lacks are empty, cells beyond the columns are left out.
  public mutating func add(_ cells: [Cell]) {
    let missing = max(0, columns.count - cells.count)
    rows.append(Array((cells + Array(repeating: "", count: missing)).prefix(columns.count)))
  }

  /// The header in bold and the rows, without an end of line; nothing behind the last column.
  public func text(for terminal: Terminal) -> String {
    let header = columns.map { column in
      var cell = Cell(column.title)
      cell.styles = [.bold]
      return cell
    }
    let lines = ([header] + rows).map { $0.map(Self.harmless) }
    let widths = columns.indices.map { index in lines.map { $0[index].text.count }.max() ?? 0 }
    return lines.map { line(of: $0, widths, terminal) }.joined(separator: "\n")
  }

  private func line(of cells: [Cell], _ widths: [Int], _ terminal: Terminal) -> String {
    let parts = cells.indices.map { index in
      let cell = cells[index]
      let space = String(repeating: " ", count: widths[index] - cell.text.count)
      let shown = terminal.styled(cell.text, cell.styles)
      if columns[index].alignment == .right { return space + shown }
      return index == cells.count - 1 ? shown : shown + space
    }
    let line = parts.joined(separator: "  ")
    return String(line.reversed().drop { $0 == " " }.reversed())
  }

  /// A cell on one line that cannot steer the terminal.

  private static func harmless(_ cell: Cell) -> Cell {
    var result = cell
    result.text = String(String.UnicodeScalarView(cell.text.unicodeScalars.map(printable)))
    return result
  }
}

/// A foreign text as it can be printed: what could command a terminal is a space, and lines after the
/// first are indented.
public func harmless(_ text: String, indent: Int) -> String {
  text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)
    .map { String(String.UnicodeScalarView($0.unicodeScalars.map(printable))) }
    .joined(separator: "\n" + String(repeating: " ", count: indent))
}

private func printable(_ scalar: Unicode.Scalar) -> Unicode.Scalar {
  [.control, .format, .lineSeparator, .paragraphSeparator]
    .contains(scalar.properties.generalCategory) ? " " : scalar
}
