import Foundation

/// Where the storage is, as the setting `storage-url` tells.
public enum StorageURL: Sendable, Equatable, CustomStringConvertible {
  /// `file:///path`, or `file://path` for one below the current folder.
  case files(root: String)
  /// `s3://BUCKET/PREFIX?endpoint=URL&region=R`
  case s3(bucket: String, prefix: String, endpoint: String?, region: String?)

  /// Reads the text of the setting.
  /// - Throws: ``StorageError/badURL(_:reason:)``.
  public init(_ text: String) throws(StorageError) {
    if let path = text.removing(prefix: "file://") {
      guard let decoded = path.removingPercentEncoding, !decoded.isEmpty, decoded != "/" else {
        throw .badURL(text, reason: "it names no folder; write file:///path/to/folder")
      }
      self = .files(root: decoded)
    } else if text.hasPrefix("s3://") {
      self = try Self.s3(text)
    } else {
      throw .badURL(text, reason: "it begins with neither file:// nor s3://")
    }
  }

  private static func s3(_ text: String) throws(StorageError) -> StorageURL {
    guard let parts = URLComponents(string: text), let bucket = parts.host, !bucket.isEmpty else {
      throw .badURL(text, reason: "it names no bucket; write s3://BUCKET/PREFIX")
    }
    var values: [String: String] = [:]
    for item in parts.queryItems ?? [] {
      guard ["endpoint", "region"].contains(item.name), let value = item.value else {
        throw .badURL(text, reason: "“\(item.name)” is neither endpoint nor region")
      }
      values[item.name] = value
    }
    return .s3(
      bucket: bucket, prefix: parts.path.split(separator: "/").joined(separator: "/"),
      endpoint: values["endpoint"], region: values["region"])
  }

  /// The store that the URL names.
  /// - Throws: ``StorageError/badURL(_:reason:)`` for what this version cannot do.
  public func makeStore() throws(StorageError) -> any ArtifactStore {
    switch self {
    case .files(let root): return FileStore(root: root)
    case .s3:
      throw .badURL(
        description, reason: "this version stores in files only (file:///path); S3 comes later")
    }
  }

  public var description: String {
    switch self {
    case .files(let root): return "file://\(root)"
    case .s3(let bucket, let prefix, let endpoint, let region):
      let query = [endpoint.map { "endpoint=\($0)" }, region.map { "region=\($0)" }]
      let text = query.compactMap(\.self).joined(separator: "&")
      return "s3://\(bucket)/\(prefix)" + (text.isEmpty ? "" : "?\(text)")
    }
  }
}

extension String {
  fileprivate func removing(prefix: String) -> String? {
    hasPrefix(prefix) ? String(dropFirst(prefix.count)) : nil
  }
}
