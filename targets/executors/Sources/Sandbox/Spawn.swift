internal import CSpawn
import ExecutorKit
import Foundation

/// A program to start, with all its variables.
struct Spawn {
  let arguments: [String]
  let variables: [String: String]

  /// Starts the program with the pipes' write ends as descriptors 1 to 3.
  func start(_ pipes: ChildPipes) throws(ExecutorFailure) -> pid_t {
    var pid: pid_t = 0
    let error = Self.withCStrings(arguments) { arguments in
      Self.withCStrings(variables.map { "\($0.key)=\($0.value)" }) { variables in
        csp_spawn(&pid, arguments, variables, pipes.writeEnds)
      }
    }
    guard error == 0 else {
      throw ExecutorFailure(
        .infrastructure,
        "cannot start \(arguments.first ?? ""): \(String(cString: strerror(error)))")
    }
    return pid
  }

  /// The texts as C has them, with the null pointer behind the last.
  private static func withCStrings<Result>(
    _ texts: [String], _ body: ([UnsafeMutablePointer<CChar>?]) -> Result
  ) -> Result {
    let pointers = texts.map { strdup($0) }
    defer { for pointer in pointers { free(pointer) } }
    return body(pointers + [nil])
  }
}
