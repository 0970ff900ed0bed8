import ExecutorKit
import Transfer

/// Why the Docker Engine did not do what it was asked.
enum EngineError: Error, Equatable, CustomStringConvertible {
  /// `DOCKER_HOST` names something else than a Unix socket.
  case badAddress(String)
  /// Nobody answers at the socket.
  case away(socket: String, reason: String)
  /// The engine's own answer: 404 for what is not there, 409 for a conflict.
  case refused(status: Int, request: String, message: String)
  /// The answer has another shape than the API's documentation says.
  case unexpected(request: String, reason: String)
  case cancelled

  /// What happened, in one line.
  var description: String {
    switch self {
    case .badAddress(let address):
      "DOCKER_HOST is “\(address)”, which is no Unix socket"
    case .away(let socket, let reason): "the Docker Engine does not answer at \(socket): \(reason)"
    case .refused(let status, let request, let message):
      "the Docker Engine refuses \(request) (\(status)): \(message)"
    case .unexpected(let request, let reason):
      "the Docker Engine's answer to \(request) is not understood: \(reason)"
    case .cancelled: "cancelled"
    }
  }

  /// What an operator can do about it.
  var remedy: String {
    switch self {
    case .badAddress:
      "set DOCKER_HOST to unix:///PATH, or unset it for \(EngineAddress.defaultSocket)"
    case .away:
      "start dockerd, let the builder's user into the group docker, or set DOCKER_HOST to the"
        + " engine's socket"
    case .refused, .unexpected: "look into the engine's log; it must know API \(Engine.version)"
    case .cancelled: "none"
    }
  }

  /// As an attempt's failure: always the builder's, never the crate's.
  var failure: ExecutorFailure {
    self == .cancelled
      ? ExecutorFailure(.cancelled, description)
      : ExecutorFailure(.infrastructure, "\(description); \(remedy)")
  }

  init(_ error: TransferError, socket: String, request: String) {
    self =
      switch error.kind {
      case .cancelled: .cancelled
      case .cannotConnect: .away(socket: socket, reason: "nobody accepts connections there")
      case .timedOut(let reason): .away(socket: socket, reason: reason)
      case .other(let code, let message):
        .away(socket: socket, reason: "\(message) (curl \(code)) at \(request)")
      case .tooLarge: .unexpected(request: request, reason: "it is too large")
      }
  }
}
