import Builder
import ExecutorKit
import FarmModel
import Foundation

/// What kept this machine from doing its part of a build by hand: no fault of the crate's.
struct LocalTrouble: Error {
  /// One sentence for people.
  let message: String

  /// - Parameter what: the sentence's beginning, which names the place.
  init(_ what: String, _ cause: any Error) { message = "\(what): \(Self.reason(cause))" }

  var outcome: AttemptOutcome { .failed(.infrastructure, message: message) }

  /// The kernel's word for it where there is one; Foundation wraps that into a text for programmers.
  private static func reason(_ error: any Error) -> String {
    if let error = error as? BuilderSetupError { return error.description }
    var next: NSError? = error as NSError
    while let found = next {
      if found.domain == NSPOSIXErrorDomain { return String(cString: strerror(Int32(found.code))) }
      next = found.userInfo[NSUnderlyingErrorKey] as? NSError
    }
    return error.localizedDescription
  }
}
