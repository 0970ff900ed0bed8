import ArgumentParser
import Foundation
import SyntheticIndex

/// Makes the index that `just bench sync` measures with.
@main
struct SyncIndex: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "bench-sync-index",
    abstract: "Writes an index of made-up crates, for `git fast-import` or as files.",
    discussion: """
      The same seed and sizes give the same index. `scripts/bench_sync.py` runs this.

      EXAMPLES
        bench-sync-index --crates 5000 --versions 50000 | git fast-import --done
        bench-sync-index --crates 5000 --versions 50000 --change 1 | git fast-import --done
        bench-sync-index --crates 5000 --versions 50000 --files /tmp/index
        bench-sync-index --crates 5000 --versions 50000 --names
      """)

  @Option(help: "How many crates.") var crates = 200_000
  @Option(help: "How many versions they have together.") var versions = 2_000_000
  @Option(help: "Another seed gives another index.") var seed: UInt64 = 1
  @Option(help: "Only a commit in which crates have changed, for the N-th time.") var change: Int?
  @Option(help: "How many crates --change changes.") var changed = 100
  @Option(help: "Where .crate files are said to be.") var download = "http://127.0.0.1:1/crates"
  @Option(help: "Write files into this folder instead.", completion: .directory) var files: String?
  @Flag(help: "Print the crates' names instead.") var names = false

  func validate() throws {
    guard crates >= 1, versions >= crates, changed >= 1, change.map({ $0 >= 1 }) ?? true else {
      throw ValidationError("--crates must be 1 or more, --versions no less than --crates")
    }
  }

  func run() throws {
    let index = SyntheticIndex(seed: seed, crates: crates, versions: versions)
    let configuration = #"{"dl":"\#(download)"}"#
    let output = FileHandle.standardOutput
    if names {
      for crate in 0..<index.crates {
        try output.write(contentsOf: Data("\(index.name(of: crate))\n".utf8))
      }
    } else if let change {
      try index.importChange(change, of: changed) { try output.write(contentsOf: Data($0)) }
    } else if let files {
      try write(index, configuration, to: URL(filePath: files))
    } else {
      try index.importAll(configuration: configuration) { try output.write(contentsOf: Data($0)) }
    }
  }

  private func write(_ index: SyntheticIndex, _ configuration: String, to folder: URL) throws {
    let manager = FileManager.default
    try manager.createDirectory(at: folder, withIntermediateDirectories: true)
    try Data(configuration.utf8).write(to: folder.appending(path: "config.json"))
    for crate in 0..<index.crates {
      let file = folder.appending(path: index.path(of: crate))
      try manager.createDirectory(
        at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
      try Data(index.file(of: crate)).write(to: file)
    }
  }
}
