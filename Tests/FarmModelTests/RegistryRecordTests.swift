import FarmModel
import Foundation
import Testing

@Suite("What a registry sync and a backend say to each other")
struct RegistryRecordTests {
  private func read<Value: Decodable>(_ type: Value.Type, _ text: String) throws -> Value {
    try JSONDecoder().decode(type, from: Data(text.utf8))
  }

  @Test("a crate's line tells its versions, its downloads, or both")
  func crate() throws {
    let name = try #require(CrateName("abc"))
    let one = try #require(Semver("1.0.0"))
    for (record, text) in [
      (
        RegistryCrate(crate: name, versions: [one], downloads: 123),
        #"{"crate":"abc","downloads":123,"type":"crate","versions":["1.0.0"]}"#
      ),
      (
        RegistryCrate(crate: name, versions: []),
        #"{"crate":"abc","type":"crate","versions":[]}"#
      ),
      (
        RegistryCrate(crate: name, downloads: 5), #"{"crate":"abc","downloads":5,"type":"crate"}"#
      ),
    ] {
      #expect(try CanonicalJSON.text(RegistryRecord.crate(record)) == text)
      #expect(try read(RegistryRecord.self, text) == .crate(record))
    }
  }

  @Test("a record of another type is refused with the types that there are")
  func otherType() {
    #expect(throws: DecodingError.self) {
      try read(RegistryRecord.self, #"{"type":"owner","crate":"abc"}"#)
    }
  }

  @Test("a lease is asked for with null or without a fence")
  func lease() throws {
    let new = RegistryLeaseRequest(holder: "h")
    #expect(try read(RegistryLeaseRequest.self, #"{"holder":"h","fence":null}"#) == new)
    #expect(try read(RegistryLeaseRequest.self, #"{"holder":"h"}"#) == new)
    #expect(
      try read(RegistryLeaseGrant.self, #"{"fence":7,"seconds":30}"#)
        == RegistryLeaseGrant(fence: 7, seconds: 30))
  }
}
