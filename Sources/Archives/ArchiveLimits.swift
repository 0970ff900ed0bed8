/// How much an archive may hold. What is larger is refused before it has been unpacked.
public struct ArchiveLimits: Sendable, Equatable {
  /// The largest number of entries.
  public var entries: Int
  /// The largest size in bytes of all entries together.
  public var unpackedSize: Int
  /// How many times larger than its compressed form an archive may be; deflate itself reaches 1032.
  public var ratio: Int
  /// Below this many unpacked bytes the ratio does not matter.
  public var ratioApplies: Int
  /// The longest path of an entry, in bytes.
  public var pathLength: Int

  /// Creates limits; the defaults leave room for every crate that a registry accepts.
  public init(
    entries: Int = 100_000, unpackedSize: Int = 512 << 20, ratio: Int = 200,
    ratioApplies: Int = 16 << 20, pathLength: Int = 4096
  ) {
    self.entries = entries
    self.unpackedSize = unpackedSize
    self.ratio = ratio
    self.ratioApplies = ratioApplies
    self.pathLength = pathLength
  }
}
