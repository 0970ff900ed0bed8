import CommandLineSupport
import Recipes
import Testing

@Suite("Settings")
struct SettingsTests {
  private func file(_ text: String) throws -> ConfigurationFile {
    try ConfigurationFile(SourceText(path: "farm.yaml", text: text))
  }

  @Test("a flag is stronger than a variable, which is stronger than the file")
  func precedence() throws {
    let file = try file(
      "listen: 127.0.0.1:3\nbackend-url: http://three\nregistry-url: sparse+http://three/\n")
    let settings = try Settings(
      flags: [.listen: ["127.0.0.1:1"]],
      environment: ["BUILDSRS_LISTEN": "127.0.0.1:2", "BUILDSRS_BACKEND_URL": "http://two/"],
      file: file)
    #expect(settings.listen == ListenAddress(host: "127.0.0.1", port: 1))
    #expect(settings.backendURL == "http://two")
    #expect(settings.registryURL == "sparse+http://three/")
  }

  @Test("what nobody says has the defaults of the documentation")
  func defaults() throws {
    let settings = try Settings(
      environment: ["BUILDSRS_LISTEN": ""], executable: "/opt/farm/bin/buildsrs")
    #expect(settings.databaseURL == nil)
    #expect(settings.embeddedDatabaseDirectory == ".local/postgres")
    #expect(settings.storageURL.hasPrefix("file:///"))
    #expect(settings.storageURL.hasSuffix("/.local/state/storage"))
    #expect(settings.storagePublicURL == nil)
    #expect(settings.registryURL == "sparse+https://index.crates.io/")
    #expect(settings.listen.description == "127.0.0.1:8080")
    #expect(settings.backendURL == "http://127.0.0.1:8080")
    #expect(settings.stateDirectory == ".local/state")
    #expect(settings.publicURLs == ["http://127.0.0.1:8080"])
    #expect(settings.signingKeyFile == nil)
    #expect(settings.registryTokenFile == nil)
    #expect(settings.enrolmentTokenFile == nil)
    #expect(settings.recipesDirectory == "recipes")
    #expect(settings.targetsDirectory == "targets")
    #expect(settings.modulesDirectory == "/opt/farm/modules")
    #expect(settings.logLevel == .info)
  }

  @Test("one name everywhere", arguments: SettingName.allCases)
  func names(_ name: SettingName) {
    #expect(name.flag == "--\(name.rawValue)")
    #expect(name.variable.hasPrefix("BUILDSRS_"))
    let back = name.variable.dropFirst(9).lowercased()
    #expect(String(back.map { $0 == "_" ? "-" : $0 }) == name.rawValue)
  }

  @Test("public-url is a list: repeated flags, commas in the variable, a list in the file")
  func publicURLs() throws {
    let both = ["https://a.example", "http://b.example:8080"]
    let file = try file("public-url: [https://a.example/, \"http://b.example:8080\"]")
    #expect(try Settings(flags: [.publicURL: both], environment: [:]).publicURLs == both)
    let variable = ["BUILDSRS_PUBLIC_URL": "https://a.example/, http://b.example:8080"]
    #expect(try Settings(environment: variable).publicURLs == both)
    #expect(try Settings(environment: [:], file: file).publicURLs == both)
  }

  @Test("a value that will not do names who said it and what would be right")
  func badValues() {
    #expect(
      throws: CommandFailure.usage(
        "--listen cannot be “8080”: expected HOST:PORT such as 127.0.0.1:8080")
    ) {
      try Settings(flags: [.listen: ["8080"]], environment: [:])
    }
    #expect(
      throws: CommandFailure.usage(
        "BUILDSRS_BACKEND_URL cannot be “http://x/y”: expected an origin such as https://builds.example.org"
      )
    ) {
      try Settings(environment: ["BUILDSRS_BACKEND_URL": "http://x/y"])
    }
    #expect(
      throws: CommandFailure.usage(
        "BUILDSRS_STORAGE_URL cannot be “storage”: "
          + "expected file:///DIRECTORY or s3://BUCKET/PREFIX?endpoint=URL&region=R")
    ) {
      try Settings(environment: ["BUILDSRS_STORAGE_URL": "storage"])
    }
  }

  @Test(
    "the file's mistakes are told with place and nearest name",
    arguments: [
      (
        "listen: 127.0.0.1:1\nbackend-ulr: http://x\n",
        "farm.yaml:2:1: unknown key “backend-ulr”: did you mean “backend-url”?"
      ),
      (
        "listen: 8080\n",
        "farm.yaml:1:9: “listen” cannot be “8080”: expected HOST:PORT such as 127.0.0.1:8080"
      ),
      (
        "listen: a:1\nlisten: a:2\n",
        "farm.yaml:2:1: duplicate key “listen”: it is already in line 1"
      ),
      (
        "listen: [a]\n",
        "farm.yaml:1:9: “listen” is a list: expected HOST:PORT such as 127.0.0.1:8080"
      ),
      (
        "log-level: loud\n",
        "farm.yaml:1:12: “log-level” cannot be “loud”: expected trace, debug, info, notice, warning, error, critical"
      ),
    ])
  func badFile(_ text: String, _ message: String) throws {
    do {
      _ = try file(text)
      Issue.record("the file was taken")
    } catch let error as RecipeErrors {
      #expect(error.diagnostics.map(\.summary) == [message])
    }
  }

  @Test("an empty file says nothing")
  func emptyFile() throws {
    #expect(try Settings(environment: [:], file: file("# nothing\n")) == Settings(environment: [:]))
  }

  @Test("a missing file is told by its name")
  func missingFile() {
    do throws(RecipeErrors) {
      _ = try ConfigurationFile.load("no-such-folder/farm.yaml")
      Issue.record("the file was taken")
    } catch {
      #expect(
        error.description.hasPrefix(
          "no-such-folder/farm.yaml: the configuration file cannot be read"))
    }
  }

  @Test(
    "listen addresses",
    arguments: [
      ("127.0.0.1:0", "127.0.0.1", 0), ("[::1]:80", "::1", 80),
      ("localhost:65535", "localhost", 65535),
    ])
  func listen(_ text: String, _ host: String, _ port: Int) {
    #expect(ListenAddress(text) == ListenAddress(host: host, port: port))
    #expect(ListenAddress(text)?.description == text)
  }

  @Test(
    "what is no listen address",
    arguments: ["", ":80", "a", "a:", "a:65536", "a:-1", "::1:80", "http://a:80", "a b:1"])
  func badListen(_ text: String) {
    #expect(ListenAddress(text) == nil)
  }
}
