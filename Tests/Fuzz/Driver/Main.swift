import CFuzzer
import Foundation
import FuzzTargets

/// `buildsrs-fuzz TARGET [OPTION…] [FOLDER…]`: libFuzzer on one target; options and folders are
/// libFuzzer's own (`-help=1`). `buildsrs-fuzz seeds TARGET FUZZ-FOLDER FOLDER` writes the corpus, with
/// the archives that no file holds, into a folder.
@main
enum Driver {
  static func main() {
    var arguments = CommandLine.arguments
    guard arguments.count > 1 else { end(usage, code: 2) }
    if arguments[1] == "seeds", arguments.count == 5 {
      return writeSeeds(arguments[2], from: arguments[3], to: arguments[4])
    }
    guard chosenTarget != nil else { end(usage, code: 2) }
    arguments.remove(at: 1)
    exit(runLibFuzzer(arguments))
  }

  private static let usage =
    "usage: buildsrs-fuzz \(FuzzTarget.allCases.map(\.rawValue).joined(separator: "|")) [-OPTION=…] [FOLDER…]"

  private static func end(_ message: String, code: Int32) -> Never {
    FileHandle.standardError.write(Data((message + "\n").utf8))
    exit(code)
  }

  private static func writeSeeds(_ target: String, from source: String, to folder: String) {
    guard let target = FuzzTarget(rawValue: target) else { end(usage, code: 2) }
    do {
      let corpus = try FuzzCorpus(of: target, fuzzDirectory: URL(filePath: source))
      let folder = URL(filePath: folder)
      for input in corpus.inputs {
        try Data(input.bytes).write(to: folder.appending(path: input.name))
      }
    } catch {
      end("the seeds cannot be written: \(error)", code: 1)
    }
  }

  private static func runLibFuzzer(_ arguments: [String]) -> Int32 {
    var count = Int32(arguments.count)
    // libFuzzer keeps the array and its texts for as long as it runs.
    let texts = UnsafeMutableBufferPointer<UnsafeMutablePointer<CChar>?>.allocate(
      capacity: arguments.count + 1)
    for (index, argument) in arguments.enumerated() { texts[index] = strdup(argument) }
    texts[arguments.count] = nil
    var start = texts.baseAddress
    return LLVMFuzzerRunDriver(&count, &start) { bytes, size in
      tryInput(UnsafeBufferPointer(start: bytes, count: size))
      return 0
    }
  }
}

/// What the command line names; libFuzzer's function gets nothing but bytes.
private let chosenTarget = CommandLine.arguments.dropFirst().first.flatMap(FuzzTarget.init)

/// Ends the process where something does not hold: libFuzzer then keeps the input.
private func tryInput(_ bytes: UnsafeBufferPointer<UInt8>) {
  do throws(FuzzFinding) {
    _ = try chosenTarget?.run(Array(bytes))
  } catch {
    FileHandle.standardError.write(Data("finding: \(error)\n".utf8))
    abort()
  }
}
