import Foundation
import Subprocess
import SystemPackage

extension GitIndex {
  /// Reads many files one after the other, by one process.
  ///
  /// - Parameters:
  ///   - objects: what to read, in this order: names of objects, or what ``object(of:at:)`` says.
  ///   - body: must read all of them, or throw.
  public func read<Result: Sendable>(
    _ objects: some Sequence<String>, _ body: (inout GitFiles) async throws(RegistryError) -> Result
  ) async throws(RegistryError) -> Result {
    let input = try GitProgram.unnamedFile()
    defer { try? input.close() }
    do {
      var list: [UInt8] = []
      for object in objects {
        list += object.utf8
        list.append(10)
      }
      try input.writeAll(list)
      try input.seek(offset: 0, from: .start)
    } catch {
      throw .files(action: "write", path: "a temporary file", reason: "\(error)")
    }
    return try await git.read(["cat-file", "--batch", "--buffer"], input: input) {
      (output) async throws(RegistryError) in
      var files = GitFiles(output.makeAsyncIterator())
      return try await body(&files)
    }
  }
}

/// The files of an index in the order in which they were asked for.
public struct GitFiles: ~Copyable {
  private var chunks: SubprocessOutputSequence.Iterator
  private var buffer: [UInt8] = []
  private var position = 0

  fileprivate init(_ chunks: SubprocessOutputSequence.Iterator) { self.chunks = chunks }

  /// The next file's bytes.
  /// - Throws: ``RegistryError/git(command:reason:)`` where the clone lacks it.
  public mutating func next() async throws(RegistryError) -> [UInt8] {
    guard let bytes = try await nextIfAny() else {
      throw .git(command: "cat-file", reason: "an object is missing; is the clone damaged?")
    }
    return bytes
  }

  /// The next file's bytes; nil: there is no such object.
  public mutating func nextIfAny() async throws(RegistryError) -> [UInt8]? {
    let head = String(decoding: try await line(), as: UTF8.self)
    let words = head.split(separator: " ")
    if words.count == 2, words[1] == "missing" { return nil }
    guard words.count == 3, words[1] == "blob", let size = Int(words[2]), size >= 0 else {
      throw .git(command: "cat-file", reason: "it says “\(head)”; is the clone damaged?")
    }
    guard size <= GitIndex.fileLimit else {
      throw .git(
        command: "cat-file", reason: "\(words[0]) has \(size) bytes, too many for an index")
    }
    try await fill(size + 1)
    defer { position += size + 1 }
    return Array(buffer[position..<position + size])
  }

  private mutating func line() async throws(RegistryError) -> ArraySlice<UInt8> {
    var searched = position
    while true {
      if let end = buffer[searched...].firstIndex(of: 10) {
        defer { position = end + 1 }
        return buffer[position..<end]
      }
      let length = buffer.count - position
      try await fill(length + 1)
      searched = position + length
    }
  }

  /// Reads until so many bytes lie behind the position.
  private mutating func fill(_ count: Int) async throws(RegistryError) {
    guard buffer.count - position < count else { return }
    buffer.removeFirst(position)
    position = 0
    while buffer.count < count {
      let chunk: SubprocessOutputSequence.Buffer?
      do {
        chunk = try await chunks.next()
      } catch {
        throw .git(command: "cat-file", reason: "\(error)")
      }
      guard let chunk else { throw .git(command: "cat-file", reason: "its output ended early") }
      chunk.withUnsafeBytes { buffer.append(contentsOf: $0) }
    }
  }
}
