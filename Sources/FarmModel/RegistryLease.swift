/// The body of `POST` and `DELETE /api/v1/registry/lease`: a registry sync wants to be the one that
/// is active, wants to stay it, or gives the lease back.
public struct RegistryLeaseRequest: Codable, Sendable, Equatable {
  /// Who asks, for people: host and process, such as `farm1/4711`.
  public var holder: String
  /// The fence of the lease that is renewed or given back; nil: a new lease.
  public var fence: Int64?

  public init(holder: String, fence: Int64? = nil) {
    self.holder = holder
    self.fence = fence
  }
}

/// The lease as it was granted or renewed.
public struct RegistryLeaseGrant: Codable, Sendable, Equatable {
  /// Sent as `Sync-Fence` with every body; a body with an older one is refused (409).
  public var fence: Int64
  /// How long the lease lasts from the answer on, unless it is renewed.
  public var seconds: Double

  public init(fence: Int64, seconds: Double) {
    self.fence = fence
    self.seconds = seconds
  }
}

/// The part of a 409 problem document that tells who has the lease.
public struct RegistryLeaseRefusal: Codable, Sendable, Equatable {
  public var holder: String
  /// What remains of the holder's lease.
  public var seconds: Double

  public init(holder: String, seconds: Double) {
    self.holder = holder
    self.seconds = seconds
  }
}

/// The header that carries the fence of the registry sync's lease.
public let registryFenceHeader = "Sync-Fence"
