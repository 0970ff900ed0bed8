import Foundation
import Recipes
import Testing

/// Holds the JSON Schemas against the loader: the same files go through both.
@Suite("JSON Schemas of recipes and targets")
struct SchemaTests {
  /// A file and what the schema must say of it, where that is not what the loader says.
  struct Sample {
    var kind: RecipeSchema
    var text: String
    /// Why the schema accepts what the loader refuses; nil: both agree.
    var inexpressible: String?

    init(_ kind: RecipeSchema, _ text: String, inexpressible: String? = nil) {
      self.kind = kind
      self.text = text
      self.inexpressible = inexpressible
    }

    var path: String {
      switch kind {
      case .recipe: "recipes/c.yaml"
      case .target: "targets/t-x.yaml"
      case .default: "recipes/_default.yaml"
      }
    }
  }

  /// Lines of one item of `versions`, which are lines of a default recipe, too.
  private static let bodies = [
    "features: [pcre2, serde/std, tokio?/net, \"2018\"]", "features: pcre2", "features: [a b]",
    "features: [-x]", "features: [[a]]", "features:", "features: [~]", "default-features: true",
    "default-features: no", "default-features: \"false\"", "default-features: 1",
    "binaries: [rg]", "binaries: [../rg]", "binaries: {}", "packages: { debian: [libpcre2-dev] }",
    "packages: { debain: [libpcre2-dev] }", "packages: { debian: [X] }", "packages: [a]",
    "packages: { debian: [x] }", "packages: { debian: [gcc-, g++] }", "packages: { debian: [g++] }",
    "environment: { A: 1, B: true, C: text, D: \"\" }",
    "environment: { A: }", "environment: { a-b: 1 }", "environment: { PATH: /x }",
    "environment: { LD_PRELOAD: x }", "environment: { CARGO_HOME: x }",
    "environment: { HTTPS_PROXY: x }", "environment: { PATHS: /x }", "environment: { A: [x] }",
    "environment: [A]", "smoke: []", "smoke: {}", "smoke: [a]",
    "smoke: [{ binary: rg, arguments: [--version, 1], expect: \"^ripgrep \" }]",
    "smoke: [{ arguments: --version }]", "smoke: [{ expects: a }]", "smoke: [{}]",
    "limits: { memory: 4GiB, time: 15m, log: 10MiB, disk: 1024, processes: 10 }",
    "limits: { memory: 4GB }", "limits: { memory: 0 }", "limits: { time: soon }",
    "limits: { time: 90 }", "limits: { processes: 0 }", "limits: { processes: 1000001 }",
    "limits: { time: 604800s }", "limits: { time: 604801s }", "limits: { time: 168 h }",
    "limits: { time: 169h }", "limits: { time: 10080m, log: 00001 bytes, disk: 1048576GiB }",
    "limits: { time: 10081m }", "limits: { disk: 1048577GiB }", "limits: { log: 0KiB }",
    "limits: { memory: \"99999999999999999999\" }", "limits: { log: 1099511627776KiB }",
    "limits: { log: 1099511627777KiB }", "limits: { log: 1073741825 MiB }", "limits: { time: s }",
    "limits: { cores: 1 }", "limits:", "skip: not there", "skip: true", "skip: false",
    "skip: \"\"", "skip: \"true\"", "skip: \"false\"", "skip: 3", "skip:", "skip: \"3\"",
    "needed: [libssl.so.3]", "needed: [\"\"]", "executor: docker-cross", "executor: Docker",
    "linker: zig",
    "linker: zog", "targets: { \"*-musl\": { features: [a] }, x86_64-unknown-linux-gnu: {} }",
    "targets: [a]", "targets: { \"[a-z]*\": {} }", "targets: { \"*\": { when: \">=1\" } }",
    "targets: { \"*\": { skpi: x } }", "targets: { \"*-*-*-*-*\": {} }", "feature: [a]",
  ]

  /// What YAML's core schema takes for a number, a truth value or nothing, and what nearly looks so.
  private static let spellings = [
    "1", "2.0", "0x2", "0o2", "+2", "-2", "02", "2e0", "1e3", "1.5", "1.", ".5", "+.5", "1.10",
    "2.1234", "2.5e0", "1E+3", "1e-3", "1_000", "0X2", "0o8", "0x", "1e", ".", "1e400", ".inf",
    "-.INF", "inf", "true", "True", "TRUE", "tRUE", "False", "FALSE", "yes", "no", "Off", "n",
    "null", "NULL", "~", "2:30", "1.2.3", "9007199254740992", "9007199254740993",
    "-9007199254740993", "9007199254740992.5", "1.7e308", "99999999999999999999.5",
    "0x1FFFFFFFFFFFFFFFFF", "1125899906842624", "1024.0", "1e9", "0x400",
    "000000000000000000000000000005",
  ]

