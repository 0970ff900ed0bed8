/// How long to wait before the next try: a random part ("full jitter") of a time that doubles; pure.
public struct Backoff: Sendable {
  private let first: Duration
  private let longest: Duration
  private var ceiling: Duration

  public init(first: Duration = .milliseconds(250), longest: Duration = .seconds(30)) {
    self.first = first
    self.longest = longest
    ceiling = first
  }

  /// A wait between nothing and the present ceiling, which is doubled for the next one.
  public mutating func next(using generator: inout some RandomNumberGenerator) -> Duration {
    defer { ceiling = min(ceiling * 2, longest) }
    return ceiling * Double.random(in: 0...1, using: &generator)
  }

  /// A wait between nothing and the present ceiling, which is doubled for the next one.
  public mutating func next() -> Duration {
    var generator = SystemRandomNumberGenerator()
    return next(using: &generator)
  }

  /// It went well: begin anew.
  public mutating func reset() { ceiling = first }
}
