import Cryptography
import Foundation
import Testing

@Suite("Digests, keys and hexadecimal text")
struct CryptographyTests {
  @Test("SHA-256 agrees with FIPS 180-4's example")
  func sha256Example() {
    #expect(
      SHA256.hex(of: "abc")
        == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
  }

  @Test("BLAKE2b-512 agrees with RFC 7693's example")
  func blake2bExample() {
    let digest = Digest(.blake2b512)
    digest.update("abc".utf8)
    #expect(Hex.encode(digest.finalize()).hasPrefix("ba80a53f981c4d0d6a2797b69f12f6e94c212f14"))
  }

  @Test("pieces give the same digest as the whole")
  func pieces() {
    let digest = Digest(.sha256)
    digest.update("a".utf8)
    digest.update("bc".utf8)
    #expect(digest.finalize() == SHA256.digest(of: "abc".utf8))
  }

  @Test("Ed25519 agrees with RFC 8032's first test vector")
  func ed25519Vector() throws {
    let seed = try #require(
      Hex.decode("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60"))
    let key = try #require(Ed25519.PrivateKey(seed: seed))
    #expect(
      Hex.encode(key.publicKey)
        == "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a")
    #expect(Hex.encode(key.sign([])).hasPrefix("e5564300c360ac729086e2cc806e828a84877f1eb8e5d974"))
  }

  @Test("a signature holds for its message and key only")
  func signatureIsBound() {
    let key = Ed25519.PrivateKey()
    let signature = key.sign(Array("yes".utf8))
    #expect(
      Ed25519.isValid(signature: signature, for: Array("yes".utf8), publicKey: key.publicKey))
    #expect(
      !Ed25519.isValid(signature: signature, for: Array("no".utf8), publicKey: key.publicKey))
    #expect(
      !Ed25519.isValid(
        signature: signature, for: Array("yes".utf8), publicKey: Ed25519.PrivateKey().publicKey))
    #expect(!Ed25519.isValid(signature: [1], for: [], publicKey: [2]))
  }

  @Test("hexadecimal text is read in both cases, and nothing else is")
  func hex() {
    #expect(Hex.decode("00fFa0") == [0, 255, 160])
    #expect(Hex.decode("0") == nil)
    #expect(Hex.decode("zz") == nil)
  }

  @Test("equal secrets are equal, others are not")
  func comparison() {
    #expect(constantTimeEqual([1, 2], [1, 2]))
    #expect(!constantTimeEqual([1, 2], [1, 3]))
    #expect(!constantTimeEqual([1], [1, 2]))
  }
}
