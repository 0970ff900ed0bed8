public import Foundation
import HandmadeArchives

/// What fuzzing of a target begins with: `Tests/Fuzz/corpus/<target>/*`, and archives, which are made
/// here. A file there is an input; inputs that once broke something are named `found-…`.
public struct FuzzCorpus: Sendable {
  /// By name.
  public let inputs: [(name: String, bytes: [UInt8])]
  /// The pieces of the format in `Tests/Fuzz/dictionaries/<target>.dict`.
  public let words: [[UInt8]]

  /// Reads a target's files. Blocks on the disk.
  /// - Parameter fuzzDirectory: the folder `Tests/Fuzz`.
  public init(of target: FuzzTarget, fuzzDirectory: URL) throws {
    let folder = fuzzDirectory.appending(path: "corpus/\(target.rawValue)")
    let files = try FileManager.default.contentsOfDirectory(
      at: folder, includingPropertiesForKeys: nil)
    inputs =
      try files.map { (name: $0.lastPathComponent, bytes: Array(try Data(contentsOf: $0))) }
      .sorted { $0.name < $1.name } + (target == .crate ? archives : [])
    let dictionary = fuzzDirectory.appending(path: "dictionaries/\(target.rawValue).dict")
    words = try String(contentsOf: dictionary, encoding: .utf8)
      .split(separator: "\n").compactMap(FuzzDictionary.word)
  }
}

/// libFuzzer's dictionaries (llvm.org/docs/LibFuzzer.html, "Dictionaries").
enum FuzzDictionary {
  /// The bytes of a line `"…"`, in which `\"`, `\\` and `\xAB` stand for others; nil: it has none.
  static func word(_ line: Substring) -> [UInt8]? {
    guard line.first != "#", let start = line.firstIndex(of: "\""),
      let end = line.lastIndex(of: "\""), start < end
    else { return nil }
    var rest = line[line.index(after: start)..<end].utf8[...]
    var word: [UInt8] = []
    while let byte = rest.popFirst() {
      guard byte == UInt8(ascii: "\\"), let next = rest.popFirst() else {
        word.append(byte)
        continue
      }
      guard next == UInt8(ascii: "x") else {
        word.append(next)
        continue
      }
      word.append(UInt8(String(Substring(rest.prefix(2))), radix: 16) ?? 0)
      rest = rest.dropFirst(2)
    }
    return word
  }
}

private let manifest = """
  [package]
  name = "tool"
  version = "1.0.0"
  edition = "2021"
  [[bin]]
  name = "other"
  path = "src/other.rs"
  required-features = ["a"]

  """

/// Sound crates, and one of each kind that is refused.
private var archives: [(name: String, bytes: [UInt8])] {
  var small = HandmadeTar()
  small.add("tool-1.0.0/Cargo.toml", manifest)
  small.add("tool-1.0.0/src/main.rs", "fn main() {}")
  small.add("tool-1.0.0/src/bin/more.rs", "fn main() {}")
  var folders = HandmadeTar()
  folders.add("tool-1.0.0/", kind: "5", mode: 0o755)
  folders.add("tool-1.0.0/src/", kind: "5", mode: 0o755)
  folders.add("tool-1.0.0/Cargo.toml", manifest)
  folders.add("tool-1.0.0/.cargo-ok", "ok")
  folders.add("tool-1.0.0/configure", "#!/bin/sh", mode: 0o755)
  var long = HandmadeTar()
  long.addPaxPath("tool-1.0.0/" + String(repeating: "longer/", count: 20) + "name.rs")
  long.add("tool-1.0.0/name.rs", "fn main() {}")
  long.add("tool-1.0.0/Cargo.toml", manifest)
  var hostile = HandmadeTar()
  hostile.add("tool-1.0.0/Cargo.toml", manifest)
  hostile.add("tool-1.0.0/link", kind: "2", link: "../../etc")
  hostile.add("tool-1.0.0/../../escape", "x")
  hostile.add("/absolute", "x", kind: "1", link: "tool-1.0.0/Cargo.toml", size: 1 << 30)
  let tars = [
    ("small", small), ("folders", folders), ("long", long), ("hostile", hostile),
  ]
  return tars.map { ("archive-\($0.0)", [UInt8(ascii: "T")] + $0.1.bytes) }
    + tars.map { ("compressed-\($0.0)", [UInt8(ascii: "G")] + $0.1.tarGz) }
}
