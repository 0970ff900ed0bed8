import Recipes
import Testing

@Suite("Mistakes in recipes")
struct RecipeMistakeTests {
  @Test(
    "each key's mistakes are told with their place and what was expected",
    arguments: [
      ("wen: \">=1\"", "3:5: unknown key “wen”: did you mean “when”?"),
      (
        "when: newest",
        "3:11: “when” cannot be “newest”: expected a version requirement such as >=13"
      ),
      ("features: pcre2", "3:15: “features” is text: expected a list of feature names"),
      (
        "features: [\"a b\"]",
        "3:16: an item of “features” cannot be “a b”: expected a feature name"
      ),
      ("features: [-x]", "3:16: an item of “features” cannot be “-x”: expected a feature name"),
      ("default-features: no", "3:23: “default-features” cannot be “no”: expected true or false"),
      (
        "binaries: [../rg]",
        "3:16: an item of “binaries” cannot be “../rg”: expected a binary's name"
      ),
      ("packages: [a]", "3:15: “packages” is a list: expected a mapping with debian"),
      ("packages: { debain: [a] }", "3:17: unknown key “debain”: did you mean “debian”?"),
      (
        "packages: { debian: [libX-dev] }",
        "3:26: an item of “debian” cannot be “libX-dev”: expected a package name"
      ),
      (
        "packages: { debian: [\"--option\"] }",
        "3:26: an item of “debian” cannot be “--option”: expected a package name"
      ),
      (
        "environment: [A]",
        "3:18: “environment” is a list: expected a mapping of variables and their values"
      ),
      ("environment: { A: }", "3:23: “A” has no value: expected the variable's value"),
      (
        "environment: { a-b: 1 }",
        "3:20: “a-b” is no name of a variable: expected an upper-case name such as PCRE2_SYS_STATIC"
      ),
      (
        "environment: { A=B: 1 }",
        "3:20: “A=B” is no name of a variable: expected an upper-case name such as PCRE2_SYS_STATIC"
      ),
      (
        "environment: { PATH: /x }",
        "3:20: “PATH” cannot be set: it is part of the environment that the executor provides"
      ),
      (
        "environment: { HOME: /x }",
        "3:20: “HOME” cannot be set: it is part of the environment that the executor provides"
      ),
      (
        "environment: { LD_PRELOAD: x }",
        "3:20: “LD_PRELOAD” cannot be set: it would change which code every command loads"
      ),
      (
        "environment: { RUSTFLAGS: -g }",
        "3:20: “RUSTFLAGS” cannot be set: the farm makes the only list of compiler flags"
      ),
      (
        "environment: { RUSTC_WRAPPER: x }",
        "3:20: “RUSTC_WRAPPER” cannot be set: the target names its compiler"
      ),
      (
        "environment: { CARGO_HOME: /x }",
        "3:20: “CARGO_HOME” cannot be set: the farm configures Cargo itself"
      ),
      (
        "environment: { CARGO_ENCODED_RUSTFLAGS: x }",
        "3:20: “CARGO_ENCODED_RUSTFLAGS” cannot be set: the farm configures Cargo itself"
      ),
      (
        "environment: { CARGO_TARGET_X_RUSTFLAGS: x }",
        "3:20: “CARGO_TARGET_X_RUSTFLAGS” cannot be set: the farm configures Cargo itself"
      ),
      (
        "environment: { SOURCE_DATE_EPOCH: 1 }",
        "3:20: “SOURCE_DATE_EPOCH” cannot be set: it is the time at which the version was published"
      ),
      (
        "environment: { HTTPS_PROXY: x }",
        "3:20: “HTTPS_PROXY” cannot be set: no environment has a network"
      ),
      (
        "smoke: {}",
        "3:12: “smoke” is a mapping: expected a list of mappings with binary, arguments, expect"
      ),
      (
        "smoke: [a]",
        "3:13: an item of “smoke” is text: expected a mapping with binary, arguments, expect"
      ),
      (
        "smoke: [{ arguments: --version }]",
        "3:26: “arguments” is text: expected a list of arguments"
      ),
      (
        "smoke: [{ expect: \"(\" }]",
        "3:23: “expect” cannot be “(”: expected a regular expression as RE2 takes it, of at most 500 bytes"
      ),
      ("smoke: [{ expects: a }]", "3:15: unknown key “expects”: did you mean “expect”?"),
      (
        "limits: { time: soon }",
        "3:21: “time” cannot be “soon”: expected a duration such as 90s, 15m or 2h"
      ),
      ("skip: true", "3:11: “skip” gives no reason: expected the reason as text, or false"),
      ("skip: \"\"", "3:11: “skip” gives no reason: expected the reason as text, or false"),
      ("needed: [\"\"]", "3:14: an item of “needed” cannot be “”: expected a library name"),
      (
        "executor: Docker",
        "3:15: “executor” cannot be “Docker”: expected the name of an executor module"
      ),
      ("linker: zog", "3:13: “linker” cannot be “zog”: did you mean “zig”?"),
      ("targets: [a]", "3:14: “targets” is a list: expected a mapping of target patterns"),
      (
        "targets: { \"[a-z]*\": {} }",
        "3:16: “[a-z]*” is no target pattern: expected a triple, in which * and ? stand for others, such as *-linux-musl"
      ),
      (
        "targets: { \"*\": { when: \">=1\" } }",
        "3:23: unknown key “when”: expected one of features, default-features, binaries, packages, environment, smoke, limits, skip, needed, executor, linker"
      ),
      ("targets: { \"*\": { skpi: x } }", "3:23: unknown key “skpi”: did you mean “skip”?"),
    ])
  func key(_ line: String, _ expected: String) {
    #expect(recipeProblems("crate: c\nversions:\n  - \(line)\n") == ["recipes/c.yaml:" + expected])
  }

