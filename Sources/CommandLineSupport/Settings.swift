import Foundation

/// What the programs are told: flags, then the environment, then the file given by `--config`, then
/// the defaults. Relative paths are relative to the working directory, wherever they are written.
public struct Settings: Sendable, Equatable {
  private let values: [SettingName: [String]]
  private let executable: String

  /// - Parameters:
  ///   - flags: what the command line says.
  ///   - environment: variables, of which empty ones count as absent; nil: the process's.
  ///   - executable: the program's path; nil: that of the one that runs.
  /// - Throws: a failure of wrong usage that names the flag, variable or line.
  public init(
    flags: [SettingName: [String]] = [:],
    environment: [String: String]? = nil, file: ConfigurationFile? = nil,
    executable: String? = nil
  ) throws(CommandFailure) {
    let environment = environment ?? ProcessInfo.processInfo.environment
    var values: [SettingName: [String]] = [:]
    for name in SettingName.allCases {
      guard let found = Self.resolve(name, flags, environment, file) else { continue }
      for text in found.texts where !name.accepts(text) {
        throw .usage("\(found.source) cannot be “\(text)”: expected \(name.expected)")
      }
      values[name] = found.texts
    }
    self.values = values
    self.executable = executable ?? Self.runningProgram
  }

  /// The strongest word on a setting, and who says it.
  private static func resolve(
    _ name: SettingName, _ flags: [SettingName: [String]], _ environment: [String: String],
    _ file: ConfigurationFile?
  ) -> (texts: [String], source: String)? {
    if let texts = flags[name], !texts.isEmpty { return (texts, name.flag) }
    if let text = environment[name.variable], !text.isEmpty {
      let texts = name.isList ? text.split(separator: ",").map(Self.trimmed) : [text]
      return (texts, name.variable)
    }
    return file?.entries[name].map { ($0.texts, $0.place) }
  }

  private static func trimmed(_ text: Substring) -> String {
    text.trimmingCharacters(in: .whitespaces)
  }

  /// The path of the program that runs, symbolic links followed.
  public static var runningProgram: String {
    (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe"))
      ?? CommandLine.arguments.first ?? ""
  }

  /// What was said of a setting; nil: nothing.
  public func text(_ name: SettingName) -> String? { values[name]?.first }
}

extension Settings {
  /// nil: the embedded PostgreSQL under ``embeddedDatabaseDirectory``.
  public var databaseURL: String? { text(.databaseURL) }
  /// Where `buildsrs database start` keeps its cluster.
  public var embeddedDatabaseDirectory: String { ".local/postgres" }
  public var storageURL: String {
    text(.storageURL) ?? "file://" + absolute(stateDirectory) + "/storage"
  }
  /// nil: the backend streams artifacts itself.
  public var storagePublicURL: String? { text(.storagePublicURL) }
  public var registryURL: String { text(.registryURL) ?? "sparse+https://index.crates.io/" }
  /// Whether the registry's web API may be asked, at most once a second.
  public var asksRegistryAPI: Bool { text(.registryAPI) == "on" }
  /// Whether one registry sync may mark any number of crates deleted.
  public var allowsMassDeletion: Bool { text(.allowMassDeletion) == "on" }
  public var listen: ListenAddress {
    text(.listen).flatMap { ListenAddress($0) } ?? ListenAddress(host: "127.0.0.1", port: 8080)
  }
  /// An origin, without a final `/`.
  public var backendURL: String {
    text(.backendURL).flatMap { WebAddress.origin($0) } ?? "http://127.0.0.1:8080"
  }
  public var stateDirectory: String { text(.stateDirectory) ?? ".local/state" }
  /// The origins under which clients and builders reach the farm, without a final `/`.
  public var publicURLs: [String] {
    let origins = (values[.publicURL] ?? []).compactMap { WebAddress.origin($0) }
    return origins.isEmpty ? ["http://\(listen)"] : origins
  }
  public var signingKeyFile: String? { text(.signingKeyFile) }
  public var registryTokenFile: String? { text(.registryTokenFile) }
  public var enrolmentTokenFile: String? { text(.enrolmentTokenFile) }
  public var recipesDirectory: String { text(.recipesDirectory) ?? "recipes" }
  public var targetsDirectory: String { text(.targetsDirectory) ?? "targets" }
  /// By default beside the program's own folder: `.local/bin/…` and `.local/modules`.
  public var modulesDirectory: String {
    text(.modulesDirectory)
      ?? URL(filePath: executable).deletingLastPathComponent().deletingLastPathComponent()
      .appending(path: "modules").path(percentEncoded: false)
  }
  /// What executor modules keep for all builders of this machine: root file systems, toolchains.
  public var cacheDirectory: String { text(.cacheDirectory) ?? stateDirectory + "/modules" }
  public var logLevel: LogLevel { text(.logLevel).flatMap(LogLevel.init(rawValue:)) ?? .info }

  private func absolute(_ path: String) -> String {
    URL(filePath: path).standardizedFileURL.path(percentEncoded: false)
  }
}
