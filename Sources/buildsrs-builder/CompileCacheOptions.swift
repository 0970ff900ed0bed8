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
      on. They get its folder `sccache` (default: none).
      """,
    completion: .directory)
  var compileCache: String?

  @Option(help: "The sccache program (default: the one in PATH).", completion: .file())
  var sccache: String?

  /// Nil where none was asked for. The directory is made.
  /// - Throws: `CommandFailure` where the program is not there or another, or the directory cannot be made.
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
    guard Self.isCache(program) else {
      throw CommandFailure.usage(
        "\(program) is not sccache: it does not answer to --version; name it with --sccache")
    }
    try makeDirectory(absolutePath(compileCache), of: "--compile-cache")
    return CompileCache(program: program, directory: absolutePath(compileCache))
  }

  /// Whether the program says of itself what it is: `sccache 0.10.0`.
  private static func isCache(_ program: String) -> Bool {
    let process = Process()
    let output = Pipe()
    process.executableURL = URL(filePath: program)
    process.arguments = ["--version"]
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = output
    process.standardError = FileHandle.nullDevice
    do { try process.run() } catch { return false }
    let text = (try? output.fileHandleForReading.readToEnd()) ?? Data()
    process.waitUntilExit()
    return process.terminationReason == .exit && process.terminationStatus == 0
      && text.starts(with: Data("sccache ".utf8))
  }

  private static func search() -> String? {
    let path = ProcessInfo.processInfo.environment["PATH"] ?? ""
    return path.split(separator: ":").map { "\($0)/sccache" }
      .first { FileManager.default.isExecutableFile(atPath: $0) }
  }
}
