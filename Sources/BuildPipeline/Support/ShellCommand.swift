import ExecutorKit

/// A command as a person can run it in a POSIX shell, in an environment made like the build's.
struct ShellCommand {
  let command: EnvironmentCommand

  var text: String {
    let variables = command.variables.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
    let words = ["env", "-C", command.workingDirectory] + variables + command.arguments
    return words.map(Self.quoted).joined(separator: " ")
  }

  /// One word: as it is where no shell could take a part of it for something else, else in single
  /// quotes, in which only the quote itself is special (POSIX.1-2017, Shell Command Language, 2.2.2).
  /// Control characters, which a log must not have, are written as `printf` reads them.
  static func quoted(_ word: String) -> String {
    let isPlain =
      !word.isEmpty
      && word.utf8.allSatisfy {
        (48...57).contains($0) || (65...90).contains($0) || (97...122).contains($0)
          || "%+,-./:=@_".utf8.contains($0)
      }
    if isPlain { return word }
    guard word.unicodeScalars.contains(where: isControl) else { return inQuotes(word) }
    let escaped = word.unicodeScalars.map { scalar in
      if scalar == "\\" { return #"\\"# }
      return isControl(scalar) ? #"\0"# + String(scalar.value, radix: 8) : String(scalar)
    }
    return #""$(printf %b "# + inQuotes(escaped.joined()) + #")""#
  }

  private static func inQuotes(_ word: String) -> String {
    "'" + word.replacing("'", with: #"'\''"#) + "'"
  }

  private static func isControl(_ scalar: Unicode.Scalar) -> Bool {
    scalar.value < 0x20 || scalar.value == 0x7F
  }
}
