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
    text.replacing("%", with: "%25").replacing("\r", with: "%0D").replacing("\n", with: "%0A")
  }

  /// A property's value, which also ends with `,` and `:`.
  private static func property(_ text: String) -> String {
    data(text).replacing(":", with: "%3A").replacing(",", with: "%2C")
  }
}
