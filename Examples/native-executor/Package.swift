// swift-tools-version:6.2
import PackageDescription

// An executor module of a third party: a package of its own that needs of builds.rs nothing but its
// ExecutorKit, here by the path in a checkout. The product must be named so that its library matches
// lib*Executor.so.
let package = Package(
  name: "native-executor",
  products: [.library(name: "NativeExecutor", type: .dynamic, targets: ["Native"])],
  dependencies: [.package(path: "../../Sources/ExecutorKit")],
  targets: [
    .target(
      name: "Native",
      dependencies: [.product(name: "ExecutorKit", package: "ExecutorKit")],
      swiftSettings: [
        .treatAllWarnings(as: .error),
        .enableUpcomingFeature("ExistentialAny"),
        .enableUpcomingFeature("MemberImportVisibility"),
        .enableUpcomingFeature("InternalImportsByDefault"),
      ])
  ]
)
