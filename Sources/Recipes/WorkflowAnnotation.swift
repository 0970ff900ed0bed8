extension RecipeDiagnostic {
  /// The diagnostic as a command of a GitHub workflow, which shows it beside the line
  /// (docs.github.com/actions/reference/workflow-commands-for-github-actions).
  public var workflowAnnotation: String {
    var properties = ["file=\(Self.property(file))"]
    if line > 0 { properties += ["line=\(line)", "col=\(column)"] }
    let command = severity == .warning ? "warning" : "error"
    let remedy =
      nearest.map { ": did you mean \(quoted($0))?" } ?? expected.map { ": expected \($0)" } ?? ""
    return "::\(command) \(properties.joined(separator: ","))::\(Self.data(message + remedy))"
  }

  /// What stands behind the second `::`: a line feed would end the command.
  private static func data(_ text: String) -> String {
    escaped(text, ["%", "\r", "\n"])
  }

  /// A property's value, which also ends with `,` and `:`.
  private static func property(_ text: String) -> String {
    escaped(text, ["%", "\r", "\n", ":", ","])
  }

  /// By scalars: `\r\n` is one character.
  private static func escaped(_ text: String, _ special: Set<Unicode.Scalar>) -> String {
    text.unicodeScalars.reduce(into: "") { result, scalar in
      if special.contains(scalar) {
        let hexadecimal = String(scalar.value, radix: 16, uppercase: true)
        result += "%" + (hexadecimal.count < 2 ? "0" : "") + hexadecimal
      } else {
        result.unicodeScalars.append(scalar)
      }
    }
  }
}
