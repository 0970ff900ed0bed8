internal import CSpawn
import ExecutorKit
import Foundation

/// The three pipes that a child writes: standard output, standard error, and the report.
struct ChildPipes {
  /// In the order of the child's descriptors 1, 2 and 3.
  private(set) var readEnds: [Int32] = []
  private(set) var writeEnds: [Int32] = []

  /// The most that is kept of a report and of the last words, in bytes.
  static let keptBytes = 4096

  init() throws(ExecutorFailure) {
    for _ in 0..<3 {
      var ends: [Int32] = [-1, -1]
      let error = csp_pipe(&ends)
      guard error == 0 else {
        closeAll()
        throw ExecutorFailure(
          .infrastructure, "cannot make a pipe: \(String(cString: strerror(error)))")
      }
      readEnds.append(ends[0])
      writeEnds.append(ends[1])
    }
  }

  func closeChildEnds() { for end in writeEnds { close(end) } }
  func closeAll() { for end in readEnds + writeEnds { close(end) } }

  /// Reads until nobody can write any more, and closes.
  func readToEnd(_ output: (CommandOutput) -> Void) -> (report: String, lastWords: String) {
    var open = readEnds.map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
    var buffer = [UInt8](repeating: 0, count: 1 << 16)
    var kept: [[UInt8]] = [[], [], []]
    while open.contains(where: { $0.fd >= 0 }) {
      if poll(&open, nfds_t(open.count), -1) < 0 {
        if errno == EINTR || errno == EAGAIN || errno == ENOMEM { continue }
        break
      }
      for index in open.indices where open[index].fd >= 0 && open[index].revents != 0 {
        let count = read(open[index].fd, &buffer, buffer.count)
        if count < 0 && (errno == EINTR || errno == EAGAIN) { continue }
        guard count > 0 else {
          close(open[index].fd)
          // poll(2) passes over negative descriptors.
          open[index].fd = -1
          continue
        }
        let bytes = Array(buffer[..<count])
        if index == 0 { output(CommandOutput(.standardOutput, bytes)) }
        if index == 1 { output(CommandOutput(.standardError, bytes)) }
        if index > 0 { kept[index] = (kept[index] + bytes).suffix(Self.keptBytes) }
      }
    }
    // The child sees its pipes closed where they could not be read.
    for end in open where end.fd >= 0 { close(end.fd) }
    return (String(decoding: kept[2], as: UTF8.self), String(decoding: kept[1], as: UTF8.self))
  }
}
