import Foundation

/// The programs and modules that were built along with the tests.
public enum TestPrograms {
  /// The folder that holds them: `BUILDSRS_TEST_PROGRAMS`, else the folder of the test bundle, which
  /// is where SwiftPM puts every product.
  public static var directory: String {
    if let given = ProcessInfo.processInfo.environment["BUILDSRS_TEST_PROGRAMS"], !given.isEmpty {
      return given
    }
    let bundle = URL(filePath: "/proc/self/exe").resolvingSymlinksInPath()
    return bundle.deletingLastPathComponent().path(percentEncoded: false)
  }

  /// The path of a program, such as `buildsrs-builder`.
  public static func program(_ name: String) -> String { "\(directory)/\(name)" }

  /// The path of an executor module's library, such as `FakeExecutor`.
  public static func module(_ name: String) -> String { "\(directory)/lib\(name).so" }
}
