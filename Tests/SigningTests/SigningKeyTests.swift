import Foundation
import Signing
import Testing

@Suite("Secret key files")
struct SigningKeyTests {
  @Test("a written key is read again, is private to its owner, and leaves no other file")
  func roundTrip() throws {
    let folder = try Minisign()
    let key = SigningKey.generate()
    try key.write(to: folder.path("farm.key"))
    #expect(try SigningKey(contentsOf: folder.path("farm.key")).publicKey == key.publicKey)
    let attributes = try FileManager.default.attributesOfItem(atPath: folder.path("farm.key"))
    #expect(attributes[.posixPermissions] as? Int == 0o600)
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.folder.path) == ["farm.key"])
  }

  @Test("a file that exists is never overwritten")
  func noOverwriting() throws {
    let folder = try Minisign()
    try folder.write("precious", to: "farm.key")
    #expect(throws: SigningKeyError.exists(path: folder.path("farm.key"))) {
      try SigningKey.generate().write(to: folder.path("farm.key"))
    }
    #expect(try folder.read("farm.key") == "precious")
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.folder.path) == ["farm.key"])
  }

  @Test("a folder that is missing is an error that names the file")
  func missingFolder() throws {
    let folder = try Minisign()
    let path = folder.path("no/farm.key")
    #expect(
      throws: SigningKeyError.unwritable(path: path, reason: "No such file or directory")
    ) { try SigningKey.generate().write(to: path) }
  }

  @Test("a key with a password is refused with the remedy")
  func password() throws {
    let folder = try Minisign()
    let bytes = Array("Ed".utf8) + Array("Sc".utf8) + [UInt8](repeating: 7, count: 154)
    try folder.write(
      "untrusted comment: x\n\(Data(bytes).base64EncodedString())\n", to: "farm.key")
    let error = #expect(throws: SigningKeyError.hasPassword(path: folder.path("farm.key"))) {
      try SigningKey(contentsOf: folder.path("farm.key"))
    }
    #expect(error?.description.contains("minisign -C -W") == true)
  }

  @Test(
    "a file that is no key is an error",
    arguments: ["", "x\ny\n", "untrusted comment: x\nAAAA\n"])
  func malformed(text: String) throws {
    let folder = try Minisign()
    try folder.write(text, to: "farm.key")
    #expect(throws: SigningKeyError.self) { try SigningKey(contentsOf: folder.path("farm.key")) }
  }

  @Test("a file too long to be a key is an error")
  func tooLong() throws {
    let folder = try Minisign()
    try folder.write(String(repeating: "A", count: 5000), to: "farm.key")
    #expect(throws: SigningKeyError.self) { try SigningKey(contentsOf: folder.path("farm.key")) }
  }

  @Test("a key whose halves do not match is refused")
  func halves() throws {
    let folder = try Minisign()
    let bytes = Array("Ed\0\0B2".utf8) + [UInt8](repeating: 0, count: 152)
    try folder.write(
      "untrusted comment: x\n\(Data(bytes).base64EncodedString())\n", to: "farm.key")
    #expect(
      throws: SigningKeyError.malformed(
        path: folder.path("farm.key"), reason: "its secret and its public half do not match")
    ) { try SigningKey(contentsOf: folder.path("farm.key")) }
  }

  @Test("a key's description shows its id and nothing secret")
  func description() {
    let key = SigningKey.generate()
    #expect("\(key)" == "signing key \(key.publicKey.keyID)")
  }
}
