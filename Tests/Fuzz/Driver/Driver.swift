import Foundation
import FuzzTargets

// `buildsrs-fuzz TARGET [OPTION…] [FOLDER…]`: libFuzzer, whose `main` this program has, on one target;
// options and folders are libFuzzer's own (`-help=1`). `buildsrs-fuzz seeds TARGET FUZZ-FOLDER FOLDER`
// writes the corpus, with the archives that no file holds, into a folder.

/// What the command line names; libFuzzer's function gets nothing but bytes.
private let chosenTarget = CommandLine.arguments.dropFirst().first.flatMap(FuzzTarget.init)

/// Called by libFuzzer before it reads its command line, from which this takes the target.
@_cdecl("LLVMFuzzerInitialize")
public func initialize(
  _ count: UnsafeMutablePointer<CInt>,
  _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>>
) -> CInt {
  let given = CommandLine.arguments
  if given.count == 5, given[1] == "seeds", let target = FuzzTarget(rawValue: given[2]) {
    writeSeeds(target, from: given[3], to: given[4])
  }
  guard chosenTarget != nil else {
    let names = FuzzTarget.allCases.map(\.rawValue).joined(separator: "|")
    end("usage: buildsrs-fuzz \(names) [-OPTION=…] [FOLDER…]", code: 2)
  }
  // The program's name stays in front of what follows the target.
  arguments.pointee[1] = arguments.pointee[0]
  arguments.pointee += 1
  count.pointee -= 1
  return 0
}

/// Called by libFuzzer with each input. Ends the process where something does not hold: libFuzzer then
/// keeps the input.
@_cdecl("LLVMFuzzerTestOneInput")
public func test(_ bytes: UnsafePointer<UInt8>?, _ size: Int) -> CInt {
  do throws(FuzzFinding) {
    _ = try chosenTarget?.run(Array(UnsafeBufferPointer(start: bytes, count: size)))
  } catch {
    say("finding: \(error)")
    abort()
  }
  return 0
}

private func writeSeeds(_ target: FuzzTarget, from source: String, to folder: String) -> Never {
  do {
    let corpus = try FuzzCorpus(of: target, fuzzDirectory: URL(filePath: source))
    for input in corpus.inputs {
      try Data(input.bytes).write(to: URL(filePath: folder).appending(path: input.name))
    }
  } catch {
    end("the seeds cannot be written: \(error)", code: 1)
  }
  exit(0)
}

private func end(_ message: String, code: Int32) -> Never {
  say(message)
  exit(code)
}

private func say(_ message: String) {
  FileHandle.standardError.write(Data((message + "\n").utf8))
}
