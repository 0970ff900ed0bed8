import ExecutorKit
import Testing

@testable import Builder

@Suite("What a probe tells the operator")
struct HealthNewsTests {
  static func module(_ targets: [String: TargetHealth], problem: String? = nil) -> ProbedModule {
    ProbedModule(
      path: "/m/libFakeExecutor.so", description: nil, targets: targets, facts: [:],
      problem: problem)
  }
  static let away = TargetHealth.unhealthy(reason: "no engine", remedy: "start it")

  @Test("an unhealthy target is told once, with its remedy, and again when it is well")
  func unhealthy() {
    let well = Self.module(["a-b-c": .ready(toolchains: ["1.96.0"])])
    let ill = Self.module(["a-b-c": Self.away])
    #expect(HealthNews.lines(from: [], to: [well]).isEmpty)
    let told = ["fake for a-b-c: unhealthy: no engine; start it"]
    #expect(HealthNews.lines(from: [], to: [ill]) == told)
    #expect(HealthNews.lines(from: [well], to: [ill]) == told)
    #expect(HealthNews.lines(from: [ill], to: [ill]).isEmpty)
    #expect(HealthNews.lines(from: [ill], to: [well]) == ["fake for a-b-c: ready again"])
  }

  @Test("a module that cannot be used is told")
  func problem() {
    let broken = Self.module([:], problem: "it crashed")
    #expect(HealthNews.lines(from: [], to: [broken]) == ["module fake: it crashed"])
  }
}
