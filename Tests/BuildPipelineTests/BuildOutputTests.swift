import ExecutorKit
import FarmModel
import Testing

@testable import BuildPipeline

@Suite struct BuildOutputTests {
  @Test("nothing that a terminal obeys reaches the log or a failure's message, on either stream")
  func escapes() async {
    let (events, emit) = AsyncStream<HostEvent>.makeStream()
    let output = BuildOutput(log: AttemptLog(limit: 1 << 20) { emit.yield($0) })
    let bytes = Array("error: \u{1B}[2Jcleared \0\n".utf8)
    output.add(CommandOutput(.standardOutput, bytes))
    output.add(CommandOutput(.standardError, bytes))
    output.add(CommandOutput(.standardOutput, Array("\u{1B}]0;no line end".utf8)))
    output.finish()
    emit.finish()
    var log = ""
    for await case .log(let text) in events { log += text }
    let line = "error: \u{FFFD}[2Jcleared \u{FFFD}\n"
    #expect(log == line + line + "\u{FFFD}]0;no line end")
    #expect(output.result.errors.firstErrors == ["error: \u{FFFD}[2Jcleared \u{FFFD}"])
  }
}
