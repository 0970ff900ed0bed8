import CommandLineSupport
import Foundation
import LocalFarm

/// What the API tells of the artifacts: sizes, floors, checksums and what the binaries answered.
struct DemoResults {
  let api: FarmAPI
  let console: DemoConsole

  func show(_ jobs: [JobAnswer]) async throws {
    var table = TextTable([
      .init("  CRATE"), .init("TARGET"), .init("SIZE", .right), .init("GLIBC"), .init("MACHINE"),
      .init("ANSWER OF ITS OWN"), .init("SHA-256"),
    ])
    for job in jobs {
      let version = try await api.version(job.crate, job.version)
      let target = version.targets.first { $0.target == job.target }
      let archive = target?.artifacts.first { $0.kind == "binary" }
      let binary = job.build?.binaries.first
      table.add([
        .init("  \(job.crate) \(job.version)"), .init(job.target),
        .init(archive.map { String(format: "%.1f MB", Double($0.size) / 1e6) } ?? ""),
        .init(job.build?.glibcFloor ?? "none"), .init(binary?.inspection.machine ?? ""),
        .init(answer(binary?.smoke.first)), .init(String(archive?.sha256.prefix(12) ?? "")),
      ])
    }
    console.table(table)
  }

  private func answer(_ smoke: JobAnswer.Build.Binary.Smoke?) -> String {
    let first = smoke?.output.split(separator: "\n").first ?? ""
    return "\(first.prefix(32)) (\(smoke?.verdict ?? "not run"))"
  }
}
