import ArgumentParser
import Testing

@testable import CommandLineSupport

private struct Root: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "farm", abstract: "A farm.", subcommands: [Fail.self, Show.self])
}

private struct Fail: AsyncParsableCommand {
  @Option var how: String

  func run() async throws {
    switch how {
    case "failed": throw CommandFailure("the database is away: start it")
    case "usage": throw CommandFailure.usage("no such crate")
    case "code": throw ExitCode(1)
    case "other": throw CancellationError()
    default: break
    }
  }
}

private struct Show: ParsableCommand {
  @OptionGroup var common: CommonOptions
  @OptionGroup var server: ServerOptions

  func run() throws {
    let settings = try common.settings(server)
    guard settings.listen.port == 9 else { throw CommandFailure("listens on \(settings.listen)") }
  }
}

@Suite("Running commands")
struct CommandRunnerTests {
  private let plain = Terminal(isOutputTerminal: false, isErrorTerminal: false, environment: [:])

  private func end(_ arguments: String...) async -> CommandEnd {
    await CommandRunner.end(of: Root.self, arguments: arguments, terminal: plain)
  }

  @Test("exit codes are 0 done, 1 failed, 2 wrong usage")
  func codes() async {
    #expect(await end("fail", "--how", "not") == CommandEnd(code: 0))
    #expect(
      await end("fail", "--how", "failed")
        == CommandEnd(code: 1, message: "error: the database is away: start it"))
    #expect(
      await end("fail", "--how", "usage") == CommandEnd(code: 2, message: "error: no such crate"))
    #expect(await end("fail", "--how", "code") == CommandEnd(code: 1))
    #expect(
      await end("fail", "--how", "other")
        == CommandEnd(code: 1, message: "error: CancellationError()"))
    #expect(await end("fail").code == 2)
    #expect(await end("fial").code == 2)
    #expect(await end("--help").code == 0)
  }

  @Test("wrong usage says what is wrong and how it goes")
  func usage() async {
    let message = await end("fail", "--how", "x", "--hwo", "x").message
    #expect(message.contains("Unknown option '--hwo'"))
    #expect(message.contains("Usage: farm fail --how <how>"))
  }

  @Test("option groups make settings")
  func groups() async {
    #expect(await end("show", "--listen", "[::1]:9") == CommandEnd(code: 0))
    #expect(
      await end("show", "--listen", "nine")
        == CommandEnd(
          code: 2,
          message: "error: --listen cannot be “nine”: expected HOST:PORT such as 127.0.0.1:8080"))
    #expect(await end("show", "--log-level", "loud").code == 2)
    #expect(await end("show", "--config", "no-such-folder/farm.yaml").code == 2)
  }
}
