// swift-tools-version:6.2
import PackageDescription

// Everything that the project builds, bottom up: a target may only depend on those above it.
// `docs/architecture.md` has the same table with one line of purpose each.

/// What every Swift target is compiled with. Language mode 6 comes with the tools version.
let strict: [SwiftSetting] = [
  .treatAllWarnings(as: .error),
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("MemberImportVisibility"),
  .enableUpcomingFeature("InternalImportsByDefault"),
]

/// Installed programs find the shared libraries beside themselves: .local/bin next to .local/lib.
let installedLibraries: [LinkerSetting] = [
  .unsafeFlags(["-Xlinker", "-rpath", "-Xlinker", "$ORIGIN/../lib"])
]

let executorKit: Target.Dependency = .product(name: "ExecutorKit", package: "ExecutorKit")
let transfer: Target.Dependency = .product(name: "Transfer", package: "Transfer")
let argumentParser: Target.Dependency = .product(
  name: "ArgumentParser", package: "swift-argument-parser")
let logging: Target.Dependency = .product(name: "Logging", package: "swift-log")
let lifecycle: Target.Dependency = .product(
  name: "ServiceLifecycle", package: "swift-service-lifecycle")
let subprocess: Target.Dependency = .product(name: "Subprocess", package: "swift-subprocess")
let systemPackage: Target.Dependency = .product(name: "SystemPackage", package: "swift-system")

func library(_ name: String, _ dependencies: [Target.Dependency] = []) -> Target {
  .target(name: name, dependencies: dependencies, swiftSettings: strict)
}

func program(_ name: String, folder: String, _ dependencies: [Target.Dependency]) -> Target {
  .executableTarget(
    name: name, dependencies: dependencies + [argumentParser], path: "Sources/\(folder)",
    swiftSettings: strict, linkerSettings: installedLibraries)
}

func test(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
  .testTarget(name: name, dependencies: dependencies + ["TestSupport"], swiftSettings: strict)
}

