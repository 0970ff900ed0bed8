public import ArgumentParser

/// Flags of a command that are settings.
public protocol SettingFlags {
  /// What was given on the command line; nothing for a flag that was not.
  var flags: [SettingName: [String]] { get }
}

/// What every command takes.
public struct CommonOptions: ParsableArguments, SettingFlags {
  @Option(
    name: .customLong("config"),
    help: "A YAML file with settings; flags and BUILDSRS_… variables are stronger.",
    completion: .file(extensions: ["yaml"]))
  public var configurationFile: String?

  @Option(help: "How much is logged to standard error (default: info).")
  public var logLevel: LogLevel?

  @Option(
    help: "Where the program keeps what it must remember (default: .local/state).",
    completion: .directory)
  public var stateDirectory: String?

  public init() {}

  public var flags: [SettingName: [String]] {
    [.logLevel: [logLevel?.rawValue].compacted, .stateDirectory: [stateDirectory].compacted]
  }

  /// The settings of these flags and those of the command's other groups, of the environment and of
  /// the file.
  /// - Throws: a failure of wrong usage that tells every mistake of the file.
  public func settings(_ groups: any SettingFlags...) throws(CommandFailure) -> Settings {
    let all = ([self] + groups).reduce(into: [:]) { $0.merge($1.flags) { $1 } }
    do {
      let file = try configurationFile.map { try ConfigurationFile.load($0) }
      return try Settings(flags: all, file: file)
    } catch let failure as CommandFailure {
      throw failure
    } catch {
      throw .usage("\(error)")
    }
  }
}

/// The database that a command works on.
public struct DatabaseOptions: ParsableArguments, SettingFlags {
  @Option(help: "The PostgreSQL database (default: the embedded one under .local/postgres).")
  public var databaseUrl: String?

  public init() {}

  public var flags: [SettingName: [String]] { [.databaseURL: [databaseUrl].compacted] }
}

/// Where artifacts are kept.
public struct StorageOptions: ParsableArguments, SettingFlags {
  @Option(
    help: """
      file:///DIRECTORY or s3://BUCKET/PREFIX?endpoint=URL&region=R (default: the folder storage \
      in the state directory).
      """)
  public var storageUrl: String?

  @Option(help: "Send downloads to this URL (default: the backend streams them itself).")
  public var storagePublicUrl: String?

  @Option(
    help: "The farm's secret key, made by `buildsrs keys generate`.", completion: .file())
  public var signingKeyFile: String?

  public init() {}

  public var flags: [SettingName: [String]] {
    [
      .storageURL: [storageUrl].compacted, .storagePublicURL: [storagePublicUrl].compacted,
      .signingKeyFile: [signingKeyFile].compacted,
    ]
  }
}

/// Where the backend is reached.
public struct ServerOptions: ParsableArguments, SettingFlags {
  @Option(help: "Where the server listens, HOST:PORT (default: 127.0.0.1:8080).")
  public var listen: String?

  @Option(
    help: """
      An origin under which clients and builders reach the farm; may be repeated (default: http:// \
      and what it listens on).
      """)
  public var publicUrl: [String] = []

  public init() {}

  public var flags: [SettingName: [String]] {
    [.listen: [listen].compacted, .publicURL: publicUrl]
  }
}

/// The backend that a command talks to.
public struct BackendOptions: ParsableArguments, SettingFlags {
  @Option(help: "The backend's origin (default: http://127.0.0.1:8080).")
  public var backendUrl: String?

  public init() {}

  public var flags: [SettingName: [String]] { [.backendURL: [backendUrl].compacted] }
}

/// The registry that crates come from.
public struct RegistryOptions: ParsableArguments, SettingFlags {
  @Option(
    help: "A sparse registry or a git index (default: sparse+https://index.crates.io/).")
  public var registryUrl: String?

  public init() {}

  public var flags: [SettingName: [String]] { [.registryURL: [registryUrl].compacted] }
}

/// What a registry sync may ask besides the index.
public struct RegistryAPIOptions: ParsableArguments, SettingFlags {
  @Option(
    help: """
      on: ask the registry's web API for a crate's binaries and downloads before its .crate is \
      downloaded, at most once a second (default: off).
      """)
  public var registryApi: String?

  public init() {}

  public var flags: [SettingName: [String]] { [.registryAPI: [registryApi].compacted] }
}

/// What a registry sync may do only when an operator says so.
public struct MassDeletionOptions: ParsableArguments, SettingFlags {
  @Flag(
    help: """
      Mark crates deleted however many the index lacks. Otherwise none is where more than 1 % of them \
      are missing, and more than 100 or half of them: a broken server looks the same.
      """)
  public var allowMassDeletion = false

  public init() {}

  public var flags: [SettingName: [String]] {
    [.allowMassDeletion: allowMassDeletion ? ["on"] : []]
  }
}

/// The bearer token between registry sync and backend.
public struct RegistryTokenOptions: ParsableArguments, SettingFlags {
  @Option(
    help: "A file with the token by which the registry sync shows who it is.",
    completion: .file())
  public var registryTokenFile: String?

  public init() {}

  public var flags: [SettingName: [String]] {
    [.registryTokenFile: [registryTokenFile].compacted]
  }
}

/// Where targets and recipes are.
public struct RecipeOptions: ParsableArguments, SettingFlags {
  @Option(help: "The directory of recipes (default: recipes).", completion: .directory)
  public var recipesDirectory: String?

  @Option(help: "The directory of targets (default: targets).", completion: .directory)
  public var targetsDirectory: String?

  public init() {}

  public var flags: [SettingName: [String]] {
    [
      .recipesDirectory: [recipesDirectory].compacted,
      .targetsDirectory: [targetsDirectory].compacted,
    ]
  }
}

/// Where executor modules are.
public struct ModuleOptions: ParsableArguments, SettingFlags {
  @Option(
    help: "The directory of executor modules (default: ../modules from the program).",
    completion: .directory)
  public var modulesDirectory: String?

  @Option(
    help: """
      What executor modules keep for all builders of this machine, such as root file systems \
      (default: modules in the state directory).
      """,
    completion: .directory)
  public var cacheDirectory: String?

  public init() {}

  public var flags: [SettingName: [String]] {
    [
      .modulesDirectory: [modulesDirectory].compacted,
      .cacheDirectory: [cacheDirectory].compacted,
    ]
  }
}

/// How a builder that the farm does not know yet is let in.
public struct EnrolmentOptions: ParsableArguments, SettingFlags {
  @Option(
    help: "A file with the invitation that `buildsrs builders invite` made.",
    completion: .file())
  public var enrolmentTokenFile: String?

  public init() {}

  public var flags: [SettingName: [String]] {
    [.enrolmentTokenFile: [enrolmentTokenFile].compacted]
  }
}

extension Array where Element == String? {
  /// What is there.
  fileprivate var compacted: [String] { compactMap { $0 } }
}
