/// How much of everything is measured.
struct Sizes: Sendable {
  /// Pending rows, ascending.
  var rows: [Int]
  var claims: Int
  var builders = [1, 8, 64]
  var throughputSeconds: Int
  var load: Duration
  var loadBuilders = 8
  var idleFarms = [8, 64]
  var idleSamples: Int
  var idleBuilders = 1000
  var idleSeconds: Int

  static let full = Sizes(
    rows: [10_000, 1_000_000, 10_000_000], claims: 2_000, throughputSeconds: 20,
    load: .seconds(600), idleSamples: 600, idleSeconds: 40)
  static let quick = Sizes(
    rows: [10_000, 100_000], claims: 500, throughputSeconds: 10, load: .seconds(30),
    idleSamples: 200, idleSeconds: 10)
}
