import ExecutorKit
import FarmModel
import Foundation
import Testing

@Suite("Names that form paths and URLs")
struct NameTests {
  @Test("crate names follow the registry's rules")
  func crateNames() {
    #expect(CrateName("ripgrep")?.text == "ripgrep")
    #expect(CrateName("Rip-Grep_2")?.normalized == "rip_grep_2")
    for bad in ["", "1abc", "-a", "a/b", "../a", "a b", "é", String(repeating: "a", count: 65)] {
      #expect(CrateName(bad) == nil, "\(bad)")
    }
  }

  @Test("target triples hold nothing that a path could misread")
  func triples() {
    #expect(TargetTriple("aarch64-unknown-linux-gnu")?.architecture == "aarch64")
    #expect(
      TargetTriple("x86_64-unknown-linux-musl")?.environmentName == "X86_64_UNKNOWN_LINUX_MUSL")
    for bad in ["", "x86", "a--b", "../x-y", "A-B-C", "a-b-c-d-e", "a-..-c"] {
      #expect(TargetTriple(bad) == nil, "\(bad)")
    }
  }

  @Test("artifact names are plain file names")
  func artifactNames() {
    #expect(ArtifactName.isSafe("ripgrep-13.0.0+x-aarch64-unknown-linux-gnu.tar.gz"))
    for bad in ["", ".hidden", "a/b", "a\\b", "-rf", "a\u{0}b", "a b"] {
      #expect(!ArtifactName.isSafe(bad), "\(bad)")
    }
  }

  @Test("canonical JSON has one spelling")
  func canonicalJSON() throws {
    #expect(try CanonicalJSON.text(["b": "x/y", "a": "1"]) == #"{"a":"1","b":"x/y"}"#)
  }

  @Test("an outcome keeps its failure class through JSON")
  func outcome() throws {
    for outcome in [AttemptOutcome.succeeded, .failed(.outOfMemory, message: "4 GiB")] {
      let data = try JSONEncoder().encode(outcome)
      #expect(try JSONDecoder().decode(AttemptOutcome.self, from: data) == outcome)
    }
  }

  @Test("the highest glibc floor is found by number, not by text")
  func glibcFloor() {
    #expect(GlibcVersion("2.9") < GlibcVersion("2.34"))
  }
}
