// swift-tools-version:6.2
import PackageDescription

// A package of its own, so that the root package and executor modules can both use it.
let package = Package(
  name: "Transfer",
  products: [.library(name: "Transfer", type: .dynamic, targets: ["Transfer"])],
  targets: [
    .systemLibrary(
      name: "CCurl", pkgConfig: "libcurl", providers: [.apt(["libcurl4-openssl-dev"])]),
    .target(
      name: "Transfer", dependencies: ["CCurl"],
      swiftSettings: [
        .treatAllWarnings(as: .error),
        .enableUpcomingFeature("ExistentialAny"),
        .enableUpcomingFeature("MemberImportVisibility"),
        .enableUpcomingFeature("InternalImportsByDefault"),
      ]),
  ]
)
