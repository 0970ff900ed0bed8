import ExecutorKit
import FarmModel

/// Holds a binary's headers against what the target promises. Pure.
struct Inspector: Sendable {
  let inputs: BuildInputs
  let checks: BuildChecks

  /// The facts about a binary.
  static func inspection(of file: ELFFile) -> Inspection {
    let floor = file.versions.compactMap(glibcVersion(of:))
      .max { GlibcVersion($0) < GlibcVersion($1) }
    return Inspection(
      format: file.is64Bit ? "ELF64" : "ELF32",
      machine: machineNames[file.machine] ?? "machine \(file.machine)",
      endianness: file.isLittleEndian ? "little" : "big",
      interpreter: file.interpreter, needed: file.needed, glibcFloor: floor)
  }

  /// The glibc that has a symbol version, as `x.y`; nil where it is none of glibc's public ones.
  private static func glibcVersion(of symbolVersion: String) -> String? {
    // Not a number, but a mark that the loader must know packed relocations: new in 2.36.
    if symbolVersion == "GLIBC_ABI_DT_RELR" { return "2.36" }
    guard symbolVersion.hasPrefix("GLIBC_") else { return nil }
    let version = symbolVersion.dropFirst("GLIBC_".count)
    return version.first?.isNumber == true ? String(version) : nil
  }

  /// Why a binary is not what the target promises; nil: it is.
  func objection(to file: ELFFile) -> String? {
    if !file.isProgram { return "it is no program" }
    let facts = Self.inspection(of: file)
    return machineObjection(to: facts) ?? staticObjection(to: facts)
      ?? neededObjection(to: facts) ?? glibcObjection(to: file, facts)
  }

  private func machineObjection(to facts: Inspection) -> String? {
    guard let expected = Self.expected(for: inputs.target) else {
      return "the farm does not know which machine \(inputs.target) is"
    }
    let found = Machine(facts.format, facts.machine, facts.endianness)
    return found == expected ? nil : "it is \(found), but \(inputs.target) is \(expected)"
  }

  private func staticObjection(to facts: Inspection) -> String? {
    guard inputs.target.contains("-musl") else { return nil }
    if let interpreter = facts.interpreter {
      return "a musl binary must be static, but it asks for the interpreter \(interpreter)"
    }
    if facts.needed.isEmpty { return nil }
    return "a musl binary must be static, but it needs " + facts.needed.joined(separator: ", ")
  }

  private func neededObjection(to facts: Inspection) -> String? {
    let foreign = facts.needed.filter { !checks.needed.contains($0) }
    guard !checks.needed.isEmpty, !foreign.isEmpty else { return nil }
    return "it needs \(foreign.joined(separator: ", ")), which the target's policy does not allow;"
      + " link it statically, or extend `needed` in the recipe"
  }

  private func glibcObjection(to file: ELFFile, _ facts: Inspection) -> String? {
    guard let promise = inputs.glibc else { return nil }
    if file.versions.contains("GLIBC_PRIVATE") { return "it needs private symbols of glibc" }
    guard let floor = facts.glibcFloor, GlibcVersion(promise) < GlibcVersion(floor) else {
      return nil
    }
    return "it needs glibc \(floor), but the target promises that \(promise) is enough"
  }
}

/// A machine as ELF tells it.
struct Machine: Equatable, CustomStringConvertible {
  var format: String
  var name: String
  var endianness: String

  init(_ format: String, _ name: String, _ endianness: String) {
    self.format = format
    self.name = name
    self.endianness = endianness
  }
  var description: String { "\(format) \(name), \(endianness)-endian" }
}

extension Inspector {
  /// `e_machine` to names: the gABI's register of machines.
  private static let machineNames: [UInt16: String] = [
    3: "i386", 8: "mips", 20: "powerpc", 21: "powerpc64", 22: "s390x", 40: "arm", 62: "x86_64",
    183: "aarch64", 243: "riscv", 258: "loongarch",
  ]

  /// What a triple's processor is in ELF's words; nil for one that the farm does not know.
  static func expected(for target: String) -> Machine? {
    switch target.prefix(while: { $0 != "-" }) {
    case "x86_64": Machine("ELF64", "x86_64", "little")
    case "aarch64": Machine("ELF64", "aarch64", "little")
    case "i586", "i686": Machine("ELF32", "i386", "little")
    case "arm", "armv5te", "armv7", "thumbv7neon": Machine("ELF32", "arm", "little")
    case "powerpc64le": Machine("ELF64", "powerpc64", "little")
    case "powerpc64": Machine("ELF64", "powerpc64", "big")
    case "powerpc": Machine("ELF32", "powerpc", "big")
    case "s390x": Machine("ELF64", "s390x", "big")
    case "riscv64gc": Machine("ELF64", "riscv", "little")
    case "loongarch64": Machine("ELF64", "loongarch", "little")
    default: nil
    }
  }
}
