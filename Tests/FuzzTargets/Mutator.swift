/// Makes inputs out of others, the same ones for the same seed on every machine.
///
/// It knows nothing of coverage, as libFuzzer does: it is for the short run of the ordinary tests.
public struct Mutator {
  private var random: SplitMix64
  private let seeds: [[UInt8]]
  private let words: [[UInt8]]

  /// - Parameters:
  ///   - seeds: what is mutated; at least one.
  ///   - words: pieces of the format, which single bytes would hardly become.
  public init(seed: UInt64, seeds: [[UInt8]], words: [[UInt8]]) {
    precondition(!seeds.isEmpty, "there is nothing to mutate")
    random = SplitMix64(state: seed)
    self.seeds = seeds
    self.words = words
  }

  /// The next input: a seed with one to three changes.
  public mutating func next() -> [UInt8] {
    var bytes = pick(seeds)
    for _ in 0..<Int.random(in: 1...3, using: &random) { change(&bytes) }
    return Array(bytes.prefix(FuzzTarget.largestInput))
  }

  private mutating func change(_ bytes: inout [UInt8]) {
    let place = Int.random(in: 0...bytes.count, using: &random)
    let end = min(bytes.count, place + Int.random(in: 1...64, using: &random))
    switch Int.random(in: 0..<8, using: &random) {
    case 0: if place < bytes.count { bytes[place] ^= 1 << UInt8.random(in: 0...7, using: &random) }
    case 1: if place < bytes.count { bytes[place] = UInt8.random(in: 0...255, using: &random) }
    case 2: bytes.insert(UInt8.random(in: 0...255, using: &random), at: place)
    case 3: bytes.removeSubrange(place..<end)
    case 4: bytes.insert(contentsOf: bytes[place..<end], at: place)
    case 5: bytes.insert(contentsOf: word(), at: place)
    case 6: bytes.replaceSubrange(place..<end, with: word())
    default: splice(&bytes, at: place)
    }
  }

  /// The beginning of this input and the end of another.
  private mutating func splice(_ bytes: inout [UInt8], at place: Int) {
    let other = pick(seeds)
    bytes.replaceSubrange(
      place..., with: other[Int.random(in: 0...other.count, using: &random)...])
  }

  private mutating func word() -> [UInt8] {
    let word = words.isEmpty ? [0] : pick(words)
    // Often enough, a piece is deep or long.
    let times = Int.random(in: 0..<16, using: &random) == 0 ? 200 : 1
    return Array(repeatElement(word, count: times).joined())
  }

  private mutating func pick(_ choices: [[UInt8]]) -> [UInt8] {
    choices[Int.random(in: choices.indices, using: &random)]
  }
}

/// Steele, Lea and Flood's generator (doi.org/10.1145/2660193.2660195): small, and the same everywhere.
private struct SplitMix64: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }
}