let package = Package(
  name: "builds.rs",
  products: [
    .executable(name: "buildsrs", targets: ["buildsrs"]),
    .executable(name: "buildsrs-builder", targets: ["buildsrs-builder"]),
    .executable(name: "buildsrs-executor-host", targets: ["buildsrs-executor-host"]),
    .library(name: "FakeExecutor", type: .dynamic, targets: ["FakeExecutor"]),
    .library(name: "WrongVersionExecutor", type: .dynamic, targets: ["WrongVersionExecutor"]),
    .library(name: "NoEntryExecutor", type: .dynamic, targets: ["NoEntryExecutor"]),
  ],
  dependencies: [
    .package(path: "Sources/ExecutorKit"),
    .package(path: "Sources/Transfer"),
    .package(path: "targets/executors"),
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0"),
    .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
    .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
    .package(url: "https://github.com/apple/swift-nio-extras", from: "1.35.2"),
    .package(url: "https://github.com/apple/swift-system", from: "1.8.1"),
    .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1"),
    .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
    .package(url: "https://github.com/swiftlang/swift-subprocess", from: "1.0.2"),
  ],
  targets: [
    // System libraries: module maps and shims, nothing else.
    .systemLibrary(name: "CPostgres", pkgConfig: "libpq", providers: [.apt(["libpq-dev"])]),
    .systemLibrary(name: "CYAML", pkgConfig: "yaml-0.1", providers: [.apt(["libyaml-dev"])]),
    .systemLibrary(name: "COpenSSL", pkgConfig: "libcrypto", providers: [.apt(["libssl-dev"])]),
    .systemLibrary(
      name: "CArchive", pkgConfig: "libarchive", providers: [.apt(["libarchive-dev"])]),
    .systemLibrary(name: "CELF", pkgConfig: "libelf", providers: [.apt(["libelf-dev"])]),
    .target(name: "CThreads"),
    // What C++ libraries offer: index lines read by simdjson, TOML by toml++, regular expressions by RE2.
    .target(name: "CIndexLines", linkerSettings: [.linkedLibrary("simdjson")]),
    .target(name: "CRegularExpression", linkerSettings: [.linkedLibrary("re2")]),
    .target(name: "CTOML"),

    // Libraries, bottom up.
    library("Blocking", ["CThreads"]),
    library("Cryptography", ["COpenSSL"]),
    library("FarmModel", [executorKit]),
    library("BuilderProtocol", ["FarmModel", executorKit]),
    library("RegularExpressions", ["CRegularExpression"]),
    library("Recipes", ["CYAML", "Cryptography", "FarmModel", "RegularExpressions", executorKit]),
    library("Scheduling", ["BuilderProtocol", "FarmModel", executorKit]),
    library("Postgres", ["Blocking", "CPostgres", "CThreads", "Cryptography", logging]),
    library("Archives", ["CArchive"]),
    library(
      "CrateRegistry",
      [
        "Archives", "Blocking", "CIndexLines", "CTOML", "Cryptography", "FarmModel", "Recipes",
        executorKit,
        subprocess, systemPackage, transfer,
      ]),
    library(
      "ArtifactStorage",
      ["Cryptography", "FarmModel", .product(name: "NIOPosix", package: "swift-nio")]),
    library("Signing", ["Cryptography", "FarmModel"]),
    library(
      "Database",
      [
        "BuilderProtocol", "Cryptography", "FarmModel", "Postgres", "Scheduling", executorKit,
        logging,
      ]),
    library(
      "BuildPipeline",
      [
        "Archives", "Blocking", "CELF", "CrateRegistry", "Cryptography", "FarmModel",
        "RegularExpressions", executorKit, transfer,
      ]),
    library(
      "WebSockets",
      [
        logging, lifecycle,
        .product(name: "HTTPTypes", package: "swift-http-types"),
        .product(name: "HummingbirdCore", package: "hummingbird"),
        .product(name: "NIOCore", package: "swift-nio"),
        .product(name: "NIOPosix", package: "swift-nio"),
        .product(name: "NIOHTTP1", package: "swift-nio"),
        .product(name: "NIOWebSocket", package: "swift-nio"),
        .product(name: "NIOExtras", package: "swift-nio-extras"),
        .product(name: "NIOHTTPTypes", package: "swift-nio-extras"),
        .product(name: "NIOHTTPTypesHTTP1", package: "swift-nio-extras"),
      ]),
    library(
      "Backend",
      [
        "ArtifactStorage", "Blocking", "BuilderProtocol", "Cryptography", "Database", "FarmModel",
        "Postgres", "Recipes", "Scheduling", "Signing", "WebSockets", executorKit, logging,
        lifecycle,
        .product(name: "HTTPTypes", package: "swift-http-types"),
        .product(name: "Hummingbird", package: "hummingbird"),
        .product(name: "HummingbirdCore", package: "hummingbird"),
        .product(name: "NIOCore", package: "swift-nio"),
      ]),
    library(
      "Builder",
      [
        "Blocking", "BuilderProtocol", "BuildPipeline", "CrateRegistry", "Cryptography",
        "FarmModel", "Recipes", "WebSockets", executorKit, logging, lifecycle, subprocess,
        systemPackage, transfer,
        .product(name: "NIOCore", package: "swift-nio"),
      ]),
    library(
      "RegistrySync",
      [
        "Archives", "Blocking", "CrateRegistry", "Cryptography", "FarmModel", logging, lifecycle,
        transfer,
      ]),
    library("CommandLineSupport", ["CYAML", "Recipes", argumentParser, logging]),

    library(
      "LocalFarm", ["Cryptography", "FarmModel", "Postgres", "Signing", executorKit, transfer]),

    // Programs.
    program(
      "buildsrs", folder: "buildsrs-command",
      [
        "ArtifactStorage", "Backend", "CommandLineSupport", "CrateRegistry", "Cryptography",
        "Database", "FarmModel",
        "LocalFarm", "Postgres", "Recipes", "RegistrySync", "Scheduling", "Signing", executorKit,
        logging, lifecycle, .product(name: "UnixSignals", package: "swift-service-lifecycle"),
        transfer,
      ]),
    program(
      "buildsrs-builder", folder: "buildsrs-builder",
      [
        "Archives", "Blocking", "Builder", "BuildPipeline", "BuilderProtocol",
        "CommandLineSupport", "CrateRegistry", "Cryptography", "FarmModel", "Recipes", executorKit,
        logging, transfer,
        .product(name: "UnixSignals", package: "swift-service-lifecycle"),
      ]),
    program(
      "buildsrs-executor-host", folder: "buildsrs-executor-host",
      ["BuildPipeline", "FarmModel", executorKit]),

    // Benchmarks; none of them is installed.
    .executableTarget(
      name: "bench-queue",
      dependencies: [
        "BuilderProtocol", "Cryptography", "Database", "FarmModel", "LocalFarm", "Postgres",
        "SimulatedBuilders", argumentParser, executorKit, transfer,
        .product(name: "UnixSignals", package: "swift-service-lifecycle"),
      ], path: "Benchmarks/Queue", swiftSettings: strict),

    // An index of made-up crates, for `just bench sync` and the tests.
    .target(
      name: "SyntheticIndex", path: "Benchmarks/SyntheticIndex", swiftSettings: strict),
    .executableTarget(
      name: "bench-sync-index", dependencies: ["SyntheticIndex", argumentParser],
      path: "Benchmarks/SyncIndex", swiftSettings: strict),

    // Executor modules for the tests, loaded the same way as the real ones.
    .target(
      name: "FakeExecutor", dependencies: [executorKit], path: "Tests/Modules/FakeExecutor",
      swiftSettings: strict),
    .target(
      name: "WrongVersionExecutor", path: "Tests/Modules/WrongVersionExecutor",
      swiftSettings: strict),
    .target(name: "NoEntryExecutor", path: "Tests/Modules/NoEntryExecutor", swiftSettings: strict),

    // Tests.
    .target(
      name: "TestSupport", dependencies: [subprocess, systemPackage], path: "Tests/TestSupport",
      swiftSettings: strict),
    .target(
      name: "SimulatedBuilders",
      dependencies: [
        "BuilderProtocol", "Cryptography", "FarmModel", "WebSockets", executorKit, transfer,
      ], path: "Benchmarks/SimulatedBuilders", swiftSettings: strict),
    // The fault test: a program of its own, not installed.
    .executableTarget(
      name: "farm-faults",
      dependencies: [
        "BuilderProtocol", "CommandLineSupport", "Cryptography", "FarmModel", "LocalFarm",
        "Postgres", "SimulatedBuilders", "WebSockets", argumentParser, executorKit, transfer,
        .product(name: "NIOCore", package: "swift-nio"),
        .product(name: "NIOPosix", package: "swift-nio"),
        .product(name: "UnixSignals", package: "swift-service-lifecycle"),
      ], path: "Tests/Faults", swiftSettings: strict),
    .target(
      name: "DatabaseTestSupport", dependencies: ["Postgres"], path: "Tests/DatabaseTestSupport",
      swiftSettings: strict),
    .target(name: "HandmadeArchives", path: "Tests/HandmadeArchives", swiftSettings: strict),
    // What is fuzzed and what must hold, for the tests and for `just fuzz`.
    .target(
      name: "FuzzTargets",
      dependencies: ["Archives", "CrateRegistry", "FarmModel", "HandmadeArchives", "Recipes"],
      path: "Tests/FuzzTargets", swiftSettings: strict),
    test("FuzzTests", ["FuzzTargets", "HandmadeArchives"]),
    test("CryptographyTests", ["Cryptography"]),
    test("FarmModelTests", ["FarmModel", executorKit]),
    test("BuilderProtocolTests", ["BuilderProtocol", "FarmModel", executorKit]),
    test("RecipesTests", ["Recipes", "FarmModel", "RegularExpressions", executorKit]),
    test("RegularExpressionsTests", ["RegularExpressions"]),
    test("SchedulingTests", ["BuilderProtocol", "Scheduling", "FarmModel", executorKit]),
    test("PostgresTests", ["DatabaseTestSupport", "Postgres", logging]),
    test("TransferTests", [transfer]),
    test("ArchivesTests", ["Archives", "HandmadeArchives"]),
    test(
      "CrateRegistryTests",
      [
        "CrateRegistry", "Archives", "Blocking", "Cryptography", "FarmModel", "HandmadeArchives",
        transfer,
      ]),
    test("ArtifactStorageTests", ["ArtifactStorage", "Cryptography"]),
    test("SigningTests", ["Signing", "Cryptography"]),
    test(
      "RegistrySyncTests",
      [
        "RegistrySync", "Archives", "Blocking", "CrateRegistry", "Cryptography", "FarmModel",
        "SyntheticIndex", logging, transfer,
      ]),
    test(
      "BuilderTests",
      ["Builder", "BuilderProtocol", "Cryptography", "FarmModel", "WebSockets", executorKit]),
    test(
      "BuildPipelineTests",
      [
        "Archives", "Blocking", "BuildPipeline", "CrateRegistry", "Cryptography", "FarmModel",
        executorKit, subprocess, systemPackage,
      ]),
    test(
      "DockerCrossTests",
      [executorKit, .product(name: "DockerCrossExecutor", package: "executors")]),
    test("SandboxTests", [executorKit, .product(name: "Sandbox", package: "executors")]),
    test(
      "MuslStaticTests",
      [executorKit, .product(name: "MuslStaticExecutor", package: "executors")]),
    test("QEMUTests", [executorKit, .product(name: "QEMUExecutor", package: "executors")]),
    test(
      "DatabaseTests",
      [
        "Blocking", "BuilderProtocol", "Database", "DatabaseTestSupport", "FarmModel", "Postgres",
        "Scheduling", executorKit, logging,
      ]),
    test(
      "IntegrationTests",
      [
        "Archives", "ArtifactStorage", "Backend", "Builder", "BuilderProtocol", "Cryptography",
        "Database",
        "DatabaseTestSupport", "FarmModel", "Postgres", "Recipes", "RegistrySync", "Scheduling",
        "Signing", "SimulatedBuilders", "WebSockets", "buildsrs-executor-host", "FakeExecutor",
        executorKit, logging, lifecycle, transfer,
        .product(name: "HTTPTypes", package: "swift-http-types"),
        .product(name: "Hummingbird", package: "hummingbird"),
        .product(name: "NIOCore", package: "swift-nio"),
        .product(name: "NIOPosix", package: "swift-nio"),
      ]),
    test(
      "EndToEndTests",
      [
        "Archives", "Cryptography", "Database", "DatabaseTestSupport", "FarmModel", "LocalFarm",
        "Postgres", "Signing", "SyntheticIndex", "buildsrs", "buildsrs-builder",
        "buildsrs-executor-host",
        "farm-faults", "FakeExecutor", executorKit, transfer,
      ]),
    test("CommandLineSupportTests", ["CommandLineSupport", "Recipes", argumentParser]),
    test(
      "ConformanceTests",
      [
        "Blocking", "BuildPipeline", "Cryptography", "FarmModel", "Recipes",
        "buildsrs-executor-host", executorKit, subprocess, systemPackage, transfer,
      ]),
  ],
  cxxLanguageStandard: .cxx17
)

