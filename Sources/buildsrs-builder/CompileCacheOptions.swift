import ArgumentParser
import BuildPipeline
import CommandLineSupport
import Foundation

/// A compile cache, which nobody gets who does not ask for it.
struct CompileCacheOptions: ParsableArguments {
  @Option(
    help: """
      A directory with compiled crates (sccache) that builds share: one trust domain. Every build \
      can change what the others get from it, so do not use it for artifacts that strangers rely \
      on (default: none).
      """,
    completion: .directory)
  var compileCache: String?

  @Option(help: "The sccache program (default: the one in PATH).", completion: .file())
  var sccache: String?

  /// Nil where none was asked for.
  /// - Throws: `CommandFailure` where the program is not there.
  func resolved() throws -> CompileCache? {
    guard let compileCache else {
      guard sccache == nil else {
        throw CommandFailure.usage("--sccache does nothing without --compile-cache DIRECTORY")
      }
      return nil
    }
    guard let program = sccache.map(absolutePath) ?? Self.search(),
      FileManager.default.isExecutableFile(atPath: program)
    else {
      throw CommandFailure.usage(
        "--compile-cache needs the program sccache: install it, or name it with --sccache")
    }
    return CompileCache(program: program, directory: absolutePath(compileCache))
  }

  private static func search() -> String? {
    let path = ProcessInfo.processInfo.environment["PATH"] ?? ""
    return path.split(separator: ":").map { "\($0)/sccache" }
      .first { FileManager.default.isExecutableFile(atPath: $0) }
  }
}
