import Foundation

/// An index of made-up crates with the shape of crates.io's, the same for the same seed and sizes.
///
/// What crates.io has, as rounded: half of all crates have four versions or fewer, the mean is ten, a few
/// have thousands; a fifth of the versions depend on nothing, the others on some three crates, a few on
/// dozens; half of the crates have features, a few hundreds of them. A line has a few hundred bytes to
/// some kilobytes. Dependencies and features change little from version to version.
public struct SyntheticIndex: Sendable {
  public let seed: UInt64
  /// How many versions each crate has.
  private let counts: [Int32]

  /// - Parameters:
  ///   - crates: 1 or more.
  ///   - versions: of all crates together; at least one of each.
  public init(seed: UInt64, crates: Int, versions: Int) {
    self.seed = seed
    var random = SplitMix(seed)
    let weights = (0..<crates).map { _ in min(random.logNormal(median: 4, sigma: 1.35), 3000) }
    let sum = weights.reduce(0, +)
    let spare = Double(max(0, versions - crates))
    // Rounded so that the sum is right: what is cut off goes on to the next crate.
    var carry = 0.0
    counts = weights.map { weight in
      let wanted = spare * weight / sum + carry
      let whole = wanted.rounded(.down)
      carry = wanted - whole
      return Int32(whole) + 1
    }
  }

  /// How many crates there are.
  public var crates: Int { counts.count }
  /// How many versions all crates have.
  public var versions: Int { counts.reduce(0) { $0 + Int($1) } }

  /// A crate's name as it is published.
  public func name(of crate: Int) -> String {
    let number = String(crate, radix: 36)
    // Short names have folders of their own.
    if crate < 36 * 36 { return crate % 7 == 0 ? "a" + number : "x-" + number }
    let first = Words.all[crate % Words.all.count]
    let second = Words.all[(crate / 31) % Words.all.count]
    return switch crate % 16 {
    case 0: "\(first.capitalized)_\(second)_\(number)"
    case 1...4: "\(first)_\(second)_\(number)"
    default: "\(first)-\(second)-\(number)"
    }
  }

  /// The path of a crate's file in the index.
  public func path(of crate: Int) -> String {
    let name = name(of: crate).lowercased()
    return switch name.utf8.count {
    case 1, 2: "\(name.utf8.count)/\(name)"
    case 3: "3/\(name.prefix(1))/\(name)"
    default: "\(name.prefix(2))/\(name.dropFirst(2).prefix(2))/\(name)"
    }
  }

  /// A crate's file.
  ///
  /// - Parameter changes: how often the crate has changed since: each time it gets one more version, and
  ///   every third time its first one is yanked.
  public func file(of crate: Int, changes: Int = 0) -> [UInt8] {
    var file: [UInt8] = []
    // From a number of its own: streams that begin a few steps apart would give crates the same lines.
    var start = SplitMix(seed &+ UInt64(crate))
    var random = SplitMix(start.next())
    let shape = CrateShape(crate, crates: crates, &random)
    let name = name(of: crate)
    let count = Int(counts[crate])
    for version in 0..<(count + changes) {
      var line = SplitMix(random.next() ^ UInt64(version))
      let isYanked = line.next() % 40 == 0 || version == 0 && changes % 3 == 1
      append(version, of: name, shape, count: count, isYanked: isYanked, &line, to: &file)
    }
    return file
  }

