import FarmModel
import Foundation

/// Records as lines of NDJSON, in the spelling of ``CanonicalJSON``. Pure.
///
/// A first sync writes millions of lines: those of versions without contents are put together here,
/// which takes a tenth of the time of `JSONEncoder`.
enum RecordLine {
  static func append(_ record: RegistryRecord, to bytes: inout [UInt8]) {
    if case .version(let version) = record, version.contents == nil,
      version.rustVersion.map({ isPlain($0) }) ?? true
    {
      append(plain: version, to: &bytes)
    } else {
      // Texts, whole numbers and booleans: JSON can hold them all.
      bytes += (try? CanonicalJSON.encode(record)) ?? Data()
    }
    bytes.append(10)
  }

  static func bytes(of record: RegistryRecord) -> [UInt8] {
    var bytes: [UInt8] = []
    append(record, to: &bytes)
    return bytes
  }

  /// Names, versions and checksums have no character that JSON would escape.
  private static func append(plain version: RegistryVersion, to bytes: inout [UInt8]) {
    bytes += #"{"checksum":""#.utf8
    bytes += version.checksum.utf8
    bytes += #"","crate":""#.utf8
    bytes += version.crate.text.utf8
    if let time = version.publishedAt {
      bytes += #"","published_at":"#.utf8
      bytes += String(time).utf8
      bytes += #","#.utf8
    } else {
      bytes += #"","#.utf8
    }
    if let rust = version.rustVersion {
      bytes += #""rust_version":""#.utf8
      bytes += rust.utf8
      bytes += #"","#.utf8
    }
    bytes += #""type":"version","version":""#.utf8
    bytes += version.version.description.utf8
    bytes += version.yanked ? #"","yanked":true}"#.utf8 : #"","yanked":false}"#.utf8
  }

  private static func isPlain(_ text: String) -> Bool {
    text.utf8.allSatisfy { $0 >= 0x20 && $0 < 0x7F && $0 != 0x22 && $0 != 0x5C }
  }
}
