import Glibc

/// Where an answer's body goes. Used on the curl thread only.
final class ResponseSink {
  enum Target {
    case memory
    /// A file, for 2xx; the body of another answer is kept in memory, its beginning at least.
    case file(path: String)
    case stream(StreamBuffer)
  }

  /// What became of some bytes.
  enum Verdict {
    case taken
    case pause
    case failed(TransferError.Kind)
  }

  let target: Target
  private let limit: Int
  private(set) var body: [UInt8] = []
  private var received = 0
  private var file: Int32 = -1

  /// How much is kept of an answer that is an error page instead of the wanted file.
  private static let errorPageLimit = 64 << 10

  init(target: Target, limit: Int) {
    self.target = target
    self.limit = limit
  }

  func receive(_ bytes: UnsafeRawBufferPointer, status: Int) -> Verdict {
    if case .stream(let buffer) = target {
      return buffer.push(Array(bytes)) ? .taken : .pause
    }
    guard bytes.count <= limit - received else { return .failed(.tooLarge(limit: limit)) }
    received += bytes.count
    guard case .file(let path) = target else {
      body += bytes
      return .taken
    }
    guard (200..<300).contains(status) else {
      body += bytes.prefix(max(0, Self.errorPageLimit - body.count))
      return .taken
    }
    return write(bytes, to: path)
  }

  /// Closes the file; removes it when the transfer failed. Returns why the file is not whole.
  func finish(succeeded: Bool, status: Int) -> TransferError.Kind? {
    guard case .file(let path) = target else { return nil }
    if succeeded, (200..<300).contains(status), let failure = open(path) { return failure }
    guard file >= 0 else { return nil }
    let closed = close(file)
    file = -1
    guard succeeded else {
      unlink(path)
      return nil
    }
    return closed == 0 ? nil : discard(path, "close")
  }

  private func open(_ path: String) -> TransferError.Kind? {
    guard file < 0 else { return nil }
    file = Glibc.open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
    return file < 0 ? systemFailure("create", path) : nil
  }

  private func write(_ bytes: UnsafeRawBufferPointer, to path: String) -> Verdict {
    if let failure = open(path) { return .failed(failure) }
    var rest = bytes[...]
    while !rest.isEmpty {
      let written = Glibc.write(
        file, UnsafeRawBufferPointer(rebasing: rest).baseAddress, rest.count)
      if written < 0 && errno == EINTR { continue }
      guard written >= 0 else { return .failed(systemFailure("write", path)) }
      rest = rest.dropFirst(written)
    }
    return .taken
  }

  private func discard(_ path: String, _ action: String) -> TransferError.Kind {
    let failure = systemFailure(action, path)
    unlink(path)
    return failure
  }
}

/// A failed system call with the text of `errno`.
func systemFailure(_ action: String, _ path: String) -> TransferError.Kind {
  .other(code: 0, message: "cannot \(action) \(path): \(String(cString: strerror(errno)))")
}
