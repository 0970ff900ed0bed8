/// Where a farm on this machine finds its parts and keeps its files.
public struct FarmLayout: Sendable {
  /// `buildsrs`, `buildsrs-builder` and `buildsrs-executor-host`.
  public var programsDirectory: String
  /// The executor modules.
  public var modulesDirectory: String
  public var targetsDirectory: String
  public var recipesDirectory: String
  public var migrationsDirectory: String
  /// Everything that this farm writes: logs, keys, storage, the builders' stores.
  public var stateDirectory: String
  /// Seconds; the default of the backend where nil.
  public var leaseSeconds: Int?
  /// Which share of the builds is built once more by another builder; the default where nil.
  public var verifyShare: Double?
  /// More variables for every process.
  public var environment: [String: String]

  public init(
    programsDirectory: String, modulesDirectory: String, targetsDirectory: String,
    recipesDirectory: String, migrationsDirectory: String, stateDirectory: String,
    leaseSeconds: Int? = nil, verifyShare: Double? = nil,
    environment: [String: String] = [:]
  ) {
    self.programsDirectory = programsDirectory
    self.modulesDirectory = modulesDirectory
    self.targetsDirectory = targetsDirectory
    self.recipesDirectory = recipesDirectory
    self.migrationsDirectory = migrationsDirectory
    self.stateDirectory = stateDirectory
    self.leaseSeconds = leaseSeconds
    self.verifyShare = verifyShare
    self.environment = environment
  }

  var buildsrs: String { "\(programsDirectory)/buildsrs" }
  var builder: String { "\(programsDirectory)/buildsrs-builder" }
  var logs: String { "\(stateDirectory)/logs" }
  var signingKey: String { "\(stateDirectory)/signing.key" }
  var registryToken: String { "\(stateDirectory)/registry.token" }
}
