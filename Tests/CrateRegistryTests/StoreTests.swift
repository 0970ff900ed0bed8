import Archives
import CrateRegistry
import FarmModel
import Foundation
import HandmadeArchives
import Synchronization
import Testing
import Transfer

@Suite(.timeLimit(.minutes(1)))
struct StoreTests {
  private let client = TransferClient()
  private let toml = "[package]\nname = \"tool\"\nversion = \"1.0.0\"\n"

  private func store(_ server: LocalServer, in folder: String) throws -> CrateStore {
    let template = try #require(DownloadTemplate(server.url + "/{crate}-{version}.crate"))
    let downloader = CrateDownloader(template: template, client: client, retries: once)
    return CrateStore(folder: folder + "/store", downloader: downloader)
  }

  @Test("a crate is downloaded once, unpacked read-only and ready for a directory source")
  func ensures() async throws {
    let bytes = try crate("tool", "1.0.0", ["Cargo.toml": toml, "src/main.rs": "fn main() {}"])
    let sum = try checksum(of: bytes)
    let requests = Atomic(0)
    try await withFolder { folder in
      try await withServer { request, connection in
        requests.add(1, ordering: .relaxed)
        #expect(request.target == "/tool-1.0.0.crate")
        connection.answer(200, bytes)
      } test: { server in
        let store = try store(server, in: folder)
        let tool = try (name("tool"), version("1.0.0"))
        let paths = try await withThrowingTaskGroup(of: String.self) { group in
          for _ in 0..<20 {
            group.addTask { try await store.ensure(tool.0, tool.1, checksum: sum) }
          }
          return try await group.reduce(into: Set<String>()) { $0.insert($1) }
        }
        let path = folder + "/store/" + sum.storePath
        #expect(paths == [path])
        #expect(
          files(in: path) == [".cargo-checksum.json", "Cargo.toml", "src", "src/main.rs"])
        #expect(
          read(path + "/.cargo-checksum.json") == #"{"files":{},"package":"\#(sum.hex)"}"#)
        #expect(try permissions(path + "/Cargo.toml") == 0o444)
        #expect(try permissions(path) == 0o555)
        _ = try await store.ensure(tool.0, tool.1, checksum: sum)
        #expect(requests.load(ordering: .relaxed) == 1)
        #expect(files(in: folder + "/store/unpacking") == [])
      }
    }
  }

  @Test("another process that unpacks the same crate does no harm")
  func twoStores() async throws {
    let bytes = try crate("tool", "1.0.0", ["Cargo.toml": toml])
    let sum = try checksum(of: bytes)
    try await withFolder { folder in
      try await withServer {
        $1.answer(200, bytes)
      } test: { server in
        let tool = try (name("tool"), version("1.0.0"))
        try await withThrowingTaskGroup(of: Void.self) { group in
          for _ in 0..<8 {
            let store = try store(server, in: folder)
            group.addTask { _ = try await store.ensure(tool.0, tool.1, checksum: sum) }
          }
          try await group.waitForAll()
        }
        #expect(
          files(in: folder + "/store/" + sum.storePath) == [".cargo-checksum.json", "Cargo.toml"])
        #expect(files(in: folder + "/store/unpacking") == [])
      }
    }
  }

  @Test("other bytes than the checksum's are removed and never unpacked")
  func wrongChecksum() async throws {
    let bytes = try crate("tool", "1.0.0", ["Cargo.toml": toml])
    let found = try checksum(of: bytes)
    let expected = try checksum(of: [1])
    try await withFolder { folder in
      try await withServer {
        $1.answer(200, bytes)
      } test: { server in
        let store = try store(server, in: folder)
        let error = await failure {
          try await store.ensure(try name("tool"), try version("1.0.0"), checksum: expected)
        }
        #expect(
          error
            == .wrongChecksum(crate: "tool 1.0.0", expected: expected.hex, found: found.hex))
        #expect(files(in: folder + "/store") == ["unpacking"])
      }
    }
  }

  @Test("a dangerous archive, one without a manifest and a missing one leave nothing")
  func refusals() async throws {
    var escape = HandmadeTar()
    escape.add("tool-1.0.0/Cargo.toml", toml)
    escape.add("tool-1.0.0/../../x", "x")
    let bare = try crate("tool", "1.0.0", ["src/main.rs": ""])
    let unsafe = ArchiveError.unsafePath(
      entry: "tool-1.0.0/../../x", reason: "the path has a part '..'")
    let cases: [([UInt8], Int, RegistryError?)] = [
      (escape.tarGz, 200, .archive(crate: "tool 1.0.0", unsafe)),
      (bare, 200, .noManifest(crate: "tool 1.0.0")),
      ([1, 2, 3], 200, .archive(crate: "tool 1.0.0", .notTarGz)),
      ([], 404, nil),
    ]
    for (bytes, status, expected) in cases {
      try await withFolder { folder in
        try await withServer {
          $1.answer(status, bytes)
        } test: { server in
          let store = try store(server, in: folder)
          let sum = try checksum(of: bytes)
          let error = await failure {
            try await store.ensure(try name("tool"), try version("1.0.0"), checksum: sum)
          }
          let missing = RegistryError.status(
            url: server.url + "/tool-1.0.0.crate", status: 404)
          #expect(error == expected ?? missing)
          #expect(files(in: folder + "/store") == ["unpacking"])
        }
      }
    }
  }

  @Test("many packages are fetched together, and the first failure ends it")
  func many() async throws {
    let crates = try (0..<30).map { index in
      let text = toml.replacing("tool", with: "c\(index)")
      return try crate("c\(index)", "1.0.0", ["Cargo.toml": text])
    }
    let packages = try crates.enumerated().map { index, bytes in
      try (name: name("c\(index)"), version: version("1.0.0"), checksum: checksum(of: bytes))
    }
    try await withFolder { folder in
      try await withServer { request, connection in
        let index = Int(request.target.dropFirst(2).prefix { $0 != "-" }) ?? 0
        connection.answer(200, crates[index])
      } test: { server in
        let store = try store(server, in: folder)
        let arrived = Atomic(0)
        try await store.ensure(packages) { _, _ in arrived.add(1, ordering: .relaxed) }
        #expect(arrived.load(ordering: .relaxed) == 30)
        let wrong = try (name: name("c1"), version: version("1.0.0"), checksum: checksum(of: [0]))
        let error = await failure { try await store.ensure([wrong] + packages) }
        guard case .wrongChecksum("c1 1.0.0", _, _) = error else {
          Issue.record("\(String(describing: error))")
          return
        }
      }
    }
  }

  @Test("a cancelled task ends its download, and a later one starts anew")
  func cancelled() async throws {
    let bytes = try crate("tool", "1.0.0", ["Cargo.toml": toml])
    let sum = try checksum(of: bytes)
    let (asked, asking) = AsyncStream.makeStream(of: Void.self)
    let requests = Atomic(0)
    try await withFolder { folder in
      try await withServer { _, connection in
        guard requests.add(1, ordering: .relaxed).oldValue == 0 else {
          return connection.answer(200, bytes)
        }
        asking.yield()
        connection.waitForClose()
      } test: { server in
        let store = try store(server, in: folder)
        let tool = try (name("tool"), version("1.0.0"))
        let task = Task { try await store.ensure(tool.0, tool.1, checksum: sum) }
        for await _ in asked { break }
        task.cancel()
        let error = await failure { try await task.value }
        guard case .transfer(let inner) = error, inner.kind == .cancelled else {
          Issue.record("\(String(describing: error))")
          return
        }
        _ = try await store.ensure(tool.0, tool.1, checksum: sum)
        #expect(requests.load(ordering: .relaxed) == 2)
      }
    }
  }

  @Test("packages are laid out as links to where the store will be")
  func layOut() async throws {
    let sum = try checksum(of: [1])
    let packages = try [
      (name: name("a"), version: version("1.0.0+b"), checksum: sum),
      (name: name("a"), version: version("2.0.0"), checksum: sum),
    ]
    try await withFolder { folder in
      let vendor = folder + "/vendor"
      try CrateStore.layOut(packages, into: vendor, storeInEnvironment: "/build/store")
      #expect(files(in: vendor) == ["a-1.0.0+b", "a-2.0.0"])
      #expect(
        try FileManager.default.destinationOfSymbolicLink(atPath: vendor + "/a-2.0.0")
          == "/build/store/" + sum.storePath)
      let again = await failure {
        try CrateStore.layOut(packages, into: vendor, storeInEnvironment: "/build/store")
      }
      #expect(
        again
          == .files(action: "create", path: vendor + "/a-1.0.0+b", reason: "File exists"))
    }
  }

  @Test("leftovers of a killed process are removed when they are old")
  func leftovers() async throws {
    try await withFolder { folder in
      try await withServer {
        $1.answer(404)
      } test: { server in
        let parent = folder + "/store/unpacking/"
        for name in ["old", "new"] {
          try FileManager.default.createDirectory(
            atPath: parent + name, withIntermediateDirectories: true)
        }
        try FileManager.default.setAttributes(
          [.modificationDate: Date(timeIntervalSinceNow: -7200)], ofItemAtPath: parent + "old")
        try store(server, in: folder).removeLeftovers()
        #expect(files(in: parent) == ["new"])
      }
    }
  }
}
