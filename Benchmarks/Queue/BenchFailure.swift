import Foundation

/// Why there is no result.
struct BenchFailure: Error, CustomStringConvertible {
  let description: String
  init(_ description: String) { self.description = description }
}

/// Tells a person on standard error how far the run is.
func progress(_ text: String) {
  FileHandle.standardError.write(Data("bench-queue: \(text)\n".utf8))
}