  /// Values of every kind in every spelling: without quotes, within them, and there with spaces and with
  /// a line feed.
  private static let spelled: [Sample] = spellings.flatMap { text -> [Sample] in
    let inQuotes = ["\"\(text)\"", "\"\(text) \"", "\" \(text)\"", "\"\(text)\\n\""]
    return ([text] + inQuotes).flatMap { value -> [Sample] in
      let body = [
        "features: [\(value)]", "default-features: \(value)", "binaries: [\(value)]",
        "packages: { debian: [\(value)] }", "environment: { A: \(value) }",
        "smoke: [{ binary: \(value) }]", "smoke: [{ arguments: [\(value)] }]",
        "limits: { memory: \(value) }", "limits: { time: \(value) }",
        "limits: { processes: \(value) }", "skip: \(value)", "needed: [\(value)]",
        "executor: \(value)", "linker: \(value)",
      ]
      let target = [
        "tier: \(value)", "glibc: \(value)", "runner: [\(value)]", "m: { a: \(value) }",
        "builders: { concurrent: \(value) }", "builders: { labels: { a: \(value) } }",
        "alternatives: { qemu: { configuration: { a: [\(value)] } } }",
      ]
      return body.map { Sample(.default, $0 + "\n") } + target.map(ofTarget)
    } + ["rust: \(text)", "builders: { module: \(text) }"].map(ofTarget) + [
      Sample(.recipe, "crate: c\nversions: [{ when: \(text) }]\n")
    ]
  }

  private static func ofTarget(_ line: String) -> Sample {
    Sample(.target, "triple: t-x\nexecutor: m\n\(line)\n")
  }

  private static let requirements = [
    ">=13", "\">=1.2, <2\"", "\"*\"", "1.x", "1.2.*", "^1.2.3-rc.1", "\"~1\"", "=1.2.3", "13",
    "1.5", "\"13\"", "\"1.10\"", "\"18446744073709551615\"", "\"18446744073709551616\"",
    "\"1.2.3-rc\\n\"", "\"1.2.3+b\\n\"",
    "newest", "\">=\"", "1.2.3.4", "\">=1,\"", "-1", "\"\"", "1.2.*-rc", "[1]", "1.2.3+b",
    "1 2", "\"1. 2\"", "\"> = 1\"", "\"> 1 , < 3\"", "\"01.2\"", "\"1.02.0\"", "x", "\">=1.*\"",
    "1.*.*", "1.*.3", "1.2.3-",
    "1.2.3-01", "1.2.3-0a.b", "1+b", "1.2.3-a..b",
  ]

  private static let targetLines = [
    "tier: 1", "tier: 4", "tier: \"2\"", "tier: one", "rust: \">=1.85\"", "rust: new",
    "linker: gcc",
    "glibc: \"2.36\"", "glibc: 2.17", "glibc: 3.1", "glibc: 2", "runner: [qemu-x, -L, /usr]",
    "runner: qemu", "policy: { needed: [libc.so.6] }", "policy: { need: [] }", "policy: []",
    "limits: { memory: 2GiB }", "m: { a: 1, b: [true, x, { c: 1.5 }] }", "m: []", "m: { a: ~ }",
    "m: { a: 99999999999999999999 }",
    "alternatives: { qemu: { glibc: \"2.36\", limits: { time: 4h } } }",
    "alternatives: { qemu: { configuration: { debian: s390x } } }", "alternatives: { Qemu: {} }",
    "alternatives: { qemu: { runer: [] } }", "alternatives: []",
    "builders: { module: \">=0.2\", labels: { site: berlin, rack: 7 }, concurrent: 4 }",
    "builders: { concurrent: 0 }", "builders: { labels: [a] }", "runer: []", "tier:",
  ]

