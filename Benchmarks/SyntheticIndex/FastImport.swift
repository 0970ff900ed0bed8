import Foundation

extension SyntheticIndex {
  /// What `git fast-import` makes the index of: one commit on `refs/heads/main` with all crates.
  ///
  /// - Parameters:
  ///   - configuration: the text of `config.json`.
  ///   - write: is given the stream piece by piece.
  public func importAll(configuration: String, _ write: ([UInt8]) throws -> Void) rethrows {
    var piece = Self.commit("The index", from: nil)
    Self.append("config.json", Array(configuration.utf8), to: &piece)
    for crate in 0..<crates {
      Self.append(path(of: crate), file(of: crate), to: &piece)
      if piece.count > 1 << 20 {
        try write(piece)
        piece = []
      }
    }
    try write(piece + Array("done\n".utf8))
  }

  /// The crates that ``importChange(_:of:_:)`` changes.
  public func changed(_ count: Int) -> [Int] {
    let step = max(1, crates / max(1, count))
    return Array(stride(from: step / 2, to: crates, by: step).prefix(count))
  }

  /// One more commit, in which so many crates have one more version.
  ///
  /// - Parameter change: which change this is, from 1.
  public func importChange(_ change: Int, of count: Int, _ write: ([UInt8]) throws -> Void) rethrows
  {
    var piece = Self.commit("A change", from: "refs/heads/main^0")
    for crate in changed(count) {
      Self.append(path(of: crate), file(of: crate, changes: change), to: &piece)
    }
    try write(piece + Array("done\n".utf8))
  }

  private static func commit(_ message: String, from: String?) -> [UInt8] {
    let text = """
      commit refs/heads/main
      committer builds.rs <bench@builds.rs> 1700000000 +0000
      data \(message.utf8.count)
      \(message)
      \(from.map { "from \($0)\n" } ?? "")
      """
    return Array(text.utf8)
  }

  private static func append(_ path: String, _ file: [UInt8], to piece: inout [UInt8]) {
    piece += "M 100644 inline \(path)\ndata \(file.count)\n".utf8
    piece += file
    piece.append(10)
  }
}
