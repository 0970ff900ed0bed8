import Foundation
import Signing
import Testing

@Suite("Signatures and the program minisign")
struct MinisignProgramTests {
  @Test("minisign accepts what we sign, and refuses it with one byte changed")
  func programAcceptsOurs() async throws {
    let minisign = try Minisign()
    let key = SigningKey.generate()
    try minisign.write("a binary\n", to: "tool.tar.gz")
    try minisign.write(key.publicKey.fileText, to: "farm.pub")
    let signature = try key.sign(
      contentsOfFile: minisign.path("tool.tar.gz"), name: "tool.tar.gz", timestamp: 1_700_000_000)
    try minisign.write(signature, to: "tool.tar.gz.minisig")

    #expect(try await minisign.run("-V", "-H", "-p", "farm.pub", "-m", "tool.tar.gz") == 0)
    #expect(
      try await minisign.run("-V", "-H", "-P", key.publicKey.base64, "-m", "tool.tar.gz") == 0)
    try minisign.write("b binary\n", to: "tool.tar.gz")
    #expect(try await minisign.run("-V", "-H", "-p", "farm.pub", "-m", "tool.tar.gz") == 1)
    #expect(throws: SignatureError.wrongContent(keyID: key.publicKey.keyID)) {
      try key.publicKey.verify(
        signatureText: signature, contentsOfFile: minisign.path("tool.tar.gz"))
    }
  }

  @Test("we accept what minisign signs, and refuse it with one byte changed")
  func weAcceptTheirs() async throws {
    let minisign = try Minisign()
    try minisign.write("a binary\n", to: "tool")
    #expect(try await minisign.run("-G", "-W", "-p", "m.pub", "-s", "m.key") == 0)
    #expect(try await minisign.run("-S", "-s", "m.key", "-t", "for you", "-m", "tool") == 0)
    let key = try PublicKey(contentsOf: minisign.path("m.pub"))
    let signature = try minisign.read("tool.minisig")

    let comment = try key.verify(
      signatureText: signature, contentsOfFile: minisign.path("tool"))
    #expect(comment.text == "for you")
    // minisign prints a key id without its leading zeros.
    let printed = String(key.keyID.drop { $0 == "0" })
    #expect(try minisign.read("m.pub").contains("minisign public key \(printed)\n"))
    #expect(try minisign.read("m.pub").contains("\n\(key.base64)\n"))
    try minisign.write("a binarY\n", to: "tool")
    #expect(throws: SignatureError.wrongContent(keyID: key.keyID)) {
      try key.verify(signatureText: signature, contentsOfFile: minisign.path("tool"))
    }
  }

  @Test("minisign signs with our key file, and we with minisign's")
  func keyFilesAreShared() async throws {
    let minisign = try Minisign()
    let ours = SigningKey.generate()
    try ours.write(to: minisign.path("ours.key"))
    try minisign.write("content", to: "file")
    #expect(try await minisign.run("-S", "-W", "-s", "ours.key", "-m", "file") == 0)
    let comment = try ours.publicKey.verify(
      signatureText: minisign.read("file.minisig"), contentsOfFile: minisign.path("file"))
    #expect(comment.file == "file")
    #expect(try await minisign.run("-R", "-s", "ours.key", "-p", "ours.pub") == 0)
    #expect(try PublicKey(contentsOf: minisign.path("ours.pub")) == ours.publicKey)

    #expect(try await minisign.run("-G", "-W", "-p", "m.pub", "-s", "m.key") == 0)
    let theirs = try SigningKey(contentsOf: minisign.path("m.key"))
    let signature = try theirs.sign(
      contentsOfFile: minisign.path("file"), name: "file", timestamp: 1)
    try minisign.write(signature, to: "file.minisig")
    #expect(try await minisign.run("-V", "-H", "-p", "m.pub", "-m", "file") == 0)
  }

  @Test("a signature in the legacy format is refused as such")
  func legacy() async throws {
    let minisign = try Minisign()
    let key = SigningKey.generate()
    try key.write(to: minisign.path("k.key"))
    try minisign.write("content", to: "file")
    #expect(try await minisign.run("-S", "-l", "-W", "-s", "k.key", "-m", "file") == 0)
    let signature = try minisign.read("file.minisig")
    #expect(throws: SignatureError.notPrehashed) {
      try key.publicKey.verify(signatureText: signature, fileDigest: [])
    }
  }
}