  static let samples: [Sample] =
    bodies.flatMap { line in
      [Sample(.recipe, "crate: c\nversions:\n  - \(line)\n"), Sample(.default, line + "\n")]
    }
    + requirements.map { Sample(.recipe, "crate: c\nversions: [{ when: \($0) }]\n") }
    + targetLines.map(ofTarget) + spelled
    + [
      Sample(.recipe, "crate: 5\n"), Sample(.recipe, "crate: true\n"),
      Sample(.default, "skip: >\n  folded\n"), Sample(.default, "skip: |\n  one\n  two\n"),
      Sample(.default, "skip: |+\n  one\n\n"), Sample(.default, "skip: \" \"\n"),
      Sample(.default, "skip: \"O f F \"\n"), Sample(.default, "skip: nothing\n"),
      Sample(.default, "smoke: [{ expect: 5 }]\n"),
      Sample(.default, "smoke: [{ expect: \"5\" }]\n"),
      Sample(.default, "limits: { memory: 1125899906842625 }\n"),
      Sample(.default, "targets: { 1: {} }\n"), Sample(.default, "environment: { 1: x }\n"),
      Sample(.default, "\u{FEFF}features: [a]\n"),
      Sample(.recipe, "crate: c\n"), Sample(.recipe, "versions: []\n"), Sample(.recipe, "- a\n"),
      Sample(.recipe, "crate: c\nversions: { when: 1 }\n"), Sample(.recipe, "crate: a/b\n"),
      Sample(.recipe, "crate: c\nversions:\n"), Sample(.default, "# nothing\n"),
      Sample(.default, "crate: c\n"), Sample(.target, "triple: t-x\n"),
      Sample(.target, "executor: m\n"), Sample(.target, "triple: T\nexecutor: m\n"),
      Sample(.target, "triple: t-x\nexecutor: tier\n"),
      Sample(.recipe, "crate: d\n", inexpressible: "a file is named like its crate"),
      Sample(
        .recipe, "crate: c\nversions: [{ binaries: [a, b], smoke: [{ binary: ab }] }]\n",
        inexpressible: "a smoke test is of a binary that is built"),
      Sample(.recipe, "crate: c\nversions: [{ binaries: [a, b], smoke: [{ binary: b }, {}] }]\n"),
      Sample(
        .target, "triple: u-y\nexecutor: m\n", inexpressible: "a file is named like its target"),
      Sample(
        .recipe, "crate: c\ncrate: c\n", inexpressible: "a key stands once; JSON has no twice"),
      Sample(
        .recipe, "crate: c\nversions: [&a { skip: x }]\n", inexpressible: "JSON has no anchors"),
      Sample(
        .recipe, "crate: c\nversions: [{ smoke: [{ expect: \"(\" }] }]\n",
        inexpressible: "whether a regular expression is one of RE2's"),
      Sample(
        .target, "triple: t-x\nexecutor: m\npolcy: { needed: [] }\n",
        inexpressible: "an executor's mapping has the name that another key gives"),
      Sample(
        .target, "triple: t-x\nexecutor: m\nalternatives: { m: {} }\n",
        inexpressible: "an alternative is not the executor that another key names"),
      Sample(
        .target, "triple: t-x\nexecutor: m\nm: { a: .nan }\n",
        inexpressible: "JSON has no word for .nan"),
      Sample(
        .recipe, "crate: c\nversions: [{ executor: other }]\n",
        inexpressible: "whether the targets' files offer an executor"),
    ]

  @Test("accept and refuse what the loader does, but for what no schema can express")
  func agree() throws {
    let verdicts = try Self.validate(Self.samples)
    for (sample, isValid) in zip(Self.samples, verdicts) {
      let problems = Self.problems(sample)
      if let reason = sample.inexpressible {
        #expect(isValid && !problems.isEmpty, "\(sample.text): \(reason)")
      } else {
        #expect(isValid == problems.isEmpty, "\(sample.kind) \(sample.text)\(problems)")
      }
    }
    #expect(verdicts.contains(true) && verdicts.contains(false))
  }

  @Test("accept the farm's own files")
  func ownFiles() throws {
    let set = try RepositoryFilesTests.load()
    let samples = set.files.map { file -> Sample in
      let kind: RecipeSchema =
        file.path.hasPrefix("targets/") ? .target : file.stem == "_default" ? .default : .recipe
      return Sample(kind, String(decoding: file.bytes, as: UTF8.self))
    }
    for (file, isValid) in zip(set.files, try Self.validate(samples)) {
      #expect(isValid, "\(file.path)")
    }
  }

  // MARK: The two judges

  /// The errors that the loader finds.
  private static func problems(_ sample: Sample) -> [String] {
    var files = [SourceText(path: sample.path, text: sample.text)]
    if sample.kind != .target { files.append(sampleTarget) }
    do throws(RecipeErrors) {
      _ = try RecipeSet(files: files)
      return []
    } catch {
      return error.diagnostics.filter { $0.severity == .error }.map(\.summary)
    }
  }

