import ExecutorKit
import FarmModel
import Recipes
import Testing

@Suite("Mistakes in targets")
struct TargetMistakeTests {
  static let head = "triple: t-x\nexecutor: m\n"

  @Test(
    "each key's mistakes are told with their place and what was expected",
    arguments: [
      ("tier: 4", "3:7: “tier” cannot be “4”: expected 1, 2 or 3"),
      ("tier: [1]", "3:7: “tier” is a list: expected 1, 2 or 3"),
      ("tier:", "3:6: “tier” has no value: expected 1, 2 or 3"),
      ("tier: ~", "3:7: “tier” has no value: expected 1, 2 or 3"),
      ("tirer: 1", "3:1: unknown key “tirer”: did you mean “tier”?"),
      ("Linker: gcc", "3:1: unknown key “Linker”: did you mean “linker”?"),
      (
        "musl: { a: 1 }",
        "3:1: unknown key “musl”: expected one of triple, executor, tier, rust, linker, glibc, runner, policy, limits, alternatives, builders, m"
      ),
      ("rust: new", "3:7: “rust” cannot be “new”: expected a version requirement such as >=1.85"),
      ("linker: gc", "3:9: “linker” cannot be “gc”: did you mean “gcc”?"),
      ("linker: lld-9", "3:9: “linker” cannot be “lld-9”: expected gcc or zig"),
      ("glibc: 2", "3:8: “glibc” cannot be “2”: expected a version such as 2.36"),
      ("glibc: 3.1", "3:8: “glibc” cannot be “3.1”: expected a version such as 2.36"),
      ("runner: qemu", "3:9: “runner” is text: expected a list of arguments"),
      (
        "runner: [\"a\\0b\"]",
        "3:10: an item of “runner” holds a control character: expected an argument"
      ),
      ("policy: [a]", "3:9: “policy” is a list: expected a mapping with needed"),
      ("policy: { need: [a] }", "3:11: unknown key “need”: did you mean “needed”?"),
      (
        "policy: { needed: [../evil.so] }",
        "3:20: an item of “needed” cannot be “../evil.so”: expected a library name"
      ),
      ("policy: { needed: }", "3:19: “needed” has no value: expected a list of library names"),
      (
        "limits: { memory: 4GB }",
        "3:19: “memory” cannot be “4GB”: expected a size such as 4GiB, 512MiB or 65536"
      ),
      (
        "limits: { memory: 0 }",
        "3:19: “memory” cannot be “0”: expected a size such as 4GiB, 512MiB or 65536"
      ),
      (
        "limits: { disk: 99999999999999999999GiB }",
        "3:17: “disk” cannot be “99999999999999999999GiB”: expected a size such as 4GiB, 512MiB or 65536"
      ),
      (
        "limits: { log: -1 }",
        "3:16: “log” cannot be “-1”: expected a size such as 4GiB, 512MiB or 65536"
      ),
      (
        "limits: { time: 15 }",
        "3:17: “time” cannot be “15”: expected a duration such as 90s, 15m or 2h"
      ),
      (
        "limits: { time: 169h }",
        "3:17: “time” cannot be “169h”: expected a duration such as 90s, 15m or 2h"
      ),
      (
        "limits: { processes: many }",
        "3:22: “processes” cannot be “many”: expected a whole number from 1 to 1000000"
      ),
      ("limits: { memroy: 1 }", "3:11: unknown key “memroy”: did you mean “memory”?"),
      (
        "alternatives: [a]",
        "3:15: “alternatives” is a list: expected a mapping of executor modules' names and linker, glibc, runner, configuration, limits"
      ),
      (
        "alternatives: { m: {} }",
        "3:17: “m” is the target's own executor: expected another executor module such as qemu"
      ),
      (
        "alternatives: { Q: {} }",
        "3:17: “Q” is no name of an executor module: expected another executor module such as qemu"
      ),
      ("alternatives: { q: { glib: 2 } }", "3:22: unknown key “glib”: did you mean “glibc”?"),
      (
        "alternatives: { q: { configuration: 2 } }",
        "3:37: “configuration” is text: expected a mapping with what the executor module reads"
      ),
      (
        "alternatives: { q: { limits: { tim: 2h } } }",
        "3:32: unknown key “tim”: did you mean “time”?"
      ),
      ("m: x", "3:4: “m” is text: expected a mapping with what the executor module reads"),
      ("m: { a: }", "3:9: “a” has no value: expected text, a number, true or false"),
      (
        "m: { a: [12345678901234567890] }",
        "3:10: an item of “a” is too large a number: expected at most 15 digits, or quotes around it"
      ),
    ])
  func key(_ line: String, _ expected: String) {
    #expect(targetProblems(Self.head + line + "\n") == ["targets/t-x.yaml:" + expected])
  }