  private func append(
    _ version: Int, of name: String, _ shape: CrateShape, count: Int, isYanked: Bool,
    _ random: inout SplitMix, to file: inout [UInt8]
  ) {
    file += #"{"name":"\#(name)","vers":"\#(Self.number(version))","deps":["#.utf8
    // A crate grows with its versions.
    let share = 0.5 + 0.5 * Double(version + 1) / Double(count)
    let dependencies = Int((Double(shape.dependencies.count) * min(share, 1)).rounded())
    for (index, dependency) in shape.dependencies.prefix(dependencies).enumerated() {
      if index > 0 { file.append(UInt8(ascii: ",")) }
      dependency.append(to: &file)
    }
    file += #"],"cksum":""#.utf8
    for _ in 0..<4 { random.next().appendHexadecimal(to: &file) }
    file += #"","features":{"#.utf8
    file += shape.features
    file += #"},"yanked":\#(isYanked)"#.utf8
    if let rust = shape.rustVersion { file += #","rust_version":"\#(rust)""#.utf8 }
    file += #","pubtime":""#.utf8
    Self.appendTime(
      Int64(1_450_000_000 + (shape.begin + version * 1_700_000) % 300_000_000), to: &file)
    file += "\"}\n".utf8
  }

  /// `0.1.0`, `0.1.1`, … with a new minor version now and then.
  private static func number(_ version: Int) -> String {
    "\(version / 60).\(version / 6 % 10 + 1).\(version % 6)"
  }

  private static func appendTime(_ seconds: Int64, to file: inout [UInt8]) {
    var time = time_t(seconds)
    var parts = tm()
    gmtime_r(&time, &parts)
    func digits(_ number: Int32) {
      file.append(UInt8(48 + number / 10 % 10))
      file.append(UInt8(48 + number % 10))
    }
    let year = parts.tm_year + 1900
    digits(year / 100)
    digits(year % 100)
    for (mark, number) in [
      ("-", parts.tm_mon + 1), ("-", parts.tm_mday), ("T", parts.tm_hour), (":", parts.tm_min),
      (":", parts.tm_sec),
    ] {
      file += mark.utf8
      digits(number)
    }
    file.append(UInt8(ascii: "Z"))
  }
}

/// What the versions of a crate have in common.
private struct CrateShape {
  struct Dependency {
    let name: String
    let requirement: String
    let isOptional: Bool
    let kind: String
    let target: String

    func append(to file: inout [UInt8]) {
      file += #"{"name":""#.utf8
      file += name.utf8
      file += #"","req":""#.utf8
      file += requirement.utf8
      file +=
        (isOptional
        ? #"","features":["std"],"optional":true"# : #"","features":[],"optional":false"#).utf8
      file += #","default_features":true,"target":"#.utf8
      file += target.utf8
      file += #","kind":""#.utf8
      file += kind.utf8
      file += #""}"#.utf8
    }
  }

  let dependencies: [Dependency]
  /// The inside of the object.
  let features: [UInt8]
  let rustVersion: String?
  /// Seconds of the first version, from some time on.
  let begin: Int

  init(_ crate: Int, crates: Int, _ random: inout SplitMix) {
    let many = random.below(5) == 0 ? 0 : min(Int(random.logNormal(median: 3, sigma: 0.85)), 120)
    dependencies = (0..<many).map { _ in
      Dependency(
        name: Words.all[random.below(Words.all.count)] + "-"
          + String(random.below(crates), radix: 36),
        requirement: "^\(random.below(3)).\(random.below(20))", isOptional: random.below(5) == 0,
        kind: ["normal", "normal", "normal", "dev", "build"][random.below(5)],
        target: random.below(15) == 0 ? #""cfg(windows)""# : "null")
    }
    var text = ""
    if random.below(2) == 0 {
      for feature in 0..<min(Int(random.logNormal(median: 4, sigma: 1)), 800) {
        let word = Words.all[(crate + feature) % Words.all.count]
        text += text.isEmpty ? "" : ","
        text += #""\#(word)\#(feature)":["dep:\#(word)"]"#
      }
    }
    features = Array(text.utf8)
    rustVersion = random.below(4) == 0 ? "1.\(50 + random.below(40))" : nil
    begin = random.below(300_000_000)
  }
}

enum Words {
  static let all = [
    "async", "serde", "tokio", "macro", "core", "http", "json", "wasm", "crypto", "graph", "parser",
    "derive", "client", "server", "tiny", "fast", "simple", "linux", "windows", "audio", "image",
    "vector", "matrix", "game", "engine", "store", "queue", "cache", "stream", "proto", "cli",
  ]
}

/// SplitMix64 (Steele, Lea, Flood 2014): one state, the same numbers everywhere.
struct SplitMix {
  private var state: UInt64

  init(_ seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }

  mutating func below(_ limit: Int) -> Int { Int(next() % UInt64(limit)) }

  /// Log-normal by Box and Muller.
  mutating func logNormal(median: Double, sigma: Double) -> Double {
    let first = (Double(next() >> 11) + 0.5) / 9_007_199_254_740_992
    let second = Double(next() >> 11) / 9_007_199_254_740_992
    let normal = (-2 * log(first)).squareRoot() * cos(2 * .pi * second)
    return median * exp(sigma * normal)
  }
}

extension UInt64 {
  fileprivate func appendHexadecimal(to bytes: inout [UInt8]) {
    for shift in stride(from: 60, through: 0, by: -4) {
      let digit = UInt8(self >> UInt64(shift) & 15)
      bytes.append(digit < 10 ? 48 + digit : 87 + digit)
    }
  }
}