  /// Python's own implementation of JSON Schema, in one process for all; it also checks the schemas.
  private static let program = """
    import json, sys
    from jsonschema import Draft202012Validator as Validator
    job = json.load(open(sys.argv[1]))
    judges = {}
    for kind, schema in job["schemas"].items():
        Validator.check_schema(schema)
        judges[kind] = Validator(schema)
    print(json.dumps([judges[d["kind"]].is_valid(d["value"]) for d in job["documents"]]))
    """

  private static func validate(_ samples: [Sample]) throws -> [Bool] {
    let schemas = try RecipeSchema.allCases.map { "\(text($0.rawValue)):\(try $0.json)" }
    let documents = samples.map { sample in
      let node = YAMLReader(SourceText(path: sample.path, text: sample.text)).read()
      return "{\"kind\":\(text(sample.kind.rawValue)),\"value\":\(node.map(json) ?? "null")}"
    }
    let job =
      "{\"schemas\":{\(schemas.joined(separator: ","))},"
      + "\"documents\":[\(documents.joined(separator: ","))]}"
    let file = FileManager.default.temporaryDirectory.appending(
      path: "buildsrs-schema-\(UUID().uuidString).json")
    try Data(job.utf8).write(to: file)
    defer { try? FileManager.default.removeItem(at: file) }
    let (output, errors) = (Pipe(), Pipe())
    let python = Process()
    python.executableURL = URL(filePath: "/usr/bin/python3")
    python.arguments = ["-c", program, file.path(percentEncoded: false)]
    python.standardOutput = output
    python.standardError = errors
    try python.run()
    let answer = output.fileHandleForReading.readDataToEndOfFile()
    python.waitUntilExit()
    try #require(
      python.terminationStatus == 0,
      "python3-jsonschema is needed (./bootstrap install): \(String(decoding: errors.fileHandleForReading.availableData, as: UTF8.self))"
    )
    return try JSONDecoder().decode([Bool].self, from: answer)
  }

  /// A document as editors see it, by YAML's core schema (YAML 1.2.2, section 10.3), as JSON.
  private static func json(_ node: YAMLNode) -> String {
    switch node.content {
    case .sequence(let items): return "[\(items.map(json).joined(separator: ","))]"
    case .mapping(let entries):
      var seen: Set<String> = []
      let members = entries.filter { seen.insert($0.key).inserted }
        .map { "\(text($0.key)):\(json($0.value))" }
      return "{\(members.joined(separator: ","))}"
    case .scalar(let content, let isPlain):
      return isPlain ? coreSchema(content) : text(content)
    }
  }

  /// The table of section 10.3.2, line by line.
  private static func coreSchema(_ content: String) -> String {
    func matches(_ pattern: Regex<AnyRegexOutput>) -> Bool {
      (try? pattern.wholeMatch(in: content)) != nil
    }
    if matches(Regex(/null|Null|NULL|~|/)) { return "null" }
    if matches(Regex(/true|True|TRUE|false|False|FALSE/)) { return content.lowercased() }
    if matches(Regex(/[-+]?[0-9]+/)) {
      let digits = content.drop { "+-".contains($0) }.drop { $0 == "0" }
      return (content.hasPrefix("-") ? "-" : "") + (digits.isEmpty ? "0" : digits)
    }
    if matches(Regex(/0o[0-7]+/)) { return "\(Int(content.dropFirst(2), radix: 8) ?? 0)" }
    // Swift reads a number in base 16 with its `0x`, of any length.
    if matches(Regex(/0x[0-9a-fA-F]+/)) { return number(Double(content) ?? .nan) }
    if matches(Regex(/[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?/)) {
      return number(Double(content) ?? .nan)
    }
    if matches(Regex(/[-+]?(\.inf|\.Inf|\.INF)/)) {
      return number(content.hasPrefix("-") ? -Double.infinity : .infinity)
    }
    if matches(Regex(/\.nan|\.NaN|\.NAN/)) { return number(.nan) }
    return text(content)
  }

  /// Python takes an infinity from a number that is too large, and `NaN` as it stands.
  private static func number(_ value: Double) -> String {
    value.isNaN ? "NaN" : value.isInfinite ? (value < 0 ? "-1e999" : "1e999") : "\(value)"
  }

  private static func text(_ content: String) -> String {
    let bytes = (try? JSONEncoder().encode(content)) ?? Data("null".utf8)
    return String(decoding: bytes, as: UTF8.self)
  }
}
