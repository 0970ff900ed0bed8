import CommandLineSupport
import Cryptography
import Foundation
import LocalFarm

/// What anybody can do with an artifact: download, verify, unpack and run it.
struct DemoProof {
  let api: FarmAPI
  let console: DemoConsole
  let place: DemoPlace

  func prove(_ crate: String, on target: String) async throws {
    guard let version = try await api.crate(crate).newestVersion else {
      throw CommandFailure("there is no version of \(crate)")
    }
    let name = "\(crate)-\(version)-\(target).tar.gz"
    let file = "\(place.downloads)/\(name)"
    let url = "/download/\(crate)-\(version)/\(name)"
    try await console.step("download") {
      try makeEmpty(place.downloads)
      try await api.download(url, to: file)
      try await api.download(url + ".minisig", to: file + ".minisig")
      return ((), api.absolute(url))
    }
    try await checkSum(of: file, crate, version, target, name)
    try await verify(file)
    try await runBinary(in: file, crate, version, target)
  }

  private func checkSum(
    of file: String, _ crate: String, _ version: String, _ target: String, _ name: String
  ) async throws {
    let told = try await api.version(crate, version).targets.first { $0.target == target }?
      .artifacts.first { $0.name == name }?.sha256
    let found = try SHA256.hex(ofFile: file).hex
    guard told == found else {
      throw CommandFailure("\(name) has the checksum \(found), the API says \(told ?? "nothing")")
    }
    console.line("checksum", "sha256 \(found), as the API says")
  }

  /// By the program `minisign`, not by our own code; and one changed byte must be refused.
  private func verify(_ file: String) async throws {
    let key = "\(place.state)/minisign.pub"
    let accepted = try await call("minisign", ["-V", "-p", key, "-m", file])
    guard accepted.status == 0 else {
      throw CommandFailure("minisign refuses \(file): \(accepted.text)")
    }
    let comment = accepted.text.split(separator: "\n").last { $0.contains("comment") } ?? ""
    console.line("signature", "minisign accepts it. \(comment)")
    let changed = file + ".changed"
    var bytes = try Data(contentsOf: URL(filePath: file))
    bytes[bytes.count / 2] ^= 1
    try bytes.write(to: URL(filePath: changed))
    let refused = try await call(
      "minisign", ["-V", "-p", key, "-m", changed, "-x", file + ".minisig"])
    guard refused.status != 0 else { throw CommandFailure("minisign accepts a changed byte") }
    console.line("", "with one byte changed, minisign refuses it")
  }

  private func runBinary(
    in file: String, _ crate: String, _ version: String, _ target: String
  ) async throws {
    let unpacked = try await call("tar", ["-xzf", file, "-C", place.downloads])
    guard unpacked.status == 0 else { throw CommandFailure("tar: \(unpacked.text)") }
    let job = try await api.version(crate, version).targets.first { $0.target == target }?.job ?? 0
    for binary in try await api.job(job).build?.binaries ?? [] {
      let path = "\(place.downloads)/\(binary.name)"
      let kind = try await call("file", ["-b", path])
      console.line("file", kind.text.split(separator: ",").prefix(2).joined(separator: ","))
      let answer = try await call(
        "qemu-aarch64-static", ["-L", "/usr/aarch64-linux-gnu", path, "--version"])
      guard answer.status == 0 else {
        throw CommandFailure("\(binary.name) does not run: \(answer.text)")
      }
      console.line("run", "\(binary.name) --version → \(answer.text.prefix { !$0.isNewline })")
    }
  }

  private func makeEmpty(_ directory: String) throws {
    try? FileManager.default.removeItem(atPath: directory)
    try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
  }

  /// Runs a program of the system to its end: its status and what it printed.
  private func call(_ program: String, _ arguments: [String]) async throws -> (
    status: Int32, text: String
  ) {
    let child = try ChildProcess(
      "call", ["/usr/bin/env", program] + arguments, directory: "\(place.root)/calls")
    let status = await child.ending()
    let output = (try? String(contentsOfFile: child.outputFile, encoding: .utf8)) ?? ""
    let error = (try? String(contentsOfFile: child.logFile, encoding: .utf8)) ?? ""
    return (status, (output + error).trimmingCharacters(in: .whitespacesAndNewlines))
  }
}
