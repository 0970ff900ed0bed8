import FarmModel
import Foundation

/// Records as lines of NDJSON, in the spelling of ``CanonicalJSON``. Pure.
///
/// A first sync writes millions of lines: those without contents are put together here, which
/// takes a tenth of the time of `JSONEncoder`.
enum RecordLine {
  static func append(_ record: RegistryRecord, to bytes: inout [UInt8]) {
    switch record {
    case .version(let version)
    where version.contents == nil && version.rustVersion.map({ isPlain($0) }) ?? true:
      append(plain: version, to: &bytes)
    case .crate(let crate): append(crate, to: &bytes)
    default:
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

  private static func append(_ crate: RegistryCrate, to bytes: inout [UInt8]) {
    bytes += #"{"crate":""#.utf8
    bytes += crate.crate.text.utf8
    if let downloads = crate.downloads {
      bytes += #"","downloads":"#.utf8
      bytes += String(downloads).utf8
      bytes += #","type":"crate""#.utf8
    } else {
      bytes += #"","type":"crate""#.utf8
    }
    if let versions = crate.versions {
      bytes += #","versions":["#.utf8
      for (index, version) in versions.enumerated() {
        bytes += (index == 0 ? "\"" : "\",\"").utf8
        bytes += version.description.utf8
      }
      bytes += (versions.isEmpty ? "]" : "\"]").utf8
    }
    bytes.append(UInt8(ascii: "}"))
  }

  private static func isPlain(_ text: String) -> Bool {
    text.utf8.allSatisfy { $0 >= 0x20 && $0 < 0x7F && $0 != 0x22 && $0 != 0x5C }
  }
}
