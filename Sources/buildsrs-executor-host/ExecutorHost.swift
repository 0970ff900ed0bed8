import ArgumentParser
import BuildPipeline
import Foundation

@main struct ExecutorHost: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "buildsrs-executor-host",
    abstract: "Loads one executor module and answers one request of a builder.",
    discussion: """
      Started by buildsrs-builder, one process a build. It reads one JSON line (a HostRequest) from
      standard input and answers with JSON lines (HostEvents) on standard output. A further line
      `cancel`, or the end of the input, cancels what it does: it tears down and ends.

      Exit status: 0 after a final event, 1 without a request, 75 when a cancelled build did not
      end in time. A module that crashes ends the process by a signal.

      EXAMPLE
        (echo '{"describe":{}}'; sleep 1) | buildsrs-executor-host libDockerCrossExecutor.so
      """)

  @Argument(help: ArgumentHelp("The module's shared library.", valueName: "module"))
  var module: String

  @Option(
    help: ArgumentHelp(
      "Seconds that a cancelled build has for tearing down before the process ends itself.",
      valueName: "seconds"))
  var grace = 20

  func run() async throws {
    let connection = HostConnection(graceSeconds: grace)
    let status = await HostSession(connection: connection, modulePath: module).run()
    // Not `throw ExitCode`: a module's threads must not keep the process from ending.
    _exit(status)
  }
}
