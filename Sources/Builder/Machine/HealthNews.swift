import ExecutorKit

/// What a probe found that the one before had not, as lines for the builder's log.
enum HealthNews {
  /// - Returns: modules that have a problem now, targets that cannot be built for with the remedy,
  ///   and targets that can be built for again.
  static func lines(from before: [ProbedModule], to now: [ProbedModule]) -> [String] {
    let known = Dictionary(before.map { ($0.path, $0) }) { first, _ in first }
    return now.flatMap { lines(from: known[$0.path], to: $0) }
  }

  private static func lines(from before: ProbedModule?, to now: ProbedModule) -> [String] {
    var lines: [String] = []
    if let problem = now.problem, problem != before?.problem {
      lines.append("module \(now.name): \(problem)")
    }
    for (triple, health) in now.targets.sorted(by: { $0.key < $1.key })
    where health != before?.targets[triple] {
      guard let line = line(triple, health, wasThere: before != nil) else { continue }
      lines.append("\(now.name) for \(line)")
    }
    return lines
  }

  /// A target that is ready from the beginning is no news.
  private static func line(_ triple: String, _ health: TargetHealth, wasThere: Bool) -> String? {
    switch health {
    case .ready: wasThere ? "\(triple): ready again" : nil
    case .unhealthy(let reason, let remedy): "\(triple): unhealthy: \(reason); \(remedy)"
    case .absent(let reason): "\(triple): absent: \(reason)"
    }
  }
}