// The fuzzer links only where all of it is compiled with `--sanitize fuzzer`, as `./bootstrap fuzz` does.
if Context.environment["BUILDSRS_ONLY"] == "buildsrs-fuzz" {
  package.targets += [
    .executableTarget(
      name: "buildsrs-fuzz", dependencies: ["FuzzTargets"], path: "Tests/Fuzz/Driver",
      swiftSettings: strict)
  ]
}

// `BUILDSRS_ONLY=RecipesTests swift test` builds these targets and what they need, and nothing
// else: a change to a leaf module need not wait for the web server to compile.
if let only = Context.environment["BUILDSRS_ONLY"], !only.isEmpty {
  var wanted = Set(only.split(separator: ",").map(String.init))
  // What these tests start or load as files, which no dependency can express.
  if wanted.contains("BuildPipelineTests") {
    wanted.formUnion([
      "buildsrs-executor-host", "FakeExecutor", "WrongVersionExecutor", "NoEntryExecutor",
    ])
  }
  let byName = Dictionary(uniqueKeysWithValues: package.targets.map { ($0.name, $0) })
  var waiting = Array(wanted)
  while let target = waiting.popLast().flatMap({ byName[$0] }) {
    for case .byNameItem(let name, _) in target.dependencies where wanted.insert(name).inserted {
      waiting.append(name)
    }
  }
  package.targets.removeAll { !wanted.contains($0.name) }
  package.products.removeAll { !wanted.contains($0.name) }
}
