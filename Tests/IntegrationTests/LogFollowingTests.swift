import ArtifactStorage
import BuilderProtocol
import Database
import HTTPTypes
import Hummingbird
import NIOCore
import SimulatedBuilders
import Testing

@testable import Backend

@Suite("followers of logs", .timeLimit(.minutes(2)))
struct LogFollowingTests {
  private struct HasGone: Error {}

  /// A client that is found to have gone when something is written.
  private struct GoneClient: ResponseBodyWriter {
    mutating func write(_ buffer: ByteBuffer) async throws { throw HasGone() }
    consuming func finish(_ trailingHeaders: HTTPFields?) async throws {}
  }

  @Test("a follower that has gone is noticed though the log says nothing")
  func gone() async throws {
    try await BackendFarm.with { farm in
      try await farm.report([BackendFarm.registry, try BackendFarm.version("tool")])
      try await ScriptedBuilder().work(farm) { session in
        let job = try await session.assigned()
        let reader = LogReader(
          database: farm.database, storage: farm.storage, job: job.job, attempt: job.attempt,
          interval: .milliseconds(10), longestSilence: .milliseconds(50))
        await #expect(throws: HasGone.self) {
          var writer: any ResponseBodyWriter = GoneClient()
          try await reader.follow(&writer)
        }
      }
    }
  }
}
