public import FarmModel
import Foundation

/// Where `.crate` files are downloaded: the `dl` of an index's `config.json`
/// (doc.rust-lang.org/cargo/reference/registry-index.html, "Index configuration").
public struct DownloadTemplate: Sendable, Equatable, CustomStringConvertible {
  /// The template as the registry gives it.
  public let text: String

  private static let markers = [
    "{crate}", "{version}", "{prefix}", "{lowerprefix}", "{sha256-checksum}",
  ]

  /// Nil where the text is no `http` or `https` URL.
  public init?(_ text: String) {
    guard text.hasPrefix("http://") || text.hasPrefix("https://"),
      text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F })
    else { return nil }
    self.text = text
  }

  public var description: String { text }

  /// The URL of one `.crate`. A template without a marker gets `/{crate}/{version}/download`.
  public func url(of name: CrateName, _ version: Semver, checksum: CrateChecksum) -> String {
    let hasMarker = Self.markers.contains { text.contains($0) }
    let template = hasMarker ? text : text + "/{crate}/{version}/download"
    return
      template
      .replacingOccurrences(of: "{crate}", with: name.text)
      .replacingOccurrences(of: "{version}", with: version.description)
      .replacingOccurrences(of: "{prefix}", with: indexPrefix(of: name.text))
      .replacingOccurrences(of: "{lowerprefix}", with: indexPrefix(of: name.text.lowercased()))
      .replacingOccurrences(of: "{sha256-checksum}", with: checksum.hex)
  }
}

/// The `config.json` of an index.
public struct RegistryConfiguration: Sendable, Equatable {
  /// Where crates are downloaded.
  public let download: DownloadTemplate
  /// The base URL of the registry's web API.
  public let api: String?

  /// Reads a `config.json`.
  /// - Parameter url: where it came from, for the error.
  public init(json bytes: [UInt8], url: String) throws(RegistryError) {
    let fields: Fields
    do {
      fields = try JSONDecoder().decode(Fields.self, from: Data(bytes))
    } catch {
      throw .badConfiguration(url: url, reason: "no JSON object with a text 'dl'")
    }
    guard let download = DownloadTemplate(fields.dl) else {
      throw .badConfiguration(url: url, reason: "dl '\(fields.dl)' is no http or https URL")
    }
    self.download = download
    api = fields.api
  }

  private struct Fields: Decodable {
    let dl: String
    let api: String?
  }
}
