import Cryptography
import Foundation
import Signing
import Testing

@Suite("Signatures")
struct SignatureTests {
  let key = SigningKey.generate()

  private func digest(of text: String) -> [UInt8] {
    let digest = Digest(.blake2b512)
    digest.update(text.utf8)
    return digest.finalize()
  }

  private func signature(of text: String) -> String {
    key.sign(
      fileDigest: digest(of: text),
      trustedComment: TrustedComment(timestamp: 7, file: "a.tar.gz", sha256: SHA256.hex(of: text)))
  }

  @Test("a verified signature gives its trusted comment")
  func comment() throws {
    let comment = try key.publicKey.verify(
      signatureText: signature(of: "x"), fileDigest: digest(of: "x"))
    #expect(comment.timestamp == 7)
    #expect(comment.file == "a.tar.gz")
    #expect(comment.sha256 == SHA256.hex(of: "x"))
    #expect(comment.field("size") == nil)
  }

  @Test("a changed trusted comment is refused")
  func changedComment() {
    let changed = signature(of: "x").replacing("a.tar.gz", with: "b.tar.gz")
    #expect(throws: SignatureError.wrongComment(keyID: key.publicKey.keyID)) {
      try key.publicKey.verify(signatureText: changed, fileDigest: digest(of: "x"))
    }
  }

  @Test("a signature by another key is refused and names both keys")
  func otherKey() {
    let other = SigningKey.generate().publicKey
    #expect(
      throws: SignatureError.otherKey(expected: other.keyID, found: key.publicKey.keyID)
    ) { try other.verify(signatureText: signature(of: "x"), fileDigest: digest(of: "x")) }
  }

  @Test("lines that end in CR LF are read")
  func carriageReturns() throws {
    let text = signature(of: "x").replacing("\n", with: "\r\n")
    try key.publicKey.verify(signatureText: text, fileDigest: digest(of: "x"))
  }

  @Test("a control character in a file name cannot add a line or a field")
  func controlCharacters() throws {
    let comment = TrustedComment(timestamp: 1, file: "a\nb\tsha256:0", sha256: "f")
    #expect(comment.text == "timestamp:1\tfile:a b sha256:0\tsha256:f")
    let text = key.sign(fileDigest: digest(of: "x"), trustedComment: comment)
    #expect(
      try key.publicKey.verify(signatureText: text, fileDigest: digest(of: "x")) == comment)
  }

  @Test(
    "texts that are no signature are named by their line",
    arguments: [
      ("", "it has 0 lines instead of 4"),
      ("a\nb\nc\nd\ne\n", "it has 5 lines instead of 4"),
      ("a\nb\nc\nd\n", "line 1 does not begin with “untrusted comment: ”"),
      ("untrusted comment: a\n?\nc\nd\n", "line 2 is not 74 bytes in base64"),
    ])
  func malformed(text: String, reason: String) {
    #expect(throws: SignatureError.malformed(reason)) {
      try key.publicKey.verify(signatureText: text, fileDigest: [])
    }
  }

  @Test("every cut and every changed character of a signature is an error, never a crash")
  func everyChange() {
    let text = Array(signature(of: "x").utf8)
    let firstLine = text.firstIndex(of: 10) ?? 0
    for index in text.indices {
      let cut = String(decoding: text[..<index], as: UTF8.self)
      // Only the end of the last line may be missing.
      if index < text.count - 1 { #expect(throws: SignatureError.self) { try check(cut) } }
      guard index > firstLine, index < text.count - 1 else { continue }
      var changed = text
      changed[index] ^= 1
      let changedText = String(decoding: changed, as: UTF8.self)
      #expect(throws: SignatureError.self, "byte \(index)") { try check(changedText) }
    }
  }

  private func check(_ text: String) throws(SignatureError) {
    try key.publicKey.verify(signatureText: text, fileDigest: digest(of: "x"))
  }

  @Test("a public key is read from its line and from its file, and from nothing else")
  func publicKeys() throws {
    #expect(try PublicKey(key.publicKey.base64) == key.publicKey)
    #expect(try PublicKey(key.publicKey.fileText) == key.publicKey)
    #expect(throws: SignatureError.malformedPublicKey("line 1 is not 42 bytes in base64")) {
      try PublicKey("RWQ=")
    }
    #expect(throws: SignatureError.malformedPublicKey("it has 0 lines instead of 1 or 2")) {
      try PublicKey("\n")
    }
  }
}
