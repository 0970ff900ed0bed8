import Foundation
import HTTPTypes
import Hummingbird
import NIOCore

/// An error as clients see it: a problem document (RFC 9457).
struct Problem: Error, HTTPResponseError, Sendable, Equatable {
  /// What went wrong, for programs: the last part of the document's `type`.
  enum Kind: String, Sendable {
    case invalidRequest = "invalid-request"
    case unauthorized
    case builderDisabled = "builder-disabled"
    case notFound = "not-found"
    case methodNotAllowed = "method-not-allowed"
    case staleLease = "stale-lease"
    case leaseHeld = "lease-held"
    case lengthRequired = "length-required"
    case tooLarge = "too-large"
    case rangeNotSatisfiable = "range-not-satisfiable"
    case digestMismatch = "digest-mismatch"
    case noPlan = "no-plan"
    case tooManyRequests = "too-many-requests"
    case unavailable
    case internalError = "internal-error"
    case other
  }

  var status: HTTPResponse.Status
  var kind: Kind
  /// For people: what is wrong with this request, and the remedy.
  var detail: String
  /// The line of the body, from 1, that the problem is about.
  var line: Int?
  /// Who has the lease that was asked for, and for how many seconds more.
  var holder: String?
  var seconds: Double?
  var headers: HTTPFields = [:]

  init(
    _ status: HTTPResponse.Status, _ kind: Kind, _ detail: String, line: Int? = nil,
    headers: HTTPFields = [:]
  ) {
    self.status = status
    self.kind = kind
    self.detail = detail
    self.line = line
    self.headers = headers
  }

  static func notFound(_ detail: String) -> Problem { Problem(.notFound, .notFound, detail) }
  static func invalid(_ detail: String, line: Int? = nil) -> Problem {
    Problem(.badRequest, .invalidRequest, detail, line: line)
  }
  static let unavailable = Problem(
    .serviceUnavailable, .unavailable, "the database cannot be reached now: try again later",
    headers: [.retryAfter: "5"])
  static let internalError = Problem(
    .internalServerError, .internalError, "the server made a mistake; its log tells more")

  private struct Document: Encodable {
    var type: String
    var title: String
    var status: Int
    var detail: String
    var line: Int?
    var holder: String?
    var seconds: Double?
  }

  /// The response that carries the document.
  var response: Response {
    let document = Document(
      type: "urn:builds.rs:problem:\(kind.rawValue)", title: status.reasonPhrase,
      status: status.code, detail: detail, line: line, holder: holder, seconds: seconds)
    var headers = headers
    headers[.contentType] = "application/problem+json"
    headers[.cacheControl] = headers[.cacheControl] ?? "no-store"
    let body = (try? JSONText.encode(document)) ?? Data()
    return Response(
      status: status, headers: headers, body: ResponseBody(byteBuffer: ByteBuffer(bytes: body)))
  }

  func response(from request: Request, context: some RequestContext) throws -> Response { response }
}

extension Problem {
  /// The problem of a bare error response that the web server made itself.
  init(bare status: HTTPResponse.Status, path: String) {
    switch status {
    case .notFound: self = .notFound("there is nothing at \(path.prefix(512))")
    case .contentTooLarge: self.init(status, .tooLarge, "the body is larger than allowed")
    case .badRequest: self = .invalid("the request cannot be read")
    case .internalServerError: self = .internalError
    default: self.init(status, .other, "\(status.code) \(status.reasonPhrase)")
    }
  }
}

/// JSON as the API writes it: sorted keys, plain slashes, times as RFC 3339 in UTC.
enum JSONText {
  static func encode(_ value: some Encodable) throws -> Data {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    encoder.dateEncodingStrategy = .iso8601
    encoder.keyEncodingStrategy = .convertToSnakeCase
    return try encoder.encode(value)
  }
}
