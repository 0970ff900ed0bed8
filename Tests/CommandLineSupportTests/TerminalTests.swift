import CommandLineSupport
import Testing

@Suite("Output to terminals and scripts")
struct TerminalTests {
  @Test("styles are only for a person at a terminal who wants them")
  func styles() {
    let terminal = Terminal(isOutputTerminal: true, isErrorTerminal: false, environment: [:])
    #expect(terminal.styled("x", .bold, .red) == "\u{1B}[1;31mx\u{1B}[0m")
    #expect(terminal.styled("x", .bold, for: .error) == "x")
    #expect(terminal.styled("x") == "x")
    for environment in [["NO_COLOR": "1"], ["TERM": "dumb"]] {
      let plain = Terminal(
        isOutputTerminal: true, isErrorTerminal: true, environment: environment)
      #expect(plain.styled("x", .bold) == "x")
    }
    let empty = Terminal(
      isOutputTerminal: true, isErrorTerminal: true, environment: ["NO_COLOR": ""])
    #expect(empty.styled("x", .dim) == "\u{1B}[2mx\u{1B}[0m")
  }

  private var table: TextTable {
    var table = TextTable([.init("CRATE"), .init("JOBS", .right), .init("STATE")])
    table.add([.init("ripgrep", .green), "2", "ready"])
    table.add(["fd", "113"])
    table.add(["bad\u{1B}[2J\n", "", "x", "too many"])
    return table
  }

  @Test("a table is as wide as its cells and leaves no spaces at the end")
  func plainTable() {
    let plain = Terminal(isOutputTerminal: false, isErrorTerminal: false, environment: [:])
    #expect(
      table.text(for: plain) == """
        CRATE     JOBS  STATE
        ripgrep      2  ready
        fd         113
        bad [2J         x
        """)
  }

  @Test("colours do not shift the columns")
  func colouredTable() {
    let terminal = Terminal(isOutputTerminal: true, isErrorTerminal: true, environment: [:])
    let lines = table.text(for: terminal).split(separator: "\n")
    #expect(lines[1] == "\u{1B}[32mripgrep\u{1B}[0m      2  ready")
  }

  @Test("logging can be installed more than once")
  func logging() {
    installLogging(.warning)
    installLogging(.debug)
  }
}
