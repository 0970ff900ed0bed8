import ArtifactStorage
import Cryptography
import Database
import FarmModel
import HTTPTypes
import Hummingbird

/// Takes what builders have made, streamed to the attempt's own key in storage.
struct UploadRoutes: Sendable {
  let state: APIState

  func add(to router: Router<BackendContext>) {
    router.put("api/v1/uploads/:job/:attempt/:file") { request, context in
      try await put(request, context)
    }
  }

  private func put(_ request: Request, _ context: BackendContext) async throws -> Response {
    struct Receipt: Encodable {
      var name: String
      var size: Int64
      var sha256: String
    }
    let upload = try await announced(request, context)
    let content = try await store(upload, request)
    let recorded = StoredUpload(
      name: upload.name, size: content.size, sha256: content.sha256, storageKey: upload.key.text)
    let isKept = try await state.database.recordUpload(
      recorded, job: upload.job, attempt: upload.attempt)
    guard isKept else {
      // The lease was lost while the bytes came, or the builder was disabled.
      try await state.storage.delete(upload.key)
      _ = try await authorize(request, job: upload.job, attempt: upload.attempt)
      throw Self.stale
    }
    if let replaced = upload.replaced, replaced != upload.key.text {
      try await state.storage.delete(try StorageKey(replaced))
    }
    return try .json(
      Receipt(name: upload.name, size: content.size, sha256: content.sha256), status: .created,
      caching: .never)
  }

  // MARK: Checks before the first byte

  private func announced(_ request: Request, _ context: BackendContext) async throws
    -> AnnouncedUpload
  {
    guard let job = Int64(try context.part("job")), let attempt = Int32(try context.part("attempt"))
    else { throw Problem.notFound("uploads go to /api/v1/uploads/{job}/{attempt}/{file}") }
    let name = try context.part("file")
    guard ArtifactName.isSafe(name) else {
      throw Problem.invalid("“\(name.prefix(255))” is no plain file name")
    }
    let files = try await authorize(request, job: job, attempt: attempt)
    let uploads = try await state.database.uploads(job: job, attempt: attempt)
    let isNew = !uploads.contains { $0.name == name }
    guard !isNew || files < state.configuration.maximumUploads else {
      throw Problem(
        .contentTooLarge, .tooLarge,
        "an attempt may upload \(state.configuration.maximumUploads) files")
    }
    try await checkName(name, job: job)
    let sha256 = try digest(request)
    return AnnouncedUpload(
      job: job, attempt: attempt, name: name, size: try length(request), sha256: sha256,
      key: try StorageKey.upload(job: job, attempt: Int(attempt), sha256: sha256, name: name),
      replaced: uploads.first { $0.name == name }?.storageKey)
  }

  private func authorize(_ request: Request, job: Int64, attempt: Int32) async throws -> Int {
    let refused = Problem(
      .unauthorized, .unauthorized, "the attempt's upload token is needed",
      headers: [.wwwAuthenticate: "Bearer"])
    guard let token = request.bearerToken else { throw refused }
    let right = try await state.database.uploadRight(
      job: job, attempt: attempt, tokenHash: SHA256.hex(of: token))
    switch right {
    case .granted(let files): return files
    case .unauthorized: throw refused
    case .stale: throw Self.stale
    case .disabled: throw Self.disabled
    }
  }

  static let stale = Problem(
    .conflict, .staleLease, "stale: the lease of this attempt is lost, its job goes on elsewhere")

  static let disabled = Problem(
    .forbidden, .builderDisabled,
    "an operator has disabled this builder, its jobs go on elsewhere; let it in again with "
      + "`buildsrs builders approve`")

  /// Only files that the job's crate, version and target name.
  private func checkName(_ name: String, job: Int64) async throws {
    guard let stored = try await state.database.job(job) else { throw Self.stale }
    guard UploadName.isExpected(name, of: stored) else {
      throw Problem.invalid("“\(name)” is no file of \(stored.crate) \(stored.version)")
    }
  }

  private func length(_ request: Request) throws -> Int64 {
    guard let field = request.headers[.contentLength], let length = Int64(field), length >= 0 else {
      throw Problem(.lengthRequired, .lengthRequired, "Content-Length is needed")
    }
    guard length <= state.configuration.maximumUploadBytes else {
      throw Problem(
        .contentTooLarge, .tooLarge,
        "a file may have \(state.configuration.maximumUploadBytes) bytes, this one has \(length)")
    }
    return length
  }

  private func digest(_ request: Request) throws -> String {
    guard let field = request.headers.contentDigest,
      let digest = ContentDigest.sha256(field)
    else {
      throw Problem.invalid("Content-Digest: sha-256=:BASE64: is needed (RFC 9530)")
    }
    return digest
  }

  // MARK: Bytes

  private func store(_ upload: AnnouncedUpload, _ request: Request) async throws -> StoredContent {
    let writer = try await state.storage.begin(upload.key)
    do {
      var received: Int64 = 0
      for try await buffer in request.body {
        received += Int64(buffer.readableBytes)
        guard received <= upload.size else { break }
        try await writer.write(Array(buffer.readableBytesView))
      }
      return try await writer.finish(
        expecting: ExpectedContent(sha256: upload.sha256, size: upload.size))
    } catch StorageError.mismatch(_, let expected, let found) {
      throw Problem(
        .unprocessableContent, .digestMismatch,
        "the bytes are not what was announced: expected \(expected), found \(found)")
    } catch {
      await writer.abort()
      throw error
    }
  }
}

/// What a builder has said about a file before its bytes.
struct AnnouncedUpload: Sendable {
  var job: Int64
  var attempt: Int32
  var name: String
  var size: Int64
  var sha256: String
  var key: StorageKey
  /// Where other bytes of the same name are; nil: there are none.
  var replaced: String?
}

/// Which names an attempt may upload.
enum UploadName {
  /// `{crate}-{version}-{target}.…` and the job's one Debian package, but no signature or checksum:
  /// those are the farm's to make.
  static func isExpected(_ name: String, of job: StoredJob) -> Bool {
    let debian = ArtifactName.debian(
      crate: job.crate, version: job.version, target: job.target)
    let isOfJob = name.hasPrefix("\(job.crate)-\(job.version)-\(job.target).") || name == debian
    return isOfJob && ArtifactPart.split(name).part == .file
  }
}
