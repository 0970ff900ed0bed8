// swift-tools-version:6.2
import PackageDescription

// A package of its own that depends on no other: the builder's executor host and every module link
// this one shared library, so that types are the same on both sides of the boundary.
let package = Package(
  name: "ExecutorKit",
  products: [.library(name: "ExecutorKit", type: .dynamic, targets: ["ExecutorKit"])],
  targets: [
    .target(
      name: "ExecutorKit",
      swiftSettings: [
        .treatAllWarnings(as: .error),
        .enableUpcomingFeature("ExistentialAny"),
        .enableUpcomingFeature("MemberImportVisibility"),
        .enableUpcomingFeature("InternalImportsByDefault"),
      ])
  ]
)
