public import ExecutorKit
import Glibc

/// Why a file could not be used as an executor module, and what to do about it.
public enum ModuleLoadError: Error, Equatable, CustomStringConvertible {
  /// The dynamic loader refused the file.
  case cannotLoad(path: String, reason: String)
  /// A shared library, but none of ours.
  case missingSymbol(path: String)
  /// Built against another version of the kit.
  case wrongKitVersion(path: String, module: Int32, host: Int32)
  /// The right version, yet the entry point handed out no module.
  case noModule(path: String)

  public var description: String {
    switch self {
    case .cannotLoad(let path, let reason):
      "cannot load the module \(path): \(reason). Check the path, and that libExecutorKit.so and the"
        + " other libraries that it names are installed in ../lib beside the modules directory"
    case .missingSymbol(let path):
      "\(path) is no executor module: it does not export \(executorModuleSymbol). Remove it from the"
        + " modules directory, or add the entry point that ExecutorKit documents"
    case .wrongKitVersion(let path, let module, let host):
      "\(path) was built with version \(module) of ExecutorKit, this program has version \(host)."
        + " Build the module again with the kit of this release"
    case .noModule(let path):
      "\(path) exports \(executorModuleSymbol), but it returned no ExecutorModuleBox. Make the entry"
        + " point from exportExecutorModule, linked to the shared libExecutorKit.so"
    }
  }
}

/// Turns a shared library into a module. Only the executor host does this; the builder never does.
public enum ModuleLoader {
  /// Loads a module and keeps it loaded: Swift images must never be closed, since the runtime keeps
  /// pointers to their metadata.
  ///
  /// The module's kit version is checked before anything of it but its entry point is used.
  public static func load(_ path: String) throws(ModuleLoadError) -> any ExecutorModule {
    // A name without a slash would be searched in the system's library folders (dlopen(3)).
    let file = path.contains("/") ? path : "./" + path
    guard let handle = dlopen(file, RTLD_NOW | RTLD_LOCAL) else {
      throw .cannotLoad(path: path, reason: dlerror().map { String(cString: $0) } ?? "unknown")
    }
    guard let symbol = dlsym(handle, executorModuleSymbol) else {
      throw .missingSymbol(path: path)
    }
    let entry = unsafeBitCast(symbol, to: ExecutorModuleEntry.self)
    return try callEntry(entry, path: path)
  }

  private static func callEntry(
    _ entry: ExecutorModuleEntry, path: String
  ) throws(ModuleLoadError) -> any ExecutorModule {
    var moduleVersion: Int32 = 0
    let pointer = entry(executorKitVersion, &moduleVersion)
    guard moduleVersion == executorKitVersion else {
      throw .wrongKitVersion(path: path, module: moduleVersion, host: executorKitVersion)
    }
    guard let pointer else { throw .noModule(path: path) }
    let object = Unmanaged<AnyObject>.fromOpaque(pointer).takeRetainedValue()
    guard let box = object as? ExecutorModuleBox else { throw .noModule(path: path) }
    return box.module
  }
}