  @Test(
    "what names the target must be there and fit",
    arguments: [
      (
        "triple: t-x\n",
        [
          "1:1: missing key “executor”: expected the name of an executor module such as docker-cross"
        ]
      ),
      (
        "executor: m\n",
        ["1:1: missing key “triple”: expected a target triple such as aarch64-unknown-linux-gnu"]
      ),
      (
        "triple: T\nexecutor: m\n",
        ["1:9: “triple” cannot be “T”: expected a target triple such as aarch64-unknown-linux-gnu"]
      ),
      ("triple: t-y\nexecutor: m\n", ["1:9: “triple” is not the file's name: expected “t-x”"]),
      (
        "triple: t-x\nexecutor: tier\n",
        [
          "2:11: “executor” cannot be “tier”: expected the name of an executor module such as docker-cross"
        ]
      ),
      (
        "triple: t-x\nexecutor: M/x\nmusl: {}\n",
        [
          "2:11: “executor” cannot be “M/x”: expected the name of an executor module such as docker-cross"
        ]
      ),
      (
        "- a\n",
        [
          "1:1: a target is a list: expected a mapping with triple, executor, tier, rust, linker, glibc, runner, policy, limits, alternatives, builders"
        ]
      ),
    ])
  func names(_ text: String, _ expected: [String]) {
    #expect(targetProblems(text) == expected.map { "targets/t-x.yaml:" + $0 })
  }

  @Test("an empty file and an empty set are told")
  func empty() {
    let message = "targets/t-x.yaml: the file is empty: expected a mapping with triple and executor"
    #expect(targetProblems("") == [message])
    #expect(targetProblems("# only a comment\n") == [message])
    #expect(
      problems() == [
        "targets: there is no target: expected a file <triple>.yaml for each target to build for"
      ])
  }

  @Test("all mistakes of all files are told at once, by file and place")
  func together() {
    let found = problems(
      SourceText(path: "targets/t-x.yaml", text: "triple: t-x\ntier: 9\nlinker: ld\n"),
      SourceText(path: "targets/t-y.yaml", text: "triple: t-y\nexecutor: m\nrusty: 1\n"),
      SourceText(path: "recipes/c.yaml", text: "crate: c\nversion: []\n"))
    #expect(
      found == [
        "targets/t-x.yaml:1:1: missing key “executor”: expected the name of an executor module such as docker-cross",
        "targets/t-x.yaml:2:7: “tier” cannot be “9”: expected 1, 2 or 3",
        "targets/t-x.yaml:3:9: “linker” cannot be “ld”: expected gcc or zig",
        "targets/t-y.yaml:3:1: unknown key “rusty”: did you mean “rust”?",
        "recipes/c.yaml:2:1: unknown key “version”: did you mean “versions”?",
      ])
  }

  @Test("a module's values keep their kinds: only those without quotes are numbers and booleans")
  func configuration() throws {
    let text = """
      m:
        number: 12
        fraction: -0.5
        boolean: true
        quoted: "12"
        word: yes
        zeros: 010
        list: [1, a, { b: false }]
      """
    let set = try RecipeSet(files: [
      SourceText(path: "targets/t-x.yaml", text: Self.head + text)
    ])
    #expect(
      set.targets.first?.configuration
        == .map([
          "number": .number(12), "fraction": .number(-0.5), "boolean": .boolean(true),
          "quoted": .text("12"), "word": .text("yes"), "zeros": .number(10),
          "list": .list([.number(1), .text("a"), .map(["b": .boolean(false)])]),
        ]))
  }

  @Test("numbers and truth values are spelled as YAML's core schema has them")
  func spellings() throws {
    let text = """
      tier: 0x2
      limits: { memory: 1e9, log: 1024.0, disk: "4096", processes: +7 }
      builders: { concurrent: 0o17 }
      m: { a: True, b: 0x1F, c: 1e3, d: 1_000, e: ".5", f: .5, g: 9007199254740992, h: tRUE }
      """
    let set = try RecipeSet(files: [
      SourceText(path: "targets/t-x.yaml", text: Self.head + text)
    ])
    let target = try #require(set.targets.first)
    #expect(target.tier == 2)
    #expect(target.limits.memory == 1_000_000_000)
    #expect(target.limits.log == 1024)
    #expect(target.limits.disk == 4096)
    #expect(target.limits.processes == 7)
    #expect(target.builders.concurrent == 15)
    #expect(
      target.configuration
        == .map([
          "a": .boolean(true), "b": .number(31), "c": .number(1000), "d": .text("1_000"),
          "e": .text(".5"), "f": .number(0.5), "g": .number(9_007_199_254_740_992),
          "h": .text("tRUE"),
        ]))
    for large in ["9007199254740993", "-9007199254740993", "1.7e308", ".inf", ".nan", "1e400"] {
      #expect(
        targetProblems(Self.head + "m: { a: \(large) }\n") == [
          "targets/t-x.yaml:3:9: “a” is too large a number: expected at most 15 digits, or quotes around it"
        ])
    }
  }

  @Test("what a file leaves out has the farm's defaults")
  func defaults() throws {
    let set = try RecipeSet(files: [SourceText(path: "targets/t-x.yaml", text: Self.head)])
    let target = try #require(set.targets.first)
    #expect(target.tier == 1)
    #expect(target.rust == ">=1.85")
    #expect(target.linker == .gcc)
    #expect(target.glibc == nil)
    #expect(target.runner == [])
    #expect(target.needed == [])
    #expect(target.limits == LimitsOverlay())
    #expect(target.configuration == .map([:]))
  }
}
