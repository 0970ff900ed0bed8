public import ExecutorKit
public import FarmModel

/// The stages of a build, the same for every executor module.
public enum BuildPipeline {
  /// Runs one attempt from the `.crate` to the files to upload, and tears down in every case.
  public static func run(
    _ request: HostBuildRequest, module: any ExecutorModule,
    emit: @escaping @Sendable (HostEvent) -> Void
  ) async -> (AttemptOutcome, BuildReport?) {
    (.failed(.infrastructure, message: "not yet"), nil)
  }
}
