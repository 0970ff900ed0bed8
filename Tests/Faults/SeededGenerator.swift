/// SplitMix64: the same seed gives the same numbers, on every machine.
struct SeededGenerator: RandomNumberGenerator, Sendable {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  /// Numbers of their own for one subject, whatever others draw.
  init(seed: UInt64, of subject: String) {
    // FNV-1a, because `Hasher` is seeded anew in each process.
    var hash: UInt64 = 0xCBF2_9CE4_8422_2325
    for byte in subject.utf8 { hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01B3 }
    state = seed ^ hash
    _ = next()
  }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }

  /// 0 up to, not including, 1.
  mutating func fraction() -> Double { Double(next() >> 11) / Double(1 << 53) }

  mutating func number(in range: ClosedRange<Double>) -> Double {
    range.lowerBound + fraction() * (range.upperBound - range.lowerBound)
  }

  /// 0 up to, not including, `count`; 0 where there is nothing to choose from.
  mutating func index(below count: Int) -> Int {
    count > 0 ? Int(next() % UInt64(count)) : 0
  }

  /// One of several, each as often as its weight says.
  mutating func choice<Value>(_ weighted: [(Value, Int)]) -> Value? {
    var rest = index(below: weighted.reduce(0) { $0 + $1.1 })
    for (value, weight) in weighted {
      if rest < weight { return value }
      rest -= weight
    }
    return nil
  }
}
