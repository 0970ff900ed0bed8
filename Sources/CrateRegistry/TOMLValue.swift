import CTOML
import Foundation

/// What a key of a TOML file has as its value. Dates and times are texts.
enum TOMLValue: Sendable, Equatable {
  case text(String)
  case flag(Bool)
  case whole(Int64)
  case real(Double)
  case list([TOMLValue])
  case table([String: TOMLValue])

  /// Reads a file, by toml++.
  init(reading text: String) throws(ManifestError) {
    var text = text
    let found = text.withUTF8 { bytes in
      bytes.withMemoryRebound(to: CChar.self) {
        buildsrs_toml_read($0.baseAddress, $0.count)
      }
    }
    defer { buildsrs_toml_free(found) }
    guard let start = found.bytes else {
      throw .malformed(line: 1, column: 1, reason: "there is no memory for it")
    }
    let data = Data(bytes: start, count: found.length)
    guard found.line == 0 else {
      throw .malformed(
        line: Int(found.line), column: Int(found.column),
        reason: String(decoding: data, as: UTF8.self))
    }
    do {
      self = Self(try JSONSerialization.jsonObject(with: data, options: .fragmentsAllowed))
    } catch {
      throw .malformed(line: 1, column: 1, reason: "its values are nested too deeply")
    }
  }

  /// What `JSONSerialization` has read. Several times faster than to try one type after the other by
  /// `Decodable`, which makes an error for each that a value is not.
  private init(_ json: Any) {
    switch json {
    case let text as String: self = .text(text)
    case let table as [String: Any]: self = .table(table.mapValues(Self.init))
    case let list as [Any]: self = .list(list.map(Self.init))
    case let number as NSNumber: self = Self(number)
    default: self = .text("")
    }
  }

  private init(_ number: NSNumber) {
    switch UInt8(bitPattern: number.objCType.pointee) {
    // Only truth values are of this type: what is read as a number has eight bytes.
    case UInt8(ascii: "c"), UInt8(ascii: "B"): self = .flag(number.boolValue)
    case UInt8(ascii: "d"), UInt8(ascii: "f"): self = .real(number.doubleValue)
    default: self = .whole(number.int64Value)
    }
  }
}

extension TOMLValue: Encodable {
  func encode(to encoder: any Encoder) throws {
    var value = encoder.singleValueContainer()
    switch self {
    case .text(let text): try value.encode(text)
    case .flag(let flag): try value.encode(flag)
    case .whole(let whole): try value.encode(whole)
    case .real(let real): try value.encode(real)
    case .list(let list): try value.encode(list)
    case .table(let table): try value.encode(table)
    }
  }
}
