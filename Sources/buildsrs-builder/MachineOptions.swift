import ArgumentParser
import Builder
import CommandLineSupport
import Foundation
import Recipes

/// Where modules and targets are; what all commands share.
struct MachineOptions: ParsableArguments {
  @OptionGroup var common: CommonOptions
  @OptionGroup var modules: ModuleOptions

  @Option(
    help: "The directory of targets, with `executors` in it (default: targets).",
    completion: .directory)
  var targetsDirectory: String?

  func settings(_ groups: any SettingFlags...) throws -> Settings {
    let all = groups.reduce(into: own.flags) { $0.merge($1.flags) { $1 } }
    let settings = try common.settings(Flags(flags: all))
    installLogging(settings.logLevel)
    return settings
  }

  private var own: Flags {
    var flags = modules.flags
    flags[.targetsDirectory] = targetsDirectory.map { [$0] } ?? []
    return Flags(flags: flags)
  }
}

/// Settings of a command that belong to no shared group.
struct Flags: SettingFlags {
  var flags: [SettingName: [String]]
}

/// The absolute form of a path that a person gave, without a final `/`.
func absolutePath(_ path: String) -> String {
  let whole = URL(filePath: path).standardizedFileURL.path(percentEncoded: false)
  return whole.count > 1 && whole.hasSuffix("/") ? String(whole.dropLast()) : whole
}

/// Makes a directory that a person gave where it is missing, before anything is built that needs it.
/// - Throws: `CommandFailure` where there can be none, or nothing can be put into it.
func makeDirectory(_ path: String, of option: String) throws(CommandFailure) {
  do {
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  } catch {
    throw .usage(
      "\(option) \(path) cannot be made: it is no directory, or its parent cannot be written")
  }
  guard access(path, W_OK | X_OK) == 0 else { throw .usage("\(option) \(path) cannot be written") }
}

extension Settings {
  /// Container and root-file-system files of the modules.
  var executorFilesDirectory: String { absolutePath(targetsDirectory) + "/executors" }

  /// The modules directory; where nobody names one and there is none, the program's own folder, in
  /// which Swift's package manager leaves programs and modules side by side.
  var foundModulesDirectory: String {
    let usual = absolutePath(modulesDirectory)
    guard text(.modulesDirectory) == nil, !FileManager.default.fileExists(atPath: usual) else {
      return usual
    }
    let beside = URL(filePath: Settings.runningProgram).deletingLastPathComponent()
      .path(percentEncoded: false)
    let names = (try? FileManager.default.contentsOfDirectory(atPath: beside)) ?? []
    return names.contains { $0.hasSuffix("Executor.so") } ? absolutePath(beside) : usual
  }

  /// The targets of the targets directory.
  /// - Throws: `CommandFailure` with every mistake in the files.
  func targetDefinitions() throws -> [TargetDefinition] {
    do {
      return try OfferedTarget.definitions(directory: absolutePath(targetsDirectory))
    } catch let error as BuilderSetupError {
      throw CommandFailure(error.description, exitCode: .usage)
    }
  }

  /// Asks the modules; the targets come from the targets directory.
  func prober(scratch: String) throws -> ModuleProber {
    do {
      return ModuleProber(
        program: try .beside(executable: Settings.runningProgram),
        modulesDirectory: foundModulesDirectory, filesDirectory: executorFilesDirectory,
        cacheDirectory: absolutePath(cacheDirectory),
        targets: try OfferedTarget.load(directory: absolutePath(targetsDirectory)),
        scratchDirectory: scratch)
    } catch let error as BuilderSetupError {
      throw CommandFailure(error.description, exitCode: .usage)
    }
  }

  /// A module by its name, to work by hand.
  /// - Throws: `CommandFailure` where there is none, or no modules directory.
  func localModule(_ name: String, _ prober: ModuleProber) async throws -> LocalModule {
    do {
      return localModule(at: try await prober.modulePath(of: name), prober)
    } catch let error as BuilderSetupError {
      throw CommandFailure.usage(error.description)
    }
  }

  func localModule(at path: String, _ prober: ModuleProber) -> LocalModule {
    LocalModule(
      program: prober.program, path: path, filesDirectory: prober.filesDirectory,
      cacheDirectory: prober.cacheDirectory, stateDirectory: absolutePath(stateDirectory))
  }
}
