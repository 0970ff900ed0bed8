// swift-tools-version:6.2
import PackageDescription

// The executor modules that come with the farm. Each product is one shared library, whose name must
// match lib*Executor.so to be loaded from the modules directory.
let strict: [SwiftSetting] = [
  .treatAllWarnings(as: .error),
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("MemberImportVisibility"),
  .enableUpcomingFeature("InternalImportsByDefault"),
]
/// Installed modules find ExecutorKit beside the programs: .local/modules next to .local/lib.
let installedLibraries: [LinkerSetting] = [
  .unsafeFlags(["-Xlinker", "-rpath", "-Xlinker", "$ORIGIN/../lib"])
]
let executorKit: Target.Dependency = .product(name: "ExecutorKit", package: "ExecutorKit")

let package = Package(
  name: "executors",
  products: [
    .library(name: "DockerCrossExecutor", type: .dynamic, targets: ["DockerCross"]),
    .library(name: "MuslStaticExecutor", type: .dynamic, targets: ["MuslStatic"]),
    .library(name: "QEMUExecutor", type: .dynamic, targets: ["QEMU"]),
    // For modules of others: commands in bubblewrap, and Debian root file systems.
    .library(name: "Sandbox", type: .static, targets: ["Sandbox", "RootFileSystem"]),
  ],
  dependencies: [
    .package(path: "../../Sources/ExecutorKit"),
    .package(path: "../../Sources/Transfer"),
  ],
  targets: [
    // libcrypto's SHA-256, which names images by what they are made of.
    .systemLibrary(name: "CDigest", pkgConfig: "libcrypto", providers: [.apt(["libssl-dev"])]),
    .target(
      name: "DockerCross",
      dependencies: [
        "CDigest", "FileLocks", executorKit,
        .product(name: "Transfer", package: "Transfer"),
      ],
      swiftSettings: strict, linkerSettings: installedLibraries),
    .target(name: "FileLocks", dependencies: [executorKit], swiftSettings: strict),
    .target(name: "CSpawn"),
    .target(name: "Sandbox", dependencies: ["CSpawn", executorKit], swiftSettings: strict),
    .target(
      name: "RootFileSystem", dependencies: ["CDigest", "FileLocks", "Sandbox", executorKit],
      swiftSettings: strict),
    .target(
      name: "MuslStatic", dependencies: ["RootFileSystem", "Sandbox", executorKit],
      swiftSettings: strict, linkerSettings: installedLibraries),
    .target(
      name: "QEMU", dependencies: ["RootFileSystem", "Sandbox", executorKit],
      swiftSettings: strict, linkerSettings: installedLibraries),
  ]
)
