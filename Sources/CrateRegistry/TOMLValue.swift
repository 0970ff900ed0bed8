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
      self = try JSONDecoder().decode(TOMLValue.self, from: data)
    } catch {
      throw .malformed(line: 1, column: 1, reason: "\(error)")
    }
  }
}

extension TOMLValue: Codable {
  init(from decoder: any Decoder) throws {
    let value = try decoder.singleValueContainer()
    if let text = try? value.decode(String.self) {
      self = .text(text)
    } else if let table = try? value.decode([String: TOMLValue].self) {
      self = .table(table)
    } else if let list = try? value.decode([TOMLValue].self) {
      self = .list(list)
    } else if let flag = try? value.decode(Bool.self) {
      self = .flag(flag)
    } else if let whole = try? value.decode(Int64.self) {
      self = .whole(whole)
    } else {
      self = .real(try value.decode(Double.self))
    }
  }

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
