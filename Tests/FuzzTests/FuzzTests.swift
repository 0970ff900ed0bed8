import Foundation
import FuzzTargets
import Testing

/// The short, always equal run; `just fuzz` is the long one, guided by coverage (docs/fuzzing.md).
@Suite("Fuzzing")
struct FuzzTests {
  /// Tests/Fuzz, beside this file's folder.
  static let directory = URL(filePath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().appending(path: "Fuzz")

  /// What the seed is for: other inputs are as good, equal ones make failures repeatable.
  static let seed: UInt64 = 20_261_124

  @Test("the corpus, and whatever was once found, holds", arguments: FuzzTarget.allCases)
  func corpus(_ target: FuzzTarget) throws {
    let corpus = try FuzzCorpus(of: target, fuzzDirectory: Self.directory)
    var outcomes: Set<FuzzOutcome> = []
    for input in corpus.inputs {
      do throws(FuzzFinding) {
        outcomes.insert(try target.run(input.bytes))
      } catch {
        Issue.record("\(input.name): \(error)")
      }
    }
    #expect(corpus.inputs.count >= 5)
    #expect(outcomes == Set(FuzzOutcome.allCases))
  }

  @Test("a thousand mutated inputs hold", arguments: FuzzTarget.allCases)
  func mutations(_ target: FuzzTarget) throws {
    let corpus = try FuzzCorpus(of: target, fuzzDirectory: Self.directory)
    #expect(corpus.words.count >= 10)
    var mutator = Mutator(
      seed: Self.seed,
      // What was found once is tried above; from sound inputs there are more ways.
      seeds: corpus.inputs.filter { !$0.name.hasPrefix("found-") }.map(\.bytes), words: corpus.words
    )
    var outcomes: [FuzzOutcome: Int] = [:]
    for number in 0..<1000 {
      let input = mutator.next()
      do throws(FuzzFinding) {
        outcomes[try target.run(input), default: 0] += 1
      } catch {
        Issue.record("input \(number), \(Data(input).base64EncodedString()): \(error)")
      }
    }
    // Neither side of the readers is left out.
    for outcome in FuzzOutcome.allCases {
      #expect(outcomes[outcome, default: 0] >= 10, "\(outcome) of \(target)")
    }
  }

  @Test("one seed gives one sequence of inputs, another seed another")
  func repeatable() {
    func inputs(_ seed: UInt64) -> [[UInt8]] {
      var mutator = Mutator(seed: seed, seeds: [Array("seed".utf8)], words: [Array("word".utf8)])
      return (0..<100).map { _ in mutator.next() }
    }
    #expect(inputs(1) == inputs(1))
    #expect(inputs(1) != inputs(2))
    #expect(Set(inputs(1)).count > 50)
  }
}
