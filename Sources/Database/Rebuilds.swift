import Postgres

extension FarmDatabase {
  /// Builds a job once more that has succeeded, or whose check waits or has failed, by a plan of the recipes that are
  /// in force. What is served stays until the new build is published.
  ///
  /// - Returns: nil where there is no such job, or it is in another state.
  /// - Throws: ``RecipesChanged`` where another revision is in force; ``VersionNotOffered``.
  public func rebuild(
    job: Int64, as wanted: WantedJob, revision: Int64
  ) async throws -> OperatedJob? {
    try await pool.transaction { connection in
      try connection.hold(revision: revision)
      try connection.checkIsOffered(job: job)
      guard let (rebuilt, _) = try connection.run(OperationStatements.Rebuild(job: job)).first
      else { return nil }
      let requirement = try connection.number(of: wanted.requirement)
      try connection.run(try PlanStatements.Change(job: job, wanted, requirement: requirement))
      try connection.wake([requirement])
      return rebuilt
    }
  }
}
