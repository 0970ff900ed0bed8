import ExecutorKit
import FarmModel
import Testing

@Suite("Comparing two builds")
struct ReproducibilityTests {
  private func report(
    binary: String = "1", files: [String: (ArtifactKind, String)] = ["t.tar.gz": (.binary, "2")],
    environment: String = "sha256:e"
  ) -> BuildReport {
    let inspection = Inspection(
      format: "ELF64", machine: "x86_64", endianness: "little", interpreter: nil, needed: [],
      glibcFloor: nil)
    return BuildReport(
      binaries: [BinaryReport(name: "tool", size: 1, sha256: binary, inspection: inspection)],
      leftOut: [],
      environment: EnvironmentIdentity(digest: environment, rustc: "", cargo: "", linker: ""),
      seconds: ["build": 1],
      artifacts: files.map {
        ArtifactReport(name: $0.key, kind: $0.value.0, size: 1, sha256: $0.value.1)
      })
  }

  @Test("equal digests are a reproduced build, whatever the times")
  func equal() {
    var second = report()
    second.seconds = ["build": 2]
    let finding = ReproducibilityFinding(comparing: report(), with: second)
    #expect(finding == ReproducibilityFinding(differing: []))
    #expect(finding.verdict == .reproduced)
  }

  @Test("what differs, and what only one build has, is named, sorted")
  func different() {
    let first = report(files: ["t.tar.gz": (.binary, "2"), "t.deb": (.debian, "3")])
    let second = report(binary: "9", files: ["t.tar.gz": (.binary, "8")])
    let finding = ReproducibilityFinding(comparing: first, with: second)
    #expect(finding.verdict == .differs)
    #expect(finding.differing == ["bin/tool", "t.deb", "t.tar.gz"])
  }

  @Test("what tells of one run only is not compared")
  func kinds() {
    let first = report(files: ["m": (.metadata, "1"), "l": (.log, "1"), "p": (.provenance, "1")])
    let second = report(
      files: ["m": (.metadata, "2"), "l": (.log, "2"), "p": (.provenance, "2")])
    #expect(ReproducibilityFinding(comparing: first, with: second).verdict == .reproduced)
  }

  @Test("environments need not be equal where the bytes are")
  func environments() {
    let elsewhere = report(environment: "sha256:f")
    #expect(ReproducibilityFinding(comparing: report(), with: elsewhere).verdict == .reproduced)
    let other = report(binary: "9", environment: "sha256:f")
    #expect(ReproducibilityFinding(comparing: report(), with: other).differing == ["bin/tool"])
  }
}
