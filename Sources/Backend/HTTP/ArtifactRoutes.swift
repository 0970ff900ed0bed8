import ArtifactStorage
import Database
import FarmModel
import Foundation
import HTTPTypes
import Hummingbird
import NIOCore

/// Published files: their bytes, signatures and checksums, and the addresses that lead to them.
struct ArtifactRoutes: Sendable {
  let state: APIState

  private var lookup: CrateLookup { CrateLookup(database: state.database) }

  func add(to router: Router<BackendContext>) {
    router.get("api/v1/artifacts/:sha256/:file") { request, context in
      try await bytes(request, context)
    }
    router.get("api/v1/crates/:crate/:version/:target/:file") { request, context in
      try await redirect(request, context)
    }
    router.get("download/:folder/:file") { request, context in
      try await download(request, context)
    }
  }

  // MARK: Addresses that may lead elsewhere tomorrow

  private func redirect(_ request: Request, _ context: BackendContext) async throws -> Response {
    let crate = try await lookup.crate(context)
    let version = try await lookup.version(of: crate, context.part("version"))
    let target = try lookup.target(context)
    let (name, part) = ArtifactPart.split(try context.part("file"))
    let build = try await lookup.build(crate: crate, version: version, target: target.text)
    guard let artifact = build?.artifacts.first(where: { $0.name == name }) else {
      throw Problem.notFound(
        "\(crate.name) \(version.version) has no file “\(name.prefix(255))” for \(target)")
    }
    // It comes back for the bytes, unless a cache has them.
    if isDownload(request, part) { state.uses.count(crate: crate.id, ledTo: artifact.sha256) }
    return answer(artifact, part, request)
  }

  private func download(_ request: Request, _ context: BackendContext) async throws -> Response {
    let (folder, file) = (try context.part("folder"), try context.part("file"))
    guard let path = DownloadPath(folder: folder, file: file) else {
      throw Problem.notFound(
        "downloads are /download/{crate}-{version}/{crate}-{version}-{target}.tar.gz, "
          + "and the same with .sig, .minisig and .sha256")
    }
    let missing = Problem.notFound("“\(file.prefix(255))” has not been built")
    guard let crate = try await state.database.crate(named: path.crate.text) else { throw missing }
    let version = try await lookup.version(of: crate, path.version.description)
    let build = try await lookup.build(crate: crate, version: version, target: path.target.text)
    guard let artifact = build?.artifacts.first(where: { $0.kind == ArtifactKind.binary.rawValue })
    else { throw missing }
    guard path.part == .file else { return answer(artifact, path.part, request) }
    if isDownload(request, path.part) { state.uses.count(crate: crate.id) }
    // The bytes themselves: `curl -O` follows no redirect.
    return try await content(artifact, request, caching: .briefly)
  }

  /// What a builder that checks a published file asks with: it uses no crate.
  static let checkMark = "for=check"

  /// Whether a client begins to get a file: it uses its crate. Who goes on with what it has, or gets it in pieces,
  /// does so once.
  private func isDownload(_ request: Request, _ part: ArtifactPart) -> Bool {
    request.method == .get && part == .file && request.uri.query != Self.checkMark
      && request.headers[.range].map { $0.hasPrefix("bytes=0-") } ?? true
  }

  /// A redirect to the file's own address; what belongs to the file is answered here and now.
  private func answer(_ artifact: StoredArtifact, _ part: ArtifactPart, _ request: Request)
    -> Response
  {
    switch part {
    case .file:
      return elsewhere(artifact.path, artifact)
    case .signature: return signature(artifact, caching: .briefly)
    case .checksum: return checksum(artifact, caching: .briefly)
    }
  }

  private func signature(_ artifact: StoredArtifact, caching: Caching) -> Response {
    .text(artifact.signature, caching: caching)
  }

  /// As `sha256sum -c` reads it.
  private func checksum(_ artifact: StoredArtifact, caching: Caching) -> Response {
    .text("\(artifact.sha256)  \(artifact.name)\n", caching: caching)
  }

  // MARK: Bytes, which never change

  private func bytes(_ request: Request, _ context: BackendContext) async throws -> Response {
    let sha256 = try context.part("sha256")
    let (name, part) = ArtifactPart.split(try context.part("file"))
    guard let artifact = try await state.database.artifact(sha256: sha256, name: name) else {
      throw Problem.notFound("there is no published file “\(name.prefix(255))” with this SHA-256")
    }
    switch part {
    // A signature may be made anew, by another key: it is not immutable.
    case .signature: return signature(artifact, caching: .briefly)
    case .checksum: return checksum(artifact, caching: .forever)
    case .file:
      if isDownload(request, part) { state.uses.count(file: artifact.sha256) }
      return try await content(artifact, request, caching: .forever)
    }
  }

  /// The bytes, or a redirect to where the storage is public.
  private func content(_ artifact: StoredArtifact, _ request: Request, caching: Caching)
    async throws -> Response
  {
    let key = try StorageKey.artifact(sha256: artifact.sha256)
    if let base = state.configuration.storagePublicURL {
      return elsewhere("\(base)/\(key.text)", artifact)
    }
    return try await stream(artifact, key, request, caching: caching)
  }

  /// A redirect that caches keep for a short time only, since it may lead elsewhere tomorrow.
  private func elsewhere(_ url: String, _ artifact: StoredArtifact) -> Response {
    let headers: HTTPFields = [
      .location: url, .eTag: "\"\(artifact.sha256)\"",
      .cacheControl: Caching.briefly.rawValue,
    ]
    return Response(status: .found, headers: headers)
  }

  private func stream(
    _ artifact: StoredArtifact, _ key: StorageKey, _ request: Request, caching: Caching
  ) async throws -> Response {
    let tag = "\"\(artifact.sha256)\""
    var headers: HTTPFields = [
      .eTag: tag, .cacheControl: caching.rawValue, .acceptRanges: "bytes",
    ]
    if request.matches(tag) { return Response(status: .notModified, headers: headers) }
    // If-Range with another tag: the client has something else and wants all of it.
    let isSame = request.headers[.ifRange].map { $0 == tag } ?? true
    var range: Range<Int64>?
    switch ByteRange(header: isSame ? request.headers[.range] : nil, size: artifact.size) {
    case .whole: break
    case .part(let part):
      range = part
      headers[.contentRange] =
        "bytes \(part.lowerBound)-\(part.upperBound - 1)/\(artifact.size)"
    case .unsatisfiable:
      throw Problem(
        .rangeNotSatisfiable, .rangeNotSatisfiable, "the file has \(artifact.size) bytes",
        headers: [.contentRange: "bytes */\(artifact.size)"])
    }
    headers[.contentType] = Self.contentType(artifact.name)
    let object = try await state.storage.read(key, range: range)
    return Response(
      status: range == nil ? .ok : .partialContent, headers: headers, body: .stored(object))
  }

  private static func contentType(_ name: String) -> String {
    if name.hasSuffix(".json") { return "application/json" }
    if name.hasSuffix(".gz") { return "application/gzip" }
    return name.hasSuffix(".deb")
      ? "application/vnd.debian.binary-package" : "application/octet-stream"
  }
}

extension ResponseBody {
  /// The bytes of an object, piece by piece as the client takes them.
  static func stored(_ object: StoredObject) -> ResponseBody {
    ResponseBody(contentLength: object.range.count) { writer in
      for try await piece in object.bytes { try await writer.write(ByteBuffer(bytes: piece)) }
      try await writer.finish(nil)
    }
  }
}
