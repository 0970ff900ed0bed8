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

let package = Package(
  name: "executors",
  products: [
    .library(name: "DockerCrossExecutor", type: .dynamic, targets: ["DockerCross"])
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
        "CDigest",
        .product(name: "ExecutorKit", package: "ExecutorKit"),
        .product(name: "Transfer", package: "Transfer"),
      ],
      swiftSettings: strict, linkerSettings: installedLibraries),
  ]
)
