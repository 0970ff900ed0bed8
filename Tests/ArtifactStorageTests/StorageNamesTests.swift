import ArtifactStorage
import Testing

@Suite("Keys and URLs of the storage")
struct StorageNamesTests {
  private let digest = String(repeating: "0a", count: 32)

  @Test("keys of artifacts, uploads and logs")
  func keys() throws {
    #expect(try StorageKey.artifact(sha256: digest).text == "artifacts/0a/\(digest)")
    #expect(try StorageKey.log(sha256: digest).text == "logs/\(digest)")
    #expect(
      try StorageKey.upload(job: 12, attempt: 3, sha256: digest, name: "a-1.0.0+b~c_d.tar.gz").text
        == "uploads/12/3/\(digest)/a-1.0.0+b~c_d.tar.gz")
    #expect(StorageKey.uploadPrefix(job: 12, attempt: 3) == "uploads/12/3/")
    #expect(StorageKey.marker.text == "farm.json")
  }

  @Test(
    "a key never leaves its store",
    arguments: [
      "", "/a", "a/", "a//b", "..", "a/../b", ".", "./a", "a/.hidden", "a b", "a\\b", "a\nb", "ä",
      "a\0", "-a", "a%2fb", String(repeating: "a", count: 256),
      String(repeating: "a/", count: 512) + "b",
    ])
  func badKeys(text: String) {
    #expect(throws: StorageError.badKey(text)) { try StorageKey(text) }
  }

  @Test("a digest or a name that is none forms no key")
  func badParts() {
    #expect(throws: StorageError.badKey("0a")) { try StorageKey.artifact(sha256: "0a") }
    let upper = digest.uppercased()
    #expect(throws: StorageError.badKey(upper)) { try StorageKey.log(sha256: upper) }
    #expect(throws: StorageError.badKey("a/b")) {
      try StorageKey.upload(job: 1, attempt: 1, sha256: digest, name: "a/b")
    }
    #expect(throws: StorageError.badKey("uploads/1/1/\(digest)/..")) {
      try StorageKey.upload(job: 1, attempt: 1, sha256: digest, name: "..")
    }
    #expect(throws: StorageError.badKey("..")) {
      try StorageKey.upload(job: 1, attempt: 1, sha256: "..", name: "a")
    }
  }

  @Test("storage URLs")
  func urls() throws {
    #expect(try StorageURL("file:///var/lib/farm") == .files(root: "/var/lib/farm"))
    #expect(try StorageURL("file:///a%20b") == .files(root: "/a b"))
    #expect(
      try StorageURL("file://.local/state/storage") == .files(root: ".local/state/storage"))
    let s3 = try StorageURL("s3://bucket/a/b?endpoint=http://127.0.0.1:9000&region=eu")
    #expect(
      s3 == .s3(bucket: "bucket", prefix: "a/b", endpoint: "http://127.0.0.1:9000", region: "eu"))
    #expect(try StorageURL(s3.description) == s3)
    #expect(try StorageURL("file:///a").makeStore() is FileStore)
  }

  @Test("S3 is recognised, and refused until it comes")
  func s3ComesLater() throws {
    let url = try StorageURL("s3://bucket/prefix?region=eu")
    let error = #expect(throws: StorageError.self) { try url.makeStore() }
    #expect(
      error?.description
        == "“s3://bucket/prefix?region=eu” is no storage URL: "
        + "this version stores in files only (file:///path); S3 comes later")
  }

  @Test(
    "texts that are no storage URL",
    arguments: ["", "/path", "http://x/y", "file://", "file:///", "s3://", "s3:///a", "s3://b?x=1"])
  func badURLs(text: String) {
    #expect(throws: StorageError.self) { try StorageURL(text) }
  }
}
