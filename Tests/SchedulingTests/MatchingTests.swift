import BuilderProtocol
import ExecutorKit
import FarmModel
import Scheduling
import Testing

@Suite("Matching jobs with builders")
struct MatchingTests {
  private static let requirement = JobRequirement(
    target: "a-b-c", executor: "m", memory: SizeClass(rawValue: 2), disk: SizeClass(rawValue: 4),
    rust: ">=1.85")

  private func profile(
    _ toolchains: [String] = ["1.96.0"], health: TargetHealth? = nil, memory: Int64 = 8 << 30,
    disk: Int64 = 64 << 30, labels: [String: String] = [:], slots: Int = 1
  ) -> Capabilities {
    Capabilities(
      modules: [.init(name: "m", version: "0.3.0")],
      targets: [
        .init(triple: "a-b-c", module: "m", health: health ?? .ready(toolchains: toolchains))
      ], architecture: "x86_64", cores: 2, memoryBytes: memory, diskBytes: disk, labels: labels,
      slots: slots)
  }

  @Test("a builder that has all of it can do the job, toolchains that are not known yet included")
  func fits() {
    #expect(profile().obstacle(to: Self.requirement) == nil)
    #expect(profile([]).obstacle(to: Self.requirement) == nil)
  }

  @Test("what is missing is told")
  func missing() {
    var wanted = Self.requirement
    #expect(profile(["1.63.0"]).obstacle(to: wanted) == "Rust >=1.85")
    #expect(profile(memory: 3 << 30).obstacle(to: wanted) == "4 GiB of memory for a slot")
    #expect(profile(slots: 4).obstacle(to: wanted) == "4 GiB of memory for a slot")
    #expect(profile(disk: 8 << 30).obstacle(to: wanted) == "16 GiB of disk for a slot")
    let absent = profile(health: .absent(reason: "no"))
    #expect(absent.obstacle(to: wanted) == "a builder that is ready for a-b-c by m")
    wanted.minimumRust = "1.97"
    #expect(profile().obstacle(to: wanted) == "Rust 1.97")
    #expect(profile(["1.97.1"]).obstacle(to: wanted) == nil)
    wanted.minimumRust = nil
    wanted.module = ">=0.4"
    #expect(profile().obstacle(to: wanted) == "m >=0.4")
    wanted.module = ">=0.3"
    wanted.labels = ["gpu": "yes"]
    #expect(profile().obstacle(to: wanted) == "a builder with the label gpu=yes")
    #expect(profile(labels: ["gpu": "yes", "site": "x"]).obstacle(to: wanted) == nil)
  }

  @Test("of a farm, the builder that comes closest tells why a job waits")
  func reasons() {
    let other = Capabilities(
      modules: [], targets: [], architecture: "x86_64", cores: 1, memoryBytes: 1, diskBytes: 1,
      slots: 1)
    #expect(
      Matching.reason(Self.requirement, builders: [other, profile(["1.63.0"])])
        == "needs Rust >=1.85")
    #expect(Matching.reason(Self.requirement, builders: [other, profile()]) == nil)
    #expect(
      Matching.reason(Self.requirement, builders: [])
        == "needs a builder that is ready for a-b-c by m")
  }

  @Test("a version's own Rust counts only where the target would be content with an older one")
  func minimumRust() {
    func minimum(_ version: String?, target: String = ">=1.85") -> String? {
      let inputs = BuildInputs(
        crate: "x", version: "1.0.0", checksum: "", target: "a-b-c", executor: "m",
        configuration: .map([:]), rust: target)
      return JobRequirement(
        Plan(inputs: inputs, checks: BuildChecks(), limits: Limits()), rustVersion: version
      ).minimumRust
    }
    #expect(minimum("1.97") == "1.97")
    #expect(minimum("1.97.2") == "1.97")
    for text in ["1.85", "1.60", "1.85.1", "nonsense", "", "2"] {
      #expect(minimum(text) == nil, "\(text)")
    }
    #expect(minimum(nil) == nil)
    #expect(minimum("1.60", target: "*") == "1.60")
  }
}

@Suite("Quarantine and estimates")
struct QuarantineTests {
  private let policy = QuarantinePolicy()

  @Test("three different crates in a row pause a builder, ever longer, up to an hour")
  func pauses() {
    var record = BuilderRecord()
    var pauses: [Double] = []
    for crate in 0..<33 {
      let (next, pause) = policy.failed(record, crate: Int64(crate))
      if pause > 0 { pauses.append(pause) }
      record = next
    }
    #expect(pauses.prefix(4) == [10, 20, 40, 80])
    #expect(pauses.last == 3600)
    #expect(pauses.count == 11)
  }

  @Test("one crate alone pauses nobody, however often it fails")
  func oneCrate() {
    var record = BuilderRecord()
    for _ in 0..<10 {
      let (next, pause) = policy.failed(record, crate: 7)
      #expect(pause == 0)
      record = next
    }
  }

  @Test("a job is suspect once three builders have failed at it")
  func suspects() {
    #expect(!policy.isSuspect(builders: 2))
    #expect(policy.isSuspect(builders: 3))
  }

  @Test("an estimate grows with what is before a job, and is none where nobody builds")
  func estimates() {
    #expect(StartEstimate.seconds(position: 0, slots: 2, secondsPerJob: 60) == 0)
    #expect(StartEstimate.seconds(position: 2, slots: 2, secondsPerJob: 60) == 90)
    #expect(StartEstimate.seconds(position: 20, slots: 2, secondsPerJob: 60) == 630)
    #expect(StartEstimate.seconds(position: 5, slots: 0, secondsPerJob: 60) == nil)
    #expect(StartEstimate.seconds(position: 5, slots: 1, secondsPerJob: nil) == nil)
  }
}