  @Test(
    "what names the crate must be there and fit",
    arguments: [
      ("versions: []\n", ["recipes/c.yaml:1:1: missing key “crate”: expected the crate's name"]),
      ("crate: a/b\n", ["recipes/c.yaml:1:8: “crate” cannot be “a/b”: expected the crate's name"]),
      ("crate: d\n", ["recipes/c.yaml:1:8: “crate” is not the file's name: expected “c”"]),
      ("", ["recipes/c.yaml: the file is empty: expected a mapping with crate and versions"]),
      (
        "crate: c\nversions: { when: 1 }\n",
        [
          "recipes/c.yaml:2:11: “versions” is a mapping: expected a list of mappings with when, features and others"
        ]
      ),
    ])
  func names(_ text: String, _ expected: [String]) {
    #expect(recipeProblems(text) == expected)
  }

  @Test("two files for two spellings of one crate are told")
  func spellings() {
    #expect(
      problems(
        sampleTarget, SourceText(path: "recipes/a-b.yaml", text: "crate: a-b\n"),
        SourceText(path: "recipes/a_b.yaml", text: "crate: a_b\n")) == [
          "recipes/a_b.yaml: recipes/a-b.yaml is a recipe of the same crate: expected one file a crate"
        ])
  }

  @Test("what can never hold is a warning, and the set is taken")
  func warnings() throws {
    let text = """
      crate: c
      versions:
        - targets: { x86_64-unknown-linux-gun: { skip: x }, "s390x-*": { skip: z } }
        - when: ">=2"
      """
    #expect(
      recipeProblems(text) == [
        "recipes/c.yaml:4:5: warning: this item is never used: the one before holds for all versions",
        "recipes/c.yaml:3:16: warning: “x86_64-unknown-linux-gun” matches no target: did you mean “x86_64-unknown-linux-gnu”?",
        "recipes/c.yaml:3:55: warning: “s390x-*” matches no target: expected one of x86_64-unknown-linux-gnu",
      ])
  }

  @Test(
    "a word for on or off is no reason to skip, but for the truth value false",
    arguments: [
      "true", "TRUE", "yes", "No", "off", "ON", "y", "N", "\"false\"", "\"False \"", "\" no\"", "0",
      "1.5", "\" \"", "|\n      no", ">\n      ",
    ])
  func switches(_ value: String) {
    #expect(
      recipeProblems("crate: c\nversions:\n  - skip: \(value)\n") == [
        "recipes/c.yaml:3:11: “skip” gives no reason: expected the reason as text, or false"
      ])
  }

  @Test("a reason may stand in a block, which ends with a line feed")
  func skipBlock() throws {
    for (value, reason) in [
      (">\n  no C compiler\n  there", "no C compiler there"), ("|\n  needs X11", "needs X11"),
      ("\"3\"", "3"), ("nothing", "nothing"),
    ] {
      let set = try RecipeSet(files: [
        sampleTarget, SourceText(path: "recipes/_default.yaml", text: "skip: \(value)\n"),
      ])
      #expect(set.defaults.overlay.skip == .because(reason))
    }
    for value in ["false", "False", "FALSE"] {
      let set = try RecipeSet(files: [
        sampleTarget, SourceText(path: "recipes/_default.yaml", text: "skip: \(value)\n"),
      ])
      #expect(set.defaults.overlay.skip == .never)
    }
    #expect(
      recipeProblems("crate: c\nversions:\n  - skip: |\n      one\n      two\n") == [
        "recipes/c.yaml:3:11: “skip” holds a control character: expected the reason as text, or false"
      ])
  }

  @Test("what YAML takes for a number or a truth value is no name and no version without quotes")
  func quotes() {
    let found = recipeProblems(
      """
      crate: c
      versions:
        - when: 1.10
          features: [2018, on, true, "2018"]
          executor: true
          environment: { A: 1.10, B: true }
          smoke: [{ arguments: [0x1F, 1e3] }]
      """)
    #expect(
      found == [
        "recipes/c.yaml:3:11: “when” is “1.10”, which YAML takes for a number: expected quotes around it",
        "recipes/c.yaml:4:16: an item of “features” is “2018”, which YAML takes for a number: expected quotes around it",
        "recipes/c.yaml:4:26: an item of “features” is “true”, which YAML takes for a truth value: expected quotes around it",
        "recipes/c.yaml:5:15: “executor” is “true”, which YAML takes for a truth value: expected quotes around it",
      ])
  }

  @Test("the default recipe may be empty, and has no crate and no versions")
  func defaultRecipe() {
    func found(_ text: String) -> [String] {
      problems(sampleTarget, SourceText(path: "recipes/_default.yaml", text: text))
    }
    #expect(found("") == [])
    #expect(found("# nothing\n") == [])
    #expect(found("---\n") == [])
    #expect(
      found("crate: c\n") == [
        "recipes/_default.yaml:1:1: unknown key “crate”: expected one of features, default-features, binaries, packages, environment, smoke, limits, skip, needed, executor, linker, targets"
      ])
    #expect(
      found("feature: []\n") == [
        "recipes/_default.yaml:1:1: unknown key “feature”: did you mean “features”?"
      ])
  }
}
