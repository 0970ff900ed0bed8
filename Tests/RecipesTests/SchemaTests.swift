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
    "features: [pcre2, serde/std, tokio?/net, 2018]", "features: pcre2", "features: [a b]",
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
    "limits: { cores: 1 }", "limits:", "skip: not there", "skip: true", "skip: false",
    "skip: \"\"", "skip: \"true\"", "skip: \"false\"", "skip: 3", "skip:",
    "needed: [libssl.so.3]", "needed: [\"\"]", "executor: docker-cross", "executor: Docker",
    "linker: zig",
    "linker: zog", "targets: { \"*-musl\": { features: [a] }, x86_64-unknown-linux-gnu: {} }",
    "targets: [a]", "targets: { \"[a-z]*\": {} }", "targets: { \"*\": { when: \">=1\" } }",
    "targets: { \"*\": { skpi: x } }", "targets: { \"*-*-*-*-*\": {} }", "feature: [a]",
  ]

  private static let requirements = [
    ">=13", "\">=1.2, <2\"", "\"*\"", "1.x", "1.2.*", "^1.2.3-rc.1", "\"~1\"", "=1.2.3", "13",
    "1.5", "newest", "\">=\"", "1.2.3.4", "\">=1,\"", "-1", "\"\"", "1.2.*-rc", "[1]", "1.2.3+b",
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
    + targetLines.map { Sample(.target, "triple: t-x\nexecutor: m\n\($0)\n") }
    + [
      Sample(.recipe, "crate: c\n"), Sample(.recipe, "versions: []\n"), Sample(.recipe, "- a\n"),
      Sample(.recipe, "crate: c\nversions: { when: 1 }\n"), Sample(.recipe, "crate: a/b\n"),
      Sample(.recipe, "crate: c\nversions:\n"), Sample(.default, "# nothing\n"),
      Sample(.default, "crate: c\n"), Sample(.target, "triple: t-x\n"),
      Sample(.target, "executor: m\n"), Sample(.target, "triple: T\nexecutor: m\n"),
      Sample(.target, "triple: t-x\nexecutor: tier\n"),
      Sample(.recipe, "crate: d\n", inexpressible: "a file is named like its crate"),
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
        .recipe, "crate: c\nversions: [{ executor: other }]\n",
        inexpressible: "whether the targets' files offer an executor"),
      Sample(
        .recipe, "crate: c\nversions: [{ limits: { time: 999h } }]\n",
        inexpressible: "bounds of a number within a text"),
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
    var schemas: [String: Any] = [:]
    for kind in RecipeSchema.allCases {
      schemas[kind.rawValue] = try JSONSerialization.jsonObject(with: Data(kind.json.utf8))
    }
    let documents = samples.map { sample in
      let node = YAMLReader(SourceText(path: sample.path, text: sample.text)).read()
      return ["kind": sample.kind.rawValue, "value": node.map(json) ?? NSNull()] as [String: Any]
    }
    let job = try JSONSerialization.data(
      withJSONObject: ["schemas": schemas, "documents": documents])
    let file = FileManager.default.temporaryDirectory.appending(
      path: "buildsrs-schema-\(UUID().uuidString).json")
    try job.write(to: file)
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

  /// A document as editors see it, by YAML's core schema (YAML 1.2.2, section 10.3).
  private static func json(_ node: YAMLNode) -> Any {
    switch node.content {
    case .sequence(let items): return items.map(json)
    case .mapping(let entries):
      return Dictionary(entries.map { ($0.key, json($0.value)) }) { first, _ in first }
    case .scalar(let text, let isPlain):
      guard isPlain else { return text }
      if node.isNull { return NSNull() }
      if let value = Bool(text) { return value }
      let isNumber =
        (try? /[-+]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][-+]?[0-9]+)?/.wholeMatch(in: text)) != nil
      guard isNumber else { return text }
      return Int(text).map { $0 as Any } ?? Double(text).map { $0 as Any } ?? text
    }
  }
}
