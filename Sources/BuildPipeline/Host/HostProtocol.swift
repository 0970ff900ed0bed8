public import ExecutorKit
public import FarmModel

/// What the builder asks of an executor host: one JSON line on the child's standard input.
///
/// The host's command line is `buildsrs-executor-host MODULE`, the module's shared library. Standard
/// input stays open for as long as the answer is wanted: when it ends, or a line `cancel` comes, the
/// host cancels what it does, tears down and ends. The host answers with ``HostEvent``s, one JSON
/// line each, on standard output; standard error is for crash messages.
public enum HostRequest: Codable, Sendable {
  case describe
  case probe(ProbeRequest)
  case sweep(SweepRequest)
  case prepare(HostPrepareRequest)
  case build(HostBuildRequest)
}

/// One attempt, as the executor host is to run it.
public struct HostBuildRequest: Codable, Sendable {
  public var identity: AttemptIdentity
  public var plan: Plan
  /// Where the `.crate` is downloaded from.
  public var sourceURL: String
  /// Where any crate is downloaded from: a registry's `dl` template (Cargo's index format).
  public var downloadTemplate: String
  /// A directory of the attempt's own on the host, made by the builder; `artifacts` in it receives
  /// the files to upload.
  public var workDirectory: String
  /// The builder's crate store, shared by all its builds.
  public var storeDirectory: String
  /// `targets/executors`: container and root-file-system files.
  public var filesDirectory: String
  /// What modules keep for all builders of this machine: root file systems, toolchains.
  public var cacheDirectory: String
  /// Where the builder keeps what the targets of one version share; nil: nothing is shared.
  public var hostPartsDirectory: String?
  /// A compile cache shared with other builds; nil: none.
  public var compileCache: CompileCache?
  /// Whether nothing but the crate store may come from earlier builds: to compare two builds.
  public var isIndependent: Bool
  /// What is published and to be checked by the plan; nil: the plan is to be built.
  public var check: CheckedFile?

  public init(
    identity: AttemptIdentity, plan: Plan, sourceURL: String, downloadTemplate: String,
    workDirectory: String, storeDirectory: String, filesDirectory: String, cacheDirectory: String,
    hostPartsDirectory: String? = nil, compileCache: CompileCache? = nil,
    isIndependent: Bool = false, check: CheckedFile? = nil
  ) {
    self.identity = identity
    self.plan = plan
    self.sourceURL = sourceURL
    self.downloadTemplate = downloadTemplate
    self.workDirectory = workDirectory
    self.storeDirectory = storeDirectory
    self.filesDirectory = filesDirectory
    self.cacheDirectory = cacheDirectory
    self.hostPartsDirectory = hostPartsDirectory
    self.compileCache = isIndependent ? nil : compileCache
    self.isIndependent = isIndependent
    self.check = check
  }
}

/// An environment to make ready ahead of builds: image, root file system, toolchain.
public struct HostPrepareRequest: Codable, Sendable {
  public var identity: AttemptIdentity
  /// What the environment is for; of the crate, nothing counts but its system packages.
  public var plan: Plan
  /// A directory of the request's own on the host, made by the builder.
  public var workDirectory: String
  /// As ``HostBuildRequest/filesDirectory``.
  public var filesDirectory: String
  /// As ``HostBuildRequest/cacheDirectory``.
  public var cacheDirectory: String

  public init(
    identity: AttemptIdentity, plan: Plan, workDirectory: String, filesDirectory: String,
    cacheDirectory: String
  ) {
    self.identity = identity
    self.plan = plan
    self.workDirectory = workDirectory
    self.filesDirectory = filesDirectory
    self.cacheDirectory = cacheDirectory
  }
}

/// What an executor host tells the builder.
public enum HostEvent: Codable, Sendable {
  case described(ModuleDescription)
  case probed(ProbeReport)
  case swept(SweepReport)
  /// The last event of a preparation that succeeded.
  case prepared(EnvironmentIdentity)
  /// A stage of the pipeline begins.
  case stage(BuildStage)
  /// A piece of the attempt's log; valid UTF-8, may hold several lines or a part of one.
  case log(String)
  /// The last event of a build, or of a preparation that failed. The report is there when the outcome is `succeeded`; its artifacts
  /// lie as files of those names in `<work directory>/artifacts`.
  case finished(AttemptOutcome, BuildReport?)
  /// The last event where the module could not be loaded or the request not be understood.
  case refused(message: String)
}
