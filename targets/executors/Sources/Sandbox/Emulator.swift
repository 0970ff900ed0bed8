public import ExecutorKit
import Foundation

/// QEMU's user-mode emulation of a processor, as the kernel is told of it: a line of binfmt_misc.
public struct Emulator: Sendable, Equatable {
  /// QEMU's word for the processor, such as `aarch64`.
  public let processor: String
  /// What is written to `register`: name, type, magic, mask, interpreter, flags. With the flag F the
  /// kernel keeps the interpreter open, so that no root file system needs it.
  public let registration: String

  /// Reads what Debian's qemu-user-static says about a processor.
  /// - Throws: ``ExecutorFailure`` where it is not installed.
  public init(
    processor: String, folder: String = "/usr/lib/binfmt.d"
  ) throws(ExecutorFailure) {
    let path = "\(folder)/qemu-\(processor).conf"
    let text = (try? String(contentsOfFile: path, encoding: .utf8)) ?? ""
    let line = text.split(separator: "\n").first { $0.hasPrefix(":") }
    guard let line else {
      throw ExecutorFailure(
        .infrastructure,
        "QEMU for \(processor) is not there (\(path) cannot be read);"
          + " install qemu-user-static")
    }
    guard line.split(separator: ":").last?.contains("F") == true else {
      throw ExecutorFailure(
        .infrastructure,
        "\(path) does not let the kernel keep QEMU open (flag F);"
          + " install Debian's qemu-user-static")
    }
    self.processor = processor
    registration = String(line)
  }

  /// Runs a command in a user namespace that has a binfmt_misc of its own (Linux 6.7 and newer) with
  /// this one entry: nothing is registered on the machine.
  func wrap(_ words: [String]) -> [String] {
    let script = """
      set -eu
      mount -t binfmt_misc binfmt_misc /proc/sys/fs/binfmt_misc
      printf %s "$1" >/proc/sys/fs/binfmt_misc/register
      shift
      exec "$@"
      """
    return ["unshare", "--user", "--map-root-user", "--mount", "--", "/bin/sh", "-c", script]
      + ["emulator", registration] + words
  }
}
