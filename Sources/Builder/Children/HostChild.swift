public import BuildPipeline
import Foundation
import Subprocess
import SystemPackage

extension HostProgram {
  private typealias Child = Execution<CustomWriteInput, SequenceOutput, FileDescriptorOutput>

  /// The longest event that is read, in bytes.
  static let longestLine = 16 << 20

  /// Starts a host for one request and reads its events to the final one.
  ///
  /// Ends the process in every case. When the surrounding task is cancelled the child is killed at
  /// once; `control` is the orderly way.
  /// - Parameters:
  ///   - module: The module's shared library.
  ///   - silenceLimit: The longest time without an event.
  ///   - errorFile: Receives the child's standard error; removed afterwards.
  ///   - onEvent: Each event but the final one.
  /// - Returns: The final event.
  /// - Throws: ``HostFailure``.
  public func run(
    _ request: HostRequest, module: String, silenceLimit: Duration, control: HostControl,
    errorFile: String, onEvent: @escaping @Sendable (HostEvent) async -> Void = { _ in }
  ) async throws -> HostEvent {
    let line = try JSONEncoder().encode(request) + [UInt8(ascii: "\n")]
    let errors = try Self.openErrors(errorFile)
    defer { unlink(errorFile) }
    let watch = SilenceWatch(limit: silenceLimit)
    let (final, status) = try await start(module, errors) { child in
      await converse(child, line: Array(line), watch: watch, control: control, onEvent: onEvent)
    }
    let detail = Self.tail(of: errorFile)
    switch final {
    case .event(.refused(let message)):
      throw HostFailure(kind: .refused, detail: message)
    case .event(let event): return event
    case .malformed(let problem): throw HostFailure(kind: .malformed, detail: problem)
    case .nothing(let wasCancelled):
      if watch.hasFired { throw HostFailure(kind: .silent(silenceLimit), detail: detail) }
      if wasCancelled { throw HostFailure(kind: .cancelled, detail: detail) }
      switch status {
      case .signaled(let signal): throw HostFailure(kind: .crashed(signal: signal), detail: detail)
      case .exited(let code): throw HostFailure(kind: .ended(status: code), detail: detail)
      }
    }
  }

  private enum Final: Sendable {
    case event(HostEvent)
    case malformed(String)
    case nothing(wasCancelled: Bool)
  }

  private func start(
    _ module: String, _ errors: FileDescriptor, _ body: (Child) async -> Final
  ) async throws -> (Final, TerminationStatus) {
    var options = PlatformOptions()
    // A signal to the builder's group (Ctrl-C) is the builder's to handle.
    options.createSession = true
    let variables = environment.map { (Environment.Key(rawValue: $0) ?? "_", $1) }
    do {
      let result = try await Subprocess.run(
        .path(FilePath(path)),
        arguments: ["--grace", "\(max(1, grace.components.seconds))", module],
        environment: .custom(Dictionary(variables) { first, _ in first }),
        platformOptions: options, input: .inputWriter, output: .sequence,
        error: .fileDescriptor(errors, closeAfterSpawningProcess: true), body: body)
      return (result.closureResult, result.terminationStatus)
    } catch let error as CancellationError {
      throw error
    } catch {
      throw HostFailure(kind: .notStarted, detail: "\(path): \(error)")
    }
  }

  /// Writes the request, then reads until the output ends, while two guards watch.
  private func converse(
    _ child: Child, line: [UInt8], watch: SilenceWatch, control: HostControl,
    onEvent: @escaping @Sendable (HostEvent) async -> Void
  ) async -> Final {
    let cancelled = Flag()
    return await withTaskGroup(of: Final?.self) { group in
      group.addTask {
        guard await control.wasCancelled() else { return nil }
        cancelled.raise()
        await stop(child)
        return nil
      }
      group.addTask {
        await watch.waitForSilence()
        if watch.hasFired { await stop(child) }
        return nil
      }
      group.addTask {
        // A child that is gone already shows by the end of its output.
        _ = try? await child.standardInputWriter.write(line)
        return await read(child, watch, onEvent) ?? .nothing(wasCancelled: cancelled.isRaised)
      }
      var final = Final.nothing(wasCancelled: false)
      while let end = await group.next() {
        guard let end else { continue }
        final = end
        group.cancelAll()
      }
      return final
    }
  }

  /// The final event; nil: the output ended without one.
  private func read(
    _ child: Child, _ watch: SilenceWatch, _ onEvent: @Sendable (HostEvent) async -> Void
  ) async -> Final? {
    let decoder = JSONDecoder()
    var lines = child.standardOutput.strings(
      separatedBy: .unicodeScalarSequence(["\n"]),
      bufferingPolicy: .maxLineLength(Self.longestLine)
    ).makeAsyncIterator()
    do {
      while let line = try await lines.next() {
        watch.heard()
        let event = try decoder.decode(HostEvent.self, from: Data(line.utf8))
        guard event.isFinal else {
          await onEvent(event)
          continue
        }
        await leave(child) { while try await lines.next() != nil {} }
        return .event(event)
      }
      return nil
    } catch {
      try? child.send(signal: .kill)
      return .malformed("\(error)".prefix(500).description)
    }
  }

  /// Asks the child to tear down, and kills it when it takes too long.
  private func stop(_ child: Child) async {
    _ = try? await child.standardInputWriter.write(Array("cancel\n".utf8))
    do { try await Task.sleep(for: grace) } catch { return }
    try? child.send(signal: .kill)
  }

  /// It has answered: it may go, and must within the grace period.
  private func leave(_ child: Child, untilEnd: () async throws -> Void) async {
    try? await child.standardInputWriter.finish()
    await withTaskGroup(of: Void.self) { group in
      group.addTask {
        do { try await Task.sleep(for: grace) } catch { return }
        try? child.send(signal: .kill)
      }
      try? await untilEnd()
      group.cancelAll()
    }
  }

  private static func openErrors(_ path: String) throws -> FileDescriptor {
    do {
      return try FileDescriptor.open(
        FilePath(path), .writeOnly, options: [.create, .truncate, .closeOnExec],
        permissions: [.ownerReadWrite])
    } catch {
      throw HostFailure(kind: .notStarted, detail: "\(path): \(error)")
    }
  }

  /// The last lines of a file.
  private static func tail(of path: String) -> String {
    guard let file = FileHandle(forReadingAtPath: path), let size = try? file.seekToEnd() else {
      return ""
    }
    defer { try? file.close() }
    try? file.seek(toOffset: size > 16384 ? size - 16384 : 0)
    let bytes = (try? file.readToEnd()) ?? Data()
    return lastWords(in: String(decoding: bytes, as: UTF8.self))
  }

  /// The last ten lines, at most 2,000 characters, without the stack frames that Swift's runtime
  /// prints behind a fatal error's message (`0    libswiftCore.so    0x00007f… …`).
  static func lastWords(in text: String) -> String {
    let lines = text.split(separator: "\n").filter { line in
      let words = line.split(separator: " ")
      let isFrame = words.count > 2 && Int(words[0]) != nil && words[2].hasPrefix("0x")
      return !isFrame && line != "Current stack trace:"
    }
    return String(lines.suffix(10).joined(separator: "\n").suffix(2000))
  }
}

extension HostEvent {
  /// Whether nothing follows.
  var isFinal: Bool {
    switch self {
    case .stage, .log: false
    case .described, .probed, .swept, .prepared, .finished, .refused: true
    }
  }
}
